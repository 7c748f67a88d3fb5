//! The use-cases of rollouts: how they stand, what the keeper decides, and what people decide.
//!
//! A decision is taken in the database, where one of several that are taken at once stands; it is announced in the same
//! transaction, and comes into force in each partition with the record that tells it.

use elate_delight::effect::rollout::{Control, Good, HoldReason, RollBackReason, Rules, Step};
use elate_delight::effect::{Arm, Comparison, Decision, Guardrail, decide};
use elate_domain::system::{RolloutDecided, RolloutStage, name};
use elate_domain::{RawJson, Timestamp, WorkspaceId};
use elate_manifest::spec::{self, GuardrailGood, Rollout};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::App;
use crate::error::Error;
use crate::model::rollouts::RolloutRow;
use crate::store::{RolloutCounts, RolloutStanding, Store};

/// Of both sides of a comparison, half should get the play.
const EXPECTED_SHARE: f64 = 0.5;
/// Who decides where nobody does.
const ELATE: &str = "elate";

/// What somebody wants done with a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stay where it is.
    Hold,
    /// Go on.
    Resume,
    /// Give the play to nobody any more.
    RollBack,
}

/// What was counted at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepCounts {
    /// The step, in percent.
    pub percent: u8,
    /// Customers who got the play.
    pub treated: u64,
    /// Customers they are compared with.
    pub control: u64,
}

/// A rollout with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// As it stands.
    pub standing: RolloutStanding,
    /// What was counted, step by step.
    pub steps: Vec<StepCounts>,
    /// What was decided, in order.
    pub decisions: Vec<(Timestamp, RolloutDecided)>,
}

impl App {
    /// The newest rollout of each play, in order of their names.
    pub async fn rollouts(&self, workspace: &WorkspaceId) -> Result<Vec<RolloutStanding>, Error> {
        Ok(self.store.rollouts(workspace).await?)
    }

    /// The newest rollout of a play.
    pub async fn rollout(&self, workspace: &WorkspaceId, play: &str) -> Result<Known, Error> {
        let standing = find(&self.store, workspace, play).await?;
        let counts = self.store.rollout_counts(workspace, play, standing.run).await?;
        let decisions = self.store.rollout_decisions(workspace, play, standing.run).await?;
        Ok(Known { steps: steps(&counts), standing, decisions })
    }

    /// Holds, resumes or rolls back the newest rollout of a play.
    pub async fn command_rollout(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        command: Command,
        reason: &str,
        by: &str,
    ) -> Result<RolloutStanding, Error> {
        let commands = self.commands.as_ref().ok_or(Error::NoPartition)?;
        let standing = find(&self.store, workspace, play).await?;
        let (stage, decision) = match (command, standing.stage) {
            (Command::Hold, RolloutStage::Running) => (RolloutStage::Held, "hold"),
            (Command::Resume, RolloutStage::Held) => (RolloutStage::Running, "resume"),
            (Command::RollBack, stage) if stage != RolloutStage::RolledBack => {
                (RolloutStage::RolledBack, "roll_back")
            }
            // It stands as it should already.
            (Command::Hold, RolloutStage::Held)
            | (Command::Resume, RolloutStage::Running)
            | (Command::RollBack, RolloutStage::RolledBack) => return Ok(standing),
            (_, stage) => return Err(Error::RolloutOver { play: play.to_owned(), stage }),
        };
        let taken = Taken {
            percent: standing.percent,
            stage,
            decision,
            reason: reason.to_owned(),
            numbers: Json::Null,
        };
        if !settle(&self.store, workspace, &standing, taken, by, commands.now()).await? {
            return Err(Error::RolloutChanged(play.to_owned()));
        }
        find(&self.store, workspace, play).await
    }
}

async fn find(store: &Store, workspace: &WorkspaceId, play: &str) -> Result<RolloutStanding, Error> {
    let all = store.rollouts(workspace).await?;
    let found = all.into_iter().find(|standing| standing.play == play);
    found.ok_or_else(|| Error::RolloutUnknown(play.to_owned()))
}

fn steps(counts: &RolloutCounts) -> Vec<StepCounts> {
    let customers = |percent, treated| counts.get(&(percent, treated, String::new())).copied().unwrap_or(0);
    let all = Step::ALL.into_iter().map(Step::percent);
    let all = all.map(|percent| StepCounts {
        percent,
        treated: customers(percent, true),
        control: customers(percent, false),
    });
    all.filter(|step| step.treated + step.control > 0).collect()
}

/// A decision that was taken.
struct Taken {
    percent: u8,
    stage: RolloutStage,
    decision: &'static str,
    reason: String,
    numbers: Json,
}

/// Writes and announces a decision, unless another one was taken meanwhile.
async fn settle(
    store: &Store,
    workspace: &WorkspaceId,
    standing: &RolloutStanding,
    taken: Taken,
    by: &str,
    at: Timestamp,
) -> Result<bool, Error> {
    let decided = RolloutDecided {
        play: standing.play.clone(),
        run: standing.run,
        sequence: standing.sequence + 1,
        percent: taken.percent,
        stage: taken.stage,
        decision: taken.decision.to_owned(),
        reason: taken.reason,
        numbers: taken.numbers,
        by: by.to_owned(),
    };
    let row = RolloutRow { workspace: workspace.clone(), at, decided };
    let tx = store.database().begin().await?;
    let news = store.decide_rollout(&tx, &row).await?;
    if news {
        store.announce(&tx, workspace, name::ROLLOUT_DECIDED, at, &RawJson::of(&row.decided)).await?;
    }
    tx.commit().await.map_err(elate_storage::Error::from)?;
    Ok(news)
}

