//! The events service: ingest, the customer log, identity, profiles, definitions.

pub mod app;
pub mod model;
pub mod ports;
