//! The log, as Elate's own services see it.

use std::sync::Arc;

use bytes::Bytes;
use elate_domain::{Event, FieldError, Offset, Partition, WorkspaceId};
use elate_log::{Item, Stored};
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::log_service_server::LogService;
use elate_proto::record;
use elate_rpc::validate::{self, Fields, Invalid};
use elate_rpc::{Role, identity};
use futures::stream::{BoxStream, StreamExt as _};
use futures::{FutureExt as _, Stream};
use tonic::{Request, Response, Status};

use super::convert;
use crate::app::{Error, KEY_CACHE};
use crate::ports::{Admin, CustomerLog};

/// Bytes of records in one answer, about: large enough to be worth a frame, small enough for any client's limit.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Marks and batches in one answer at the most.
const ANSWER_ITEMS: usize = 256;

pub(super) struct Service {
    log: Arc<dyn CustomerLog>,
    admin: Arc<dyn Admin>,
}

impl Service {
    pub(super) fn new(log: Arc<dyn CustomerLog>, admin: Arc<dyn Admin>) -> Self {
        Self { log, admin }
    }
}

/// Adds an item to an answer; the bytes that it adds. A batch that alone is too large for an answer is cut: the pieces are
/// batches with offsets of their own.
fn add(answer: &mut pb::FollowPartitionsResponse, item: Item) -> usize {
    match item {
        Item::Mark(mark) => {
            answer.marks.push(pb::Mark {
                partition: mark.partition.0,
                last_offset: mark.last.0,
                time_ms: mark.time.0,
            });
            16
        }
        Item::Batch(batch) => {
            answer.batches.push(pb::RecordBatch {
                partition: batch.partition.0,
                first_offset: batch.first.0,
                received_time_ms: batch.received_at.0,
                records: batch.records.clone(),
            });
            batch.bytes()
        }
    }
}

fn split(answer: pb::FollowPartitionsResponse) -> Vec<pb::FollowPartitionsResponse> {
    let mut answers = Vec::new();
    let (mut current, mut bytes) = (pb::FollowPartitionsResponse::default(), 0);
    for batch in answer.batches {
        let mut piece = pb::RecordBatch { records: Vec::new(), ..batch };
        for (offset, stored) in (batch.first_offset..).zip(batch.records) {
            if bytes > 0 && bytes + stored.len() > ANSWER_BYTES {
                if !piece.records.is_empty() {
                    current.batches.push(piece.clone());
                    piece = pb::RecordBatch { first_offset: offset, records: Vec::new(), ..piece };
                }
                answers.push(std::mem::take(&mut current));
                bytes = 0;
            }
            bytes += stored.len();
            piece.records.push(stored);
        }
        current.batches.push(piece);
    }
    // Marks come after all records that they cover, so they go with the last piece.
    current.marks = answer.marks;
    answers.push(current);
    answers
}

/// Answers made of what is there: the first item is waited for, others come along if they are ready.
fn answers(
    items: BoxStream<'static, Result<Item, elate_log::Error>>,
) -> impl Stream<Item = Result<pb::FollowPartitionsResponse, Status>> {
    let gathered = futures::stream::unfold(Some(items), |items| async move {
        let mut items = items?;
        let (mut answer, mut bytes, mut count) = (pb::FollowPartitionsResponse::default(), 0, 0);
        let mut next = items.next().await;
        loop {
            match next {
                Some(Ok(item)) => {
                    bytes += add(&mut answer, item);
                    count += 1;
                }
                // What was gathered goes out first; the stream then ends with the error.
                Some(Err(error)) => return Some((vec![Ok(answer), Err(Error::from(error).into())], None)),
                None if count == 0 => return None,
                None => return Some((vec![Ok(answer)], None)),
            }
            if bytes >= ANSWER_BYTES || count >= ANSWER_ITEMS {
                break;
            }
            match items.next().now_or_never() {
                Some(ready) => next = ready,
                None => break,
            }
        }
        let pieces = if bytes > ANSWER_BYTES { split(answer) } else { vec![answer] };
        Some((pieces.into_iter().map(Ok).collect::<Vec<_>>(), Some(items)))
    });
    gathered.flat_map(futures::stream::iter)
}

/// The records decoded, each with its bytes.
fn events(records: Vec<Bytes>) -> Result<Vec<(Event, Bytes)>, Invalid> {
    let mut fields = Fields::new();
    let mut events = Vec::with_capacity(records.len());
    for (index, bytes) in records.into_iter().enumerate() {
        let field = format!("records[{index}]");
        match record::decode(bytes.clone()) {
            Ok(Some(event)) if event.producer.is_none() => fields.add(field, "has no producer"),
            Ok(Some(event)) => events.push((event, bytes)),
            Ok(None) => fields.add(field, "is a tombstone"),
            Err(error) => fields.add(field, error.to_string()),
        }
    }
    fields.check()?;
    Ok(events)
}

