//! What would have happened: a recorded file replayed through the very step functions of the services.
//!
//! Nothing of a simulation is written for it alone. Lines are read, checked and given their customers as the events
//! service does it; journeys, scoring and notifications run their own processors, each in a
//! [`Host`](elate_consumer::Host) that keeps their states and timers in memory; messages go through the same chain, and where a
//! provider would be asked, it is taken to say yes. There is no database, no network, no clock and no chance: the same
//! file and manifests make the same report, byte for byte, on any number of threads. ([`SimulationComponent`] lets others
//! ask for it over the network; what it answers are the same bytes.)
//!
//! ```ignore
//! let definitions = Definitions::read(&yaml_texts)?;
//! let recording = Recording::read(&bytes, &options, &progress)?;
//! let report = simulate(&definitions, &recording, &options, &progress)?;
//! println!("{}", report.to_json()?);
//! ```
//!
//! # Time and order
//!
//! Log time is a line's `receivedAt`, or else its own time. Lines are taken in order of log time, equal ones in order of
//! the file. Before a line, every timer that is due at or before its log time fires, the earliest first. What a service
//! says is appended at once, before anything else happens: at the log time of the record, or the deadline, that it
//! follows from. After the last line log time runs on for as long as [`Options::settle_millis`] says.
//!
//! # Partitions
//!
//! A customer's steps depend on nothing but the customer's own records, so the log is divided into [`PARTITIONS`], which
//! run side by side. A customer who is merged away lies with the one who stays, who is known beforehand. Each partition's
//! findings are added up in order of the partitions, so that sums do not depend on which was ready first.
//!
//! | module | what it does |
//! |---|---|
//! | `recording` | reads lines, in parallel |
//! | `people` | finds repeats, and whose each line is |
//! | `history` | what a running system has recorded, instead of a file |
//! | `partition` | one partition of the log in memory, and its three services |
//! | `run` | runs all partitions |
//! | [`report`] | what came of it: as JSON, as a page, and the difference of two |
//! | [`server`] | simulations for others: how many at once, how much each may read |
//! | [`grpc`] | the same as an RPC, out of the log that the events service gives |
//!
//! A recording can also be [made of the log's own records](Recording::of_log): what came from outside, with the
//! customers that it was given then. The same events make the same report either way.
//!
//! # Limits
//!
//! The recording is held in memory, about one kilobyte an event. Records of Elate's own services in a recording are not
//! taken: they are found anew.

mod component;
pub mod config;
mod definitions;
mod error;
pub mod grpc;
mod history;
mod metrics;
mod options;
mod partition;
mod people;
mod progress;
mod recording;
pub mod report;
mod run;
pub mod server;
mod tally;

pub use component::SimulationComponent;
pub use definitions::Definitions;
pub use error::Error;
pub use history::History;
pub use options::{Options, PARTITIONS};
pub use progress::{Progress, Silent};
pub use recording::Recording;
pub use report::Report;
pub use run::simulate;
