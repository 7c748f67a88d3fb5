//! The words for moments of truth and what becomes of them.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }
        impl $name {
            /// All values, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The word as it stands in manifests and events.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!(concat!("{:?} is none of ", $("`", $text, "` ",)+), other)),
                }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Which moment of truth it is.
    Truth {
        /// Zero: searching and reading, before the first contact.
        Zmot = "zmot",
        /// First: first contact and the decision.
        Fmot = "fmot",
        /// Second: living with the product.
        Smot = "smot",
        /// Ultimate: telling others.
        Umot = "umot",
    }
);
words!(
    /// A stage of the lifecycle.
    Stage {
        /// Hears of it.
        Awareness = "awareness",
        /// Weighs it.
        Consideration = "consideration",
        /// Buys it.
        Purchase = "purchase",
        /// Uses it.
        Use = "use",
        /// Speaks for it.
        Advocacy = "advocacy",
    }
);
words!(
    /// How a moment was.
    Outcome {
        /// At or below the miserable threshold.
        Miserable = "miserable",
        /// In between.
        Neutral = "neutral",
        /// At or above the magical threshold: a wow.
        Magical = "magical",
    }
);
words!(
    /// Which direction of an experience is the better one.
    Better {
        /// A larger number.
        Higher = "higher",
        /// A smaller number or a shorter duration.
        Lower = "lower",
        /// An earlier time.
        Earlier = "earlier",
        /// A later time.
        Later = "later",
    }
);
words!(
    /// Where the winning expectation came from.
    ExpectationSource {
        /// Stated to this customer.
        Promise = "promise",
        /// What everybody is entitled to.
        Standard = "standard",
        /// What this customer got used to.
        Habit = "habit",
    }
);
words!(
    /// The state of a promise. `Kept`, `Exceeded`, `Late`, `Withdrawn` are final; `Broken` stays so in history.
    PromiseState {
        /// Made and not due.
        Open = "open",
        /// Not due yet, but likely to be late.
        AtRisk = "at_risk",
        /// Fulfilled by the due time.
        Kept = "kept",
        /// Fulfilled so well that the moment was magical.
        Exceeded = "exceeded",
        /// Fulfilled after the due time, before it was miserable.
        Late = "late",
        /// Reached the provisional miserable moment, whatever came after.
        Broken = "broken",
        /// Taken back or void.
        Withdrawn = "withdrawn",
    }
);
words!(
    /// The state of a recovery case.
    CaseState {
        /// Opened by a miserable moment.
        Open = "open",
        /// A play is at work on it.
        Acting = "acting",
        /// The next moments on the link were neutral or better.
        Recovered = "recovered",
        /// Miserable again within the window.
        Relapsed = "relapsed",
        /// Nothing good came within the window.
        Lost = "lost",
    }
);

impl PromiseState {
    /// Whether the promise can still be fulfilled in time.
    pub fn is_pending(self) -> bool {
        match self {
            Self::Open | Self::AtRisk => true,
            Self::Kept | Self::Exceeded | Self::Late | Self::Broken | Self::Withdrawn => false,
        }
    }
}

impl CaseState {
    /// Whether the case is still being worked on or watched.
    pub fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Acting => true,
            Self::Recovered | Self::Relapsed | Self::Lost => false,
        }
    }
}
