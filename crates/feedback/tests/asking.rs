//! Whether somebody may be asked: cadence, sequence, limits, and what the answer promises.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{DAY, at_day};
use elate_domain::{HumanDuration, Timestamp};
use elate_feedback::asking::{
    After, Asked, Cadence, Fatigue, Limit, Most, Obeys, Reason, Reply, Scope, Survey, Verdict, may_ask,
    next_chance,
};
use elate_feedback::record::FeedbackKind;
use proptest::prelude::*;

fn days(days: u64) -> HumanDuration {
    HumanDuration(Duration::from_secs(days * 86_400))
}

fn asked(survey: &str, kind: FeedbackKind, day: i64) -> Asked {
    Asked { survey: survey.to_owned(), kind, at: at_day(day), reply: Reply::None, counts: true }
}

fn nps(cadence: Cadence) -> Survey {
    Survey { cadence, ..Survey::new("nps", FeedbackKind::Nps) }
}

fn refusal(survey: &Survey, fatigue: &Fatigue, history: &[Asked], day: i64) -> Option<Reason> {
    match may_ask(survey, fatigue, history, at_day(day)) {
        Verdict::Ask => None,
        Verdict::Not { reason } => Some(reason),
    }
}

#[test]
fn once_is_once() {
    let history = [asked("nps", FeedbackKind::Nps, 0)];
    assert_eq!(refusal(&nps(Cadence::Once), &Fatigue::none(), &[], 0), None);
    let reason = refusal(&nps(Cadence::Once), &Fatigue::none(), &history, 1_000);
    assert_eq!(reason, Some(Reason::AskedOften { times: 1 }));
}

#[test]
fn reminders_stop_at_an_answer_a_no_or_the_last_one() {
    let survey = nps(Cadence::UntilAnswered { wait: days(3), most: 2 });
    let mut history = vec![asked("nps", FeedbackKind::Nps, 0)];
    let soon = Reason::TooSoon { scope: Scope::Survey, until: at_day(3) };
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 2), Some(soon));
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 3), None);
    for (reply, reason) in [
        (Reply::Answered(at_day(1)), Reason::Answered { at: at_day(1) }),
        (Reply::Declined(at_day(1)), Reason::Declined { at: at_day(1) }),
    ] {
        history[0].reply = reply;
        assert_eq!(refusal(&survey, &Fatigue::none(), &history, 9), Some(reason));
    }
    history[0].reply = Reply::None;
    history.push(asked("nps", FeedbackKind::Nps, 3));
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 99), Some(Reason::AskedOften { times: 2 }));
}

#[test]
fn a_recurring_survey_comes_back_every_round_with_its_reminders() {
    let survey = nps(Cadence::Recurring { every: days(90), reminders: 1, wait: days(5) });
    let mut history = Vec::new();
    let mut asked_on = Vec::new();
    for day in 0..200 {
        if refusal(&survey, &Fatigue::none(), &history, day).is_none() {
            asked_on.push(day);
            let mut question = asked("nps", FeedbackKind::Nps, day);
            if day >= 90 {
                question.reply = Reply::Answered(at_day(day));
            }
            history.push(question);
        }
    }
    assert_eq!(asked_on, [0, 5, 90, 180]);
    let reason = refusal(&survey, &Fatigue::none(), &history, 200);
    assert_eq!(reason, Some(Reason::NextRound { until: at_day(270) }));
}

#[test]
fn the_workspaces_rest_holds_over_all_surveys_unless_one_goes_its_own_way() {
    let history = [asked("effort", FeedbackKind::Ces, 0)];
    let held = Reason::TooSoon { scope: Scope::Global, until: at_day(7) };
    let mut survey = nps(Cadence::Once);
    assert_eq!(refusal(&survey, &Fatigue::default(), &history, 6), Some(held));
    assert_eq!(refusal(&survey, &Fatigue::default(), &history, 7), None);
    survey.global_limit = Obeys::No;
    assert_eq!(refusal(&survey, &Fatigue::default(), &history, 1), None);
    survey.global_limit = Obeys::Instead(Limit::wait(Duration::from_secs(2 * 86_400)));
    assert_eq!(refusal(&survey, &Fatigue::default(), &history, 1).unwrap().until(), Some(at_day(2)));
    let uncounted = [Asked { counts: false, ..history[0].clone() }];
    assert_eq!(refusal(&nps(Cadence::Once), &Fatigue::default(), &uncounted, 1), None);
}

