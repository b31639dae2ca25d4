//! Why this system makes no namespaces, and what to do about it.

use nix::errno::Errno;

use crate::output::Failure;
use crate::sys::apart::Refused;

/// The sysctls that may forbid them: Debian's and Ubuntu's own, and the kernel's.
pub(super) const SETTINGS: [&str; 3] = [
    "kernel.unprivileged_userns_clone",
    "kernel.apparmor_restrict_unprivileged_userns",
    "user.max_user_namespaces",
];

/// The failure in words. `settings`: those of [`SETTINGS`] that are there, with their values.
pub(super) fn failure(refused: &Refused, settings: &[(&str, String)]) -> Failure {
    let has = |key: &str, value: &str| settings.iter().any(|(k, v)| *k == key && v == value);
    let message = format!("cannot build the lab: {refused}");
    let root = "or run it as root";
    let help = match refused {
        Refused::User(Errno::ENOSPC) if has("user.max_user_namespaces", "0") => format!(
            "user.max_user_namespaces is 0: `sysctl -w user.max_user_namespaces=1000` allows \
             them, {root}"
        ),
        Refused::User(_) if has("kernel.unprivileged_userns_clone", "0") => format!(
            "kernel.unprivileged_userns_clone is 0: `sysctl -w \
             kernel.unprivileged_userns_clone=1` allows them, {root}"
        ),
        _ if has("kernel.apparmor_restrict_unprivileged_userns", "1") => format!(
            "AppArmor restricts user namespaces of unprivileged users \
             (kernel.apparmor_restrict_unprivileged_userns is 1): `sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0` allows them, {root}"
        ),
        Refused::User(Errno::EPERM) => {
            "a container's seccomp profile, or a user that has no number here, forbids it: run it \
             on the host, or as root"
                .to_owned()
        }
        _ => "run it as root; in a container it needs CAP_SYS_ADMIN".to_owned(),
    };
    Failure::cannot(message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_forbids_it_is_named() {
        for (refused, key, value) in [
            (Refused::User(Errno::ENOSPC), SETTINGS[2], "0"),
            (Refused::User(Errno::EPERM), SETTINGS[0], "0"),
            (Refused::Others(Errno::EPERM), SETTINGS[1], "1"),
            (Refused::Step("cannot mount".to_owned()), SETTINGS[1], "1"),
        ] {
            let failure = failure(&refused, &[(key, value.to_owned())]);
            let help = failure.help.expect("help");
            assert!(help.contains(key) && help.contains("as root"), "{help}");
            assert_eq!(failure.status, 3);
        }
        let help = failure(&Refused::Others(Errno::EPERM), &[])
            .help
            .expect("help");
        assert!(help.contains("as root"), "{help}");
    }
}
