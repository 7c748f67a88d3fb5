//! Taking messages in, in batches and as a stream.

use std::sync::Arc;

use elate_proto::events::v1 as pb;
use elate_proto::events::v1::ingest_service_server::IngestService;
use elate_rpc::{Identity, Role, identity};
use elate_telemetry::trace::current_traceparent;
use futures::stream::{BoxStream, StreamExt as _};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::{convert, source_of};
use crate::app::Error;
use crate::metrics;
use crate::model::message::{Batch, MAX_MESSAGES, Outcome};
use crate::ports::Ingest;

/// Bytes of one batch at the most, as encoded.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

#[derive(Clone)]
pub(super) struct Service {
    ingest: Arc<dyn Ingest>,
    // Batches of one stream that are appended at the same time. More are not read from the stream: the sender waits.
    stream_batches: usize,
}

impl Service {
    pub(super) fn new(ingest: Arc<dyn Ingest>, stream_batches: usize) -> Self {
        Self { ingest, stream_batches: stream_batches.max(1) }
    }

    async fn append(
        &self,
        caller: &Identity,
        request: pb::IngestBatchRequest,
    ) -> Result<Vec<pb::IngestResult>, Status> {
        let (batch, refused) = decode(caller, request)?;
        let appended = if batch.messages.is_empty() { Vec::new() } else { self.ingest.append(batch).await? };
        let outcomes = interleave(appended, refused);
        metrics::count("grpc", &outcomes);
        Ok(outcomes.into_iter().map(convert::ingest_result).collect())
    }
}

/// Messages that can't be read, at their places.
type Refused = Vec<(usize, Outcome)>;

fn decode(caller: &Identity, request: pb::IngestBatchRequest) -> Result<(Batch, Refused), Status> {
    // Imports change the past and rank lowest; who may only append may not start one.
    if !request.import_id.is_empty() {
        caller.require(Role::Operator)?;
    }
    if request.messages.len() > MAX_MESSAGES {
        return Err(Error::TooLarge { what: "messages", limit: format!("{MAX_MESSAGES} messages") }.into());
    }
    if request.encoded_len() > MAX_BATCH_BYTES {
        return Err(Error::TooLarge { what: "the batch", limit: "4 MiB".to_owned() }.into());
    }
    let (mut messages, mut refused) = (Vec::with_capacity(request.messages.len()), Vec::new());
    for (index, message) in request.messages.into_iter().enumerate() {
        let message_id = message.message_id.clone();
        match convert::message(message) {
            Ok(message) => messages.push(message),
            Err(error) => {
                refused.push((
                    index,
                    Outcome::Rejected { message_id, field: error.field, reason: error.reason },
                ));
            }
        }
    }
    let batch = Batch {
        workspace: caller.workspace()?.clone(),
        source: source_of(caller)?,
        import_id: (!request.import_id.is_empty()).then_some(request.import_id),
        trace_parent: current_traceparent().map(Into::into),
        messages,
    };
    Ok((batch, refused))
}

/// Puts the refused back at their places among the appended.
fn interleave(appended: Vec<Outcome>, refused: Refused) -> Vec<Outcome> {
    if refused.is_empty() {
        return appended;
    }
    let mut outcomes = Vec::with_capacity(appended.len() + refused.len());
    let mut appended = appended.into_iter();
    for (index, outcome) in refused {
        outcomes.extend(appended.by_ref().take(index - outcomes.len()));
        outcomes.push(outcome);
    }
    outcomes.extend(appended);
    outcomes
}

#[tonic::async_trait]
impl IngestService for Service {
    async fn ingest_batch(
        &self,
        request: Request<pb::IngestBatchRequest>,
    ) -> Result<Response<pb::IngestBatchResponse>, Status> {
        let caller = identity(&request)?.require(Role::Writer)?.clone();
        let results = self.append(&caller, request.into_inner()).await?;
        Ok(Response::new(pb::IngestBatchResponse { results }))
    }

    type IngestStreamStream = BoxStream<'static, Result<pb::IngestStreamResponse, Status>>;

    /// Acknowledges in the order of the requests. The stream ends with the first batch that fails as a whole; the sender
    /// then repeats what was not acknowledged, and repeats are recognised.
    async fn ingest_stream(
        &self,
        request: Request<Streaming<pb::IngestStreamRequest>>,
    ) -> Result<Response<Self::IngestStreamStream>, Status> {
        let caller = Arc::new(identity(&request)?.require(Role::Writer)?.clone());
        let service = self.clone();
        let one = move |request: Result<pb::IngestStreamRequest, Status>| {
            let (service, caller) = (service.clone(), Arc::clone(&caller));
            async move {
                let request = request?;
                let batch = request.batch.unwrap_or_default();
                let results = service.append(&caller, batch).await?;
                Ok(pb::IngestStreamResponse { sequence: request.sequence, results })
            }
        };
        let answers = request.into_inner().map(one).buffered(self.stream_batches);
        Ok(Response::new(end_after_error(answers).boxed()))
    }
}

/// A stream that ends with its first error.
fn end_after_error<T>(
    answers: impl futures::Stream<Item = Result<T, Status>> + Send,
) -> impl futures::Stream<Item = Result<T, Status>> + Send
where
    T: Send,
{
    answers.scan(false, |failed, answer| {
        let ended = std::mem::replace(failed, *failed || answer.is_err());
        std::future::ready((!ended).then_some(answer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(id: &str) -> Outcome {
        Outcome::Rejected {
            message_id: id.to_owned(),
            field: "type".to_owned(),
            reason: "is required".to_owned(),
        }
    }

    fn duplicate(id: &str) -> Outcome {
        Outcome::Duplicate { message_id: id.to_owned(), customer: None }
    }

    #[test]
    fn results_stand_in_the_order_of_the_messages() {
        let outcomes = interleave(
            vec![duplicate("b"), duplicate("d")],
            vec![(0, rejected("a")), (2, rejected("c")), (4, rejected("e"))],
        );
        let ids: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Accepted { message_id, .. }
                | Outcome::Duplicate { message_id, .. }
                | Outcome::Rejected { message_id, .. } => message_id.as_str(),
            })
            .collect();
        assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    }

    #[tokio::test]
    async fn nothing_follows_the_first_error() {
        let answers = futures::stream::iter([Ok(1), Err(Status::unavailable("x")), Ok(2)]);
        let seen: Vec<_> = end_after_error(answers).map(|answer| answer.is_ok()).collect().await;
        assert_eq!(seen, [true, false]);
    }
}
