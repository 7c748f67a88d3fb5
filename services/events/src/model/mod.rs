//! The service's private model: plain types and pure rules.

pub mod catalog;
pub mod check;
pub mod customer;
pub mod definitions;
pub mod draft;
pub mod fingerprint;
pub mod follow;
pub mod identity;
pub mod json;
pub mod key;
pub mod message;
pub mod own;
pub mod page;
pub mod traits;
