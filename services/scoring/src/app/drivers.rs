//! Drivers: which moments move retention and NPS.
//!
//! A row is a customer, a column how many wows or miserable moments of one kind the customer had. One more column holds
//! how many moments the customer had at all, since whoever comes often has more of everything; it is held still, and no
//! driver.

use std::collections::BTreeMap;

use elate_delight::effect::drivers::{Correction, Drivers, Target, drivers};
use elate_delight::effect::regression::{self, LeftOut, Table};
use elate_domain::{CustomerId, Timestamp, WorkspaceId};

use super::{App, Error, Period};
use crate::store::Felt;

/// Customers of one regression.
const MAX_CUSTOMERS: usize = 20_000;
/// Kinds of moments of one regression.
const MAX_COLUMNS: usize = 60;
/// Customers whose moments are read at a time.
const PAGE: usize = 1_000;
/// So long ago a period must have ended, for it to be known who came back.
const SETTLED_MILLIS: i64 = 7 * DAY_MILLIS;
const DAY_MILLIS: i64 = 86_400_000;
/// The column that is held still.
const ALL: &str = "";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriverQuestion {
    /// Retention, or the NPS answer.
    pub target: Target,
    /// Whose moments count.
    pub period: Period,
    /// How tests are corrected.
    pub correction: Correction,
    /// The rate of error accepted.
    pub rate: f64,
}

/// A kind of moment: the manifest and the outcome.
pub type KindOfMoment = (String, String);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundDrivers {
    /// Customers in the regression.
    pub customers: u64,
    /// Customers from whom they were drawn.
    pub drawn_from: u64,
    /// The drivers, or why there are none; columns are called by [`KindOfMoment`] with a slash between.
    pub found: Result<Drivers, regression::Error>,
    /// Kinds of moments that were too many to be tested.
    pub too_many: Vec<String>,
}

/// A customer's outcome, and until when moments count.
#[derive(Debug, Clone, Copy)]
struct Subject {
    customer: CustomerId,
    outcome: f64,
    until: Timestamp,
}

/// A customer's moments: how many of each column, and how many at all.
#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<String, f64>,
    all: f64,
}

impl App {
    /// Looks for drivers.
    ///
    /// # Errors
    /// Where the period of a question about retention ended too lately, and where the database fails. That there are too
    /// few customers is an answer.
    pub async fn drivers(
        &self,
        workspace: &WorkspaceId,
        question: DriverQuestion,
        now: Timestamp,
    ) -> Result<FoundDrivers, Error> {
        let (subjects, drawn_from) = match question.target {
            Target::Retained => self.retained(workspace, question.period, now).await?,
            Target::Score => self.answered(workspace, question.period).await?,
        };
        let mut rows = Vec::with_capacity(subjects.len());
        for page in subjects.chunks(PAGE) {
            let customers: Vec<CustomerId> = page.iter().map(|subject| subject.customer).collect();
            let felt = self.store.felt(workspace, &customers, question.period).await?;
            let counted = count(page, felt);
            rows.extend(page.iter().map(|subject| subject.outcome).zip(counted).filter(|(_, c)| c.all > 0.0));
        }
        let work = move || regress(&rows, drawn_from, question);
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::StudyGivenUp)
    }

    /// Customers with a score, or a sample of them that depends on their ids alone; 1 for who was active after the
    /// period. Who had no moment in it drops out later.
    async fn retained(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        now: Timestamp,
    ) -> Result<(Vec<Subject>, u64), Error> {
        if now.millis_since(period.to) < SETTLED_MILLIS {
            return Err(Error::Period("ended less than seven days ago: who came back is not known yet"));
        }
        let (mut all, mut after) = (Vec::new(), CustomerId::NONE);
        loop {
            let page = self.store.scored_after(workspace, None, after, 10_000).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            all.extend(page.iter().map(|c| (xxhash_rust::xxh3::xxh3_64(c.0.as_bytes()), *c)));
        }
        let drawn_from = all.len() as u64;
        all.sort_unstable();
        all.truncate(MAX_CUSTOMERS);
        let mut subjects = Vec::with_capacity(all.len());
        for (_, customer) in all {
            let state = self.store.customer_state(workspace, customer).await?.unwrap_or_default();
            let came = state.active_day.is_some_and(|day| day >= period.to_day());
            subjects.push(Subject { customer, outcome: f64::from(came), until: period.to });
        }
        Ok((subjects, drawn_from))
    }

    /// The last answer of each customer.
    async fn answered(&self, workspace: &WorkspaceId, period: Period) -> Result<(Vec<Subject>, u64), Error> {
        let answers = self.store.nps_answers(workspace, period, MAX_CUSTOMERS as u64).await?;
        let mut last: BTreeMap<CustomerId, Subject> = BTreeMap::new();
        for (customer, until, outcome) in answers {
            // The newest come first.
            last.entry(customer).or_insert(Subject { customer, outcome, until });
        }
        let drawn_from = last.len() as u64;
        Ok((last.into_values().collect(), drawn_from))
    }
}

/// Counts the moments of each subject, in their order.
fn count(subjects: &[Subject], felt: Vec<Felt>) -> Vec<Counts> {
    let places: BTreeMap<CustomerId, usize> =
        subjects.iter().enumerate().map(|(place, subject)| (subject.customer, place)).collect();
    let mut counts: Vec<Counts> = subjects.iter().map(|_| Counts::default()).collect();
    for felt in felt {
        let Some(place) = places.get(&felt.customer).copied() else { continue };
        if felt.at >= subjects[place].until {
            continue;
        }
        counts[place].all += 1.0;
        if felt.outcome != "neutral" {
            *counts[place].kinds.entry(format!("{}/{}", felt.moment, felt.outcome)).or_default() += 1.0;
        }
    }
    counts
}

/// Makes the table, with the kinds that most customers had, and regresses.
fn regress(rows: &[(f64, Counts)], drawn_from: u64, question: DriverQuestion) -> FoundDrivers {
    let mut had: BTreeMap<&String, usize> = BTreeMap::new();
    for kind in rows.iter().flat_map(|(_, counts)| counts.kinds.keys()) {
        *had.entry(kind).or_default() += 1;
    }
    let mut kinds: Vec<(&String, usize)> = had.into_iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let too_many = kinds.split_off(kinds.len().min(MAX_COLUMNS));
    // First of all, so that it is not it that is left out where it says the same as another column.
    let names: Vec<String> =
        std::iter::once(ALL.to_owned()).chain(kinds.iter().map(|(kind, _)| (*kind).clone())).collect();
    let mut table = Table::new(names.len());
    let mut values = vec![0.0; names.len()];
    let mut found = Ok(());
    for (outcome, counts) in rows {
        values[0] = counts.all;
        for (place, name) in names.iter().enumerate().skip(1) {
            values[place] = counts.kinds.get(name).copied().unwrap_or_default();
        }
        found = found.and_then(|()| table.push(&values, *outcome));
    }
    let found = found
        .and_then(|()| drivers(&names, &table, question.target, question.correction, question.rate))
        .map(without_all);
    let too_many = too_many.into_iter().map(|(kind, _)| kind.clone()).collect();
    FoundDrivers { customers: rows.len() as u64, drawn_from, found, too_many }
}

/// What is held still is no driver.
fn without_all(mut found: Drivers) -> Drivers {
    found.drivers.retain(|driver| driver.moment != ALL);
    found.left_out.retain(|(moment, _): &(String, LeftOut)| moment != ALL);
    found
}
