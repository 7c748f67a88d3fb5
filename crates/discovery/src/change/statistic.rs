//! The statistic of one series: cumulative sums, at every date and in parts of every length.

use std::ops::Range;

use crate::change::series::Row;

/// Shorter parts are not looked at: their statistic cannot be high.
const SHORTEST_PART: usize = 8;

/// A row within a range of buckets, made ready for the statistic.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) counts: Vec<f64>,
    /// Sums without what the mean of their phase would make.
    pub(super) rest: Vec<f64>,
    /// All observations.
    pub(super) total: f64,
    /// How many phases the season has.
    phases: usize,
    /// All observations of each phase.
    of_phase: Vec<f64>,
}

/// A change at a date, fitted beside the season by least squares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    /// Buckets before it.
    pub(super) date: usize,
    /// The level after it less the level before.
    pub(super) step: f64,
    /// How many observations the step is known from: its variance is that of one observation divided by this.
    pub(super) weight: f64,
}

impl Fit {
    /// How much of the squares it explains.
    pub(super) fn explained(&self) -> f64 {
        self.step * self.step * self.weight
    }
}

/// Where a side of a change would be too small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    pub(super) buckets: usize,
    pub(super) observations: f64,
}

/// The highest statistic of a row, and the date where it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peak {
    pub(super) statistic: f64,
    pub(super) date: usize,
}

/// Sums over the buckets before each date.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    count: f64,
    rest: f64,
    /// Of squares and products, for the variance of any part.
    count_squares: f64,
    products: f64,
    rest_squares: f64,
}

/// Room for sums, used again for each row and order.
#[derive(Debug, Default)]
pub(super) struct Sums(Vec<Before>);

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
        let of_phase = means.into_iter().map(|(count, _)| count).collect();
        Self { counts, rest, total, phases, of_phase }
    }

    /// The fit of a change at each date that leaves enough on both sides.
    pub(super) fn fits(&self, least: Least) -> Vec<Fit> {
        let mut before = vec![0.0; self.phases];
        let (mut sum, mut count) = (0.0, 0.0);
        let mut fits = Vec::new();
        for (place, (observed, rest)) in self.counts.iter().zip(&self.rest).enumerate() {
            before[place % self.phases] += observed;
            sum += rest;
            count += observed;
            let date = place + 1;
            let is_inside = date >= least.buckets && date + least.buckets <= self.counts.len();
            let enough = count >= least.observations && self.total - count >= least.observations;
            // What the season explains of a step is no longer there to be seen.
            let phases = before.iter().zip(&self.of_phase).filter(|(_, all)| **all > 0.0);
            let weight: f64 = phases.map(|(before, all)| before * (all - before) / all).sum();
            if is_inside && enough && weight > 0.0 {
                fits.push(Fit { date, step: -sum / weight, weight });
            }
        }
        fits
    }

    /// The variance of one observation when the change is taken out, between buckets: days that differ as a whole
    /// count as few observations.
    pub(super) fn noise(&self, fit: &Fit) -> f64 {
        let mut after = vec![0.0; self.phases];
        for (place, count) in self.counts.iter().enumerate().skip(fit.date) {
            after[place % self.phases] += count;
        }
        let mut squares = 0.0;
        let mut buckets = 0.0_f64;
        for (place, (count, rest)) in self.counts.iter().zip(&self.rest).enumerate() {
            if *count <= 0.0 {
                continue;
            }
            let phase = place % self.phases;
            let step = if place < fit.date { 0.0 } else { 1.0 } - after[phase] / self.of_phase[phase];
            squares += (rest - count * fit.step * step).powi(2);
            buckets += 1.0;
        }
        let free = (buckets - 1.0 - self.phases as f64).max(1.0);
        // Where the change explains all there is, some noise must be left to divide by.
        (squares / self.total * buckets / free).max(f64::MIN_POSITIVE)
    }

    /// The highest statistic of all parts and dates, with the buckets in this order.
    pub(super) fn peak(
        &self,
        order: &[usize],
        parts: &[Range<usize>],
        least: Least,
        Sums(sums): &mut Sums,
    ) -> Peak {
        sums.clear();
        let mut before = Before::default();
        sums.push(before);
        for bucket in order {
            let (count, rest) = (self.counts[*bucket], self.rest[*bucket]);
            before.count += count;
            before.rest += rest;
            before.count_squares += count * count;
            before.products += count * rest;
            before.rest_squares += rest * rest;
            sums.push(before);
        }
        let mut peak = Peak::default();
        for part in parts {
            let found = peak_of_part(sums, part, least);
            if found.statistic > peak.statistic {
                peak = found;
            }
        }
        peak
    }
}

fn peak_of_part(sums: &[Before], part: &Range<usize>, least: Least) -> Peak {
    let (begin, end) = (&sums[part.start], &sums[part.end]);
    let total = end.count - begin.count;
    let mut peak = Peak::default();
    if total < 2.0 * least.observations || total <= 0.0 {
        return peak;
    }
    // Deviations are from the mean of the part, so that changes elsewhere do not matter here.
    let mean = (end.rest - begin.rest) / total;
    let squares = (end.rest_squares - begin.rest_squares) - 2.0 * mean * (end.products - begin.products)
        + mean * mean * (end.count_squares - begin.count_squares);
    // What is left of equal numbers by rounding is no variance.
    if squares <= 1e-12 * end.rest_squares {
        return peak;
    }
    let dates = part.start + least.buckets..=part.end - least.buckets;
    for (date, before) in dates.clone().zip(&sums[dates]) {
        let count = before.count - begin.count;
        let after = total - count;
        if count < least.observations || after < least.observations || count <= 0.0 || after <= 0.0 {
            continue;
        }
        let sum = before.rest - begin.rest - count * mean;
        let statistic = sum * sum * total / (count * after);
        if statistic > peak.statistic {
            peak = Peak { statistic, date };
        }
    }
    peak.statistic *= total / squares;
    peak
}

/// Parts of all lengths, each layer shorter by √2 and overlapping by half: a change that another one would hide has a
/// part of its own (seeded intervals; Kovács, Bühlmann, Li & Munk 2023).
pub(super) fn parts(buckets: usize, least: Least) -> Vec<Range<usize>> {
    let shortest = SHORTEST_PART.max(2 * least.buckets);
    let mut parts = Vec::from([Range { start: 0, end: buckets }]);
    let mut length = buckets as f64 / std::f64::consts::SQRT_2;
    while length >= shortest as f64 {
        let whole = length.ceil() as usize;
        let count = (2.0 * buckets as f64 / length).ceil() as usize - 1;
        for place in 0..count {
            let begin = (buckets - whole) * place / (count - 1).max(1);
            parts.push(begin..begin + whole);
        }
        length /= std::f64::consts::SQRT_2;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{Least, parts};

    #[test]
    fn every_stretch_has_a_part_of_about_its_length() {
        let least = Least { buckets: 2, observations: 0.0 };
        for buckets in [4, 8, 28, 90, 365] {
            let parts = parts(buckets, least);
            assert!(parts.iter().all(|part| part.end <= buckets && part.len() >= 8.min(buckets)));
            for length in (24..=buckets).step_by(5) {
                for begin in (0..=buckets - length).step_by(3) {
                    let is_inside = |part: &&std::ops::Range<usize>| {
                        part.start >= begin && part.end <= begin + length && part.len() * 3 >= length
                    };
                    assert!(parts.iter().any(|part| is_inside(&part)), "{buckets}: {begin} + {length}");
                }
            }
        }
    }
}
