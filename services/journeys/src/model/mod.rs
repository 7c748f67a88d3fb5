//! The pure half: what an event or a deadline does to a customer. Nothing here awaits, reads a clock or draws a
//! random number, so that live, replayed and simulated runs are one and the same.

mod assignments;
mod cases;
mod definitions;
pub mod discovery;
mod evaluations;
mod hear;
mod ids;
mod journeys;
pub mod learning;
mod merge;
mod moments;
mod moves;
mod partition;
mod plays;
mod processor;
mod profile;
mod promises;
pub mod rollouts;
pub mod rows;
pub mod state;
mod turn;
mod wording;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::RawJson;
use elate_manifest::expression::{EventView, LazyJson};

pub use assignments::{Assigned, Assignments};
pub use partition::{PartitionState, WorkspaceState};
pub use processor::Journeys;
pub use profile::Profile;
pub use state::CustomerState;
pub use wording::Wording;

/// An event older than the customer's newest by more than this is late; a deadline that is overdue when it is armed
/// waits for so long. In milliseconds: one hour.
pub const ALLOWED_LATENESS_MILLIS: i64 = 3_600_000;

/// The part of an event that is worth keeping in a state, in memory of its own: an event as it comes in shares the
/// buffer of its whole batch, and would keep that alive.
pub(crate) fn kept(event: &EventView, with_context: bool) -> EventView {
    let own = |json: &LazyJson| {
        let raw = json.raw();
        if raw.is_empty() {
            LazyJson::default()
        } else {
            LazyJson::new(RawJson::from_trusted(Bytes::copy_from_slice(raw.as_bytes())))
        }
    };
    EventView {
        name: Arc::clone(&event.name),
        event_type: event.event_type,
        occurred_at: event.occurred_at,
        received_at: event.received_at,
        message_id: Arc::clone(&event.message_id),
        source: Arc::clone(&event.source),
        user_id: event.user_id.clone(),
        anonymous_id: event.anonymous_id.clone(),
        properties: own(&event.properties),
        traits: own(&event.traits),
        context: if with_context { own(&event.context) } else { LazyJson::default() },
    }
}