#[test]
fn a_kind_has_a_limit_of_its_own() {
    let within = Most { count: NonZeroU32::new(2).unwrap(), within: days(30) };
    let limit = Limit { wait: None, most: Some(within) };
    let fatigue = Fatigue { kinds: [(FeedbackKind::Nps, limit)].into(), ..Fatigue::none() };
    let history = [
        asked("a", FeedbackKind::Nps, 0),
        asked("c", FeedbackKind::Ces, 4),
        asked("b", FeedbackKind::Nps, 10),
    ];
    let reason = refusal(&nps(Cadence::Once), &fatigue, &history, 20);
    assert_eq!(reason, Some(Reason::TooMany { scope: Scope::Kind, until: at_day(30) }));
    assert_eq!(refusal(&nps(Cadence::Once), &fatigue, &history, 30), None);
    assert_eq!(refusal(&Survey::new("d", FeedbackKind::Ces), &fatigue, &history, 20), None);
}

#[test]
fn one_survey_may_follow_another() {
    let after = After { survey: "nps".to_owned(), answered: true, wait: days(60) };
    let survey = Survey { after: Some(after), ..Survey::new("effort", FeedbackKind::Ces) };
    let mut history = vec![asked("nps", FeedbackKind::Nps, 0)];
    let missing = Reason::NotAfter { survey: "nps".to_owned() };
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 100), Some(missing));
    history[0].reply = Reply::Answered(at_day(2));
    let soon = Reason::SoonAfter { until: at_day(62) };
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 61), Some(soon));
    assert_eq!(refusal(&survey, &Fatigue::none(), &history, 62), None);
}

#[test]
fn a_survey_has_a_beginning_an_end_and_pauses() {
    let mut survey = Survey { from: Some(at_day(1)), until: Some(at_day(3)), ..nps(Cadence::Always) };
    assert_eq!(refusal(&survey, &Fatigue::none(), &[], 0), Some(Reason::NotYet { until: at_day(1) }));
    assert_eq!(refusal(&survey, &Fatigue::none(), &[], 1), None);
    assert_eq!(refusal(&survey, &Fatigue::none(), &[], 3), Some(Reason::Over { since: at_day(3) }));
    let late = [asked("other", FeedbackKind::Ces, 2)];
    assert_eq!(
        next_chance(&survey, &Fatigue::default(), &late, at_day(2)),
        None,
        "the rest outlasts the survey"
    );
    survey.paused = true;
    assert_eq!(refusal(&survey, &Fatigue::none(), &[], 2), Some(Reason::Paused));
}

fn limit() -> impl Strategy<Value = Limit> {
    let most = (1u32..4, 1u64..40)
        .prop_map(|(count, within)| Most { count: NonZeroU32::new(count).unwrap(), within: days(within) });
    (prop::option::of((0u64..20).prop_map(days)), prop::option::of(most))
        .prop_map(|(wait, most)| Limit { wait, most })
}

fn obeys() -> impl Strategy<Value = Obeys> {
    prop_oneof![3 => Just(Obeys::Yes), 1 => Just(Obeys::No), 1 => limit().prop_map(Obeys::Instead)]
}

fn cadence() -> impl Strategy<Value = Cadence> {
    prop_oneof![
        Just(Cadence::Once),
        Just(Cadence::Always),
        (0u64..10, 1u32..4).prop_map(|(wait, most)| Cadence::UntilAnswered { wait: days(wait), most }),
        (1u64..40, 0u32..3, 0u64..15).prop_map(|(every, reminders, wait)| Cadence::Recurring {
            every: days(every),
            reminders,
            wait: days(wait)
        }),
    ]
}

fn survey() -> impl Strategy<Value = Survey> {
    let bounds = (prop::option::of(0i64..30), prop::option::of(20i64..120));
    let after = prop::option::of((prop::sample::select(vec!["s1", "s2"]), any::<bool>(), 0u64..20));
    (cadence(), limit(), obeys(), obeys(), bounds, after, any::<bool>()).prop_map(
        |(cadence, limit, kind_limit, global_limit, (from, until), after, counts)| Survey {
            cadence,
            limit,
            kind_limit,
            global_limit,
            from: from.map(at_day),
            until: until.map(at_day),
            after: after.map(|(survey, answered, wait)| After {
                survey: survey.to_owned(),
                answered,
                wait: days(wait),
            }),
            counts,
            ..Survey::new("s0", FeedbackKind::Nps)
        },
    )
}

