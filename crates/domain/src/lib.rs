//! The common language of Elate: ids, time, events, moments, and the payloads of the events that the services
//! exchange.
//!
//! Everything here is plain data and arithmetic. Nothing knows of async, SQL, gRPC or Redis, nothing reads a
//! clock (a [`Clock`] is only handed in at the edges), and every type that travels in the log can be read by a
//! newcomer as the JSON that it is stored as.
//!
//! | module | what it holds |
//! |---|---|
//! | [`id`] | workspace, customer, source; partitions and offsets of the customer log |
//! | [`time`] | [`Timestamp`] (milliseconds), the [`Clock`] port, durations as people write them |
//! | [`event`] | an [`Event`] of a customer and the [`Record`] that the log keeps of it |
//! | [`moment`] | truths, stages, outcomes, promise and case states |
//! | [`system`] | the events that Elate's own services put on the timeline, one struct each |
//! | [`error`] | the few kinds of errors that every service maps its own to |

pub mod error;
pub mod event;
pub mod id;
pub mod moment;
pub mod system;
pub mod time;

pub use error::{FieldError, Kind};
pub use event::{Cause, Event, EventType, Producer, RawJson, Record};
pub use id::{CustomerId, InvalidId, Offset, Partition, SourceId, WorkspaceId};
pub use moment::{Better, CaseState, ExpectationSource, Outcome, PromiseState, Stage, Truth};
pub use time::{Clock, HumanDuration, ManualClock, PlaybackClock, SystemClock, Timestamp};
