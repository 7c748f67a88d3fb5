//! The three exporters of OTLP, built only where an endpoint is configured.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::config::Otlp;

/// Who this process is, on everything that it exports.
pub(crate) fn resource(service: &'static str, version: &'static str) -> Resource {
    Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.namespace", "elate"))
        .with_attribute(KeyValue::new("service.version", version))
        .build()
}

/// The tracer. It is there without an endpoint too: ids are made and passed on, so that a process that exports
/// nothing still doesn't break the trace of the processes around it.
pub(crate) fn tracer(otlp: &Otlp, resource: Resource) -> Result<SdkTracerProvider, ExporterBuildError> {
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = otlp.endpoint.as_ref().filter(|_| otlp.traces) else {
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        return Ok(builder.with_sampler(sampler).build());
    };
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(otlp.sample_ratio)));
    Ok(builder.with_sampler(sampler).with_batch_exporter(exporter).build())
}

/// The meter, where metrics are exported.
pub(crate) fn meter(otlp: &Otlp, resource: Resource) -> Result<Option<SdkMeterProvider>, ExporterBuildError> {
    let Some(endpoint) = otlp.endpoint.as_ref().filter(|_| otlp.metrics) else {
        return Ok(None);
    };
    let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let interval = Duration::from_secs(otlp.metrics_interval_seconds.max(1));
    let reader = PeriodicReader::builder(exporter).with_interval(interval).build();
    Ok(Some(SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build()))
}

/// The logger, where log lines are exported.
pub(crate) fn logger(
    otlp: &Otlp,
    resource: Resource,
) -> Result<Option<SdkLoggerProvider>, ExporterBuildError> {
    let Some(endpoint) = otlp.endpoint.as_ref().filter(|_| otlp.logs) else {
        return Ok(None);
    };
    let exporter = LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    Ok(Some(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
}
