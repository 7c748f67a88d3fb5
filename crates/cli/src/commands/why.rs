//! `elate why`: why did this customer get, or not get, this play; and what became of the messages and surveys that it
//! asked for.

mod outcomes;

use anyhow::Result;
use elate_proto::journeys::v1::{
    ExplainPlayRequest, GetPlayInstanceRequest, PlayCheck, PlayDecision, PlayEvaluation, PlayVerdict,
};

use self::outcomes::Outcomes;
use super::customer_ref;
use crate::client::Target;
use crate::output::{line, time};

/// Explains a play for a customer.
#[derive(Debug, clap::Args)]
pub struct Why {
    /// The play.
    play: String,
    /// `user:ID`, `anonymous:ID`, or Elate's own id.
    customer: String,
}

impl Why {
    /// Runs the command.
    pub async fn run(self, target: &Target) -> Result<()> {
        let mut client = target.journeys().await?;
        let request =
            ExplainPlayRequest { play: self.play.clone(), customer: Some(customer_ref(&self.customer)) };
        let explained = client.explain_play(request).await?.into_inner();
        if !explained.defined {
            line(format!("there is no play {} in the newest definitions", self.play))?;
        }
        if explained.evaluations.is_empty() {
            line("its trigger never came for this customer")?;
        }
        if let Some(missed) = &explained.near_miss {
            line("the last event that might have triggered it, and did not:")?;
            tell(missed)?;
        }
        let outcomes = Outcomes::read(target, &self.customer).await?;
        for evaluation in &explained.evaluations {
            tell(evaluation)?;
            if evaluation.instance_id.is_empty() {
                continue;
            }
            let request = GetPlayInstanceRequest { instance_id: evaluation.instance_id.clone() };
            let instance = client.get_play_instance(request).await?.into_inner();
            for step in &instance.steps {
                let at = time(step.time.as_ref());
                line(format!("    {at}  {} {} {} {}", step.step, step.kind, step.branch, step.reason))?;
                if let Some(outcome) = outcomes.of(&evaluation.instance_id, &step.step) {
                    line(format!("      {outcome}"))?;
                }
            }
        }
        Ok(())
    }
}

/// An evaluation, and under it what each condition evaluated to.
fn tell(evaluation: &PlayEvaluation) -> Result<()> {
    line(describe(evaluation))?;
    evaluation.checks.iter().try_for_each(|check| line(condition(check)))?;
    Ok(())
}

fn condition(check: &PlayCheck) -> String {
    let sign = match check.verdict() {
        PlayVerdict::Passed => "+",
        PlayVerdict::Failed => "-",
        PlayVerdict::Unknown => "?",
        PlayVerdict::NotAsked | PlayVerdict::Unspecified => " ",
    };
    format!("  {sign} {}: {}", check.name, check.detail)
}

fn describe(evaluation: &PlayEvaluation) -> String {
    let decision = match evaluation.decision() {
        PlayDecision::Unspecified => "unknown".to_owned(),
        decision => decision.as_str_name().trim_start_matches("PLAY_DECISION_").to_lowercase(),
    };
    format!(
        "{}  {decision}: {} ({} {})",
        time(evaluation.time.as_ref()),
        evaluation.detail,
        evaluation.trigger,
        evaluation.trigger_message_id
    )
}
