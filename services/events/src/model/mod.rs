//! The service's private model: plain types and pure rules.

pub mod catalog;
pub mod customer;
pub mod definitions;
pub mod follow;
pub mod key;
pub mod message;
pub mod page;
