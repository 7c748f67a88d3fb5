//! Rates, survey counts, links and harmony.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_delight::links::{Link, harmony, rank};
use elate_delight::rates::{CaseCounts, OutcomeCounts, poisson_interval, recovery_time, wow_rate};
use elate_delight::survey::{Csat, Nps, Sample, proportion};
use elate_domain::Outcome;
use proptest::prelude::*;

const WEEK: i64 = 7 * 86_400_000;

fn link(name: &str, gaps: impl IntoIterator<Item = f64>) -> Link {
    Link { name: name.to_owned(), gaps: Sample::of(gaps) }
}

/// `count` gaps around `mean`, one up, one down.
fn around(mean: f64, count: usize) -> Vec<f64> {
    (0..count).map(|n| if n % 2 == 0 { mean + 0.5 } else { mean - 0.5 }).collect()
}

#[test]
fn wows_are_counted_per_thousand_customers_and_week() {
    let rate = wow_rate(12, 2_000, 2 * WEEK, 0.95).unwrap();
    assert!((rate.value - 3.0).abs() < 1e-12);
    assert!(rate.interval.contains(3.0) && !rate.small_sample);
    assert!(wow_rate(0, 10, WEEK, 0.95).unwrap().small_sample);
    assert!(wow_rate(1, 0, WEEK, 0.95).is_none());
    assert!(wow_rate(1, 10, 0, 0.95).is_none());
}

#[test]
fn poisson_intervals_are_garwood_s() {
    // Garwood 1936, table of 95 % limits.
    for (count, low, high) in [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)] {
        let interval = poisson_interval(count, 0.95).unwrap();
        assert!((interval.low - low).abs() < 1e-4 && (interval.high - high).abs() < 1e-4, "{interval:?}");
    }
}

#[test]
fn outcomes_can_be_revised() {
    let mut counts = OutcomeCounts::default();
    counts.add(Outcome::Miserable);
    counts.add(Outcome::Neutral);
    counts.remove(Outcome::Miserable);
    counts.add(Outcome::Magical);
    assert_eq!(counts, OutcomeCounts { magical: 1, neutral: 1, miserable: 0 });
    assert_eq!(counts.merged(counts).total(), 4);
    assert_eq!(counts.miserable_rate(0.95).unwrap().value, 0.0);
}

#[test]
fn open_cases_take_no_part_in_the_recovery_rate() {
    let cases = CaseCounts { recovered: 3, relapsed: 1, lost: 0, open: 50 };
    assert_eq!(cases.recovery_rate(0.95).unwrap().value, 0.75);
    assert_eq!(cases.relapse_rate(0.95).unwrap().value, 0.25);
    assert!(CaseCounts::default().recovery_rate(0.95).is_none());
}

#[test]
fn the_median_time_to_recovery_has_an_interval_of_order_statistics() {
    let mut durations: Vec<f64> = (1..=25).rev().map(f64::from).collect();
    let time = recovery_time(&mut durations, 0.95).unwrap();
    assert_eq!((time.median.value, time.mean, time.p90), (13.0, 13.0, 23.0));
    // For n = 25 the ranks 8 and 18 cover 95.7 %.
    assert_eq!((time.median.interval.low, time.median.interval.high), (8.0, 18.0));
    assert!(recovery_time(&mut [], 0.95).is_none());
    let single = recovery_time(&mut [7.0], 0.95).unwrap();
    assert_eq!((single.median.interval.low, single.median.interval.high), (7.0, 7.0));
    assert!(single.median.small_sample);
}

#[test]
fn survey_answers_are_counted_by_class() {
    let mut nps = Nps::default();
    for answer in [0.0, 6.0, 7.0, 8.0, 9.0, 10.0] {
        assert!(nps.add(answer));
    }
    assert!(!nps.add(11.0) && !nps.add(f64::NAN));
    assert_eq!(nps, Nps { promoters: 2, passives: 2, detractors: 2 });
    assert!(Nps::default().adjusted_wald(0.95).is_none());
    let mut csat = Csat::default();
    for answer in [5.0, 4.0, 3.0] {
        csat.add(answer, 4.0);
    }
    assert_eq!(csat.interval(0.95), proportion::wilson(2, 3, 0.95));
    assert!(proportion::wilson(3, 2, 0.95).is_none() && proportion::wilson(1, 2, 1.0).is_none());
}