/// Decides about all rollouts of a workspace that go on by themselves.
pub(super) async fn decide_all(store: &Store, workspace: &WorkspaceId, now: Timestamp) -> Result<(), Error> {
    let all = store.rollouts(workspace).await?;
    let running: Vec<_> = all.into_iter().filter(|known| known.stage == RolloutStage::Running).collect();
    if running.is_empty() {
        return Ok(());
    }
    let Some((_, documents)) = store.newest_documents(workspace).await? else { return Ok(()) };
    let manifests: Vec<Json> = serde_json::from_str(&documents)?;
    for standing in running {
        let named =
            |m: &&Json| m["kind"] == "Play" && m["metadata"]["name"].as_str() == Some(&*standing.play);
        let play = manifests.iter().find(named).and_then(|m| spec::Play::deserialize(&m["spec"]).ok());
        // Nobody enters a play that is gone, so that nothing is to be decided about it.
        let Some(rollout) = play.and_then(|play| play.rollout) else { continue };
        let counts = store.rollout_counts(workspace, &standing.play, standing.run).await?;
        if let Some(taken) = look(&standing, &rollout, &counts, now) {
            tracing::info!(play = %standing.play, decision = taken.decision, reason = %taken.reason, "rollout decided");
            settle(store, workspace, &standing, taken, ELATE, now).await?;
        }
    }
    Ok(())
}

/// What is to be done with a rollout; `None` where it waits.
fn look(
    standing: &RolloutStanding,
    rollout: &Rollout,
    counts: &RolloutCounts,
    now: Timestamp,
) -> Option<Taken> {
    let step = Step::ALL.into_iter().find(|step| step.percent() == standing.percent)?;
    let here = |treated| counts.get(&(standing.percent, treated, String::new())).copied().unwrap_or(0);
    let control = Control {
        treated: here(true),
        control: here(false),
        expected_share: EXPECTED_SHARE,
        millis_on_step: now.millis_since(standing.since),
    };
    let guardrails: Vec<Guardrail> =
        rollout.guardrails.iter().map(|guardrail| measured(guardrail, counts)).collect();
    let rules = Rules {
        false_alarm: rollout.false_alarm,
        least_customers: u64::from(rollout.least_customers),
        least_millis: rollout.least_time.as_millis(),
        ..Rules::default()
    };
    let numbers = numbers(&control, &guardrails);
    let taken = |percent, stage, decision, reason| Some(Taken { percent, stage, decision, reason, numbers });
    match decide(step, &control, &guardrails, &rules) {
        Decision::Advance { to: Step::Hundred } => {
            let reason = "no guardrail is certainly harmed; the play goes to everybody".to_owned();
            taken(100, RolloutStage::Finished, "finish", reason)
        }
        Decision::Advance { to } => {
            let reason = format!("no guardrail is certainly harmed at {} %", standing.percent);
            taken(to.percent(), RolloutStage::Running, "advance", reason)
        }
        Decision::RollBack { reason: RollBackReason::Harm { metric, comparison } } => {
            let reason = harm(&metric, &comparison);
            taken(standing.percent, RolloutStage::RolledBack, "roll_back", reason)
        }
        Decision::Hold { reason: HoldReason::SampleRatio(split) } => {
            let reason = format!(
                "{} get the play and {} are compared with them: such a split comes by chance with p = {:.1e}",
                split.treated, split.control, split.p_value
            );
            taken(standing.percent, RolloutStage::Held, "hold", reason)
        }
        Decision::Hold { reason: HoldReason::InvalidRules } => {
            let reason = "its rules are outside their bounds".to_owned();
            taken(standing.percent, RolloutStage::Held, "hold", reason)
        }
        Decision::Hold {
            reason:
                HoldReason::TooFewCustomers { .. }
                | HoldReason::TooEarly { .. }
                | HoldReason::NotCleared { .. }
                | HoldReason::Finished,
        } => None,
    }
}

/// A guardrail over all steps so far: at each of them both sides are of one size, so that they may be added up.
fn measured(guardrail: &spec::RolloutGuardrail, counts: &RolloutCounts) -> Guardrail {
    let metric = guardrail.metric.to_string();
    let sum = |treated: bool, metric: &str| -> u64 {
        let found = counts.iter().filter(|((_, side, of), _)| *side == treated && of == metric);
        found.map(|(_, count)| count).sum()
    };
    let arm = |treated| {
        let of = sum(treated, "");
        Arm::Share { hits: sum(treated, &metric).min(of), of }
    };
    Guardrail {
        good: match guardrail.good {
            GuardrailGood::Higher => Good::Higher,
            GuardrailGood::Lower => Good::Lower,
        },
        tolerated_harm: guardrail.tolerated_harm,
        treated: arm(true),
        control: arm(false),
        metric,
    }
}

fn harm(metric: &str, comparison: &Comparison) -> String {
    format!(
        "{metric} is certainly harmed by more than is put up with: {:+.1} points ({:+.1} to {:+.1})",
        comparison.difference * 100.0,
        comparison.interval.low * 100.0,
        comparison.interval.high * 100.0
    )
}

fn numbers(control: &Control, guardrails: &[Guardrail]) -> Json {
    let side = |arm: &Arm| json!({"customers": arm.customers(), "share": arm.estimate()});
    let guardrail = |guardrail: &Guardrail| {
        json!({
            "metric": guardrail.metric,
            "tolerated_harm": guardrail.tolerated_harm,
            "treated": side(&guardrail.treated),
            "control": side(&guardrail.control),
        })
    };
    json!({
        "treated": control.treated,
        "control": control.control,
        "millis_on_step": control.millis_on_step,
        "guardrails": guardrails.iter().map(guardrail).collect::<Vec<_>>(),
    })
}
