//! The devices that a packet comes in and leaves by.

/// `IFNAMSIZ`
pub(super) const NAME: usize = 16;

/// The device at one side of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device<'p> {
    /// There is none at this hook.
    None,
    /// This one.
    Named(&'p str),
    /// It is not known which.
    Unknown,
    /// It is not known which, but that it is not `lo`.
    Foreign,
}

impl Device<'_> {
    /// Whether its name, with the zeros behind it, begins with these bytes; `None` where
    /// there is no name or none that is known.
    pub(super) fn begins_with(self, bytes: &[u8]) -> Option<bool> {
        let name = match self {
            Self::Named(name) => name,
            // A whole name; one that only begins so may be any.
            Self::Foreign => return bytes.starts_with(b"lo\0").then_some(false),
            Self::None | Self::Unknown => return None,
        };
        let name = name.as_bytes();
        let name = name.get(..NAME - 1).unwrap_or(name);
        Some(match bytes.strip_prefix(name) {
            Some(behind) => behind.iter().all(|&byte| byte == 0),
            None => name.starts_with(bytes),
        })
    }
}

/// A device that may not be known.
pub(super) fn named_or_not(name: Option<&str>) -> Device<'_> {
    name.map_or(Device::Unknown, Device::Named)
}
