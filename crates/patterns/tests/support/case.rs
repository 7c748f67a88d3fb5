//! The neutral format.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) events: Vec<CaseEvent>,
    pub(crate) pattern: CasePattern,
    pub(crate) advance_to: Option<i64>,
    pub(crate) expected: Expected,
    pub(crate) odd: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseEvent {
    pub(crate) key: String,
    pub(crate) ts: i64,
    #[serde(flatten)]
    pub(crate) fields: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CasePattern {
    pub(crate) skip: CaseSkip,
    pub(crate) stages: Vec<Stage>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseSkip {
    pub(crate) strategy: String,
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Stage {
    pub(crate) link: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(rename = "where")]
    pub(crate) filter: Option<Predicate>,
    pub(crate) repeat: Option<CaseRepeat>,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) greedy: bool,
    pub(crate) until: Option<Predicate>,
    pub(crate) group: Option<Vec<Stage>>,
    pub(crate) within_ms: Option<i64>,
    pub(crate) within_prev_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CaseRepeat {
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
    pub(crate) inner: String,
    pub(crate) within_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Predicate {
    All { all: Vec<Predicate> },
    Any { any: Vec<Predicate> },
    Field { field: String, op: String, value: Value },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) matches: Vec<ExpectedMatch>,
    pub(crate) timeouts: Option<Vec<ExpectedTimeout>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExpectedMatch {
    pub(crate) stages: BTreeMap<String, Vec<String>>,
    pub(crate) at_ts: i64,
    pub(crate) by: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExpectedTimeout {
    pub(crate) stages: BTreeMap<String, Vec<String>>,
    pub(crate) at_ts: i64,
    pub(crate) deadline: i64,
}

/// All cases of a file: one a line, or an object with `cases`.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>, String> {
    #[derive(Deserialize)]
    struct Suite {
        cases: Vec<Case>,
    }
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let cases = if path.extension().is_some_and(|extension| extension == "jsonl") {
        text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
    } else {
        serde_json::from_str(&text).map(|suite: Suite| suite.cases)
    };
    cases.map_err(|error| format!("{}: {error}", path.display()))
}

impl Predicate {
    pub(crate) fn holds(&self, event: &CaseEvent) -> bool {
        match self {
            Self::All { all } => all.iter().all(|part| part.holds(event)),
            Self::Any { any } => any.iter().any(|part| part.holds(event)),
            Self::Field { field, op, value } => compare(event.fields.get(field), op, value),
        }
    }
}

fn compare(actual: Option<&Value>, op: &str, value: &Value) -> bool {
    let Some(actual) = actual else { return false };
    let equal = |left: &Value, right: &Value| match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    };
    let order = actual.as_f64().zip(value.as_f64()).and_then(|(left, right)| left.partial_cmp(&right));
    match op {
        "eq" => equal(actual, value),
        "in" => value.as_array().unwrap().iter().any(|value| equal(actual, value)),
        "contains" => actual.as_str().unwrap().contains(value.as_str().unwrap()),
        "gt" => order.unwrap().is_gt(),
        "ge" => order.unwrap().is_ge(),
        "lt" => order.unwrap().is_lt(),
        "le" => order.unwrap().is_le(),
        other => panic!("unknown comparison {other}"),
    }
}
