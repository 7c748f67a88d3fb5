//! How far plays have gone: what every partition knows of a rollout, and what is counted of it.
//!
//! A rollout begins at 1 % where a play with one is published, new or worded anew. From there on it changes by records of
//! decisions alone, so that what a partition does is a function of its log.

use elate_domain::system::{RolloutDecided, RolloutStage};
use elate_domain::{Timestamp, WorkspaceId};
use elate_reach::assign;
use serde::{Deserialize, Serialize};

/// The first step, in percent.
const FIRST_PERCENT: u8 = 1;

/// A rollout, as a partition knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutState {
    /// The version of the definitions that began it.
    pub run: u64,
    /// Decisions so far.
    pub sequence: u32,
    /// Percent of customers that get the play.
    pub percent: u8,
    /// Where it stands.
    pub stage: RolloutStage,
}

impl RolloutState {
    /// At its beginning.
    pub fn begun(run: u64) -> Self {
        Self { run, sequence: 0, percent: FIRST_PERCENT, stage: RolloutStage::Running }
    }

    /// What is said of it at its beginning.
    pub fn beginning(self, play: String) -> RolloutDecided {
        let Self { run, sequence, percent, stage } = self;
        RolloutDecided {
            play,
            run,
            sequence,
            percent,
            stage,
            decision: "begin".to_owned(),
            reason: "the play was published".to_owned(),
            numbers: serde_json::Value::Null,
            by: String::new(),
        }
    }

    /// Takes a decision over; answers false where it is about another run, or known already.
    pub fn decided(&mut self, decided: &RolloutDecided) -> bool {
        let is_new = decided.run == self.run && decided.sequence > self.sequence;
        if is_new {
            (self.sequence, self.percent) = (decided.sequence, decided.percent);
            self.stage = decided.stage;
        }
        is_new
    }

    fn share(&self) -> f64 {
        match self.stage {
            RolloutStage::Running | RolloutStage::Held => f64::from(self.percent) / 100.0,
            RolloutStage::RolledBack => 0.0,
            RolloutStage::Finished => 1.0,
        }
    }

    /// Whether an id gets the play. A growing share keeps those who are in it.
    pub fn treats(&self, seed: &str, id: &str) -> bool {
        assign::sticky(seed, id) < self.share()
    }

    /// Whether an id is one of as many who are compared with those who get it: the other end of the same line.
    pub fn compares(&self, seed: &str, id: &str) -> bool {
        let share = self.share();
        self.stage.is_open() && share <= 0.5 && assign::sticky(seed, id) >= 1.0 - share
    }
}

/// A customer who counts for a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Of which run.
    pub run: u64,
    /// At which step, in percent.
    pub percent: u8,
    /// Gets the play; or is compared with those who do.
    pub treated: bool,
    /// From when on guardrails are watched …
    pub from: Timestamp,
    /// … and until when.
    pub until: Timestamp,
    /// Guardrails that have counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hit: Vec<String>,
}

/// A rollout as it stands after a decision, or at its beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutRow {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// When it was decided.
    pub at: Timestamp,
    /// The decision.
    pub decided: RolloutDecided,
}

/// Customers who count for a step, or of whom a guardrail counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountRow {
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The play.
    pub play: String,
    /// The run.
    pub run: u64,
    /// The step, in percent.
    pub percent: u8,
    /// Gets the play.
    pub treated: bool,
    /// The guardrail; empty for the customers themselves.
    pub metric: String,
}
