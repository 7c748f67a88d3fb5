//! Moments for the tests: hand-made and generated.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use elate_delight::Moment;
use elate_domain::Timestamp;
use proptest::prelude::*;

pub(crate) const DAY: i64 = 86_400_000;

pub(crate) fn at_day(day: f64) -> Timestamp {
    Timestamp((day * DAY as f64) as i64)
}

pub(crate) fn moment(id: u64, day: f64, gap: f64) -> Moment {
    weighted(id, day, gap, 1.0)
}

pub(crate) fn weighted(id: u64, day: f64, gap: f64, weight: f64) -> Moment {
    Moment { id: format!("m{id}"), at: at_day(day), offset: id, gap, weight }
}

/// Gaps with the edges of the formula among them.
pub(crate) fn gap() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(-1.0), Just(5.0), Just(-5.0), Just(7.0), -6.0..6.0, -0.01..0.01]
}

pub(crate) fn weight() -> impl Strategy<Value = f64> {
    prop_oneof![3 => Just(1.0), 1 => Just(0.0), 1 => Just(0.1), 1 => Just(0.5), 1 => Just(3.0), 2 => 0.0..2.0]
}

/// Days on a coarse grid, so that moments often share an instant, or anywhere.
pub(crate) fn day() -> impl Strategy<Value = f64> {
    prop_oneof![(0u32..6).prop_map(f64::from), 0.0..200.0]
}

/// Up to `most` moments in order of offset, in any order of time.
pub(crate) fn moments(most: usize) -> impl Strategy<Value = Vec<Moment>> {
    some_moments(0, most)
}

/// At least `least` of them.
pub(crate) fn some_moments(least: usize, most: usize) -> impl Strategy<Value = Vec<Moment>> {
    prop::collection::vec((day(), gap(), weight()), least..most).prop_map(|parts| {
        let number = |(place, (day, gap, weight))| weighted(place as u64 + 1, day, gap, weight);
        parts.into_iter().enumerate().map(number).collect()
    })
}

/// After every generated moment.
pub(crate) fn later() -> Timestamp {
    at_day(200.0)
}
