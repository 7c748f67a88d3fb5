//! `elate rollout`: how far plays have gone, and how to stop them.

use anyhow::Result;
use elate_proto::journeys::v1::{
    GetRolloutRequest, GetRolloutResponse, HoldRolloutRequest, ListRolloutsRequest, ResumeRolloutRequest,
    RollBackRolloutRequest, Rollout as Standing, RolloutStage,
};

use crate::client::Target;
use crate::output::{line, time};

/// Rollouts of plays.
#[derive(Debug, clap::Subcommand)]
pub enum Rollout {
    /// Lists the newest rollout of each play.
    List,
    /// Shows a rollout, what was counted and what was decided.
    Get {
        /// The play.
        play: String,
    },
    /// Keeps a rollout where it is.
    Hold(Decide),
    /// Lets a rollout that is held go on.
    Resume(Decide),
    /// Gives the play to nobody any more.
    RollBack(Decide),
}

/// What is decided about a rollout.
#[derive(Debug, clap::Args)]
pub struct Decide {
    /// The play.
    play: String,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    reason: String,
}

impl Rollout {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut client = target.rollouts().await?;
        let standing = match self {
            Self::List => {
                let found = client.list_rollouts(ListRolloutsRequest {}).await?.into_inner();
                for standing in &found.rollouts {
                    line(told(standing))?;
                }
                return Ok(());
            }
            Self::Get { play } => {
                let found = client.get_rollout(GetRolloutRequest { play }).await?.into_inner();
                for text in lines(&found) {
                    line(text)?;
                }
                return Ok(());
            }
            Self::Hold(Decide { play, reason }) => {
                client.hold_rollout(HoldRolloutRequest { play, reason }).await?.into_inner().rollout
            }
            Self::Resume(Decide { play, reason }) => {
                client.resume_rollout(ResumeRolloutRequest { play, reason }).await?.into_inner().rollout
            }
            Self::RollBack(Decide { play, reason }) => {
                client.roll_back_rollout(RollBackRolloutRequest { play, reason }).await?.into_inner().rollout
            }
        };
        line(told(&standing.unwrap_or_default()))?;
        Ok(())
    }
}

fn stage(stage: RolloutStage) -> &'static str {
    match stage {
        RolloutStage::Unspecified => "unknown",
        RolloutStage::Running => "running",
        RolloutStage::Held => "held",
        RolloutStage::RolledBack => "rolled back",
        RolloutStage::Finished => "finished",
    }
}

fn told(standing: &Standing) -> String {
    let Standing { play, percent, reason, definitions_version, .. } = standing;
    let since = time(standing.since_time.as_ref());
    format!(
        "{play}  {percent} %  {}  since {since} (version {definitions_version})  {reason}",
        stage(standing.stage())
    )
}

/// A rollout as lines.
pub fn lines(found: &GetRolloutResponse) -> Vec<String> {
    let mut lines: Vec<String> = found.rollout.iter().map(told).collect();
    lines.extend(found.steps.iter().map(|step| {
        format!("  {:>3} %  {} get it, {} are compared with them", step.percent, step.treated, step.control)
    }));
    lines.extend(found.decisions.iter().map(|decision| {
        let at = time(decision.time.as_ref());
        let by = if decision.decided_by.is_empty() { "elate" } else { &decision.decided_by };
        format!("  {at}  {} to {} % by {by}  {}", decision.decision, decision.percent, decision.reason)
    }));
    lines
}
