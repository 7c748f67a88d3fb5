//! False alarms, power and coverage of comparisons looked at again and again.

use elate_delight::effect::sequential::Error;
use elate_delight::effect::{Arm, Comparison, Mixture, ratio};
use elate_delight::survey::Sample;
use proptest::prelude::*;

use crate::simulate::Random;

const RUNS: usize = 2000;
const LOOKS: usize = 20;

/// A customer's number on each side.
type Draw = fn(&mut Random) -> f64;

fn mixture() -> Mixture {
    Mixture::try_new(0.05, 1000).unwrap()
}

/// Whether 20 looks, each after `batch` more customers a side, ever satisfy `alarm`.
fn ever(
    random: &mut Random,
    batch: usize,
    (treated, control): (Draw, Draw),
    arm: fn(&Sample) -> Arm,
    alarm: &mut dyn FnMut(&Arm, &Arm) -> bool,
) -> bool {
    let (mut one, mut two) = (Sample::default(), Sample::default());
    let mut alarmed = false;
    for _ in 0..LOOKS {
        for _ in 0..batch {
            one.add(treated(random));
            two.add(control(random));
        }
        alarmed |= alarm(&arm(&one), &arm(&two));
    }
    alarmed
}

fn as_mean(sample: &Sample) -> Arm {
    Arm::Mean(*sample)
}

fn as_share(sample: &Sample) -> Arm {
    Arm::Share { hits: (sample.mean * sample.count as f64).round() as u64, of: sample.count }
}

/// The share of 2,000 runs in which a difference is ever called significant.
fn alarms(seed: u64, batch: usize, draws: (Draw, Draw), arm: fn(&Sample) -> Arm) -> f64 {
    let mut random = Random::new(seed);
    let mixture = mixture();
    let mut alarm = |one: &Arm, two: &Arm| {
        mixture.compare(one, two).is_some_and(|comparison| comparison.is_significant())
    };
    let alarmed = (0..RUNS).filter(|_| ever(&mut random, batch, draws, arm, &mut alarm)).count();
    alarmed as f64 / RUNS as f64
}

/// The same for the usual test at 5 %, which is meant for one look.
fn naive_alarms(seed: u64, batch: usize, draws: (Draw, Draw)) -> f64 {
    let mut random = Random::new(seed);
    let mixture = mixture();
    let mut alarm = |one: &Arm, two: &Arm| {
        mixture.compare(one, two).is_some_and(|c| c.difference.abs() > 1.96 * c.standard_error)
    };
    let alarmed = (0..RUNS).filter(|_| ever(&mut random, batch, draws, as_mean, &mut alarm)).count();
    alarmed as f64 / RUNS as f64
}

fn delight(random: &mut Random) -> f64 {
    50.0 + 15.0 * random.normal()
}

fn more_delight(random: &mut Random) -> f64 {
    53.0 + 15.0 * random.normal()
}

/// One in ten buys, for a skewed amount.
fn revenue(random: &mut Random) -> f64 {
    if random.chance(0.1) { (3.0 + random.normal()).exp() } else { 0.0 }
}

/// One in fifty buys, for a very skewed amount.
fn rare_revenue(random: &mut Random) -> f64 {
    if random.chance(0.02) { (3.0 + 1.5 * random.normal()).exp() } else { 0.0 }
}

fn seldom(random: &mut Random) -> f64 {
    f64::from(random.chance(0.02))
}

fn oftener(random: &mut Random) -> f64 {
    f64::from(random.chance(0.05))
}

#[test]
fn without_a_difference_of_means_twenty_looks_seldom_alarm() {
    let rate = alarms(1, 100, (delight, delight), as_mean);
    assert!(rate < 0.05, "{rate}");
    // The usual test is fooled: that is what the width is for.
    let naive = naive_alarms(1, 100, (delight, delight));
    assert!(naive > 0.15, "{naive}");
}

#[test]
fn without_a_difference_of_skewed_means_twenty_looks_seldom_alarm() {
    let rate = alarms(2, 100, (revenue, revenue), as_mean);
    assert!(rate < 0.05, "{rate}");
}

#[test]
fn without_a_difference_of_very_skewed_means_twenty_looks_seldom_alarm() {
    let rate = alarms(7, 100, (rare_revenue, rare_revenue), as_mean);
    assert!(rate < 0.05, "{rate}");
}

#[test]
fn without_a_difference_between_sides_of_unequal_size_twenty_looks_seldom_alarm() {
    let (mut random, mixture) = (Random::new(8), mixture());
    let mut alarmed = 0;
    for _ in 0..RUNS {
        let (mut treated, mut held_out, mut ever) = ([0; 2], [0; 2], false);
        for _ in 0..LOOKS {
            for (side, batch) in [(&mut treated, 950), (&mut held_out, 50)] {
                side[0] += (0..batch).filter(|_| random.chance(0.02)).count() as u64;
                side[1] += batch;
            }
            let arm = |side: [u64; 2]| Arm::Share { hits: side[0], of: side[1] };
            ever |= mixture.compare(&arm(treated), &arm(held_out)).is_some_and(|c| c.is_significant());
        }
        alarmed += usize::from(ever);
    }
    assert!(alarmed < RUNS / 20, "{alarmed}");
}

#[test]
fn without_a_difference_of_small_shares_twenty_looks_seldom_alarm() {
    let rate = alarms(3, 100, (seldom, seldom), as_share);
    assert!(rate < 0.05, "{rate}");
}

