//! The events service: ingest, the customer log, identity, profiles, definitions.
//!
//! Rings, from the inside out: [`model`] holds plain types and pure rules, [`app`] the use-cases behind the traits of
//! [`ports`], [`store`] the tables; [`grpc`] and [`http`] are the two ways in. [`EventsComponent`] builds all of it for the process
//! that it runs in.

pub mod app;
mod component;
pub mod config;
pub mod error;
pub mod grpc;
pub mod http;
mod keys;
mod manifests;
pub mod metrics;
pub mod model;
pub mod ports;
pub mod store;

pub use component::EventsComponent;
pub use config::EventsSettings;
pub use keys::KeyAuthenticator;
pub use manifests::ManifestRegistry;
