//! FTP with TLS behind Linux firewalls and NAT.
//!
//! One profile of an FTP server goes in; rules, reasons and predictions come
//! out. In pipeline order:
//!
//! - [`profile`] reads YAML into a [`profile::Profile`], valid by construction.
//! - [`facts`] makes facts of a snapshot of this host's sources; `None` is "not known".
//! - [`ruleset`] reads the firewall that is in force.
//! - [`plan`] makes a [`plan::Plan`] of profiles and facts: rules with reasons,
//!   modules, sysctls, server settings, upstream requirements, predictions; and sends what
//!   profiles need through the ruleset ([`plan::reach`]).
//! - [`probe`] holds sessions with a server from the client's seat, and tries every port of
//!   its range: what was seen, judged by nobody.
//! - [`check`] finds faults on a host and in a profile, each check one cause, and blames
//!   the rules that stop what a profile needs; and names what is wrong with what [`probe`]
//!   saw, and what an error message comes from.
//! - [`render`] turns a plan into tables of `nf_tables`, and into text that `nft` or
//!   `iptables-restore` loads.
//! - [`apply`] makes a plan a change of this host, carries it out, and takes it back.
//! - [`lab`] builds the scene of a profile in network namespaces, with sessions of [`probe`]
//!   as its clients, and holds predictions against packets.
//! - [`output`] turns results into text and JSON for people and programs.
//! - [`commands`] has one file per verb; [`cli`] says what was typed.
//!
//! [`model`] has the words they share. Only [`sys`] touches the host, and only
//! [`commands`], [`apply`], [`lab`] and the runners of [`probe`] call it;
//! `tests/architecture.rs` guards the direction.
//!
//! ```text
//! model <- profile, facts, ruleset <- plan <- render <- apply, lab -> sys
//!                                    probe <- lab, check <- output
//!                                     plan <- check <- output <- commands -> sys
//! ```

pub mod apply;
pub mod check;
pub mod cli;
pub mod commands;
pub mod facts;
pub mod lab;
pub mod model;
pub mod output;
pub mod plan;
pub mod probe;
pub mod profile;
pub mod render;
pub mod ruleset;
pub mod sys;