#[test]
fn real_differences_are_found() {
    let means = alarms(4, 100, (more_delight, delight), as_mean);
    assert!(means > 0.95, "{means}");
    let shares = alarms(5, 100, (oftener, seldom), as_share);
    assert!(shares > 0.95, "{shares}");
}

#[test]
fn intervals_hold_the_true_difference_at_all_looks_together() {
    let mut random = Random::new(6);
    let mixture = mixture();
    let mut misses =
        |one: &Arm, two: &Arm| mixture.compare(one, two).is_some_and(|c| !c.interval.contains(3.0));
    let missed =
        (0..RUNS).filter(|_| ever(&mut random, 100, (more_delight, delight), as_mean, &mut misses)).count();
    assert!(missed < RUNS / 20, "{missed}");
}

#[test]
fn fair_splits_are_seldom_taken_for_broken_ones_at_twenty_looks() {
    let mut random = Random::new(9);
    let mut held = 0;
    for _ in 0..RUNS {
        let (mut treated, mut control, mut ever) = (0, 0, false);
        for _ in 0..LOOKS {
            let batch = (0..100).filter(|_| random.chance(0.5)).count() as u64;
            treated += batch;
            control += 100 - batch;
            ever |= ratio::check(treated, control, 0.5).is_some_and(|check| check.mismatch);
        }
        held += usize::from(ever);
    }
    assert!(held < RUNS / 50, "{held}");
}

fn arm(n: u64, mean: f64, deviation: f64) -> Arm {
    Arm::Mean(Sample { count: n, mean, squares: deviation * deviation * (n - 1) as f64 })
}

fn compared(tightest_at: u64, n: u64) -> Comparison {
    Mixture::try_new(0.05, tightest_at).unwrap().compare(&arm(n, 1.0, 2.0), &arm(n, 0.0, 2.0)).unwrap()
}

#[test]
fn an_interval_is_tightest_where_it_was_said() {
    let width = |tightest_at| compared(tightest_at, 1000).interval.width();
    assert!(width(1000) < width(700) && width(1000) < width(1400));
    // ρ² m = w solves w = 2 ln 20 + ln(1 + w): w = 8.2120; the half-width is √(w + 1) standard errors there.
    let half = compared(1000, 1000).interval.width() / 2.0 / compared(1000, 1000).standard_error;
    assert!((half - 9.2120f64.sqrt()).abs() < 1e-4, "{half}");
    assert!((compared(1000, 1000).standard_error - (8.0f64 / 1000.0).sqrt()).abs() < 1e-12);
}

#[test]
fn nothing_is_said_of_too_few_or_of_numbers_that_do_not_vary() {
    let mixture = mixture();
    let enough = arm(100, 1.0, 1.0);
    assert!(mixture.compare(&arm(99, 1.0, 1.0), &enough).is_none());
    assert!(mixture.with_least(50).compare(&arm(99, 1.0, 1.0), &enough).is_some());
    assert!(mixture.compare(&arm(100, 1.0, 0.0), &enough).is_none());
    assert!(mixture.compare(&Arm::Share { hits: 101, of: 100 }, &enough).is_none());
    // Nothing happened on either side: no difference, and no certainty of it.
    let none = Arm::Share { hits: 0, of: 200 };
    let comparison = mixture.compare(&none, &none).unwrap();
    assert!(comparison.interval.width() > 0.02 && comparison.p_value == 1.0);
    assert_eq!(Mixture::try_new(0.6, 10), Err(Error::Alpha(0.6)));
    assert_eq!(Mixture::try_new(0.05, 0), Err(Error::TightestAt));
}

#[test]
fn an_uneven_split_is_told_from_chance() {
    let fair = ratio::check(5050, 4950, 0.5).unwrap();
    assert!((fair.p_value - 0.3173).abs() < 1e-4 && !fair.mismatch);
    // (821 588 against 815 482, the example of Fabijan et al. 2019.)
    assert!(ratio::check(821_588, 815_482, 0.5).unwrap().mismatch);
    assert!(!ratio::check(90, 10, 0.9).unwrap().mismatch);
    assert!(ratio::check(4, 4, 0.5).is_none() && ratio::check(100, 0, 1.0).is_none());
    assert!(ratio::check(100, 100, f64::NAN).is_none());
}

proptest! {
    #[test]
    fn the_interval_leaves_out_zero_exactly_where_p_is_below_alpha(
        difference in -3.0..3.0, n in 100u64..5000, m in 100u64..5000, alpha in 0.001..0.3, tightest in 10u64..100_000,
    ) {
        let mixture = Mixture::try_new(alpha, tightest).unwrap();
        let comparison = mixture.compare(&arm(n, difference, 5.0), &arm(m, 0.0, 3.0)).unwrap();
        prop_assert_eq!(comparison.is_significant(), comparison.p_value < alpha);
        prop_assert!(comparison.interval.contains(comparison.difference));
        let turned = mixture.compare(&arm(m, 0.0, 3.0), &arm(n, difference, 5.0)).unwrap();
        prop_assert!((turned.interval.low + comparison.interval.high).abs() < 1e-9);
    }

    #[test]
    fn more_customers_or_more_tests_move_the_width_as_they_should(n in 100u64..5000, tests in 2usize..20) {
        let mixture = mixture();
        let at = |n, mixture: Mixture| mixture.compare(&arm(n, 1.0, 5.0), &arm(n, 0.0, 3.0)).unwrap().interval.width();
        prop_assert!(at(2 * n, mixture) < at(n, mixture));
        prop_assert!(at(n, mixture.shared_by(tests)) > at(n, mixture));
    }
}
