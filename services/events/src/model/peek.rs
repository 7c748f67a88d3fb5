//! A look at a stored record without decoding all of it.

use bytes::Bytes;
use elate_domain::CustomerId;
use uuid::Uuid;

/// What is needed to tell whose a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The workspace; empty where the record can't be read.
    pub workspace: Bytes,
    /// The customer; none for tombstones and records about the partition.
    pub customer: CustomerId,
}

/// Reads workspace and customer, the first two fields of a record (`elate.events.v1.Record`), without a copy.
pub fn peek(record: &Bytes) -> Peek {
    let mut rest: &[u8] = record;
    let mut found = Peek { workspace: Bytes::new(), customer: CustomerId::NONE };
    // Fields 1 and 2, both length-delimited: tags 0x0a and 0x12. The encoder writes fields in order of number.
    if let Some(workspace) = field(&mut rest, 0x0a) {
        found.workspace = record.slice_ref(workspace);
    }
    if let Some(customer) = field(&mut rest, 0x12).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) {
        found.customer = CustomerId(Uuid::from_bytes(customer));
    }
    found
}

fn field<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (first, after) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    // Workspace ids have 63 bytes at the most, customer ids 16: the length takes one byte.
    let (length, after) = after.split_first()?;
    let value = after.get(..usize::from(*length)).filter(|_| *length < 0x80)?;
    *rest = &after[usize::from(*length)..];
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elate_domain::{Event, EventType, RawJson, SourceId, Timestamp, WorkspaceId};

    #[test]
    fn a_look_agrees_with_the_codec() {
        let mut event = Event {
            workspace: WorkspaceId::try_new(&"w".repeat(63)).unwrap(),
            customer: CustomerId(Uuid::from_u128(77)),
            source: SourceId::try_new("web").unwrap(),
            message_id: "m".into(),
            event_type: EventType::Track,
            name: "Seen".into(),
            user_id: None,
            anonymous_id: Some("a".into()),
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
        };
        for customer in [event.customer, CustomerId::NONE] {
            event.customer = customer;
            let found = peek(&elate_proto::record::encode(&event));
            assert_eq!(found.workspace.as_ref(), event.workspace.as_str().as_bytes());
            assert_eq!(found.customer, customer);
        }
        assert!(peek(&elate_proto::record::tombstone(&event.workspace)).customer.is_none());
        assert!(peek(&Bytes::from_static(b"\x0a\xff")).workspace.is_empty());
    }
}
