//! The whole chain: send, hold or refuse.
//!
//! The order matters and is part of the contract: what a customer demands comes before what a play wants, what can
//! only be refused comes before what can be held, and what costs money is asked last.
//!
//! 1. erased or suppressed, cancelled, expired
//! 2. an identifier for the channel
//! 3. consent and subscription
//! 4. the play's own rules
//! 5. pauses of everything, the channel, the play
//! 6. frequency caps
//! 7. quiet hours
//! 8. budget
//! 9. provider

use std::collections::BTreeSet;

use elate_domain::Timestamp;
use elate_domain::system::PreferencesChanged;
use serde::{Deserialize, Serialize};

pub use crate::consent::{MessageClass, TopicMode};
pub use crate::message::{Budget, DEFAULT_EXPIRY_MILLIS, Message, Provider};
pub use crate::policy::{Pauses, Policy, QuietRule};

use crate::caps::{SendHistory, Sent};
use crate::consent::{Choice, Consent};
use crate::quiet::QuietWindow;
use crate::reason::Reason;
use crate::zone::{self, Zone, ZoneReason};

/// How long a message rests before a pause, a pending budget or an ailing provider is looked at again: one minute.
pub const RECHECK_MILLIS: i64 = 60_000;

/// What is known of a customer as a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CustomerReach {
    /// Erased: nothing may go out.
    #[serde(default)]
    pub erased: bool,
    /// On the suppression list.
    #[serde(default)]
    pub suppressed: bool,
    /// Channels for which there is an address.
    #[serde(default)]
    pub channels: BTreeSet<String>,
    /// Choices.
    #[serde(default)]
    pub consent: Consent,
    /// The customer's own IANA zone.
    #[serde(default)]
    pub zone: Option<String>,
    /// The IANA zone of the customer's location.
    #[serde(default)]
    pub location_zone: Option<String>,
    /// What was sent, for caps.
    #[serde(default)]
    pub history: SendHistory,
}

impl CustomerReach {
    /// Takes in what the customer said at `at`; what the event does not mention stays as it was.
    pub fn apply(&mut self, event: &PreferencesChanged, at: Timestamp) {
        for (channel, subscribed) in &event.channels {
            self.consent.record(Some(channel), None, Choice { subscribed: *subscribed, at });
        }
        for (topic, subscribed) in &event.topics {
            self.consent.record(None, Some(topic), Choice { subscribed: *subscribed, at });
        }
        if let Some(zone) = &event.time_zone {
            self.zone = Some(zone.clone());
        }
    }

    /// Joins what is known of a merged customer, who does not outlive this one: choices by their time, what was
    /// sent, addresses, and a suppression of either.
    pub fn merge(&mut self, other: Self) {
        self.suppressed |= other.suppressed;
        self.channels.extend(other.channels);
        self.consent.merge(other.consent);
        self.zone = self.zone.take().or(other.zone);
        self.location_zone = self.location_zone.take().or(other.location_zone);
        self.history.merge(other.history);
    }

    /// Counts a message that was handed over, if it counts towards caps, and forgets what no cap counts any more.
    pub fn record_sent(&mut self, policy: &Policy, message: &Message, now: Timestamp) {
        self.history.prune(&policy.caps, now);
        if message.counts_towards_caps {
            self.history.record(Sent {
                message_id: message.id.clone(),
                at: now,
                channel: message.channel.clone(),
                topic: message.topic.clone().unwrap_or_default(),
            });
        }
    }
}

/// What to do with a message now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Hand it over.
    Send {
        /// Whose clock said that it is no quiet hour; absent where there are no quiet hours.
        zone: Option<ZoneReason>,
        /// It is a quiet hour, and the message overrides it by its class.
        overrode_quiet_hours: bool,
    },
    /// Keep it, and ask again at `until`.
    Hold {
        /// When the hold ends, or is to be looked at again.
        until: Timestamp,
        /// Why.
        reason: Reason,
        /// Whose clock it was, for quiet hours.
        zone: Option<ZoneReason>,
    },
    /// Do not send it, ever.
    Refuse {
        /// Why.
        reason: Reason,
        /// Which rule, where there are several: the cap's or topic's name.
        detail: Option<String>,
    },
}

impl Decision {
    fn refuse(reason: Reason) -> Self {
        Self::Refuse { reason, detail: None }
    }

    /// Holds until `until`, but not past the expiry, where the next look refuses it.
    fn hold(message: &Message, until: Timestamp, reason: Reason) -> Self {
        Self::Hold { until: until.min(message.expiry()), reason, zone: None }
    }

    /// The reason; `None` for sending.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Send { .. } => None,
            Self::Hold { reason, .. } | Self::Refuse { reason, .. } => Some(*reason),
        }
    }
}

