//! The catalogue of what has been seen: filled behind the appends, from a sample where a name is common.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use elate_domain::{RawJson, WorkspaceId};
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use super::Core;
use super::duplicates::Kind;
use crate::model::draft::Draft;
use crate::store::catalog::{self, Fact};

/// Groups that may wait; more are passed over, the next ones bring the same names.
const QUEUE: usize = 64;
/// Events of a name that are all looked at; of those after them one in [`SAMPLE`].
const ALL: u32 = 500;
const SAMPLE: u32 = 32;
/// Event names of a workspace, and properties of a name, at the most: senders that put ids into names must not fill the database.
const MAX_NAMES: usize = 2_000;
const MAX_PROPERTIES: usize = 300;
/// How deep properties are looked into.
const MAX_DEPTH: usize = 4;
/// Facts and names that are kept in memory; above it all is forgotten and found again.
const MAX_KEPT: usize = 200_000;

/// One event's contribution.
#[derive(Debug)]
struct Sample {
    workspace: WorkspaceId,
    event_type: &'static str,
    name: std::sync::Arc<str>,
    properties: RawJson,
}

/// The entrance to the catalogue.
#[derive(Debug)]
pub(crate) struct Catalog {
    sender: mpsc::Sender<Vec<Sample>>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Vec<Sample>>>,
    counts: Mutex<HashMap<u64, u32>>,
}

impl Catalog {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, receiver: tokio::sync::Mutex::new(receiver), counts: Mutex::default() }
    }

    /// Offers what was appended. Never waits.
    pub(crate) fn feed(&self, drafts: &[&Draft], kinds: &[Kind]) {
        let mut samples = Vec::new();
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            if counts.len() > MAX_KEPT {
                counts.clear();
            }
            for (draft, _) in drafts.iter().zip(kinds).filter(|(_, kind)| **kind != Kind::Repeat) {
                let event = &draft.event;
                if event.is_system() {
                    continue;
                }
                let name = xxh3_64(event.name.as_bytes()) ^ xxh3_64(event.workspace.as_str().as_bytes());
                let count = counts.entry(name ^ (event.event_type as u64)).or_default();
                *count = count.saturating_add(1);
                if *count > ALL && !count.is_multiple_of(SAMPLE) {
                    continue;
                }
                samples.push(Sample {
                    workspace: event.workspace.clone(),
                    event_type: event.event_type.as_str(),
                    name: std::sync::Arc::clone(&event.name),
                    properties: event.properties.clone(),
                });
            }
        }
        if !samples.is_empty() {
            let _full = self.sender.try_send(samples);
        }
    }
}

/// What has been written already, and how much of it.
#[derive(Default)]
struct Kept {
    facts: HashSet<Fact>,
    names: HashMap<WorkspaceId, usize>,
    properties: HashMap<(WorkspaceId, String), usize>,
}

/// Fills the catalogue until it is dropped.
pub(crate) async fn run(core: &Core) {
    let mut receiver = core.catalog.receiver.lock().await;
    let mut kept = Kept::default();
    while let Some(samples) = receiver.recv().await {
        let mut facts = BTreeSet::new();
        for sample in &samples {
            kept.gather(sample, &mut facts);
        }
        if facts.is_empty() {
            continue;
        }
        if let Err(error) = write(core, &facts).await {
            warn!(%error, "the catalogue can't be written");
            // Forgotten, so that the next sample brings them again.
            kept = Kept::default();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn write(core: &Core, facts: &BTreeSet<Fact>) -> Result<(), elate_storage::Error> {
    let tx = core.database.begin().await?;
    catalog::write(&tx, facts, core.clock().now()).await?;
    Ok(tx.commit().await?)
}

impl Kept {
    fn gather(&mut self, sample: &Sample, new: &mut BTreeSet<Fact>) {
        if self.facts.len() > MAX_KEPT {
            *self = Self::default();
        }
        let fact = |property| Fact {
            workspace: sample.workspace.clone(),
            event_type: sample.event_type,
            name: sample.name.as_ref().to_owned(),
            property,
        };
        let name = fact(None);
        if !self.facts.contains(&name) {
            let names = self.names.entry(sample.workspace.clone()).or_default();
            if *names >= MAX_NAMES {
                return;
            }
            *names += 1;
            self.facts.insert(name.clone());
            new.insert(name);
        }
        let mut properties = Vec::new();
        walk(&sample.properties.value(), "", 0, &mut properties);
        for property in properties {
            let fact = fact(Some(property));
            if self.facts.contains(&fact) {
                continue;
            }
            let key = (sample.workspace.clone(), sample.name.as_ref().to_owned());
            let count = self.properties.entry(key).or_default();
            if *count >= MAX_PROPERTIES {
                return;
            }
            *count += 1;
            self.facts.insert(fact.clone());
            new.insert(fact);
        }
    }
}

fn walk(value: &Value, path: &str, depth: usize, found: &mut Vec<(String, &'static str)>) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        // PostgreSQL's text holds no NUL, which JSON may escape.
        if found.len() >= MAX_PROPERTIES || name.contains('\0') || name.len() > 200 {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let json_type = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        found.push((path.clone(), json_type));
        if depth + 1 < MAX_DEPTH {
            walk(value, &path, depth + 1, found);
        }
    }
}
