//! One customer's score.

use elate_delight::score::{Contribution, batch};
use elate_delight::{Interval, Moment};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};

use super::{App, CONFIDENCE, Error, Period};
use crate::model::formula::{Formula, Formulas};
use crate::store::{ExportPlace, ExportedMoment, ScoreEntry, StoredMoment};

/// How many levers an explanation names.
const LEVERS: usize = 5;

/// A customer's score at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Whose.
    pub customer: CustomerId,
    /// The version of the formula.
    pub formula: u32,
    /// Above 0, below 100; 50 is neutral.
    pub delight: f64,
    /// Where the long-run level lies, at [`CONFIDENCE`].
    pub interval: Option<Interval>,
    /// As of when.
    pub at: Timestamp,
    /// Judged moments that it rests on.
    pub moments: u64,
}

/// A score taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The score.
    pub score: Scored,
    /// Every moment, strongest first. Their points add up to `delight − 50`.
    pub contributions: Vec<ExplainedMoment>,
    /// The moments that would have raised it most, had they been neutral.
    pub levers: Vec<ExplainedMoment>,
}

/// One moment's part.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedMoment {
    /// The judgement.
    pub stored: StoredMoment,
    /// Points that it adds to 50 or takes from it.
    pub points: f64,
    /// Delight, had it never been.
    pub without: f64,
    /// Delight, had it been neutral.
    pub if_neutral: f64,
}

impl App {
    /// The score at `at`, with what was known at `as_known_at`. Read from the stored judgements, so it is exact at
    /// any past time.
    pub async fn score(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        at: Timestamp,
        as_known_at: Timestamp,
    ) -> Result<Scored, Error> {
        let stored = self.store.moments(workspace, customer, at, as_known_at).await?;
        let formula = self.store.formulas(workspace).await?.in_force;
        scored(&formula, customer, &moments(&stored), at)
    }

    /// The score and what made it.
    pub async fn explain(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        at: Timestamp,
        as_known_at: Timestamp,
    ) -> Result<Explained, Error> {
        let stored = self.store.moments(workspace, customer, at, as_known_at).await?;
        let all = moments(&stored);
        let formula = self.store.formulas(workspace).await?.in_force;
        let score = scored(&formula, customer, &all, at)?;
        let params = &formula.params;
        let explanation = batch::explain(params, &all, at);
        let explain = |contribution: &Contribution| {
            let stored = stored.iter().find(|s| s.moment.id == contribution.id)?.clone();
            Some(ExplainedMoment {
                stored,
                points: contribution.points,
                without: batch::without(params, &all, at, &contribution.id),
                if_neutral: batch::if_neutral(params, &all, at, |m| m.id == contribution.id),
            })
        };
        let strongest = explanation.strongest(explanation.contributions.len());
        let contributions: Vec<ExplainedMoment> = strongest.into_iter().filter_map(explain).collect();
        let levers = batch::levers(params, &all, at, LEVERS)
            .iter()
            .filter_map(|lever| contributions.iter().find(|c| c.stored.moment.id == lever.id).cloned())
            .collect();
        Ok(Explained { score, contributions, levers })
    }

    /// Customers by their score as of their newest moment, lowest first.
    pub async fn list(
        &self,
        workspace: &WorkspaceId,
        at_most: Option<f64>,
        after: Option<(f64, CustomerId)>,
        limit: u64,
    ) -> Result<Vec<Scored>, Error> {
        let entries = self.store.scores(workspace, at_most, after, limit).await?;
        let formulas = self.store.formulas(workspace).await?;
        Ok(entries.into_iter().map(|entry| listed(&formulas, &entry)).collect())
    }

    /// The scores of some customers, as of their newest moments; those without any are left out.
    pub async fn scores_of(
        &self,
        workspace: &WorkspaceId,
        customers: &[CustomerId],
    ) -> Result<Vec<Scored>, Error> {
        let entries = self.store.scores_of(workspace, customers).await?;
        let formulas = self.store.formulas(workspace).await?;
        Ok(entries.into_iter().map(|entry| listed(&formulas, &entry)).collect())
    }

    /// Moments of a period after a place, as last judged.
    pub async fn export(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        after: &ExportPlace,
        limit: u64,
    ) -> Result<Vec<ExportedMoment>, Error> {
        Ok(self.store.export_moments(workspace, period, after, limit).await?)
    }
}

/// A stored score, under the formula that it was stored with.
fn listed(formulas: &Formulas, entry: &ScoreEntry) -> Scored {
    let (at, formula) = (entry.level.at, formulas.get(entry.formula));
    Scored {
        customer: entry.customer,
        formula: formula.version,
        delight: entry.delight,
        interval: entry.level.interval(&formula.params, at, CONFIDENCE),
        at,
        moments: entry.moments,
    }
}

fn scored(
    formula: &Formula,
    customer: CustomerId,
    moments: &[Moment],
    at: Timestamp,
) -> Result<Scored, Error> {
    if moments.is_empty() {
        return Err(Error::NoMoments(customer));
    }
    Ok(Scored {
        customer,
        formula: formula.version,
        delight: batch::score(&formula.params, moments, at),
        interval: batch::interval(&formula.params, moments, at, CONFIDENCE),
        at,
        moments: moments.len() as u64,
    })
}

fn moments(stored: &[StoredMoment]) -> Vec<Moment> {
    stored.iter().map(|s| s.moment.clone()).collect()
}
