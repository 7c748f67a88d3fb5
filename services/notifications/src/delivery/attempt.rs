//! One attempt for one message.

use std::sync::Arc;

use elate_domain::system::NotificationRequested;
use elate_domain::{Clock, Timestamp};
use elate_manifest::spec::Email;
use elate_reach::retry::judge_smtp;
use serde_json::Value as Json;

use super::channels::{self, Channels, Kind, Runtime};
use super::definitions::{Cache, Definitions};
use super::email::{self, Letter};
use super::secrets::{self, Variables};
use super::smtp::{Reply, Server};
use super::webhook::Call;
use super::{Report, Verdict};
use crate::model::schedule;
use crate::model::template::{self, Rendered};
use crate::store::dispatch::{Claimed, Outcome};
use crate::store::endpoint::EndpointRow;
use crate::unsubscribe::{Leave, Links};

/// What deliveries need.
#[derive(Debug)]
pub struct Context {
    /// Channels and templates.
    pub definitions: Cache,
    /// The channels at work.
    pub channels: Channels,
    /// What channels take from the environment.
    pub variables: Variables,
    /// Signs unsubscribe links.
    pub links: Links,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How a delivery ended.
#[derive(Debug)]
pub enum Delivered {
    /// With an outcome to record, and perhaps a change of the endpoint's health.
    Outcome(Box<Outcome>, Option<EndpointRow>),
    /// It never began: our own database was out of reach. The message is ready again.
    GiveBack,
}

/// Delivers a claimed message: one attempt, or the reason for none.
pub async fn deliver(context: &Context, claimed: &Arc<Claimed>) -> Delivered {
    let plain = |state, reason: &str, detail: &str| {
        let outcome = settled(claimed, context.clock.now(), state, reason, detail);
        Delivered::Outcome(Box::new(outcome), None)
    };
    match &claimed.stop {
        Some((state, reason)) if state == "cancelled" => return plain("cancelled", reason, ""),
        Some((_, reason)) => return plain("refused", reason, ""),
        None => {}
    }
    let Ok(request) = serde_json::from_str::<NotificationRequested>(&claimed.request) else {
        return plain("failed", "request_unreadable", "");
    };
    let definitions = match context.definitions.get(&claimed.key.workspace, Some(claimed.version)).await {
        Ok(Some(definitions)) => definitions,
        Ok(None) => return plain("failed", "channel_missing", ""),
        Err(error) => return give_back(&error),
    };
    let Some(spec) = definitions.channels.get(&claimed.key.channel) else {
        return plain("failed", "channel_missing", "");
    };
    let runtime = match context.channels.get(&claimed.key, spec).await {
        Ok(runtime) => runtime,
        Err(channels::Error::Storage(error)) => return give_back(&error),
        Err(error) => return plain("failed", "channel_misconfigured", &error.to_string()),
    };
    let Ok(_place) = runtime.places.acquire().await else { return Delivered::GiveBack };
    let now = context.clock.now();
    if now >= claimed.expires_at {
        return plain("expired", "expired", "");
    }
    let (report, kind) = attempt(context, claimed, &request, &definitions, &runtime, now).await;
    let ended = context.clock.now();
    measure(kind, report.verdict, ended.millis_since(now));
    let endpoint = runtime.note(&report, ended);
    let outcome = judged(claimed, &request, &runtime, report, ended);
    Delivered::Outcome(Box::new(outcome), endpoint)
}

fn give_back(error: &elate_storage::Error) -> Delivered {
    tracing::warn!(%error, "a delivery could not begin, it is taken up again");
    Delivered::GiveBack
}

async fn attempt(
    context: &Context,
    claimed: &Claimed,
    request: &NotificationRequested,
    definitions: &Definitions,
    runtime: &Runtime,
    now: Timestamp,
) -> (Report, &'static str) {
    match &runtime.kind {
        Kind::Webhook(endpoint) => {
            let name = claimed.key.channel.as_str();
            if runtime.is_disabled(name) && request.to.is_none() {
                return (Report::new(Verdict::Permanent, "endpoint_disabled", "", ""), "webhook");
            }
            let rendered = match render(definitions, claimed, request, None) {
                Ok(rendered) => rendered,
                Err(report) => return (report, "webhook"),
            };
            let call = Call { id: &claimed.notification_id, body: &rendered.body, to: request.to.as_deref() };
            (endpoint.call(name, call, now).await, "webhook")
        }
        Kind::Email { spec, servers } => {
            (mail(context, claimed, request, definitions, runtime, spec, servers, now).await, "email")
        }
    }
}

fn render(
    definitions: &Definitions,
    claimed: &Claimed,
    request: &NotificationRequested,
    unsubscribe_url: Option<&str>,
) -> Result<Rendered, Report> {
    let seen = template::context(&request.data, &request.customer, unsubscribe_url);
    let locale = claimed.locale.as_deref().or_else(|| request.customer.get("locale").and_then(Json::as_str));
    definitions
        .templates
        .render(&request.template, locale, &seen)
        .map_err(|error| Report::new(Verdict::Permanent, "template_failed", "", &error.to_string()))
}

#[allow(clippy::too_many_arguments, reason = "all that a mail is made of")]
async fn mail(
    context: &Context,
    claimed: &Claimed,
    request: &NotificationRequested,
    definitions: &Definitions,
    runtime: &Runtime,
    spec: &Email,
    servers: &[Server],
    now: Timestamp,
) -> Report {
    let url = match unsubscribe_url(context, spec, claimed, request) {
        Ok(url) => url,
        Err(error) => {
            return Report::new(Verdict::Permanent, "channel_misconfigured", "", &error.to_string());
        }
    };
    let rendered = match render(definitions, claimed, request, url.as_deref()) {
        Ok(rendered) => rendered,
        Err(report) => return report,
    };
    // Those who cannot leave by topic and get no advertising have nothing to leave.
    let is_left_by_click =
        request.class == "marketing" || request.class.is_empty() || !request.topic.is_empty();
    let letter = Letter {
        id: &claimed.notification_id,
        to: &claimed.address,
        rendered: &rendered,
        unsubscribe_url: url.as_deref().filter(|_| is_left_by_click),
        is_test: request.to.is_some(),
        now,
    };
    let (envelope, bytes) = match email::compose(&context.variables, spec, &letter) {
        Ok(mail) => mail,
        Err(error) => {
            let reason = match &error {
                email::Error::Recipient => "address_invalid",
                email::Error::Channel(_) => "channel_misconfigured",
                email::Error::Mail(_) => "mail_invalid",
            };
            return Report::new(Verdict::Permanent, reason, "", &error.to_string());
        }
    };
    let mut last = Report::new(Verdict::Permanent, "no_provider", "", "");
    for index in runtime.order(servers, now) {
        let Some(server) = servers.get(index) else { continue };
        let reply = server.send(&envelope, &bytes).await;
        let may_ask_another = matches!(reply, Reply::Unreached(_) | Reply::Unsuitable(_));
        let report = report(server.name(), reply);
        if !may_ask_another {
            return report;
        }
        // The next server takes over; that this one was out of reach is kept in mind.
        drop(runtime.note(&report, context.clock.now()));
        last = report;
    }
    last
}

/// The link with which this customer leaves; `None` where the channel has none.
fn unsubscribe_url(
    context: &Context,
    spec: &Email,
    claimed: &Claimed,
    request: &NotificationRequested,
) -> Result<Option<String>, secrets::Error> {
    let Some(unsubscribe) = &spec.unsubscribe else { return Ok(None) };
    let base = context.variables.setting(&unsubscribe.base_url)?;
    Ok(Some(context.links.url(
        &base,
        &Leave {
            workspace: claimed.key.workspace.clone(),
            customer: claimed.customer,
            channel: claimed.key.channel.clone(),
            topic: request.topic.clone(),
        },
    )))
}

fn report(server: &str, reply: Reply) -> Report {
    match reply {
        Reply::Accepted(detail) => Report::new(Verdict::Delivered, "", server, &detail),
        Reply::Refused { code, detail } => {
            Report::new(judge_smtp(code).into(), format!("smtp_{code}"), server, &detail)
        }
        Reply::Unsuitable(detail) => Report::new(Verdict::Permanent, "address_unsupported", server, &detail),
        Reply::Unreached(detail) => Report::new(Verdict::Transient, "provider_unreachable", server, &detail),
        Reply::Unknown(detail) => Report::new(Verdict::Unknown, "outcome_unknown", server, &detail),
    }
}

fn measure(kind: &'static str, verdict: Verdict, millis: i64) {
    let outcome = attempt_word(verdict);
    crate::metrics::ATTEMPTS.counter(&[("kind", kind), ("outcome", outcome)]).increment(1);
    crate::metrics::ATTEMPT_SECONDS.histogram(&[("kind", kind)]).record(millis.max(0) as f64 / 1000.0);
}

fn attempt_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "sent",
        Verdict::Transient => "failed",
        Verdict::Permanent | Verdict::Gone => "rejected",
        Verdict::Unknown => "unknown",
    }
}

