//! Taking answers in: each becomes an event on its customer's timeline, from which it comes back like any other answer.
//!
//! The message id of the event is made of what the record says, so that events recognises a repeat; and where it does
//! not any more, after a long time, the row of the answer does.

use std::collections::HashMap;

use elate_domain::{CustomerId, FieldError, RawJson, WorkspaceId};
use elate_feedback::record::{ANSWERED, Feedback, event_properties};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::ingest_result::Status as Taken;
use elate_proto::events::v1::ingest_service_client::IngestServiceClient;
use elate_proto::events::v1::{EventType, IngestBatchRequest, IngestMessage, IngestResult};
use elate_proto::scoring::v1 as pb;
use elate_proto::scoring::v1::import_feedback_result::{Problem, Status as Became};
use elate_rpc::client;
use elate_rpc::customers::{self, identifiers};
use elate_rpc::validate::{self, Invalid};
use tonic::Status;

use super::{FeedbackGrpc, convert};

/// Records of one request.
const MAX_RECORDS: usize = 500;

/// The user id and the anonymous id of customers that were named by Elate's own id; `None` for unknown ones.
type Known = HashMap<CustomerId, Option<(String, String)>>;

impl FeedbackGrpc {
    pub(super) async fn import(
        &self,
        workspace: &WorkspaceId,
        request: pb::ImportFeedbackRequest,
    ) -> Result<Vec<pb::ImportFeedbackResult>, Status> {
        let import_id = validate::request_id("import_id", request.import_id).map_err(Invalid::from)?;
        if request.records.len() > MAX_RECORDS {
            let error = FieldError::new("records", format!("has more than {MAX_RECORDS} entries"));
            return Err(Invalid::from(error).into());
        }
        let mut known = Known::new();
        let (mut results, mut messages, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for record in request.records {
            let message = match read(record) {
                Ok(record) => self.message(workspace, &record, &mut known).await?,
                Err(wrong) => Err(wrong),
            };
            match message {
                Ok(message) => {
                    places.push(results.len());
                    messages.push(message);
                    results.push(pb::ImportFeedbackResult::default());
                }
                Err(wrong) => results.push(refused(wrong)),
            }
        }
        if messages.is_empty() {
            return Ok(results);
        }
        let mut ingest = IngestServiceClient::new(client::acting_in(self.events.clone(), workspace));
        let batch = IngestBatchRequest { messages, import_id: import_id.unwrap_or_default() };
        let taken = ingest.ingest_batch(batch).await?.into_inner().results;
        for (place, taken) in places.into_iter().zip(taken) {
            if let Some(result) = results.get_mut(place) {
                *result = became(taken);
            }
        }
        Ok(results)
    }

    /// The event of a record; the inner error is the record's, the outer one that of the whole request.
    async fn message(
        &self,
        workspace: &WorkspaceId,
        record: &Feedback,
        known: &mut Known,
    ) -> Result<Result<IngestMessage, Vec<FieldError>>, Status> {
        let (user_id, anonymous_id) = match (&record.by.user, &record.by.anonymous, record.by.customer) {
            (Some(user), ..) => (user.clone(), String::new()),
            (None, Some(anonymous), _) => (String::new(), anonymous.clone()),
            (None, None, Some(customer)) => match self.identifiers(workspace, customer, known).await? {
                Some(found) => found,
                None => {
                    let reason = "there is no such customer in this workspace";
                    return Ok(Err(vec![FieldError::new("customer.customer_id", reason)]));
                }
            },
            // Of nobody who is known: the answer stands on a timeline of its own, the same for the same submission.
            (None, None, None) => (String::new(), format!("feedback:{}", hex(&submission(record)))),
        };
        Ok(Ok(IngestMessage {
            r#type: EventType::Track.into(),
            message_id: format!("feedback:{}", hex(&record.fingerprint().0)),
            name: ANSWERED.to_owned(),
            user_id,
            anonymous_id,
            original_time: Some(validate::proto_timestamp(record.submitted_at)),
            properties: RawJson::of(&event_properties(record)).as_bytes().to_vec().into(),
            ..IngestMessage::default()
        }))
    }

    async fn identifiers(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        known: &mut Known,
    ) -> Result<Option<(String, String)>, Status> {
        if let Some(found) = known.get(&customer) {
            return Ok(found.clone());
        }
        let named = CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) };
        let found = match self.customers.get(workspace, "customer", Some(named)).await {
            Ok(found) => identifiers(&found),
            Err(customers::Error::Unknown) => None,
            Err(error @ (customers::Error::Invalid(_) | customers::Error::Unavailable(_))) => {
                return Err(error.into());
            }
        };
        known.insert(customer, found.clone());
        Ok(found)
    }
}

fn read(record: pb::FeedbackRecord) -> Result<Feedback, Vec<FieldError>> {
    let draft = convert::draft(record).map_err(|error| vec![error]);
    let renamed = |wrong: Vec<FieldError>| {
        wrong.into_iter().map(|wrong| FieldError { field: convert::field(&wrong.field), ..wrong }).collect()
    };
    draft.and_then(Feedback::try_from).map_err(renamed)
}

/// Which submission it is, whatever the question: a score and its comment stand on one timeline.
fn submission(record: &Feedback) -> [u8; 16] {
    Feedback { question: String::new(), ..record.clone() }.key().0
}

fn refused(wrong: Vec<FieldError>) -> pb::ImportFeedbackResult {
    let problem = |wrong: FieldError| Problem { field: wrong.field, reason: wrong.reason };
    pb::ImportFeedbackResult {
        status: Became::Rejected.into(),
        problems: wrong.into_iter().map(problem).collect(),
    }
}

fn became(taken: IngestResult) -> pb::ImportFeedbackResult {
    match taken.status() {
        Taken::Accepted => pb::ImportFeedbackResult { status: Became::Accepted.into(), problems: Vec::new() },
        Taken::Duplicate => {
            pb::ImportFeedbackResult { status: Became::Duplicate.into(), problems: Vec::new() }
        }
        Taken::Rejected | Taken::Unspecified => refused(vec![FieldError::new(taken.field, taken.reason)]),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
