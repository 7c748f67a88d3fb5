//! Company-level rates: wows, misery, recovery. Each comes with an interval, and small samples are flagged instead
//! of hidden.

use elate_domain::Outcome;
use serde::{Deserialize, Serialize};

use crate::habit::median;
use crate::interval::{Interval, gamma_quantile, half_alpha};
use crate::survey::proportion;

/// Below this many observations a figure is flagged as a small sample, unless it is set otherwise.
pub const SMALL_SAMPLE: u64 = 30;

const WEEK_MILLIS: f64 = 7.0 * 86_400_000.0;

/// A figure with its interval and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
    /// Observations behind it: customers, moments or cases.
    pub observations: u64,
    /// Whether they are too few to act on; see [`SMALL_SAMPLE`].
    pub small_sample: bool,
}

impl Figure {
    /// A figure; flagged where it rests on less than [`SMALL_SAMPLE`].
    pub fn new(value: f64, interval: Interval, observations: u64) -> Self {
        Self { value, interval, observations, small_sample: observations < SMALL_SAMPLE }
    }
}

/// Moments counted by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutcomeCounts {
    /// Wows.
    pub magical: u64,
    /// Neither.
    pub neutral: u64,
    /// Miserable moments.
    pub miserable: u64,
}

impl OutcomeCounts {
    /// Counts one moment.
    pub fn add(&mut self, outcome: Outcome) {
        *self.of_mut(outcome) += 1;
    }

    /// Takes one moment back (it was revised).
    pub fn remove(&mut self, outcome: Outcome) {
        let count = self.of_mut(outcome);
        *count = count.saturating_sub(1);
    }

    /// Both counts as one.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            magical: self.magical + other.magical,
            neutral: self.neutral + other.neutral,
            miserable: self.miserable + other.miserable,
        }
    }

    /// All moments.
    pub fn total(&self) -> u64 {
        self.magical + self.neutral + self.miserable
    }

    /// The share of miserable moments, with Wilson's interval.
    pub fn miserable_rate(&self, confidence: f64) -> Option<Figure> {
        share(self.miserable, self.total(), confidence)
    }

    fn of_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Magical => &mut self.magical,
            Outcome::Neutral => &mut self.neutral,
            Outcome::Miserable => &mut self.miserable,
        }
    }
}

/// Wows per 1,000 active customers a week.
///
/// `active_customers` were active within the period of `period_millis`. The interval is the exact one of a Poisson
/// count (Garwood 1936). `None` without active customers or time.
pub fn wow_rate(wows: u64, active_customers: u64, period_millis: i64, confidence: f64) -> Option<Figure> {
    if active_customers == 0 || period_millis <= 0 {
        return None;
    }
    let weeks = period_millis as f64 / WEEK_MILLIS;
    let unit = 1000.0 / (active_customers as f64 * weeks);
    let count = poisson_interval(wows, confidence)?;
    let interval = Interval { low: unit * count.low, high: unit * count.high, confidence };
    Some(Figure::new(unit * wows as f64, interval, active_customers))
}

/// The exact interval of a Poisson mean after a count (Garwood 1936).
pub fn poisson_interval(count: u64, confidence: f64) -> Option<Interval> {
    let tail = half_alpha(confidence)?;
    let low = if count == 0 { 0.0 } else { gamma_quantile(count as f64, tail)? };
    let high = gamma_quantile(count as f64 + 1.0, 1.0 - tail)?;
    Some(Interval { low, high, confidence })
}

/// A share with Wilson's interval: customers with a wow in 30 days, promises kept of those due, …
pub fn share(hits: u64, of: u64, confidence: f64) -> Option<Figure> {
    let interval = proportion::wilson(hits, of, confidence)?;
    Some(Figure::new(hits as f64 / of as f64, interval, of))
}

/// Recovery cases counted by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaseCounts {
    /// Ended well.
    pub recovered: u64,
    /// Miserable again within the window.
    pub relapsed: u64,
    /// Nothing good came within the window.
    pub lost: u64,
    /// Not ended yet; they take no part in the rates.
    pub open: u64,
}

impl CaseCounts {
    /// Cases that have ended.
    pub fn ended(&self) -> u64 {
        self.recovered + self.relapsed + self.lost
    }

    /// The share of ended cases that recovered, with Wilson's interval.
    pub fn recovery_rate(&self, confidence: f64) -> Option<Figure> {
        share(self.recovered, self.ended(), confidence)
    }

    /// The share of ended cases that relapsed, with Wilson's interval.
    pub fn relapse_rate(&self, confidence: f64) -> Option<Figure> {
        share(self.relapsed, self.ended(), confidence)
    }
}

/// How long recoveries took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecoveryTime {
    /// The median, with a distribution-free interval from order statistics.
    pub median: Figure,
    /// The mean.
    pub mean: f64,
    /// Nine of ten took no longer (nearest rank).
    pub p90: f64,
}

/// Summarises the durations of recovered cases in milliseconds; `None` without any. Sorts in place.
pub fn recovery_time(durations: &mut [f64], confidence: f64) -> Option<RecoveryTime> {
    let centre = median(durations)?;
    let n = durations.len();
    let interval = median_interval(durations, confidence)?;
    let rank = (0.9 * n as f64).ceil() as usize;
    Some(RecoveryTime {
        median: Figure::new(centre, interval, n as u64),
        mean: durations.iter().sum::<f64>() / n as f64,
        p90: durations[rank.clamp(1, n) - 1],
    })
}

/// An interval for the median of sorted numbers from order statistics: the narrowest symmetric pair of ranks that
/// covers at least `confidence` under Binomial(n, ½), or the whole range where even that covers less.
fn median_interval(sorted: &[f64], confidence: f64) -> Option<Interval> {
    let tail = half_alpha(confidence)?;
    let n = sorted.len();
    // P(fewer than r of n fall below the median) = Σ_{k<r} C(n,k)/2^n, summed in logarithms.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut below = 0.0;
    let mut rank = 0;
    while rank < n / 2 {
        below += log_term.exp();
        if below > tail {
            break;
        }
        log_term += ((n - rank) as f64 / (rank + 1) as f64).ln();
        rank += 1;
    }
    // Rank 0 covers too little at any n this small: the whole range is the best that can be said.
    let rank = rank.max(1);
    Some(Interval { low: *sorted.get(rank - 1)?, high: *sorted.get(n - rank)?, confidence })
}
