//! Comparisons, trends, weights and response rates.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use common::{at_day, feedback};
use elate_delight::survey::{Csat, Nps, Sample, proportion};
use elate_domain::Timestamp;
use elate_feedback::record::{Scale, Value};
use elate_feedback::stats::{
    Comparison, Error, Margin, Measure, Period, Raking, ResponseRate, Tally, Test, compare,
    nps_difference_wald, post_stratify, rake, segments, slope, trend, weighted,
};
use proptest::prelude::*;

const MEASURES: [Measure; 3] = [Measure::Nps, Measure::Csat, Measure::Ces];

fn nps(promoters: u64, passives: u64, detractors: u64) -> Nps {
    Nps { promoters, passives, detractors }
}

fn tally(measure: Measure, scores: &[u8]) -> Tally {
    let mut tally = Tally::new(measure);
    for score in scores {
        assert!(tally.add(&value(measure, *score)), "{score}");
    }
    tally
}

/// A valid answer of a measure from any number.
fn value(measure: Measure, score: u8) -> Value {
    match measure {
        Measure::Nps => Value::Nps(score % 11),
        Measure::Csat => Value::Csat { score: i16::from(score % 5) + 1, scale: Scale::FIVE },
        Measure::Ces => Value::Ces(score % 7 + 1),
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn the_difference_of_two_nps_is_what_other_software_says() {
    let (one, other) = (nps(30, 50, 20), nps(45, 35, 40));
    let plain = nps_difference_wald(&one, &other, 0.95).unwrap();
    assert!(
        close(plain.low, -26.190_850_205_8, 1e-9) && close(plain.high, 14.524_183_539_13, 1e-9),
        "{plain:?}"
    );
    let found = compare(&Tally::Nps(one), &Tally::Nps(other), 0.95).unwrap();
    assert!(close(found.difference, -35.0 / 6.0, 1e-12));
    assert!(
        close(found.interval.low, -25.695_686_692_37, 1e-9)
            && close(found.p_value, 0.581_196_262_431_6, 1e-9)
    );
    assert_eq!(found.test, Test::NpsDifference);
}

#[test]
fn the_difference_of_two_means_is_what_other_software_says() {
    let (one, other) =
        ([7.0, 5.0, 6.0, 6.0, 4.0, 7.0, 3.0, 6.0], [4.0, 2.0, 5.0, 3.0, 6.0, 1.0, 4.0, 4.0, 3.0, 5.0]);
    let found = compare(&Tally::Ces(Sample::of(one)), &Tally::Ces(Sample::of(other)), 0.95).unwrap();
    assert!(close(found.interval.low, -3.262_448_146_815_763, 1e-7), "{found:?}");
    assert!(close(found.interval.high, -0.337_551_853_184_236_5, 1e-7));
    assert!(close(found.p_value, 0.019_082_945_273_012_034, 1e-7));
    let Test::Welch { df } = found.test else { panic!("{:?}", found.test) };
    assert!(close(df, 15.482_790_561_622_465, 1e-9));
}

#[test]
fn the_difference_of_two_shares_is_newcombes() {
    // The first example of Newcombe 1998: 56 of 70 and 48 of 80.
    let (one, other) = (Csat { satisfied: 56, answers: 70 }, Csat { satisfied: 48, answers: 80 });
    let found = compare(&Tally::Csat(other), &Tally::Csat(one), 0.95).unwrap();
    assert!(close(found.interval.low, 0.0524, 1e-4) && close(found.interval.high, 0.3339, 1e-4), "{found:?}");
    let at = proportion::newcombe_difference(56, 70, 48, 80, 1.0 - found.p_value).unwrap();
    assert!(at.low.abs() < 1e-9, "0 lies on the edge at the p-value: {at:?}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let ces = |values: &[f64]| Tally::Ces(Sample::of(values.iter().copied()));
    let some = ces(&[1.0, 2.0]);
    assert_eq!(compare(&some, &Tally::new(Measure::Nps), 0.95), Err(Error::TooFew(0, 1)));
    let different = compare(&some, &Tally::Nps(nps(1, 0, 0)), 0.95);
    assert_eq!(different, Err(Error::Measures(Measure::Ces, Measure::Nps)));
    assert_eq!(compare(&some, &ces(&[3.0]), 0.95), Err(Error::TooFew(1, 2)));
    assert_eq!(compare(&ces(&[3.0, 3.0]), &ces(&[4.0, 4.0]), 0.95), Err(Error::NoSpread));
    for none in [0.0, 1.0, f64::NAN, 95.0] {
        assert!(matches!(compare(&some, &some, none), Err(Error::Confidence(_))), "{none}");
    }
}

#[test]
fn answers_that_all_agree_are_still_uncertain() {
    let found = compare(&Tally::Nps(nps(3, 0, 0)), &Tally::Nps(nps(0, 0, 3)), 0.95).unwrap();
    assert!(found.interval.width() > 50.0 && found.small_sample);
    let one = tally(Measure::Ces, &[3]).figure(0.95).unwrap().unwrap();
    assert_eq!((one.interval.low, one.interval.high), (1.0, 7.0));
}

/// xorshift64*: the same numbers on every run.
fn random(state: &mut u64) -> f64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn without_a_difference_few_comparisons_find_one_and_intervals_cover_the_real_one() {
    let mut state = 42;
    for measure in MEASURES {
        for n in [12, 40, 150] {
            let (mut found, mut covered, runs) = (0, 0, 1_500);
            for _ in 0..runs {
                let mut draw = |shift: u8| -> Vec<u8> {
                    (0..n).map(|_| (random(&mut state) * 5.0) as u8 + shift).collect()
                };
                let (one, other, apart) = (tally(measure, &draw(2)), tally(measure, &draw(2)), 0.0);
                found += u32::from(compare(&one, &other, 0.95).is_ok_and(|c| c.is_significant()));
                covered += u32::from(compare(&one, &other, 0.95).is_ok_and(|c| c.interval.contains(apart)));
            }
            let (false_alarms, coverage) =
                (f64::from(found) / f64::from(runs), f64::from(covered) / f64::from(runs));
            assert!(false_alarms < 0.066, "{measure:?} of {n}: {false_alarms}");
            assert!(coverage > 0.934, "{measure:?} of {n}: {coverage}");
        }
    }
}

#[test]
fn intervals_of_nps_differences_cover_a_real_difference() {
    let mut state = 7;
    // Promoters and detractors of 0.5 and 0.2 against 0.3 and 0.4: 30 and −10.
    let mut draw = |n: u64, up: f64, down: f64| {
        let mut counts = nps(0, 0, 0);
        for _ in 0..n {
            let at = random(&mut state);
            if at < up {
                counts.promoters += 1;
            } else if at < up + down {
                counts.detractors += 1;
            } else {
                counts.passives += 1;
            }
        }
        Tally::Nps(counts)
    };
    for n in [10, 30, 100] {
        let runs = 2_000;
        let inside = (0..runs).filter(|_| {
            let (one, other) = (draw(n, 0.5, 0.2), draw(n, 0.3, 0.4));
            compare(&one, &other, 0.95).unwrap().interval.contains(-40.0)
        });
        let coverage = inside.count() as f64 / f64::from(runs);
        assert!(coverage > 0.935, "{n}: {coverage}");
    }
}

#[test]
fn periods_are_those_of_the_companys_calendar() {
    let answered = |time: &str, score: u8| (Timestamp::parse(time).unwrap(), Value::Nps(score));
    let answers = [
        answered("2026-01-31T23:30:00Z", 10), // already February in Berlin
        answered("2026-01-15T12:00:00Z", 0),
        answered("2026-04-01T00:00:00Z", 10),
    ];
    let of = |period, zone: Tz| {
        trend(Measure::Nps, answers.iter().map(|(t, v)| (*t, v)), period, zone, 0.95).unwrap()
    };
    let months = of(Period::Month, Tz::Europe__Berlin);
    let values: Vec<_> = months.iter().map(|point| point.figure.map(|f| f.value)).collect();
    assert_eq!(values, [Some(-100.0), Some(100.0), None, Some(100.0)]);
    assert_eq!(months[3].change.unwrap().difference, 0.0, "against the latest month with answers");
    let utc: Vec<u64> = of(Period::Month, Tz::UTC).iter().map(|point| point.tally.answers()).collect();
    assert_eq!(utc, [2, 0, 0, 1]);
    let quarters: Vec<NaiveDate> = of(Period::Quarter, Tz::UTC).iter().map(|point| point.from).collect();
    assert_eq!(quarters, ["2026-01-01".parse().unwrap(), "2026-04-01".parse().unwrap()]);
    let weeks = of(Period::Week, Tz::UTC);
    assert_eq!((weeks[0].from, weeks.len()), ("2026-01-12".parse().unwrap(), 12));
}

#[test]
fn a_trend_has_bounds_and_may_be_empty() {
    let far = [(Timestamp(0), Value::Nps(9)), (at_day(0), Value::Nps(9))];
    let of = |period| trend(Measure::Nps, far.iter().map(|(t, v)| (*t, v)), period, Tz::UTC, 0.95);
    assert!(matches!(of(Period::Day), Err(Error::TooManyPeriods(_))));
    assert_eq!(of(Period::Month).unwrap().len(), 56 * 12 + 1);
    let none: [(Timestamp, &Value); 0] = [];
    assert_eq!(trend(Measure::Ces, none, Period::Day, Tz::UTC, 0.95), Ok(Vec::new()));
    let never = [(Timestamp(i64::MAX), &far[0].1)];
    assert_eq!(trend(Measure::Nps, never, Period::Day, Tz::UTC, 0.95), Err(Error::Time));
}

#[test]
fn a_slope_is_found_where_there_is_one() {
    let mut state = 5;
    let mut series = |rise: f64| {
        let mut answers = Vec::new();
        for month in 0..12 {
            for _ in 0..60 {
                let satisfied = random(&mut state) < 0.4 + rise * f64::from(month);
                answers.push((
                    at_day(i64::from(month) * 31),
                    value(Measure::Csat, if satisfied { 4 } else { 1 }),
                ));
            }
        }
        let points =
            trend(Measure::Csat, answers.iter().map(|(t, v)| (*t, v)), Period::Month, Tz::UTC, 0.95).unwrap();
        slope(&points, 0.95).unwrap().unwrap()
    };
    for rise in [0.03, 0.0] {
        let found: Vec<_> = (0..200).map(|_| series(rise)).collect();
        let covered = found.iter().filter(|slope| slope.interval.contains(rise)).count();
        assert!(covered >= 182, "{rise}: {covered} of 200");
        let seen = found.iter().filter(|slope| slope.p_value < 0.05).count();
        assert!(if rise > 0.0 { seen > 195 } else { seen < 20 }, "{rise}: {seen} of 200");
    }
    assert_eq!(slope(&[], 0.95), Ok(None));
}

#[test]
fn segments_are_corrected_for_looking_at_many() {
    let mut groups: BTreeMap<String, Tally> =
        (0..9).map(|n| (format!("s{n}"), Tally::Nps(nps(40 + n % 3, 30, 30)))).collect();
    groups.insert("bad".to_owned(), Tally::Nps(nps(5, 15, 80)));
    groups.insert("empty".to_owned(), Tally::new(Measure::Nps));
    let found = segments(&groups, 0.95).unwrap();
    assert_eq!(found.len(), 10);
    assert_eq!(found[0].segment, "bad");
    assert!(found[0].corrected_p < 1e-6);
    assert!(found[1..].iter().all(|s| s.corrected_p > 0.05 && s.corrected_p >= s.comparison.p_value));
    groups.insert("other".to_owned(), Tally::new(Measure::Ces));
    assert!(matches!(segments(&groups, 0.95), Err(Error::Measures(..))));
}

#[test]
fn the_response_rate_is_wilsons() {
    let mut rate = ResponseRate::default();
    (0..148).for_each(|n| rate.add(n < 15));
    let figure = rate.figure(0.95).unwrap().unwrap();
    // Newcombe 1998, one sample: 15 of 148.
    assert!(
        close(figure.interval.low, 0.0624, 1e-4) && close(figure.interval.high, 0.1605, 1e-4),
        "{figure:?}"
    );
    assert_eq!(ResponseRate { asked: 1, answered: 2 }.figure(0.95), Ok(None));
    assert_eq!(ResponseRate::default().figure(0.95), Ok(None));
}

fn traits(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn margin(name: &str, shares: &[(&str, f64)]) -> Margin {
    let shares = shares.iter().map(|(category, share)| ((*category).to_owned(), *share)).collect();
    Margin { trait_name: name.to_owned(), shares }
}

#[test]
fn post_stratification_is_population_share_over_sample_share() {
    let weights =
        post_stratify(&["a", "a", "a", "b"], &margin("", &[("a", 0.5), ("b", 0.5)]).shares).unwrap();
    for (weight, expected) in weights.values.iter().zip([2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0]) {
        assert!(close(*weight, expected, 1e-12));
    }
    // Kish: 16 / (3 · 4/9 + 4).
    assert!(close(weights.effective, 3.0, 1e-12) && close(weights.design_effect, 4.0 / 3.0, 1e-12));
}

#[test]
fn weighting_takes_a_known_bias_out() {
    // Half the customers are new and unhappy, but only one in ten of them answers.
    let answers: Vec<(&str, Value)> =
        (0..100).map(|n| if n < 10 { ("new", Value::Nps(2)) } else { ("old", Value::Nps(10)) }).collect();
    let cells: Vec<&str> = answers.iter().map(|(cell, _)| *cell).collect();
    let weights = post_stratify(&cells, &margin("", &[("new", 0.5), ("old", 0.5)]).shares).unwrap();
    let pairs = answers.iter().map(|(_, value)| value).zip(weights.values.iter().copied());
    let found = weighted(Measure::Nps, pairs, 0.95).unwrap().unwrap();
    assert!(close(found.unweighted, 80.0, 1e-12) && found.figure.value.abs() < 1e-9, "{found:?}");
    assert!(close(found.effective, weights.effective, 1e-12) && found.effective < 37.0);
    let plain = compare_width(&answers);
    assert!(found.figure.interval.width() > plain, "weights cost precision");
}

fn compare_width(answers: &[(&str, Value)]) -> f64 {
    let mut tally = Tally::new(Measure::Nps);
    answers.iter().for_each(|(_, value)| assert!(tally.add(value)));
    tally.figure(0.95).unwrap().unwrap().interval.width()
}

#[test]
fn raking_says_what_it_cannot_do() {
    let rows = [traits(&[("plan", "free")]), traits(&[("plan", "pro")])];
    let rows: Vec<_> = rows.iter().collect();
    let with = |margin: Margin| rake(&rows, &[margin], &Raking::default()).unwrap_err();
    let some = |shares: &[(&str, f64)]| with(margin("plan", shares));
    assert!(
        matches!(some(&[("free", 0.5), ("pro", 0.4)]), Error::Share { share, .. } if close(share, 0.9, 1e-12))
    );
    assert!(matches!(some(&[("free", 1.0), ("pro", 0.0)]), Error::Share { .. }));
    assert!(matches!(some(&[("free", 1.0)]), Error::NoShare { category, .. } if category == "pro"));
    let missing = some(&[("free", 0.5), ("pro", 0.3), ("team", 0.2)]);
    assert!(matches!(missing, Error::NobodyAnswered { category, .. } if category == "team"));
    assert_eq!(with(margin("age", &[("old", 1.0)])), Error::Nobody("age".to_owned()));
    assert!(matches!(rake(&[], &[], &Raking::default()), Err(Error::Nobody(_))));
    let cap = Raking { cap: Some(0.5), ..Raking::default() };
    assert_eq!(rake(&rows, &[], &cap), Err(Error::Cap(0.5)));
}

#[test]
fn feedback_feeds_the_tallies_and_other_kinds_are_passed_over() {
    let mut csat = Tally::new(Measure::Csat);
    for (kind, value, taken) in
        [("csat", "4", true), ("csat", "3", true), ("nps", "9", false), ("comment", "x", false)]
    {
        assert_eq!(csat.add(&feedback("a", kind, value).value), taken);
    }
    assert_eq!((csat.answers(), csat.value()), (2, Some(0.5)));
}

fn scores() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 2..60)
}

fn measure() -> impl Strategy<Value = Measure> {
    prop::sample::select(MEASURES.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_p_value_and_the_interval_agree(
        measure in measure(), one in scores(), other in scores(), confidence in 0.5f64..0.999,
    ) {
        let found = compare(&tally(measure, &one), &tally(measure, &other), confidence);
        if let Ok(found) = found {
            prop_assert!((0.0..=1.0).contains(&found.p_value));
            // Right at the edge either may fall by rounding.
            if (found.p_value - (1.0 - confidence)).abs() > 1e-6 {
                prop_assert_eq!(found.is_significant(), found.p_value < 1.0 - confidence, "{:?}", found);
            }
            prop_assert!(measure == Measure::Nps || found.interval.contains(found.difference));
        } else {
            prop_assert_eq!(found, Err(Error::NoSpread));
        }
    }

    #[test]
    fn comparing_the_other_way_round_turns_the_sign(measure in measure(), one in scores(), other in scores()) {
        let (one, other) = (tally(measure, &one), tally(measure, &other));
        if let (Ok(there), Ok(back)) = (compare(&one, &other, 0.95), compare(&other, &one, 0.95)) {
            let Comparison { interval, .. } = there;
            prop_assert!(close(interval.low, -back.interval.high, 1e-9) && close(interval.high, -back.interval.low, 1e-9));
            prop_assert!(close(there.p_value, back.p_value, 1e-6));
        }
        if let Ok(same) = compare(&one, &one, 0.95) {
            prop_assert!(same.interval.contains(0.0) && same.p_value > 0.999);
        }
    }

    #[test]
    fn tallies_add_up(measure in measure(), one in scores(), other in scores()) {
        let all: Vec<u8> = one.iter().chain(&other).copied().collect();
        let merged = tally(measure, &one).merged(tally(measure, &other)).unwrap();
        let at_once = tally(measure, &all);
        prop_assert_eq!(merged.answers(), at_once.answers());
        prop_assert!(close(merged.value().unwrap(), at_once.value().unwrap(), 1e-9));
        let codes: Vec<f64> = all.iter().map(|s| measure.code(&value(measure, *s)).unwrap()).collect();
        prop_assert!(close(at_once.value().unwrap(), codes.iter().sum::<f64>() / codes.len() as f64, 1e-9));
    }

    #[test]
    fn a_trend_keeps_every_answer_and_lies_side_by_side(
        answers in prop::collection::vec((0i64..300 * 24, any::<u8>()), 1..80),
        period in prop::sample::select(vec![Period::Day, Period::Week, Period::Month, Period::Quarter]),
        zone in prop::sample::select(vec![Tz::UTC, Tz::America__New_York, Tz::Pacific__Apia, Tz::Asia__Kathmandu]),
    ) {
        let answers: Vec<(Timestamp, Value)> = answers.into_iter()
            .map(|(hour, score)| (at_day(0).plus_millis(hour * 3_600_000), value(Measure::Ces, score))).collect();
        let points = trend(Measure::Ces, answers.iter().map(|(t, v)| (*t, v)), period, zone, 0.9).unwrap();
        prop_assert_eq!(points.iter().map(|p| p.tally.answers()).sum::<u64>(), answers.len() as u64);
        prop_assert!(points.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].from < pair[0].to));
        prop_assert!(points[0].figure.is_some() && points[points.len() - 1].figure.is_some());
        prop_assert!(points.iter().all(|p| p.figure.is_none() == (p.tally.answers() == 0)));
    }

    #[test]
    fn raking_meets_its_targets_and_keeps_what_traits_have_to_do_with_each_other(
        counts in prop::collection::vec(1usize..12, 4..=4),
        first in 0.1f64..0.9,
        second in 0.1f64..0.9,
    ) {
        let mut rows = Vec::new();
        for (cell, count) in counts.iter().enumerate() {
            let plan = if cell < 2 { "free" } else { "pro" };
            let age = if cell % 2 == 0 { "new" } else { "old" };
            rows.extend((0..*count).map(|_| traits(&[("plan", plan), ("age", age)])));
        }
        let rows: Vec<_> = rows.iter().collect();
        let margins = [
            margin("plan", &[("free", first), ("pro", 1.0 - first)]),
            margin("age", &[("new", second), ("old", 1.0 - second)]),
        ];
        let free = Raking { cap: None, rounds: 5_000, ..Raking::default() };
        let found = rake(&rows, &margins, &free).unwrap();
        prop_assert!(found.off <= 1e-9, "{}", found.off);
        prop_assert!(found.values.iter().all(|w| *w > 0.0));
        prop_assert!(close(found.values.iter().sum::<f64>(), rows.len() as f64, 1e-9));
        prop_assert!(found.effective <= rows.len() as f64 + 1e-9 && found.design_effect >= 1.0 - 1e-12);
        // The odds ratio of the cells is what it was (Deming & Stephan 1940).
        let mut cells = [0.0; 4];
        let mut at = 0;
        for (cell, count) in counts.iter().enumerate() {
            cells[cell] = found.values[at..at + count].iter().sum();
            at += count;
        }
        let ratio = |c: [f64; 4]| c[0] * c[3] / (c[1] * c[2]);
        let before = [counts[0] as f64, counts[1] as f64, counts[2] as f64, counts[3] as f64];
        prop_assert!(close(ratio(cells), ratio(before), 1e-6));
        let capped = rake(&rows, &margins, &Raking { cap: Some(1.5), ..free }).unwrap();
        prop_assert!(capped.values.iter().all(|w| *w <= 1.5 + 1e-9));
        prop_assert!(close(capped.values.iter().sum::<f64>(), rows.len() as f64, 1e-9));
    }

    #[test]
    fn who_lacks_a_trait_takes_no_part_in_its_shares(known in 2usize..20, unknown in 0usize..20, share in 0.1f64..0.9) {
        let mut rows: Vec<_> = (0..known).map(|n| traits(&[("plan", if n == 0 { "pro" } else { "free" })])).collect();
        rows.extend((0..unknown).map(|_| traits(&[("other", "x")])));
        let rows: Vec<_> = rows.iter().collect();
        let margins = [margin("plan", &[("free", 1.0 - share), ("pro", share)])];
        let found = rake(&rows, &margins, &Raking { cap: None, ..Raking::default() }).unwrap();
        prop_assert!(found.off < 1e-9);
        prop_assert!(found.values[known..].iter().all(|w| close(*w, 1.0, 1e-9)));
    }

    #[test]
    fn equal_weights_change_nothing(measure in measure(), scores in scores(), weight in 0.01f64..100.0) {
        let values: Vec<Value> = scores.iter().map(|score| value(measure, *score)).collect();
        let found = weighted(measure, values.iter().map(|v| (v, weight)), 0.95).unwrap().unwrap();
        let plain = tally(measure, &scores).figure(0.95).unwrap().unwrap();
        prop_assert!(close(found.figure.value, plain.value, 1e-9) && close(found.unweighted, plain.value, 1e-9));
        prop_assert!(close(found.figure.interval.low, plain.interval.low, 1e-6), "{:?} {:?}", found, plain);
        prop_assert!(close(found.figure.interval.high, plain.interval.high, 1e-6));
        prop_assert!(close(found.effective, scores.len() as f64, 1e-9));
    }

    #[test]
    fn figures_stay_within_what_is_possible(
        measure in measure(),
        answers in prop::collection::vec((any::<u8>(), 0.001f64..1000.0), 1..30),
    ) {
        let values: Vec<(Value, f64)> = answers.iter().map(|(s, w)| (value(measure, *s), *w)).collect();
        let found = weighted(measure, values.iter().map(|(v, w)| (v, *w)), 0.95).unwrap().unwrap();
        let (low, high) = measure.bounds();
        prop_assert!(low - 1e-9 <= found.figure.value && found.figure.value <= high + 1e-9);
        prop_assert!(low <= found.figure.interval.low && found.figure.interval.high <= high);
        prop_assert!(found.figure.interval.low <= found.figure.interval.high);
        prop_assert!(1.0 - 1e-9 <= found.effective && found.effective <= answers.len() as f64 + 1e-9);
    }
}
