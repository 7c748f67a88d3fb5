//! The events that Elate's own services put on a customer's timeline.
//!
//! They travel like every other event: type `system`, one of the [`name`]s, and one of these structs as JSON
//! properties. So a play can be triggered by a score crossing exactly as by an order, conditions read
//! `event.properties.outcome`, and a recorded log holds everything that a simulation needs. Fields are only ever
//! added, with a default; a reader ignores what it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, Partition};
use crate::moment::{CaseState, ExpectationSource, Outcome, PromiseState, Stage, Truth};
use crate::time::Timestamp;

/// The names of system events.
pub mod name {
    /// Definitions of a workspace were published (one record in every partition): [`super::DefinitionsPublished`].
    pub const DEFINITIONS_PUBLISHED: &str = "elate.definitions.published";
    /// An import began (every partition): [`super::ImportMark`].
    pub const IMPORT_BEGUN: &str = "elate.import.begun";
    /// An import ended (every partition); timers that it held may fire: [`super::ImportMark`].
    pub const IMPORT_ENDED: &str = "elate.import.ended";
    /// Sending was paused or resumed (every partition): [`super::PauseChanged`].
    pub const PAUSE_CHANGED: &str = "elate.reach.pause_changed";

    /// A customer was merged into another (on the loser's timeline): [`super::MergedAway`].
    pub const MERGED_AWAY: &str = "elate.customer.merged_away";
    /// A service hands the loser's state to the survivor: [`super::StateMoved`].
    pub const STATE_MOVED: &str = "elate.customer.state_moved";
    /// A customer is erased; every service purges and answers: [`super::Erased`].
    pub const ERASED: &str = "elate.customer.erased";
    /// A service has purged an erased customer: [`super::ErasureReceipt`].
    pub const ERASURE_RECEIPT: &str = "elate.customer.erasure_receipt";
    /// Process a set-aside customer again: [`super::Redrive`].
    pub const REDRIVE: &str = "elate.customer.redrive";
    /// Consent, subscription, zone or locale of a customer was set: [`super::PreferencesChanged`].
    pub const PREFERENCES_CHANGED: &str = "elate.customer.preferences_changed";

    /// A moment was judged, or judged again: [`super::MomentJudged`].
    pub const MOMENT_JUDGED: &str = "elate.moment.judged";
    /// A pattern began and never finished: [`super::PatternTimedOut`].
    pub const PATTERN_TIMED_OUT: &str = "elate.pattern.timed_out";
    /// A promise changed its state or date: [`super::PromiseChanged`].
    pub const PROMISE_CHANGED: &str = "elate.promise.changed";
    /// A recovery case changed its state: [`super::CaseChanged`].
    pub const CASE_CHANGED: &str = "elate.case.changed";
    /// A customer moved on a journey: [`super::JourneyMoved`].
    pub const JOURNEY_MOVED: &str = "elate.journey.moved";
    /// Something happened to a customer in a play: [`super::PlayStepped`].
    pub const PLAY_STEPPED: &str = "elate.play.stepped";

    /// A play asks for a message: [`super::NotificationRequested`].
    pub const NOTIFICATION_REQUESTED: &str = "elate.notification.requested";
    /// A play left; cancel what was not handed over yet: [`super::NotificationCancelled`].
    pub const NOTIFICATION_CANCELLED: &str = "elate.notification.cancelled";
    /// What became of a message: [`super::NotificationReceipt`].
    pub const NOTIFICATION_RECEIPT: &str = "elate.notification.receipt";

    /// A score crossed a threshold: [`super::ScoreCrossed`].
    pub const SCORE_CROSSED: &str = "elate.score.crossed";
}

/// Definitions of a workspace, whole, as of one version. Each partition switches at its record's offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefinitionsPublished {
    /// Rises by one with each publication in the workspace.
    pub version: u64,
    /// All manifests in force as JSON documents, in canonical order (kind, name).
    pub manifests: Vec<serde_json::Value>,
    /// How much history a definition that is new or changed in this version sees, in milliseconds; 0 is `now`.
    #[serde(default)]
    pub replay_millis: u64,
    /// Who applied it: the name of the API key.
    #[serde(default)]
    pub applied_by: String,
}

/// The begin or end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportMark {
    /// The import.
    pub import_id: String,
    /// Whether effects (messages, emitted events) of its records are wanted all the same.
    #[serde(default)]
    pub effects: bool,
}

/// A switch that pauses a play, a channel, or all sending of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseChanged {
    /// `all`, `channel` or `play`.
    pub scope: PauseScope,
    /// The channel or play; empty for `all`.
    #[serde(default)]
    pub target: String,
    /// Paused or resumed.
    pub paused: bool,
    /// Who and why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// What a pause covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// Every message of the workspace.
    All,
    /// One channel.
    Channel,
    /// One play.
    Play,
}

