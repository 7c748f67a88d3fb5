//! The notifications service: may a message go, how it goes, and what became of it.
//!
//! It reads requests for messages from the customer log, asks the chain of consent, caps and quiet hours, hands what
//! may go to SMTP servers and webhook endpoints, and puts what became of each message back on the timeline.
//!
//! * [`model`] is pure: the chain around each message, held and retried under log time; templates.
//! * [`delivery`] hands messages over: claims them durably before the network is touched, and records what became of
//!   them together with the receipt for the log. E-mail goes at most once, webhooks at least once with one id.
//! * [`unsubscribe`] is the page behind the links in messages, [`survey_page`] the one behind those of surveys.
//! * [`store`], [`app`], [`grpc`]: the tables, the use-cases, and their face.

pub mod app;
mod component;
pub mod config;
pub mod delivery;
pub mod grpc;
pub mod metrics;
pub mod model;
mod signed;
pub mod store;
pub mod survey_page;
pub mod unsubscribe;

pub use component::{Engine, NotificationsComponent, Parts};
pub use config::NotificationsSettings;
pub use store::Migrator;