fn entries(stored: Vec<Stored>) -> pb::ReadCustomerResponse {
    let entry = |stored: Stored| pb::read_customer_response::Entry {
        offset: stored.offset.0,
        received_time_ms: stored.received_at.0,
        record: stored.record,
    };
    pb::ReadCustomerResponse { entries: stored.into_iter().map(entry).collect() }
}

#[tonic::async_trait]
impl LogService for Service {
    async fn get_log(
        &self,
        request: Request<pb::GetLogRequest>,
    ) -> Result<Response<pb::GetLogResponse>, Status> {
        identity(&request)?.require(Role::Service)?;
        let shape = self.log.shape().await?;
        let heads = shape
            .heads
            .iter()
            .map(|(partition, head)| pb::PartitionHead { partition: partition.0, last_offset: head.last.0 });
        Ok(Response::new(pb::GetLogResponse { generation: shape.generation, heads: heads.collect() }))
    }

    type FollowPartitionsStream = BoxStream<'static, Result<pb::FollowPartitionsResponse, Status>>;

    async fn follow_partitions(
        &self,
        request: Request<pb::FollowPartitionsRequest>,
    ) -> Result<Response<Self::FollowPartitionsStream>, Status> {
        identity(&request)?.require(Role::Service)?;
        let request = request.into_inner();
        if request.partitions.is_empty() {
            return Err(Invalid::from(FieldError::new("partitions", "is required")).into());
        }
        let after =
            request.partitions.iter().map(|at| (Partition(at.partition), Offset(at.after_offset))).collect();
        let items = self.log.follow(after, &request.generation).await?;
        Ok(Response::new(answers(items).boxed()))
    }

    async fn append_records(
        &self,
        request: Request<pb::AppendRecordsRequest>,
    ) -> Result<Response<pb::AppendRecordsResponse>, Status> {
        identity(&request)?.require(Role::Service)?;
        let events = events(request.into_inner().records)?;
        let appended = if events.is_empty() { 0 } else { self.log.append(events).await? };
        // Requests are far too small for more than 2^32 records.
        Ok(Response::new(pb::AppendRecordsResponse { appended: u32::try_from(appended).unwrap_or(u32::MAX) }))
    }

    type ReadCustomerStream = BoxStream<'static, Result<pb::ReadCustomerResponse, Status>>;

    async fn read_customer(
        &self,
        request: Request<pb::ReadCustomerRequest>,
    ) -> Result<Response<Self::ReadCustomerStream>, Status> {
        identity(&request)?.require(Role::Service)?;
        let request = request.into_inner();
        let workspace: WorkspaceId =
            validate::slug("workspace_id", request.workspace_id).map_err(Invalid::from)?;
        let customer = record::customer_from_bytes(&request.customer_id)
            .map_err(|error| Invalid::from(FieldError::new("customer_id", error.to_string())))?;
        let stored = self.log.read_customer(&workspace, customer, Offset(request.up_to_offset)).await?;
        let answers = stored.map(|stored| Ok(entries(stored?)));
        Ok(Response::new(answers.boxed()))
    }

    async fn resolve_key(
        &self,
        request: Request<pb::ResolveKeyRequest>,
    ) -> Result<Response<pb::ResolveKeyResponse>, Status> {
        identity(&request)?.require(Role::Service)?;
        let hash: [u8; 32] = request.into_inner().secret_sha256.as_ref().try_into().map_err(|_| {
            Invalid::from(FieldError::new("secret_sha256", "must have the 32 bytes of a SHA-256"))
        })?;
        let principal = self.admin.resolve(hash).await?.ok_or(Error::NotFound { what: "key" })?;
        Ok(Response::new(pb::ResolveKeyResponse {
            workspace_id: principal.workspace.into(),
            key: Some(convert::key(principal.key)),
            // KEY_CACHE is some seconds.
            cache_seconds: KEY_CACHE.as_secs() as u32,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_answer_is_cut_without_a_gap() {
        let record = Bytes::from(vec![0_u8; 400_000]);
        let batch =
            pb::RecordBatch { partition: 1, first_offset: 10, received_time_ms: 5, records: vec![record; 7] };
        let answer = pb::FollowPartitionsResponse {
            batches: vec![batch],
            marks: vec![pb::Mark { partition: 1, last_offset: 16, time_ms: 5 }],
        };
        let pieces = split(answer);
        let mut next = 10;
        for piece in &pieces {
            for batch in &piece.batches {
                assert_eq!((batch.partition, batch.first_offset, batch.received_time_ms), (1, next, 5));
                next += batch.records.len() as u64;
            }
            let bytes: usize = piece.batches.iter().flat_map(|b| &b.records).map(Bytes::len).sum();
            assert!(bytes <= ANSWER_BYTES);
        }
        assert_eq!(next, 17);
        let marks: Vec<_> = pieces.iter().map(|piece| piece.marks.len()).collect();
        assert_eq!(marks.iter().sum::<usize>(), 1);
        assert_eq!(marks.last(), Some(&1));
    }
}
