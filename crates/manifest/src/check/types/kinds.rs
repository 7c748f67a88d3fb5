//! What a part of an expression may come to.

use std::fmt;

/// A set of kinds of values: everything that something may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOL: Self = Self(2);
    /// All numbers; whole ones become doubles where it matters.
    pub(super) const NUMBER: Self = Self(4);
    pub(super) const TEXT: Self = Self(8);
    pub(super) const TIME: Self = Self(16);
    pub(super) const DURATION: Self = Self(32);
    pub(super) const LIST: Self = Self(64);
    pub(super) const OBJECT: Self = Self(128);
    pub(super) const BYTES: Self = Self(256);
    pub(super) const TYPE: Self = Self(512);
    /// Nothing is known about it.
    pub(super) const ANY: Self = Self(1023);

    const WORDS: [(Self, &'static str); 10] = [
        (Self::NUMBER, "a number"),
        (Self::TEXT, "a text"),
        (Self::BOOL, "true or false"),
        (Self::TIME, "a time"),
        (Self::DURATION, "a duration"),
        (Self::LIST, "a list"),
        (Self::OBJECT, "an object"),
        (Self::BYTES, "bytes"),
        (Self::TYPE, "a type"),
        (Self::NULL, "null"),
    ];

    /// The kind of a JSON type by its name; `null` alone tells nothing of what else may come.
    pub(super) fn of_json(name: &str) -> Self {
        match name {
            "string" => Self::TEXT,
            "number" => Self::NUMBER,
            "boolean" => Self::BOOL,
            "object" => Self::OBJECT,
            "array" => Self::LIST,
            "null" => Self::NULL,
            _ => Self::ANY,
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it may be one of the others.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The result where it may be one of the others, nothing where not.
    pub(super) const fn then(self, other: Self, result: Self) -> Self {
        if self.meets(other) { result } else { Self::NONE }
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> =
            Self::WORDS.iter().filter(|(kind, _)| self.meets(*kind)).map(|(_, word)| *word).collect();
        match words.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, first)) => write!(f, "{} or {last}", first.join(", ")),
            None => f.write_str("nothing"),
        }
    }
}
