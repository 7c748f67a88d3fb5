//! The shop of the tests: its events, and its definitions as a record of the log.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

pub(crate) mod process;

use std::path::Path;
use std::sync::Arc;

use elate_domain::system::{DefinitionsPublished, name};
use elate_domain::{CustomerId, Event, EventType, RawJson, SourceId, Timestamp, WorkspaceId};
use elate_manifest::Set;
use serde_json::Value as Json;

pub(crate) fn shop() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An event of the shop: of the system where its name says so, of the site otherwise.
pub(crate) fn event(who: CustomerId, id: &str, called: &str, at: Timestamp, properties: &Json) -> Event {
    Event {
        workspace: shop(),
        customer: who,
        source: SourceId::try_new("web").unwrap(),
        message_id: id.to_owned(),
        event_type: if called.starts_with("elate.") { EventType::System } else { EventType::Track },
        name: Arc::from(called),
        user_id: None,
        anonymous_id: None,
        occurred_at: at,
        properties: RawJson::of(properties),
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

/// Manifests, as they are told to every partition.
pub(crate) fn published(version: u64, manifests: &str, when: Timestamp) -> Event {
    let published = DefinitionsPublished {
        version,
        manifests: Set::parse_text(manifests).unwrap().canonical(),
        replay_millis: 0,
        applied_by: "test".into(),
    };
    let payload = serde_json::to_value(&published).unwrap();
    event(CustomerId::NONE, &format!("d-{version}"), name::DEFINITIONS_PUBLISHED, when, &payload)
}

/// The manifests of the retail example.
pub(crate) fn retail() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail/manifests");
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.collect::<Vec<_>>().join("\n---\n")
}
