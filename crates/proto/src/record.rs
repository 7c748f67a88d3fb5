//! The codec of log records: [`Event`] to the bytes that the log keeps, and back.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{
    Cause, CustomerId, Event, EventType, Offset, Partition, Producer, RawJson, Record, SourceId, Timestamp,
    WorkspaceId,
};
use prost::Message;

use crate::events::v1 as pb;

/// A stored record that can't be read. It was written by us, so this is damage or a future format.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the protobuf message.
    #[error("the record is no elate.events.v1.Record: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A field that does not hold what it must.
    #[error("the record's {field} {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Encodes an event as the log keeps it.
pub fn encode(event: &Event) -> Bytes {
    to_proto(event).encode_to_vec().into()
}

/// A record from which only its place is left.
pub fn tombstone(workspace: &WorkspaceId) -> Bytes {
    let record =
        pb::Record { workspace_id: workspace.as_str().to_owned(), tombstone: true, ..Default::default() };
    record.encode_to_vec().into()
}

/// Decodes a stored record; `None` for a tombstone.
pub fn decode(bytes: Bytes) -> Result<Option<Event>, DecodeError> {
    from_proto(pb::Record::decode(bytes)?)
}

/// What stands at the front of a record: enough to tell whose it is and who needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Front<'a> {
    /// The workspace; empty where the record can't be read.
    pub workspace: &'a [u8],
    /// The customer; none for tombstones, records about the partition, and damage.
    pub customer: CustomerId,
    /// The type and the name, which is empty where the event has none; `None` for tombstones and damage.
    pub kind: Option<(EventType, &'a str)>,
}

/// Looks at the front of a stored record without decoding the rest, and without a copy.
pub fn front(record: &[u8]) -> Front<'_> {
    let mut front = Front { workspace: &[], customer: CustomerId::NONE, kind: None };
    // Of a damaged record stands what was read before the damage.
    let _whole = scan(record, &mut front);
    front
}

/// `None` at the first damage.
fn scan<'a>(mut rest: &'a [u8], front: &mut Front<'a>) -> Option<()> {
    let mut event_type = None;
    // The encoder writes fields in the order of their numbers, and leaves out those that are empty.
    loop {
        let (tag, mut after) = rest.split_first().map_or((0, rest), |(tag, after)| (*tag, after));
        match tag {
            WORKSPACE => front.workspace = bytes(&mut after)?,
            CUSTOMER => front.customer = customer_from_bytes(bytes(&mut after)?).ok()?,
            SOURCE | MESSAGE => {
                bytes(&mut after)?;
            }
            TYPE => {
                let number = prost::encoding::decode_varint(&mut after).ok()?;
                event_type = event_type_from_proto(i32::try_from(number).ok()?);
            }
            NAME => {
                front.kind = Some((event_type?, std::str::from_utf8(bytes(&mut after)?).ok()?));
                return Some(());
            }
            _ => {
                front.kind = event_type.map(|event_type| (event_type, ""));
                return Some(());
            }
        }
        rest = after;
    }
}

