//! Formulas beside the one in force: how far they are computed, and what they would change.
//!
//! [`FormulaKeeper`] computes them over the whole history, and brings customers under the one that comes into force.

mod keeper;

pub use keeper::{FORMULA_LANE, FormulaKeeper};

use elate_delight::formula::{Difference, Mover, Sides, Summary, differences};
use elate_domain::WorkspaceId;

use super::{App, Error};
use crate::model::formula::Formula;
use crate::store::{FormulaRun, StoredMoment};

/// Moments that are named for each mover.
const NAMED: usize = 3;

/// A formula, and how far it is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaState {
    /// The formula.
    pub formula: Formula,
    /// It is the one under which scores are told.
    pub in_force: bool,
    /// How far it is computed beside the one in force; `None` for that one, and before it has begun.
    pub run: Option<FormulaRun>,
}

/// What a candidate would change.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaComparison {
    /// The candidate, and how far it is computed.
    pub candidate: FormulaState,
    /// The formula in force.
    pub baseline: Formula,
    /// Over all customers; `None` until all are computed.
    pub summary: Option<Summary>,
    /// Customers on either side of each line asked for.
    pub lines: Vec<(f64, Sides)>,
    /// Who is moved most, and by which moments.
    pub movers: Vec<ExplainedMover>,
}

/// A customer whom the candidate moves, and the moments that do it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedMover {
    /// The customer under both formulas.
    pub mover: Mover,
    /// The moments that move the score farthest.
    pub moments: Vec<(Difference, StoredMoment)>,
}

impl App {
    /// The formula in force and those beside it, in order of their versions.
    pub async fn formulas(&self, workspace: &WorkspaceId) -> Result<Vec<FormulaState>, Error> {
        let formulas = self.store.formulas(workspace).await?;
        let mut found = vec![FormulaState { formula: formulas.in_force.clone(), in_force: true, run: None }];
        for candidate in formulas.candidates {
            let run = self.store.formula_run(workspace, candidate.key).await?;
            let run = run.filter(|run| run.baseline == formulas.in_force.key);
            found.push(FormulaState { formula: candidate, in_force: false, run });
        }
        found.sort_by_key(|state| state.formula.version);
        Ok(found)
    }

    /// What a candidate would change: by rank, by who is moved most, and at the given lines.
    pub async fn compare_formula(
        &self,
        workspace: &WorkspaceId,
        version: u32,
        lines: &[f64],
        movers: usize,
    ) -> Result<FormulaComparison, Error> {
        let baseline = self.store.formulas(workspace).await?.in_force;
        let all = self.formulas(workspace).await?;
        let candidate = all.into_iter().find(|state| state.formula.version == version && !state.in_force);
        let candidate = candidate.ok_or(Error::NoFormula(version))?;
        let mut found =
            FormulaComparison { candidate, baseline, summary: None, lines: Vec::new(), movers: Vec::new() };
        let Some(run) = found.candidate.run.clone() else { return Ok(found) };
        let Some(summary) = &run.summary else { return Ok(found) };
        let summary: Summary = rmp_serde::from_slice(summary)
            .map_err(|e| elate_storage::Error::corrupt("formula_run", "summary", e))?;
        for line in lines {
            found.lines.push((*line, self.store.sides(workspace, run.formula, *line).await?));
        }
        for mover in summary.movers.iter().take(movers) {
            found.movers.push(self.explain_mover(workspace, &found, *mover, &run).await?);
        }
        found.summary = Some(summary);
        Ok(found)
    }

    async fn explain_mover(
        &self,
        workspace: &WorkspaceId,
        found: &FormulaComparison,
        mover: Mover,
        run: &FormulaRun,
    ) -> Result<ExplainedMover, Error> {
        let stored = self.store.moments(workspace, mover.customer, run.as_of, run.as_of).await?;
        let moments: Vec<_> = stored.iter().map(|stored| stored.moment.clone()).collect();
        let (running, candidate) = (&found.baseline.params, &found.candidate.formula.params);
        let named = differences(running, candidate, &moments, run.as_of).into_iter().take(NAMED);
        let with_moment = |difference: Difference| {
            let stored = stored.iter().find(|stored| stored.moment.id == difference.id)?.clone();
            Some((difference, stored))
        };
        Ok(ExplainedMover { mover, moments: named.filter_map(with_moment).collect() })
    }
}
