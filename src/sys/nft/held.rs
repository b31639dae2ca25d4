//! What the kernel takes of names, values and comments.

use super::batch::Error;
use super::libnftnl::{Data, Name, UserData};

/// The longest comment that nft reads (`NFTNL_UDATA_COMMENT_MAXLEN`).
const LONGEST_COMMENT: usize = 128;

/// Why something cannot be written.
#[derive(Debug)]
pub(super) struct Cannot(String);

impl Cannot {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    /// `what` cannot.
    pub(super) fn about(self, what: &str) -> Error {
        Error::Unwritable {
            what: what.to_owned(),
            why: self.0,
        }
    }
}

pub(super) fn name(name: &str) -> Result<Name, Cannot> {
    Name::new(name).ok_or_else(|| Cannot::new(format!("the name {name} is too long")))
}

pub(super) fn data(bytes: &[u8]) -> Result<Data<'_>, Cannot> {
    Data::new(bytes).ok_or_else(|| Cannot::new("a value of it does not fit into registers"))
}

/// User data with a comment, which ends in NUL: else nft does not show it.
pub(super) fn comment(data: UserData, kind: u8, text: &str) -> Result<UserData, Cannot> {
    if text.len() > LONGEST_COMMENT || text.contains('\0') {
        return Err(Cannot::new(format!(
            "its comment is longer than {LONGEST_COMMENT} bytes or has a NUL in it"
        )));
    }
    let bytes: Vec<u8> = text.bytes().chain([0]).collect();
    data.with(kind, &bytes)
        .ok_or_else(|| Cannot::new("its comment is too long"))
}