// Tags of the first fields of `elate.events.v1.Record`: number and wire type.
const WORKSPACE: u8 = 0x0a;
const CUSTOMER: u8 = 0x12;
const SOURCE: u8 = 0x1a;
const MESSAGE: u8 = 0x22;
const TYPE: u8 = 0x28;
const NAME: u8 = 0x32;

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(prost::encoding::decode_varint(rest).ok()?).ok()?;
    let (value, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// Decodes all records of a batch.
pub fn decode_batch(batch: pb::RecordBatch) -> Result<Vec<Record>, DecodeError> {
    let partition = Partition(batch.partition);
    let received_at = Timestamp(batch.received_time_ms);
    (batch.first_offset..)
        .zip(batch.records)
        .map(|(offset, bytes)| {
            Ok(Record { partition, offset: Offset(offset), received_at, event: decode(bytes)? })
        })
        .collect()
}

/// The event type as the contract spells it.
pub fn event_type_to_proto(event_type: EventType) -> pb::EventType {
    match event_type {
        EventType::Track => pb::EventType::Track,
        EventType::Identify => pb::EventType::Identify,
        EventType::Page => pb::EventType::Page,
        EventType::Screen => pb::EventType::Screen,
        EventType::Group => pb::EventType::Group,
        EventType::Alias => pb::EventType::Alias,
        EventType::System => pb::EventType::System,
    }
}

/// The event type that the contract means; `None` where it is unspecified or unknown.
pub fn event_type_from_proto(event_type: i32) -> Option<EventType> {
    match pb::EventType::try_from(event_type).ok()? {
        pb::EventType::Unspecified => None,
        pb::EventType::Track => Some(EventType::Track),
        pb::EventType::Identify => Some(EventType::Identify),
        pb::EventType::Page => Some(EventType::Page),
        pb::EventType::Screen => Some(EventType::Screen),
        pb::EventType::Group => Some(EventType::Group),
        pb::EventType::Alias => Some(EventType::Alias),
        pb::EventType::System => Some(EventType::System),
    }
}

/// The message for an event.
pub fn to_proto(event: &Event) -> pb::Record {
    let customer_id = if event.customer.is_none() {
        Bytes::new()
    } else {
        Bytes::copy_from_slice(event.customer.0.as_bytes())
    };
    pb::Record {
        workspace_id: event.workspace.as_str().to_owned(),
        customer_id,
        source_id: event.source.as_str().to_owned(),
        message_id: event.message_id.clone(),
        r#type: event_type_to_proto(event.event_type).into(),
        name: event.name.as_ref().to_owned(),
        user_id: event.user_id.clone().unwrap_or_default(),
        anonymous_id: event.anonymous_id.clone().unwrap_or_default(),
        occurred_time_ms: event.occurred_at.0,
        properties: event.properties.to_bytes(),
        traits: event.traits.to_bytes(),
        context: event.context.to_bytes(),
        caused_by: event.caused_by.as_ref().map(|cause| pb::Cause {
            partition: cause.partition.0,
            offset: cause.offset.0,
            message_id: cause.message_id.clone(),
            hops: cause.hops,
        }),
        producer: event.producer.as_ref().map(|producer| pb::Producer {
            service: producer.service.as_ref().to_owned(),
            partition: producer.partition.0,
            generation: producer.generation,
            sequence: producer.sequence,
        }),
        historical: event.historical,
        clamped: event.clamped,
        conflicting: event.conflicting,
        trace_parent: event.trace_parent.as_deref().unwrap_or_default().to_owned(),
        tombstone: false,
    }
}

/// The event of a message; `None` for a tombstone.
pub fn from_proto(record: pb::Record) -> Result<Option<Event>, DecodeError> {
    if record.tombstone {
        return Ok(None);
    }
    let event_type = event_type_from_proto(record.r#type).ok_or_else(|| DecodeError::Field {
        field: "type",
        reason: format!("{} is unknown", record.r#type),
    })?;
    let workspace = WorkspaceId::try_from(record.workspace_id)
        .map_err(|e| DecodeError::Field { field: "workspace_id", reason: e.reason })?;
    let source = SourceId::try_from(record.source_id)
        .map_err(|e| DecodeError::Field { field: "source_id", reason: e.reason })?;
    Ok(Some(Event {
        workspace,
        customer: customer_from_bytes(&record.customer_id)?,
        source,
        message_id: record.message_id,
        event_type,
        name: record.name.into(),
        user_id: non_empty(record.user_id),
        anonymous_id: non_empty(record.anonymous_id),
        occurred_at: Timestamp(record.occurred_time_ms),
        properties: RawJson::from_trusted(record.properties),
        traits: RawJson::from_trusted(record.traits),
        context: RawJson::from_trusted(record.context),
        caused_by: record.caused_by.map(|cause| Cause {
            partition: Partition(cause.partition),
            offset: Offset(cause.offset),
            message_id: cause.message_id,
            hops: cause.hops,
        }),
        producer: record.producer.map(|producer| Producer {
            service: producer.service.into(),
            partition: Partition(producer.partition),
            generation: producer.generation,
            sequence: producer.sequence,
        }),
        historical: record.historical,
        clamped: record.clamped,
        conflicting: record.conflicting,
        trace_parent: non_empty(record.trace_parent).map(Arc::from),
    }))
}

/// Reads a customer id of 16 bytes; none where it is empty.
pub fn customer_from_bytes(bytes: &[u8]) -> Result<CustomerId, DecodeError> {
    if bytes.is_empty() {
        return Ok(CustomerId::NONE);
    }
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| DecodeError::Field {
        field: "customer_id",
        reason: format!("has {} bytes instead of 16", bytes.len()),
    })?;
    Ok(CustomerId(uuid::Uuid::from_bytes(bytes)))
}

fn non_empty(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(customer: CustomerId, event_type: EventType, name: &str) -> Event {
        Event {
            workspace: WorkspaceId::try_new("shop").unwrap(),
            customer,
            source: SourceId::try_new("web").unwrap(),
            message_id: "m".repeat(100),
            event_type,
            name: name.into(),
            user_id: Some("u".into()),
            anonymous_id: None,
            occurred_at: Timestamp(5),
            properties: RawJson::default(),
            traits: RawJson::default(),
            context: RawJson::default(),
            caused_by: None,
            producer: None,
            historical: false,
            clamped: false,
            conflicting: false,
            trace_parent: None,
        }
    }

    #[test]
    fn the_front_agrees_with_the_codec() {
        let customer = CustomerId(uuid::Uuid::from_u128(7));
        let long = "n".repeat(300);
        for customer in [customer, CustomerId::NONE] {
            for (event_type, name) in
                [(EventType::Track, "Seen"), (EventType::System, long.as_str()), (EventType::Identify, "")]
            {
                let mut event = event(customer, event_type, name);
                event.workspace = WorkspaceId::try_new(&"w".repeat(63)).unwrap();
                let workspace = event.workspace.as_str().as_bytes();
                assert_eq!(
                    front(&encode(&event)),
                    Front { workspace, customer, kind: Some((event_type, name)) }
                );
            }
        }
    }

    #[test]
    fn what_the_front_can_not_tell_is_left_open() {
        let shop = WorkspaceId::try_new("shop").unwrap();
        let none = Front { workspace: b"shop", customer: CustomerId::NONE, kind: None };
        assert_eq!(front(&tombstone(&shop)), none);
        let record = encode(&event(CustomerId(uuid::Uuid::from_u128(7)), EventType::Track, "Seen"));
        for end in 0..record.len().min(130) {
            // Cut off anywhere: never a panic, and never another name.
            assert!(front(&record[..end]).kind.is_none_or(|(_, name)| "Seen".starts_with(name)));
        }
        assert_eq!(front(&[0xff; 40]).kind, None);
        assert!(front(b"\x0a\xff").workspace.is_empty());
    }
}
