//! What the score guarantees, for any moments.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DAY, day, gap, later, moment, moments, some_moments, weight, weighted};
use elate_delight::score::{Direction, batch};
use elate_delight::{DelightParams, Moment};
use elate_domain::Timestamp;
use proptest::prelude::*;

fn score(moments: &[Moment]) -> f64 {
    batch::score(&DelightParams::default(), moments, later())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_stays_strictly_within_its_bounds(moments in moments(30)) {
        let score = score(&moments);
        prop_assert!(score > 0.0 && score < 100.0);
    }

    #[test]
    fn it_never_falls_when_a_gap_rises(mut moments in some_moments(1, 12), place in any::<prop::sample::Index>(), rise in 0.0..8.0) {
        let before = score(&moments);
        let place = place.index(moments.len());
        moments[place].gap += rise;
        prop_assert!(score(&moments) >= before - 1e-9);
    }

    #[test]
    fn it_is_continuous_in_every_gap(mut moments in some_moments(1, 12), place in any::<prop::sample::Index>()) {
        let before = score(&moments);
        let place = place.index(moments.len());
        moments[place].gap += 1e-9;
        // The value function is steepest at 0, where 1e-9 becomes 2.25e-7.92.
        prop_assert!((score(&moments) - before).abs() < 1e-4);
    }

    #[test]
    fn a_wow_never_lowers_it(mut moments in moments(12), day in day(), gap in 1.0..6.0, weight in weight()) {
        let before = score(&moments);
        moments.push(weighted(999, day, gap, weight));
        prop_assert!(score(&moments) >= before - 1e-9);
    }

    #[test]
    fn a_miserable_moment_never_raises_it(mut moments in moments(12), day in day(), gap in -6.0..=-1.0, weight in weight()) {
        let before = score(&moments);
        moments.push(weighted(999, day, gap, weight));
        prop_assert!(score(&moments) <= before + 1e-9);
    }

    #[test]
    fn left_alone_it_goes_to_the_middle_and_never_past(moments in moments(12), days in prop::collection::vec(0.0f64..400.0, 1..6)) {
        let params = DelightParams::default();
        let mut t = later();
        let mut off = score(&moments) - 50.0;
        for days in days {
            t = t.plus_millis((days * DAY as f64) as i64);
            let next = batch::score(&params, &moments, t) - 50.0;
            prop_assert!(next * off >= 0.0 && next.abs() <= off.abs() + 1e-12);
            off = next;
        }
        prop_assert!((batch::score(&params, &moments, t.plus_millis(3000 * DAY)) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn order_at_equal_times_does_not_matter(moments in moments(12), seed in any::<u64>()) {
        let mut renumbered = moments.clone();
        let count = renumbered.len() as u64;
        for (place, moment) in renumbered.iter_mut().enumerate() {
            moment.offset = (place as u64).wrapping_mul(seed | 1) % (count * 7 + 1);
        }
        renumbered.reverse();
        prop_assert!((score(&renumbered) - score(&moments)).abs() < 1e-9);
    }

    #[test]
    fn moments_of_weight_zero_do_not_matter(mut moments in moments(12), day in day(), gap in gap()) {
        let before = score(&moments);
        moments.push(weighted(999, day, gap, 0.0));
        prop_assert!((score(&moments) - before).abs() < 1e-9);
    }

    #[test]
    fn contributions_add_up_and_have_the_sign_of_their_value(moments in moments(20), days in 0.0f64..60.0) {
        let params = DelightParams::default();
        let t = later().plus_millis((days * DAY as f64) as i64);
        let explanation = batch::explain(&params, &moments, t);
        let sum: f64 = explanation.contributions.iter().map(|c| c.points).sum();
        prop_assert!((sum - (explanation.delight - 50.0)).abs() < 1e-9);
        for part in &explanation.contributions {
            prop_assert!(part.points * params.value(part.gap) >= 0.0);
        }
    }

    #[test]
    fn a_neutral_history_is_neutral(mut moments in moments(12)) {
        for moment in &mut moments { moment.gap = 0.0; }
        prop_assert_eq!(score(&moments), 50.0);
    }

    #[test]
    fn the_interval_has_the_score_s_side_and_widens(moments in moments(20), days in 1.0f64..200.0) {
        let params = DelightParams::default();
        let now = batch::interval(&params, &moments, later(), 0.9).unwrap();
        prop_assert!(0.0 <= now.low && now.low < now.high && now.high <= 100.0);
        let t = later().plus_millis((days * DAY as f64) as i64);
        let then = batch::interval(&params, &moments, t, 0.9).unwrap();
        prop_assert!(then.width() >= now.width() - 1e-6);
    }

    #[test]
    fn crossings_by_decay_are_found_in_order_and_to_the_millisecond(
        moments in moments(12), thresholds in prop::collection::vec(1.0f64..99.0, 1..5),
    ) {
        let params = DelightParams::default();
        let level = batch::level(&params, &moments, later());
        let found = level.next_crossing(&params, later(), &thresholds);
        let now = level.delight(&params, later());
        let horizon = found.map_or(later().plus_millis(4000 * DAY), |c| Timestamp(c.at.0 - 1));
        for threshold in &thresholds {
            // Nothing is crossed before the crossing that was found.
            let crossed = Direction::of(now, level.delight(&params, horizon.max(later())), *threshold);
            prop_assert_eq!(crossed, None);
        }
        if let Some(crossing) = found {
            prop_assert!(crossing.at > later());
            let then = level.delight(&params, crossing.at);
            prop_assert_eq!(Direction::of(now, then, crossing.threshold), Some(crossing.direction));
        }
    }
}

#[test]
fn symmetric_noise_lies_below_the_middle() {
    let noise: Vec<Moment> =
        (0..100).map(|n| moment(n, n as f64, if n % 2 == 0 { 1.0 } else { -1.0 })).collect();
    assert!(score(&noise) < 50.0);
}
