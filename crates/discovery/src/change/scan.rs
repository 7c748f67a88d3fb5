//! The search: the highest statistic of all links, segments and dates, against the same in shuffled orders.

use std::ops::Range;

use crate::change::permute::{Chance, shuffle};
use crate::change::series::{Row, Table};
use crate::change::{Finding, Scan, locate};

/// How often a part is divided again.
pub(super) const DEPTH: u32 = 3;

/// A row within a range of buckets, made ready for the statistic.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) counts: Vec<f64>,
    /// Sums without what the mean of their phase would make.
    pub(super) rest: Vec<f64>,
    /// All observations.
    pub(super) total: f64,
    /// The variance of one observation, taken between buckets.
    variance: f64,
}

/// Where a side of a change would be too small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    pub(super) buckets: usize,
    pub(super) observations: f64,
}

impl Ready {
    pub(super) fn of(row: &Row, range: &Range<usize>, season: usize) -> Self {
        let counts = row.counts[range.clone()].to_vec();
        let sums = &row.sums[range.clone()];
        let phases = season.min(counts.len()).max(1);
        let mut means = vec![(0.0, 0.0); phases];
        for (place, (count, sum)) in counts.iter().zip(sums).enumerate() {
            let phase = &mut means[place % phases];
            phase.0 += count;
            phase.1 += sum;
        }
        let mut rest = Vec::with_capacity(counts.len());
        for (place, (count, sum)) in counts.iter().zip(sums).enumerate() {
            let (all, of_all) = means[place % phases];
            rest.push(if all > 0.0 { sum - count * of_all / all } else { 0.0 });
        }
        let total: f64 = counts.iter().sum();
        let squares: f64 = rest.iter().map(|rest| rest * rest).sum();
        Self { counts, rest, total, variance: if total > 0.0 { squares / total } else { 0.0 } }
    }

    /// At each date that leaves enough on both sides, how much of the squares a change there explains: `f(date,
    /// explained)`. Buckets come in this order.
    pub(super) fn explained(&self, order: &[usize], least: Least, mut f: impl FnMut(usize, f64)) {
        let mut sum = 0.0;
        let mut before = 0.0;
        let last = self.counts.len().saturating_sub(least.buckets);
        for (place, bucket) in order.iter().enumerate() {
            sum += self.rest[*bucket];
            before += self.counts[*bucket];
            let (date, after) = (place + 1, self.total - before);
            let is_inside = date >= least.buckets && date <= last;
            if is_inside && before >= least.observations && after >= least.observations {
                f(date, sum * sum * self.total / (before * after));
            }
        }
    }

    /// The highest statistic in this order.
    fn peak(&self, order: &[usize], least: Least) -> f64 {
        if self.variance <= 0.0 {
            return 0.0;
        }
        let mut peak: f64 = 0.0;
        self.explained(order, least, |_, explained| peak = peak.max(explained));
        peak / self.variance
    }
}

/// A link of a search.
struct Searched {
    link: usize,
    rows: Vec<Ready>,
    /// The statistic of each row.
    observed: Vec<f64>,
    /// The highest statistic of its rows in each shuffled order.
    shuffled: Vec<f64>,
}

impl Searched {
    fn highest(&self) -> f64 {
        self.observed.iter().copied().fold(0.0, f64::max)
    }
}

/// Searches these links in a range of buckets, and what is before and after a change again.
pub(super) fn search(
    table: &Table,
    scan: &Scan,
    links: &[usize],
    range: Range<usize>,
    depth: u32,
    findings: &mut Vec<Finding>,
) {
    let least = Least { buckets: scan.least_buckets.max(1), observations: scan.least_observations as f64 };
    if links.is_empty() || range.len() < 2 * least.buckets || scan.permutations == 0 {
        return;
    }
    let season = if range.len() >= 2 * table.searched.season { table.searched.season } else { 1 };
    let mut searched = observe(table, links, &range, season, least);
    let seed = scan.seed ^ (range.start as u64) << 32 ^ range.end as u64;
    permute(&mut searched, scan, season, range.len(), least, Chance::new(seed));
    // Step-down: the strongest link is held against all, the next against all but that one, and so on.
    searched.sort_by(|a, b| b.highest().total_cmp(&a.highest()));
    let remaining = remaining_maxima(&searched, scan.permutations as usize);
    let mut p_value: f64 = 0.0;
    for (held, against) in searched.iter().zip(&remaining) {
        let chance = |statistic: f64| share_above(against, statistic);
        p_value = p_value.max(chance(held.highest()));
        if p_value > scan.level {
            break;
        }
        let significant: Vec<bool> =
            held.observed.iter().map(|statistic| chance(*statistic) <= scan.level).collect();
        let part = locate::Part { table, scan, link: held.link, range: range.clone(), season, least };
        let Some((finding, date)) = part.locate(&held.rows, &significant, p_value) else { continue };
        findings.push(finding);
        if depth > 0 {
            for side in [range.start..date, date..range.end] {
                search(table, scan, &[held.link], side, depth - 1, findings);
            }
        }
    }
}

fn observe(
    table: &Table,
    links: &[usize],
    range: &Range<usize>,
    season: usize,
    least: Least,
) -> Vec<Searched> {
    let in_order: Vec<usize> = (0..range.len()).collect();
    let mut searched = Vec::with_capacity(links.len());
    for link in links {
        let rows: Vec<Ready> =
            table.links[*link].rows.iter().map(|row| Ready::of(row, range, season)).collect();
        let observed = rows.iter().map(|row| row.peak(&in_order, least)).collect();
        searched.push(Searched { link: *link, rows, observed, shuffled: Vec::new() });
    }
    searched
}

/// Notes the highest statistic of each link in each shuffled order. All links see the same orders, so that what they
/// share (the same customers on the same days) stays shared.
fn permute(
    searched: &mut [Searched],
    scan: &Scan,
    season: usize,
    buckets: usize,
    least: Least,
    mut chance: Chance,
) {
    let mut order: Vec<usize> = (0..buckets).collect();
    for _ in 0..scan.permutations {
        shuffle(&mut order, season, &mut chance);
        for held in searched.iter_mut() {
            let highest = held.rows.iter().map(|row| row.peak(&order, least)).fold(0.0, f64::max);
            held.shuffled.push(highest);
        }
    }
}

/// For each link, the highest statistics in shuffled orders of it and all weaker links.
fn remaining_maxima(searched: &[Searched], permutations: usize) -> Vec<Vec<f64>> {
    let mut highest = vec![0.0_f64; permutations];
    let mut remaining = Vec::with_capacity(searched.len());
    for held in searched.iter().rev() {
        for (highest, here) in highest.iter_mut().zip(&held.shuffled) {
            *highest = highest.max(*here);
        }
        remaining.push(highest.clone());
    }
    remaining.reverse();
    remaining
}

/// `(1 + how many reach it) / (1 + how many)`: never 0, and never too small (Phipson & Smyth 2010).
fn share_above(shuffled: &[f64], statistic: f64) -> f64 {
    // Orders that make the same sums do so up to rounding.
    let reached = statistic * (1.0 - 1e-9);
    let above = shuffled.iter().filter(|value| **value >= reached).count();
    (1 + above) as f64 / (1 + shuffled.len()) as f64
}
