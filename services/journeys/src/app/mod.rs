//! The use-cases: what callers can ask.

pub mod discovery;
mod keeper;
mod migration;
pub mod rollout;

use elate_domain::{CustomerId, WorkspaceId};
use serde_json::Value as Json;
use uuid::Uuid;

pub use keeper::Keeper;
pub use migration::{COMMAND_LANE, Commanded, Commands, Group, Preview};

use crate::error::Error;
use crate::model::rows::{
    CaseRow, EvaluationRow, JourneyPhase, JourneyRow, MomentRow, PlayDecision, PlayPhase, PlayRow,
    PromiseChangeRow, PromiseRow, StepRow,
};
use crate::model::{Assigned, Assignments};
use crate::page::{Page, PageOf};
use crate::store::{CaseFilter, InstanceFilter, PartitionVersion, PromiseFilter, Store};

/// Whom a question about a holdout is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A customer; what was decided at an entry stands.
    Customer(CustomerId),
    /// Any id.
    Id(String),
}

/// Whether somebody is held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldOut {
    /// By which rule: `global` or `play`; `None` where none applies.
    pub rule: Option<&'static str>,
    /// The decision was taken at an entry, rather than computed now.
    pub decided: bool,
    /// Where the newest definitions put it.
    pub assigned: Assigned,
    /// It is about a service message, which no holdout keeps back.
    pub excluded: bool,
}

/// What is asked about a holdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldoutQuestion {
    /// Of this play; `None` for the workspace's holdout alone.
    pub play: Option<String>,
    /// Whom it is about.
    pub subject: Subject,
    /// It is about a message that belongs to what was bought or asked for.
    pub service_message: bool,
}

/// Why a customer entered or did not enter a play.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The newest first.
    pub evaluations: Vec<EvaluationRow>,
    /// The last event of the trigger's kind that did not meet its conditions.
    pub near_miss: Option<EvaluationRow>,
    /// The play is part of the newest definitions.
    pub defined: bool,
}

/// The use-cases over the read models.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
    commands: Option<Commands>,
}

impl App {
    /// Over a store.
    pub fn new(store: Store) -> Self {
        Self { store, commands: None }
    }

    /// With what writes commands to the log; without it they are refused.
    #[must_use]
    pub fn with_commands(self, commands: Commands) -> Self {
        Self { commands: Some(commands), ..self }
    }

    /// Promises, the earliest due first.
    pub async fn promises(
        &self,
        workspace: &WorkspaceId,
        filter: &PromiseFilter,
        page: PageOf,
    ) -> Result<Page<PromiseRow>, Error> {
        Ok(self.store.promises(workspace, filter, page).await?)
    }

    /// One promise with its history.
    pub async fn promise(
        &self,
        workspace: &WorkspaceId,
        promise: Uuid,
    ) -> Result<(PromiseRow, Vec<PromiseChangeRow>), Error> {
        let found = self.store.promise(workspace, promise).await?;
        found.ok_or(Error::PromiseUnknown(promise))
    }

    /// Judged moments of a customer, the newest first.
    pub async fn moments(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        page: PageOf,
    ) -> Result<Page<MomentRow>, Error> {
        Ok(self.store.moments(workspace, customer, page).await?)
    }

    /// Recovery cases, the latest opened first.
    pub async fn cases(
        &self,
        workspace: &WorkspaceId,
        filter: &CaseFilter,
        page: PageOf,
    ) -> Result<Page<CaseRow>, Error> {
        Ok(self.store.cases(workspace, filter, page).await?)
    }

    /// Journey instances, the latest entered first.
    pub async fn journey_instances(
        &self,
        workspace: &WorkspaceId,
        filter: &InstanceFilter<JourneyPhase>,
        page: PageOf,
    ) -> Result<Page<JourneyRow>, Error> {
        Ok(self.store.journey_instances(workspace, filter, page).await?)
    }

    /// Play instances, the latest entered first.
    pub async fn play_instances(
        &self,
        workspace: &WorkspaceId,
        filter: &InstanceFilter<PlayPhase>,
        page: PageOf,
    ) -> Result<Page<PlayRow>, Error> {
        Ok(self.store.play_instances(workspace, filter, page).await?)
    }

