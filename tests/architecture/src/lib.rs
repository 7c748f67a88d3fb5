//! The rules of ARCHITECTURE.md as tests, so that the picture stays true.
//!
//! Every rule is a function from facts to a list of [`Violation`]s: from `cargo metadata` ([`packages`], [`rings`]),
//! from source text with comments and literals blanked out ([`source`], [`vocabulary`], [`length`]), or from plain
//! text ([`words`]). The unit tests beside each rule show it small examples that break it; `tests/rules.rs` shows it
//! this workspace.
//!
//! Exceptions stand in `exceptions.rs`, each with its reason, and one that is not needed any more is a violation
//! too.

pub mod exceptions;
pub mod files;
pub mod length;
pub mod packages;
pub mod rings;
pub mod source;
pub mod vocabulary;
pub mod words;

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// A package, or a file with its line.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl Violation {
    /// A violation at a place.
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Fails a test with every violation on a line of its own.
///
/// # Panics
/// When there is a violation.
pub fn assert_none(rule: &str, violations: &[Violation]) {
    let listed: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{rule}:\n  {}", listed.join("\n  "));
}
