//! `SELinux` and the passive range.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Severity};
use crate::facts::{Fact, Selinux};
use crate::model::check::SELINUX_DENIES_PASSIVE_RANGE as ID;
use crate::model::ftp::Software;

use super::ports::{control_owners, is_known_server};
use super::{command, in_profile_range, seen, server_is_here};

/// What `ftpd_t` may always bind: `ephemeral_port_t`, in Fedora's policy (`ftp.te`,
/// `corenetwork.te.in`).
const ALWAYS: (u16, u16) = (32768, 60999);

check! {
    /// SELinux does not let the server bind ports of the passive range.
    ///
    /// ## What happens
    /// Login works. PASV or EPSV is answered by 425 or 500, or by a port outside the range,
    /// which the firewall drops. The audit log has `avc: denied { name_bind }` with
    /// `scontext=…:ftpd_t`.
    ///
    /// ## How it is judged
    /// SELinux is enforcing, the boolean `ftpd_use_passive_mode` is off, and the range leaves
    /// 32768-60999, the ephemeral ports that the policy of Fedora and RHEL lets an FTP server
    /// bind in any case. It is a policy for ProFTPD, vsftpd and Pure-FTPd, so the server must be
    /// one of them. Ports that were labelled by `semanage port` are not seen.
    ///
    /// ## Cure
    /// The boolean; or a range within 32768-60999 whose ports are reserved (FN207).
    SELINUX_DENIES_PASSIVE_RANGE, Error, moot by &[], Judge::Host {
        applies: |subject| server_is_here(subject.profile),
        needs: &[Fact::Selinux],
        find: denies_range,
    }
}

/// Whether the policy puts the server into `ftpd_t`: ProFTPD, vsftpd and Pure-FTPd, by
/// the profile or by who holds a control port; any other runs unconfined.
fn is_confined(subject: &Subject) -> bool {
    match subject.profile.server.software {
        Software::Proftpd | Software::Vsftpd | Software::PureFtpd => true,
        Software::Filezilla => false,
        Software::Other => {
            let listeners = subject.facts.listeners.as_deref().unwrap_or_default();
            control_owners(subject, listeners).any(is_known_server)
        }
    }
}

fn denies_range(subject: &Subject) -> Verdict {
    let range = subject.profile.passive.ports;
    let within = range.first() >= ALWAYS.0 && range.last() <= ALWAYS.1;
    match subject.facts.selinux {
        Some(Selinux::Enforcing {
            passive_mode: Some(false),
        }) if !within && is_confined(subject) => Verdict::Found(Finding {
            id: ID,
            severity: Severity::Error,
            summary: format!(
                "SELinux lets an FTP server bind 32768-60999 only, not all of {range}"
            ),
            evidence: vec![
                seen("/sys/fs/selinux/enforce", "1"),
                seen("/sys/fs/selinux/booleans/ftpd_use_passive_mode", "0"),
                in_profile_range(subject.profile),
            ],
            remedy: vec![command("setsebool -P ftpd_use_passive_mode on")],
        }),
        _ => Verdict::Fine,
    }
}
