//! Definitions of a workspace as documents: what they say, whether they are right, and what changes with them.
//!
//! Journeys, moments, plays, templates, channels, the policy and the score's settings are YAML or JSON documents
//! with `apiVersion: elate.dev/v1`, `kind`, `metadata` and `spec`. This crate reads them into types, finds
//! everything that is wrong with them at once and says where and why, compiles their conditions, values and
//! patterns, writes them canonically, compares two sets, and publishes their JSON Schema.
//!
//! | module | what it holds |
//! |---|---|
//! | [`spec`] | what each kind says, field by field |
//! | [`Set`] | all manifests of a workspace: parse, apply, delete, canonical JSON; [`diff`] compares two |
//! | [`Problem`] | one thing that is wrong: document, path, reason, hint |
//! | [`Catalog`] | what is known of a workspace's events; [`Set::fit`] compares expressions with it |
//! | [`expression`] | conditions and values in CEL, compiled once |
//! | [`pattern`] | patterns of manifests, compiled for the engine |
//! | [`schema`] | JSON Schema of each kind |
//!
//! It is pure: no clock, no files, no environment. What it is given may come from anywhere, so its size and depth
//! are bounded before it is looked at.
//!
//! ```
//! let set = elate_manifest::Set::parse_text(r#"
//! apiVersion: elate.dev/v1
//! kind: Moment
//! metadata: {name: checkout}
//! spec:
//!   truth: fmot
//!   stage: purchase
//!   touchpoint: checkout
//!   product: shop
//!   channel: web
//!   on: {on: "Checkout Finished", where: "event.properties.seconds > 0"}
//!   experience: event.properties.seconds
//!   better: lower
//!   expect: {standard: "60"}
//!   tolerance: 20
//! "#).unwrap();
//! let moment = set.moment("checkout").unwrap();
//! assert_eq!(moment.tolerance.as_f64(), Some(20.0));
//! ```

mod check;
mod diff;
pub mod expression;
mod lenient;
mod name;
pub mod pattern;
mod problem;
mod read;
mod schema;
mod set;
pub mod spec;

pub use check::{Catalog, Findings};
pub use diff::{Change, ChangeKind, Line, diff};
pub use name::{Id, InvalidName, Kind, Name};
pub use problem::Problem;
pub use read::{MAX_BYTES, MAX_DEPTH, MAX_DOCUMENTS, MAX_VALUES, read};
pub use schema::schema;
pub use set::{API_VERSION, Document, Set};
