//! The score from scratch: at any time, with every moment's part in it.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::params::Worth;
use super::{DelightParams, Level, Moment, end};
use crate::interval::Interval;

/// One moment's part in a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The moment.
    pub id: String,
    /// When it was.
    pub at: Timestamp,
    /// Its gap.
    pub gap: f64,
    /// Its weight.
    pub weight: f64,
    /// How much of it is left, `d`.
    pub decay: f64,
    /// Points from its own term.
    pub own: f64,
    /// Points from being the best or the worst.
    pub peak: f64,
    /// Points from being the latest.
    pub end: f64,
    /// All its points: the sum of the three, with the sign of its value.
    pub points: f64,
}

/// A score taken apart. The points of the contributions add up to `delight − 50`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The score.
    pub delight: f64,
    /// When.
    pub at: Timestamp,
    /// In order of time, one for each moment up to `at`.
    pub contributions: Vec<Contribution>,
}

impl Explanation {
    /// The `count` contributions that moved the score most, strongest first; ties in order of time.
    pub fn strongest(&self, count: usize) -> Vec<&Contribution> {
        let mut order: Vec<&Contribution> = self.contributions.iter().collect();
        order.sort_by(|a, b| b.points.abs().total_cmp(&a.points.abs()));
        order.truncate(count);
        order
    }
}

/// What the score would be if a moment had been neutral.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lever {
    /// The moment.
    pub id: String,
    /// The score with this moment at a gap of 0.
    pub delight: f64,
    /// How much higher that is than the score as it stands.
    pub gain: f64,
}

/// Delight at `t` over the moments up to `t`, in any order. Without moments it is 50.
pub fn score(params: &DelightParams, moments: &[Moment], t: Timestamp) -> f64 {
    level(params, moments, t).delight(params, t)
}

/// The sums over the moments up to `t`, as of the newest of them.
pub fn level(params: &DelightParams, moments: &[Moment], t: Timestamp) -> Level {
    Parts::of(params, &known(moments, t)).level(params)
}

/// An interval for the customer's long-run level at `t`; see [`Level::interval`].
pub fn interval(
    params: &DelightParams,
    moments: &[Moment],
    t: Timestamp,
    confidence: f64,
) -> Option<Interval> {
    level(params, moments, t).interval(params, t, confidence)
}

/// Takes the score at `t` apart: each moment's share of the numerator × 50 / denominator.
pub fn explain(params: &DelightParams, moments: &[Moment], t: Timestamp) -> Explanation {
    let known = known(moments, t);
    let parts = Parts::of(params, &known);
    let level = parts.level(params);
    let fade = params.decay(t.millis_since(level.at));
    let scale = fade * 50.0 / level.denominator(params, t);
    let mut contributions = Vec::with_capacity(parts.moments.len());
    for (place, moment) in parts.moments.iter().enumerate() {
        let own = scale * parts.own(place);
        let peak = scale * parts.peak(params, place);
        let end = scale * parts.end(params, place);
        contributions.push(Contribution {
            id: moment.id.clone(),
            at: moment.at,
            gap: moment.gap,
            weight: moment.weight,
            decay: params.decay(t.millis_since(moment.at)),
            own,
            peak,
            end,
            points: own + peak + end,
        });
    }
    Explanation { delight: level.delight(params, t), at: t, contributions }
}

/// The score at `t` as if the moment had never been: recomputed, since peaks and the end pass to others.
pub fn without(params: &DelightParams, moments: &[Moment], t: Timestamp, id: &str) -> f64 {
    let rest: Vec<Moment> = moments.iter().filter(|m| m.id != id).cloned().collect();
    score(params, &rest, t)
}

/// The score at `t` as if the moments that `select` picks had been neutral (gap 0).
pub fn if_neutral(
    params: &DelightParams,
    moments: &[Moment],
    t: Timestamp,
    select: impl Fn(&Moment) -> bool,
) -> f64 {
    let mut changed = moments.to_vec();
    for moment in &mut changed {
        if select(moment) {
            moment.gap = 0.0;
        }
    }
    score(params, &changed, t)
}

