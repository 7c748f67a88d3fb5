//! From what a step wants to say to the event that the log gets: ids that are the same on every run, cause, hops,
//! and the loop guard.

use std::sync::Arc;

use elate_domain::{
    Cause, CustomerId, Event, EventType, Partition, Producer, RawJson, Record, SourceId, Timestamp,
    WorkspaceId,
};
use uuid::Uuid;

use crate::Emission;
use crate::envelope::Timer;

/// The namespace of the message ids of emitted events (version 5 UUIDs).
pub(crate) const NAMESPACE: Uuid = Uuid::from_u128(0x6d1f_3f0e_9b7c_5b52_8f44_3a2f_10c5_77e1);
/// Service-emitted hops that are let through.
pub(crate) const MAX_HOPS: u32 = 16;
/// A wait of this long breaks a chain of hops.
const LONG_WAIT_MILLIS: i64 = 3_600_000;
/// What system events' names begin with; others are names that definitions gave.
const SYSTEM_PREFIX: &str = "elate.";

/// What a step is about, seen from what it emits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// A record.
    Record {
        record: &'a Record,
        event: &'a Event,
        /// The open import that it belongs to.
        import: Option<u32>,
        /// Its effects are those of an import.
        historical: bool,
    },
    /// A timer.
    Timer {
        workspace: &'a WorkspaceId,
        customer: CustomerId,
        key: &'a str,
        timer: &'a Timer,
        /// It belongs to an import.
        historical: bool,
    },
}

impl Origin<'_> {
    /// The `now` of the step.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Record { record, .. } => record.received_at,
            Self::Timer { timer, .. } => timer.deadline,
        }
    }

    pub(crate) fn historical(&self) -> bool {
        match self {
            Self::Record { historical, .. } | Self::Timer { historical, .. } => *historical,
        }
    }

    /// Hops up to here. A wait of an hour or more starts anew.
    pub(crate) fn hops(&self) -> u32 {
        match self {
            Self::Record { event, .. } => event.caused_by.as_ref().map_or(0, |cause| cause.hops),
            Self::Timer { timer, .. } if timer.deadline.millis_since(timer.set_at) >= LONG_WAIT_MILLIS => 0,
            Self::Timer { timer, .. } => timer.hops,
        }
    }

    fn cause(&self) -> Cause {
        let hops = self.hops().saturating_add(1);
        match self {
            Self::Record { record, event, .. } => Cause {
                partition: record.partition,
                offset: record.offset,
                message_id: event.message_id.clone(),
                hops,
            },
            Self::Timer { timer, .. } => Cause {
                partition: Partition(timer.partition),
                offset: timer.offset,
                message_id: timer.message_id.as_ref().to_owned(),
                hops,
            },
        }
    }

    fn trace_parent(&self) -> Option<Arc<str>> {
        match self {
            Self::Record { event, .. } => event.trace_parent.clone(),
            Self::Timer { timer, .. } => timer.trace_parent.clone(),
        }
    }

    /// The message id of the `index`th event of this step: made of the log's content alone.
    fn message_id(&self, service: &str, index: usize) -> String {
        let seed = match self {
            Self::Record { record, .. } => {
                format!("{service}\n{}/{}\n{index}", record.partition, record.offset)
            }
            Self::Timer { workspace, customer, key, timer, .. } => format!(
                "{service}\n{workspace}\n{customer}\n{key}\n{}\n{}/{}\n{}\n{index}",
                timer.deadline.0, timer.partition, timer.offset, timer.spins
            ),
        };
        Uuid::new_v5(&NAMESPACE, seed.as_bytes()).to_string()
    }

    /// The timer that this step sets.
    pub(crate) fn timer(&self, deadline: Timestamp) -> Timer {
        match self {
            Self::Record { record, event, import, historical } => Timer {
                deadline,
                set_at: record.received_at,
                partition: record.partition.0,
                offset: record.offset,
                message_id: Arc::from(event.message_id.as_str()),
                hops: self.hops(),
                spins: 0,
                import: *import,
                historical: *historical,
                trace_parent: event.trace_parent.clone(),
            },
            Self::Timer { timer, historical, .. } => Timer {
                deadline,
                set_at: timer.deadline,
                hops: self.hops(),
                spins: if deadline <= timer.deadline { timer.spins + 1 } else { 0 },
                // What held it is over; what it sets waits for nothing but its deadline.
                import: timer.import,
                historical: *historical,
                ..(*timer).clone()
            },
        }
    }

    /// The event for the log.
    pub(crate) fn event(&self, to: Addressee<'_>, producer: Producer, index: usize, said: Emission) -> Event {
        let is_system = said.name.starts_with(SYSTEM_PREFIX);
        Event {
            workspace: to.workspace.clone(),
            customer: said.customer.unwrap_or(to.customer),
            source: to.source.clone(),
            message_id: self.message_id(&producer.service, index),
            event_type: if is_system { EventType::System } else { EventType::Track },
            name: said.name,
            user_id: None,
            anonymous_id: None,
            occurred_at: said.occurred_at,
            properties: said.properties,
            traits: RawJson::default(),
            context: RawJson::default(),
            caused_by: Some(self.cause()),
            producer: Some(producer),
            historical: self.historical(),
            clamped: false,
            conflicting: false,
            trace_parent: self.trace_parent(),
        }
    }
}

/// Whose step it was, and which source emits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addressee<'a> {
    pub(crate) workspace: &'a WorkspaceId,
    pub(crate) customer: CustomerId,
    pub(crate) source: &'a SourceId,
}

/// Whether the chain of service-emitted events is longer than allowed.
pub(crate) fn is_too_deep(event: &Event) -> bool {
    event.caused_by.as_ref().is_some_and(|cause| cause.hops > MAX_HOPS)
}

/// The hour of log time that an instant lies in.
pub(crate) fn hour_of(now: Timestamp) -> i64 {
    now.0.div_euclid(LONG_WAIT_MILLIS)
}

/// The source id under which a service emits.
pub(crate) fn source_of(service: &str) -> Result<SourceId, crate::Error> {
    SourceId::try_new(&format!("elate-{service}"))
        .map_err(|error| crate::Error::Encode { what: "source id", reason: error.to_string() })
}

/// A sequence as the contract has it; ours begin at 1.
pub(crate) fn sequence_value(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or_default()
}
