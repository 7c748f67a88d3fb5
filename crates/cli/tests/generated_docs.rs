//! The references in `docs/` say what the code says. With `UPDATE_DOCS=1` this test writes them.

use std::path::{Path, PathBuf};

use elate_events::EventsComponent;
use elate_journeys::JourneysComponent;
use elate_notifications::NotificationsComponent;
use elate_rpc::error::Reason;
use elate_runtime::config::{Settings, reference};
use elate_runtime::{Component, ProcessSettings};
use elate_scoring::ScoringComponent;
use elate_simulate::SimulationComponent;
use elate_simulate::config::SimulationSettings;
use elate_telemetry::metrics::Metric;

const CONFIG: &str = "# Settings

<!-- Made from the code by `make docs`; a test fails where this page is not current. -->

Each process reads its defaults, then a YAML file (`--config FILE` or `ELATE_CONFIG`), then its environment. A setting
`limits.max_in_flight` is `ELATE_LIMITS__MAX_IN_FLIGHT` there: two underscores go one level down. Unknown settings are
errors, and all that is wrong is reported at once (exit code 64). `--print-config` prints what is in force, secrets
redacted. Durations are written like `250ms`, `10s`, `5m`, `1h`, `2d`, sizes like `64KiB`, `4MiB`.

The settings of a process and those of its service share the top level of the file.
";

const ERRORS: &str = "# Errors

<!-- Made from the code by `make docs`; a test fails where this page is not current. -->

Every refusal carries one of these reasons: over gRPC as `google.rpc.ErrorInfo` of the domain `elate.dev` in the details
of the status, over HTTP in the body. Reasons are never renamed; messages may change. Wrong fields are named one by one
(`google.rpc.BadRequest`), and what can be repeated says after which time (`google.rpc.RetryInfo`, `Retry-After`).
";

const METRICS: &str = "# Metrics

<!-- Made from the code by `make docs`; a test fails where this page is not current. -->

Each process shows its metrics on its admin port under `/metrics`, in the format of Prometheus, and exports them over OTLP
where `otlp.endpoint` is set. `deploy/grafana` and `deploy/prometheus` hold a dashboard and alerts made of them.
";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn assert_current(name: &str, text: &str) {
    let file = docs().join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let written = std::fs::write(&file, text);
        assert!(written.is_ok(), "docs/{name} can't be written: {written:?}");
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(published == text, "docs/{name} is not current: run `make docs`");
}

/// The rows in order of their names: the order of a JSON object's keys depends on how serde_json was compiled.
fn settings<S: Settings>(title: &str, what: &str) -> String {
    let table = reference::<S>();
    let mut rows: Vec<&str> = table.lines().collect();
    rows[2..].sort_unstable();
    format!("\n## {title}\n\n{what}\n\n{}\n", rows.join("\n"))
}

fn settings_of<C: Component>(what: &str) -> String {
    settings::<C::Settings>(C::NAME, what)
}

#[test]
fn generated_docs_of_settings_are_current() {
    let sections = [
        settings::<ProcessSettings>("Every process", "What all four services understand."),
        settings_of::<EventsComponent>("On port 7400 by default."),
        settings_of::<JourneysComponent>("On port 7401 by default."),
        settings_of::<ScoringComponent>("On port 7402 by default."),
        settings_of::<NotificationsComponent>("On port 7403 by default."),
        settings::<SimulationSettings>(
            SimulationComponent::NAME,
            "Of `elate serve-simulation`, on port 7404 by default. It has no database.",
        ),
    ];
    assert_eq!(
        [
            EventsComponent::PORT,
            JourneysComponent::PORT,
            ScoringComponent::PORT,
            NotificationsComponent::PORT,
            SimulationComponent::PORT
        ],
        [7400, 7401, 7402, 7403, 7404]
    );
    assert_current("config.md", &format!("{CONFIG}{}", sections.concat()));
}

#[test]
fn generated_docs_of_errors_are_current() {
    let common: Vec<Reason> = [elate_rpc::reasons::ALL, elate_rpc::customers::ALL].concat();
    let sections = [
        ("All services", common),
        (EventsComponent::NAME, EventsComponent::reasons()),
        (JourneysComponent::NAME, JourneysComponent::reasons()),
        (ScoringComponent::NAME, ScoringComponent::reasons()),
        (NotificationsComponent::NAME, NotificationsComponent::reasons()),
        (SimulationComponent::NAME, SimulationComponent::reasons()),
    ];
    let mut codes: Vec<&str> = sections.iter().flat_map(|(_, reasons)| reasons).map(|r| r.code).collect();
    let all = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all, "two services declare the same reason");
    let mut text = ERRORS.to_owned();
    for (title, reasons) in sections {
        assert!(!reasons.is_empty(), "{title} declares no reasons");
        text.push_str(&format!("\n## {title}\n\n{}", elate_rpc::error::render_markdown(&reasons)));
    }
    assert_current("errors.md", &text);
}

#[test]
fn generated_docs_of_metrics_are_current() {
    let mut metrics: Vec<Metric> = [
        elate_rpc::metrics::ALL.to_vec(),
        EventsComponent::metrics(),
        JourneysComponent::metrics(),
        ScoringComponent::metrics(),
        NotificationsComponent::metrics(),
        SimulationComponent::metrics(),
    ]
    .concat();
    metrics.sort_by_key(|metric| metric.name);
    // Services share the metrics of their loop.
    metrics.dedup();
    let clash = metrics.windows(2).find(|pair| pair[0].name == pair[1].name);
    assert_eq!(clash, None, "two declarations of one name");
    let table = elate_telemetry::metrics::render_markdown(&metrics);
    assert_current("metrics.md", &format!("{METRICS}\n{table}"));
}
