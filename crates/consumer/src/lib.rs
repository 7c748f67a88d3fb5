//! The consumer loop that journeys, scoring and notifications share: exactly once, without a distributed transaction.
//!
//! A service brings a pure [`Processor`] and a [`ProcessorStore`]; the loop leases partitions, follows the log, loads
//! states, runs steps and timers, and commits states, rows, timers, outbox and offsets in one transaction.
//!
//! ```ignore
//! let consumer = Consumer::builder(processor, store, database, log).settings(settings).member("pod-1").build();
//! let delivery = consumer.lane("notifications-delivery"); // only where a service has a worker of its own
//! let ownership = consumer.ownership();
//! supervisor.spawn("consumer", consumer.run(stop));
//! ```
//!
//! # How one turn goes
//!
//! 1. Leases: a row a partition with owner, epoch and expiry by the database's clock ([`Ownership`] tells which).
//! 2. Records and marks come from the [`LogSource`]; one micro-batch covers all partitions of a worker. A process has several
//!    workers, each with a part of its partitions.
//! 3. The states that it touches are loaded with one query, or are in the cache.
//! 4. Steps run. Timers due at or before a record's log time fire before it, in order of (deadline, customer, key);
//!    marks fire timers while nothing happens.
//! 5. One transaction writes it all. Its first statement moves the offsets `WHERE epoch = mine AND offset = previous`.
//! 6. The outbox is drained in order; the log recognises a repeated producer sequence.
//!
//! After any failed or unknown commit the loop forgets what it knew and reads again what the database says. What a
//! partition emits is a function of its log alone: the size of the batches, the time of day and the number of
//! restarts make no difference.
//!
//! # What the loop does for every service
//!
//! | record | what happens |
//! |---|---|
//! | customer [`NONE`](elate_domain::CustomerId::NONE) | [`Processor::control`]; imports' begin and end also hold and release timers |
//! | `elate.customer.merged_away` | the state travels to the survivor as `elate.customer.state_moved` |
//! | `elate.customer.state_moved` | [`Processor::merge`], and the loser's timers |
//! | `elate.customer.erased` | everything kept for the customer goes; a receipt is emitted |
//! | `elate.customer.redrive` | the customer is built again from the log |
//!
//! None of these reaches [`Processor::step`]. A step that fails (or panics) twice, alone, goes to the dead letters;
//! its customer is set aside until a redrive, and the partition goes on.

mod ahead;
mod backoff;
mod batch;
mod commit;
pub mod consumer;
mod drain;
mod emission;
mod engine;
mod envelope;
pub mod error;
pub mod host;
mod imports;
pub mod lane;
mod leases;
mod lifecycle;
pub mod memory;
pub mod metrics;
pub mod migration;
pub mod ownership;
mod packed;
pub mod probe;
pub mod processor;
pub mod query;
mod rebuild;
mod replay;
mod run;
pub mod settings;
mod slice;
mod slot;
pub mod source;
mod step;
mod tables;
mod workers;
mod working;

pub use consumer::{Builder, Consumer, Status, member_name};
pub use error::Error;
pub use host::{Host, Said};
pub use lane::{Appended, Lane, LaneEvent};
pub use migration::migrations;
pub use ownership::{Held, Ownership};
pub use probe::{Point, Probe};
pub use processor::{Effects, Emission, Input, Merged, Processor, ProcessorStore, StepError, TimerChange};
pub use settings::Settings;
pub use source::{Batch, Followed, LogError, LogShape, LogSource, Mark};
