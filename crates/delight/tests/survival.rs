//! Kaplan–Meier, log-rank and what misery costs, against published numbers and simulations.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod simulate;

use elate_delight::survival::misery::{Followed, Question, report};
use elate_delight::survival::{KaplanMeier, Observation, log_rank};
use proptest::prelude::*;
use simulate::Random;

/// Weeks in remission of Freireich et al. 1963; negative for censored.
const TREATED: [f64; 21] = [
    6.0, 6.0, 6.0, -6.0, 7.0, -9.0, 10.0, -10.0, -11.0, 13.0, 16.0, -17.0, -19.0, -20.0, 22.0, 23.0, -25.0,
    -32.0, -32.0, -34.0, -35.0,
];
const PLACEBO: [f64; 21] = [
    1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 5.0, 8.0, 8.0, 8.0, 8.0, 11.0, 11.0, 12.0, 12.0, 15.0, 17.0,
    22.0, 23.0,
];

fn observed(times: &[f64]) -> Vec<Observation> {
    times.iter().map(|time| Observation::until(time.abs(), *time > 0.0)).collect()
}

fn within(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got}, not {expected}");
}

#[test]
fn the_curve_and_its_intervals_are_the_published_ones() {
    let curve = KaplanMeier::of(&observed(&TREATED)).unwrap();
    assert_eq!((curve.observations(), curve.left(), curve.median()), (21, 9, Some(23.0)));
    // Time, at risk, survival, standard error, 95 % limits on the scale ln(−ln S).
    let published = [
        (6.0, 21, 0.8571, 0.0764, 0.6197, 0.9516),
        (7.0, 17, 0.8067, 0.0869, 0.5631, 0.9228),
        (10.0, 15, 0.7529, 0.0963, 0.5032, 0.8894),
        (13.0, 12, 0.6902, 0.1068, 0.4316, 0.8491),
        (16.0, 11, 0.6275, 0.1141, 0.3675, 0.8049),
        (22.0, 7, 0.5378, 0.1282, 0.2678, 0.7468),
        (23.0, 6, 0.4482, 0.1346, 0.1881, 0.6801),
    ];
    assert_eq!(curve.steps().len(), published.len());
    for (step, (time, at_risk, survival, error, low, high)) in curve.steps().iter().zip(published) {
        assert_eq!((step.time, step.at_risk), (time, at_risk));
        within(step.survival, survival, 5.1e-5);
        within(step.survival * step.greenwood.sqrt(), error, 5.1e-5);
        let point = curve.at(time + 0.5, 0.95).unwrap();
        within(point.interval.low, low, 5.1e-5);
        within(point.interval.high, high, 5.1e-5);
    }
    assert_eq!(curve.at(36.0, 0.95), None);
}

#[test]
fn the_log_rank_test_is_the_published_one() {
    let test = log_rank(&observed(&TREATED), &observed(&PLACEBO)).unwrap();
    assert_eq!(test.observed, 9);
    within(test.expected, 19.25, 0.005);
    within(test.chi_squared, 16.79, 0.005);
    within(test.p_value, 4.17e-5, 1e-7);
    let turned = log_rank(&observed(&PLACEBO), &observed(&TREATED)).unwrap();
    within(turned.chi_squared, test.chi_squared, 1e-9);
    within(turned.hazard_ratio * test.hazard_ratio, 1.0, 1e-9);
    assert!(test.hazard_ratio < 0.3);
    assert_eq!(log_rank(&observed(&TREATED), &[]), None);
}

#[test]
fn ends_of_the_curve_are_not_certain() {
    let nobody_left = KaplanMeier::of(&observed(&[-5.0; 10])).unwrap();
    let point = nobody_left.at(3.0, 0.95).unwrap();
    assert_eq!((point.survival, point.at_risk, point.interval.high), (1.0, 10, 1.0));
    // Clopper & Pearson for 10 of 10.
    within(point.interval.low, 0.6915, 5e-5);
    let all_left = KaplanMeier::of(&observed(&[1.0, 2.0, 3.0])).unwrap();
    let end = all_left.at(100.0, 0.95).unwrap();
    assert_eq!((end.survival, end.interval.low), (0.0, 0.0));
    assert!(end.interval.high > 0.5);
    assert!(KaplanMeier::of(&observed(&[])).is_none());
    let unusable = [Observation::until(0.0, true), Observation::until(f64::NAN, true)];
    assert!(KaplanMeier::of(&unusable).is_none());
}

