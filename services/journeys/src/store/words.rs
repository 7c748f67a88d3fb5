//! States as they stand in the tables.

use elate_storage::Error;

use crate::model::rows::{JourneyPhase, MoveKind, PlayDecision, PlayPhase};

/// A state that is stored as a word.
pub(crate) trait Word: Sized + Copy + 'static {
    /// All values with their words.
    const WORDS: &'static [(Self, &'static str)];
    /// The word.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl Word for $name {
            const WORDS: &'static [(Self, &'static str)] = &[$(($name::$variant, $text)),+];
            fn word(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }
    };
}

words!(JourneyPhase { Active = "active", Completed = "completed", Abandoned = "abandoned" });
words!(MoveKind {
    Entered = "entered",
    Forward = "forward",
    Within = "within",
    Backward = "backward",
    Repeated = "repeated",
    Completed = "completed",
    Abandoned = "abandoned",
});
words!(PlayPhase { Active = "active", Completed = "completed", Exited = "exited", HeldOut = "held_out" });
words!(PlayDecision {
    Entered = "entered",
    HeldOut = "held_out",
    Refused = "refused",
    NotTriggered = "not_triggered",
});

/// Reads a word back.
pub(crate) fn parse<T: Word>(table: &'static str, column: &'static str, text: &str) -> Result<T, Error> {
    let found = T::WORDS.iter().find(|(_, word)| *word == text);
    found
        .map(|(value, _)| *value)
        .ok_or_else(|| Error::corrupt(table, column, format!("{text:?} is no known word")))
}