/// The moments whose being neutral would raise the score most, best first, at most `count`; ties in order of time.
pub fn levers(params: &DelightParams, moments: &[Moment], t: Timestamp, count: usize) -> Vec<Lever> {
    let known = known(moments, t);
    let now = score(params, &known, t);
    let mut levers = Vec::new();
    for moment in known.iter().filter(|m| m.gap < 0.0) {
        let delight = if_neutral(params, &known, t, |m| m.id == moment.id);
        if delight > now {
            levers.push(Lever { id: moment.id.clone(), delight, gain: delight - now });
        }
    }
    levers.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    levers.truncate(count);
    levers
}

/// The moments up to `t` in order of time.
fn known(moments: &[Moment], t: Timestamp) -> Vec<Moment> {
    let mut known: Vec<Moment> = moments.iter().filter(|m| m.at <= t).cloned().collect();
    known.sort_by(Moment::order);
    known
}

/// The terms of the formula, each as of the newest moment.
struct Parts<'a> {
    moments: &'a [Moment],
    worths: Vec<Worth>,
    /// `w d` of each moment.
    weights: Vec<f64>,
    decays: Vec<f64>,
    ends: Vec<f64>,
    best: Option<usize>,
    worst: Option<usize>,
    at: Timestamp,
}

impl<'a> Parts<'a> {
    fn of(params: &DelightParams, moments: &'a [Moment]) -> Self {
        let at = moments.last().map_or_else(Timestamp::default, |m| m.at);
        let worths: Vec<Worth> = moments.iter().map(|m| params.worth(m.gap)).collect();
        let decays: Vec<f64> = moments.iter().map(|m| params.decay(at.millis_since(m.at))).collect();
        let weights: Vec<f64> = moments.iter().zip(&decays).map(|(m, d)| m.counted_weight() * d).collect();
        let ends = end::shares(moments, None).moments;
        let mut parts = Self { moments, worths, weights, decays, ends, best: None, worst: None, at };
        parts.find_peaks();
        parts
    }

    /// The best and the worst; on a tie the one with the lower offset, which is found by never replacing an equal.
    fn find_peaks(&mut self) {
        let mut places: Vec<usize> = (0..self.moments.len()).collect();
        places.sort_by_key(|&place| self.moments[place].offset);
        for place in places {
            let term = self.own(place);
            if term > self.best.map_or(0.0, |held| self.own(held)) {
                self.best = Some(place);
            }
            if term < self.worst.map_or(0.0, |held| self.own(held)) {
                self.worst = Some(place);
            }
        }
    }

    /// `w d v`
    fn own(&self, place: usize) -> f64 {
        self.weights[place] * self.worths[place].value
    }

    /// The moment's part of `p(P⁺ + P⁻)`.
    fn peak(&self, params: &DelightParams, place: usize) -> f64 {
        let is_peak = self.best == Some(place) || self.worst == Some(place);
        if is_peak { params.peak * self.own(place) } else { 0.0 }
    }

    /// The moment's part of `qX`.
    fn end(&self, params: &DelightParams, place: usize) -> f64 {
        params.end * self.ends[place] * self.decays[place] * self.worths[place].end
    }

    fn level(&self, params: &DelightParams) -> Level {
        let mut level = Level { at: self.at, ..Level::default() };
        for place in 0..self.moments.len() {
            let weight = self.weights[place];
            let worth = &self.worths[place];
            let peak = self.peak(params, place);
            level.numerator += self.own(place) + peak + self.end(params, place);
            level.mass += weight * worth.mass + peak.abs();
            level.mass += params.end * self.ends[place] * self.decays[place] * worth.end_mass();
            level.weight += weight;
            level.weight_squared += weight * weight;
        }
        level
    }
}
