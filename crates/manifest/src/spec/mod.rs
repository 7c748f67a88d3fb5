//! What each kind of manifest says. The types are the documents: field by field, unknown fields refused.

mod channel;
mod effect;
mod event_match;
mod formula;
mod journey;
mod moment;
mod pattern;
mod play;
mod policy;
mod promise;
mod recurrence;
mod reference;
mod rollout;
mod scalar;
mod score;
mod step;
mod survey;
mod template;

pub use channel::{Channel, ChannelKind, Email, OnUnknown, SmtpProvider, Tls, Unsubscribe, Webhook};
pub use effect::PlayMeasure;
pub use event_match::EventMatch;
pub use formula::DelightFormula;
pub use journey::{Abandon, Journey, Recovery, Touchpoint};
pub use moment::{Expect, Habit, Moment, Thresholds};
pub use pattern::{AfterMatch, Contiguity, Pattern, Step, Times};
pub use play::{
    CaseTrigger, Direction, EntryCap, Holdout, MomentTrigger, Play, PlayCaps, PromiseTrigger, Reentry,
    ScheduleTrigger, ScoreTrigger, StageTrigger, Trigger,
};
pub use policy::{
    Cap, CapPeriod, Consent, GlobalHoldout, Policy, QuietHours, SurveyBaselines, SurveyFatigue, Topic,
};
pub use promise::{
    AtRisk, LearnedRisk, Moved, NamedMatch, Promise, PromiseEvent, PromiseRules, PromiseSource,
};
pub use recurrence::Recurrence;
pub use reference::{Secret, SecretSource, Setting};
pub use rollout::{Cohort, GuardrailGood, Rollout, RolloutGuardrail};
pub use scalar::{LocalDate, LocalTime, OneOrMany, Percent, Tolerance, Zone};
pub use score::{Score, ScorePurchases, ScoreSegment, ScoreThreshold};
pub use step::{Ask, Branch, Emit, Exit, Grant, MessageClass, PlayStep, Send, SplitArm, Task, Wait};
pub use survey::{Survey, SurveyCadence, SurveyKind, SurveyLimits, SurveyPage};
pub use template::{LocalisedTemplate, Template};

pub(crate) use scalar::schemas;

use serde::{Deserialize, Serialize};

use crate::Kind;
use crate::lenient::{self, Reading};

/// The content of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant, reason = "a workspace has a few hundred of them at the most")]
pub enum Spec {
    /// A journey.
    Journey(Journey),
    /// A moment.
    Moment(Box<Moment>),
    /// A play.
    Play(Play),
    /// A template.
    Template(Template),
    /// A channel.
    Channel(Box<Channel>),
    /// The policy.
    Policy(Policy),
    /// The score's settings.
    Score(Score),
    /// A version of the score's formula.
    DelightFormula(DelightFormula),
    /// A survey.
    Survey(Box<Survey>),
}

impl Spec {
    /// Reads the content of a manifest of a kind, and finds everything that does not fit.
    pub(crate) fn read(kind: Kind, json: &serde_json::Value) -> Reading<Self> {
        fn of<T: serde::de::DeserializeOwned>(
            json: &serde_json::Value,
            wrap: fn(T) -> Spec,
        ) -> Reading<Spec> {
            let Reading { value, problems } = lenient::read::<T>(json, "spec");
            Reading { value: value.map(wrap), problems }
        }
        match kind {
            Kind::Journey => of(json, Self::Journey),
            Kind::Moment => of(json, |moment| Self::Moment(Box::new(moment))),
            Kind::Play => of(json, Self::Play),
            Kind::Template => of(json, Self::Template),
            Kind::Channel => of(json, |channel| Self::Channel(Box::new(channel))),
            Kind::Policy => of(json, Self::Policy),
            Kind::Score => of(json, Self::Score),
            Kind::DelightFormula => of(json, Self::DelightFormula),
            Kind::Survey => of(json, |survey| Self::Survey(Box::new(survey))),
        }
    }
}

/// Who a manifest is, and what people should know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Unique among the manifests of its kind.
    pub name: crate::Name,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// For people who want to know more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For finding it again; Elate does not read them.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
}