fn history() -> impl Strategy<Value = Vec<Asked>> {
    let question = (0usize..3, any::<bool>(), 0i64..60, 0u8..4, any::<bool>()).prop_map(
        |(s, ces, day, reply, counts)| {
            let reply = match reply {
                0 => Reply::Answered(at_day(day + 1)),
                1 => Reply::Declined(at_day(day + 1)),
                _ => Reply::None,
            };
            let kind = if ces { FeedbackKind::Ces } else { FeedbackKind::Nps };
            Asked { survey: format!("s{s}"), kind, at: at_day(day), reply, counts }
        },
    );
    prop::collection::vec(question, 0..8)
}

fn fatigue() -> impl Strategy<Value = Fatigue> {
    (limit(), prop::option::of(limit())).prop_map(|(global, kind)| Fatigue {
        global,
        kinds: kind.into_iter().map(|limit| (FeedbackKind::Nps, limit)).collect(),
    })
}

proptest! {
    #[test]
    fn a_reason_that_passes_is_gone_at_its_time_and_not_before(
        survey in survey(), fatigue in fatigue(), history in history(), day in 0i64..100,
    ) {
        if let Verdict::Not { reason } = may_ask(&survey, &fatigue, &history, at_day(day))
            && let Some(until) = reason.until()
        {
            prop_assert!(until > at_day(day));
            let before = may_ask(&survey, &fatigue, &history, Timestamp(until.0 - 1));
            prop_assert!(before != Verdict::Ask, "asked before {until}: {reason:?}");
            let then = may_ask(&survey, &fatigue, &history, until);
            prop_assert_ne!(then, Verdict::Not { reason });
        }
    }

    #[test]
    fn the_next_chance_is_the_first_one(
        survey in survey(), fatigue in fatigue(), history in history(), day in 0i64..100,
    ) {
        let now = at_day(day);
        let chance = next_chance(&survey, &fatigue, &history, now);
        // All times here are whole days, so looking day by day misses none.
        let seen = (0..400).map(|more| at_day(day + more)).find(|time| {
            may_ask(&survey, &fatigue, &history, *time) == Verdict::Ask
        });
        prop_assert_eq!(chance, seen);
    }

    #[test]
    fn the_order_of_the_history_does_not_matter(
        survey in survey(), fatigue in fatigue(), history in history(), day in 0i64..100,
    ) {
        // Replies to one survey on one day would tell apart which came first.
        let mut turned = history.clone();
        turned.reverse();
        let (one, other) = (
            may_ask(&survey, &fatigue, &history, at_day(day)),
            may_ask(&survey, &fatigue, &turned, at_day(day)),
        );
        prop_assert_eq!(one == Verdict::Ask, other == Verdict::Ask);
    }

    #[test]
    fn whoever_is_asked_when_allowed_is_never_asked_more_than_the_limits_say(
        fatigue in fatigue(), cadences in prop::collection::vec(cadence(), 1..4), start in 0i64..10,
    ) {
        let surveys: Vec<Survey> = cadences.iter().enumerate()
            .map(|(n, cadence)| Survey { cadence: *cadence, ..Survey::new(format!("s{n}"), FeedbackKind::Nps) })
            .collect();
        let mut history: Vec<Asked> = Vec::new();
        for half_day in start..120 {
            let now = Timestamp(at_day(0).0 + half_day * DAY / 2);
            for survey in &surveys {
                if may_ask(survey, &fatigue, &history, now) == Verdict::Ask && history.len() < 60 {
                    history.push(Asked { at: now, ..asked(&survey.name, survey.kind, 0) });
                }
            }
        }
        let times: Vec<i64> = history.iter().map(|asked| asked.at.0).collect();
        if let Some(wait) = fatigue.global.wait {
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= wait.as_millis()));
        }
        if let Some(most) = fatigue.global.most {
            let count = most.count.get() as usize;
            prop_assert!(times.windows(count + 1).all(|w| w[count] - w[0] >= most.within.as_millis()));
        }
    }

    #[test]
    fn stricter_limits_never_allow_more(survey in survey(), fatigue in fatigue(), history in history(), day in 0i64..100) {
        let free = may_ask(&survey, &Fatigue::none(), &history, at_day(day));
        let strict = may_ask(&survey, &fatigue, &history, at_day(day));
        prop_assert!(!(strict == Verdict::Ask && free != Verdict::Ask));
    }

    #[test]
    fn surveys_survive_json(survey in survey(), fatigue in fatigue()) {
        let text = serde_json::to_string(&(&survey, &fatigue)).unwrap();
        let back: (Survey, Fatigue) = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(back, (survey, fatigue));
    }
}
