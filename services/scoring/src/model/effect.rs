//! What plays bring: each customer is observed from their first entry on, whether the play reached them or they were held
//! out, and sums of what they did are kept for each side.
//!
//! Sums change only where something changes that they count: an entry, a judged moment, a first repeat, a purchase, a
//! first complaint, the end of the observation. An ordinary event of a customer whom no play has touched costs a look at
//! an empty map.

use std::collections::BTreeMap;

use elate_consumer::{Effects, StepError};
use elate_delight::DelightParams;
use elate_domain::system::{DefinitionsPublished, PlayStepped, name};
use elate_domain::{CustomerId, Event, EventType, Timestamp, WorkspaceId};
use elate_manifest::spec;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::purchases;
use super::rows::Row;
use super::state::{CustomerState, Settings};

/// Plays by which a customer is remembered to have been observed, at most; the one that ended first goes.
pub const MAX_OBSERVED: usize = 32;
const TIMER: &str = "effect:";

/// How the customers of a play are observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Tells designs of one play apart: figures of another split or another measure are not mixed with these.
    pub id: i64,
    /// For how long a customer is observed, in milliseconds.
    pub observe_millis: i64,
    /// Names of the events by which a customer complains.
    pub complaints: Vec<String>,
    /// What the play costs for each customer it is given to, in the workspace's currency.
    pub cost: f64,
    /// The share of customers that should be treated.
    pub expected_share: f64,
}

/// A customer under observation, and what the sums have counted of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    design: i64,
    held_out: bool,
    from: Timestamp,
    until: Timestamp,
    repeated: bool,
    complained: bool,
    revenue: f64,
    delight: f64,
}

/// Which sums.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The play.
    pub play: String,
    /// Its design.
    pub design: i64,
    /// The control group.
    pub held_out: bool,
}

/// What a side comes to; as a change, it may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Customers.
    pub customers: i64,
    /// Who came again.
    pub repeated: i64,
    /// Who complained.
    pub complained: i64,
    /// Delight, 0 to 100 each, as it was last told within the observation.
    pub delight: f64,
    /// Squares of that.
    pub delight_squared: f64,
    /// Revenue.
    pub revenue: f64,
    /// Squares of each customer's.
    pub revenue_squared: f64,
    /// What the play cost.
    pub cost: f64,
}

impl Totals {
    /// Adds a change.
    pub fn add(&mut self, other: &Self) {
        self.customers += other.customers;
        self.repeated += other.repeated;
        self.complained += other.complained;
        self.delight += other.delight;
        self.delight_squared += other.delight_squared;
        self.revenue += other.revenue;
        self.revenue_squared += other.revenue_squared;
        self.cost += other.cost;
    }

    fn negated(self) -> Self {
        let mut negated = Self::default();
        let Self { customers, repeated, complained, .. } = self;
        (negated.customers, negated.repeated, negated.complained) = (-customers, -repeated, -complained);
        negated.delight = -self.delight;
        negated.delight_squared = -self.delight_squared;
        negated.revenue = -self.revenue;
        negated.revenue_squared = -self.revenue_squared;
        negated.cost = -self.cost;
        negated
    }
}

/// A change of what one side of a play comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    /// Which side.
    pub side: Side,
    /// The change.
    pub change: Totals,
}

/// A design came into force.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// The play.
    pub play: String,
    /// The version of the definitions; the highest is in force.
    pub version: u64,
    /// The design.
    pub design: Design,
}

