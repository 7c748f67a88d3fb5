//! The series of a summary as rows of numbers, a column a bucket.

use std::collections::BTreeMap;

use crate::change::{Measure, Scale, Scan, Searched};
use crate::names::{EVERYBODY, Segment};
use crate::series::{GapCell, LOG_SCALE, Line, RateCell};
use crate::summary::Summary;
use crate::times::Moments;

/// More buckets than this are not searched at once; the newest are.
const MOST_BUCKETS: i64 = 1_024;

/// One series: a link in one segment.
#[derive(Debug)]
pub(super) struct Row {
    /// For whom; `None`: everybody.
    pub(super) segment: Option<Segment>,
    /// Observations, by bucket.
    pub(super) counts: Vec<f64>,
    /// Their sums on the scale on which they are compared, by bucket.
    pub(super) sums: Vec<f64>,
    /// The same as they are told to people.
    pub(super) told: Told,
}

/// Observations by bucket, as they were.
#[derive(Debug)]
pub(super) enum Told {
    Gaps(Vec<Moments>),
    Rates(Vec<RateCell>),
}

/// A link, everybody first, then the segments in order.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) measure: Measure,
    pub(super) rows: Vec<Row>,
}

/// All that is searched.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) links: Vec<Link>,
    pub(super) buckets: usize,
    /// The number of the first bucket.
    pub(super) first: i64,
    pub(super) bucket_millis: i64,
    pub(super) searched: Searched,
}

impl Table {
    pub(super) fn of(summary: &Summary, scan: &Scan) -> Self {
        let bucket_millis = i64::try_from(summary.settings.bucket_millis).unwrap_or(i64::MAX).max(1);
        let (first, buckets, older_buckets) = ripe(summary, bucket_millis);
        let season = if scan.season >= 2 && buckets >= 2 * scan.season { scan.season } else { 1 };
        let searched =
            Searched { links: 0, series: 0, too_small: 0, left_out: 0, buckets, older_buckets, season };
        let mut table = Self { links: Vec::new(), buckets, first, bucket_millis, searched };
        let mut links = table.rows_of(summary, scan);
        table.searched.left_out = keep_largest(&mut links, scan.most_series);
        table.searched.links = links.len();
        table.searched.series = links.iter().map(|link| link.rows.len()).sum();
        table.links = links;
        table
    }

    /// All series with enough observations; counts the others.
    fn rows_of(&mut self, summary: &Summary, scan: &Scan) -> Vec<Link> {
        let mut rows: BTreeMap<Measure, BTreeMap<Option<Segment>, Row>> = BTreeMap::new();
        let name = |id: u32| summary.names.name(id).to_owned();
        let segment = |id: u32| summary.segments.get(id).cloned();
        let whom = |id: u32| if id == EVERYBODY { None } else { segment(id) };
        for ((from, to, of), line) in &summary.series.gaps {
            let measure = Measure::Gap { from: name(*from), to: name(*to) };
            rows.entry(measure).or_default().insert(whom(*of), self.gaps(whom(*of), line, scan.scale));
        }
        for ((step, of), line) in &summary.series.drop_offs {
            let measure = Measure::DropOff { step: name(*step) };
            rows.entry(measure).or_default().insert(whom(*of), self.rates(whom(*of), line));
        }
        let mut links = Vec::new();
        for (measure, rows) in rows {
            let all = rows.get(&None).map_or(0.0, Row::observations);
            let mut kept = Vec::new();
            for row in rows.into_values() {
                // A segment that holds everybody is everybody.
                if row.segment.is_some() && row.observations() >= all {
                    continue;
                }
                if row.observations() < 2.0 * scan.least_observations as f64 {
                    self.searched.too_small += 1;
                } else if !row.is_constant() {
                    kept.push(row);
                }
            }
            // Everybody comes first, and has most observations: where it is missing there is nothing.
            if kept.first().is_some_and(|row| row.segment.is_none()) {
                links.push(Link { measure, rows: kept });
            }
        }
        links
    }

    fn place(&self, bucket: i64) -> Option<usize> {
        usize::try_from(bucket.checked_sub(self.first)?).ok().filter(|place| *place < self.buckets)
    }

    fn gaps(&self, segment: Option<Segment>, line: &Line<GapCell>, scale: Scale) -> Row {
        let mut row = Row::empty(segment, self.buckets);
        let mut told = vec![Moments::default(); self.buckets];
        for (bucket, cell) in line {
            let Some(place) = self.place(*bucket) else { continue };
            row.counts[place] = cell.times.count as f64;
            row.sums[place] = match scale {
                Scale::Ratio => cell.logs as f64 / LOG_SCALE,
                Scale::Difference => cell.times.sum as f64 / 1e3,
            };
            told[place] = cell.times;
        }
        Row { told: Told::Gaps(told), ..row }
    }

    fn rates(&self, segment: Option<Segment>, line: &Line<RateCell>) -> Row {
        let mut row = Row::empty(segment, self.buckets);
        let mut told = vec![RateCell::default(); self.buckets];
        for (bucket, cell) in line {
            let Some(place) = self.place(*bucket) else { continue };
            row.counts[place] = cell.departures as f64;
            row.sums[place] = cell.dropped as f64;
            told[place] = *cell;
        }
        Row { told: Told::Rates(told), ..row }
    }
}

impl Row {
    fn empty(segment: Option<Segment>, buckets: usize) -> Self {
        Self { segment, counts: vec![0.0; buckets], sums: vec![0.0; buckets], told: Told::Rates(Vec::new()) }
    }

    fn observations(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Shares of 0 or 1 throughout: a step at which everybody stops, or nobody.
    fn is_constant(&self) -> bool {
        let sum: f64 = self.sums.iter().sum();
        matches!(self.told, Told::Rates(_)) && (sum == 0.0 || sum == self.observations())
    }
}

/// The first bucket, how many have been watched for the whole horizon, and how many older ones are left aside.
fn ripe(summary: &Summary, bucket_millis: i64) -> (i64, usize, usize) {
    let (Some(first), Some(last)) = (summary.first_at, summary.last_at) else { return (0, 0, 0) };
    let horizon = i64::try_from(summary.settings.horizon_millis).unwrap_or(i64::MAX);
    let first = first.div_euclid(bucket_millis);
    // A bucket is ripe when what left in its last millisecond has been watched for the horizon.
    let end = last.saturating_sub(horizon).saturating_add(1).div_euclid(bucket_millis);
    let buckets = end.saturating_sub(first).max(0);
    let older = (buckets - MOST_BUCKETS).max(0);
    let count = usize::try_from(buckets - older).unwrap_or_default();
    (first + older, count, usize::try_from(older).unwrap_or(usize::MAX))
}

/// Keeps the series with most observations, with everybody of their links. Returns how many were left out.
fn keep_largest(links: &mut Vec<Link>, most: usize) -> usize {
    let mut sizes: Vec<f64> = links.iter().flat_map(|link| link.rows.iter().map(Row::observations)).collect();
    if sizes.len() <= most {
        return 0;
    }
    let before = sizes.len();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let least = sizes.get(most).copied().unwrap_or_default();
    for link in links.iter_mut() {
        link.rows.retain(|row| row.observations() > least);
    }
    // Everybody is the largest of a link, and goes last.
    links.retain(|link| !link.rows.is_empty());
    before - links.iter().map(|link| link.rows.len()).sum::<usize>()
}
