//! What an expression may cost at most.

/// Characters of one expression.
pub const MAX_LENGTH: usize = 2_000;

/// How deep macros (`exists`, `map`, …) may stand within each other.
pub const MAX_MACRO_DEPTH: usize = 2;

/// Macros in one expression.
pub const MAX_MACROS: usize = 8;

/// How deep calls, selections and brackets may nest.
pub const MAX_DEPTH: usize = 48;

/// The longest list, and the largest object, that an expression may look at as a whole; a longer one is an
/// evaluation error, never a truncated answer. Two nested macros so take at most 65,536 steps.
pub const MAX_ELEMENTS: usize = 256;

/// How deep JSON is looked into when it is compared or walked over as a whole.
pub const MAX_JSON_DEPTH: usize = 16;

/// Characters of a regular expression, which has to be a literal.
pub const MAX_REGEX: usize = 200;
