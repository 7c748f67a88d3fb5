//! Which IP addresses an outgoing request may go to.
//!
//! A customer of ours writes the URL of a webhook, so the address behind it may be anything: our own metadata
//! service, a database in the private network, the machine itself. Only addresses of the public internet pass,
//! unless the operator allows a network. The check belongs *after* name resolution, on the very address that is
//! connected to; a check of the name alone is undone by a DNS answer that changes.
//!
//! The ranges are those of IANA's special-purpose registries (RFC 6890) for IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// Why an address is not for outgoing requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// `0.0.0.0/8`, `::`
    #[error("unspecified address")]
    Unspecified,
    /// `127.0.0.0/8`, `::1`
    #[error("loopback address")]
    Loopback,
    /// RFC 1918, unique local (`fc00::/7`), site-local, local-use NAT64
    #[error("private address")]
    Private,
    /// `169.254.0.0/16` (cloud metadata), `fe80::/10`
    #[error("link-local address")]
    LinkLocal,
    /// Carrier-grade NAT, `100.64.0.0/10` (RFC 6598)
    #[error("shared address")]
    Shared,
    /// `224.0.0.0/4`, `ff00::/8`
    #[error("multicast address")]
    Multicast,
    /// Documentation (RFC 5737, RFC 3849, RFC 9637)
    #[error("documentation address")]
    Documentation,
    /// Benchmarking, protocol assignments, discard, future use, broadcast, and what is not assigned at all
    #[error("reserved address")]
    Reserved,
    /// Tunnels that lead wherever their payload says: Teredo
    #[error("tunnel address")]
    Tunnel,
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no network such as 10.1.0.0/16 or fd00::/8")]
pub struct NotANetwork(pub String);

impl std::str::FromStr for Network {
    type Err = NotANetwork;
    /// Reads `address/prefix`, or an address alone as a network of one.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refuse = || NotANetwork(text.to_owned());
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.parse::<u8>().map_err(|_| refuse())?,
            None => longest,
        };
        if prefix > longest { Err(refuse()) } else { Ok(Self { address, prefix }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;
    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.prefix)
    }
}

impl Network {
    /// Whether an address lies in it. An IPv4 network holds no IPv6 addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Checks an address. One that lies in an `allowed` network passes in any case; an IPv4 address inside an IPv6 one
/// (mapped, NAT64, 6to4) is judged as what it leads to.
///
/// # Errors
/// Why requests must not go there.
pub fn check(address: IpAddr, allowed: &[Network]) -> Result<(), Forbidden> {
    let inner = match address {
        IpAddr::V6(v6) => embedded_v4(v6).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    let is_allowed = |address: IpAddr| allowed.iter().any(|network| network.contains(address));
    if is_allowed(address) || inner.is_some_and(is_allowed) {
        return Ok(());
    }
    match inner.unwrap_or(address) {
        IpAddr::V4(v4) => check_v4(v4),
        IpAddr::V6(v6) => check_v6(v6),
    }
}

/// The IPv4 address that an IPv6 address stands for.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    // The shifts leave the 32 bits in question at the end; the cast cuts off what stands before them.
    match address.segments() {
        // ::ffff:0:0/96, mapped
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(Ipv4Addr::from_bits(bits as u32)),
        // 64:ff9b::/96, NAT64 (RFC 6052)
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(Ipv4Addr::from_bits(bits as u32)),
        // 2002::/16, 6to4 (RFC 3056)
        [0x2002, ..] => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ => None,
    }
}

fn check_v4(address: Ipv4Addr) -> Result<(), Forbidden> {
    match address.octets() {
        [0, ..] => Err(Forbidden::Unspecified),
        [127, ..] => Err(Forbidden::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Err(Forbidden::Private),
        [169, 254, ..] => Err(Forbidden::LinkLocal),
        [100, 64..=127, ..] => Err(Forbidden::Shared),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Err(Forbidden::Documentation),
        // Protocol assignments, the 6to4 relays of old, AS112, benchmarking
        [192, 0, 0, _] | [192, 88, 99, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => {
            Err(Forbidden::Reserved)
        }
        [198, 18..=19, ..] => Err(Forbidden::Reserved),
        [224..=239, ..] => Err(Forbidden::Multicast),
        [240..=255, ..] => Err(Forbidden::Reserved),
        _ => Ok(()),
    }
}

fn check_v6(address: Ipv6Addr) -> Result<(), Forbidden> {
    if address.is_unspecified() {
        return Err(Forbidden::Unspecified);
    }
    if address.is_loopback() {
        return Err(Forbidden::Loopback);
    }
    match address.segments() {
        [0xff00..=0xffff, ..] => Err(Forbidden::Multicast),
        [0xfe80..=0xfebf, ..] => Err(Forbidden::LinkLocal),
        // Unique local, and the site-local addresses that came before them
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Err(Forbidden::Private),
        // Local-use NAT64 (RFC 8215) leads into the private network
        [0x64, 0xff9b, 1, ..] => Err(Forbidden::Private),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => Err(Forbidden::Documentation),
        [0x2001, 0, ..] => Err(Forbidden::Tunnel),
        // Protocol assignments, 2001::/23
        [0x2001, 0..=0x01ff, ..] => Err(Forbidden::Reserved),
        // Everything public is in 2000::/3
        [0x2000..=0x3fff, ..] => Ok(()),
        _ => Err(Forbidden::Reserved),
    }
}
