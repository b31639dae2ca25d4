//! Writing `nf_tables`: one batch, one send, one commit.
//!
//! libnftnl makes the messages. What goes beyond nftnl's safe functions is in
//! `object`, the only file here with `unsafe`. Tables are of family `ip`: nothing
//! else is written yet.

mod batch;
#[expect(
    unsafe_code,
    reason = "nftnl has no safe functions for stateful objects"
)]
mod object;

pub use batch::{Batch, Error, Refused};

use std::ffi::CStr;
use std::net::{Ipv4Addr, SocketAddrV4};

use nftnl::expr::{Immediate, Nat, NatType, Register, Verdict};
use nftnl::{ProtoFamily, Rule, nft_expr};

use crate::model::filter::{CtState, Hook};

use object::{CtHelperObject, ObjectReference};

/// A table of family `ip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// Its name.
    pub name: &'a CStr,
}

/// The type of a base chain (nft(8), "Base chain types").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainType {
    /// Sees every packet.
    Filter,
    /// Sees the first packet of each connection, and may translate it.
    Nat,
}

/// A base chain with policy accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseChain<'a> {
    /// The table that it stands in.
    pub table: Table<'a>,
    /// Its name.
    pub name: &'a CStr,
    /// Its type.
    pub chain_type: ChainType,
    /// The hook that it is registered at.
    pub hook: Hook,
    /// Its place among the base chains of that hook; lower comes first.
    pub priority: i32,
}

/// A `ct helper` object for TCP (nft(8), "Ct helper").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CtHelper<'a> {
    /// The table that it stands in.
    pub table: Table<'a>,
    /// The object's name.
    pub name: &'a CStr,
    /// The kernel's name of the helper, such as `ftp`.
    pub helper: &'a CStr,
}

/// A part of a rule: a condition, or what to do with the packets that meet those
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expression<'a> {
    /// `ip daddr ADDRESS`
    Daddr(Ipv4Addr),
    /// `tcp dport PORT`
    TcpDport(u16),
    /// `ct state STATE`
    CtState(CtState),
    /// `ct helper set "OBJECT"`
    SetCtHelper(CtHelper<'a>),
    /// `dnat to ADDRESS:PORT`
    Dnat(SocketAddrV4),
    /// `drop`
    Drop,
}

impl Batch {
    /// Adds a table, where it is not there yet; gives the message's number.
    pub fn table(&mut self, table: Table<'_>) -> u32 {
        let what = format!("table ip {}", shown(table.name));
        self.add(&table.message(), what)
    }

    /// Adds a base chain, where it is not there yet; gives the message's number.
    pub fn base_chain(&mut self, chain: BaseChain<'_>) -> u32 {
        let table = chain.table.message();
        let what = format!("chain {}", shown(chain.name));
        self.add(&chain.message(&table), what)
    }

    /// Adds a `ct helper` object; gives the message's number.
    ///
    /// The kernel answers `ENOENT` where it has no such helper for TCP over IPv4, and
    /// no module for it (`nft_ct_helper_obj_init` in `nft_ct.c`).
    pub fn ct_helper(&mut self, helper: CtHelper<'_>) -> u32 {
        let what = format!("ct helper {}", shown(helper.name));
        self.add(&CtHelperObject::new(helper), what)
    }

    /// Adds a rule at the end of a chain; gives the message's number.
    pub fn rule(&mut self, chain: BaseChain<'_>, expressions: &[Expression<'_>]) -> u32 {
        let table = chain.table.message();
        let parent = chain.message(&table);
        let mut rule = Rule::new(&parent);
        for expression in expressions {
            expression.add_to(&mut rule);
        }
        self.add(&rule, format!("a rule in chain {}", shown(chain.name)))
    }
}

impl Table<'_> {
    const FAMILY: ProtoFamily = ProtoFamily::Ipv4;

    fn message(self) -> nftnl::Table {
        nftnl::Table::new(self.name, Self::FAMILY)
    }
}

impl BaseChain<'_> {
    fn message(self, table: &nftnl::Table) -> nftnl::Chain<'_> {
        let mut chain = nftnl::Chain::new(self.name, table);
        chain.set_type(match self.chain_type {
            ChainType::Filter => nftnl::ChainType::Filter,
            ChainType::Nat => nftnl::ChainType::Nat,
        });
        let hook = match self.hook {
            Hook::Prerouting => nftnl::Hook::PreRouting,
            Hook::Input => nftnl::Hook::In,
            Hook::Forward => nftnl::Hook::Forward,
            Hook::Output => nftnl::Hook::Out,
            Hook::Postrouting => nftnl::Hook::PostRouting,
        };
        chain.set_hook(hook, self.priority);
        chain
    }
}

impl Expression<'_> {
    fn add_to(self, rule: &mut Rule<'_>) {
        match self {
            Self::Daddr(address) => {
                rule.add_expr(&nft_expr!(payload ipv4 daddr));
                rule.add_expr(&nft_expr!(cmp == address));
            }
            Self::TcpDport(port) => {
                rule.add_expr(&nft_expr!(meta l4proto));
                rule.add_expr(&nft_expr!(cmp == IPPROTO_TCP));
                rule.add_expr(&nft_expr!(payload tcp dport));
                rule.add_expr(&nft_expr!(cmp == &port.to_be_bytes()[..]));
            }
            Self::CtState(state) => {
                let bit = match state {
                    CtState::New => nftnl::expr::States::NEW,
                    CtState::Established => nftnl::expr::States::ESTABLISHED,
                    CtState::Related => nftnl::expr::States::RELATED,
                };
                rule.add_expr(&nft_expr!(ct state));
                rule.add_expr(&nft_expr!(bitwise mask bit.bits(), xor 0_u32));
                rule.add_expr(&nft_expr!(cmp != 0_u32));
            }
            Self::SetCtHelper(helper) => rule.add_expr(&ObjectReference::to(helper)),
            Self::Dnat(to) => {
                // Arrays of bytes: nftnl copies an immediate as it lies in memory.
                let address = Immediate::new(to.ip().octets(), Register::Reg1);
                let port = Immediate::new(to.port().to_be_bytes(), Register::Reg2);
                rule.add_expr(&address);
                rule.add_expr(&port);
                rule.add_expr(&Nat {
                    nat_type: NatType::DNat,
                    family: Table::FAMILY,
                    ip_register: Register::Reg1,
                    port_register: Some(Register::Reg2),
                });
            }
            Self::Drop => rule.add_expr(&Verdict::Drop),
        }
    }
}

/// The number of TCP in IP headers (RFC 9293, section 3.1).
const IPPROTO_TCP: u8 = 6;

fn shown(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}
