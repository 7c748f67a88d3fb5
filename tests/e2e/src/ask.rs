//! What scenarios do in a workspace and ask of it.

use std::time::Duration;

use elate_proto::common::v1::{CustomerRef, PageRequest};
use elate_proto::events::v1::ingest_result::Status as Taken;
use elate_proto::events::v1::{
    ApplyManifestsRequest, ApplyManifestsResponse, Customer, GetCustomerRequest, IngestBatchRequest,
    IngestMessage, IngestResult, ListTimelineRequest, TimelineEntry,
};
use elate_proto::journeys::v1::{
    ExplainPlayRequest, ListCasesRequest, ListMomentsRequest, ListPromisesRequest, Moment, PlayEvaluation,
    Promise, RecoveryCase,
};
use elate_proto::notifications::v1::{ListNotificationsRequest, Notification};
use elate_proto::scoring::v1::{ExplainScoreRequest, ExplainScoreResponse};
use elate_testkit::eventually;
use serde_json::Value;
use tonic::Status;

use crate::{Workspace, explain};

/// How long scenarios wait for what should come in a moment, on a loaded machine with debug builds.
pub const SOON: Duration = Duration::from_secs(30);

fn first_page() -> Option<PageRequest> {
    Some(PageRequest { page_size: 500, page_token: String::new() })
}

impl Workspace {
    /// Appends messages with the write key; panics where one is refused.
    pub async fn ingest(&self, messages: Vec<IngestMessage>) -> Vec<IngestResult> {
        let results = self.try_ingest(messages).await.unwrap_or_else(|status| panic!("{}", explain(&status)));
        for result in &results {
            assert!(
                matches!(result.status(), Taken::Accepted | Taken::Duplicate),
                "{}: {} {}",
                result.message_id,
                result.field,
                result.reason
            );
        }
        results
    }

    /// Appends messages with the write key.
    pub async fn try_ingest(&self, messages: Vec<IngestMessage>) -> Result<Vec<IngestResult>, Status> {
        let request = IngestBatchRequest { messages, import_id: String::new() };
        Ok(self.writer.ingest().ingest_batch(request).await?.into_inner().results)
    }

    /// Publishes manifests.
    pub async fn apply(&self, documents: &str) -> ApplyManifestsResponse {
        self.try_apply(documents).await.unwrap_or_else(|status| panic!("{}", explain(&status)))
    }

    /// Publishes manifests, or is refused.
    pub async fn try_apply(&self, documents: &str) -> Result<ApplyManifestsResponse, Status> {
        let request = ApplyManifestsRequest {
            request_id: uuid::Uuid::now_v7().to_string(),
            documents: vec![documents.to_owned()],
            ..Default::default()
        };
        Ok(self.admin.definitions().apply_manifests(request).await?.into_inner())
    }

    /// The whole timeline of a customer, oldest first.
    pub async fn timeline(&self, customer: CustomerRef) -> Vec<TimelineEntry> {
        let mut client = self.admin.customers();
        let mut entries = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListTimelineRequest {
                customer: Some(customer.clone()),
                page: Some(PageRequest { page_size: 500, page_token }),
                oldest_first: true,
                names: Vec::new(),
            };
            let page = client
                .list_timeline(request)
                .await
                .unwrap_or_else(|s| panic!("{}", explain(&s)))
                .into_inner();
            entries.extend(page.entries);
            page_token = page.page.unwrap_or_default().next_page_token;
            if page_token.is_empty() {
                return entries;
            }
        }
    }

    /// The names on a customer's timeline, oldest first.
    pub async fn names(&self, customer: CustomerRef) -> Vec<String> {
        let entries = self.timeline(customer).await;
        entries.into_iter().filter_map(|entry| entry.record).map(|record| record.name).collect()
    }

    /// The payloads of a customer's events of one name, oldest first.
    pub async fn told(&self, customer: CustomerRef, name: &str) -> Vec<Value> {
        let entries = self.timeline(customer).await;
        let records = entries.into_iter().filter_map(|entry| entry.record);
        records
            .filter(|record| record.name == name)
            .map(|record| serde_json::from_slice(&record.properties).expect("a payload"))
            .collect()
    }

    /// Waits for an event of this name for which `fits` holds, and returns its payload.
    pub async fn wait_for(&self, customer: CustomerRef, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(SOON, || async {
            let told = self.told(customer.clone(), name).await;
            match told.iter().find(|payload| fits(payload)) {
                Some(payload) => Ok(payload.clone()),
                None => Err(format!("{name} of {customer:?}: {told:?}")),
            }
        })
        .await
    }

    /// A customer, if it is known.
    pub async fn customer(&self, customer: CustomerRef) -> Option<Customer> {
        let request = GetCustomerRequest { customer: Some(customer) };
        self.admin.customers().get_customer(request).await.ok()?.into_inner().customer
    }

    /// A customer's promises.
    pub async fn promises(&self, customer: CustomerRef) -> Vec<Promise> {
        let request =
            ListPromisesRequest { customer: Some(customer), page: first_page(), ..Default::default() };
        self.admin
            .journeys()
            .list_promises(request)
            .await
            .map(|r| r.into_inner().promises)
            .unwrap_or_default()
    }

    /// A customer's moments, as they stand.
    pub async fn moments(&self, customer: CustomerRef) -> Vec<Moment> {
        let request = ListMomentsRequest { customer: Some(customer), page: first_page() };
        self.admin.journeys().list_moments(request).await.map(|r| r.into_inner().moments).unwrap_or_default()
    }

    /// A customer's recovery cases.
    pub async fn cases(&self, customer: CustomerRef) -> Vec<RecoveryCase> {
        let request = ListCasesRequest { customer: Some(customer), page: first_page(), ..Default::default() };
        self.admin.journeys().list_cases(request).await.map(|r| r.into_inner().cases).unwrap_or_default()
    }

    /// Why a customer entered a play, or did not.
    pub async fn why(&self, play: &str, customer: CustomerRef) -> Vec<PlayEvaluation> {
        let request = ExplainPlayRequest { play: play.to_owned(), customer: Some(customer) };
        let explained = self.admin.journeys().explain_play(request).await;
        explained.map(|r| r.into_inner().evaluations).unwrap_or_default()
    }

    /// A customer's messages.
    pub async fn notifications(&self, customer: CustomerRef) -> Vec<Notification> {
        let request =
            ListNotificationsRequest { customer: Some(customer), page: first_page(), ..Default::default() };
        let listed = self.admin.notifications().list_notifications(request).await;
        listed.map(|r| r.into_inner().notifications).unwrap_or_default()
    }

    /// A customer's score, taken apart.
    pub async fn explained(&self, customer: CustomerRef) -> Result<ExplainScoreResponse, Status> {
        let request = ExplainScoreRequest { customer: Some(customer), at_time: None, as_known_time: None };
        Ok(self.admin.scoring().explain_score(request).await?.into_inner())
    }

    /// A customer's delight, if it has one.
    pub async fn delight(&self, customer: CustomerRef) -> Option<f64> {
        Some(self.explained(customer).await.ok()?.score?.delight)
    }
}
