//! The score carried along, moment by moment.
//!
//! The state keeps the most recent moments one by one and folds older ones into sums. Peaks fade like everything
//! else, so which moment is the best never changes by time alone: one number each is enough. What folding loses is
//! the ability to take a folded moment back (its revision, or its part in the end when something older arrives
//! late); the state knows when that would matter and asks for a rebuild instead of being a little wrong.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::end::{self, Base};
use super::level::Crossing;
use super::{DelightParams, Level, Moment};
use crate::interval::Interval;

/// What became of a moment that was given to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "after NeedsRebuild the state has to be rebuilt from the stored moments"]
pub enum Applied {
    /// It counts from now on.
    Added,
    /// It replaced an earlier judgement under the same id.
    Revised,
    /// The state alone cannot take it in exactly: it revises a folded moment, or it is so late that the end of the
    /// story may have to be told anew. Rebuild from all stored moments, this one included. The state is unchanged
    /// where a revision was refused, and otherwise exact but for the end.
    NeedsRebuild,
}

/// A customer's score between moments: at most [`DelightParams::recent`] moments and a dozen numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DelightState {
    /// Older moments, summed up.
    folded: Folded,
    /// Recent moments in order of time, none older than the newest folded one.
    recent: Vec<Moment>,
}

/// Moments that are too old to be kept one by one, as sums under one formula. All sums are as of `at`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Folded {
    count: u64,
    /// The newest instant among them.
    at: Timestamp,
    numerator: f64,
    mass: f64,
    weight: f64,
    weight_squared: f64,
    best: f64,
    worst: f64,
    /// Sums over the newest instant: `Σ w`, `Σ w e`, `Σ w max(1, |e|)`.
    last: EndSums,
    /// The end as the instants before that make it, as of `at`; its weight is not used.
    before: EndSums,
    /// A late arrival made `before` wrong.
    before_lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct EndSums {
    weight: f64,
    value: f64,
    mass: f64,
}

impl EndSums {
    fn add(&mut self, part: f64, other: Self) {
        self.weight += part * other.weight;
        self.value += part * other.value;
        self.mass += part * other.mass;
    }

    fn scaled(self, factor: f64) -> Self {
        Self { weight: factor * self.weight, value: factor * self.value, mass: factor * self.mass }
    }
}

impl Folded {
    /// Sums over these moments, in any order, each id once.
    pub fn over(params: &DelightParams, moments: &[Moment]) -> Self {
        let mut ordered: Vec<&Moment> = moments.iter().collect();
        ordered.sort_by(|a, b| a.order(b));
        let mut folded = Self::default();
        ordered.into_iter().for_each(|moment| folded.add(params, moment));
        folded
    }

    /// Takes one more moment in. `NeedsRebuild` where the end of earlier instants is lost by it.
    fn add(&mut self, params: &DelightParams, moment: &Moment) {
        self.count += 1;
        let weight = moment.counted_weight();
        if weight <= 0.0 {
            return;
        }
        let is_first = self.weight_squared <= 0.0;
        if is_first || moment.at > self.at {
            self.advance(params, moment.at, is_first);
        }
        let worth = params.worth(moment.gap);
        let faded = weight * params.decay(self.at.millis_since(moment.at));
        self.numerator += faded * worth.value;
        self.mass += faded * worth.mass;
        self.weight += faded;
        self.weight_squared += faded * faded;
        self.best = self.best.max(faded * worth.value);
        self.worst = self.worst.min(faded * worth.value);
        if moment.at == self.at {
            let end = EndSums { weight: 1.0, value: worth.end, mass: worth.end_mass() };
            self.last.add(weight, end);
        } else {
            self.before_lost = true;
        }
    }

    /// Moves the reference forward to a newer instant, which begins empty.
    fn advance(&mut self, params: &DelightParams, at: Timestamp, is_first: bool) {
        let fade = if is_first { 1.0 } else { params.decay(at.millis_since(self.at)) };
        let mut before = self.last.scaled(1.0 / self.last.weight.max(1.0));
        let rest = end::remainder(1.0, self.last.weight);
        before.add(rest, self.before);
        self.before_lost &= rest > 0.0;
        self.before = before.scaled(fade);
        self.last = EndSums::default();
        self.fade(fade);
        self.at = at;
    }

    fn fade(&mut self, fade: f64) {
        self.numerator *= fade;
        self.mass *= fade;
        self.weight *= fade;
        self.weight_squared *= fade * fade;
        self.best *= fade;
        self.worst *= fade;
    }

    fn is_empty(&self) -> bool {
        self.weight_squared <= 0.0
    }

    fn base(&self) -> Option<Base> {
        (!self.is_empty()).then_some(Base { at: self.at, weight: self.last.weight })
    }

    /// Both pasts as one. Where both have instants of their own, their order in the end is lost.
    fn merge(mut self, params: &DelightParams, mut other: Self) -> Self {
        let count = self.count + other.count;
        if self.is_empty() || other.is_empty() {
            let kept = if self.is_empty() { other } else { self };
            return Self { count, ..kept };
        }
        if other.at > self.at {
            std::mem::swap(&mut self, &mut other);
        }
        if other.at == self.at {
            self.last.add(1.0, other.last);
        }
        other.fade(params.decay(self.at.millis_since(other.at)));
        self.count = count;
        self.numerator += other.numerator;
        self.mass += other.mass;
        self.weight += other.weight;
        self.weight_squared += other.weight_squared;
        self.best = self.best.max(other.best);
        self.worst = self.worst.min(other.worst);
        self.before_lost = true;
        self
    }
}

