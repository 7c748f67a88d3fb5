//! A follower that notes when what came onto the timelines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use elate_e2e::Clients;
use elate_proto::events::v1::{FollowWorkspaceRequest, Record};
use tokio::task::JoinSet;

/// Times by a key that is taken from the records.
type Seen = Arc<Mutex<HashMap<String, Instant>>>;

/// Follows a workspace until it is dropped.
pub struct Watch {
    seen: Seen,
    _task: JoinSet<()>,
}

impl Watch {
    /// Notes the first record of each key from now on, among the records of these names.
    pub async fn start(clients: &Clients, names: &[&str], key: fn(&Record) -> Option<String>) -> Self {
        let request = FollowWorkspaceRequest {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FollowWorkspaceRequest::default()
        };
        let mut stream = clients.customers().follow_workspace(request).await.expect("a stream").into_inner();
        let seen = Seen::default();
        let mut task = JoinSet::new();
        let noted = Arc::clone(&seen);
        task.spawn(async move {
            while let Some(response) = stream.message().await.expect("the stream goes on") {
                let Some(record) = response.entry.and_then(|entry| entry.record) else { continue };
                let Some(key) = key(&record) else { continue };
                noted.lock().expect("no panic under it").entry(key).or_insert_with(Instant::now);
            }
        });
        Self { seen, _task: task }
    }

    /// How many keys were seen.
    pub fn count(&self) -> usize {
        self.seen.lock().expect("no panic under it").len()
    }

    /// When a key was seen.
    pub fn at(&self, key: &str) -> Option<Instant> {
        self.seen.lock().expect("no panic under it").get(key).copied()
    }

    /// Waits until so many keys were seen; answers when the last of them was.
    pub async fn all(&self, count: usize, within: Duration) -> Instant {
        let deadline = Instant::now() + within;
        while self.count() < count {
            assert!(Instant::now() < deadline, "{} of {count} seen after {within:?}", self.count());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let seen = self.seen.lock().expect("no panic under it");
        seen.values().max().copied().expect("something was seen")
    }
}

/// The message id of what brought a record about.
pub fn cause(record: &Record) -> Option<String> {
    record.caused_by.as_ref().map(|cause| cause.message_id.clone())
}
