//! Computes candidates over the whole history, and brings customers under the formula in force.
//!
//! Whoever holds the first partition does both. Each batch is one transaction that is fenced by that lease and holds how
//! far the work is: a process that dies, or loses the lease, leaves a whole number of batches, and the next goes on there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use elate_consumer::{Held, Lane, LaneEvent, Ownership};
use elate_delight::Moment;
use elate_delight::formula::{Comparison, Pair};
use elate_delight::score::{Folded, batch};
use elate_domain::system::{ScoreRebuilt, name};
use elate_domain::{Clock, CustomerId, Partition, RawJson, Timestamp, WorkspaceId};

use crate::app::Error;
use crate::metrics;
use crate::model::formula::{Formula, Formulas};
use crate::store::{FormulaRun, Store};

/// The lane of scores that were computed anew.
pub const FORMULA_LANE: &str = "scoring-formulas";
/// Customers of one batch.
const BATCH: u64 = 1_000;
/// Scores that a comparison reads at a time.
const PAGE: u64 = 10_000;
/// A comparison that is older than this is made again.
const STALE_MILLIS: i64 = 86_400_000;
/// How long customers have to follow, before they are looked at again.
const PASS_MILLIS: i64 = 60_000;
const EVERY: Duration = Duration::from_secs(5);

/// Looks after formulas.
pub struct FormulaKeeper {
    store: Store,
    lane: Lane,
    ownership: Ownership,
    clock: Arc<dyn Clock>,
    batch: u64,
    passed: BTreeMap<WorkspaceId, Timestamp>,
}

