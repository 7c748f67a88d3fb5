//! What scenarios do to a system and ask of it, in a few words.

use elate_proto::common::v1::{CustomerRef, PageRequest, customer_ref};
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{
    ApplyManifestsRequest, EventType, GetCustomerRequest, IngestBatchRequest, IngestMessage, IngestResult,
    ListTimelineRequest, TimelineEntry,
};
use serde_json::Value;

use crate::System;

/// A known user.
pub fn user(id: &str) -> CustomerRef {
    CustomerRef { r#ref: Some(customer_ref::Ref::UserId(id.to_owned())) }
}

/// A track event of a known user, as of now.
pub fn track(message_id: &str, user_id: &str, name: &str, properties: &Value) -> IngestMessage {
    IngestMessage {
        r#type: EventType::Track.into(),
        message_id: message_id.to_owned(),
        name: name.to_owned(),
        user_id: user_id.to_owned(),
        properties: properties.to_string().into_bytes().into(),
        ..Default::default()
    }
}

/// An identify of a user, with the browser that it was known by before.
pub fn identify(message_id: &str, user_id: &str, anonymous_id: &str, traits: &Value) -> IngestMessage {
    IngestMessage {
        r#type: EventType::Identify.into(),
        message_id: message_id.to_owned(),
        user_id: user_id.to_owned(),
        anonymous_id: anonymous_id.to_owned(),
        traits: traits.to_string().into_bytes().into(),
        ..Default::default()
    }
}

impl System {
    /// Appends messages; panics where one is refused.
    pub async fn ingest(&self, messages: Vec<IngestMessage>) -> Vec<IngestResult> {
        let request = IngestBatchRequest { messages, import_id: String::new() };
        let mut client = self.target.ingest().await.expect("events");
        let results = client.ingest_batch(request).await.expect("an answer").into_inner().results;
        for result in &results {
            assert!(
                matches!(result.status(), Status::Accepted | Status::Duplicate),
                "{}: {} {}",
                result.message_id,
                result.field,
                result.reason
            );
        }
        results
    }

    /// Publishes manifests.
    pub async fn apply(&self, documents: &str) {
        let request = ApplyManifestsRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            documents: vec![documents.to_owned()],
            ..Default::default()
        };
        let mut client = self.target.definitions().await.expect("events");
        let applied = client.apply_manifests(request).await;
        if let Err(status) = applied {
            panic!("{}", elate_cli::client::explain(&status));
        }
    }

    /// The whole timeline of a customer, oldest first.
    pub async fn timeline(&self, customer: CustomerRef) -> Vec<TimelineEntry> {
        let mut client = self.target.customers().await.expect("events");
        let mut entries = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListTimelineRequest {
                customer: Some(customer.clone()),
                page: Some(PageRequest { page_size: 500, page_token }),
                oldest_first: true,
                names: Vec::new(),
            };
            let page = client.list_timeline(request).await.expect("a timeline").into_inner();
            entries.extend(page.entries);
            page_token = page.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                return entries;
            }
        }
    }

    /// The payloads of a customer's system events of one name, oldest first.
    pub async fn told(&self, customer: CustomerRef, name: &str) -> Vec<Value> {
        let entries = self.timeline(customer).await;
        let records = entries.into_iter().filter_map(|entry| entry.record);
        records
            .filter(|record| record.name == name)
            .map(|record| serde_json::from_slice(&record.properties).expect("a payload"))
            .collect()
    }

    /// Elate's id of a customer, if it is known.
    pub async fn customer_id(&self, customer: CustomerRef) -> Option<String> {
        let request = GetCustomerRequest { customer: Some(customer) };
        let mut client = self.target.customers().await.expect("events");
        let found = client.get_customer(request).await.ok()?.into_inner();
        Some(found.customer?.customer_id)
    }
}