    /// One play instance with its step log.
    pub async fn play_instance(
        &self,
        workspace: &WorkspaceId,
        instance: Uuid,
    ) -> Result<(PlayRow, Vec<StepRow>), Error> {
        let found = self.store.play_instance(workspace, instance).await?;
        found.ok_or(Error::InstanceUnknown(instance))
    }

    /// Why a customer entered, or did not enter, a play.
    pub async fn explain_play(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        play: &str,
    ) -> Result<Explanation, Error> {
        let evaluations = self.store.evaluations(workspace, customer, play).await?;
        let near_miss = self.store.near_miss(workspace, customer, play).await?;
        let defined = self.assignments(workspace).await?.is_some_and(|found| found.has_play(play));
        if evaluations.is_empty() && near_miss.is_none() && !defined {
            return Err(Error::PlayUnknown(play.to_owned()));
        }
        Ok(Explanation { evaluations, near_miss, defined })
    }

    /// Whether somebody is held out, of a play or of all of them.
    pub async fn is_held_out(
        &self,
        workspace: &WorkspaceId,
        question: &HoldoutQuestion,
    ) -> Result<HeldOut, Error> {
        let assignments = self.assignments(workspace).await?;
        let id = match &question.subject {
            Subject::Customer(customer) => customer.to_string(),
            Subject::Id(id) => id.clone(),
        };
        let assigned = match &question.play {
            Some(play) => {
                let found = assignments.as_ref().and_then(|found| found.of_play(play, &id));
                found.ok_or_else(|| Error::PlayUnknown(play.clone()))?
            }
            // Nothing was published: nobody is held out of anything.
            None => assignments.map_or(NOBODY, |found| found.of_workspace(&id)),
        };
        if question.service_message {
            return Ok(HeldOut { rule: None, decided: false, assigned, excluded: true });
        }
        let decided = match &question.subject {
            Subject::Customer(customer) => {
                self.decided(workspace, *customer, question.play.as_deref()).await?
            }
            Subject::Id(_) => None,
        };
        let rule = decided.unwrap_or(assigned.rule);
        Ok(HeldOut { rule, decided: decided.is_some(), assigned, excluded: false })
    }

    /// What was decided for a customer at an entry.
    async fn decided(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        play: Option<&str>,
    ) -> Result<Option<Option<&'static str>>, Error> {
        match play {
            Some(play) => {
                let evaluations = self.store.evaluations(workspace, customer, play).await?;
                Ok(evaluations.iter().find_map(decision))
            }
            None => {
                let held_out = self.store.was_held_out(workspace, customer, GLOBAL).await?;
                Ok(held_out.then_some(Some("global")))
            }
        }
    }

    /// Which version of the definitions is in force in each partition.
    pub async fn definitions_status(&self, workspace: &WorkspaceId) -> Result<Vec<PartitionVersion>, Error> {
        Ok(self.store.partition_versions(workspace).await?)
    }

    async fn assignments(&self, workspace: &WorkspaceId) -> Result<Option<Assignments>, Error> {
        let Some((version, documents)) = self.store.newest_documents(workspace).await? else {
            return Ok(None);
        };
        let manifests: Vec<Json> = serde_json::from_str(&documents)?;
        Ok(Some(Assignments::new(version, &manifests)))
    }
}

/// Why an evaluation that the workspace's holdout decided was held out.
const GLOBAL: &str = "held_out_global";

/// Where everybody stands where there is no holdout.
const NOBODY: Assigned = Assigned { rule: None, global: Some("treated"), own: None };

/// By which rule an evaluation held its customer out; `None` where it decided nothing of the kind.
fn decision(evaluation: &EvaluationRow) -> Option<Option<&'static str>> {
    match (evaluation.decision, evaluation.reason.as_str()) {
        (PlayDecision::Entered, _) => Some(None),
        (PlayDecision::HeldOut, GLOBAL) => Some(Some("global")),
        (PlayDecision::HeldOut, _) => Some(Some("play")),
        (PlayDecision::Refused | PlayDecision::NotTriggered, _) => None,
    }
}
