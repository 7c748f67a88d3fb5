//! The pure crate `manifest` behind the registry's port.

use std::collections::BTreeSet;

use elate_domain::FieldError;
use elate_manifest::{Catalog, ChangeKind, Id, Kind, Name, Problem, Set, diff, read};
use serde_json::Value;

use crate::model::catalog::SeenProperty;
use crate::model::definitions::{Change, Fit, ManifestChange, Plan};
use crate::ports::Manifests;

/// Parses, validates and compares manifests.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManifestRegistry;

fn field_error(problem: Problem) -> FieldError {
    let place = match problem.document {
        Some(index) => format!("documents[{index}]"),
        None => String::new(),
    };
    let mut reason = problem.reason;
    if !problem.hint.is_empty() {
        reason.push_str(&format!(" ({})", problem.hint));
    }
    if !problem.manifest.is_empty() {
        reason.push_str(&format!(" [{}]", problem.manifest));
    }
    let error = FieldError::new(problem.path, reason);
    if place.is_empty() { error } else { error.under(&place) }
}

fn field_errors(problems: Vec<Problem>) -> Vec<FieldError> {
    problems.into_iter().map(field_error).collect()
}

fn parse_id(text: &str) -> Option<Id> {
    let (kind, name) = text.split_once('/')?;
    Some(Id::new(Kind::parse(kind)?, Name::try_new(name).ok()?))
}

