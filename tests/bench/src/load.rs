//! Callers that send batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use elate_e2e::{Clients, explain};
use elate_proto::events::v1::ingest_result::Status;
use elate_proto::events::v1::{IngestBatchRequest, IngestMessage};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::Code;

/// Appends a batch and checks that each message is new. A server that is overloaded is asked again after what it says.
pub async fn append(clients: &Clients, messages: Vec<IngestMessage>) {
    let request = IngestBatchRequest { messages, import_id: String::new() };
    loop {
        match clients.ingest().ingest_batch(request.clone()).await {
            Ok(answer) => {
                let results = answer.into_inner().results;
                let other = results.iter().find(|result| result.status() != Status::Accepted);
                assert!(other.is_none(), "not accepted: {other:?}");
                return;
            }
            Err(status) if status.code() == Code::ResourceExhausted => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => panic!("{}", explain(&status)),
        }
    }
}

/// Sends what `batches` makes, by so many callers at once, as fast as it is taken; answers how long that took. Batches
/// are made ahead by a thread of their own, and by so many at the most as are kept ready.
pub async fn flood<I>(clients: &Clients, callers: usize, batches: I) -> Duration
where
    I: Iterator<Item = Vec<IngestMessage>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(64);
    let maker = tokio::task::spawn_blocking(move || {
        for batch in batches {
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let (receiver, clients) = (Arc::clone(&receiver), clients.clone());
        running.spawn(async move {
            loop {
                let Some(batch) = receiver.lock().await.recv().await else { return };
                append(&clients, batch).await;
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a caller");
    }
    maker.await.expect("the maker of batches");
    began.elapsed()
}

/// Sends batches at a rate, whether the answers keep up or not; answers how many were sent within the time, and how many of
/// these were not yet acknowledged at its end.
pub async fn offer<I>(clients: &Clients, every: Duration, lasting: Duration, mut batches: I) -> (u64, usize)
where
    I: Iterator<Item = Vec<IngestMessage>>,
{
    let mut running = JoinSet::new();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < lasting {
        ticks.tick().await;
        let Some(batch) = batches.next() else { break };
        sent += batch.len() as u64;
        let clients = clients.clone();
        running.spawn(async move { append(&clients, batch).await });
        while let Some(done) = running.try_join_next() {
            done.expect("a caller");
        }
    }
    let open = running.len();
    while let Some(done) = running.join_next().await {
        done.expect("a caller");
    }
    (sent, open)
}
