//! Random valid profiles: whatever the profile language allows, every program must
//! take what we print. Seeded: a seed that fails fails again.

use ftpnat::facts::Facts;
use ftpnat::model::net::Family;
use ftpnat::plan::plan;
use ftpnat::profile::parse;
use ftpnat::render::nftables::own_table;
use ftpnat::render::restore::alone;
use libtest_mimic::{Failed, Trial};

use crate::support::netns::Namespace;
use crate::support::profiles;
use crate::support::rules::{nft, restore};
use crate::support::{BackEnd, directory};

/// Profiles a trial.
const EACH: u64 = 25;

pub(crate) fn trials() -> Vec<Trial> {
    let trials: u64 = if std::env::var_os("FTPNAT_LONG").is_some() {
        120
    } else {
        6
    };
    (0..trials)
        .map(|block| {
            let first = block * EACH;
            let name = format!("generated/{first}-{}", first + EACH - 1);
            Trial::test(name, move || (first..first + EACH).try_for_each(loads))
        })
        .collect()
}

fn loads(seed: u64) -> Result<(), Failed> {
    let text = profiles::any(seed);
    let refused = |e: &dyn std::fmt::Display| Failed::from(format!("seed {seed}: {e}\n{text}"));
    let profile =
        parse("generated.yaml", text.as_bytes()).map_err(|e| refused(&e.render(false)))?;
    let plan = plan(&[profile], &Facts::default());
    if plan.rules().any(|r| r.comment().len() > 120) {
        return Err(refused(&"a comment is too long"));
    }
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    let native = own_table(&plan);
    nft(&host, &native);
    nft(&host, &native);
    for (family, iptables) in [(Family::Ipv4, "iptables"), (Family::Ipv6, "ip6tables")] {
        let fragment = alone(&plan, family);
        for back_end in BackEnd::BOTH {
            restore(
                &host,
                &back_end.program(iptables, "restore"),
                &["--noflush"],
                &fragment,
            );
        }
    }
    Ok(())
}
