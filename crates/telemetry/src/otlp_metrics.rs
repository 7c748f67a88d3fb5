//! A recorder that writes every metric twice: for Prometheus, and as an instrument of OpenTelemetry.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_exporter_prometheus::PrometheusRecorder;
use opentelemetry::KeyValue;
use opentelemetry::metrics as otel;

/// Writes to both. Handles are kept by key, because making an instrument takes a lock and an allocation.
pub(crate) struct Both {
    prometheus: PrometheusRecorder,
    meter: otel::Meter,
    counters: Mutex<HashMap<Key, Arc<BothCounter>>>,
    gauges: Mutex<HashMap<Key, Arc<BothGauge>>>,
    histograms: Mutex<HashMap<Key, Arc<BothHistogram>>>,
}

impl Both {
    pub(crate) fn new(prometheus: PrometheusRecorder, meter: otel::Meter) -> Self {
        Self {
            prometheus,
            meter,
            counters: Mutex::default(),
            gauges: Mutex::default(),
            histograms: Mutex::default(),
        }
    }
}

fn attributes(key: &Key) -> Vec<KeyValue> {
    key.labels().map(|label| KeyValue::new(label.key().to_owned(), label.value().to_owned())).collect()
}

fn kept<T>(cache: &Mutex<HashMap<Key, Arc<T>>>, key: &Key, make: impl FnOnce() -> T) -> Arc<T> {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache.get(key) {
        return Arc::clone(found);
    }
    let made = Arc::new(make());
    cache.insert(key.clone(), Arc::clone(&made));
    made
}

impl Recorder for Both {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.prometheus.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(kept(&self.counters, key, || BothCounter {
            prometheus: self.prometheus.register_counter(key, metadata),
            otel: self.meter.u64_counter(key.name().to_owned()).build(),
            attributes: attributes(key),
            total: AtomicU64::new(0),
        }))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(kept(&self.gauges, key, || BothGauge {
            prometheus: self.prometheus.register_gauge(key, metadata),
            otel: self.meter.f64_gauge(key.name().to_owned()).build(),
            attributes: attributes(key),
            value: Mutex::new(0.0),
        }))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(kept(&self.histograms, key, || BothHistogram {
            prometheus: self.prometheus.register_histogram(key, metadata),
            otel: self.meter.f64_histogram(key.name().to_owned()).build(),
            attributes: attributes(key),
        }))
    }
}

struct BothCounter {
    prometheus: Counter,
    otel: otel::Counter<u64>,
    attributes: Vec<KeyValue>,
    total: AtomicU64,
}

impl CounterFn for BothCounter {
    fn increment(&self, value: u64) {
        self.total.fetch_add(value, Ordering::Relaxed);
        self.prometheus.increment(value);
        self.otel.add(value, &self.attributes);
    }

    fn absolute(&self, value: u64) {
        let before = self.total.fetch_max(value, Ordering::Relaxed);
        self.prometheus.absolute(value);
        // OpenTelemetry's counters know only increments.
        self.otel.add(value.saturating_sub(before), &self.attributes);
    }
}

struct BothGauge {
    prometheus: Gauge,
    otel: otel::Gauge<f64>,
    attributes: Vec<KeyValue>,
    // OpenTelemetry's gauge has no increments, so the present value is kept here.
    value: Mutex<f64>,
}

impl BothGauge {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        *value = change(*value);
        self.otel.record(*value, &self.attributes);
    }
}

impl GaugeFn for BothGauge {
    fn increment(&self, value: f64) {
        self.prometheus.increment(value);
        self.change(|before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.prometheus.decrement(value);
        self.change(|before| before - value);
    }

    fn set(&self, value: f64) {
        self.prometheus.set(value);
        self.change(|_| value);
    }
}

struct BothHistogram {
    prometheus: Histogram,
    otel: otel::Histogram<f64>,
    attributes: Vec<KeyValue>,
}

impl HistogramFn for BothHistogram {
    fn record(&self, value: f64) {
        self.prometheus.record(value);
        self.otel.record(value, &self.attributes);
    }
}
