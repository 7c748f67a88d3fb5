//! Definitions of a workspace as documents: what they say, whether they are right, and what changes with them.
//!
//! Journeys, moments, plays, templates, channels, the policy and the score's settings are YAML or JSON documents
//! with `apiVersion: elate.dev/v1`, `kind`, `metadata` and `spec`. This crate reads them into types ([`spec`]),
//! finds everything that is wrong with them at once and says where and why, compiles their conditions and values
//! ([`expression`]) and their patterns, writes them canonically, compares two sets, and publishes their JSON Schema.
//! It is pure: no clock, no files, no environment.

pub mod expression;
mod name;
pub mod spec;

pub use name::{Id, InvalidName, Kind, Name};
