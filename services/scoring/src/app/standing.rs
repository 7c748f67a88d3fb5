//! How customers stand: mean and spread of delight, and who had a wow lately; exact at hourly closes.
//!
//! A score fades by itself, each at its own rate, so that a mean over all customers cannot be kept up to date by adding
//! and taking back. It is computed anew from all scores at each full hour (a *close*), and kept; a workspace of few
//! customers is asked at once.

use std::collections::BTreeMap;

use elate_delight::rates::{self, Figure};
use elate_delight::score::batch;
use elate_delight::survey::Sample;
use elate_domain::{CustomerId, Timestamp, WorkspaceId};

use super::report::mean;
use super::{App, CONFIDENCE, Error};
use crate::model::formula::Formulas;
use crate::model::segments::Segment;
use crate::store::{Close, Standing};

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;
/// "Lately", for wows.
const WOW_SPAN_MILLIS: i64 = 30 * DAY_MILLIS;
/// How long after a full hour it is closed, so that what happened in it has been read.
const SETTLE_MILLIS: i64 = 5 * 60_000;
/// Workspaces of no more scored customers are asked at once instead of at their newest close.
const LIVE_CUSTOMERS: u64 = 20_000;
/// Scores that are read at a time.
const PAGE: u64 = 10_000;
/// Closes older than this are kept once a day only.
const KEEP_HOURLY_MILLIS: i64 = 35 * DAY_MILLIS;

/// How the customers of a segment stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Stand {
    /// The trait and its value; empty for everybody.
    pub segment: Segment,
    /// As of when.
    pub at: Timestamp,
    /// Customers with a score.
    pub customers: u64,
    /// Mean delight.
    pub delight: Option<Figure>,
    /// Nine of ten customers stand above, half of them, one of ten.
    pub deciles: [f64; 3],
    /// Share of customers with a wow within 30 days.
    pub recent_wow: Option<Figure>,
    /// Median days since the last wow, of those who ever had one.
    pub days_since_wow: Option<Figure>,
}

/// What is added up for one segment. Order statistics need all values; single precision is plenty for them.
#[derive(Default)]
struct Tally {
    sample: Sample,
    scores: Vec<f32>,
    recent: i64,
    days: Vec<f64>,
}

impl Tally {
    fn add(&mut self, delight: f64, last_wow: Option<Timestamp>, at: Timestamp) {
        self.sample.add(delight);
        self.scores.push(delight as f32);
        if let Some(wow) = last_wow {
            let since = at.millis_since(wow).max(0);
            self.recent += i64::from(since < WOW_SPAN_MILLIS);
            self.days.push(since as f64 / DAY_MILLIS as f64);
        }
    }

    fn close(mut self, segment: Segment, at: Timestamp) -> Close {
        self.scores.sort_unstable_by(f32::total_cmp);
        let nearest = |share: f64| {
            let rank = (share * self.scores.len() as f64).ceil() as usize;
            self.scores.get(rank.max(1) - 1).map_or(50.0, |score| f64::from(*score))
        };
        let deciles = [nearest(0.1), nearest(0.5), nearest(0.9)];
        let ever = self.days.len() as u64;
        let since = rates::recovery_time(&mut self.days, CONFIDENCE).map(|time| time.median);
        let (since, low, high) =
            since.map_or((0.0, 0.0, 0.0), |f| (f.value, f.interval.low, f.interval.high));
        Close {
            segment,
            at,
            delight: self.sample,
            deciles,
            recent_wows: self.recent.cast_unsigned(),
            ever_wows: ever,
            since_wow: [since, low, high],
        }
    }
}

