//! A collector of OTLP over gRPC that keeps the spans and the names of metrics that it is sent.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    resource::v1::Resource,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::JoinSet;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// A finished span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The process, as it names itself.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace, in hex.
    pub trace_id: String,
    /// Its own id, in hex.
    pub span_id: String,
    /// The span that it is a child of, in hex; empty for none.
    pub parent_id: String,
    /// Its attributes that are texts.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct State {
    spans: Vec<Span>,
    metrics: BTreeSet<String>,
    lines: usize,
}

/// The running collector; it ends when dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Clone)]
struct Service(Arc<Mutex<State>>);

impl Collector {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be bound.
    #[must_use]
    pub fn start() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let incoming = TcpIncoming::bind(any).expect("bind the collector");
        let address = incoming.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let service = Service(Arc::clone(&state));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let served = tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(service.clone()))
                .add_service(MetricsServiceServer::new(service.clone()))
                .add_service(LogsServiceServer::new(service))
                .serve_with_incoming(incoming);
            served.await.expect("the collector serves");
        });
        Self { address, state, _tasks: tasks }
    }

    /// What exporters are pointed to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.state).spans.clone()
    }

    /// The names of all metrics so far.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<String> {
        lock(&self.state).metrics.clone()
    }

    /// How many log lines came so far.
    #[must_use]
    pub fn lines(&self) -> usize {
        lock(&self.state).lines
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

fn service_name(resource: Option<&Resource>) -> String {
    resource.and_then(|found| texts(&found.attributes).remove("service.name")).unwrap_or_default()
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut state = lock(&self.0);
        for resource in request.into_inner().resource_spans {
            let service = service_name(resource.resource.as_ref());
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            state.spans.extend(spans.map(|span| Span {
                service: service.clone(),
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_id: hex(&span.parent_span_id),
                attributes: texts(&span.attributes),
                name: span.name,
            }));
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_metrics.into_iter().flat_map(|found| found.scope_metrics);
        let metrics = scopes.flat_map(|scope| scope.metrics);
        lock(&self.0).metrics.extend(metrics.map(|metric| metric.name));
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request.into_inner().resource_logs.into_iter().flat_map(|found| found.scope_logs);
        lock(&self.0).lines += scopes.map(|scope| scope.log_records.len()).sum::<usize>();
        Ok(Response::new(Default::default()))
    }
}
