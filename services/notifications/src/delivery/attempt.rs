//! One attempt for one message.

use std::sync::Arc;

use elate_domain::system::NotificationRequested;
use elate_domain::{Clock, Timestamp};
use elate_manifest::spec::Email;
use elate_reach::retry::judge_smtp;
use elate_telemetry::trace::set_parent;
use serde_json::Value as Json;
use tracing::Instrument as _;

use super::channels::{self, Channels, Kind, Runtime};
use super::definitions::{Cache, Definitions};
use super::email::{self, Letter};
use super::secrets::{self, Variables};
use super::smtp::{Reply, Server};
use super::webhook::Call;
use super::{Report, Verdict};
use crate::model::bounce::{self, HARD_BOUNCE};
use crate::model::schedule;
use crate::model::template::{self, Rendered};
use crate::store::dispatch::{Claimed, Outcome};
use crate::store::endpoint::EndpointRow;
use crate::survey_page::Question;
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
    /// With an outcome to record, and changes of providers' health.
    Outcome(Box<Outcome>, Vec<EndpointRow>),
    /// It never began: our own database was out of reach. The message is ready again.
    GiveBack,
}

/// Delivers a claimed message: one attempt, or the reason for none.
pub async fn deliver(context: &Context, claimed: &Arc<Claimed>) -> Delivered {
    let plain = |state, reason: &str, detail: &str| {
        let outcome = settled(claimed, context.clock.now(), state, reason, detail);
        Delivered::Outcome(Box::new(outcome), Vec::new())
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
    let span = span(claimed, &runtime);
    let attempted = attempt(context, claimed, &request, &definitions, &runtime, now).instrument(span.clone());
    let (reports, kind) = attempted.await;
    let ended = context.clock.now();
    let endpoints = reports.iter().filter_map(|report| runtime.note(report, ended)).collect();
    let report = decisive(reports);
    span.record("outcome", attempt_word(report.verdict));
    measure(kind, report.verdict, ended.millis_since(now));
    let outcome = judged(claimed, &request, &runtime, report, ended);
    Delivered::Outcome(Box::new(outcome), endpoints)
}

/// The end of the trace that began with the request that caused the message. No address and no id of a customer in it.
fn span(claimed: &Claimed, runtime: &Runtime) -> tracing::Span {
    let kind = match runtime.kind {
        Kind::Email { .. } => "email",
        Kind::Webhook(_) => "webhook",
    };
    let span = tracing::info_span!(
        "delivery",
        otel.kind = "client",
        channel.kind = kind,
        attempt = claimed.attempt,
        outcome = tracing::field::Empty,
    );
    if let Some(parent) = &claimed.trace_parent {
        set_parent(&span, parent);
    }
    span
}

fn give_back(error: &elate_storage::Error) -> Delivered {
    tracing::warn!(%error, "a delivery could not begin, it is taken up again");
    Delivered::GiveBack
}

/// What counts of the reports of several providers: the last one, unless an earlier one gives hope and it doesn't.
fn decisive(mut reports: Vec<Report>) -> Report {
    let last = reports.pop().unwrap_or_else(|| Report::new(Verdict::Permanent, "no_provider", "", ""));
    if last.verdict != Verdict::Permanent || !last.against_provider {
        return last;
    }
    reports.into_iter().rfind(|report| report.verdict == Verdict::Transient).unwrap_or(last)
}

/// Asks one provider after the other until one has decided; their reports, in order.
async fn attempt(
    context: &Context,
    claimed: &Claimed,
    request: &NotificationRequested,
    definitions: &Definitions,
    runtime: &Runtime,
    now: Timestamp,
) -> (Vec<Report>, &'static str) {
    match &runtime.kind {
        Kind::Webhook(endpoint) => {
            let name = claimed.key.channel.as_str();
            if runtime.is_disabled(name) && request.to.is_none() {
                return (vec![Report::new(Verdict::Permanent, "endpoint_disabled", "", "")], "webhook");
            }
            let rendered = match render(context, definitions, claimed, request, None) {
                Ok(rendered) => rendered,
                Err(report) => return (vec![report], "webhook"),
            };
            let call = Call { id: &claimed.notification_id, body: &rendered.body, to: request.to.as_deref() };
            (vec![endpoint.call(name, call, now).await], "webhook")
        }
        Kind::Email { spec, servers } => {
            (mail(context, claimed, request, definitions, runtime, spec, servers, now).await, "email")
        }
    }
}

fn render(
    context: &Context,
    definitions: &Definitions,
    claimed: &Claimed,
    request: &NotificationRequested,
    unsubscribe_url: Option<&str>,
) -> Result<Rendered, Report> {
    let mut seen = template::context(&request.data, &request.customer, unsubscribe_url);
    let locale = claimed.locale.as_deref().or_else(|| request.customer.get("locale").and_then(Json::as_str));
    if let Some(survey) = request.data.pointer("/survey/name").and_then(Json::as_str) {
        let asked = question(context, definitions, claimed, survey, locale);
        let (text, url) = asked.map_err(|error| {
            Report::new(Verdict::Permanent, "channel_misconfigured", "", &error.to_string())
        })?;
        template::put_question(&mut seen, &text, &url);
    }
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
) -> Vec<Report> {
    let refused = |reason: &str, detail: &str| vec![Report::new(Verdict::Permanent, reason, "", detail)];
    let url = match unsubscribe_url(context, spec, claimed, request) {
        Ok(url) => url,
        Err(error) => return refused("channel_misconfigured", &error.to_string()),
    };
    let rendered = match render(context, definitions, claimed, request, url.as_deref()) {
        Ok(rendered) => rendered,
        Err(report) => return vec![report],
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
            return refused(reason, &error.to_string());
        }
    };
    let mut reports = Vec::new();
    for index in runtime.order(servers, now) {
        let Some(server) = servers.get(index) else { continue };
        let reply = server.send(&envelope, &bytes).await;
        let decides = matches!(reply, Reply::Accepted(_) | Reply::Refused { .. } | Reply::Unknown(_));
        reports.push(report(server.name(), reply));
        if decides {
            break;
        }
    }
    reports
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

/// The question of a survey in the customer's language, and the link to its page. Both are empty where the survey is not
/// there any more; then its template can't be sent either, as its page would have nothing to show.
fn question(
    context: &Context,
    definitions: &Definitions,
    claimed: &Claimed,
    survey: &str,
    locale: Option<&str>,
) -> Result<(String, String), secrets::Error> {
    let Some(found) = definitions.surveys.get(survey) else { return Ok((String::new(), String::new())) };
    let base = context.variables.setting(&found.page.base_url)?;
    let (language, text) = found.localised(locale).unwrap_or_default();
    let question = Question {
        workspace: claimed.key.workspace.clone(),
        customer: claimed.customer,
        survey: survey.to_owned(),
        survey_id: claimed.notification_id.clone(),
        locale: language.to_owned(),
    };
    Ok((text.to_owned(), context.links.question_url(&base, &question)))
}

fn report(server: &str, reply: Reply) -> Report {
    let permanent = |reason, detail: String| Report::new(Verdict::Permanent, reason, server, &detail);
    match reply {
        Reply::Accepted(detail) => Report::new(Verdict::Delivered, "", server, &detail),
        Reply::Refused { code, detail, recipient } => {
            let is_bounce = recipient && bounce::is_hard(code, &detail);
            let reason = if is_bounce { HARD_BOUNCE.to_owned() } else { format!("smtp_{code}") };
            let report = Report::new(judge_smtp(code).into(), reason, server, &detail);
            let about_message = recipient || report.verdict == Verdict::Permanent;
            if about_message { report.about_message() } else { report }
        }
        Reply::Unsuitable(detail) => permanent("address_unsupported", detail).about_message(),
        Reply::LoginRefused(detail) => permanent("provider_login_refused", detail),
        Reply::Misconfigured(detail) => permanent("channel_misconfigured", detail),
        // It may be renewed.
        Reply::Untrusted(detail) => {
            Report::new(Verdict::Transient, "provider_certificate_refused", server, &detail)
        }
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
