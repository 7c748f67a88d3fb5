//! Installing telemetry, once a process.

use std::fmt;
use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle as Prometheus};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{Config, Format};
use crate::export;
use crate::otlp_metrics::Both;

/// Why telemetry could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter of log lines.
    #[error("log.filter is no filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// An exporter of OTLP.
    #[error("otlp: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The recorder of metrics.
    #[error("prometheus recorder: {0}")]
    Prometheus(#[from] BuildError),
    /// A subscriber stands already.
    #[error("a subscriber of log lines was installed before: {0}")]
    Subscriber(#[from] tracing_subscriber::util::TryInitError),
    /// A recorder stands already.
    #[error("a recorder of metrics was installed before")]
    Recorder,
}

/// Upper ends of the buckets of durations, in seconds: fine around a millisecond, because acknowledged writes and
/// in-process calls lie there, and up to the longest deadline that callers set.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Upper ends of the buckets of sizes, in bytes.
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];
/// Upper ends of the buckets of counts, such as the messages of a batch.
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 10_000.0];

/// Which spans are exported, whatever log lines are written: a trace must not have holes because the log is quiet. The
/// exporters' own connections are left out, or each export would cause the next one.
const SPANS: &str = "info,hyper=off,tonic=off,h2=off,tower=off,opentelemetry=off";

fn exports_traces(config: &Config) -> bool {
    config.otlp.endpoint.is_some() && config.otlp.traces
}

/// What was installed. Keep it until the end of the process, and then call [`Guard::shutdown`].
pub struct Guard {
    prometheus: Prometheus,
    tracer: SdkTracerProvider,
    meter: Option<SdkMeterProvider>,
    logger: Option<SdkLoggerProvider>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("otlp_metrics", &self.meter.is_some())
            .field("otlp_logs", &self.logger.is_some())
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// What renders the metrics page; cheap to clone.
    pub fn prometheus(&self) -> Prometheus {
        self.prometheus.clone()
    }

    /// The metrics page, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.prometheus.render()
    }

    /// Exports what is still buffered. It blocks for some seconds where the collector doesn't answer, so call it from
    /// a blocking thread. What could not be exported is returned as sentences.
    pub fn shutdown(self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut note = |what: &str, result: opentelemetry_sdk::error::OTelSdkResult| {
            if let Err(error) = result {
                problems.push(format!("{what}: {error}"));
            }
        };
        note("traces", self.tracer.shutdown());
        if let Some(meter) = self.meter {
            note("metrics", meter.shutdown());
        }
        if let Some(logger) = self.logger {
            note("logs", logger.shutdown());
        }
        problems
    }
}

fn prometheus_builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES)?
        .set_buckets(COUNTS)
}

/// Installs the subscriber, the exporters and the recorder of this process. Call it inside the tokio runtime: the
/// exporters' connections live there.
pub fn init(config: &Config, service: &'static str, version: &'static str) -> Result<Guard, Error> {
    let resource = export::resource(service, version);
    let tracer = export::tracer(&config.otlp, resource.clone())?;
    let meter = export::meter(&config.otlp, resource.clone())?;
    let logger = export::logger(&config.otlp, resource)?;

    let filter = || config.log.filter.parse::<EnvFilter>();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match config.log.format {
        Format::Text => lines.with_target(true).boxed(),
        Format::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
    };
    // The exporters' own connections must not be exported again, or each export would cause the next one.
    let bridge = match &logger {
        Some(provider) => Some(
            OpenTelemetryTracingBridge::new(provider).with_filter(
                format!("{},hyper=off,tonic=off,h2=off,opentelemetry=off", config.log.filter)
                    .parse::<EnvFilter>()?,
            ),
        ),
        None => None,
    };
    let spans = tracing_opentelemetry::layer().with_tracer(tracer.tracer(service));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter()?))
        .with(spans.with_filter(if exports_traces(config) { SPANS.parse()? } else { filter()? }))
        .with(bridge)
        .try_init()?;

    let recorder = prometheus_builder()?.build_recorder();
    let prometheus = recorder.handle();
    let installed = match &meter {
        Some(meter) => metrics::set_global_recorder(Both::new(recorder, meter.meter(service))).is_ok(),
        None => metrics::set_global_recorder(recorder).is_ok(),
    };
    if !installed {
        return Err(Error::Recorder);
    }
    Ok(Guard { prometheus, tracer, meter, logger })
}

/// A metrics page that nothing is recorded on: for tests and tools that host a service without installing telemetry.
pub fn unrecorded() -> Prometheus {
    PrometheusBuilder::new().build_recorder().handle()
}