/// The designs of all plays with a control group in a publication.
pub fn designs(published: &DefinitionsPublished) -> BTreeMap<String, Design> {
    let of_kind = |kind: &'static str| published.manifests.iter().filter(move |m| m["kind"] == kind);
    let policy = of_kind("Policy").find_map(|m| spec::Policy::deserialize(&m["spec"]).ok());
    let global =
        policy.and_then(|policy| policy.global_holdout).map_or(0.0, |holdout| holdout.percent.share());
    let play = |manifest: &Json| {
        let play = spec::Play::deserialize(&manifest["spec"]).ok()?;
        let own = play.holdout.as_ref().map_or(0.0, |holdout| holdout.percent.share());
        let global = if play.service { 0.0 } else { global };
        let expected_share = (1.0 - own) * (1.0 - global);
        let effect = play.effect.clone().unwrap_or_default();
        let parts = serde_json::to_vec(&(&play.holdout, &effect, global.to_bits())).unwrap_or_default();
        let design = Design {
            id: xxhash_rust::xxh3::xxh3_64(&parts).cast_signed(),
            observe_millis: effect.observe.as_millis(),
            complaints: effect.complaints,
            cost: effect.cost,
            expected_share,
        };
        // Without a control group there is nothing to compare with.
        (expected_share < 1.0).then(|| Some((manifest["metadata"]["name"].as_str()?.to_owned(), design)))?
    };
    of_kind("Play").filter_map(play).collect()
}

/// The rows of the designs that a publication brings.
pub fn published(workspace: &WorkspaceId, settings: &Settings, effects: &mut Effects<Row>) {
    for (play, design) in &settings.effects {
        effects.row(Row::Design(DesignRow {
            workspace: workspace.clone(),
            play: play.clone(),
            version: settings.definitions_version,
            design: design.clone(),
        }));
    }
}

/// Whether a timer ends an observation.
pub fn is_timer(key: &str) -> bool {
    key.starts_with(TIMER)
}

/// Whose observation, by what, and when.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The workspace.
    pub workspace: &'a WorkspaceId,
    /// The customer.
    pub customer: CustomerId,
    /// The settings in force.
    pub settings: &'a Settings,
    /// Log time.
    pub now: Timestamp,
}

