//! `elate customer`: a customer, its timeline, its preferences, its erasure.

use anyhow::Result;
use elate_proto::common::v1::PageRequest;
use elate_proto::events::v1::{
    EraseCustomerRequest, GetCustomerRequest, GetErasureRequest, ListTimelineRequest, TimelineEntry,
};
use elate_proto::notifications::v1::SetSuppressionRequest;

use super::{customer_ref, request_id};
use crate::client::Target;
use crate::output::{line, time};

/// One customer.
#[derive(Debug, clap::Subcommand)]
pub enum Customer {
    /// Shows who it is and the newest entries of its timeline.
    Show {
        /// `user:ID`, `anonymous:ID`, or Elate's own id.
        customer: String,
        /// How many entries.
        #[arg(long, default_value_t = 20)]
        entries: u32,
    },
    /// Erases the customer everywhere, and waits for the receipts of all services.
    Erase {
        /// `user:ID`, `anonymous:ID`, or Elate's own id.
        customer: String,
    },
    /// Sends nothing more to the customer's addresses, as after a hard bounce.
    Suppress(Suppression),
    /// Lifts a suppression that a hard bounce or an operator has set.
    Unsuppress(Suppression),
}

/// Whose address is meant.
#[derive(Debug, clap::Args)]
pub struct Suppression {
    /// `user:ID`, `anonymous:ID`, or Elate's own id.
    customer: String,
    /// The channel whose address it is; all addresses where none is given.
    #[arg(long, default_value = "")]
    channel: String,
    /// Why; it stands on the timeline.
    #[arg(long, default_value = "")]
    reason: String,
}

impl Suppression {
    async fn set(self, target: &Target, suppressed: bool) -> Result<()> {
        let request = SetSuppressionRequest {
            request_id: request_id(),
            customer: Some(customer_ref(&self.customer)),
            channel: self.channel,
            suppressed,
            reason: self.reason,
        };
        target.notifications().await?.set_suppression(request).await?;
        Ok(())
    }
}

impl Customer {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        match self {
            Self::Show { customer, entries } => show(target, &customer, entries).await,
            Self::Erase { customer } => erase(target, &customer).await,
            Self::Suppress(suppression) => suppression.set(target, true).await,
            Self::Unsuppress(suppression) => suppression.set(target, false).await,
        }
    }
}

async fn show(target: &Target, customer: &str, entries: u32) -> Result<()> {
    let mut client = target.customers().await?;
    let named = Some(customer_ref(customer));
    let found = client.get_customer(GetCustomerRequest { customer: named.clone() }).await?.into_inner();
    let found = found.customer.unwrap_or_default();
    line(format!("customer   {}", found.customer_id))?;
    line(format!("users      {}", found.user_ids.join(", ")))?;
    line(format!("anonymous  {}", found.anonymous_ids.join(", ")))?;
    line(format!("traits     {}", String::from_utf8_lossy(&found.traits)))?;
    line(format!("since      {}", time(found.created_time.as_ref())))?;
    let page = Some(PageRequest { page_size: entries, page_token: String::new() });
    let request = ListTimelineRequest { customer: named, page, ..Default::default() };
    let timeline = client.list_timeline(request).await?.into_inner();
    for entry in timeline.entries.iter().rev() {
        line(describe(entry))?;
    }
    Ok(())
}

async fn erase(target: &Target, customer: &str) -> Result<()> {
    let mut client = target.customers().await?;
    let request = EraseCustomerRequest { request_id: request_id(), customer: Some(customer_ref(customer)) };
    let erasure_id = client.erase_customer(request).await?.into_inner().erasure_id;
    line(format!("erasure {erasure_id}"))?;
    let mut seen = 0;
    loop {
        let request = GetErasureRequest { erasure_id: erasure_id.clone() };
        let erasure = client.get_erasure(request).await?.into_inner();
        for receipt in erasure.receipts.iter().skip(seen) {
            let at = time(receipt.purged_time.as_ref());
            line(format!("{}: {} rows purged at {at}", receipt.service, receipt.purged))?;
        }
        seen = erasure.receipts.len();
        if erasure.complete {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// One entry of a timeline on a line.
pub fn describe(entry: &TimelineEntry) -> String {
    let record = entry.record.clone().unwrap_or_default();
    let name = if record.name.is_empty() {
        record.r#type().as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase()
    } else {
        record.name.clone()
    };
    let properties = String::from_utf8_lossy(&record.properties).into_owned();
    let place = format!("{}/{}", entry.partition, entry.offset);
    format!("{}  {place:>9}  {name}  {properties}", time(entry.occurred_time.as_ref()))
}
