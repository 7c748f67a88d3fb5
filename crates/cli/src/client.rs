//! Connections to the services, with the caller's key on every request.

use std::time::Duration;

use anyhow::{Context, Result};
use elate_proto::{events, journeys, notifications, scoring, simulation};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Where the services are, and who is asking.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// Address of the events service; of all services where they run as one process.
    #[arg(long, global = true, env = "ELATE_SERVER", default_value = "http://127.0.0.1:7400")]
    pub server: String,
    /// Address of the journeys service, where it is another one.
    #[arg(long, global = true, env = "ELATE_JOURNEYS")]
    pub journeys: Option<String>,
    /// Address of the scoring service, where it is another one.
    #[arg(long, global = true, env = "ELATE_SCORING")]
    pub scoring: Option<String>,
    /// Address of the notifications service, where it is another one.
    #[arg(long, global = true, env = "ELATE_NOTIFICATIONS")]
    pub notifications: Option<String>,
    /// Address of the server of simulations, where it is another one.
    #[arg(long, global = true, env = "ELATE_SIMULATION")]
    pub simulation: Option<String>,
    /// The API key.
    #[arg(long, global = true, env = "ELATE_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// Puts the bearer token on each request.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A channel that authenticates itself.
pub type Authenticated = InterceptedService<Channel, Bearer>;

/// Messages of a page of a timeline may be larger than tonic's default of 4 MiB.
const MAX_MESSAGE: usize = 64 << 20;

impl Target {
    async fn channel(&self, address: &str) -> Result<Authenticated> {
        let endpoint = Endpoint::from_shared(address.to_owned())
            .with_context(|| format!("{address:?} is no address such as http://127.0.0.1:7400"))?
            .connect_timeout(Duration::from_secs(5));
        let channel = endpoint
            .connect()
            .await
            .with_context(|| format!("nothing answers at {address}; is Elate running?"))?;
        Ok(InterceptedService::new(channel, self.bearer()?))
    }

    fn bearer(&self) -> Result<Bearer> {
        let Some(key) = &self.key else { return Ok(Bearer(None)) };
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {key}").parse().context("the key holds characters that no key has")?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }

    /// Takes events in.
    pub async fn ingest(
        &self,
    ) -> Result<events::v1::ingest_service_client::IngestServiceClient<Authenticated>> {
        let channel = self.channel(&self.server).await?;
        Ok(events::v1::ingest_service_client::IngestServiceClient::new(channel))
    }

    /// Reads customers and timelines.
    pub async fn customers(
        &self,
    ) -> Result<events::v1::customer_service_client::CustomerServiceClient<Authenticated>> {
        let channel = self.channel(&self.server).await?;
        let client = events::v1::customer_service_client::CustomerServiceClient::new(channel);
        Ok(client.max_decoding_message_size(MAX_MESSAGE))
    }

    /// Applies and lists manifests.
    pub async fn definitions(
        &self,
    ) -> Result<events::v1::definition_service_client::DefinitionServiceClient<Authenticated>> {
        let channel = self.channel(&self.server).await?;
        Ok(events::v1::definition_service_client::DefinitionServiceClient::new(channel))
    }

    /// Workspaces, keys, imports, pauses.
    pub async fn admin(&self) -> Result<events::v1::admin_service_client::AdminServiceClient<Authenticated>> {
        let channel = self.channel(&self.server).await?;
        Ok(events::v1::admin_service_client::AdminServiceClient::new(channel))
    }

    /// Promises, cases, plays.
    pub async fn journeys(
        &self,
    ) -> Result<journeys::v1::journeys_service_client::JourneysServiceClient<Authenticated>> {
        let channel = self.channel(self.journeys.as_deref().unwrap_or(&self.server)).await?;
        Ok(journeys::v1::journeys_service_client::JourneysServiceClient::new(channel))
    }

    /// Scores and reports.
    pub async fn scoring(
        &self,
    ) -> Result<scoring::v1::scoring_service_client::ScoringServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        Ok(scoring::v1::scoring_service_client::ScoringServiceClient::new(channel))
    }

    /// Answers and comments.
    pub async fn feedback(
        &self,
    ) -> Result<scoring::v1::feedback_service_client::FeedbackServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        let client = scoring::v1::feedback_service_client::FeedbackServiceClient::new(channel);
        Ok(client.max_decoding_message_size(MAX_MESSAGE))
    }

    /// Journeys as they are.
    pub async fn discovery(
        &self,
    ) -> Result<journeys::v1::discovery_service_client::DiscoveryServiceClient<Authenticated>> {
        let channel = self.channel(self.journeys.as_deref().unwrap_or(&self.server)).await?;
        Ok(journeys::v1::discovery_service_client::DiscoveryServiceClient::new(channel))
    }

    /// How far plays have gone.
    pub async fn rollouts(
        &self,
    ) -> Result<journeys::v1::rollout_service_client::RolloutServiceClient<Authenticated>> {
        let channel = self.channel(self.journeys.as_deref().unwrap_or(&self.server)).await?;
        Ok(journeys::v1::rollout_service_client::RolloutServiceClient::new(channel))
    }

    /// What plays bring.
    pub async fn effects(
        &self,
    ) -> Result<scoring::v1::effect_service_client::EffectServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        Ok(scoring::v1::effect_service_client::EffectServiceClient::new(channel))
    }

    /// Company figures in full, watched scores, exports.
    pub async fn insight(
        &self,
    ) -> Result<scoring::v1::insight_service_client::InsightServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        let client = scoring::v1::insight_service_client::InsightServiceClient::new(channel);
        Ok(client.max_decoding_message_size(MAX_MESSAGE))
    }

    /// Drivers of retention and NPS.
    pub async fn drivers(
        &self,
    ) -> Result<scoring::v1::driver_service_client::DriverServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        Ok(scoring::v1::driver_service_client::DriverServiceClient::new(channel))
    }

    /// Versions of the score's formula.
    pub async fn formulas(
        &self,
    ) -> Result<scoring::v1::formula_service_client::FormulaServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        Ok(scoring::v1::formula_service_client::FormulaServiceClient::new(channel))
    }

    /// Churn and value.
    pub async fn churn(
        &self,
    ) -> Result<scoring::v1::churn_service_client::ChurnServiceClient<Authenticated>> {
        let channel = self.channel(self.scoring.as_deref().unwrap_or(&self.server)).await?;
        Ok(scoring::v1::churn_service_client::ChurnServiceClient::new(channel))
    }

    /// What would have happened.
    pub async fn simulations(
        &self,
    ) -> Result<simulation::v1::simulation_service_client::SimulationServiceClient<Authenticated>> {
        let channel = self.channel(self.simulation.as_deref().unwrap_or(&self.server)).await?;
        Ok(simulation::v1::simulation_service_client::SimulationServiceClient::new(channel))
    }

    /// Messages, previews, test sends.
    pub async fn notifications(
        &self,
    ) -> Result<notifications::v1::notifications_service_client::NotificationsServiceClient<Authenticated>>
    {
        let channel = self.channel(self.notifications.as_deref().unwrap_or(&self.server)).await?;
        Ok(notifications::v1::notifications_service_client::NotificationsServiceClient::new(channel))
    }
}

/// The text of a refusal: the message, and which fields it is about.
pub fn explain(status: &Status) -> String {
    use tonic_types::StatusExt;
    let mut text = format!("{} ({})", status.message(), status.code());
    for violation in
        status.get_error_details().bad_request().map(|b| b.field_violations.as_slice()).unwrap_or_default()
    {
        text.push_str(&format!("\n  {}: {}", violation.field, violation.description));
    }
    text
}