/// On the loser's timeline: from here on, everything goes to the survivor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedAway {
    /// The older customer, who stays.
    pub survivor: CustomerId,
    /// Why: `anonymous_linked` or the rule that joined them.
    pub reason: String,
}

/// The state that a service kept for a merged-away customer, on its way to the survivor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateMoved {
    /// The service whose state it is; others ignore the event.
    pub service: String,
    /// The customer who was merged away.
    pub loser: CustomerId,
    /// The service's own state, as JSON.
    pub state: serde_json::Value,
}

/// A customer is erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The request; receipts name it.
    pub erasure_id: String,
}

/// A service's answer to an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureReceipt {
    /// The request.
    pub erasure_id: String,
    /// The service that has purged.
    pub service: String,
    /// Rows removed.
    pub purged: u64,
}

/// A command to rebuild a customer from the log after a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// The service that set the customer aside.
    pub service: String,
}

/// What a customer allows and prefers; absent parts stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PreferencesChanged {
    /// Consent per channel (`email`, `webhook`, …): subscribed or not.
    #[serde(default)]
    pub channels: BTreeMap<String, bool>,
    /// Consent per topic, over all channels.
    #[serde(default)]
    pub topics: BTreeMap<String, bool>,
    /// IANA time zone, e.g. `Europe/Vienna`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// BCP 47 language, e.g. `de-AT`.
    #[serde(default)]
    pub locale: Option<String>,
    /// How it was said: `unsubscribe_link`, `api`, `import`, …
    #[serde(default)]
    pub via: String,
}

/// A judged moment. The same `moment_id` with a higher `revision` replaces the earlier judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MomentJudged {
    /// Stable for (definition, customer, key, match).
    pub moment_id: String,
    /// From 0; a fulfilment after a provisional judgement revises.
    #[serde(default)]
    pub revision: u32,
    /// The Moment manifest.
    pub moment: String,
    /// Version of the definitions that judged it.
    pub definitions_version: u64,
    /// Moment of truth.
    pub truth: Truth,
    /// Journey.
    #[serde(default)]
    pub journey: String,
    /// Stage.
    pub stage: Stage,
    /// Touchpoint.
    pub touchpoint: String,
    /// Product of the touchpoint.
    #[serde(default)]
    pub product: String,
    /// Channel of the touchpoint.
    #[serde(default)]
    pub channel: String,
    /// Correlation key, e.g. the order; empty where the customer alone is the key.
    #[serde(default)]
    pub key: String,
    /// When it was experienced.
    pub occurred_at: Timestamp,
    /// What was experienced: a number; milliseconds for durations, and since 1970 for times.
    pub experienced: f64,
    /// What was expected, in the same unit. Absent where nothing was.
    #[serde(default)]
    pub expected: Option<f64>,
    /// Which expectation won.
    #[serde(default)]
    pub expectation: Option<ExpectationSource>,
    /// `number`, `duration` or `time`.
    pub unit: String,
    /// One unit of gap, in the unit of the experience (milliseconds for times).
    pub tolerance: f64,
    /// Signed gap in tolerances, −5 to 5.
    pub gap: f64,
    /// The judgement.
    pub outcome: Outcome,
    /// Weight in the delight score.
    pub weight: f64,
    /// The experience is "now, and still nothing": a later fulfilment revises it.
    #[serde(default)]
    pub provisional: bool,
    /// The promise that it judges.
    #[serde(default)]
    pub promise_id: Option<String>,
    /// Message ids of the events that made it, in order.
    #[serde(default)]
    pub because: Vec<String>,
}

/// A pattern that began and ran out of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternTimedOut {
    /// The manifest whose pattern it is, as `kind/name`.
    pub definition: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// Message ids of the events that it had taken, by step.
    pub steps: BTreeMap<String, Vec<String>>,
    /// When it ran out.
    pub deadline: Timestamp,
}

/// A promise changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseChanged {
    /// The promise.
    pub promise_id: String,
    /// The Moment manifest that knows what it is a promise of.
    pub moment: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// The state from here on.
    pub state: PromiseState,
    /// The state before; absent when it was just made.
    #[serde(default)]
    pub before: Option<PromiseState>,
    /// Due, as it stands now.
    pub due: Timestamp,
    /// Due, as first stated.
    pub first_due: Timestamp,
    /// When it was fulfilled.
    #[serde(default)]
    pub fulfilled_at: Option<Timestamp>,
    /// Why: the rule for `at_risk`, the event otherwise.
    pub reason: String,
    /// Touchpoint, for reports.
    #[serde(default)]
    pub touchpoint: String,
    /// Journey, for reports.
    #[serde(default)]
    pub journey: String,
}

