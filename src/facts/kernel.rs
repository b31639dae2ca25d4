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

/// All three numbers of a kernel of kernel.org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// The first two.
    pub release: KernelRelease,
    /// The third, by which stable kernels count; 0 where it is not told.
    pub stable: u16,
}

/// The first stable kernels that adjust sequence numbers where a helper was assigned
/// after NAT (commit 90918e3b6404, Linux 6.18, and its backports).
const ADJUST: [(u16, u16, u16); 2] = [(6, 12, 64), (6, 1, 167)];

impl KernelVersion {
    /// Of `/proc/sys/kernel/osrelease`, whose third number a distribution may have for
    /// something else, and of what is kept of `/proc/version`, where Debian has the true one
    /// (`Debian 6.1.192-2`).
    #[must_use]
    pub fn parse(osrelease: &str, version: Option<&str>) -> Option<Self> {
        let debian = version.and_then(|v| v.strip_prefix("Debian "));
        let text = debian.unwrap_or(osrelease);
        let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit()).skip(2);
        Some(Self {
            release: KernelRelease::parse(text)?,
            stable: numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0),
        })
    }

    /// Whether the kernel is known to adjust sequence numbers where `ct helper set` stands
    /// behind DNAT. Distributions may have that in kernels that do not say so.
    #[must_use]
    pub fn adjusts_sequence_numbers(self) -> bool {
        let KernelRelease { major, minor } = self.release;
        let in_stable =
            |(a, b, c): &(u16, u16, u16)| (major, minor) == (*a, *b) && self.stable >= *c;
        (major, minor) >= (6, 18) || ADJUST.iter().any(in_stable)
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

    #[test]
    fn which_kernels_adjust_sequence_numbers() {
        for (release, version, adjusts) in [
            ("6.18.44", None, true),
            ("6.17.1", None, false),
            ("6.12.70", None, true),
            ("6.12.63", None, false),
            ("6.1.0-56-amd64", None, false),
            ("6.1.0-56-amd64", Some("Debian 6.1.192-2\n"), true),
            ("5.15.0-144-generic", None, false),
        ] {
            let version = KernelVersion::parse(release, version).expect("a version");
            assert_eq!(version.adjusts_sequence_numbers(), adjusts, "{release}");
        }
    }
}
