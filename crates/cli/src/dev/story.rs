//! The playback and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use elate_domain::{CustomerId, PlaybackClock, Timestamp};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::{FollowWorkspaceRequest, FollowWorkspaceResponse, GetCustomerRequest};
use elate_proto::scoring::v1::{ExplainScoreRequest, ExplainScoreResponse};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tonic::Streaming;

use super::keys::Keys;
use super::mail::Mail;
use super::narrate::{NAMES, Told};
use super::play::{Player, Recording};
use crate::client::Target;
use crate::commands::score::lines;
use crate::output::{from_proto, line, to_proto};

/// After the end of the recording, nothing new for so long means that everything was processed.
const QUIET: Duration = Duration::from_millis(1500);

/// A playback against running services.
pub struct Story<'a> {
    /// The services, with an admin key.
    pub target: &'a Target,
    /// The keys of the workspace.
    pub keys: &'a Keys,
    /// Where the services are.
    pub address: String,
    /// What is played.
    pub recording: Recording,
    /// The services' clock.
    pub clock: Arc<PlaybackClock>,
}

/// What was seen while it played.
#[derive(Default)]
struct Seen {
    told: Told,
    names: BTreeMap<CustomerId, String>,
    mails: Vec<Mail>,
}

impl Story<'_> {
    /// Plays it, tells it, and sums it up.
    pub async fn run(self, mails: &mut mpsc::UnboundedReceiver<Mail>) -> Result<()> {
        line(format!("\nPlaying {} recorded messages through the public API.\n", self.recording.len()))?;
        let follow = FollowWorkspaceRequest {
            cursor: String::new(),
            names: NAMES.iter().map(|&name| name.to_owned()).collect(),
            ..Default::default()
        };
        let mut records = self.target.customers().await?.follow_workspace(follow).await?.into_inner();
        let ingest = self.target.ingest().await?;
        let mut player = Player::new(&self.address, &self.keys.write, ingest, Arc::clone(&self.clock));
        let bar = progress(self.recording.len());
        let mut seen = Seen::default();
        let played = {
            let mut playing =
                std::pin::pin!(player.play(&self.recording, |done| bar.set_position(done as u64)));
            loop {
                tokio::select! {
                    played = &mut playing => break played?,
                    record = records.message() => self.tell(&bar, record?, &mut seen).await?,
                    Some(mail) = mails.recv() => show(&bar, mail, &mut seen),
                }
            }
        };
        self.watch_the_end(&bar, &mut records, mails, &mut seen).await?;
        bar.finish_and_clear();
        line(format!("\n{} messages accepted, {} were there already.", played.accepted, played.duplicate))?;
        self.sum_up(&seen).await?;
        self.clock.finish();
        Ok(())
    }

    /// Lets the clock run to the end of what is watched, and everything settle.
    async fn watch_the_end(
        &self,
        bar: &ProgressBar,
        records: &mut Streaming<FollowWorkspaceResponse>,
        mails: &mut mpsc::UnboundedReceiver<Mail>,
        seen: &mut Seen,
    ) -> Result<()> {
        bar.set_message("watching what comes of it");
        let ends = self.clock.until(Timestamp(i64::MAX));
        let end = tokio::time::Instant::now() + ends;
        loop {
            let quiet = end.max(tokio::time::Instant::now()) + QUIET;
            tokio::select! {
                record = records.message() => self.tell(bar, record?, seen).await?,
                Some(mail) = mails.recv() => show(bar, mail, seen),
                () = tokio::time::sleep_until(quiet) => return Ok(()),
            }
        }
    }

    async fn tell(
        &self,
        bar: &ProgressBar,
        response: Option<FollowWorkspaceResponse>,
        seen: &mut Seen,
    ) -> Result<()> {
        let entry = response.context("the log ended")?.entry;
        let Some((entry, record)) = entry.and_then(|e| e.record.clone().map(|r| (e, r))) else {
            return Ok(());
        };
        let customer = elate_proto::record::customer_from_bytes(&record.customer_id)?;
        let at = entry.received_time.as_ref().map(from_proto).unwrap_or_default();
        if let Some(text) = seen.told.tell(customer, at, &record) {
            let name = self.name_of(customer, seen).await?;
            print(bar, &format!("{name:<8} {text}"));
        }
        Ok(())
    }

    /// The sender's own name for a customer.
    async fn name_of(&self, customer: CustomerId, seen: &mut Seen) -> Result<String> {
        if let Some(name) = seen.names.get(&customer) {
            return Ok(name.clone());
        }
        let named = CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) };
        let request = GetCustomerRequest { customer: Some(named) };
        let found = self.target.customers().await?.get_customer(request).await?.into_inner();
        let ids = found.customer.map(|c| c.user_ids).unwrap_or_default();
        let name = ids.into_iter().next();
        if let Some(name) = &name {
            seen.names.insert(customer, name.clone());
        }
        Ok(name.unwrap_or_else(|| "visitor".to_owned()))
    }

    async fn sum_up(&self, seen: &Seen) -> Result<()> {
        for (what, count) in &seen.told.counts {
            line(format!("  {count:>5} {what}"))?;
        }
        let Some((customer, recovered)) = seen.told.recovered else { return Ok(()) };
        let name = seen.names.get(&customer).cloned().unwrap_or_else(|| customer.to_string());
        line(format!("\nThe story of {name}: a promise broken, and made good."))?;
        if let Some(&broken) = seen.told.broken.get(&customer) {
            line("\nJust after the promise was broken:")?;
            self.explain(customer, Some(broken.plus_millis(60_000))).await?;
        }
        line("\nJust before it was made good:")?;
        self.explain(customer, Some(recovered.plus_millis(-60_000))).await?;
        line("\nA day after:")?;
        self.explain(customer, Some(recovered.plus_millis(86_400_000))).await?;
        let address = self.address_of(customer).await?;
        if let Some(mail) = seen.mails.iter().rev().find(|mail| mail.to == address) {
            line(format!("\nDelivered to {}:\n", mail.to))?;
            line(format!("  From: {}\n  Subject: {}\n", mail.from, mail.subject))?;
            for text in mail.text.lines() {
                line(format!("  {text}"))?;
            }
        }
        Ok(())
    }

    async fn explain(&self, customer: CustomerId, at: Option<Timestamp>) -> Result<()> {
        let named = CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) };
        let request =
            ExplainScoreRequest { customer: Some(named), at_time: at.map(to_proto), as_known_time: None };
        let explained = self.target.scoring().await?.explain_score(request).await;
        let explained: ExplainScoreResponse = explained.context("no explanation")?.into_inner();
        for text in lines(&explained) {
            line(format!("  {text}"))?;
        }
        Ok(())
    }

    async fn address_of(&self, customer: CustomerId) -> Result<String> {
        let named = CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(customer.to_string())) };
        let request = GetCustomerRequest { customer: Some(named) };
        let found = self.target.customers().await?.get_customer(request).await?.into_inner();
        let traits: serde_json::Value =
            serde_json::from_slice(&found.customer.unwrap_or_default().traits).unwrap_or_default();
        Ok(traits.get("email").and_then(|e| e.as_str()).unwrap_or_default().to_owned())
    }
}

fn progress(messages: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} messages, {eta} left {msg}");
    ProgressBar::new(messages as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A line above the progress bar, or to standard output where there is none (no terminal).
fn print(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        // A closed pipe shows itself at the next line that has to be printed.
        let _ = line(text);
    } else {
        bar.println(text);
    }
}

fn show(bar: &ProgressBar, mail: Mail, seen: &mut Seen) {
    print(bar, &format!("         mail     to {}: {}", mail.to, mail.subject));
    seen.mails.push(mail);
}
