//! Records that events writes itself, and the ids of new customers.

use std::sync::Arc;

use elate_domain::system::{MergedAway, name};
use elate_domain::{CustomerId, Event, EventType, RawJson, SourceId, Timestamp, WorkspaceId};
use uuid::Uuid;

/// The source of records that events writes itself.
pub const SOURCE: &str = "elate";

/// An event that events itself writes, without customer, time and payload.
///
/// # Errors
/// Never in practice: [`SOURCE`] is a valid id.
pub fn own_event(
    workspace: WorkspaceId,
    name: &str,
    message_id: String,
) -> Result<Event, elate_domain::InvalidId> {
    Ok(Event {
        workspace,
        customer: CustomerId::NONE,
        source: SourceId::try_new(SOURCE)?,
        message_id,
        event_type: EventType::System,
        name: Arc::from(name),
        user_id: None,
        anonymous_id: None,
        occurred_at: Timestamp::default(),
        properties: RawJson::default(),
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    })
}

/// The record on the timeline of a loser whom `event` has merged into its customer. It stands before `event`.
///
/// # Errors
/// Never in practice, as [`own_event`].
pub fn merged_away(event: &Event, loser: CustomerId) -> Result<Event, elate_domain::InvalidId> {
    let payload = MergedAway { survivor: event.customer, reason: "anonymous_linked".to_owned() };
    let mut told = own_event(event.workspace.clone(), name::MERGED_AWAY, format!("merged:{loser}"))?;
    told.customer = loser;
    told.occurred_at = event.occurred_at;
    told.properties = RawJson::of(&payload);
    told.historical = event.historical;
    told.trace_parent.clone_from(&event.trace_parent);
    Ok(told)
}

/// The id of the customer whom `event` is the first of, made from `seed`: the same for the same message.
pub fn seeded_customer(seed: &str, event: &Event) -> CustomerId {
    let first = format!("{seed}/{}/{}/{}", event.workspace, event.source, event.message_id);
    CustomerId(Uuid::new_v5(&Uuid::NAMESPACE_OID, first.as_bytes()))
}
