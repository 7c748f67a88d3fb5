//! Sends the workload over gRPC, as a client does that must not lose anything: it repeats what was not answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use elate_e2e::Workspace;
use elate_proto::events::v1::IngestMessage;
use elate_proto::events::v1::ingest_result::Status;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::workload::Workload;

/// Senders; the messages of one customer all go through one of them, in order.
const SENDERS: usize = 6;
/// Messages in one request.
const BATCH: usize = 60;
/// A request without an answer for so long is given up, and repeated.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the senders have seen.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) accepted: AtomicUsize,
    pub(crate) duplicate: AtomicUsize,
    pub(crate) repeated_requests: AtomicUsize,
}

impl Sent {
    pub(crate) fn messages(&self) -> usize {
        self.accepted.load(Relaxed) + self.duplicate.load(Relaxed)
    }
}

/// The senders, at work.
pub(crate) struct Driver {
    pub(crate) sent: Arc<Sent>,
    gate: watch::Sender<usize>,
    senders: JoinSet<()>,
}

impl Driver {
    /// Starts the senders. They may send as many messages as the gate says.
    pub(crate) fn start(workload: &Workload, workspace: &Workspace, open: usize) -> Self {
        let sent = Arc::new(Sent::default());
        let gate = watch::Sender::new(open);
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let batches = batches(workload, sender);
            let (workspace, sent, gate) = (workspace.clone(), Arc::clone(&sent), gate.subscribe());
            senders.spawn(async move {
                for batch in batches {
                    pass(gate.clone(), &sent).await;
                    deliver(&workspace, &sent, batch).await;
                }
            });
        }
        Self { sent, gate, senders }
    }

    /// Lets so many messages through in all.
    pub(crate) fn open(&self, messages: usize) {
        self.gate.send_replace(messages);
    }

    /// Waits until everything is sent.
    pub(crate) async fn finish(mut self) -> Arc<Sent> {
        self.open(usize::MAX);
        while let Some(ended) = self.senders.join_next().await {
            ended.expect("a sender failed");
        }
        self.sent
    }
}

/// The requests of one sender: its customers by turns, so that all of them are always under way.
fn batches(workload: &Workload, sender: usize) -> Vec<Vec<IngestMessage>> {
    let mut of_customers: Vec<_> = (sender..workload.customers)
        .step_by(SENDERS)
        .map(|customer| workload.of_customer(customer).into_iter())
        .collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        for messages in &mut of_customers {
            all.extend(messages.next());
        }
        if all.len() == before {
            break;
        }
    }
    all.chunks(BATCH).map(<[_]>::to_vec).collect()
}

async fn pass(mut gate: watch::Receiver<usize>, sent: &Sent) {
    // The gate only ever opens further; it is dropped when the test has failed.
    let _ = gate.wait_for(|open| sent.messages() < *open).await;
}

async fn deliver(workspace: &Workspace, sent: &Sent, batch: Vec<IngestMessage>) {
    loop {
        match tokio::time::timeout(PATIENCE, workspace.try_ingest(batch.clone())).await {
            Ok(Ok(results)) => {
                for result in &results {
                    match result.status() {
                        Status::Accepted => sent.accepted.fetch_add(1, Relaxed),
                        Status::Duplicate => sent.duplicate.fetch_add(1, Relaxed),
                        other => {
                            panic!("{}: {other:?} {} {}", result.message_id, result.field, result.reason)
                        }
                    };
                }
                assert_eq!(results.len(), batch.len());
                return;
            }
            Ok(Err(status)) => {
                // What a fault of the infrastructure may look like; anything else is a bug, and not to be repeated.
                let retryable = [
                    tonic::Code::Unavailable,
                    tonic::Code::ResourceExhausted,
                    tonic::Code::Aborted,
                    tonic::Code::Cancelled,
                    tonic::Code::DeadlineExceeded,
                    // A connection that broke in the middle of an answer.
                    tonic::Code::Unknown,
                    tonic::Code::Internal,
                ];
                assert!(retryable.contains(&status.code()), "{}", elate_e2e::explain(&status));
            }
            Err(_no_answer) => {}
        }
        sent.repeated_requests.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
