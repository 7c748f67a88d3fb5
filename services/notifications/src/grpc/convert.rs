//! Between the contract and our types.

use elate_domain::{CustomerId, FieldError, Timestamp};
use elate_manifest::Set;
use elate_manifest::spec::Template;
use elate_proto::events::v1::Customer;
use elate_proto::notifications::v1 as pb;
use elate_proto::notifications::v1::NotificationState;
use elate_reach::{Decision, Message};
use elate_rpc::validate::proto_timestamp;
use serde_json::Value as Json;

use crate::app::{ChannelHealth, ProviderHealth, Reach};
use crate::model::template::Rendered;
use crate::store::read::{Filter, Stored, StoredAttempt};

/// What stands in a preview for the link with which a customer leaves.
pub(super) const PREVIEW_LINK: &str = "https://example.com/unsubscribe/preview";

const STATES: [(NotificationState, &str); 10] = [
    (NotificationState::Held, "held"),
    (NotificationState::Ready, "ready"),
    (NotificationState::Sending, "sending"),
    (NotificationState::Retrying, "retrying"),
    (NotificationState::Sent, "sent"),
    (NotificationState::Refused, "refused"),
    (NotificationState::Failed, "failed"),
    (NotificationState::OutcomeUnknown, "outcome_unknown"),
    (NotificationState::Expired, "expired"),
    (NotificationState::Cancelled, "cancelled"),
];

pub(super) fn filter(
    customer: Option<CustomerId>,
    play: String,
    channel: String,
    state: i32,
) -> Result<Filter, FieldError> {
    let text = |text: String| (!text.is_empty()).then_some(text);
    let unknown = || FieldError::new("state", format!("{state} is unknown"));
    let wanted = NotificationState::try_from(state).map_err(|_| unknown())?;
    let word = STATES.iter().find(|(state, _)| *state == wanted).map(|(_, word)| *word);
    Ok(Filter { customer, play: text(play), channel: text(channel), state: word })
}

pub(super) fn message(request: &pb::CheckReachRequest, now: Timestamp) -> Result<Message, FieldError> {
    if request.channel.is_empty() {
        return Err(FieldError::new("channel", "is required"));
    }
    let mut message = Message::new("check", request.channel.as_str(), now);
    message.topic = (!request.topic.is_empty()).then(|| request.topic.clone());
    if !request.class.is_empty() {
        message.class = request.class.parse().map_err(|reason: String| FieldError::new("class", reason))?;
    }
    Ok(message)
}

/// Reads a Template manifest that is not applied, as strictly as an application would; `None` where none was given.
pub(super) fn template(document: &str) -> Result<Option<Template>, FieldError> {
    if document.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |reason: String| FieldError::new("document", reason);
    let set = Set::parse_text(document)
        .map_err(|problems| wrong(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    let mut templates = set.templates();
    match (templates.next(), set.len()) {
        (Some((_, template)), 1) => Ok(Some(template.clone())),
        _ => Err(wrong("must be one Template manifest".to_owned())),
    }
}

pub(super) fn traits(customer: &Customer) -> Json {
    serde_json::from_slice(&customer.traits).unwrap_or(Json::Null)
}

impl From<Stored> for pb::Notification {
    fn from(stored: Stored) -> Self {
        let state = STATES.iter().find(|(_, word)| *word == stored.state).map(|(state, _)| *state);
        Self {
            notification_id: stored.notification_id,
            customer_id: stored.customer.to_string(),
            play: stored.play,
            instance_id: stored.instance_id,
            channel: stored.channel,
            template: stored.template,
            state: state.unwrap_or(NotificationState::Unspecified).into(),
            reason: stored.reason,
            requested_time: Some(proto_timestamp(stored.requested_at)),
            changed_time: Some(proto_timestamp(stored.changed_at)),
            next_time: stored.next_at.map(proto_timestamp),
            attempts: stored.attempts,
        }
    }
}

impl From<StoredAttempt> for pb::Attempt {
    fn from(attempt: StoredAttempt) -> Self {
        Self {
            number: attempt.number,
            attempted_time: Some(proto_timestamp(attempt.at)),
            provider: attempt.provider,
            outcome: attempt.outcome,
            detail: attempt.detail,
        }
    }
}

impl From<Reach> for pb::CheckReachResponse {
    fn from(reach: Reach) -> Self {
        let reason = reach.decision.reason().map(|reason| reason.as_str().to_owned()).unwrap_or_default();
        let (decision, until) = match reach.decision {
            Decision::Send { .. } => ("send", None),
            Decision::Hold { until, .. } => ("hold", Some(until)),
            Decision::Refuse { .. } => ("refuse", None),
        };
        Self {
            decision: decision.to_owned(),
            reason,
            until_time: until.map(proto_timestamp),
            time_zone: reach.zone,
        }
    }
}

impl From<Rendered> for pb::PreviewTemplateResponse {
    fn from(rendered: Rendered) -> Self {
        Self {
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html.unwrap_or_default(),
            body: rendered.body,
            locale: rendered.locale,
        }
    }
}

impl From<ProviderHealth> for pb::Provider {
    fn from(provider: ProviderHealth) -> Self {
        Self {
            name: provider.name,
            healthy: provider.failing_since.is_none() && !provider.disabled,
            attempts: provider.attempts,
            failures: provider.failures,
            failing_since_time: provider.failing_since.map(proto_timestamp),
            disabled: provider.disabled,
        }
    }
}

impl From<ChannelHealth> for pb::Channel {
    fn from(channel: ChannelHealth) -> Self {
        Self {
            name: channel.name,
            kind: channel.kind,
            paused: channel.paused,
            providers: channel.providers.into_iter().map(Into::into).collect(),
        }
    }
}
