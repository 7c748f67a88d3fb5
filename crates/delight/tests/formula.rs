//! Two formulas over the same moments.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use elate_delight::formula::{Comparison, Pair, differences, spearman};
use elate_delight::score::{Folded, batch};
use elate_delight::{Applied, DelightParams, DelightState, Moment};
use elate_domain::{CustomerId, Timestamp};
use proptest::prelude::*;

fn pairs(scores: &[(f64, f64)]) -> Vec<Pair> {
    scores.iter().map(|&(running, candidate)| Pair { running, candidate }).collect()
}

fn customer(number: u128) -> CustomerId {
    CustomerId(uuid::Uuid::from_u128(number + 1))
}

#[test]
fn ranks_correlate_as_published() {
    // Without ties: 1 − 6 Σ d² / (n (n² − 1)); the example of ten pupils with Σ d² = 194.
    let pupils = [
        (106.0, 7.0),
        (86.0, 0.0),
        (100.0, 27.0),
        (101.0, 50.0),
        (99.0, 28.0),
        (103.0, 29.0),
        (97.0, 20.0),
        (113.0, 12.0),
        (112.0, 6.0),
        (110.0, 17.0),
    ];
    assert!((spearman(&pairs(&pupils)).unwrap() - (1.0 - 6.0 * 194.0 / 990.0)).abs() < 1e-12);
    // With ties: ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4 are Pearson's 4.5 / √(4.5 · 5).
    let tied = pairs(&[(1.0, 1.0), (2.0, 3.0), (2.0, 2.0), (3.0, 4.0)]);
    assert!((spearman(&tied).unwrap() - 4.5 / 22.5_f64.sqrt()).abs() < 1e-12);
    assert_eq!(spearman(&pairs(&[(1.0, 5.0), (2.0, 5.0)])), None);
    assert_eq!(spearman(&pairs(&[(1.0, 5.0)])), None);
    assert_eq!(spearman(&[]), None);
}

#[test]
fn who_is_moved_most_is_found_among_many() {
    let mut comparison = Comparison::default();
    for number in 0..5_000_u32 {
        // A shift of its own for each customer, in no order, up and down.
        let place = f64::from(number * 1_237 % 5_000);
        let shift = if number % 2 == 0 { place / 200.0 } else { -place / 200.0 };
        comparison.add(customer(u128::from(number)), Pair { running: 50.0, candidate: 50.0 + shift });
    }
    let summary = comparison.summary();
    assert_eq!(summary.customers, 5_000);
    assert_eq!(summary.rank_correlation, None, "all stand at 50");
    let sizes: Vec<f64> = summary.movers.iter().map(|mover| mover.pair.shift().abs()).collect();
    let expected: Vec<f64> = (0..100).map(|place| f64::from(4_999 - place) / 200.0).collect();
    assert_eq!(sizes.len(), 100);
    assert!(sizes.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{sizes:?}");
    assert!((summary.mean_shift - 12.4975).abs() < 1e-9 && summary.shifts[0] < -19.0, "{summary:?}");
}

prop_compose! {
    fn story()(parts in prop::collection::vec((0_i64..90 * 24, -5.0..5.0_f64, 0.0..2.0_f64), 1..80)) -> Vec<Moment> {
        let moment = |(place, (hour, gap, weight)): (usize, (i64, f64, f64))| Moment {
            id: format!("m{place}"),
            at: Timestamp(hour * 3_600_000),
            offset: place as u64,
            gap,
            weight,
        };
        parts.into_iter().enumerate().map(moment).collect()
    }
}

fn other() -> DelightParams {
    DelightParams {
        half_life_millis: 9 * 86_400_000,
        curvature: 0.6,
        loss_aversion: 3.0,
        ..Default::default()
    }
}

proptest! {
    #[test]
    fn differences_of_moments_add_up_to_the_shift(moments in story()) {
        let (running, candidate, t) = (DelightParams::default(), other(), Timestamp(100 * 86_400_000));
        let shift = batch::score(&candidate, &moments, t) - batch::score(&running, &moments, t);
        let found = differences(&running, &candidate, &moments, t);
        let sum: f64 = found.iter().map(elate_delight::formula::Difference::points).sum();
        prop_assert!((sum - shift).abs() < 1e-9);
        prop_assert!(found.windows(2).all(|two| two[0].points().abs() >= two[1].points().abs()));
    }

    /// A state that is given sums under another formula is the state that formula would have carried along.
    #[test]
    fn a_refolded_state_is_the_other_formula_s(mut moments in story()) {
        moments.sort_by_key(|moment| (moment.at, moment.offset));
        let (mut state, mut wanted) = (DelightState::new(), DelightState::new());
        for moment in &moments {
            prop_assert_eq!(state.apply(&DelightParams::default(), moment.clone(), 0), Applied::Added);
            prop_assert_eq!(wanted.apply(&other(), moment.clone(), 0), Applied::Added);
        }
        let kept: Vec<&str> = state.recent().iter().map(|moment| moment.id.as_str()).collect();
        let older: Vec<Moment> =
            moments.iter().filter(|moment| !kept.contains(&moment.id.as_str())).cloned().collect();
        prop_assert_eq!(older.len() as u64, state.folded());
        if let Some((_, rest)) = older.split_first() {
            prop_assert!(!state.refold(Folded::over(&other(), rest)), "one moment is missing");
        }
        prop_assert!(state.refold(Folded::over(&other(), &older)));
        prop_assert_eq!(state, wanted);
    }
}
