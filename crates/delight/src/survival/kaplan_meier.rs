//! The share of customers who stay, over time.

use serde::{Deserialize, Serialize};

use super::{Observation, RiskSet, event_times, sound};
use crate::interval::{Interval, half_alpha, z};

/// The curve at a time at which somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The time, in the unit of the observations.
    pub time: f64,
    /// Customers under observation just before.
    pub at_risk: u64,
    /// Those who left at this time.
    pub left: u64,
    /// The share that stays beyond this time, 0…1.
    pub survival: f64,
    /// Greenwood's sum `Σ d/(n (n − d))` up to here: the variance of `ln survival`. The step at which the last ones
    /// leave, where that is infinite, adds nothing.
    pub greenwood: f64,
}

/// The curve at any time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The share that stays beyond this time, 0…1.
    pub survival: f64,
    /// Its interval.
    pub interval: Interval,
    /// Customers still under observation.
    pub at_risk: u64,
}

/// A mean that is cut off, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RestrictedMean {
    /// The mean time until leaving or the horizon, whichever comes first.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `mean ± z · standard error`, within 0…horizon.
    pub interval: Interval,
}

/// The product-limit estimate of Kaplan & Meier 1958.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KaplanMeier {
    steps: Vec<Step>,
    /// Times until which customers were observed, ascending, less those of later entry: for `at_risk` anywhere.
    exits: Vec<f64>,
    entries: Vec<f64>,
    observations: u64,
}

impl KaplanMeier {
    /// The curve of these observations; those without any length are left out. `None` without observations.
    pub fn of(observations: &[Observation]) -> Option<Self> {
        let observations = sound(observations);
        if observations.is_empty() {
            return None;
        }
        let risk = RiskSet::of(&observations);
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let mut steps = Vec::new();
        for time in event_times(observations.iter()) {
            let (at_risk, left) = (risk.at_risk(time), risk.leaving(time));
            let (n, d) = (at_risk as f64, left as f64);
            survival *= (n - d) / n;
            greenwood += if at_risk > left { d / (n * (n - d)) } else { 0.0 };
            steps.push(Step { time, at_risk, left, survival, greenwood });
        }
        let RiskSet { entries, exits, .. } = risk;
        Some(Self { steps, exits, entries, observations: observations.len() as u64 })
    }

    /// The curve where it falls.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Customers behind it.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Those of them who left.
    pub fn left(&self) -> u64 {
        self.steps.iter().map(|step| step.left).sum()
    }

    /// The last time at which anybody was observed.
    pub fn last_time(&self) -> f64 {
        self.exits.last().copied().unwrap_or(0.0)
    }

    /// The curve at `time`, with the interval on the scale of `ln(−ln S)` (Kalbfleisch & Prentice 1980), which stays
    /// within 0…1. `None` beyond the last observation unless everybody had left: nothing is known there.
    ///
    /// Where nobody has left yet that scale says nothing; the lower end is then that of Clopper & Pearson for no
    /// event among those still observed. Where everybody has left, the upper end is that of the step before.
    pub fn at(&self, time: f64, confidence: f64) -> Option<Point> {
        let known = self.steps.partition_point(|step| step.time <= time);
        let last = known.checked_sub(1).and_then(|place| self.steps.get(place));
        let gone = last.is_some_and(|step| step.survival <= 0.0);
        if !gone && time > self.last_time() {
            return None;
        }
        let at_risk = self.at_risk(time);
        let survival = last.map_or(1.0, |step| step.survival);
        let interval = match last {
            None => {
                let low = half_alpha(confidence)?.powf(1.0 / at_risk.max(1) as f64);
                Interval { low, high: 1.0, confidence }
            }
            Some(_) if gone => {
                let before = known.checked_sub(2).and_then(|place| self.steps.get(place));
                let high = before.map_or(Some(1.0), |step| log_log(step, confidence).map(|i| i.high))?;
                Interval { low: 0.0, high, confidence }
            }
            Some(step) => log_log(step, confidence)?,
        };
        Some(Point { survival, interval, at_risk })
    }

    /// The first time by which at least half have left; `None` if that was not seen.
    pub fn median(&self) -> Option<f64> {
        self.steps.iter().find(|step| step.survival <= 0.5).map(|step| step.time)
    }

    /// The mean time a customer stays within `horizon`: the area under the curve (Royston & Parmar 2013), with the
    /// variance `Σ (area beyond the step)² d/(n (n − d))`. `None` for a horizon that is not above 0 or lies beyond
    /// what was observed.
    pub fn restricted_mean(&self, horizon: f64, confidence: f64) -> Option<RestrictedMean> {
        let all_gone = self.steps.last().is_some_and(|step| step.survival <= 0.0);
        if horizon.is_nan() || horizon <= 0.0 || (horizon > self.last_time() && !all_gone) {
            return None;
        }
        let within = self.steps.partition_point(|step| step.time < horizon);
        let steps = self.steps.get(..within)?;
        // From the right: the area beyond each step, and with it the variance.
        let (mut area, mut variance, mut end) = (0.0, 0.0, horizon);
        for step in steps.iter().rev() {
            area += step.survival * (end - step.time);
            end = step.time;
            let (n, d) = (step.at_risk as f64, step.left as f64);
            if n > d {
                variance += area * area * d / (n * (n - d));
            }
        }
        let mean = area + end;
        let standard_error = variance.sqrt();
        let interval =
            Interval::around(mean, z(confidence)? * standard_error, confidence).clipped(0.0, horizon);
        Some(RestrictedMean { mean, standard_error, interval })
    }

    /// Still under observation after `time`.
    fn at_risk(&self, time: f64) -> u64 {
        let entered = self.entries.partition_point(|entry| *entry <= time);
        let gone = self.exits.partition_point(|exit| *exit <= time);
        (entered - gone) as u64
    }
}

/// `S^exp(± z √greenwood / ln S)`.
fn log_log(step: &Step, confidence: f64) -> Option<Interval> {
    let width = z(confidence)? * step.greenwood.sqrt() / -step.survival.ln();
    let (low, high) = (step.survival.powf(width.exp()), step.survival.powf((-width).exp()));
    Some(Interval { low, high, confidence })
}
