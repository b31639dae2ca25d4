//! Clocks: one for people, and one that nobody sets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// The time since this kernel was started, with what it slept (`CLOCK_BOOTTIME`): setting
/// the clock does not move it.
#[must_use]
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// The time of day, in seconds since 1970; for people, not for waiting.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Does nothing for so long.
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}