/// A recovery case changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseChanged {
    /// The case.
    pub case_id: String,
    /// Journey.
    #[serde(default)]
    pub journey: String,
    /// The link that failed.
    pub touchpoint: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// The state from here on.
    pub state: CaseState,
    /// The miserable moment that opened it.
    pub moment_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The play at work on it.
    #[serde(default)]
    pub play: Option<String>,
    /// Whether the customer is held out of that play, so the case is part of the control group.
    #[serde(default)]
    pub held_out: bool,
    /// The first neutral or better moment on the link after the failure: when a recovery began.
    #[serde(default)]
    pub better_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// A move on a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyMoved {
    /// Journey manifest.
    pub journey: String,
    /// The instance.
    pub instance_id: String,
    /// Correlation key.
    #[serde(default)]
    pub key: String,
    /// `entered`, `moved`, `completed` or `abandoned`.
    pub change: String,
    /// Stage before.
    #[serde(default)]
    pub from: Option<String>,
    /// Stage after.
    #[serde(default)]
    pub to: Option<String>,
    /// Touchpoint that moved it.
    #[serde(default)]
    pub touchpoint: Option<String>,
}

/// One step of a play instance, or the reason for which there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayStepped {
    /// Play manifest.
    pub play: String,
    /// Version of the definitions that the instance runs.
    pub definitions_version: u64,
    /// The instance; empty where none was started (`refused`).
    #[serde(default)]
    pub instance_id: String,
    /// Instance key.
    #[serde(default)]
    pub key: String,
    /// `entered`, `held_out`, `refused`, `step`, `exited` or `completed`.
    pub change: String,
    /// Path of the step, e.g. `2` or `3.else.0`.
    #[serde(default)]
    pub step: String,
    /// Kind of the step: `wait`, `branch`, `send`, …
    #[serde(default)]
    pub kind: String,
    /// The branch or variant taken.
    #[serde(default)]
    pub branch: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A play (or a test send) asks for a message to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationRequested {
    /// Stable for (instance, step): the claim that is taken once.
    pub notification_id: String,
    /// The play; empty for a test send.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Path of the step.
    #[serde(default)]
    pub step: String,
    /// Channel manifest.
    pub channel: String,
    /// Template manifest.
    pub template: String,
    /// Subscription topic; empty means none is needed.
    #[serde(default)]
    pub topic: String,
    /// `marketing`, `service` or `urgent`.
    #[serde(default)]
    pub class: String,
    /// Not handed over after this time.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What the template sees besides the customer: trigger event, moment, play.
    #[serde(default)]
    pub data: serde_json::Value,
    /// The customer's traits as the play saw them.
    #[serde(default)]
    pub customer: serde_json::Value,
    /// Overrides the customer's own address, for test sends.
    #[serde(default)]
    pub to: Option<String>,
}

/// Cancel the messages of an instance that were not handed over yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationCancelled {
    /// The play instance that ended.
    pub instance_id: String,
    /// Why.
    pub reason: String,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationReceipt {
    /// The message.
    pub notification_id: String,
    /// `held`, `refused`, `attempt_failed`, `sent`, `failed`, `outcome_unknown`, `expired`, `cancelled`.
    pub state: String,
    /// Stable reason (`quiet_hours`, `no_consent`, `smtp_550`, …).
    #[serde(default)]
    pub reason: String,
    /// Channel manifest.
    pub channel: String,
    /// Template manifest.
    #[serde(default)]
    pub template: String,
    /// The play.
    #[serde(default)]
    pub play: String,
    /// The instance.
    #[serde(default)]
    pub instance_id: String,
    /// Attempts made so far.
    #[serde(default)]
    pub attempt: u32,
    /// When the next attempt or the release of a hold is due.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    /// The provider that took or refused it.
    #[serde(default)]
    pub provider: String,
    /// What the provider said (a code and a short text, never a body).
    #[serde(default)]
    pub detail: String,
    /// Topic, for frequency caps.
    #[serde(default)]
    pub topic: String,
}

/// A delight score crossed a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreCrossed {
    /// The threshold, 0 to 100.
    pub threshold: f64,
    /// `below` or `above`.
    pub direction: String,
    /// Score before.
    pub before: f64,
    /// Score after.
    pub after: f64,
    /// The moment that did it; absent where decay alone did.
    #[serde(default)]
    pub moment_id: Option<String>,
}

/// Where a record stands, as text: `partition/offset`.
pub fn place(partition: Partition, offset: crate::id::Offset) -> String {
    format!("{partition}/{offset}")
}
