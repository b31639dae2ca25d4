//! A host with a ruleset.

use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::live::{Ruleset, Table};
use ftpnat::sys::netlink;
use ftpnat::sys::nft::{Error, commit, try_out};
use tempfile::TempDir;

use crate::support::netns::{Namespace, succeed};

pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    /// Its locks are in it.
    _dir: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let dir = crate::support::directory();
        let namespace = Namespace::new("host", dir.path());
        Self {
            namespace,
            _dir: dir,
        }
    }

    /// One with a ruleset that nft loaded.
    pub(crate) fn with(text: &str) -> Self {
        let host = Self::new();
        host.load(text);
        host
    }

    pub(crate) fn load(&self, text: &str) {
        let output = self.namespace.feed("nft", &["-f", "-"], text);
        succeed(&format!("nft -f:\n{text}"), &output);
    }

    /// As nft prints it.
    pub(crate) fn listing(&self) -> String {
        self.namespace.run("nft list ruleset")
    }

    /// The same with handles.
    pub(crate) fn handles(&self) -> String {
        self.namespace.run("nft -a list ruleset")
    }

    pub(crate) fn read(&self) -> (Ruleset, u32) {
        let read = self.namespace.inside(netlink::read_everything);
        let (ruleset, generation) = read.expect("the ruleset");
        assert_eq!(ruleset.unread, []);
        (ruleset, generation)
    }

    /// Its tables.
    pub(crate) fn tables(&self) -> Vec<Table> {
        self.read().0.tables
    }

    pub(crate) fn commit(&self, operations: &[Operation], generation: u32) -> Result<(), Error> {
        let operations = operations.to_vec();
        self.namespace
            .inside(move || commit(&operations, generation))
    }

    pub(crate) fn try_out(&self, operations: &[Operation], generation: u32) -> Result<(), Error> {
        let operations = operations.to_vec();
        self.namespace
            .inside(move || try_out(&operations, generation))
    }
}

/// Each table written.
pub(crate) fn replaced(tables: Vec<Table>) -> Vec<Operation> {
    tables.into_iter().map(Operation::ReplaceTable).collect()
}
