//! The rules of a workspace, read from its published definitions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Timelike as _;
use elate_domain::system::DefinitionsPublished;
use elate_feedback::asking::Fatigue;
use elate_manifest::spec::{self, CapPeriod, Channel, ChannelKind, Consent, OnUnknown};
use elate_reach::Policy;
use elate_reach::caps::{CapRule, CapWindow};
use elate_reach::consent::TopicMode;
use elate_reach::policy::QuietRule;
use elate_reach::quiet::{MinuteOfDay, QuietWindow, Weekdays};
use elate_reach::zone::{Zone, ZoneSettings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::surveys::{self, SurveyRules};

/// The rules of a workspace as of one version of its definitions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rules {
    /// Version of the definitions.
    pub version: u64,
    /// Channels by name.
    #[serde(default)]
    pub channels: BTreeMap<String, ChannelRules>,
    /// Templates by name, and the kind of channel that each is made for.
    #[serde(default)]
    pub templates: BTreeMap<String, String>,
    /// Topics, quiet hours, zones and pauses. Its caps are empty: they are in `caps`, by class.
    #[serde(default)]
    pub policy: Policy,
    /// Classes of messages that quiet hours let pass.
    #[serde(default)]
    pub quiet_except: BTreeSet<String>,
    /// Frequency caps.
    #[serde(default)]
    pub caps: Vec<ClassedCap>,
    /// Surveys by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub surveys: BTreeMap<String, SurveyRules>,
    /// Limits over surveys.
    #[serde(default)]
    pub fatigue: Fatigue,
}

/// What the chain needs to know of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelRules {
    /// `email` or `webhook`.
    pub kind: String,
    /// The trait that holds the customer's address; `None` where none is needed.
    #[serde(default)]
    pub address_trait: Option<String>,
    /// Whether a message whose outcome is unknown is sent again.
    pub resend: bool,
    /// Milliseconds that all retries may take together.
    pub schedule_millis: i64,
}

/// A cap, and the classes of messages that it does not concern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassedCap {
    /// The rule.
    pub rule: CapRule,
    /// Classes that do not obey it.
    #[serde(default)]
    pub exempt: BTreeSet<String>,
    /// Classes that do not count towards it.
    #[serde(default)]
    pub uncounted: BTreeSet<String>,
}

/// The manifests of a kind by name. Publication has validated them; what can't be read all the same is passed over.
pub fn manifests<T: DeserializeOwned>(documents: &[Json], kind: &str) -> BTreeMap<String, T> {
    let of_kind = documents.iter().filter(|d| d.get("kind").and_then(Json::as_str) == Some(kind));
    of_kind
        .filter_map(|document| {
            let name = document.pointer("/metadata/name")?.as_str()?.to_owned();
            let spec = document.get("spec")?;
            Some((name, T::deserialize(spec).ok()?))
        })
        .collect()
}

impl Rules {
    /// Reads the rules of a publication. Pauses are not part of it and are carried over by the caller.
    pub fn of(published: &DefinitionsPublished) -> Self {
        let documents = &published.manifests;
        let channels: BTreeMap<String, Channel> = manifests(documents, "Channel");
        let templates: BTreeMap<String, spec::Template> = manifests(documents, "Template");
        let policies: BTreeMap<String, spec::Policy> = manifests(documents, "Policy");
        let surveys: BTreeMap<String, spec::Survey> = manifests(documents, "Survey");
        let mut rules = Self {
            version: published.version,
            channels: channels.iter().map(|(name, c)| (name.clone(), ChannelRules::of(c))).collect(),
            templates: templates.iter().map(|(n, t)| (n.clone(), t.channel.as_str().to_owned())).collect(),
            surveys: surveys.iter().map(|(name, s)| (name.clone(), SurveyRules::of(name, s))).collect(),
            ..Self::default()
        };
        if let Some(policy) = policies.values().next() {
            rules.take_policy(policy);
        }
        rules
    }

    fn take_policy(&mut self, policy: &spec::Policy) {
        self.policy.zones = ZoneSettings {
            workspace: Zone(policy.zone.0),
            recipients: policy.zones.iter().map(|zone| Zone(zone.0)).collect(),
        };
        let mode = |consent| match consent {
            Consent::OptIn => TopicMode::OptIn,
            Consent::OptOut => TopicMode::OptOut,
        };
        self.policy.topics = policy.topics.iter().map(|t| (t.name.to_string(), mode(t.consent))).collect();
        if let Some(hours) = &policy.quiet_hours {
            self.policy.quiet = quiet_window(hours)
                .map(|window| QuietRule { windows: vec![window], channels: BTreeSet::new() })
                .into_iter()
                .collect();
            self.quiet_except = hours.except.iter().map(|class| class.as_str().to_owned()).collect();
        }
        self.caps = policy.caps.iter().map(ClassedCap::of).collect();
        self.fatigue = surveys::fatigue(&policy.survey_fatigue);
    }
}

impl ChannelRules {
    fn of(channel: &Channel) -> Self {
        let kind = channel.kind().unwrap_or(ChannelKind::Webhook);
        let waits = channel.retry_schedule();
        Self {
            kind: kind.as_str().to_owned(),
            address_trait: channel.email.as_ref().map(|email| email.address_trait.clone()),
            resend: kind == ChannelKind::Webhook || channel.on_unknown == OnUnknown::Resend,
            schedule_millis: waits.iter().fold(0, |sum: i64, wait| sum.saturating_add(wait.as_millis())),
        }
    }
}

impl ClassedCap {
    fn of(cap: &spec::Cap) -> Self {
        let window = match cap.per {
            CapPeriod::CalendarDays(days) => CapWindow::Days(u32::from(days)),
            CapPeriod::Rolling(span) => CapWindow::RollingMillis(span.as_millis()),
        };
        let one = |name: &Option<elate_manifest::Name>| name.iter().map(ToString::to_string).collect();
        let classes =
            |classes: &[spec::MessageClass]| classes.iter().map(|c| c.as_str().to_owned()).collect();
        Self {
            rule: CapRule {
                name: cap.name.to_string(),
                limit: cap.limit,
                window,
                channels: one(&cap.channel),
                topics: one(&cap.topic),
            },
            exempt: classes(&cap.not_obeyed_by),
            uncounted: classes(&cap.not_counted),
        }
    }
}

fn quiet_window(hours: &spec::QuietHours) -> Option<QuietWindow> {
    // Hours and minutes of a day fit.
    let minute = |time: chrono::NaiveTime| MinuteOfDay::try_new(time.hour() as u16, time.minute() as u16);
    QuietWindow::try_new(minute(hours.from.0)?, minute(hours.to.0)?, Weekdays::ALL).ok()
}
