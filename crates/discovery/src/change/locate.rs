//! For whom a link changed, since when, and by how much.

use std::ops::Range;

use elate_delight::Interval;
use elate_delight::survey::proportion;
use elate_domain::Timestamp;

use crate::change::series::{Row, Table, Told};
use crate::change::statistic::{Fit, Least, Ready};
use crate::change::{Finding, Scale, Scan, Shift, Side};
use crate::series::RateCell;
use crate::times::Moments;

/// Confidence of the intervals around a change.
const CONFIDENCE: f64 = 0.95;

/// The normal quantile of that confidence, both sides.
const WIDTH: f64 = 1.959_963_985;

/// A date is excluded at 95 % where its log-likelihood is lower by so much: `(1 − e^{−x})² = 0.95` (Yao 1987).
const EXCLUDED: f64 = 3.676;

/// A segment is named only where it explains more than everybody by this and twice the logarithm of the number of
/// segments, in variances of an observation: what the best of so many names explains by chance (risk inflation, Foster
/// & George 1994).
const FOR_A_NAME: f64 = 4.0;

/// One link of a search that changed.
pub(super) struct Part<'a> {
    pub(super) table: &'a Table,
    pub(super) scan: &'a Scan,
    pub(super) link: usize,
    pub(super) range: Range<usize>,
    pub(super) season: usize,
    pub(super) least: Least,
}

impl Part<'_> {
    /// The change. `significant` says which rows changed by themselves.
    pub(super) fn locate(&self, significant: &[bool], p_value: f64) -> Option<Finding> {
        let rows = self.table.links[self.link].rows.iter();
        let rows: Vec<Ready> = rows.map(|row| Ready::of(row, &self.range, self.season)).collect();
        let everybody = rows.first()?;
        let of_everybody = self.best(everybody)?;
        let noise = everybody.noise(&of_everybody);
        let (row, best) = self.for_whom(&rows, significant, of_everybody, noise)?;
        let named = &self.table.links[self.link].rows[row];
        let (earliest, latest) = self.dates(&rows[row], &best);
        let shift = self.shift(named, &rows[row], &best);
        let outside = self.outside(row, best.date);
        let is_same = |shift: &Shift| shift.effect_interval.contains(self.no_effect(named));
        let also = significant.iter().enumerate().filter(|(other, yes)| **yes && *other != row);
        Some(Finding {
            measure: self.table.links[self.link].measure.clone(),
            segment: named.segment.clone(),
            at: self.time(best.date),
            earliest: self.time(earliest),
            latest: self.time(latest),
            is_worse: shift.effect > self.no_effect(named),
            is_confined: outside.as_ref().map(is_same),
            shift,
            outside,
            also: also
                .filter_map(|(other, _)| self.table.links[self.link].rows[other].segment.clone())
                .collect(),
            p_value,
            compared: (self.time(0), self.time(self.range.len())),
        })
    }

    /// The row that explains most; everybody, unless a segment explains clearly more.
    fn for_whom(
        &self,
        rows: &[Ready],
        significant: &[bool],
        of_everybody: Fit,
        noise: f64,
    ) -> Option<(usize, Fit)> {
        let handicap = noise * (FOR_A_NAME + 2.0 * (rows.len() as f64).ln());
        let everybody = significant.first()?.then_some((0, of_everybody));
        let mut found = everybody;
        let mut highest = everybody.map_or(f64::NEG_INFINITY, |(_, best)| best.explained() + handicap);
        for (row, ready) in rows.iter().enumerate().skip(1).filter(|(row, _)| significant[*row]) {
            let Some(best) = self.best(ready) else { continue };
            if best.explained() > highest {
                highest = best.explained();
                found = Some((row, best));
            }
        }
        found
    }

    fn best(&self, ready: &Ready) -> Option<Fit> {
        let better = |a: Fit, b: Fit| if b.explained() > a.explained() { b } else { a };
        ready.fits(self.least).into_iter().reduce(better)
    }

    /// The dates that are not excluded.
    fn dates(&self, ready: &Ready, best: &Fit) -> (usize, usize) {
        let least = best.explained() - 2.0 * EXCLUDED * ready.noise(best);
        let fits = ready.fits(self.least);
        let dates = fits.iter().filter(|fit| fit.explained() >= least).map(|fit| fit.date);
        dates.fold((best.date, best.date), |(earliest, latest), date| (earliest.min(date), latest.max(date)))
    }

    fn shift(&self, row: &Row, ready: &Ready, fit: &Fit) -> Shift {
        let half = WIDTH * (ready.noise(fit) / fit.weight).sqrt();
        let interval = Interval::around(fit.step, half, CONFIDENCE);
        let (effect, effect_interval) = if self.is_ratio(row) {
            let ends = Interval { low: interval.low.exp2(), high: interval.high.exp2(), ..interval };
            (fit.step.exp2(), ends)
        } else {
            (fit.step, interval)
        };
        let middle = self.range.start + fit.date;
        Shift {
            before: side(&row.told, self.range.start..middle),
            after: side(&row.told, middle..self.range.end),
            effect,
            effect_interval,
        }
    }

    /// The same date for everybody who is not in the segment.
    fn outside(&self, row: usize, date: usize) -> Option<Shift> {
        let rows = &self.table.links[self.link].rows;
        let (everybody, named) = (rows.first()?, &rows[row]);
        named.segment.as_ref()?;
        let outside = everybody.without(named);
        let ready = Ready::of(&outside, &self.range, self.season);
        let fit = ready.fits(self.least).into_iter().find(|fit| fit.date == date)?;
        Some(self.shift(&outside, &ready, &fit))
    }

    fn is_ratio(&self, row: &Row) -> bool {
        matches!(row.told, Told::Gaps(_)) && self.scan.scale == Scale::Ratio
    }

    fn no_effect(&self, row: &Row) -> f64 {
        if self.is_ratio(row) { 1.0 } else { 0.0 }
    }

    fn time(&self, date: usize) -> Timestamp {
        let bucket = self.table.first + (self.range.start + date) as i64;
        Timestamp(bucket.saturating_mul(self.table.bucket_millis))
    }
}

