//! The incremental state against the formula from scratch: whatever arrives in whatever order, they agree.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DAY, gap, later, moments, some_moments, weight};
use elate_delight::score::batch;
use elate_delight::{Applied, DelightParams, DelightState, Moment};
use proptest::prelude::*;

fn params(recent: usize) -> DelightParams {
    DelightParams { recent, ..DelightParams::default() }
}

/// What a service does: apply, and rebuild from the stored moments when asked.
fn deliver(
    params: &DelightParams,
    state: &mut DelightState,
    stored: &mut Vec<Moment>,
    moment: Moment,
    revision: u32,
) -> bool {
    stored.retain(|m| m.id != moment.id);
    stored.push(moment.clone());
    match state.apply(params, moment, revision) {
        Applied::Added | Applied::Revised => false,
        Applied::NeedsRebuild => {
            *state = DelightState::rebuild(params, stored);
            true
        }
    }
}

fn agree(params: &DelightParams, state: &DelightState, stored: &[Moment]) -> Result<(), TestCaseError> {
    for days in [0, 3, 90] {
        let t = later().plus_millis(days * DAY);
        let (batch, incremental) = (batch::score(params, stored, t), state.delight(params, t));
        prop_assert!((batch - incremental).abs() < 1e-9, "batch {batch}, incremental {incremental}");
        let batch = batch::level(params, stored, t).effective_moments(params, t);
        let incremental = state.level(params).effective_moments(params, t);
        prop_assert!((batch - incremental).abs() < 1e-9 * batch.max(1.0));
    }
    prop_assert_eq!(state.count(), stored.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arrivals_in_any_order_and_revisions_agree_with_the_batch(
        moments in moments(24),
        recent in 1usize..8,
        revisions in prop::collection::vec((any::<prop::sample::Index>(), gap(), weight(), 0i64..5), 0..10),
    ) {
        let params = params(recent);
        let (mut state, mut stored) = (DelightState::new(), Vec::new());
        for moment in &moments {
            deliver(&params, &mut state, &mut stored, moment.clone(), 0);
        }
        agree(&params, &state, &stored)?;
        for (place, gap, weight, days) in revisions {
            if moments.is_empty() { break; }
            let moment = &moments[place.index(moments.len())];
            let at = moment.at.plus_millis(days * DAY).min(later());
            let revised = Moment { gap, weight, at, ..moment.clone() };
            deliver(&params, &mut state, &mut stored, revised, 1);
            agree(&params, &state, &stored)?;
        }
    }

    #[test]
    fn it_survives_storage(moments in moments(24), recent in 1usize..8) {
        let params = params(recent);
        let state = DelightState::rebuild(&params, &moments);
        let text = serde_json::to_string(&state).unwrap();
        let back: DelightState = serde_json::from_str(&text).unwrap();
        prop_assert!((back.delight(&params, later()) - state.delight(&params, later())).abs() < 1e-12);
    }

    #[test]
    fn what_is_kept_is_bounded(moments in moments(60), recent in 1usize..8) {
        let params = params(recent);
        let (mut state, mut stored) = (DelightState::new(), Vec::new());
        for moment in moments {
            deliver(&params, &mut state, &mut stored, moment, 0);
            prop_assert!(state.recent().len() <= recent);
        }
    }

    #[test]
    fn merged_customers_have_the_score_of_both_histories(moments in moments(24), cut in 0usize..24, recent in 1usize..8) {
        let params = params(recent);
        let (ours, theirs) = moments.split_at(cut.min(moments.len()));
        let mut state = DelightState::rebuild(&params, ours);
        let other = DelightState::rebuild(&params, theirs);
        if state.merge(&params, other) == Applied::NeedsRebuild {
            state = DelightState::rebuild(&params, &moments);
        }
        agree(&params, &state, &moments)?;
    }

    #[test]
    fn a_withdrawn_moment_leaves_no_trace(moments in some_moments(1, 24), place in any::<prop::sample::Index>(), recent in 1usize..8) {
        let params = params(recent);
        let mut state = DelightState::rebuild(&params, &moments);
        let gone = moments[place.index(moments.len())].id.clone();
        let rest: Vec<Moment> = moments.iter().filter(|m| m.id != gone).cloned().collect();
        if !state.remove(&gone) {
            state = DelightState::rebuild(&params, &rest);
        }
        agree(&params, &state, &rest)?;
    }
}

#[test]
fn moments_in_order_and_of_usual_weight_never_need_a_rebuild() {
    let params = params(4);
    let (mut state, mut stored) = (DelightState::new(), Vec::new());
    for place in 0..200 {
        let moment = common::moment(place, place as f64 / 10.0, (place % 7) as f64 - 3.0);
        assert!(!deliver(&params, &mut state, &mut stored, moment, 0));
    }
    // Late by far more than what is kept one by one, and still no rebuild: the end belongs to the newest.
    assert!(!deliver(&params, &mut state, &mut stored, common::moment(999, 0.05, -2.0), 0));
    agree(&params, &state, &stored).unwrap();
}

#[test]
fn histories_that_end_at_one_instant_share_the_end() {
    let params = params(1);
    let stored: Vec<Moment> = (1..=6).map(|id| common::moment(id, 3.0, id as f64 - 4.0)).collect();
    let mut state = DelightState::rebuild(&params, &stored[..3]);
    let other = DelightState::rebuild(&params, &stored[3..]);
    assert_eq!(state.merge(&params, other), Applied::Added);
    agree(&params, &state, &stored).unwrap();
}
