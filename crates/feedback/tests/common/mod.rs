//! Generated feedback for the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(dead_code, reason = "every test file uses its own part of it")]

use elate_domain::Timestamp;
use elate_feedback::record::{Draft, DraftValue, Feedback};
use proptest::prelude::*;

pub(crate) const DAY: i64 = 86_400_000;

/// Midnight UTC of a day of 2026, from 0.
pub(crate) fn at_day(day: i64) -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z").unwrap().plus_millis(day * DAY)
}

/// A draft with all that is required.
pub(crate) fn draft(id: &str, kind: &str, value: &str) -> Draft {
    Draft {
        submission_id: Some(id.to_owned()),
        kind: Some(kind.to_owned()),
        value: Some(DraftValue::Text(value.to_owned())),
        submitted_at: Some("2026-03-01T09:30:00Z".to_owned()),
        ..Draft::default()
    }
}

pub(crate) fn feedback(id: &str, kind: &str, value: &str) -> Feedback {
    draft(id, kind, value).try_into().expect("a draft with all that is required")
}

/// An answer of a kind on a day.
pub(crate) fn answer(kind: &str, score: i64, day: i64) -> Feedback {
    let mut feedback = feedback(&format!("{kind}{score}{day}"), kind, &score.to_string());
    feedback.submitted_at = at_day(day);
    feedback
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9_-]{1,12}", "[\\PC&&[^ ]]{1,8}", Just("it's, \"quoted\"".to_owned())]
}

/// A type and a value that fits it, with the bounds of its scale.
fn answered() -> impl Strategy<Value = (String, DraftValue, Option<(i64, i64)>)> {
    let text = |value: i64| DraftValue::Text(value.to_string());
    prop_oneof![
        (0i64..=10).prop_map(move |v| ("nps".to_owned(), text(v), None)),
        (1i64..=7).prop_map(move |v| ("ces".to_owned(), text(v), None)),
        (1i64..=5).prop_map(move |v| ("csat".to_owned(), text(v), None)),
        (-3i64..3, 1i64..100, 0i64..100).prop_map(move |(low, span, at)| (
            "csat".to_owned(),
            text(low + at % (span + 1)),
            Some((low, low + span))
        )),
        "[\\PC\n\t]{0,40}x".prop_map(|v| ("comment".to_owned(), DraftValue::Text(v), None)),
        prop::collection::vec("[a-z ]{0,6}x", 1..4).prop_map(|v| (
            "choice".to_owned(),
            DraftValue::Choices(v),
            None
        )),
    ]
}

/// Records of every kind, with and without what is not required.
pub(crate) fn any_feedback() -> impl Strategy<Value = Feedback> {
    let optional = || prop::option::of(name());
    let who = (prop::option::of(1u128..=u128::MAX), optional(), optional());
    let what = (name(), answered(), optional(), optional(), optional(), optional());
    let rest = (
        0i64..4_000_000_000_000,
        prop::option::of("[a-z]{2}(-[A-Z]{2})?"),
        prop::collection::btree_map(name(), name(), 0..4),
    );
    (what, who, rest).prop_map(
        |((id, (kind, value, scale), survey, question, source, touchpoint), who, rest)| {
            let (customer, user, anonymous) = who;
            let (at, language, traits) = rest;
            let hex = customer.map(|id| format!("{id:032x}"));
            let draft = Draft {
                submission_id: Some(id),
                survey,
                question,
                kind: Some(kind),
                value: Some(value),
                scale_lowest: scale.map(|s| s.0.to_string()),
                scale_highest: scale.map(|s| s.1.to_string()),
                language,
                source,
                touchpoint,
                submitted_at: Some(Timestamp(at).to_string()),
                customer_id: hex,
                user_id: user,
                anonymous_id: anonymous,
                traits: traits.into_iter().collect(),
            };
            Feedback::try_from(draft).expect("the generator makes valid drafts")
        },
    )
}
