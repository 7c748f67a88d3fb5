//! Identifiers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is no valid identifier, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {reason}")]
pub struct InvalidId {
    /// Which identifier was read, e.g. `workspace id`.
    pub what: &'static str,
    /// What is wrong with it, as the end of a sentence.
    pub reason: String,
}

fn slug(what: &'static str, text: &str) -> Result<Arc<str>, InvalidId> {
    let refuse = |reason: &str| Err(InvalidId { what, reason: reason.to_owned() });
    if text.is_empty() || text.len() > 63 {
        return refuse("must have 1 to 63 characters");
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !text.chars().all(allowed) {
        return refuse("may hold only a-z, 0-9, '-' and '_'");
    }
    Ok(Arc::from(text))
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an id of 1 to 63 characters out of `a-z`, `0-9`, `-` and `_`.
            pub fn try_new(text: &str) -> Result<Self, InvalidId> {
                slug($what, text).map(Self)
            }
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::try_new(&text)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_new(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug_id!(
    /// A tenant. Every row, key and RPC is scoped to one; it comes from the credential, never from a request body.
    WorkspaceId,
    "workspace id"
);
slug_id!(
    /// Where events come from within a workspace (a shop's server, a site). Stable: it survives the rotation of
    /// the keys that write to it, and duplicates are found within it.
    SourceId,
    "source id"
);

/// One customer of a workspace. Minted by events; a merge keeps the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomerId(pub Uuid);

impl CustomerId {
    /// The id that records carry which concern a whole partition and no single customer.
    pub const NONE: Self = Self(Uuid::nil());

    /// Whether this is [`CustomerId::NONE`].
    pub fn is_none(self) -> bool {
        self.0.is_nil()
    }

    /// The partition of this customer among `partitions` (xxh3 of the 16 bytes, modulo).
    ///
    /// The mapping is part of the stored format: a log of another partition count is made by export and import.
    pub fn partition(self, partitions: u32) -> Partition {
        let hash = xxhash_rust::xxh3::xxh3_64(self.0.as_bytes());
        // The remainder is below `partitions`, so it fits.
        Partition((hash % u64::from(partitions.max(1))) as u32)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl FromStr for CustomerId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|e| InvalidId { what: "customer id", reason: format!("is no UUID: {e}") })
    }
}

/// A partition of the customer log, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub u32);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a partition. The first record stands at 1 and there are no gaps; 0 means "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The place after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_refuse_what_could_escape_a_key_or_a_path() {
        for bad in ["", "Shop", "a/b", "a b", "a:b", "é", &"x".repeat(64)] {
            assert!(WorkspaceId::try_new(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(WorkspaceId::try_new("gift-shop_2").unwrap().as_str(), "gift-shop_2");
    }

    #[test]
    fn the_partition_of_a_customer_is_part_of_the_stored_format() {
        let customer: CustomerId = "018f0000-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(customer.partition(64), customer.partition(64));
        let expected = xxhash_rust::xxh3::xxh3_64(customer.0.as_bytes()) % 64;
        assert_eq!(u64::from(customer.partition(64).0), expected);
        assert_eq!(customer.partition(1), Partition(0));
    }
}
