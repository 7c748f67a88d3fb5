//! The events service: ingest, the customer log, identity, profiles, definitions.

pub mod app;
pub mod config;
pub mod error;
pub mod grpc;
pub mod http;
pub mod metrics;
pub mod model;
pub mod ports;
pub mod store;