#[test]
fn late_entry_takes_nobody_into_a_risk_set_before() {
    let late = Observation { entry: 5.0, exit: 9.0, left: true };
    let curve =
        KaplanMeier::of(&[Observation::until(3.0, true), Observation::until(8.0, false), late]).unwrap();
    let at_risk: Vec<u64> = curve.steps().iter().map(|step| step.at_risk).collect();
    assert_eq!(at_risk, [2, 1]);
    // At its very entry somebody is not yet at risk.
    let on_entry = [Observation { entry: 3.0, exit: 9.0, left: false }, Observation::until(3.0, true)];
    assert_eq!(KaplanMeier::of(&on_entry).unwrap().steps()[0].at_risk, 1);
}

#[test]
fn the_restricted_mean_is_the_area_under_the_curve() {
    let curve = KaplanMeier::of(&observed(&TREATED)).unwrap();
    let mean = curve.restricted_mean(35.0, 0.95).unwrap();
    let area: f64 =
        (0..35_000).map(|milli| curve.at(f64::from(milli) / 1000.0, 0.95).unwrap().survival / 1000.0).sum();
    within(mean.mean, area, 1e-9);
    // As survfit of R prints it with rmean = 35.
    within(mean.mean, 23.29, 0.005);
    within(mean.standard_error, 2.83, 0.005);
    assert!(curve.restricted_mean(36.0, 0.95).is_none() && curve.restricted_mean(0.0, 0.95).is_none());
}

#[test]
fn intervals_of_the_curve_cover_what_they_say() {
    let mut random = Random::new(17);
    let (mut covered, runs) = (0, 1500);
    for _ in 0..runs {
        let mut customers = Vec::new();
        for _ in 0..60 {
            let (leaves, seen) = (random.exponential(0.02), 100.0 * random.uniform());
            customers.push(Observation::until(leaves.min(seen), leaves <= seen));
        }
        let point = KaplanMeier::of(&customers).unwrap().at(30.0, 0.95).unwrap();
        covered += i32::from(point.interval.contains((-0.6f64).exp()));
    }
    let share = f64::from(covered) / f64::from(runs);
    assert!((0.93..0.975).contains(&share), "{share}");
}

const QUESTION: Question =
    Question { landmark_days: 14.0, horizon_days: 60.0, value_a_customer: 200.0, confidence: 0.95 };

fn followed(miserable: bool, recovered_after: Option<f64>, days: f64, left: bool) -> Followed {
    Followed { miserable, recovered_after, days, left }
}

/// `number` customers of whom every `nth` leaves 30 days after the landmark, the others are seen to the end.
fn group(number: usize, nth: usize, miserable: bool, recovered_after: Option<f64>) -> Vec<Followed> {
    let one = |place: usize| match place % nth {
        0 => followed(miserable, recovered_after, 44.0, true),
        _ => followed(miserable, recovered_after, 100.0, false),
    };
    (0..number).map(one).collect()
}

#[test]
fn misery_and_recovery_are_counted_in_customers_and_money() {
    let mut customers = group(1000, 10, false, None);
    customers.extend(group(200, 5, true, Some(3.0)));
    customers.extend(group(100, 2, true, None));
    customers.extend(group(100, 2, true, Some(20.0)));
    customers.push(followed(true, None, 10.0, true));
    customers.push(followed(true, None, 10.0, false));
    let report = report(&customers, QUESTION);
    assert_eq!(report.unharmed.customers, 1000);
    // Made good on day 20 is too late for a landmark on day 14.
    assert_eq!((report.recovered.customers, report.unrecovered.customers), (200, 200));
    assert_eq!((report.left_before_landmark, report.unrecovered.left), (1, 100));
    let (lost, saved, more) = (report.lost.unwrap(), report.saved.unwrap(), report.could_be_saved.unwrap());
    // 400 × 0.9 − 200 × 0.8 − 200 × 0.5.
    within(lost.customers, 100.0, 1e-9);
    within(lost.money, 20_000.0, 1e-6);
    within(saved.customers, 200.0 * 0.3, 1e-9);
    within(more.customers, 200.0 * 0.3, 1e-9);
    assert!(lost.interval.low > 50.0 && lost.interval.high < 150.0 && lost.interval.contains(100.0));
    within(saved.money_interval.low, 200.0 * saved.interval.low, 1e-9);
    assert!(report.misery_test.unwrap().p_value < 1e-6 && report.recovery_test.unwrap().p_value < 1e-6);
    assert!(report.misery_test.unwrap().hazard_ratio > 1.0);
    within(report.recovered.days.unwrap().mean, 0.8 * 60.0 + 0.2 * 30.0, 1e-9);
    // 40 of 200 left after 30 days, the others were seen for 86.
    let hazard = report.recovered.hazard.unwrap();
    within(hazard.value, 40.0 * 1000.0 / (40.0 * 30.0 + 160.0 * 86.0), 1e-9);
    assert!(
        hazard.interval.contains(hazard.value)
            && hazard.interval.high < report.unrecovered.hazard.unwrap().value
    );
}

