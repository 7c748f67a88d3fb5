//! How much longer something still takes, learned from how long it took before: the chance to be late.
//!
//! After a milestone of the way (a parcel was packed) the time still needed is a distribution, known by its samples. Of
//! those of them that took longer than what has passed already, the share that takes longer than what is left is the
//! chance to be late. No shape is assumed; what has not been seen often enough is "not known", never 0.

use serde::{Deserialize, Serialize};

/// Points that a distribution is kept by, at most: order statistics, equally spaced.
pub const POINTS: usize = 200;

/// The empirical distribution of the time still needed after a milestone, in milliseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Remaining {
    /// How many were observed.
    pub samples: u32,
    /// Ascending; each stands for `samples / points.len()` of them.
    points: Vec<f64>,
}

impl Remaining {
    /// From observed times, which are sorted in place. What is no finite number or negative is left out.
    pub fn of(observed: &mut Vec<f64>) -> Self {
        observed.retain(|time| time.is_finite() && *time >= 0.0);
        observed.sort_by(f64::total_cmp);
        let samples = u32::try_from(observed.len()).unwrap_or(u32::MAX);
        if observed.len() <= POINTS {
            return Self { samples, points: observed.clone() };
        }
        // The middle of each of POINTS equal stretches, so that neither end is favoured.
        let place = |point: usize| (2 * point + 1) * observed.len() / (2 * POINTS);
        let points = (0..POINTS).filter_map(|point| observed.get(place(point)).copied()).collect();
        Self { samples, points }
    }

    /// From what [`Remaining::points`] gave of `samples`; sorted in place.
    pub fn kept(samples: u32, points: &mut Vec<f64>) -> Self {
        Self { samples, points: Self::of(points).points }
    }

    /// The order statistics that stand for all samples, ascending; at most [`POINTS`].
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// The chance that it takes longer than `allowed` in all, where `elapsed` of it have passed already and nothing has
    /// come (both in milliseconds since the milestone). 0 to 1, ends excluded.
    ///
    /// `(l + ½) / (s + 1)` with `l` the samples longer than `allowed` and `s` those longer than `elapsed` (Jeffreys'
    /// prior): where nobody took so long yet, it is as likely as not.
    pub fn chance_late(&self, elapsed: f64, allowed: f64) -> f64 {
        let late = self.longer_than(allowed.max(elapsed));
        (late + 0.5) / (self.longer_than(elapsed) + 1.0)
    }

    /// The least time since the milestone at which [`Remaining::chance_late`] exceeds `chance` (0 to 1), if that is
    /// before `allowed`: from then on, it is at risk.
    pub fn at_risk_from(&self, allowed: f64, chance: f64) -> Option<f64> {
        // The chance rises only where a sample drops out, so these are all the instants to look at.
        let instants = std::iter::once(0.0).chain(self.points.iter().copied());
        let mut before_due = instants.filter(|elapsed| *elapsed < allowed);
        before_due.find(|elapsed| self.chance_late(*elapsed, allowed) > chance)
    }

    /// How many samples took longer.
    fn longer_than(&self, time: f64) -> f64 {
        let longer = self.points.len() - self.points.partition_point(|point| *point <= time);
        let each = f64::from(self.samples) / self.points.len().max(1) as f64;
        longer as f64 * each
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(times: &[f64]) -> Remaining {
        Remaining::of(&mut times.to_vec())
    }

    #[test]
    fn the_chance_is_the_share_of_those_still_under_way_that_come_too_late() {
        // 90 take 10 hours, 10 take 30.
        let times: Vec<f64> = (0..100).map(|n| if n < 90 { 10.0 } else { 30.0 }).collect();
        let known = hours(&times);
        assert_eq!(known.samples, 100);
        assert!((known.chance_late(0.0, 20.0) - 10.5 / 101.0).abs() < 1e-12);
        // After 10 hours only the slow ones are left: it will be late.
        assert!((known.chance_late(10.0, 20.0) - 10.5 / 11.0).abs() < 1e-12);
        assert_eq!(known.at_risk_from(20.0, 0.5), Some(10.0));
        assert_eq!(known.at_risk_from(20.0, 0.05), Some(0.0));
        assert_eq!(known.at_risk_from(9.0, 0.99), Some(0.0), "nobody was ever that quick");
        assert_eq!(known.at_risk_from(31.0, 0.5), None, "nobody was ever that slow");
        // Longer than anybody ever took: nobody knows.
        assert!((known.chance_late(31.0, 40.0) - 0.5).abs() < 1e-12);
        assert!((Remaining::default().chance_late(0.0, 1.0) - 0.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn many_samples_are_kept_by_few_points_and_say_the_same(
            mut times in prop::collection::vec(0.0..1e7_f64, 1..3_000), allowed in 0.0..1e7_f64, elapsed in 0.0..1e7_f64,
        ) {
            let known = Remaining::of(&mut times.clone());
            prop_assert!(known.points.len() <= POINTS);
            times.sort_by(f64::total_cmp);
            let exact = times.iter().filter(|time| **time > allowed).count() as f64 / times.len() as f64;
            let kept = known.longer_than(allowed) / f64::from(known.samples);
            prop_assert!((exact - kept).abs() <= 1.0 / POINTS as f64 + 1e-9, "{exact} {kept}");
            let chance = known.chance_late(elapsed, allowed);
            prop_assert!(chance > 0.0 && chance < 1.0);
        }

        #[test]
        fn waiting_never_makes_it_less_likely_to_be_late(
            times in prop::collection::vec(0.0..100.0_f64, 1..300), allowed in 1.0..100.0_f64, chance in 0.05..0.95_f64,
        ) {
            let known = Remaining::of(&mut times.clone());
            let looks: Vec<f64> = (0..40).map(|n| known.chance_late(allowed * f64::from(n) / 40.0, allowed)).collect();
            prop_assert!(looks.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12));
            if let Some(from) = known.at_risk_from(allowed, chance) {
                prop_assert!(known.chance_late(from, allowed) > chance);
                prop_assert!(from == 0.0 || known.chance_late(from * (1.0 - 1e-9) - 1e-9, allowed) <= chance);
            } else {
                prop_assert!(looks.iter().all(|look| *look <= chance));
            }
        }
    }
}
