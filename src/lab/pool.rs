//! Addresses for machines that a profile does not name.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;

/// Of each network so many addresses are looked at.
const MOST: usize = 4096;
/// Addresses before this one are a network's gateways, by custom.
const FIRST: usize = 9;

/// Where machines on the Internet are: ranges for documentation (RFC 5737, RFC 3849,
/// RFC 9637), and for benchmarks (RFC 2544).
const OUTSIDE: [&str; 7] = [
    "198.51.100.0/24",
    "203.0.113.0/24",
    "192.0.2.0/24",
    "198.18.0.0/24",
    "2001:db8:51::/64",
    "2001:db8:52::/64",
    "3fff:51::/64",
];

/// Addresses that are given out once.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    taken: Vec<IpAddr>,
}

impl Pool {
    /// None of these is given out.
    pub(super) fn without(taken: Vec<IpAddr>) -> Self {
        Self { taken }
    }

    /// One of the Internet that `fits`.
    pub(super) fn outside(
        &mut self,
        family: Family,
        fits: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let nets: Vec<IpNet> = outside(family).collect();
        self.within(&nets, fits)
    }

    /// One of these networks that `fits`; of a network that is everyone, one of the Internet.
    pub(super) fn within(
        &mut self,
        nets: &[IpNet],
        fits: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let found = nets
            .iter()
            .flat_map(hosts)
            .find(|address| !self.taken.contains(address) && fits(*address));
        self.taken.extend(found);
        found
    }
}

fn outside(family: Family) -> impl Iterator<Item = IpNet> {
    let nets = OUTSIDE.into_iter().filter_map(|net| net.parse().ok());
    nets.filter(move |net| Family::of_net(net) == family)
}

/// Behind the first few addresses of a network, then those.
fn hosts(net: &IpNet) -> Vec<IpAddr> {
    if net.prefix_len() == 0 {
        return outside(Family::of_net(net))
            .flat_map(|net| hosts(&net))
            .collect();
    }
    let all: Vec<IpAddr> = net.hosts().take(MOST).collect();
    let (first, rest) = all.split_at(FIRST.min(all.len()));
    rest.iter().chain(first).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_is_given_twice() {
        let mut pool = Pool::without(vec!["198.51.100.10".parse().expect("an address")]);
        let everyone = ["0.0.0.0/0".parse().expect("a network")];
        let one = pool.within(&everyone, |_| true);
        assert_eq!(one, "198.51.100.11".parse().ok());
        let private = |address: IpAddr| !address.to_string().starts_with("198.");
        assert_eq!(
            pool.outside(Family::Ipv4, private),
            "203.0.113.10".parse().ok()
        );
        let own = ["10.77.0.21/32".parse().expect("a network")];
        assert_eq!(pool.within(&own, |_| true), "10.77.0.21".parse().ok());
        assert_eq!(pool.within(&own, |_| true), None);
    }
}
