//! The search: the highest statistic of all links, segments, parts and dates, against the same in shuffled orders.

use std::ops::Range;

use crate::change::permute::{Chance, shuffle};
use crate::change::series::Table;
use crate::change::statistic::{Least, Peak, Ready, Sums, parts};
use crate::change::{Finding, Scan, locate};

/// How often a part is divided again: up to seven changes a link.
const DEPTH: u32 = 2;

/// A link of a search.
struct Searched {
    link: usize,
    rows: Vec<Ready>,
    /// The highest statistic of each row.
    observed: Vec<Peak>,
    /// The highest statistic of its rows in each shuffled order.
    shuffled: Vec<f64>,
}

impl Searched {
    fn highest(&self) -> Peak {
        let higher = |a: Peak, b: &Peak| if b.statistic > a.statistic { *b } else { a };
        self.observed.iter().fold(Peak::default(), higher)
    }
}

/// A change of a link, before it is known for whom and by how much.
#[derive(Debug)]
struct Raw {
    link: usize,
    /// As a place in the table.
    date: usize,
    /// Which rows changed by themselves.
    significant: Vec<bool>,
    p_value: f64,
}

/// Searches all links.
pub(super) fn find(table: &Table, scan: &Scan) -> Vec<Finding> {
    let links: Vec<usize> = (0..table.links.len()).collect();
    let search = Search { table, scan, least: least(scan) };
    let mut raw = Vec::new();
    search.range(&links, 0..table.buckets, scan.level, DEPTH, &mut raw);
    raw.sort_by_key(|raw| (raw.link, raw.date));
    let mut findings = Vec::with_capacity(raw.len());
    for (place, change) in raw.iter().enumerate() {
        // A change is looked at from the one before to the one after.
        let neighbour = |place: Option<usize>| {
            place.and_then(|place| raw.get(place)).filter(|other| other.link == change.link)
        };
        let begin = neighbour(place.checked_sub(1)).map_or(0, |other| other.date);
        let end = neighbour(Some(place + 1)).map_or(table.buckets, |other| other.date);
        let season = search.season(&(begin..end));
        let part =
            locate::Part { table, scan, link: change.link, range: begin..end, season, least: search.least };
        findings.extend(part.locate(&change.significant, change.p_value));
    }
    findings
}

fn least(scan: &Scan) -> Least {
    Least { buckets: scan.least_buckets.max(1), observations: scan.least_observations as f64 }
}

struct Search<'a> {
    table: &'a Table,
    scan: &'a Scan,
    least: Least,
}

impl Search<'_> {
    fn season(&self, range: &Range<usize>) -> usize {
        let season = self.table.searched.season;
        if range.len() >= 2 * season { season } else { 1 }
    }

    /// Searches these links in a range of buckets, and those that changed before and after that again.
    fn range(&self, links: &[usize], range: Range<usize>, level: f64, depth: u32, raw: &mut Vec<Raw>) {
        let can_be_found = level * f64::from(self.scan.permutations + 1) >= 1.0;
        if links.is_empty() || range.len() < 2 * self.least.buckets || !can_be_found {
            return;
        }
        let searched = self.statistics(links, &range);
        let remaining = remaining_maxima(&searched, self.scan.permutations as usize);
        let mut p_value: f64 = 0.0;
        for (held, against) in searched.iter().zip(&remaining) {
            let highest = held.highest();
            p_value = p_value.max(share_above(against, highest.statistic));
            if p_value > level {
                break;
            }
            let is_significant = |peak: &Peak| share_above(against, peak.statistic) <= level;
            let significant = held.observed.iter().map(is_significant).collect();
            let date = range.start + highest.date;
            raw.push(Raw { link: held.link, date, significant, p_value });
            if depth > 0 {
                for side in [range.start..date, date..range.end] {
                    // Two at a quarter, four at a sixteenth …: all of them together at no more than the level.
                    self.range(&[held.link], side, level / 4.0, depth - 1, raw);
                }
            }
        }
    }

    /// The statistics of these links, the strongest link first, as they are and in shuffled orders. All links see the
    /// same orders, so that what they share (the same customers on the same days) stays shared.
    fn statistics(&self, links: &[usize], range: &Range<usize>) -> Vec<Searched> {
        let season = self.season(range);
        let parts = parts(range.len(), self.least);
        let mut order: Vec<usize> = (0..range.len()).collect();
        let mut sums = Sums::default();
        let mut searched = Vec::with_capacity(links.len());
        for link in links {
            let rows = self.table.links[*link].rows.iter().map(|row| Ready::of(row, range, season));
            let rows: Vec<Ready> = rows.collect();
            let observed = rows.iter().map(|row| row.peak(&order, &parts, self.least, &mut sums)).collect();
            searched.push(Searched { link: *link, rows, observed, shuffled: Vec::new() });
        }
        let seed = self.scan.seed ^ ((range.start as u64) << 32) ^ range.end as u64;
        let mut chance = Chance::new(seed);
        for _ in 0..self.scan.permutations {
            shuffle(&mut order, season, &mut chance);
            for held in &mut searched {
                let statistic = |row: &Ready| row.peak(&order, &parts, self.least, &mut sums).statistic;
                let highest = held.rows.iter().map(statistic).fold(0.0, f64::max);
                held.shuffled.push(highest);
            }
        }
        searched.sort_by(|a, b| b.highest().statistic.total_cmp(&a.highest().statistic));
        searched
    }
}

/// For each link, the highest statistics in shuffled orders of it and all weaker links: the strongest is held against
/// all, the next against all but that one, and so on (step-down).
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
