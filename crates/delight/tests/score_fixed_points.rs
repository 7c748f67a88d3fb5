//! Scores that were worked out by hand, and what an explanation says of them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DAY, at_day, moment, weighted};
use elate_delight::score::{Direction, batch};
use elate_delight::{DelightParams, DelightState, Moment};
use elate_domain::Timestamp;

const PARAMS: fn() -> DelightParams = DelightParams::default;

#[track_caller]
fn assert_points(moments: &[Moment], day: f64, expected: f64) {
    let score = batch::score(&PARAMS(), moments, at_day(day));
    assert!((score - expected).abs() < 0.05, "{score} is not {expected}");
    let state = DelightState::rebuild(&PARAMS(), moments);
    assert!((state.delight(&PARAMS(), at_day(day)) - score).abs() < 1e-9);
}

#[test]
fn nobody_without_moments_is_anything_but_neutral() {
    assert_eq!(batch::score(&PARAMS(), &[], at_day(3.0)), 50.0);
    assert_eq!(DelightState::new().delight(&PARAMS(), at_day(3.0)), 50.0);
}

#[test]
fn one_moment() {
    assert_points(&[moment(1, 0.0, 1.0)], 0.0, 66.7);
    assert_points(&[moment(1, 0.0, -1.0)], 0.0, 23.5);
    assert_points(&[moment(1, 0.0, -5.0)], 0.0, 10.5);
}

#[test]
fn a_weekly_surprise_settles() {
    let weekly =
        |gap: f64| -> Vec<Moment> { (0..200).map(|week| moment(week, 7.0 * week as f64, gap)).collect() };
    assert_points(&weekly(1.0), 7.0 * 199.0, 82.9);
    assert_points(&weekly(3.0), 7.0 * 199.0, 91.5);
}

#[test]
fn a_mended_moment_ends_above_the_middle() {
    assert_points(&[moment(1, 0.0, -1.0), moment(2, 3.0, 2.0)], 3.0, 50.5);
    assert_points(&[moment(1, 0.0, -1.0), moment(2, 3.0, 3.0)], 3.0, 55.6);
}

#[test]
fn the_past_does_not_know_the_future() {
    let moments = [moment(1, 0.0, 1.0), moment(2, 10.0, -5.0)];
    let then = batch::score(&PARAMS(), &moments, at_day(9.0));
    assert_eq!(then, batch::score(&PARAMS(), &moments[..1], at_day(9.0)));
    assert_eq!(batch::explain(&PARAMS(), &moments, at_day(9.0)).contributions.len(), 1);
}

#[test]
fn peaks_and_end_go_to_the_right_moments() {
    let moments = [moment(1, 0.0, 3.0), moment(2, 1.0, -2.0), moment(3, 2.0, 0.5)];
    let explanation = batch::explain(&PARAMS(), &moments, at_day(2.0));
    let [best, worst, latest] = &explanation.contributions[..] else { panic!("three moments") };
    assert!(best.peak > 0.0 && best.end == 0.0);
    assert!(worst.peak < 0.0 && worst.end == 0.0);
    assert!(latest.peak == 0.0 && latest.end > 0.0);
    assert_eq!(explanation.strongest(1)[0].id, "m2");
}

#[test]
fn of_equal_peaks_the_lower_offset_counts() {
    let mut first = moment(7, 0.0, 2.0);
    first.id = "z".to_owned();
    let mut second = moment(8, 0.0, 2.0);
    second.id = "a".to_owned();
    let explanation = batch::explain(&PARAMS(), &[second, first], at_day(0.0));
    let peaks: Vec<&str> =
        explanation.contributions.iter().filter(|c| c.peak != 0.0).map(|c| c.id.as_str()).collect();
    assert_eq!(peaks, ["z"]);
}

#[test]
fn what_would_raise_it_most_is_the_worst_recent_moment() {
    let moments = [moment(1, 0.0, -5.0), moment(2, 90.0, -3.0), moment(3, 91.0, 1.0)];
    let levers = batch::levers(&PARAMS(), &moments, at_day(91.0), 5);
    assert_eq!(levers[0].id, "m2");
    assert_eq!(levers.len(), 2);
    let neutral = batch::if_neutral(&PARAMS(), &moments, at_day(91.0), |m| m.id == "m2");
    assert_eq!(levers[0].delight, neutral);
    assert!(
        batch::without(&PARAMS(), &moments, at_day(91.0), "m2")
            > batch::score(&PARAMS(), &moments, at_day(91.0))
    );
}

#[test]
fn light_moments_share_the_end_with_those_before() {
    // The newest weighs a quarter, the one before it all the rest.
    let moments = [moment(1, 0.0, -1.0), weighted(2, 0.0, 1.0, 0.25)];
    let together = batch::explain(&PARAMS(), &moments, at_day(0.0));
    let apart = [moment(1, 0.0, -1.0), weighted(2, 0.001, 1.0, 0.25)];
    let apart = batch::explain(&PARAMS(), &apart, at_day(0.001));
    // At one instant the end is an average over 1.25; apart, the older one keeps three quarters of a whole.
    assert!((together.contributions[0].end / together.contributions[1].end + 9.0).abs() < 1e-9);
    assert!((apart.contributions[0].end / apart.contributions[1].end + 6.75).abs() < 1e-3);
}

#[test]
fn a_crossing_is_the_first_millisecond_on_the_other_side() {
    let state = DelightState::rebuild(&PARAMS(), &[moment(1, 0.0, 3.0)]);
    let now = state.delight(&PARAMS(), at_day(0.0));
    assert!(now > 75.0);
    let crossing = state.next_crossing(&PARAMS(), at_day(0.0), &[40.0, 60.0, 75.0, 90.0, 50.0]).unwrap();
    assert_eq!((crossing.threshold, crossing.direction), (75.0, Direction::Below));
    assert!(state.delight(&PARAMS(), crossing.at) < 75.0);
    assert!(state.delight(&PARAMS(), Timestamp(crossing.at.0 - 1)) >= 75.0);
    let next = state.next_crossing(&PARAMS(), crossing.at, &[60.0, 75.0]).unwrap();
    assert_eq!(next.threshold, 60.0);
    assert!(state.next_crossing(&PARAMS(), next.at, &[60.0, 75.0]).is_none());
}

#[test]
fn the_interval_widens_with_silence() {
    let moments: Vec<Moment> = (0..20).map(|day| moment(day, day as f64, 1.0)).collect();
    let state = DelightState::rebuild(&PARAMS(), &moments);
    let fresh = state.interval(&PARAMS(), at_day(19.0), 0.9).unwrap();
    let stale = state.interval(&PARAMS(), at_day(119.0), 0.9).unwrap();
    assert!(fresh.width() < stale.width());
    assert!(fresh.contains(state.delight(&PARAMS(), at_day(19.0))));
    // Without anything, the flat prior is left: Beta(1, 1).
    let empty = DelightState::new().interval(&PARAMS(), at_day(0.0), 0.9).unwrap();
    assert!((empty.low - 5.0).abs() < 1e-6 && (empty.high - 95.0).abs() < 1e-6);
}

#[test]
fn parameters_outside_their_bounds_are_named() {
    let params = DelightParams { half_life_millis: DAY, prior: 0.0, ..DelightParams::default() };
    assert_eq!(params.validate().unwrap_err().name, "prior");
    assert!(DelightParams::default().validate().is_ok());
}
