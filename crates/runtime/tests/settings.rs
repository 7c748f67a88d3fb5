//! Settings: layers, and problems that are told all at once.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use elate_runtime::config::{NoSettings, Problems, Settings, load, print, reference};
use elate_runtime::{ByteSize, ProcessSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Own {
    /// How many.
    count: Option<u32>,
    /// How large.
    inner: Inner,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Inner {
    /// A size.
    size: ByteSize,
    /// A text.
    text: String,
}

impl Settings for Own {}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_environment_stands_above_the_file_and_the_file_above_the_defaults() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "count: 3\ninner: {size: 1KiB, text: file}\nlimits: {max_in_flight: 7}\n")
        .unwrap();
    let environment = variables(&[
        ("ELATE_INNER__TEXT", "007"),
        ("ELATE_COUNT", "4"),
        ("ELATE_SERVICE_TOKEN", "123"),
        // Kubernetes sets such for a service of that name; they are none of ours.
        ("ELATE_EVENTS_PORT", "tcp://10.0.0.1:7400"),
        ("ELATE_KEY", "somebody's"),
    ]);
    let (process, own) = load::<ProcessSettings, Own>(Some(file.path()), environment).unwrap();
    assert_eq!(own.count, Some(4));
    assert_eq!((own.inner.size, own.inner.text.as_str()), (ByteSize(1024), "007"));
    assert_eq!(process.limits.max_in_flight, 7);
    assert_eq!(process.service_token.reveal(), "123");
    assert_eq!(process.limits.max_streams, ProcessSettings::default().limits.max_streams);
    let printed = print(&process, &own).unwrap();
    assert!(printed.contains("service_token: <redacted>") && !printed.contains("123"), "{printed}");
}

#[test]
fn all_problems_are_told_at_once() {
    let environment = variables(&[
        ("ELATE_COUNT", "many"),
        ("ELATE_INNER__SIZE", "big"),
        ("ELATE_INNER__COLOUR", "red"),
        ("ELATE_LIMITS__MAX_IN_FLIGHT", "-1"),
        ("ELATE_STOP__GRACE", "soon"),
        ("ELATE_NONSENSE__AT_ALL", "1"),
    ]);
    let Problems(problems) = load::<ProcessSettings, Own>(None, environment).unwrap_err();
    let mut fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        ["count", "inner.colour", "inner.size", "limits.max_in_flight", "nonsense", "stop.grace"],
        "{problems:?}"
    );
}

#[test]
fn the_reference_names_every_setting_with_its_variable() {
    let text = reference::<ProcessSettings>();
    assert!(text.contains("| `limits.max_in_flight` | `ELATE_LIMITS__MAX_IN_FLIGHT` | `1024` |"), "{text}");
    assert!(text.contains("`ELATE_OTLP__SAMPLE_RATIO`") && text.contains("`ELATE_TLS__CERT_FILE`"), "{text}");
    assert_eq!(reference::<NoSettings>().lines().count(), 2);
}
