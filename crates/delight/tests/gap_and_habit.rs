//! Gaps, outcomes, habits and tolerances.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_delight::gap::{self, Error, give_up_at, provisional_at};
use elate_delight::habit::{learned_tolerance, median, moved_promise, update};
use elate_delight::{Expectations, Rule, Thresholds, judge};
use elate_domain::{Better, ExpectationSource, Outcome, Timestamp};
use proptest::prelude::*;

const HOUR: f64 = 3_600_000.0;

fn rule(better: Better, tolerance: f64) -> Rule {
    Rule { better, tolerance, thresholds: Thresholds::default() }
}

#[test]
fn a_parcel_a_day_late_is_two_tolerances_of_twelve_hours() {
    let due = 1.7e12;
    let rule = rule(Better::Earlier, 12.0 * HOUR);
    let expectations = Expectations { promise: Some(due), standard: Some(due + 48.0 * HOUR), habit: None };
    let late = judge(&rule, due + 24.0 * HOUR, &expectations).unwrap();
    assert_eq!((late.gap, late.outcome), (-2.0, Outcome::Miserable));
    assert_eq!(late.expected.source, ExpectationSource::Promise);
    let early = judge(&rule, due - 12.0 * HOUR, &expectations).unwrap();
    assert_eq!((early.gap, early.outcome), (1.0, Outcome::Magical));
    let lost = judge(&rule, due + 1000.0 * HOUR, &expectations).unwrap();
    assert_eq!(lost.gap, -5.0);
    assert!(lost.unclamped < -80.0);
    assert_eq!(provisional_at(due, &rule), due + 12.0 * HOUR);
    assert_eq!(judge(&rule, provisional_at(due, &rule), &expectations).unwrap().outcome, Outcome::Miserable);
    assert_eq!(judge(&rule, give_up_at(due, &rule), &expectations).unwrap().gap, -5.0);
}

#[test]
fn the_most_demanding_source_wins_in_every_direction() {
    let all = Expectations { promise: Some(2.0), standard: Some(1.0), habit: Some(3.0) };
    let winner = |better| all.most_demanding(better).unwrap().source;
    assert_eq!(winner(Better::Higher), ExpectationSource::Habit);
    assert_eq!(winner(Better::Later), ExpectationSource::Habit);
    assert_eq!(winner(Better::Lower), ExpectationSource::Standard);
    assert_eq!(winner(Better::Earlier), ExpectationSource::Standard);
    let tie = Expectations { promise: Some(2.0), standard: Some(2.0), habit: Some(2.0) };
    assert_eq!(tie.most_demanding(Better::Lower).unwrap().source, ExpectationSource::Promise);
}

#[test]
fn what_cannot_be_judged_is_named() {
    let expectations = Expectations { standard: Some(1.0), ..Expectations::default() };
    let higher = rule(Better::Higher, 1.0);
    assert_eq!(judge(&higher, 1.0, &Expectations::default()), Err(Error::NoExpectation));
    assert_eq!(judge(&higher, f64::NAN, &expectations), Err(Error::NotFinite { what: "experience" }));
    assert_eq!(judge(&rule(Better::Higher, 0.0), 1.0, &expectations), Err(Error::Tolerance(0.0)));
    let thresholds = Thresholds { magical: -1.0, miserable: 1.0 };
    let upside_down = Rule { thresholds, ..higher };
    assert!(matches!(judge(&upside_down, 1.0, &expectations), Err(Error::Thresholds { .. })));
}

#[test]
fn a_habit_goes_half_the_way_in_its_half_life() {
    let mut habit = 10.0;
    for _ in 0..5 {
        habit = update(Some(habit), 12.0, 1.0, 5.0);
    }
    assert!((habit - 11.0).abs() < 1e-12);
    assert_eq!(update(None, 12.0, 1.0, 5.0), 12.0);
    // A freak experience moves it by five tolerances at most.
    assert_eq!(update(Some(0.0), 1e9, 1.0, 1.0), 2.5);
}

#[test]
fn tolerances_are_learned_with_a_floor() {
    assert!((learned_tolerance(&mut vec![1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0], 0.1) - 1.4826).abs() < 1e-12);
    assert_eq!(learned_tolerance(&mut vec![3.0; 9], 0.1), 0.1);
    assert_eq!(learned_tolerance(&mut vec![f64::NAN], 0.1), 0.1);
    assert_eq!(median(&mut [3.0, 1.0, 2.0, 10.0]), Some(2.5));
}

#[test]
fn moving_a_promise_helps_and_does_not_erase_the_first_date() {
    let (first, latest) = (Timestamp(1_000), Timestamp(3_000));
    assert_eq!(moved_promise(first, latest, 0.5), Timestamp(2_000));
    assert_eq!(moved_promise(first, latest, 1.0), first);
    assert_eq!(moved_promise(first, latest, 0.0), latest);
}

proptest! {
    #[test]
    fn better_is_never_judged_worse(
        x in -100.0..100.0, better_by in 0.0..50.0, expected in -100.0..100.0, tolerance in 0.01..10.0,
    ) {
        for (better, sign) in [(Better::Higher, 1.0), (Better::Later, 1.0), (Better::Lower, -1.0), (Better::Earlier, -1.0)] {
            let expectations = Expectations { standard: Some(expected), ..Expectations::default() };
            let plain = judge(&rule(better, tolerance), x, &expectations).unwrap();
            let good = judge(&rule(better, tolerance), x + sign * better_by, &expectations).unwrap();
            prop_assert!(good.gap >= plain.gap && good.outcome >= plain.outcome);
            prop_assert!(plain.gap.abs() <= gap::GAP_CLAMP);
        }
    }

    #[test]
    fn a_further_expectation_never_makes_a_moment_better(x in -9.0..9.0, first in -9.0..9.0, second in -9.0..9.0) {
        for better in [Better::Higher, Better::Lower] {
            let one = Expectations { standard: Some(first), ..Expectations::default() };
            let two = Expectations { habit: Some(second), ..one };
            let gap = |e: &Expectations| judge(&rule(better, 1.0), x, e).unwrap().gap;
            prop_assert!(gap(&two) <= gap(&one));
        }
    }

    /// The same surprise again is never worth more, and worth less where habit is what it is compared with.
    #[test]
    fn a_repeated_surprise_wears_off(standard in -3.0..3.0, start in -3.0..3.0, x in -9.0..9.0, half_life in 0.5..20.0) {
        let rule = rule(Better::Higher, 1.0);
        let mut habit = start;
        let mut last: Option<elate_delight::Judgement> = None;
        for _ in 0..10 {
            let expectations = Expectations { standard: Some(standard), habit: Some(habit), promise: None };
            let judged = judge(&rule, x, &expectations).unwrap();
            if let Some(last) = last.filter(|last| last.gap > 0.0) {
                prop_assert!(judged.gap <= last.gap + 1e-12);
                let habit_led = last.expected.source == ExpectationSource::Habit;
                if habit_led && last.unclamped < 5.0 && last.gap > 1e-6 {
                    prop_assert!(judged.gap < last.gap);
                }
            }
            last = Some(judged);
            habit = update(Some(habit), x, rule.tolerance, half_life);
        }
    }
}
