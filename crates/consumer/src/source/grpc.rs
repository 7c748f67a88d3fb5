//! The log over gRPC: in-process or over the network, whatever the channel is.

use bytes::Bytes;
use elate_domain::{CustomerId, Offset, Partition, Record, Timestamp, WorkspaceId};
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::log_service_client::LogServiceClient;
use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::client::GrpcService;
use tonic::codegen::{Body, StdError};
use tonic::{Code, Status};

use super::{Batch, Followed, LogError, LogShape, LogSource, Mark};

/// Batches of a whole follow message; the log bounds them, this only guards against a broken peer.
const MAX_MESSAGE: usize = 64 << 20;

/// [`LogSource`] over the `LogService` of events. `C` is any channel that tonic's clients take; cloned for each call.
#[derive(Debug, Clone)]
pub struct GrpcLog<C> {
    client: LogServiceClient<C>,
}

impl<C> GrpcLog<C>
where
    C: GrpcService<tonic::body::Body>,
    C::Error: Into<StdError>,
    C::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <C::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    /// Speaks over `channel`, which carries the service credential.
    pub fn new(channel: C) -> Self {
        let client = LogServiceClient::new(channel);
        Self { client: client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE) }
    }
}

#[async_trait::async_trait]
impl<C> LogSource for GrpcLog<C>
where
    C: GrpcService<tonic::body::Body> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<StdError>,
    C::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <C::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    async fn shape(&self) -> Result<LogShape, LogError> {
        let answer = self.client.clone().get_log(pb::GetLogRequest {}).await.map_err(refusal)?.into_inner();
        let mut heads = vec![Offset::START; answer.heads.len()];
        for head in answer.heads {
            let place = heads.get_mut(head.partition as usize).ok_or_else(|| LogError::Malformed {
                reason: format!("partition {} among fewer partitions", head.partition),
            })?;
            *place = Offset(head.last_offset);
        }
        Ok(LogShape { generation: answer.generation, heads })
    }

    async fn follow(
        &self,
        from: Vec<(Partition, Offset)>,
        generation: &str,
    ) -> Result<BoxStream<'static, Result<Followed, LogError>>, LogError> {
        let partitions = from
            .into_iter()
            .map(|(partition, after)| pb::PartitionOffset { partition: partition.0, after_offset: after.0 });
        let request = pb::FollowPartitionsRequest {
            partitions: partitions.collect(),
            generation: generation.to_owned(),
        };
        let stream = self.client.clone().follow_partitions(request).await.map_err(refusal)?.into_inner();
        Ok(stream.map(|answer| answer.map(followed).map_err(refusal)).boxed())
    }

    async fn append(&self, records: Vec<Bytes>) -> Result<u32, LogError> {
        let request = pb::AppendRecordsRequest { records };
        let answer = self.client.clone().append_records(request).await.map_err(refusal)?;
        Ok(answer.into_inner().appended)
    }

    async fn read_customer(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        partition: Partition,
        up_to: Offset,
    ) -> Result<Vec<Record>, LogError> {
        let request = pb::ReadCustomerRequest {
            workspace_id: workspace.as_str().to_owned(),
            customer_id: Bytes::copy_from_slice(customer.0.as_bytes()),
            up_to_offset: up_to.0,
        };
        let mut stream = self.client.clone().read_customer(request).await.map_err(refusal)?.into_inner();
        let mut records = Vec::new();
        while let Some(answer) = stream.message().await.map_err(refusal)? {
            for entry in answer.entries {
                let event = elate_proto::record::decode(entry.record)
                    .map_err(|error| LogError::Malformed { reason: error.to_string() })?;
                let received_at = Timestamp(entry.received_time_ms);
                records.push(Record { partition, offset: Offset(entry.offset), received_at, event });
            }
        }
        Ok(records)
    }
}

/// The log over the channel that services are given, in-process or over the network.
pub type ChannelLog = GrpcLog<elate_rpc::Channel>;

/// That a [`ChannelLog`] is a log; the compiler's word for it.
const _: fn(ChannelLog) -> std::sync::Arc<dyn LogSource> = |log| std::sync::Arc::new(log);

fn followed(answer: pb::FollowPartitionsResponse) -> Followed {
    let batches = answer.batches.into_iter().map(|batch| Batch {
        partition: Partition(batch.partition),
        first_offset: Offset(batch.first_offset),
        received_at: Timestamp(batch.received_time_ms),
        records: batch.records,
    });
    let marks = answer.marks.into_iter().map(|mark| Mark {
        partition: Partition(mark.partition),
        last_offset: Offset(mark.last_offset),
        time: Timestamp(mark.time_ms),
    });
    Followed { batches: batches.collect(), marks: marks.collect() }
}

/// Refusals are told apart from silence only for the reader of the log: both are retried.
fn refusal(status: Status) -> LogError {
    let reason = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::Unauthenticated
        | Code::PermissionDenied
        | Code::NotFound
        | Code::OutOfRange
        | Code::Unimplemented => LogError::Refused { reason },
        _ => LogError::Unavailable { reason },
    }
}