impl std::fmt::Debug for FormulaKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormulaKeeper").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl FormulaKeeper {
    /// Over a store and the consumer's lane [`FORMULA_LANE`].
    pub fn new(store: Store, lane: Lane, ownership: Ownership, clock: Arc<dyn Clock>) -> Self {
        Self { store, lane, ownership, clock, batch: BATCH, passed: BTreeMap::new() }
    }

    /// With batches of so many customers.
    #[must_use]
    pub fn with_batch(mut self, customers: u64) -> Self {
        self.batch = customers.max(1);
        self
    }

    /// Takes a turn every few seconds, until it is dropped. A turn that fails is taken again.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.turn().await {
                metrics::KEEPER_FAILED.counter(metrics::NO_LABELS).increment(1);
                tracing::warn!(%error, "formulas were not looked after, trying again");
            }
        }
    }

    /// Computes what is to be computed, and tells customers who are not under the formula in force.
    ///
    /// # Errors
    /// Where the database fails, or somebody else holds the first partition by now.
    pub async fn turn(&mut self) -> Result<(), Error> {
        for workspace in self.store.formula_workspaces().await? {
            while self.step(&workspace).await? {
                // Between batches everybody else has a turn.
                tokio::task::yield_now().await;
            }
            self.adopt(&workspace).await?;
        }
        Ok(())
    }

    /// Computes one batch of one candidate; `false` where nothing is left to do, or the first partition is not ours.
    ///
    /// # Errors
    /// As [`FormulaKeeper::turn`].
    pub async fn step(&self, workspace: &WorkspaceId) -> Result<bool, Error> {
        let Some(held) = self.ownership.get(Partition(0)) else { return Ok(false) };
        let formulas = self.store.formulas(workspace).await?;
        for candidate in &formulas.candidates {
            let known = self.store.formula_run(workspace, candidate.key).await?;
            match known.filter(|run| self.is_good(run, &formulas)) {
                Some(run) if run.ended_at.is_some() => {}
                Some(run) => {
                    self.advance(held, workspace, &formulas, candidate, run).await?;
                    return Ok(true);
                }
                None => {
                    self.begin(held, workspace, &formulas, candidate).await?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// A run against another formula than the one in force, or of long ago, is made again.
    fn is_good(&self, run: &FormulaRun, formulas: &Formulas) -> bool {
        let now = self.clock.now();
        let fresh = run.ended_at.is_none_or(|ended| now.millis_since(ended) < STALE_MILLIS);
        run.baseline == formulas.in_force.key && fresh
    }

    async fn begin(
        &self,
        held: Held,
        workspace: &WorkspaceId,
        formulas: &Formulas,
        candidate: &Formula,
    ) -> Result<(), Error> {
        let run = FormulaRun {
            formula: candidate.key,
            baseline: formulas.in_force.key,
            as_of: self.clock.now(),
            ended_at: None,
            place: CustomerId::NONE,
            customers: 0,
            moments: 0,
            expected: self.store.scored_customers(workspace, u64::from(u32::MAX)).await?,
            summary: None,
        };
        self.save(held, workspace, &run, &[]).await
    }

    /// The next customers of a run; after the last, the comparison.
    async fn advance(
        &self,
        held: Held,
        workspace: &WorkspaceId,
        formulas: &Formulas,
        candidate: &Formula,
        mut run: FormulaRun,
    ) -> Result<(), Error> {
        let customers = self.store.scored_after(workspace, None, run.place, self.batch).await?;
        let Some(last) = customers.last().copied() else {
            run.summary = Some(self.compare(workspace, candidate.key).await?);
            run.ended_at = Some(self.clock.now());
            return self.save(held, workspace, &run, &[]).await;
        };
        let histories = self.store.histories(workspace, run.place, last, run.as_of).await?;
        let at = run.as_of;
        let pair = |moments: &[Moment]| Pair {
            running: batch::score(&formulas.in_force.params, moments, at),
            candidate: batch::score(&candidate.params, moments, at),
        };
        let pairs: Vec<(CustomerId, Pair)> =
            histories.iter().map(|(customer, moments)| (*customer, pair(moments))).collect();
        run.place = last;
        run.customers += pairs.len() as u64;
        run.moments += histories.iter().map(|(_, moments)| moments.len() as u64).sum::<u64>();
        self.save(held, workspace, &run, &pairs).await
    }

    async fn save(
        &self,
        held: Held,
        workspace: &WorkspaceId,
        run: &FormulaRun,
        pairs: &[(CustomerId, Pair)],
    ) -> Result<(), Error> {
        let tx = self.store.begin().await?;
        self.lane.fence(&tx, &[held]).await?;
        self.store.save_run(&tx, workspace, run).await?;
        self.store.save_pairs(&tx, workspace, run.formula, pairs).await?;
        Ok(tx.commit().await.map_err(elate_storage::Error::from)?)
    }

    /// Both formulas over all customers, encoded.
    async fn compare(&self, workspace: &WorkspaceId, formula: i64) -> Result<Vec<u8>, Error> {
        let (mut comparison, mut after) = (Comparison::default(), CustomerId::NONE);
        loop {
            let page = self.store.pairs(workspace, formula, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            page.into_iter().for_each(|(customer, pair)| comparison.add(customer, pair));
        }
        let summary = tokio::task::spawn_blocking(move || comparison.summary());
        let summary = summary.await.map_err(|_| Error::StudyGivenUp)?;
        let encoded = rmp_serde::to_vec_named(&summary);
        Ok(encoded.map_err(|e| elate_storage::Error::corrupt("formula_run", "summary", e))?)
    }

    /// Tells customers who are not under the formula in force, one record each. Who has followed by the next pass needs
    /// no other; after a pass that finds nobody the next publication is waited for.
    async fn adopt(&mut self, workspace: &WorkspaceId) -> Result<(), Error> {
        let now = self.clock.now();
        let passed = self.passed.get(workspace).is_some_and(|at| now.millis_since(*at) < PASS_MILLIS);
        let Some(held) = self.ownership.get(Partition(0)).filter(|_| !passed) else { return Ok(()) };
        if self.store.adopted(workspace).await? {
            return Ok(());
        }
        self.store.set_adopted(workspace, true).await?;
        let formulas = self.store.formulas(workspace).await?;
        let (mut after, mut behind) = (CustomerId::NONE, 0);
        loop {
            let key = Some(formulas.in_force.key);
            let page = self.store.scored_after(workspace, key, after, self.batch).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let mut told = Vec::new();
            for customer in page {
                told.extend(self.follow(workspace, customer, &formulas.in_force, now).await?);
            }
            behind += told.len();
            if !told.is_empty() {
                let tx = self.store.begin().await?;
                let appended = self.lane.append(&tx, vec![(held, told)]).await?;
                tx.commit().await.map_err(elate_storage::Error::from)?;
                self.lane.committed(appended);
            }
        }
        if behind > 0 {
            self.passed.insert(workspace.clone(), now);
            self.store.set_adopted(workspace, false).await?;
        }
        Ok(())
    }

    /// The record that brings a customer under the formula in force. Sums that do not fit the state (a moment came
    /// between the two reads) are left for the next pass.
    async fn follow(
        &self,
        workspace: &WorkspaceId,
        customer: CustomerId,
        formula: &Formula,
        now: Timestamp,
    ) -> Result<Option<LaneEvent>, Error> {
        let Some(kept) = self.store.kept(workspace, customer).await? else { return Ok(None) };
        if kept.erased || kept.aside || kept.customer != customer || kept.state.formula == formula.key {
            return Ok(None);
        }
        let state = kept.state.delight;
        let mut folded = serde_json::Value::Null;
        if state.folded() > 0 {
            let before = CustomerId(uuid::Uuid::from_u128(customer.0.as_u128().saturating_sub(1)));
            let all = self.store.histories(workspace, before, customer, Timestamp(i64::MAX)).await?;
            let is_recent = |moment: &Moment| state.recent().iter().any(|recent| recent.id == moment.id);
            let older: Vec<Moment> =
                all.into_iter().flat_map(|(_, all)| all).filter(|moment| !is_recent(moment)).collect();
            let sums = serde_json::to_value(Folded::over(&formula.params, &older));
            folded = sums.map_err(|e| elate_storage::Error::corrupt("customer", "folded", e))?;
        }
        let rebuilt = ScoreRebuilt { formula: formula.key, folded };
        Ok(Some(LaneEvent {
            workspace: workspace.clone(),
            customer,
            name: Arc::from(name::SCORE_REBUILT),
            occurred_at: now,
            properties: RawJson::of(&rebuilt),
            id: format!("{}:{customer}:{}:{}", formula.key, state.count(), state.folded()),
            cause: None,
            historical: false,
            trace_parent: None,
        }))
    }
}
