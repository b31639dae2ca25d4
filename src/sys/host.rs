//! What the kernel says of this host.

use procfs::Current;
use procfs::net::{self, RouteEntry};
use procfs::sys::kernel::Version;

/// The running kernel's major and minor number; `None` where `/proc` does not say.
#[must_use]
pub fn kernel_release() -> Option<(u16, u16)> {
    let version = Version::current().ok()?;
    Some((version.major.into(), version.minor.into()))
}

/// The interface of the IPv4 default route with the lowest metric; `None` where
/// there is none, or it cannot be read.
#[must_use]
pub fn default_interface() -> Option<String> {
    let routes = net::RouteEntries::current().ok()?;
    routes
        .0
        .into_iter()
        .filter(|route: &RouteEntry| {
            route.destination.is_unspecified() && route.mask.is_unspecified()
        })
        .min_by_key(|route| route.metrics)
        .map(|route| route.iface)
}

/// The tables of iptables-legacy that the kernel has instantiated in this network
/// namespace; empty where it has none or has no iptables-legacy.
#[must_use]
pub fn legacy_tables(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
