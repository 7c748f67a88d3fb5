//! `elate redrive`: what was set aside is processed again, what failed for good is sent again.

use anyhow::{Result, bail};
use elate_proto::common::v1::PageRequest;
use elate_proto::events::v1::RedriveCustomerRequest;
use elate_proto::notifications::v1::notifications_service_client::NotificationsServiceClient;
use elate_proto::notifications::v1::{
    ListNotificationsRequest, NotificationState, RedriveNotificationRequest,
};
use indicatif::ProgressBar;

use super::{customer_ref, request_id};
use crate::client::{Authenticated, Target};
use crate::output::line;

/// Messages on one page of a list.
const PAGE: u32 = 500;

/// What is taken up again.
#[derive(Debug, clap::Subcommand)]
pub enum Redrive {
    /// Builds a customer again from the log, where a record of it was set aside as a dead letter.
    Customer {
        /// `user:ID`, `anonymous:ID`, or Elate's own id.
        customer: String,
        /// The service that has set it aside; all of them where none is given. Those that have not do nothing.
        #[arg(long = "service", value_enum)]
        services: Vec<Service>,
    },
    /// Sends messages again that failed for good, expired, or whose outcome is unknown.
    Message {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Sends all messages of a channel again that ended so, for instance after a webhook endpoint was repaired.
    Channel {
        /// The channel.
        channel: String,
        /// How they ended.
        #[arg(long, value_enum, default_value = "failed")]
        state: Ended,
    },
}

/// The services that set customers aside.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Service {
    /// Promises, moments, plays.
    Journeys,
    /// Scores.
    Scoring,
    /// Messages.
    Notifications,
}

impl Service {
    const ALL: [Self; 3] = [Self::Journeys, Self::Scoring, Self::Notifications];

    fn name(self) -> &'static str {
        match self {
            Self::Journeys => "journeys",
            Self::Scoring => "scoring",
            Self::Notifications => "notifications",
        }
    }
}

/// Ends of a message that it can be taken up from.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Ended {
    /// Failed for good.
    Failed,
    /// Not handed over in time.
    Expired,
    /// A crash left the outcome unknown; it may arrive twice.
    OutcomeUnknown,
}

impl From<Ended> for NotificationState {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Failed => Self::Failed,
            Ended::Expired => Self::Expired,
            Ended::OutcomeUnknown => Self::OutcomeUnknown,
        }
    }
}

impl Redrive {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Customer { customer, services } => redrive_customer(target, &customer, services).await,
            Self::Message { ids } => redrive_messages(target, ids).await,
            Self::Channel { channel, state } => redrive_channel(target, channel, state).await,
        }
    }
}

async fn redrive_customer(target: &Target, customer: &str, services: Vec<Service>) -> Result<()> {
    let services = if services.is_empty() { Service::ALL.to_vec() } else { services };
    let mut admin = target.admin().await?;
    for service in services {
        let request = RedriveCustomerRequest {
            request_id: request_id(),
            service: service.name().to_owned(),
            customer: Some(customer_ref(customer)),
        };
        admin.redrive_customer(request).await?;
        line(format!("{}  {customer} is taken up again", service.name()))?;
    }
    Ok(())
}

type Notifications = NotificationsServiceClient<Authenticated>;

async fn redrive_one(client: &mut Notifications, id: &str) -> Result<(), tonic::Status> {
    let request = RedriveNotificationRequest { request_id: request_id(), notification_id: id.to_owned() };
    client.redrive_notification(request).await.map(drop)
}

/// Goes on after a refusal: of many messages some may have gone in the meantime.
async fn redrive_messages(target: &Target, ids: Vec<String>) -> Result<()> {
    let mut client = target.notifications().await?;
    let progress = progress(ids.len());
    let mut refused = 0;
    for id in &ids {
        match redrive_one(&mut client, id).await {
            Ok(()) => progress.suspend(|| line(format!("{id}  is sent again")))?,
            Err(status) => {
                refused += 1;
                progress.suspend(|| line(format!("{id}  {}", crate::client::explain(&status))))?;
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    match refused {
        0 => Ok(()),
        _ => bail!("{refused} of {} can't be sent again", ids.len()),
    }
}

async fn redrive_channel(target: &Target, channel: String, ended: Ended) -> Result<()> {
    let mut client = target.notifications().await?;
    let ids = ended_messages(&mut client, &channel, ended).await?;
    line(format!("{} to send again over {channel}", plural(ids.len())))?;
    if ids.is_empty() {
        return Ok(());
    }
    redrive_messages(target, ids).await
}

/// All of them are listed before the first one is taken up, so that one that fails again is not met twice.
async fn ended_messages(client: &mut Notifications, channel: &str, ended: Ended) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListNotificationsRequest {
            channel: channel.to_owned(),
            state: NotificationState::from(ended).into(),
            page: Some(PageRequest { page_size: PAGE, page_token }),
            ..Default::default()
        };
        let found = client.list_notifications(request).await?.into_inner();
        ids.extend(found.notifications.into_iter().map(|message| message.notification_id));
        page_token = found.page.unwrap_or_default().next_page_token;
        if page_token.is_empty() {
            // Oldest first, as they were asked for.
            ids.reverse();
            return Ok(ids);
        }
    }
}

/// Hidden where nobody looks, and for the few.
fn progress(count: usize) -> ProgressBar {
    if count < 10 { ProgressBar::hidden() } else { ProgressBar::new(count as u64) }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}
