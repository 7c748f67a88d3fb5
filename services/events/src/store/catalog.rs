//! What has been seen.

use std::collections::BTreeSet;

use elate_domain::{EventType, Timestamp, WorkspaceId};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{ConnectionTrait, Error, Transaction, query_all};

use super::get;
use crate::model::catalog::{CatalogEvent, CatalogProperty, SeenProperty};

/// One fact: an event of this name had a property of this type (or none, for the event itself).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Fact {
    pub(crate) workspace: WorkspaceId,
    pub(crate) event_type: &'static str,
    pub(crate) name: String,
    pub(crate) property: Option<(String, &'static str)>,
}

/// Writes facts; known ones do nothing.
pub(crate) async fn write(tx: &Transaction, facts: &BTreeSet<Fact>, now: Timestamp) -> Result<(), Error> {
    let (properties, events): (Vec<&Fact>, Vec<&Fact>) =
        facts.iter().partition(|fact| fact.property.is_some());
    let rows = |facts: &[&Fact]| {
        Rows::new()
            .text("workspace", facts.iter().map(|fact| fact.workspace.as_str().to_owned()))
            .text("name", facts.iter().map(|fact| fact.name.clone()))
            .text("event_type", facts.iter().map(|fact| fact.event_type.to_owned()))
    };
    rows(&events)
        .i64("first_seen_ms", events.iter().map(|_| now.0))
        .insert(tx, "catalog_event", Conflict::Ignore)
        .await?;
    let part = |pick: fn(&(String, &'static str)) -> String| {
        properties.iter().filter_map(move |fact| fact.property.as_ref().map(pick))
    };
    rows(&properties)
        .text("path", part(|property| property.0.clone()))
        .text("type", part(|property| property.1.to_owned()))
        .insert(tx, "catalog_property", Conflict::Ignore)
        .await
        .map(|_| ())
}

fn event_type(text: &str) -> EventType {
    use EventType::{Alias, Group, Identify, Page, Screen, System, Track};
    let all = [Track, Identify, Page, Screen, Group, Alias];
    all.into_iter().find(|event_type| event_type.as_str() == text).unwrap_or(System)
}

/// A page of the catalogue, above `(name, type)`.
pub(crate) async fn list<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    after: (&str, &str),
    limit: usize,
) -> Result<Vec<CatalogEvent>, Error> {
    let sql = "SELECT e.name, e.event_type, e.first_seen_ms, p.path, p.type FROM (\
                 SELECT workspace, name, event_type, first_seen_ms FROM catalog_event WHERE workspace = $1 \
                 AND (name > $2 OR (name = $2 AND event_type > $3)) ORDER BY name, event_type LIMIT $4) e \
               LEFT JOIN catalog_property p ON p.workspace = e.workspace AND p.name = e.name AND p.event_type = e.event_type \
               ORDER BY e.name, e.event_type, p.path, p.type";
    let values = [workspace.as_str().into(), after.0.into(), after.1.into(), (limit as i64).into()];
    let mut events: Vec<CatalogEvent> = Vec::new();
    for row in query_all(connection, sql, values).await? {
        let (name, kind): (String, String) = (get(&row, "name")?, get(&row, "event_type")?);
        let kind = event_type(&kind);
        if events.last().is_none_or(|last| last.name != name || last.event_type != kind) {
            let first_seen = Timestamp(get(&row, "first_seen_ms")?);
            events.push(CatalogEvent { event_type: kind, name, first_seen, properties: Vec::new() });
        }
        let (path, json_type): (Option<String>, Option<String>) = (get(&row, "path")?, get(&row, "type")?);
        let (Some(path), Some(json_type), Some(event)) = (path, json_type, events.last_mut()) else {
            continue;
        };
        match event.properties.last_mut() {
            Some(property) if property.path == path => {
                property.types.insert(json_type);
            }
            _ => event.properties.push(CatalogProperty { path, types: BTreeSet::from([json_type]) }),
        }
    }
    Ok(events)
}

/// Which of these event names were never seen in the workspace.
pub(crate) async fn unseen<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    names: &[String],
) -> Result<Vec<String>, Error> {
    let rows = Rows::new()
        .text("workspace", names.iter().map(|_| workspace.as_str().to_owned()))
        .text("name", names.iter().cloned())
        .query(
            connection,
            "SELECT DISTINCT v.name FROM v JOIN catalog_event e ON e.workspace = v.workspace AND e.name = v.name",
        )
        .await?;
    let seen: Result<BTreeSet<String>, Error> = rows.iter().map(|row| get(row, "name")).collect();
    let seen = seen?;
    Ok(names.iter().filter(|name| !seen.contains(*name)).cloned().collect())
}

/// The properties that events of these names had.
pub(crate) async fn seen<C: ConnectionTrait>(
    connection: &C,
    workspace: &WorkspaceId,
    names: &[String],
) -> Result<Vec<SeenProperty>, Error> {
    let rows = Rows::new()
        .text("workspace", names.iter().map(|_| workspace.as_str().to_owned()))
        .text("name", names.iter().cloned())
        .query(
            connection,
            "SELECT DISTINCT p.name, p.path, p.type FROM v \
             JOIN catalog_property p ON p.workspace = v.workspace AND p.name = v.name",
        )
        .await?;
    let mut properties = Vec::with_capacity(rows.len());
    for row in &rows {
        let (event, path): (String, String) = (get(row, "name")?, get(row, "path")?);
        properties.push(SeenProperty { event, path, json_type: get(row, "type")? });
    }
    Ok(properties)
}