impl Row {
    /// What is in this row and not in `part` of it.
    fn without(&self, part: &Self) -> Self {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).max(0.0)).collect();
        let told = match (&self.told, &part.told) {
            (Told::Gaps(all), Told::Gaps(part)) => {
                Told::Gaps(all.iter().zip(part).map(|(all, part)| less(all, part)).collect())
            }
            (Told::Rates(all), Told::Rates(part)) => Told::Rates(
                all.iter()
                    .zip(part)
                    .map(|(all, part)| RateCell {
                        departures: all.departures.saturating_sub(part.departures),
                        dropped: all.dropped.saturating_sub(part.dropped),
                    })
                    .collect(),
            ),
            _ => Told::Rates(Vec::new()),
        };
        Self {
            segment: None,
            counts: minus(&self.counts, &part.counts),
            sums: minus(&self.sums, &part.sums),
            told,
        }
    }
}

/// Sums without those of a part. The extremes stay, and are not used.
fn less(all: &Moments, part: &Moments) -> Moments {
    Moments {
        count: all.count.saturating_sub(part.count),
        sum: all.sum.saturating_sub(part.sum),
        squares: all.squares.saturating_sub(part.squares),
        ..*all
    }
}

fn side(told: &Told, range: Range<usize>) -> Side {
    match told {
        Told::Gaps(cells) => {
            let mut all = Moments::default();
            cells[range].iter().for_each(|cell| all.merge(cell));
            let sample = all.sample();
            Side { observations: all.count, mean: sample.mean, interval: sample.t_interval(CONFIDENCE) }
        }
        Told::Rates(cells) => {
            let cells = cells.get(range).unwrap_or_default();
            let departures: u64 = cells.iter().map(|cell| cell.departures).sum();
            let dropped: u64 = cells.iter().map(|cell| cell.dropped).sum();
            Side {
                observations: departures,
                mean: dropped as f64 / departures.max(1) as f64,
                interval: proportion::wilson(dropped, departures, CONFIDENCE),
            }
        }
    }
}
