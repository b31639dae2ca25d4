//! The profile as types for its JSON Schema. Their comments are the texts of
//! the schema and of ftpnat-profile(5), so they are worded for its readers.
//! Nothing is read into them: a refusal needs places, and they have none.

#![expect(dead_code, reason = "only their schema is used")]
#![expect(
    clippy::doc_markdown,
    reason = "the comments are the manual's text, without mark-up"
)]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// One value, or a list of them.
struct OneOrList<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for OneOrList<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrList_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "oneOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// An IP address.
struct Address;

/// A network in CIDR notation.
struct Network;

/// The name of a network interface.
struct Interface;

/// A range of ports.
struct Ports;

/// Implements `JsonSchema` for types that stand for text of a pattern.
macro_rules! patterns {
    ($($type:ident: $schema:tt)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

patterns! {
    Address: { "type": "string", "pattern": "^[0-9A-Fa-f.:]{2,45}$" }
    Network: { "type": "string", "pattern": "^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$" }
    Interface: { "type": "string", "pattern": "^[A-Za-z0-9_.:@-]{1,15}$" }
    Ports: { "oneOf": [
        { "type": "string", "pattern": "^[1-9][0-9]{3,4}(-[1-9][0-9]{3,4})?$" },
        { "type": "integer", "minimum": 1024, "maximum": 65535 }
    ] }
}

/// One FTP server, as ftpnat has to know it. One file is one server.
#[derive(JsonSchema)]
#[schemars(
    title = "ftpnat profile",
    deny_unknown_fields,
    extend("required" = ["name"]),
    extend("allOf" = [
        {
            "if": { "not": {
                "required": ["nat"],
                "properties": { "nat": {
                    "required": ["mode"],
                    "properties": { "mode": { "const": "masquerade" } }
                } }
            } },
            "then": { "required": ["passive"] , "properties": { "passive": { "required": ["ports"] } } }
        },
        {
            "if": {
                "required": ["nat"],
                "properties": { "nat": {
                    "required": ["mode"],
                    "properties": { "mode": { "const": "dnat" } }
                } }
            },
            "then": { "required": ["server"], "properties": { "server": { "required": ["address"] } } }
        }
    ])
)]
pub(super) struct ProfileWire {
    /// The name of the profile. It travels in the comments of all rules, and
    /// installed profiles are told apart by it: 1 to 32 of a-z, 0-9 and -,
    /// not beginning with -.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,31}$"))]
    name: String,
    /// The server program and the addresses of the host that it runs on.
    server: ServerWire,
    /// The control ports, where clients log in. Each has a port of its own.
    #[schemars(extend("default" = { "port": 21, "tls": "optional" }))]
    control: OneOrList<ControlWire>,
    /// Passive data connections, which clients open to the server (PASV and
    /// EPSV).
    passive: PassiveWire,
    /// Whether active data connections are served too, which the server opens
    /// to the client (PORT and EPRT). Under TLS they fail where the client is
    /// translated, which no server can cure.
    #[schemars(extend("default" = false))]
    active: bool,
    /// Where addresses are translated, from this host's point of view.
    nat: NatWire,
    /// The networks that may connect, in CIDR notation without host bits; a
    /// bare address is one host.
    #[schemars(extend("default" = ["0.0.0.0/0", "::/0"]))]
    clients: OneOrList<Network>,
    /// The peak of simultaneous data connections, 1 or more. The passive range
    /// is checked against it; where it is absent, nothing is checked.
    #[schemars(range(min = 1))]
    transfers: u32,
    /// When the kernel's conntrack helper for FTP is assigned to control
    /// connections.
    #[schemars(extend("default" = "auto"))]
    helper: HelperWire,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct ServerWire {
    /// The server's own address, at most one of each family. Needed where
    /// nat.mode is dnat: it is where connections are forwarded to. Without it,
    /// a server on this host answers on all its addresses.
    address: OneOrList<Address>,
    /// The server program; its settings are planned and checked by it.
    #[schemars(extend("default" = "other"))]
    software: SoftwareWire,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum SoftwareWire {
    /// ProFTPD.
    Proftpd,
    /// vsftpd.
    Vsftpd,
    /// Pure-FTPd.
    PureFtpd,
    /// FileZilla Server.
    Filezilla,
    /// Any other; its settings are described in words.
    Other,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct ControlWire {
    /// The port that the server listens on, 1 to 65535. Where it is absent: 21,
    /// or 990 where tls is implicit.
    #[schemars(range(min = 1, max = 65535))]
    port: u16,
    /// What the port offers of TLS.
    #[schemars(extend("default" = "optional"))]
    tls: TlsWire,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum TlsWire {
    /// No TLS: passwords cross the network in plain text.
    None,
    /// AUTH TLS is offered, plain sessions are served too.
    Optional,
    /// AUTH TLS is enforced before login.
    Required,
    /// TLS from the first byte, as on port 990.
    Implicit,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct PassiveWire {
    /// The ports that the server picks from, first and last joined by a hyphen,
    /// within 1024-65535 and without any control port: the same range as in
    /// the server's own settings. Needed, but where nat.mode is masquerade,
    /// where it is 1024-65535 unless it is given.
    ports: Ports,
    /// The IPv4 address or host name that the server announces in PASV replies
    /// (MasqueradeAddress, pasv_address, ForcePassiveIP). Behind a translation
    /// it is the external address; absent, the server announces its own.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$"))]
    advertise: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct NatWire {
    /// Who translates.
    #[schemars(extend("default" = "none"))]
    mode: ModeWire,
    /// What faces the outside. A family that has an address here is translated;
    /// one that only the server has an address of is routed.
    external: OneOrList<ExternalWire>,
    /// The network on the inside.
    internal: InternalWire,
    /// Whether clients on the inside may use the external address. Only where
    /// mode is dnat, and with internal.networks.
    #[schemars(extend("default" = false))]
    hairpin: bool,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum ModeWire {
    /// Nobody: the server runs on this host, and its address is public.
    None,
    /// Another box, such as a home router or a cloud: the server runs on this
    /// host. Needs external.address.
    Upstream,
    /// This host: it is the gateway and forwards to the server. Needs
    /// server.address, and in external an address or an interface.
    Dnat,
    /// This host: it is the gateway of the FTP clients. Needs
    /// external.interface and internal.interface.
    Masquerade,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct ExternalWire {
    /// The address that clients connect to. Where it changes, leave it out and
    /// name the interface that has it.
    address: Address,
    /// The interface or interfaces that face the outside: 1 to 15 of A-Z, a-z,
    /// 0-9 and _.:@- each.
    interface: OneOrList<Interface>,
    /// The control port that clients use, 1 to 65535, where it is not the
    /// server's own. Only with one control port. Passive ports are never
    /// translated.
    #[schemars(range(min = 1, max = 65535))]
    port: u16,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("required" = []))]
struct InternalWire {
    /// The interface or interfaces that face the inside.
    interface: OneOrList<Interface>,
    /// The networks on the inside, in CIDR notation without host bits.
    networks: OneOrList<Network>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum HelperWire {
    /// Only where a client that is served needs it; never for TLS alone.
    Auto,
    /// On every control port.
    Always,
    /// Nowhere.
    Never,
}