/// Runs the chain for one message at `now`. Run it again before every attempt.
pub fn decide(policy: &Policy, customer: &CustomerReach, message: &Message, now: Timestamp) -> Decision {
    if let Some(reason) = refused_outright(customer, message, now) {
        return Decision::refuse(reason);
    }
    if let Some(refusal) = refused_by_consent(policy, customer, message) {
        return refusal;
    }
    if !message.play_allows {
        return Decision::refuse(Reason::PlayRule);
    }
    if let Some(reason) = policy.pauses.covering(message) {
        return Decision::hold(message, now.plus_millis(RECHECK_MILLIS), reason);
    }
    let recipient = zone::recipient_zone(customer.zone.as_deref(), customer.location_zone.as_deref());
    if let Some(refusal) = refused_by_cap(policy, customer, message, recipient, now) {
        return refusal;
    }
    let quiet = match pass_quiet_hours(policy, message, recipient, now) {
        Ok(pass) => pass,
        Err(decision) => return decision,
    };
    if let Some(decision) = stopped_by_supply(message, now) {
        return decision;
    }
    Decision::Send { zone: quiet.zone, overrode_quiet_hours: quiet.overrode }
}

fn refused_outright(customer: &CustomerReach, message: &Message, now: Timestamp) -> Option<Reason> {
    if customer.erased {
        Some(Reason::Erased)
    } else if customer.suppressed {
        Some(Reason::Suppressed)
    } else if message.cancelled {
        Some(Reason::Cancelled)
    } else if now >= message.expiry() {
        Some(Reason::Expired)
    } else if !message.has_own_address && !customer.channels.contains(&message.channel) {
        Some(Reason::NoIdentifier)
    } else {
        None
    }
}

fn refused_by_consent(policy: &Policy, customer: &CustomerReach, message: &Message) -> Option<Decision> {
    // An address of its own is the sender's, so nobody else's consent is asked for.
    if message.has_own_address {
        return None;
    }
    let topic = match message.topic.as_deref() {
        None => None,
        Some(name) => match policy.topics.get(name) {
            Some(mode) => Some((name, *mode)),
            None => {
                let detail = Some(name.to_owned());
                return Some(Decision::Refuse { reason: Reason::UnknownTopic, detail });
            }
        },
    };
    let reason = customer.consent.check(&message.channel, topic, message.class).err()?;
    Some(Decision::Refuse { reason, detail: message.topic.clone() })
}

fn refused_by_cap(
    policy: &Policy,
    customer: &CustomerReach,
    message: &Message,
    recipient: Option<(Zone, ZoneReason)>,
    now: Timestamp,
) -> Option<Decision> {
    if !message.obeys_caps {
        return None;
    }
    let zone = recipient.map_or(policy.zones.workspace, |(zone, _)| zone);
    let topic = message.topic.as_deref().unwrap_or_default();
    let capped = customer.history.capped(&policy.caps, &message.id, &message.channel, topic, zone, now)?;
    Some(Decision::Refuse { reason: Reason::FrequencyCap, detail: Some(capped.rule) })
}

/// How a message got past quiet hours.
struct QuietPass {
    zone: Option<ZoneReason>,
    overrode: bool,
}

fn pass_quiet_hours(
    policy: &Policy,
    message: &Message,
    recipient: Option<(Zone, ZoneReason)>,
    now: Timestamp,
) -> Result<QuietPass, Decision> {
    let rules =
        policy.quiet.iter().filter(|r| r.channels.is_empty() || r.channels.contains(&message.channel));
    let windows: Vec<QuietWindow> = rules.flat_map(|rule| rule.windows.iter().copied()).collect();
    if windows.is_empty() {
        return Ok(QuietPass { zone: None, overrode: false });
    }
    let opening = zone::next_open(&windows, &policy.zones, recipient, now);
    let zone = Some(opening.reason);
    if opening.at == Some(now) {
        return Ok(QuietPass { zone, overrode: false });
    }
    if message.class == MessageClass::Urgent {
        return Ok(QuietPass { zone, overrode: true });
    }
    match opening.at {
        Some(until) if until < message.expiry() => {
            Err(Decision::Hold { until, reason: Reason::QuietHours, zone })
        }
        Some(_) | None => Err(Decision::refuse(Reason::QuietUntilExpiry)),
    }
}

fn stopped_by_supply(message: &Message, now: Timestamp) -> Option<Decision> {
    let recheck = now.plus_millis(RECHECK_MILLIS);
    match message.budget {
        Budget::Exhausted => return Some(Decision::refuse(Reason::BudgetExhausted)),
        Budget::Pending => return Some(Decision::hold(message, recheck, Reason::BudgetPending)),
        Budget::NotNeeded | Budget::Granted => {}
    }
    match message.provider {
        Provider::Missing => Some(Decision::refuse(Reason::NoProvider)),
        Provider::UnavailableUntil(until) if until > now => {
            Some(Decision::hold(message, until, Reason::ProviderUnavailable))
        }
        Provider::UnavailableUntil(_) | Provider::Available => None,
    }
}
