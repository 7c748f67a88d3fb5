//! Recurrence rules name the days that another implementation of RFC 5545 names, and refuse what they can't.

#![allow(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use chrono::NaiveDate;
use elate_manifest::spec::Recurrence;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    rule: String,
    start: NaiveDate,
    first: Vec<NaiveDate>,
    from_2026_06_15: Vec<NaiveDate>,
}

fn rule(text: &str) -> Recurrence {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn every_rule_names_the_days_of_the_reference() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/recurrences.json")).unwrap();
    assert!(cases.len() > 90);
    for case in cases {
        let found = rule(&case.rule);
        let first: Vec<_> = found.days(case.start, case.start).take(8).collect();
        assert_eq!(first, case.first, "{} from {}", case.rule, case.start);
        let later: Vec<_> = found.days(case.start, day("2026-06-15")).take(3).collect();
        assert_eq!(later, case.from_2026_06_15, "{} from {}, later", case.rule, case.start);
    }
}

#[test]
fn what_is_no_rule_of_days_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", "no NAME=VALUE"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=HOURLY", "none of DAILY"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20260101", "can't stand together"),
        ("FREQ=DAILY;BYHOUR=9", "finer than a day"),
        ("FREQ=DAILY;BYDAY=2MO", "MONTHLY and YEARLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=XX", "none of MO"),
        ("FREQ=MONTHLY;BYSETPOS=1", "another BY part"),
        ("FREQ=MONTHLY;BYMONTH=-1", "1 to 12"),
        ("FREQ=YEARLY;BYWEEKNO=3", "not supported"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;UNTIL=tomorrow", "no date"),
    ] {
        let error = text.parse::<Recurrence>().unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_rule_that_never_comes_ends() {
    let never = rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30");
    assert_eq!(never.days(day("2026-01-01"), day("2026-01-01")).next(), None);
    let over = rule("FREQ=DAILY;UNTIL=20260110");
    assert_eq!(over.days(day("2026-01-01"), day("2026-06-01")).next(), None);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(FREQ=[A-Z]{4,7};)?[A-Z]{3,10}=[-0-9A-Z,]{0,8}") {
        let _ = text.parse::<Recurrence>();
    }

    #[test]
    fn days_rise_and_do_not_depend_on_where_one_looks_from(
        frequency in prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
        interval in 1_u32..7,
        offset in 0_u64..4_000,
    ) {
        let rule = rule(&format!("FREQ={frequency};INTERVAL={interval}"));
        let start = day("2024-01-31");
        let from = start + chrono::Days::new(offset);
        let looked: Vec<_> = rule.days(start, from).take(3).collect();
        let walked: Vec<_> = rule.days(start, start).filter(|day| *day >= from).take(3).collect();
        prop_assert!(looked.is_sorted());
        prop_assert_eq!(looked, walked);
    }
}
