//! Connections to the services, with a key on every request.

use std::time::Duration;

use elate_proto::{events, journeys, notifications, scoring};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

/// Puts the bearer token on each request.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A channel that authenticates itself.
pub type Authenticated = InterceptedService<Channel, Bearer>;

/// Larger than any answer.
const MAX_MESSAGE: usize = 64 << 20;

/// Channels to the four services. They connect when they are used, and again after a restart.
#[derive(Debug, Clone)]
pub struct Clients {
    events: Channel,
    journeys: Channel,
    scoring: Channel,
    notifications: Channel,
    key: MetadataValue<Ascii>,
}

fn channel(url: &str) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("an address");
    endpoint.connect_timeout(Duration::from_secs(5)).connect_lazy()
}

impl Clients {
    /// Channels to these addresses: events, journeys, scoring, notifications.
    pub fn new(urls: &[String; 4], key: &str) -> Self {
        let [events, journeys, scoring, notifications] = urls.each_ref().map(|url| channel(url));
        Self { events, journeys, scoring, notifications, key: bearer(key) }
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: bearer(key), ..self.clone() }
    }

    fn authenticated(&self, channel: &Channel) -> Authenticated {
        InterceptedService::new(channel.clone(), Bearer(self.key.clone()))
    }

    /// The channel to events, without a key.
    pub fn bare(&self) -> Channel {
        self.events.clone()
    }

    /// The channels to all services, without a key.
    pub fn all_bare(&self) -> [(&'static str, Channel); 4] {
        [
            ("events", self.events.clone()),
            ("journeys", self.journeys.clone()),
            ("scoring", self.scoring.clone()),
            ("notifications", self.notifications.clone()),
        ]
    }

    /// Takes events in.
    pub fn ingest(&self) -> events::v1::ingest_service_client::IngestServiceClient<Authenticated> {
        events::v1::ingest_service_client::IngestServiceClient::new(self.authenticated(&self.events))
    }

    /// Reads customers and timelines.
    pub fn customers(&self) -> events::v1::customer_service_client::CustomerServiceClient<Authenticated> {
        events::v1::customer_service_client::CustomerServiceClient::new(self.authenticated(&self.events))
            .max_decoding_message_size(MAX_MESSAGE)
    }

    /// Applies and lists manifests.
    pub fn definitions(
        &self,
    ) -> events::v1::definition_service_client::DefinitionServiceClient<Authenticated> {
        events::v1::definition_service_client::DefinitionServiceClient::new(self.authenticated(&self.events))
    }

    /// Workspaces, keys, imports, pauses.
    pub fn admin(&self) -> events::v1::admin_service_client::AdminServiceClient<Authenticated> {
        events::v1::admin_service_client::AdminServiceClient::new(self.authenticated(&self.events))
    }

    /// The log as services see it.
    pub fn log(&self) -> events::v1::log_service_client::LogServiceClient<Authenticated> {
        events::v1::log_service_client::LogServiceClient::new(self.authenticated(&self.events))
            .max_decoding_message_size(MAX_MESSAGE)
    }

    /// Promises, moments, cases, plays.
    pub fn journeys(&self) -> journeys::v1::journeys_service_client::JourneysServiceClient<Authenticated> {
        journeys::v1::journeys_service_client::JourneysServiceClient::new(self.authenticated(&self.journeys))
    }

    /// Scores and reports.
    pub fn scoring(&self) -> scoring::v1::scoring_service_client::ScoringServiceClient<Authenticated> {
        scoring::v1::scoring_service_client::ScoringServiceClient::new(self.authenticated(&self.scoring))
    }

    /// Answers and comments.
    pub fn feedback(&self) -> scoring::v1::feedback_service_client::FeedbackServiceClient<Authenticated> {
        scoring::v1::feedback_service_client::FeedbackServiceClient::new(self.authenticated(&self.scoring))
    }

    /// Messages, previews, test sends.
    pub fn notifications(
        &self,
    ) -> notifications::v1::notifications_service_client::NotificationsServiceClient<Authenticated> {
        notifications::v1::notifications_service_client::NotificationsServiceClient::new(
            self.authenticated(&self.notifications),
        )
    }
}

fn bearer(key: &str) -> MetadataValue<Ascii> {
    let mut value: MetadataValue<Ascii> = format!("Bearer {key}").parse().expect("a key of plain characters");
    value.set_sensitive(true);
    value
}

/// The text of a refusal: code, message, and a line for each field that it is about.
pub fn explain(status: &Status) -> String {
    let mut text = format!("{:?}: {}", status.code(), status.message());
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    for violation in violations {
        text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    text
}