impl DelightState {
    /// A customer without any moment: delight 50.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state after all of `moments`, in any order; of several under one id the last one counts.
    pub fn rebuild(params: &DelightParams, moments: &[Moment]) -> Self {
        let mut latest: Vec<&Moment> = moments.iter().collect();
        // Stable, so that of equal ids the last stays last.
        latest.sort_by(|a, b| a.id.cmp(&b.id));
        let mut kept: Vec<&Moment> = Vec::with_capacity(latest.len());
        for moment in latest {
            match kept.last_mut() {
                Some(held) if held.id == moment.id => *held = moment,
                _ => kept.push(moment),
            }
        }
        kept.sort_by(|a, b| a.order(b));
        let mut state = Self::new();
        for moment in kept {
            state.insert(params, moment.clone());
        }
        state
    }

    /// Takes a judged moment in. `revision` is 0 for the first judgement under this id; an id that is still held is
    /// replaced in any case.
    pub fn apply(&mut self, params: &DelightParams, moment: Moment, revision: u32) -> Applied {
        let held = self.recent.iter().position(|m| m.id == moment.id);
        let result = match held {
            Some(place) => {
                self.recent.remove(place);
                Applied::Revised
            }
            None if revision > 0 && self.folded.count > 0 => return Applied::NeedsRebuild,
            None => Applied::Added,
        };
        self.insert(params, moment);
        if self.is_exact() { result } else { Applied::NeedsRebuild }
    }

    /// Takes a moment back (its promise was withdrawn). `false` if it is not among the recent ones: rebuild without
    /// it.
    #[must_use = "where it returns false the state has to be rebuilt"]
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.recent.len();
        self.recent.retain(|m| m.id != id);
        self.recent.len() < before && self.is_exact()
    }

    /// Joins the past of another customer into this one's (identity merge). `NeedsRebuild` where the two histories
    /// interleave in a way that the end of the story depends on.
    pub fn merge(&mut self, params: &DelightParams, other: Self) -> Applied {
        self.folded = self.folded.merge(params, other.folded);
        let mut all = std::mem::take(&mut self.recent);
        all.extend(other.recent);
        all.sort_by(Moment::order);
        for moment in all {
            self.insert(params, moment);
        }
        if self.is_exact() { Applied::Added } else { Applied::NeedsRebuild }
    }

    /// Whether the score equals what the stored moments give. It does unless a method returned `NeedsRebuild`.
    pub fn is_exact(&self) -> bool {
        !self.folded.before_lost || end::shares(&self.recent, self.folded.base()).before <= 0.0
    }

    /// How many of its moments are summed up and not kept one by one. Without any, the state is good for every formula.
    pub fn folded(&self) -> u64 {
        self.folded.count
    }

    /// Puts sums under another formula in place of those held, if they are over as many moments: those that are not
    /// among [`DelightState::recent`]. Answers whether it did; from then on the state is good for that formula only.
    #[must_use = "where it returns false the state is still under the formula before"]
    pub fn refold(&mut self, folded: Folded) -> bool {
        let fits = folded.count == self.folded.count;
        if fits {
            self.folded = folded;
        }
        fits
    }

    /// How many moments are in it.
    pub fn count(&self) -> u64 {
        self.folded.count + self.recent.len() as u64
    }

    /// The recent moments that are kept one by one, in order of time.
    pub fn recent(&self) -> &[Moment] {
        &self.recent
    }

    /// The sums as of the newest moment.
    pub fn level(&self, params: &DelightParams) -> Level {
        let folded = &self.folded;
        let at = self.recent.last().map_or(folded.at, |m| m.at.max(folded.at));
        let fade = params.decay(at.millis_since(folded.at));
        let shares = end::shares(&self.recent, folded.base());
        let mut sums = *folded;
        sums.fade(fade);
        let mut end = folded.last.scaled(fade * shares.base);
        end.add(fade * shares.before, folded.before);
        for (moment, share) in self.recent.iter().zip(&shares.moments) {
            let worth = params.worth(moment.gap);
            let decay = params.decay(at.millis_since(moment.at));
            let weight = moment.counted_weight() * decay;
            sums.numerator += weight * worth.value;
            sums.mass += weight * worth.mass;
            sums.weight += weight;
            sums.weight_squared += weight * weight;
            sums.best = sums.best.max(weight * worth.value);
            sums.worst = sums.worst.min(weight * worth.value);
            end.value += share * decay * worth.end;
            end.mass += share * decay * worth.end_mass();
        }
        Level {
            at,
            numerator: sums.numerator + params.peak * (sums.best + sums.worst) + params.end * end.value,
            mass: sums.mass + params.peak * (sums.best - sums.worst) + params.end * end.mass,
            weight: sums.weight,
            weight_squared: sums.weight_squared,
        }
    }

    /// Delight at `t`; before the newest moment, as of that moment.
    pub fn delight(&self, params: &DelightParams, t: Timestamp) -> f64 {
        self.level(params).delight(params, t)
    }

    /// See [`Level::interval`].
    pub fn interval(&self, params: &DelightParams, t: Timestamp, confidence: f64) -> Option<Interval> {
        self.level(params).interval(params, t, confidence)
    }

    /// See [`Level::next_crossing`].
    pub fn next_crossing(
        &self,
        params: &DelightParams,
        t: Timestamp,
        thresholds: &[f64],
    ) -> Option<Crossing> {
        self.level(params).next_crossing(params, t, thresholds)
    }

    /// Puts a moment at its place in time and folds what no longer fits.
    fn insert(&mut self, params: &DelightParams, moment: Moment) {
        if !self.folded.is_empty() && moment.at < self.folded.at {
            self.folded.add(params, &moment);
            return;
        }
        let place = self.recent.partition_point(|m| m.order(&moment).is_lt());
        self.recent.insert(place, moment);
        while self.recent.len() > params.recent.max(1) {
            let oldest = self.recent.remove(0);
            self.folded.add(params, &oldest);
        }
    }
}
