//! The use-cases: what callers can ask.

use elate_domain::{CustomerId, WorkspaceId};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::error::Error;
use crate::model::Assignments;
use crate::model::rows::{
    CaseRow, EvaluationRow, JourneyPhase, JourneyRow, MomentRow, PlayDecision, PlayPhase, PlayRow,
    PromiseRow, StepRow,
};
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

/// Whether somebody is held out of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldOut {
    /// By which rule: `global` or `play`; `None` where none applies.
    pub rule: Option<&'static str>,
    /// The decision was taken at an entry, rather than computed now.
    pub decided: bool,
}

/// Why a customer entered or did not enter a play.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The newest first.
    pub evaluations: Vec<EvaluationRow>,
    /// The play is part of the newest definitions.
    pub defined: bool,
}

/// The use-cases over the read models.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
}

impl App {
    /// Over a store.
    pub fn new(store: Store) -> Self {
        Self { store }
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
        let defined = self.assignments(workspace).await?.is_some_and(|found| found.has_play(play));
        if evaluations.is_empty() && !defined {
            return Err(Error::PlayUnknown(play.to_owned()));
        }
        Ok(Explanation { evaluations, defined })
    }

    /// Whether somebody is held out of a play.
    pub async fn is_held_out(
        &self,
        workspace: &WorkspaceId,
        play: &str,
        subject: &Subject,
    ) -> Result<HeldOut, Error> {
        if let Subject::Customer(customer) = subject {
            let evaluations = self.store.evaluations(workspace, *customer, play).await?;
            if let Some(decided) = evaluations.iter().find_map(decision) {
                return Ok(decided);
            }
        }
        let assignments = self.assignments(workspace).await?;
        let unknown = || Error::PlayUnknown(play.to_owned());
        let assignments = assignments.filter(|found| found.has_play(play)).ok_or_else(unknown)?;
        let rule = match subject {
            Subject::Customer(customer) => assignments.held_out(play, &customer.to_string()),
            Subject::Id(id) => assignments.held_out(play, id),
        };
        Ok(HeldOut { rule, decided: false })
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

/// What an evaluation says of the group that the customer was put into.
fn decision(evaluation: &EvaluationRow) -> Option<HeldOut> {
    let rule = match (evaluation.decision, evaluation.reason.as_str()) {
        (PlayDecision::Entered, _) => None,
        (PlayDecision::HeldOut, "held_out_global") => Some("global"),
        (PlayDecision::HeldOut, _) => Some("play"),
        (PlayDecision::Refused, _) => return None,
    };
    Some(HeldOut { rule, decided: true })
}