#[test]
fn the_weakest_link_is_named_only_when_it_is_plain() {
    let plain =
        [link("film", around(1.0, 40)), link("car park", around(-1.0, 40)), link("popcorn", around(0.9, 40))];
    let chain = rank(&plain, 0.95);
    assert_eq!(chain.weakest.as_deref(), Some("car park"));
    assert_eq!(chain.links[0].name, "car park");
    assert!(chain.links[0].probability_worst > 0.999);
    let unclear = [link("film", around(0.0, 6)), link("car park", around(-0.1, 6))];
    assert_eq!(rank(&unclear, 0.95).weakest, None);
    assert_eq!(rank(&plain[..1], 0.95).weakest, None);
    assert_eq!(rank(&[], 0.95).harmony, None);
}

#[test]
fn two_equal_links_are_each_the_worst_half_of_the_time() {
    let chain = rank(&[link("a", around(0.3, 20)), link("b", around(0.3, 20))], 0.95);
    assert!(chain.links.iter().all(|l| (l.probability_worst - 0.5).abs() < 1e-9));
}

#[test]
fn the_probability_of_the_worst_is_that_of_the_difference() {
    // With many moments both posteriors are normal: P = Φ(1 / √(2·0.25641/40·…)) worked out for a gap of 0.2.
    let links = [link("a", around(0.0, 40)), link("b", around(0.2, 40))];
    let chain = rank(&links, 0.95);
    // Variance (4·pooled + Σ)/43 with pooled 10/39 = 0.2564, so 0.2564; se of the difference √(2·0.2564/40) = 0.1132;
    // Φ(0.2/0.1132) = 0.961, less with t.
    assert!((chain.links[0].probability_worst - 0.959).abs() < 0.003, "{}", chain.links[0].probability_worst);
}

#[test]
fn harmony_is_full_when_links_are_alike_and_falls_as_they_part() {
    let alike = [link("a", around(-2.0, 30)), link("b", around(-2.0, 30))];
    assert_eq!(harmony(&alike), Some(100.0));
    let apart = [link("a", around(1.0, 3000)), link("b", around(-1.0, 3000))];
    // The means lie one apart from their centre, so s is nearly 1.
    assert!((harmony(&apart).unwrap() - 100.0 * (-1.0f64).exp()).abs() < 0.1);
}

proptest! {
    #[test]
    fn samples_merge_and_give_back(left in prop::collection::vec(-9.0..9.0, 0..20), right in prop::collection::vec(-9.0..9.0, 0..20)) {
        let whole = Sample::of(left.iter().chain(&right).copied());
        let merged = Sample::of(left.clone()).merged(Sample::of(right.clone()));
        prop_assert_eq!(merged.count, whole.count);
        prop_assert!((merged.mean - whole.mean).abs() < 1e-9 && (merged.squares - whole.squares).abs() < 1e-6);
        let mut back = whole;
        for value in right { back.remove(value); }
        let left = Sample::of(left);
        prop_assert!((back.mean - left.mean).abs() < 1e-9 && (back.squares - left.squares).abs() < 1e-6);
    }

    #[test]
    fn intervals_hold_their_estimate_and_narrow_with_data(x in 0u64..50, more in 0u64..50) {
        let n = x + more + 1;
        let estimate = x as f64 / n as f64;
        for method in [proportion::wilson, proportion::agresti_coull, proportion::clopper_pearson] {
            let few = method(x, n, 0.95).unwrap();
            let many = method(10 * x, 10 * n, 0.95).unwrap();
            prop_assert!(few.low - 1e-9 <= estimate && estimate <= few.high + 1e-9);
            prop_assert!(many.width() < few.width());
        }
    }

    #[test]
    fn the_difference_of_shares_turns_with_its_sides(x1 in 0u64..20, m1 in 1u64..20, x2 in 0u64..20, m2 in 1u64..20) {
        let (n1, n2) = (x1 + m1, x2 + m2);
        let there = proportion::newcombe_difference(x1, n1, x2, n2, 0.9).unwrap();
        let back = proportion::newcombe_difference(x2, n2, x1, n1, 0.9).unwrap();
        prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
    }

    #[test]
    fn probabilities_of_the_worst_make_one_and_harmony_is_a_share(
        gaps in prop::collection::vec(prop::collection::vec(-5.0..5.0, 1..12), 1..6),
    ) {
        let links: Vec<Link> =
            gaps.into_iter().enumerate().map(|(n, gaps)| link(&format!("l{n}"), gaps)).collect();
        let chain = rank(&links, 0.95);
        let total: f64 = chain.links.iter().map(|l| l.probability_worst).sum();
        prop_assert!((total - 1.0).abs() < 1e-9);
        prop_assert!(chain.links.windows(2).all(|pair| pair[0].mean_gap <= pair[1].mean_gap));
        let harmony = chain.harmony.unwrap();
        prop_assert!(harmony > 0.0 && harmony <= 100.0);
        prop_assert_eq!(rank(&links, 0.95), chain);
    }
}
