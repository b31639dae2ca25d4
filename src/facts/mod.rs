//! What is known of this host. `None` is "not known", never "no".

mod kernel;

pub use kernel::KernelRelease;

/// Everything the planner may ask about the host that the rules are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The running kernel; unknown where the rules are for another machine.
    pub kernel: Option<KernelRelease>,
}

impl Facts {
    /// Whether NAT chains may stand in an `inet` table: Linux 5.2 and later
    /// (nft(8), "NAT statements"). Unknown counts as yes: kernels before it are
    /// past every distribution's support.
    #[must_use]
    pub fn inet_nat(&self) -> bool {
        self.kernel
            .is_none_or(|k| k >= KernelRelease { major: 5, minor: 2 })
    }
}
