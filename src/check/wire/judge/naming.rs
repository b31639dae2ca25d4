//! What the replies to `PASV` and `EPSV` name.

use std::net::{IpAddr, Ipv4Addr};

use crate::check::{Finding, Remedy, Severity};
use crate::model::check as id;
use crate::model::ftp::ClientMode;
use crate::model::net::{PortRange, is_public};
use crate::plan::{announce, passive_ports};
use crate::probe::seen::{Sitting, Try};
use crate::profile::Advertise;

use super::data::{passive, said};
use super::{Bench, error, in_words, setting};

impl Bench<'_> {
    pub(super) fn naming(&self) -> Vec<Finding> {
        let found = [
            self.not_offered(),
            self.address(),
            self.rewritten(),
            self.port(),
        ];
        found.into_iter().flatten().collect()
    }

    fn of(&self, mode: ClientMode) -> Option<&Try> {
        self.passive().find(|tried| tried.mode == mode)
    }

    /// `EPSV` is refused, or its reply names no port.
    fn not_offered(&self) -> Option<Finding> {
        let tried = self.of(ClientMode::Epsv)?;
        let reply = tried
            .asked
            .as_ref()
            .ok()
            .filter(|reply| reply.code != 421)?;
        let has_port = tried.named.is_some_and(|named| named.port() != 0);
        if reply.is_positive() && has_port {
            return None;
        }
        let by_pasv = self.of(ClientMode::Pasv);
        let is_only_way = by_pasv.is_none_or(|tried| tried.named.is_none());
        let summary = if reply.is_positive() {
            format!(
                "no port can be read in the reply to EPSV: `{}`",
                reply.line()
            )
        } else if is_only_way {
            format!("the server offers no passive mode: `{}`", reply.line())
        } else {
            format!("the server refuses EPSV: `{}`", reply.line())
        };
        let mut evidence = vec![self.seen(said(tried))];
        evidence.extend(by_pasv.map(|tried| self.seen(said(tried))));
        Some(Finding {
            severity: if is_only_way {
                Severity::Error
            } else {
                Severity::Warning
            },
            ..error(
                id::EPSV_NOT_OFFERED,
                summary,
                evidence,
                vec![in_words(
                    "let the server offer EPSV (RFC 2428): it is the only passive mode of IPv6",
                )],
            )
        })
    }

    /// The address in the reply to `PASV`.
    fn address(&self) -> Option<Finding> {
        let tried = self.of(ClientMode::Pasv)?;
        let reply = tried
            .asked
            .as_ref()
            .ok()
            .filter(|reply| reply.is_positive())?;
        let evidence = vec![self.seen(said(tried))];
        let Some(named) = tried.named.filter(|named| named.port() != 0) else {
            return Some(error(
                id::PASV_OTHER_ADDRESS,
                format!(
                    "no address and port can be read in the reply to PASV: `{}`",
                    reply.line()
                ),
                evidence,
                vec![in_words(
                    "RFC 959 has `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2)`",
                )],
            ));
        };
        let (named, called) = (named.ip(), self.called());
        if named == called {
            return None;
        }
        if self.sitting.is_outside() && is_inside(named) {
            return Some(error(
                id::PASV_PRIVATE_ADDRESS,
                format!("the server was called at {called} and names {named}, a private address"),
                evidence,
                vec![self.announce(called)],
            ));
        }
        let is_obeyed = tried.to.is_some_and(|to| to.ip() == named);
        let is_as_told = self.advertised() == Some(named);
        let more = match (is_obeyed && tried.works(), is_as_told) {
            (true, _) => "; a connection there works",
            (false, true) => "; the profile has it so: clients that call this address need EPSV",
            (false, false) if is_obeyed => "; it was tried, and does not work",
            (false, false) => "; it was not tried (--follow does)",
        };
        let works = is_obeyed && tried.works();
        let is_mild = works || is_as_told && !self.sitting.is_outside();
        Some(Finding {
            severity: if is_mild {
                Severity::Warning
            } else {
                Severity::Error
            },
            ..error(
                id::PASV_OTHER_ADDRESS,
                format!("the server was called at {called} and names {named}{more}"),
                evidence,
                vec![self.announce(called)],
            )
        })
    }

    /// The setting that names the address that was called.
    fn announce(&self, called: IpAddr) -> Remedy {
        let address = match (self.advertised(), called) {
            (Some(IpAddr::V4(told)), _) => told,
            (_, IpAddr::V4(called)) => called,
            (_, IpAddr::V6(_)) => Ipv4Addr::UNSPECIFIED,
        };
        setting(announce(self.software(), &Advertise::Address(address)))
    }

    fn advertised(&self) -> Option<IpAddr> {
        match self.profile?.passive.advertise {
            Some(Advertise::Address(address)) => Some(address.into()),
            _ => None,
        }
    }

    /// Plain replies that are not those that TLS protects.
    fn rewritten(&self) -> Option<Finding> {
        let (mine, other) = self.differing()?;
        Some(Finding {
            severity: Severity::Warning,
            ..error(
                id::REPLY_REWRITTEN,
                "a box on the way rewrites plain replies: they are not what the server says under \
                 TLS"
                .to_owned(),
                vec![self.seen(mine), other],
                vec![in_words(
                    "let the server announce the right address itself, with a fixed range that is \
                     open, and take the helper or ALG of the box on the way off this port",
                )],
            )
        })
    }

    /// What a plain session was told, and what shows that the server did not say so.
    fn differing(&self) -> Option<(String, crate::check::Evidence)> {
        let plain = self.of(ClientMode::Pasv)?;
        let named = plain.named?;
        if self.sitting.is_secured() {
            return None;
        }
        let under_tls = self.beside().filter(|_| self.sitting.is_compared);
        if let Some(other) = under_tls {
            let secured = of(other, ClientMode::Pasv).filter(|tried| tried.named.is_some());
            if let Some(secured) = secured {
                let protected = secured.named?;
                let is_port = self.is_meant(protected.port()) && !self.is_meant(named.port());
                let evidence = crate::check::Evidence {
                    source: format!("{} session with {}", other.encryption, other.called),
                    text: said(secured),
                };
                return (protected.ip() != named.ip() || is_port).then(|| (said(plain), evidence));
            }
        }
        // Without TLS: a reply to PASV is rewritten where one to EPSV is not.
        let epsv = self.of(ClientMode::Epsv)?;
        let port = epsv.named?.port();
        let is_port = self.is_meant(port) && !self.is_meant(named.port());
        is_port.then(|| (said(plain), self.seen(said(epsv))))
    }

    /// Whether the profile has this port in its range; without a profile any is.
    fn is_meant(&self, port: u16) -> bool {
        self.range().is_none_or(|range| range.contains(port))
    }

    fn range(&self) -> Option<PortRange> {
        self.profile.map(|profile| profile.passive.ports)
    }

    /// A data port outside the range of the profile.
    fn port(&self) -> Option<Finding> {
        let range = self.range()?;
        if self.differing().is_some() {
            return None;
        }
        let is_outside = |tried: &&Try| {
            tried
                .named
                .is_some_and(|named| named.port() != 0 && !range.contains(named.port()))
        };
        let outside: Vec<&Try> = self.passive().filter(is_outside).collect();
        let first = outside.first()?.named?;
        Some(error(
            id::DATA_PORT_OUTSIDE_RANGE,
            format!(
                "the server picks data port {}, and the profile says {range}",
                first.port()
            ),
            outside.iter().map(|tried| self.seen(said(tried))).collect(),
            vec![setting(passive_ports(self.software(), range))],
        ))
    }
}

fn of(sitting: &Sitting, mode: ClientMode) -> Option<&Try> {
    passive(sitting).find(|tried| tried.mode == mode)
}

/// Whether it is an address that some private network may have; no host has the others.
fn is_inside(address: IpAddr) -> bool {
    let is_nobodys = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
    !is_public(address) && !is_nobodys
}
