//! Telemetry: logs, traces and metrics of a process, and the declarations that documentation is made from.
//!
//! * [`init`] installs everything once a process: a subscriber that writes text or JSON lines, the exporters of
//!   OTLP where an endpoint is configured, and a Prometheus recorder. The [`Guard`] renders the metrics page and
//!   flushes what is still buffered when the process ends.
//! * `metrics!` declares metrics once, with unit, labels and description; `docs/metrics.md` is
//!   written from these declarations ([`metrics::render_markdown`]).
//! * [`trace`] carries one trace through the log: the current span as a W3C `traceparent`, and back.
//!
//! Personal data never goes into a span, a log line or a label. Label values are bounded: names of methods, codes
//! and states, never ids of customers.

mod config;
mod export;
mod init;
pub mod metrics;
mod otlp_metrics;
pub mod trace;

pub use config::{Config, Format, Log, Otlp};
/// Renders the metrics page; `run_upkeep` is to be called every few seconds.
pub use metrics_exporter_prometheus::PrometheusHandle as Prometheus;

pub use init::{Error, Guard, init, unrecorded};
