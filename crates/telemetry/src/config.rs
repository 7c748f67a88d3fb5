//! The settings of telemetry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people: one line, coloured on a terminal.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Log lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Which lines are written, as directives of tracing's filter, e.g. `info,elate_log=debug`.
    pub filter: String,
    /// `text` for people, `json` for machines.
    pub format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::default() }
    }
}

/// Logs, traces and metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Log lines.
    pub log: Log,
    /// Export over OTLP.
    pub otlp: Otlp,
}

/// Export over OTLP (gRPC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// Where the collector listens, e.g. `http://collector:4317`; nothing is exported where it is absent.
    pub endpoint: Option<String>,
    /// Share of new traces that are sampled, 0 to 1. A trace that comes in sampled stays so.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_ratio: f64,
    /// Export traces.
    pub traces: bool,
    /// Export metrics.
    pub metrics: bool,
    /// Export log lines.
    pub logs: bool,
    /// Seconds between two exports of the metrics.
    #[schemars(range(min = 1))]
    pub metrics_interval_seconds: u64,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            sample_ratio: 0.1,
            traces: true,
            metrics: true,
            logs: true,
            metrics_interval_seconds: 30,
        }
    }
}

impl Config {
    /// What is wrong with the settings, as (path, sentence).
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if let Err(error) = self.log.filter.parse::<tracing_subscriber::EnvFilter>() {
            problems.push(("log.filter".to_owned(), format!("is no filter of log lines: {error}")));
        }
        if !(0.0..=1.0).contains(&self.otlp.sample_ratio) {
            problems.push(("otlp.sample_ratio".to_owned(), "must lie between 0 and 1".to_owned()));
        }
        if self.otlp.metrics_interval_seconds == 0 {
            problems.push(("otlp.metrics_interval_seconds".to_owned(), "must be at least 1".to_owned()));
        }
        problems
    }
}
