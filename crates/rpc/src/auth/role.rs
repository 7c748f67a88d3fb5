//! What a credential may do.

use std::fmt;

use elate_proto::events::v1 as pb;
use serde::{Deserialize, Serialize};

/// What a credential may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Append events, and nothing else: write keys stand in web pages for all to see.
    Writer,
    /// Read, and nothing else.
    Reader,
    /// Read, append, apply manifests.
    Editor,
    /// Also pause, redrive, import and erase.
    Operator,
    /// Also keys.
    Admin,
    /// One of Elate's own services, over all workspaces.
    Service,
}

impl Role {
    /// Whether this role may do what `needed` may. Writer and reader stand beside each other, below editor.
    pub fn covers(self, needed: Self) -> bool {
        self == needed || self.rank() > needed.rank()
    }

    fn rank(self) -> u8 {
        match self {
            Self::Writer | Self::Reader => 0,
            Self::Editor => 1,
            Self::Operator => 2,
            Self::Admin => 3,
            Self::Service => 4,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }

    /// The role that a word means.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Writer, Self::Reader, Self::Editor, Self::Operator, Self::Admin, Self::Service]
            .into_iter()
            .find(|role| role.as_str() == text)
    }

    /// The role as the contract spells it.
    pub fn to_proto(self) -> pb::Role {
        match self {
            Self::Writer => pb::Role::Writer,
            Self::Reader => pb::Role::Reader,
            Self::Editor => pb::Role::Editor,
            Self::Operator => pb::Role::Operator,
            Self::Admin => pb::Role::Admin,
            Self::Service => pb::Role::Service,
        }
    }

    /// The role that the contract means; `None` where it is unspecified or unknown.
    pub fn from_proto(role: i32) -> Option<Self> {
        match pb::Role::try_from(role).ok()? {
            pb::Role::Unspecified => None,
            pb::Role::Writer => Some(Self::Writer),
            pb::Role::Reader => Some(Self::Reader),
            pb::Role::Editor => Some(Self::Editor),
            pb::Role::Operator => Some(Self::Operator),
            pb::Role::Admin => Some(Self::Admin),
            pb::Role::Service => Some(Self::Service),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{self, *};

    #[test]
    fn a_write_key_appends_and_nothing_else() {
        assert!(Writer.covers(Writer));
        for needed in [Reader, Editor, Operator, Admin, Service] {
            assert!(!Writer.covers(needed), "writer covers {needed}");
        }
        assert!(!Reader.covers(Writer));
    }

    #[test]
    fn higher_roles_cover_lower_ones_and_no_key_covers_service() {
        for (low, high) in
            [(Reader, Editor), (Writer, Editor), (Editor, Operator), (Operator, Admin), (Admin, Service)]
        {
            assert!(high.covers(low) && !low.covers(high), "{high} and {low}");
        }
    }

    #[test]
    fn roles_survive_both_spellings() {
        for role in [Writer, Reader, Editor, Operator, Admin, Service] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(Role::from_proto(role.to_proto().into()), Some(role));
        }
        assert_eq!(Role::from_proto(0), None);
    }
}