/// An outcome without an attempt.
pub fn settled(
    claimed: &Arc<Claimed>,
    at: Timestamp,
    state: &'static str,
    reason: &str,
    detail: &str,
) -> Outcome {
    Outcome {
        claimed: Arc::clone(claimed),
        state,
        reason: reason.to_owned(),
        at,
        next_at: None,
        provider: String::new(),
        detail: super::short(detail),
        attempt: None,
        topic: String::new(),
    }
}

/// What a report means for the message: taken, to be tried again, or over.
fn judged(
    claimed: &Arc<Claimed>,
    request: &NotificationRequested,
    runtime: &Runtime,
    report: Report,
    now: Timestamp,
) -> Outcome {
    let next_at = || {
        let schedule = schedule::of(&runtime.spec);
        let next = schedule::next_attempt(
            &schedule,
            &claimed.notification_id,
            claimed.attempt,
            now,
            report.retry_after,
        );
        next.filter(|next| *next < claimed.expires_at)
    };
    let (state, next_at) = match report.verdict {
        Verdict::Delivered => ("sent", None),
        Verdict::Permanent | Verdict::Gone => ("failed", None),
        Verdict::Unknown if !claimed.resend => ("outcome_unknown", None),
        Verdict::Transient | Verdict::Unknown => match next_at() {
            Some(next) => ("retrying", Some(next)),
            None => ("failed", None),
        },
    };
    let was_attempted = !report.provider.is_empty();
    Outcome {
        claimed: Arc::clone(claimed),
        state,
        reason: report.reason,
        at: now,
        next_at,
        provider: report.provider,
        detail: report.detail,
        attempt: was_attempted.then(|| attempt_word(report.verdict)),
        topic: request.topic.clone(),
    }
}