/// All texts' documents in order. Their numbers in problems count over all texts.
fn documents(texts: &[String]) -> Result<Vec<Value>, Vec<FieldError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for text in texts {
        match read(text) {
            Ok(documents) => all.extend(documents),
            Err(problems) => errors.extend(problems.into_iter().map(|mut problem| {
                problem.document = problem.document.map(|index| index + all.len());
                field_error(problem)
            })),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn deleted(names: &[String]) -> Result<Vec<Id>, Vec<FieldError>> {
    let (mut ids, mut errors) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        match parse_id(name) {
            Some(id) => ids.push(id),
            None => errors.push(FieldError::new(
                format!("delete[{index}]"),
                format!("{name:?} is no manifest; write Kind/name, e.g. Play/recover-late-gift"),
            )),
        }
    }
    if errors.is_empty() { Ok(ids) } else { Err(errors) }
}

/// Names of events that a manifest waits for: the values of `on`, wherever it stands. Elate's own are always known.
fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("on", Value::String(name)) => add_name(name, names),
                    ("on", Value::Array(list)) => {
                        list.iter().filter_map(Value::as_str).for_each(|name| add_name(name, names));
                    }
                    (_, nested) => collect_names(nested, names),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect_names(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn add_name(name: &str, names: &mut BTreeSet<String>) {
    if !name.starts_with("elate.") {
        names.insert(name.to_owned());
    }
}

fn changes(old: &Set, new: &Set, given: &BTreeSet<String>) -> Vec<ManifestChange> {
    let mut changes: Vec<ManifestChange> = diff(old, new)
        .into_iter()
        .map(|change| ManifestChange {
            manifest: change.id.to_string(),
            change: match change.kind {
                ChangeKind::Added => Change::Created,
                ChangeKind::Changed => Change::Updated,
                ChangeKind::Deleted => Change::Deleted,
            },
            // A new or deleted manifest differs in every line, which says nothing.
            diff: match change.kind {
                ChangeKind::Changed => change.lines.iter().map(ToString::to_string).collect(),
                ChangeKind::Added | ChangeKind::Deleted => Vec::new(),
            },
        })
        .collect();
    let changed: BTreeSet<String> = changes.iter().map(|change| change.manifest.clone()).collect();
    changes.extend(given.difference(&changed).map(|manifest| ManifestChange {
        manifest: manifest.clone(),
        change: Change::Unchanged,
        diff: Vec::new(),
    }));
    changes
}

fn label(document: &Value) -> Option<String> {
    let kind = document.get("kind")?.as_str()?;
    Some(format!("{kind}/{}", document.pointer("/metadata/name")?.as_str()?))
}

impl Manifests for ManifestRegistry {
    fn plan(&self, in_force: &[Value], texts: &[String], delete: &[String]) -> Result<Plan, Vec<FieldError>> {
        let (documents, delete) = match (documents(texts), deleted(delete)) {
            (Ok(documents), Ok(delete)) => (documents, delete),
            (documents, delete) => {
                let errors = documents.err().into_iter().chain(delete.err());
                return Err(errors.flatten().collect());
            }
        };
        let old = Set::parse(in_force.to_vec()).map_err(field_errors)?;
        let given: BTreeSet<String> = documents.iter().filter_map(label).collect();
        let new = old.apply(documents, &delete).map_err(field_errors)?;
        let manifests = new.canonical();
        let mut names = BTreeSet::new();
        manifests.iter().for_each(|manifest| collect_names(manifest, &mut names));
        Ok(Plan {
            changes: changes(&old, &new, &given),
            manifests,
            warnings: Vec::new(),
            event_names: names.into_iter().collect(),
        })
    }

    fn fit(&self, plan: &Plan, seen: &[SeenProperty]) -> Fit {
        // what was planned was read already
        let Ok(set) = Set::parse(plan.manifests.clone()) else { return Fit::default() };
        let mut catalog = Catalog::new();
        for property in seen {
            catalog.property(&property.event, &property.path, &property.json_type);
        }
        let found = set.fit(&catalog);
        let is_new = |problem: &Problem| {
            let mut changes = plan.changes.iter().filter(|change| change.manifest == problem.manifest);
            changes.any(|change| matches!(change.change, Change::Created | Change::Updated))
        };
        // what stands must not keep others out, however wrong it has become
        let (refused, stands): (Vec<Problem>, Vec<Problem>) = found.problems.into_iter().partition(is_new);
        let warnings = stands.into_iter().chain(found.warnings);
        Fit { errors: field_errors(refused), warnings: warnings.map(|warning| warning.to_string()).collect() }
    }

    fn render(&self, manifest: &Value) -> String {
        // JSON is YAML, so it can stand in for what could not be written more nicely.
        serde_yaml::to_string(manifest).unwrap_or_else(|_| manifest.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: &str = r#"
apiVersion: elate.dev/v1
kind: Moment
metadata: {name: checkout}
spec:
  truth: fmot
  stage: purchase
  touchpoint: checkout
  product: shop
  channel: web
  on: {on: "Checkout Finished"}
  experience: event.properties.seconds
  better: lower
  expect: {standard: "60"}
  tolerance: 20
"#;

    #[test]
    fn a_plan_says_what_changes_and_what_it_waits_for() {
        let plan = ManifestRegistry.plan(&[], &[MOMENT.to_owned()], &[]).unwrap();
        assert_eq!(plan.changes[0].change, Change::Created);
        assert_eq!(plan.event_names, ["Checkout Finished"]);
        let again = ManifestRegistry.plan(&plan.manifests, &[MOMENT.to_owned()], &[]).unwrap();
        assert_eq!(again.changes[0].change, Change::Unchanged);
        let other = MOMENT.replace("tolerance: 20", "tolerance: 30");
        let changed = ManifestRegistry.plan(&plan.manifests, &[other], &[]).unwrap();
        assert_eq!(changed.changes[0].change, Change::Updated);
        assert!(changed.changes[0].diff[0].contains("spec.tolerance"), "{:?}", changed.changes);
        let gone = ManifestRegistry.plan(&plan.manifests, &[], &["Moment/checkout".to_owned()]).unwrap();
        assert_eq!((gone.changes[0].change, gone.manifests.len()), (Change::Deleted, 0));
    }

    #[test]
    fn a_plan_is_compared_with_what_was_seen() {
        let property = |path: &str, json_type: &str| SeenProperty {
            event: "Checkout Finished".to_owned(),
            path: path.to_owned(),
            json_type: json_type.to_owned(),
        };
        let plan = ManifestRegistry.plan(&[], &[MOMENT.to_owned()], &[]).unwrap();
        assert_eq!(ManifestRegistry.fit(&plan, &[]), Fit::default());
        assert_eq!(ManifestRegistry.fit(&plan, &[property("seconds", "number")]), Fit::default());
        let slip = ManifestRegistry.fit(&plan, &[property("second", "number")]);
        assert!(slip.errors.is_empty() && slip.warnings[0].contains("event.properties.second?"), "{slip:?}");
        let wrong = ManifestRegistry.fit(&plan, &[property("seconds", "boolean")]);
        assert_eq!(wrong.errors[0].field, "spec.experience");
        // one that is in force already keeps nothing out
        let again = ManifestRegistry.plan(&plan.manifests, &[MOMENT.to_owned()], &[]).unwrap();
        let stands = ManifestRegistry.fit(&again, &[property("seconds", "boolean")]);
        assert!(stands.errors.is_empty() && stands.warnings.len() == 1, "{stands:?}");
    }

    #[test]
    fn problems_name_document_and_path() {
        let broken = MOMENT.replace("truth: fmot", "truth: never");
        let errors = ManifestRegistry.plan(&[], &[MOMENT.to_owned(), broken], &["x".to_owned()]).unwrap_err();
        assert!(errors.iter().any(|error| error.field == "delete[0]"), "{errors:?}");
        let broken = MOMENT.replace("truth: fmot", "truth: never").replace("name: checkout", "name: other");
        let errors = ManifestRegistry.plan(&[], &[MOMENT.to_owned(), broken], &[]).unwrap_err();
        assert!(errors.iter().any(|error| error.field == "documents[1].spec.truth"), "{errors:?}");
    }
}
