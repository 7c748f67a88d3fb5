//! The log over gRPC says the same as the log behind it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking, helpers included")]

mod common;

use std::pin::Pin;
use std::sync::Arc;

use common::{Shop, T0, bump, customer, shop};
use elate_consumer::source::GrpcLog;
use elate_consumer::{Consumer, LogError, LogSource, memory::MemoryLog};
use elate_domain::{Offset, Partition};
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::log_service_server::{LogService, LogServiceServer};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service side of the contract over a log in memory.
struct Server(MemoryLog);

fn status(error: LogError) -> Status {
    match error {
        LogError::Refused { reason } => Status::failed_precondition(reason),
        LogError::Unavailable { reason } | LogError::Malformed { reason } => Status::unavailable(reason),
    }
}

#[tonic::async_trait]
impl LogService for Server {
    type FollowPartitionsStream = Answers<pb::FollowPartitionsResponse>;
    type ReadCustomerStream = Answers<pb::ReadCustomerResponse>;

    async fn get_log(&self, _: Request<pb::GetLogRequest>) -> Result<Response<pb::GetLogResponse>, Status> {
        let shape = self.0.shape().await.map_err(status)?;
        let heads = (0..).zip(shape.heads);
        let heads =
            heads.map(|(partition, head)| pb::PartitionHead { partition, last_offset: head.0 }).collect();
        Ok(Response::new(pb::GetLogResponse { generation: shape.generation, heads }))
    }

    async fn follow_partitions(
        &self,
        request: Request<pb::FollowPartitionsRequest>,
    ) -> Result<Response<Self::FollowPartitionsStream>, Status> {
        let request = request.into_inner();
        let from =
            request.partitions.iter().map(|p| (Partition(p.partition), Offset(p.after_offset))).collect();
        let stream = self.0.follow(from, &request.generation).await.map_err(status)?;
        let answers = stream.map(|followed| {
            let followed = followed.map_err(status)?;
            let batches = followed.batches.into_iter().map(|batch| pb::RecordBatch {
                partition: batch.partition.0,
                first_offset: batch.first_offset.0,
                received_time_ms: batch.received_at.0,
                records: batch.records,
            });
            let marks = followed.marks.iter().map(|mark| pb::Mark {
                partition: mark.partition.0,
                last_offset: mark.last_offset.0,
                time_ms: mark.time.0,
            });
            Ok(pb::FollowPartitionsResponse { batches: batches.collect(), marks: marks.collect() })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn append_records(
        &self,
        request: Request<pb::AppendRecordsRequest>,
    ) -> Result<Response<pb::AppendRecordsResponse>, Status> {
        let appended = self.0.append(request.into_inner().records).await.map_err(status)?;
        Ok(Response::new(pb::AppendRecordsResponse { appended }))
    }

    async fn read_customer(
        &self,
        request: Request<pb::ReadCustomerRequest>,
    ) -> Result<Response<Self::ReadCustomerStream>, Status> {
        let request = request.into_inner();
        let customer = elate_proto::record::customer_from_bytes(&request.customer_id).unwrap();
        let workspace = request.workspace_id.parse().unwrap();
        let partition = customer.partition(self.0.heads().len() as u32);
        let up_to = Offset(request.up_to_offset);
        let records = self.0.read_customer(&workspace, customer, partition, up_to).await.map_err(status)?;
        let entries = records.into_iter().map(|record| pb::read_customer_response::Entry {
            offset: record.offset.0,
            received_time_ms: record.received_at.0,
            record: elate_proto::record::encode(record.event.as_ref().unwrap()),
        });
        let answer = pb::ReadCustomerResponse { entries: entries.collect() };
        Ok(Response::new(futures::stream::iter([Ok(answer)]).boxed()))
    }

    async fn resolve_key(
        &self,
        _: Request<pb::ResolveKeyRequest>,
    ) -> Result<Response<pb::ResolveKeyResponse>, Status> {
        Err(Status::unimplemented("no keys here"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_works_over_grpc() {
    let log = MemoryLog::new(3, T0);
    for n in 0..30 {
        log.put(bump(n % 5));
    }
    let grpc = GrpcLog::new(LogServiceServer::new(Server(log.clone())));
    assert_eq!(grpc.shape().await.unwrap(), log.shape().await.unwrap());
    let refused = grpc.follow(vec![(Partition(0), Offset(0))], "another").await;
    assert!(matches!(refused.map(|_| ()), Err(LogError::Refused { .. })));
    let partition = customer(1).partition(3);
    let (ours, theirs) = (
        grpc.read_customer(&shop(), customer(1), partition, Offset(1_000)).await.unwrap(),
        log.read_customer(&shop(), customer(1), partition, Offset(1_000)).await.unwrap(),
    );
    assert_eq!((ours.len(), &ours), (6, &theirs));

    let fixture = common::sqlite().await;
    let consumer = Consumer::builder(
        Arc::new(Shop::default()),
        Arc::new(common::ShopStore),
        fixture.database.clone(),
        Arc::new(grpc),
    );
    let running = common::Running::start(consumer.settings(common::settings()).build().unwrap());
    fixture.settled(&log, T0).await;
    running.stop().await;
    assert_eq!(fixture.state(customer(1)).await.count, 6);
    assert_eq!(log.appended().len(), 10);
}
