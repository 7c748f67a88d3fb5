//! Conditions and values in CEL, compiled once and evaluated often.
//!
//! JSON knows one kind of number, so here all numbers are doubles: integer literals in arithmetic become doubles,
//! and so do the results of `size()` and the calendar functions (`7 / 2` is 3.5). A property that is not there, or
//! anything else that goes wrong in an evaluation, makes a condition false and a value absent; the caller is told
//! and counts it, and nothing ever fails because of it.
//!
//! What an expression may cost is bounded when it is compiled: its length, the nesting of its macros
//! ([`limits`]), the length of the lists that macros walk over.

mod condition;
mod convert;
mod event;
pub mod limits;
mod program;
mod rewrite;
mod scope;
mod value;

pub use condition::{Condition, Holds};
pub use event::{EventView, LazyJson};
pub(crate) use program::remembering;
pub use program::{CompileError, Uses};
pub use scope::{Captured, NoCaptures, Scope, StepCaptures};
pub use value::{Miss, Quantity, Value};
