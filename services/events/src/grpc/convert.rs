//! From the contracts' types to the model's, and back.

use elate_domain::{CustomerId, FieldError};
use elate_proto::common::v1 as common;
use elate_proto::events::v1 as pb;
use elate_proto::record::{self, event_type_from_proto, event_type_to_proto};
use elate_rpc::validate::{self, proto_timestamp, required};

use crate::model::catalog::{CatalogEvent, CatalogProperty};
use crate::model::customer::{Customer, CustomerRef, Receipt, TimelineEntry};
use crate::model::definitions::{Change, ManifestChange};
use crate::model::key::{Key, NewSecret, Role};
use crate::model::message::{MAX_ID, Message, Outcome};
use crate::model::page::PageRequest;

type Result<T> = std::result::Result<T, FieldError>;

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Reads a message as far as its types go; what it says is checked by the use-case.
pub(super) fn message(message: pb::IngestMessage) -> Result<Message> {
    let event_type = event_type_from_proto(message.r#type).ok_or_else(|| {
        FieldError::new("type", "is required: track, identify, page, screen, group or alias")
    })?;
    let time = |field: &str, time: Option<prost_types::Timestamp>| {
        time.map(|time| validate::timestamp(field, time)).transpose()
    };
    Ok(Message {
        event_type,
        message_id: message.message_id,
        name: message.name,
        user_id: some(message.user_id),
        anonymous_id: some(message.anonymous_id),
        original_time: time("original_time", message.original_time)?,
        sent_time: time("sent_time", message.sent_time)?,
        properties: message.properties,
        traits: message.traits,
        context: message.context,
        previous_id: some(message.previous_id),
        group_id: some(message.group_id),
    })
}

pub(super) fn ingest_result(outcome: Outcome) -> pb::IngestResult {
    use pb::ingest_result::Status;
    match outcome {
        Outcome::Accepted { message_id, customer } => pb::IngestResult {
            status: Status::Accepted.into(),
            message_id,
            customer_id: customer.to_string(),
            ..Default::default()
        },
        Outcome::Duplicate { message_id, customer } => pb::IngestResult {
            status: Status::Duplicate.into(),
            message_id,
            customer_id: customer.map(|id| id.to_string()).unwrap_or_default(),
            ..Default::default()
        },
        Outcome::Rejected { message_id, field, reason } => pb::IngestResult {
            status: Status::Rejected.into(),
            message_id,
            field,
            reason,
            ..Default::default()
        },
    }
}

pub(super) fn customer_ref(field: &str, customer: Option<common::CustomerRef>) -> Result<CustomerRef> {
    use common::customer_ref::Ref;
    let which = required(field, customer.and_then(|customer| customer.r#ref))?;
    let read = || match which {
        Ref::CustomerId(id) => validate::customer_id("customer_id", &id).map(CustomerRef::Id),
        Ref::UserId(id) => validate::text("user_id", id, MAX_ID).map(CustomerRef::User),
        Ref::AnonymousId(id) => validate::text("anonymous_id", id, MAX_ID).map(CustomerRef::Anonymous),
    };
    read().map_err(|error| error.under(field))
}

pub(super) fn page_request(page: Option<common::PageRequest>) -> Result<PageRequest> {
    let page = page.unwrap_or_default();
    if page.page_size > validate::MAX_PAGE_SIZE {
        return Err(FieldError::new("page.page_size", format!("is more than {}", validate::MAX_PAGE_SIZE)));
    }
    Ok(PageRequest { size: page.page_size, token: page.page_token })
}

pub(super) fn page_info(next: String) -> Option<common::PageInfo> {
    Some(common::PageInfo { next_page_token: next })
}

pub(super) fn customer(customer: Customer) -> pb::Customer {
    pb::Customer {
        customer_id: customer.id.to_string(),
        user_ids: customer.user_ids,
        anonymous_ids: customer.anonymous_ids,
        traits: customer.traits.to_bytes(),
        created_time: Some(proto_timestamp(customer.created_at)),
        merged_ids: customer.merged.iter().map(CustomerId::to_string).collect(),
    }
}

pub(super) fn timeline_entry(entry: TimelineEntry) -> pb::TimelineEntry {
    pb::TimelineEntry {
        partition: entry.partition.0,
        offset: entry.offset.0,
        occurred_time: Some(proto_timestamp(entry.event.occurred_at)),
        received_time: Some(proto_timestamp(entry.received_at)),
        record: Some(record::to_proto(&entry.event)),
    }
}

pub(super) fn receipt(receipt: Receipt) -> pb::ErasureReceipt {
    pb::ErasureReceipt {
        service: receipt.service,
        purged_time: Some(proto_timestamp(receipt.purged_at)),
        purged: receipt.purged,
    }
}

pub(super) fn catalog_event(event: CatalogEvent) -> pb::CatalogEvent {
    let property = |property: CatalogProperty| pb::CatalogProperty {
        path: property.path,
        types: property.types.into_iter().collect(),
    };
    pb::CatalogEvent {
        r#type: event_type_to_proto(event.event_type).into(),
        name: event.name,
        first_seen_time: Some(proto_timestamp(event.first_seen)),
        properties: event.properties.into_iter().map(property).collect(),
    }
}

pub(super) fn manifest_change(change: ManifestChange) -> pb::ManifestChange {
    use pb::manifest_change::Change as Wire;
    let kind = match change.change {
        Change::Created => Wire::Created,
        Change::Updated => Wire::Updated,
        Change::Unchanged => Wire::Unchanged,
        Change::Deleted => Wire::Deleted,
    };
    pb::ManifestChange { manifest: change.manifest, change: kind.into(), diff: change.diff }
}

pub(super) fn role_from_proto(field: &str, role: i32) -> Result<Role> {
    match Role::from_proto(role) {
        Some(Role::Service) => {
            Err(FieldError::new(field, "can't be service: that credential comes from the configuration"))
        }
        Some(role) => Ok(role),
        None => Err(FieldError::new(field, "is required: writer, reader, editor, operator or admin")),
    }
}

pub(super) fn key(key: Key) -> pb::Key {
    pb::Key {
        key_id: key.id,
        name: key.name,
        role: key.role.to_proto().into(),
        source_id: key.source.into(),
        created_time: Some(proto_timestamp(key.created_at)),
        revoked_time: key.revoked_at.map(proto_timestamp),
    }
}

pub(super) fn new_secret(new: NewSecret) -> (Option<pb::Key>, String) {
    (Some(key(new.key)), new.secret)
}
