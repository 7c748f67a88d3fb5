//! What is kept for one customer between events.
//!
//! Everything is bounded ([`limits`]): what goes beyond is dropped, the oldest first, and counted in
//! [`CustomerState::dropped`]. What is finished leaves the state; the read models keep it.

use std::collections::BTreeMap;

use elate_domain::{CaseState, PromiseState, Timestamp};
use elate_manifest::expression::EventView;
use elate_patterns::PatternState;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::profile::Profile;
use super::rollouts::Exposure;

/// How much a customer's state may hold.
pub mod limits {
    /// Promises that are open, at risk, or broken and not given up.
    pub const PROMISES: usize = 64;
    /// Recovery cases under way.
    pub const CASES: usize = 32;
    /// Journey instances under way.
    pub const JOURNEYS: usize = 64;
    /// Completed journeys that are remembered.
    pub const COMPLETED: usize = 64;
    /// Play instances under way.
    pub const PLAYS: usize = 64;
    /// Keys that are remembered for each play, so that none starts twice.
    pub const KEYS: usize = 64;
    /// Entries that are remembered for each limit on them.
    pub const ENTRIES: usize = 64;
    /// Correlation keys with partial matches, for each pattern.
    pub const PATTERN_KEYS: usize = 64;
    /// Steps that an instance may take in all; a play that loops through its own events ends here.
    pub const STEPS: u32 = 500;
}

/// What is kept for one customer. Written as MessagePack with field names, so empty parts are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomerState {
    /// Latest `occurred_at` of any event, by which lateness is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// Events that came too late for patterns.
    #[serde(skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Things that were dropped because the state was full.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// What is known of the customer.
    #[serde(skip_serializing_if = "Profile::is_empty")]
    pub profile: Profile,
    /// Partial matches, by the definition that the pattern belongs to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub patterns: BTreeMap<String, PatternSlot>,
    /// What the customer got used to, by Moment manifest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub habits: BTreeMap<String, f64>,
    /// Promises that can still change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promise>,
    /// Recovery cases under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
    /// Journey instances under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyInstance>,
    /// Journeys and keys that were completed, the latest last: later visits do not begin them again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub completed: Vec<(String, String)>,
    /// Play instances under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plays: Vec<PlayInstance>,
    /// Whether the customer is held out of all plays, once that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<bool>,
    /// When plays that the policy limits were entered, the latest last; only where it limits entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Timestamp>,
    /// The plays that the calendar starts, as their timers stand.
    #[serde(skip_serializing_if = "Schedules::is_none")]
    pub schedules: Schedules,
    /// The rollouts that the customer counts for, by play.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rollouts: BTreeMap<String, Exposure>,
    /// What is remembered of each play.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, PlayMemory>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// For what the timers of scheduled plays are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedules {
    /// The version of the definitions.
    pub version: u64,
    /// The customer's zone, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The plays that have a timer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plays: Vec<String>,
}

impl Schedules {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The partial matches of one pattern.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PatternSlot {
    /// Which pattern made them: states are of no use to any other, and a changed pattern starts anew.
    pub fingerprint: u64,
    /// By correlation key; only keys with partial matches.
    pub keys: BTreeMap<String, PatternState<EventView>>,
    /// When its timer is set to fire.
    #[serde(default)]
    pub timer: Option<Timestamp>,
}

/// A promise that can still change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// Its id.
    pub id: Uuid,
    /// The id that its moment has, in all revisions.
    pub moment_id: Uuid,
    /// The Moment manifest.
    pub moment: String,
    /// Correlation key.
    pub key: String,
    /// The state.
    pub state: PromiseState,
    /// When it is due. `None` where the event that should have stated a time did not: then the moment is judged by
    /// its other expectations when it is fulfilled, and nothing is said of a promise.
    pub dates: Option<Dates>,
    /// The event that made it.
    pub owner: EventView,
    /// Judgements so far: the next one's revision.
    #[serde(default)]
    pub judged: u32,
    /// Milestones that were reached, by their place among the rules.
    #[serde(default)]
    pub milestones: Vec<u32>,
    /// When milestones that are learned from were reached, by their place among the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<(u32, Timestamp)>,
    /// Log time when it was made.
    pub created_at: Timestamp,
    /// Lines in its history.
    #[serde(default)]
    pub told: u32,
}

/// The due time of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// As first stated.
    pub first: Timestamp,
    /// As it stands.
    pub latest: Timestamp,
}

/// A recovery case under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: Uuid,
    /// Journey.
    pub journey: String,
    /// The link that failed.
    pub touchpoint: String,
    /// Correlation key.
    pub key: String,
    /// Open, acting, or recovered and watched until the window closes.
    pub state: CaseState,
    /// The moment that opened it.
    pub moment_id: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the window closes.
    pub closes_at: Timestamp,
    /// The first neutral or better moment on the link since then.
    #[serde(default)]
    pub better_at: Option<Timestamp>,
    /// The play at work on it.
    #[serde(default)]
    pub play: Option<String>,
    /// Held out of that play.
    #[serde(default)]
    pub held_out: bool,
}

/// A customer on a journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JourneyInstance {
    /// Its id.
    pub id: Uuid,
    /// Journey manifest.
    pub journey: String,
    /// Correlation key.
    pub key: String,
    /// The present stage.
    pub stage: String,
    /// The touchpoint that moved it last.
    #[serde(default)]
    pub touchpoint: String,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// When what began it happened; absent where it began before its moves were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// Its visits so far, the entry included.
    #[serde(default)]
    pub moves: u32,
}

/// A customer in a play. An instance in a state always waits: everything else is done at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlayInstance {
    /// Its id.
    pub id: Uuid,
    /// Play manifest.
    pub play: String,
    /// Instance key.
    pub key: String,
    /// The version that it started with and runs.
    pub version: u64,
    /// When it was entered, in log time.
    pub entered_at: Timestamp,
    /// The event that triggered it.
    pub trigger: EventView,
    /// The judged moment that triggered it.
    #[serde(default)]
    pub moment: Option<Json>,
    /// The last event that ended a wait.
    #[serde(default)]
    pub last_event: Option<EventView>,
    /// How the last wait ended: `event`, `timeout` or `time`.
    #[serde(default)]
    pub last_wait: Option<String>,
    /// Path of the step at which it waits, e.g. `3.else.0`.
    pub at: String,
    /// When it began to wait.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When its wait ends.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Lines in its step log.
    #[serde(default)]
    pub logged: u32,
    /// Whether a message was asked for, so that an exit has something to cancel.
    #[serde(default)]
    pub sent: bool,
}

/// What is remembered of a play after its instances.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayMemory {
    /// Whether the customer is held out: decided once, and sticky over re-entry and merges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<bool>,
    /// When each key entered (or was held out) last, the latest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<(String, Timestamp)>,
    /// When the play was entered, the latest last; only where it limits entries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Timestamp>,
    /// Evaluations of its trigger so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub evaluations: u64,
}
