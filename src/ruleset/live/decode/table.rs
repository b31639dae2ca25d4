//! Tables, chains, objects, flowtables, and who made a table.

use super::data::{Fields, user_text};
use super::statement;
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::{
    Base, Chain, Flowtable, Maker, Object, ObjectKind, Policy, Table, TableFamily, hook_of, kind_of,
};
use crate::ruleset::native::built_in;
use crate::ruleset::netlink::{attributes, text};

/// `NFTNL_UDATA_TABLE_COMMENT`, `NFTNL_UDATA_CHAIN_COMMENT`, `NFTNL_UDATA_OBJ_COMMENT`.
const COMMENT: u8 = 0;

/// A family by its number (`NFPROTO_*`); `None` for one without tables.
pub(super) fn family(number: u8) -> Option<TableFamily> {
    Some(match number {
        1 => TableFamily::Inet,
        2 => TableFamily::Ip,
        3 => TableFamily::Arp,
        5 => TableFamily::Netdev,
        7 => TableFamily::Bridge,
        10 => TableFamily::Ip6,
        _ => return None,
    })
}

/// An empty table (`enum nft_table_attributes`).
pub(super) fn table(f: Fields, family: TableFamily) -> Option<Table> {
    let flags = f.number(2).unwrap_or(0);
    Some(Table {
        family,
        name: f.text(1)?,
        handle: f.long(4).unwrap_or(0),
        maker: Maker::Nft,
        dormant: flags & 1 != 0,
        owned: flags & 2 != 0,
        comment: f.bytes(6).and_then(|data| user_text(data, COMMENT)),
        chains: Vec::new(),
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
    })
}

/// An empty chain (`enum nft_chain_attributes`); `None` where it is not understood.
pub(super) fn chain(f: Fields, family: TableFamily) -> Option<Chain> {
    let base = match f.nested(4) {
        None => None,
        Some(hook) => Some(base(f, hook, family)?),
    };
    Some(Chain {
        name: f.text(3)?,
        handle: f.long(2).unwrap_or(0),
        base,
        comment: f.bytes(12).and_then(|data| user_text(data, COMMENT)),
        rules: Vec::new(),
    })
}

/// `enum nft_hook_attributes`: number 1, priority 2, one device 3, devices 4.
fn base(f: Fields, hook: Fields, family: TableFamily) -> Option<Base> {
    let policy = match f.number(5) {
        None | Some(1) => Policy::Accept,
        Some(0) => Policy::Drop,
        Some(_) => return None,
    };
    Some(Base {
        hook: hook_of(hook.number(1)?, family),
        priority: hook.number(2)?.cast_signed(),
        kind: kind_of(&f.text(7)?),
        policy,
        devices: match hook.bytes(4) {
            Some(several) => devices(several),
            None => hook.text(3).into_iter().collect(),
        },
    })
}

/// `NFTA_DEVICE_NAME` 1, and `NFTA_DEVICE_PREFIX` 2 (Linux 6.17) for all that begin so.
fn devices(list: &[u8]) -> Vec<String> {
    attributes(list)
        .map(|(kind, name)| match kind {
            2 => format!("{}*", text(name)),
            _ => text(name),
        })
        .collect()
}

/// A stateful object (`enum nft_object_attributes`).
pub(super) fn object(f: Fields) -> Option<Object> {
    let number = f.number(3)?;
    let data = f.nested(4).unwrap_or(Fields(&[]));
    let what = match number {
        1 => ObjectKind::Counter,
        2 => {
            let (over, bytes, used) = statement::quota_of(data)?;
            ObjectKind::Quota { over, bytes, used }
        }
        // NFTA_CT_HELPER_NAME 1, NFTA_CT_HELPER_L3PROTO 2, NFTA_CT_HELPER_L4PROTO 3.
        3 => ObjectKind::Helper {
            helper: data.text(1)?,
            family: data.short(2).unwrap_or(0),
            protocol: data.byte(3)?,
        },
        4 => ObjectKind::Limit(statement::limit(data)?),
        6 => ObjectKind::Tunnel,
        7 => ObjectKind::Timeout,
        8 => ObjectKind::Secmark,
        9 => ObjectKind::Expectation,
        10 => ObjectKind::Synproxy,
        other => ObjectKind::Other(other),
    };
    Some(Object {
        name: f.text(2)?,
        handle: f.long(6).unwrap_or(0),
        comment: f.bytes(8).and_then(|data| user_text(data, COMMENT)),
        what,
    })
}

/// A flowtable (`enum nft_flowtable_attributes`, `enum nft_flowtable_hook_attributes`).
pub(super) fn flowtable(f: Fields) -> Option<Flowtable> {
    let hook = f.nested(3)?;
    Some(Flowtable {
        name: f.text(2)?,
        handle: f.long(5).unwrap_or(0),
        priority: hook.number(2)?.cast_signed(),
        devices: hook.bytes(3).map(devices).unwrap_or_default(),
        flags: f.number(7).unwrap_or(0),
    })
}

/// Whose table it is, as far as its form tells: iptables-nft makes base chains of its own
/// names only, no named sets, and counts in each rule.
pub(super) fn maker(table: &Table) -> Maker {
    let is_ip = matches!(table.family, TableFamily::Ip | TableFamily::Ip6);
    let mut bases = table.chains.iter().filter(|c| c.base.is_some()).peekable();
    let is_iptables = is_ip
        && bases.peek().is_some()
        && bases.all(|chain| is_built_in(table, chain))
        && table.sets.iter().all(|set| set.flags.anonymous)
        && table.objects.is_empty()
        && table.flowtables.is_empty()
        && table.chains.iter().flat_map(|c| &c.rules).all(|rule| {
            rule.expressions
                .iter()
                .any(|e| matches!(e, Expression::Counter { .. }))
        });
    if is_iptables {
        Maker::IptablesNft
    } else {
        Maker::Nft
    }
}

fn is_built_in(table: &Table, chain: &Chain) -> bool {
    let Some(base) = &chain.base else {
        return false;
    };
    built_in(&table.name, &chain.name).is_some_and(|(hook, priority, kind)| {
        hook_of(hook, table.family) == base.hook
            && priority == base.priority
            && kind_of(kind) == base.kind
    })
}
