//! The kernel's release.

/// Major and minor number of a kernel release; orders as releases do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelRelease {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelRelease {
    /// Reads `/proc/sys/kernel/osrelease`, such as `6.1.0-18-amd64`; `None`
    /// where it does not begin with two numbers.
    #[must_use]
    pub fn parse(osrelease: &str) -> Option<Self> {
        let mut numbers = osrelease.trim().split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_suffixes_do_not_matter() {
        for (text, major, minor) in [
            ("6.1.0-18-amd64\n", 6, 1),
            ("5.15.0-91-generic", 5, 15),
            ("4.18.0-513.el8", 4, 18),
            ("6.18-rc4", 6, 18),
        ] {
            assert_eq!(
                KernelRelease::parse(text),
                Some(KernelRelease { major, minor })
            );
        }
        assert_eq!(KernelRelease::parse("linux"), None);
        assert!(
            KernelRelease {
                major: 4,
                minor: 19
            } < KernelRelease { major: 5, minor: 2 }
        );
    }
}
