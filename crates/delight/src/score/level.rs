//! A customer's whole past as two sums: delight at any later time, its interval, and when it will cross a line.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::DelightParams;
use crate::interval::{Interval, beta_quantile, half_alpha};

/// The sums of the formula at the newest moment. All of them fade alike from there on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Level {
    /// Time of the newest moment; the sums are as of here.
    pub at: Timestamp,
    /// `A + p(P⁺ + P⁻) + qX`.
    pub numerator: f64,
    /// `M + p(P⁺ − P⁻) + qY`: the denominator without `k`.
    pub mass: f64,
    /// `S = Σ w d`.
    pub weight: f64,
    /// `Σ (w d)²`.
    pub weight_squared: f64,
}

/// Which way a score crosses a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From at or above the line to below it.
    Below,
    /// From below the line to at or above it.
    Above,
}

impl Direction {
    /// The direction from one score to another across `threshold`; `None` if they are on the same side. A score
    /// that equals the threshold counts as above.
    pub fn of(before: f64, after: f64, threshold: f64) -> Option<Self> {
        match (before >= threshold, after >= threshold) {
            (true, false) => Some(Self::Below),
            (false, true) => Some(Self::Above),
            (true, true) | (false, false) => None,
        }
    }

    /// `below` or `above`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

/// A crossing that decay alone will cause, if nothing happens until then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// The first millisecond on the other side.
    pub at: Timestamp,
    /// The line.
    pub threshold: f64,
    /// Which way.
    pub direction: Direction,
}

impl Level {
    /// Delight at `t`, strictly between 0 and 100. Before the newest moment, the level at that moment: the past is
    /// [`super::batch`]'s business.
    pub fn delight(&self, params: &DelightParams, t: Timestamp) -> f64 {
        let fade = params.decay(t.millis_since(self.at));
        50.0 + 50.0 * fade * self.numerator / (params.prior + fade * self.mass)
    }

    /// The denominator at `t`, with `k`.
    pub(crate) fn denominator(&self, params: &DelightParams, t: Timestamp) -> f64 {
        params.prior + params.decay(t.millis_since(self.at)) * self.mass
    }

    /// How many moments the level rests on at `t`: `min(S, S² / Σ (w d)²)`, the smaller of what is left of them and
    /// the effective sample size (Kish 1965).
    pub fn effective_moments(&self, params: &DelightParams, t: Timestamp) -> f64 {
        if self.weight_squared <= 0.0 {
            return 0.0;
        }
        // The effective sample size is a ratio in which the fading cancels.
        let left = params.decay(t.millis_since(self.at)) * self.weight;
        left.min(self.weight * self.weight / self.weight_squared)
    }

    /// An interval for the customer's long-run level: quantiles of `100·Beta(ν(1+b)/2, ν(1−b)/2)` with
    /// `b = (D − 50)/50` and `ν = n + 2`. It widens as time passes.
    ///
    /// `None` unless `0 < confidence < 1`.
    pub fn interval(&self, params: &DelightParams, t: Timestamp, confidence: f64) -> Option<Interval> {
        let tail = half_alpha(confidence)?;
        let b = (self.delight(params, t) - 50.0) / 50.0;
        let nu = self.effective_moments(params, t) + 2.0;
        let (up, down) = (nu * (1.0 + b) / 2.0, nu * (1.0 - b) / 2.0);
        let low = 100.0 * beta_quantile(up, down, tail)?;
        let high = 100.0 * beta_quantile(up, down, 1.0 - tail)?;
        Some(Interval { low, high, confidence })
    }

    /// The first of `thresholds` that decay alone will cross after `t`, and when. Scores fade towards 50 and never
    /// reach it, so only lines strictly between 50 and the score can be crossed (and a score that stands exactly on
    /// a line above 50 leaves it at once).
    pub fn next_crossing(
        &self,
        params: &DelightParams,
        t: Timestamp,
        thresholds: &[f64],
    ) -> Option<Crossing> {
        let now = self.delight(params, t);
        let mut next: Option<Crossing> = None;
        for &threshold in thresholds {
            let ahead = if now > 50.0 {
                threshold > 50.0 && threshold <= now
            } else {
                threshold < 50.0 && threshold > now
            };
            if !ahead {
                continue;
            }
            let Some(at) = self.crosses(params, t, threshold) else { continue };
            if next.is_none_or(|held| at < held.at) {
                let direction = if now > 50.0 { Direction::Below } else { Direction::Above };
                next = Some(Crossing { at, threshold, direction });
            }
        }
        next
    }

    /// The first millisecond after `t` at which decay has taken the score across `threshold`.
    fn crosses(&self, params: &DelightParams, t: Timestamp, threshold: f64) -> Option<Timestamp> {
        let b = (threshold - 50.0) / 50.0;
        // D(t) = threshold, solved for the fading 2^(−Δ/h).
        let fade = params.prior * b / (self.numerator - b * self.mass);
        if !(fade > 0.0 && fade <= 1.0) {
            return None;
        }
        let wait = -fade.log2() * params.half_life_millis as f64;
        let from = self.at.max(t);
        let start = self.delight(params, t) >= threshold;
        let crossed = |at: Timestamp| (self.delight(params, at) >= threshold) != start;
        let mut at = self.at.plus_millis(wait.floor() as i64).max(from);
        // The closed form is off by its rounding only: a few steps settle the exact millisecond.
        for _ in 0..64 {
            if crossed(at) {
                return Some(at);
            }
            at = at.plus_millis(1);
        }
        // So flat a slope that a millisecond is below the precision of the score: any later time will do.
        self.crosses_by_bisection(&crossed, at)
    }

    fn crosses_by_bisection(
        &self,
        crossed: &dyn Fn(Timestamp) -> bool,
        from: Timestamp,
    ) -> Option<Timestamp> {
        let mut step: i64 = 1024;
        while !crossed(from.plus_millis(step)) {
            step = step.checked_mul(2)?;
        }
        let (mut low, mut high) = (from.0, from.0.saturating_add(step));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if crossed(Timestamp(middle)) { high = middle } else { low = middle }
        }
        Some(Timestamp(high))
    }
}