#[test]
fn without_a_group_there_is_no_figure_and_no_panic() {
    let nothing = report(&[], QUESTION);
    assert!(nothing.lost.is_none() && nothing.saved.is_none() && nothing.misery_test.is_none());
    let mut customers = group(50, 5, false, None);
    customers.extend(group(50, 2, true, None));
    let half = report(&customers, QUESTION);
    within(half.lost.unwrap().customers, 50.0 * 0.3, 1e-9);
    assert!(half.saved.is_none() && half.could_be_saved.is_none());
    // Nobody was observed to the horizon.
    let short: Vec<Followed> = (0..50).map(|_| followed(true, None, 20.0, false)).collect();
    assert!(report(&short, QUESTION).unrecovered.staying.is_none());
}

#[test]
fn a_recovery_without_effect_seems_to_have_none() {
    // Everybody leaves at the same rate, and is won back at a random time if still there: whoever compares all who
    // were won back with all who were not finds a large difference.
    let mut random = Random::new(23);
    let mut customers = Vec::new();
    for _ in 0..4000 {
        let (leaves, recovers) = (random.exponential(0.03), random.exponential(0.1));
        let recovered_after = (recovers < leaves).then_some(recovers);
        customers.push(followed(true, recovered_after, leaves.min(120.0), leaves <= 120.0));
    }
    let naive = |won_back: bool| -> Vec<Observation> {
        let chosen = customers.iter().filter(|c| c.recovered_after.is_some() == won_back);
        chosen.map(|c| Observation::until(c.days, c.left)).collect()
    };
    assert!(log_rank(&naive(false), &naive(true)).unwrap().p_value < 1e-12);
    let report = report(&customers, QUESTION);
    assert!(report.recovery_test.unwrap().p_value > 0.01, "{:?}", report.recovery_test);
    assert!(report.saved.unwrap().interval.contains(0.0));
}

fn observation() -> impl Strategy<Value = Observation> {
    (0u32..40, any::<bool>()).prop_map(|(time, left)| Observation::until(f64::from(time) / 2.0 + 0.5, left))
}

proptest! {
    #[test]
    fn curves_fall_from_one_within_their_intervals(customers in prop::collection::vec(observation(), 1..60)) {
        let curve = KaplanMeier::of(&customers).unwrap();
        let mut last = 1.0;
        for half in 0..=2 * curve.last_time() as u32 {
            let point = curve.at(f64::from(half) / 2.0, 0.9).unwrap();
            prop_assert!(point.survival <= last && point.survival >= 0.0);
            let (low, high) = (point.interval.low, point.interval.high);
            prop_assert!(0.0 <= low && low <= point.survival + 1e-12 && point.survival <= high + 1e-12 && high <= 1.0);
            last = point.survival;
        }
        let left = customers.iter().filter(|c| c.left).count() as u64;
        prop_assert_eq!(curve.left(), left);
    }

    #[test]
    fn where_everybody_is_seen_to_the_end_the_curve_is_the_share_that_stays(
        times in prop::collection::vec(1u32..30, 1..60), horizon in 1u32..40,
    ) {
        let customers: Vec<Observation> = times.iter().map(|t| Observation::until(f64::from(*t), true)).collect();
        let curve = KaplanMeier::of(&customers).unwrap();
        let staying = times.iter().filter(|time| **time > horizon).count() as f64 / times.len() as f64;
        prop_assert!((curve.at(f64::from(horizon), 0.95).unwrap().survival - staying).abs() < 1e-12);
        let mean = times.iter().map(|time| f64::from(*time.min(&horizon))).sum::<f64>() / times.len() as f64;
        prop_assert!((curve.restricted_mean(f64::from(horizon), 0.95).unwrap().mean - mean).abs() < 1e-9);
    }

    #[test]
    fn log_rank_turns_with_its_sides(
        one in prop::collection::vec(observation(), 1..40), two in prop::collection::vec(observation(), 1..40),
    ) {
        let (there, back) = (log_rank(&one, &two), log_rank(&two, &one));
        prop_assert_eq!(there.is_some(), back.is_some());
        if let (Some(there), Some(back)) = (there, back) {
            prop_assert!((there.chi_squared - back.chi_squared).abs() < 1e-8);
            prop_assert!((0.0..=1.0).contains(&there.p_value));
        }
    }
}