impl Look<'_> {
    /// Lets an event happen to the observations of a customer.
    ///
    /// # Errors
    /// Where the payload of one of Elate's own events can't be read.
    pub fn heard(
        self,
        state: &mut CustomerState,
        event: &Event,
        effects: &mut Effects<Row>,
    ) -> Result<(), StepError> {
        if !self.settings.effects.is_empty() && &*event.name == name::PLAY_STEPPED {
            let stepped: PlayStepped = event
                .properties
                .read()
                .map_err(|error| StepError { reason: format!("{} can't be read: {error}", event.name) })?;
            self.entered(state, &stepped, effects);
        }
        if state.effects.is_empty() {
            return Ok(());
        }
        if &*event.name == name::MOMENT_JUDGED {
            self.felt(state, effects);
        } else if event.event_type == EventType::Track {
            self.did(state, event, effects);
        }
        Ok(())
    }

    /// The first entry begins the observation; who enters again is the same customer.
    fn entered(self, state: &mut CustomerState, stepped: &PlayStepped, effects: &mut Effects<Row>) {
        let held_out = match stepped.change.as_str() {
            "entered" => false,
            "held_out" => true,
            _ => return,
        };
        let Some(design) = self.settings.effects.get(&stepped.play) else { return };
        if state.effects.get(&stepped.play).is_some_and(|known| known.design == design.id) {
            return;
        }
        let until = self.now.plus_millis(design.observe_millis);
        let delight = delight(state, self.params(state), self.now);
        let observed = Observed {
            design: design.id,
            held_out,
            from: self.now,
            until,
            repeated: false,
            complained: false,
            revenue: 0.0,
            delight,
        };
        self.row(&stepped.play, &observed, observed.totals(design.cost), effects);
        effects.set_timer(format!("{TIMER}{}", stepped.play), until);
        state.effects.insert(stepped.play.clone(), observed);
        if state.effects.len() > MAX_OBSERVED {
            let first = state.effects.iter().min_by_key(|(play, known)| (known.until, *play));
            let first = first.map(|(play, _)| play.clone()).unwrap_or_default();
            effects.cancel_timer(format!("{TIMER}{first}"));
            state.effects.remove(&first);
        }
    }

    /// The constants of the formula that the customer is under.
    fn params(&self, state: &CustomerState) -> &DelightParams {
        &self.settings.formulas.get(state.formula).params
    }

    /// The score moved: each observation that is under way counts it anew.
    fn felt(self, state: &mut CustomerState, effects: &mut Effects<Row>) {
        let delight = delight(state, self.params(state), self.now);
        for (play, observed) in state.effects.iter_mut().filter(|(_, known)| known.until > self.now) {
            let change = observed.feel(delight);
            self.row(play, observed, change, effects);
        }
    }

    /// The observation of a play is over: delight counts as it stands now.
    pub fn over(self, state: &mut CustomerState, key: &str, effects: &mut Effects<Row>) {
        let Some(play) = key.strip_prefix(TIMER) else { return };
        let delight = delight(state, self.params(state), self.now);
        if let Some(observed) = state.effects.get_mut(play) {
            let change = observed.feel(delight);
            self.row(play, observed, change, effects);
        }
    }

    /// A purchase, or a complaint.
    fn did(self, state: &mut CustomerState, event: &Event, effects: &mut Effects<Row>) {
        let rules = self.settings.purchases.as_ref();
        let bought = rules.filter(|rules| rules.on.iter().any(|name| *name == *event.name));
        for (play, observed) in state.effects.iter_mut().filter(|(_, known)| known.until > self.now) {
            // What is told late of a time before it has nothing to do with the play.
            if event.occurred_at < observed.from {
                continue;
            }
            let mut change = Totals::default();
            if let Some(rules) = bought {
                change.repeated = i64::from(!observed.repeated);
                observed.repeated = true;
                let money = rules.value.as_deref().and_then(|property| purchases::money(event, property));
                let after = observed.revenue + money.unwrap_or(0.0);
                change.revenue = after - observed.revenue;
                change.revenue_squared = after * after - observed.revenue * observed.revenue;
                observed.revenue = after;
            }
            let design = self.settings.effects.get(play).filter(|design| design.id == observed.design);
            let complains =
                design.is_some_and(|design| design.complaints.iter().any(|name| *name == *event.name));
            if complains {
                change.complained = i64::from(!observed.complained);
                observed.complained = true;
            }
            self.row(play, observed, change, effects);
        }
    }

    /// Two customers turn out to be one: of each play one observation stays, and the sums take the other back.
    pub fn merged(
        self,
        survivor: &mut CustomerState,
        loser: BTreeMap<String, Observed>,
        effects: &mut Effects<Row>,
    ) {
        for (play, observed) in loser {
            if survivor.effects.contains_key(&play) {
                let cost = self.settings.effects.get(&play).map_or(0.0, |design| design.cost);
                self.row(&play, &observed, observed.totals(cost).negated(), effects);
            } else if survivor.effects.len() < MAX_OBSERVED {
                survivor.effects.insert(play, observed);
            }
        }
        self.felt(survivor, effects);
        for (play, observed) in survivor.effects.iter().filter(|(_, known)| known.until > self.now) {
            effects.set_timer(format!("{TIMER}{play}"), observed.until);
        }
    }

    fn row(self, play: &str, observed: &Observed, change: Totals, effects: &mut Effects<Row>) {
        if change == Totals::default() {
            return;
        }
        let side = Side {
            workspace: self.workspace.clone(),
            play: play.to_owned(),
            design: observed.design,
            held_out: observed.held_out,
        };
        effects.row(Row::Effect(EffectRow { side, change }));
    }
}

/// Who has no judged moment stands at 50.
fn delight(state: &CustomerState, params: &DelightParams, now: Timestamp) -> f64 {
    state.delight.delight(params, now)
}

impl Observed {
    /// What the sums count of this customer.
    fn totals(&self, cost: f64) -> Totals {
        Totals {
            customers: 1,
            repeated: i64::from(self.repeated),
            complained: i64::from(self.complained),
            delight: self.delight,
            delight_squared: self.delight * self.delight,
            revenue: self.revenue,
            revenue_squared: self.revenue * self.revenue,
            cost: if self.held_out { 0.0 } else { cost },
        }
    }

    fn feel(&mut self, delight: f64) -> Totals {
        let before = std::mem::replace(&mut self.delight, delight);
        Totals {
            delight: delight - before,
            delight_squared: delight * delight - before * before,
            ..Totals::default()
        }
    }
}
