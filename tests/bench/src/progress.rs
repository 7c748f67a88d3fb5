//! How far each service is, read from its own database while it works.

use std::time::{Duration, Instant};

use elate_e2e::System;
use elate_storage::{Database, Options, query_one};

/// The services that follow the log.
const FOLLOWERS: [&str; 3] = ["journeys", "scoring", "notifications"];
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Connections to the databases of a running system.
pub struct Progress {
    events: Database,
    followers: Vec<(&'static str, Database)>,
}

/// How far everybody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Records in the log.
    pub head: i64,
    /// Records processed, and events that wait for the log, of each follower.
    pub followers: Vec<(&'static str, i64, i64)>,
}

impl Reading {
    /// Whether all that is in the log is processed, and nothing waits to be appended.
    pub fn is_done(&self) -> bool {
        self.followers.iter().all(|&(_, processed, waiting)| processed == self.head && waiting == 0)
    }

    /// Records of the log that a follower has yet to process.
    pub fn behind(&self, service: &str) -> i64 {
        let found = self.followers.iter().find(|(name, ..)| *name == service);
        found.map_or(0, |(_, processed, _)| self.head - processed)
    }

    /// The greatest of all.
    pub fn most_behind(&self) -> i64 {
        FOLLOWERS.into_iter().map(|name| self.behind(name)).max().unwrap_or(0)
    }
}

async fn open(url: &str) -> Database {
    let options = Options { max_connections: 1, ..Options::default() };
    Database::connect(&url.parse().expect("a database"), &options).await.expect("the database answers")
}

async fn number(database: &Database, sql: &str) -> i64 {
    let row = query_one(database.read(), sql, []).await.expect("an answer").expect("a row");
    row.try_get("", "n").expect("a number")
}

impl Progress {
    /// Opens the databases.
    pub async fn open(system: &System) -> Self {
        let events = open(&system.database("events")).await;
        let mut followers = Vec::new();
        for name in FOLLOWERS {
            followers.push((name, open(&system.database(name)).await));
        }
        Self { events, followers }
    }

    /// Records in the log.
    pub async fn head(&self) -> i64 {
        number(&self.events, "SELECT CAST(COALESCE(SUM(last_offset), 0) AS BIGINT) AS n FROM log_head").await
    }

    /// Looks once. The log is looked at last, so a follower that stands at its end has processed all of it.
    pub async fn read(&self) -> Reading {
        let mut followers = Vec::new();
        for (name, database) in &self.followers {
            let waiting = number(database, "SELECT COUNT(*) AS n FROM consumer_outbox").await;
            let sql = "SELECT CAST(COALESCE(SUM(log_offset), 0) AS BIGINT) AS n FROM consumer_partition";
            followers.push((*name, number(database, sql).await, waiting));
        }
        Reading { head: self.head().await, followers }
    }

    /// Rows of a table of a service.
    pub async fn rows(&self, service: &str, table: &str) -> i64 {
        let found = self.followers.iter().find(|(name, _)| *name == service);
        let (_, database) = found.expect("a follower of this name");
        number(database, &format!("SELECT COUNT(*) AS n FROM {table}")).await
    }

    /// Waits until everything is processed, twice in a row the same, and answers when it was at first.
    pub async fn done(&self, within: Duration) -> Instant {
        let deadline = Instant::now() + within;
        let mut first: Option<(Instant, Reading)> = None;
        loop {
            let (at, reading) = (Instant::now(), self.read().await);
            first = match first {
                Some((at, known)) if known == reading => return at,
                _ if reading.is_done() => Some((at, reading)),
                _ => {
                    assert!(at < deadline, "still not done after {within:?}: {reading:?}");
                    None
                }
            };
            tokio::time::sleep(LOOK).await;
        }
    }
}