impl App {
    /// How everybody stands (an empty trait), or the customers by a trait, as of `now` or of the newest close.
    pub async fn standing(
        &self,
        workspace: &WorkspaceId,
        trait_name: &str,
        now: Timestamp,
    ) -> Result<Vec<Stand>, Error> {
        let closes = if self.store.scored_customers(workspace, LIVE_CUSTOMERS + 1).await? <= LIVE_CUSTOMERS {
            let mut closes = self.tally(workspace, now).await?;
            closes.retain(|close| close.segment.trait_name == trait_name);
            closes
        } else {
            self.store.newest_close(workspace, trait_name, now).await?
        };
        Ok(closes.iter().map(stand).collect())
    }

    /// The closes of a span, oldest first: the course of mean delight.
    pub async fn course(
        &self,
        workspace: &WorkspaceId,
        segment: &Segment,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Stand>, Error> {
        Ok(self.store.closes(workspace, segment, from, to).await?.iter().map(stand).collect())
    }

    /// Closes the newest full hour of every workspace that lacks it; answers how many it closed. The same hour closed
    /// twice, by two processes, comes out the same.
    pub async fn close_due(&self, now: Timestamp) -> Result<u64, Error> {
        let hour = Timestamp((now.0 - SETTLE_MILLIS).div_euclid(HOUR_MILLIS) * HOUR_MILLIS);
        let mut closed = 0;
        for workspace in self.store.workspaces().await? {
            if self.store.is_closed(&workspace, hour).await? {
                continue;
            }
            let closes = self.tally(&workspace, hour).await?;
            self.store.save_closes(&workspace, &closes, hour.plus_millis(-KEEP_HOURLY_MILLIS)).await?;
            closed += 1;
        }
        Ok(closed)
    }

    /// Adds up all scores as of a time, everybody first and then by segment.
    async fn tally(&self, workspace: &WorkspaceId, at: Timestamp) -> Result<Vec<Close>, Error> {
        let formulas = self.store.formulas(workspace).await?;
        let mut tallies: BTreeMap<Segment, Tally> = BTreeMap::new();
        let mut after = CustomerId::NONE;
        loop {
            let page = self.store.standings(workspace, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.customer;
            for standing in &page {
                let stood = self.stood(workspace, &formulas, standing, at).await?;
                let Some((delight, last_wow)) = stood else { continue };
                tallies.entry(Segment::default()).or_default().add(delight, last_wow, at);
                for segment in &standing.segments {
                    tallies.entry(segment.clone()).or_default().add(delight, last_wow, at);
                }
            }
        }
        Ok(tallies.into_iter().map(|(segment, tally)| tally.close(segment, at)).collect())
    }

    /// Delight and the last wow of a customer at a time. What came later is left out by reading the moments.
    async fn stood(
        &self,
        workspace: &WorkspaceId,
        formulas: &Formulas,
        standing: &Standing,
        at: Timestamp,
    ) -> Result<Option<(f64, Option<Timestamp>)>, Error> {
        let params = &formulas.get(standing.formula).params;
        if standing.level.at <= at {
            return Ok(Some((standing.level.delight(params, at), standing.last_wow)));
        }
        let stored = self.store.moments(workspace, standing.customer, at, at).await?;
        let moments: Vec<_> = stored.iter().map(|stored| stored.moment.clone()).collect();
        let wows = stored.iter().filter(|stored| stored.outcome == "magical");
        let last_wow = wows.map(|stored| stored.moment.at).max();
        Ok((!moments.is_empty()).then(|| (batch::score(params, &moments, at), last_wow)))
    }
}

fn stand(close: &Close) -> Stand {
    let customers = close.delight.count;
    let [value, low, high] = close.since_wow;
    let interval = elate_delight::Interval { low, high, confidence: CONFIDENCE };
    Stand {
        segment: close.segment.clone(),
        at: close.at,
        customers,
        delight: mean(&close.delight),
        deciles: close.deciles,
        recent_wow: rates::share(close.recent_wows, customers, CONFIDENCE),
        days_since_wow: (close.ever_wows > 0).then(|| Figure::new(value, interval, close.ever_wows)),
    }
}
