//! The retail example, replayed: what its README plants is found, and always in the same bytes.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::collections::BTreeMap;

use common::{events, example, manifests, options, replay, with_threads};
use elate_domain::Timestamp;
use elate_simulate::{Definitions, Error, Options, Recording, Silent, simulate};

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn the_planted_incidents_are_found() {
    let report = example("retail");
    let input = &report.input;
    // Clara's two messages that came twice count once, and the 46 who bought were visitors first.
    assert_eq!((input.lines, input.accepted, input.duplicates, input.customers), (554, 552, 2, 55));
    let delivery = &report.moments["delivery"];
    assert_eq!((delivery.judged, delivery.magical, delivery.miserable), (45, 8, 2), "Mia and Riley");
    assert_eq!((delivery.revised, delivery.provisional), (2, 0));
    let promises = &report.promises["delivery"];
    assert_eq!((promises.made, promises.at_risk), (46, 2), "Mia and Greta were at risk");
    let ended = [("broken", 2), ("exceeded", 8), ("kept", 34), ("late", 1), ("withdrawn", 1)];
    assert_eq!(promises.ended, counts(ended), "Tom was late, Oscar cancelled");
    let anxious = &report.moments["tracking-anxiety"];
    assert_eq!((anxious.judged, anxious.miserable), (1, 1));
    let apology = &report.messages["recover-late-gift / email / late-gift-apology"];
    assert_eq!((apology.sent, &apology.held), (2, &counts([("quiet_hours", 2)])));
    let invitation = &report.messages["invite-review / email / review-invitation"];
    assert_eq!((invitation.sent, &invitation.refused), (0, &counts([("not_opted_in", 3)])));
    assert_eq!(report.cases["delivery"], counts([("lost", 1), ("recovered", 1)]));
    assert_eq!(report.delight.unhappiest[0].customer, "u-1006", "Riley, whose parcel was lost");
    let warned: Vec<&str> = report
        .entries
        .iter()
        .filter(|entry| entry.play == "warn-late-gift")
        .map(|entry| entry.customer.as_str())
        .collect();
    assert_eq!(warned, ["u-1001", "u-1003"]);
    assert!(report.trouble.held.is_empty() && report.trouble.set_aside.is_empty());
}

#[test]
fn the_same_bytes_come_out_on_any_number_of_threads() {
    let (manifests, events) = (manifests("retail"), events("retail"));
    let one = replay(&manifests, &events, &with_threads(1));
    let again = replay(&manifests, &events, &with_threads(1));
    let many = replay(&manifests, &events, &with_threads(7));
    let json = one.to_json().unwrap();
    assert_eq!(json, again.to_json().unwrap());
    assert_eq!(json, many.to_json().unwrap());
    assert_eq!(one.to_html(None).unwrap(), many.to_html(None).unwrap());
}

#[test]
fn the_order_of_lines_counts_only_at_one_instant() {
    let text = String::from_utf8(events("retail")).unwrap();
    let reversed: Vec<&str> = text.lines().rev().collect();
    let manifests = manifests("retail");
    let given = replay(&manifests, text.as_bytes(), &options());
    let other = replay(&manifests, reversed.join("\n").as_bytes(), &options());
    assert_eq!(given.to_json().unwrap(), other.to_json().unwrap());
}

#[test]
fn two_versions_are_compared() {
    let (before, events) = (manifests("retail"), events("retail"));
    let stricter = |text: &String| text.replace("reentry: {after: 30d}", "reentry: never");
    let kinder = |text: &String| {
        text.replace("consent: opt_in", "consent: opt_out").replace(
            "moment: {name: delivery, outcome: miserable}",
            "moment: {name: review, outcome: miserable}",
        )
    };
    let base = replay(&before, &events, &options());
    let same = replay(&before.iter().map(stricter).collect::<Vec<_>>(), &events, &options());
    assert!(same.compare(&base).is_empty(), "nobody came twice: {:?}", same.compare(&base));
    let other = replay(&before.iter().map(kinder).collect::<Vec<_>>(), &events, &options());
    let difference = other.compare(&base);
    let invitation = "messages › invite-review / email / review-invitation › sent";
    assert_eq!(difference.figures[invitation].delta, Some(3.0));
    let changed = |word: &str| {
        let of_word = difference.entries.iter().filter(|change| change.change == word);
        of_word.map(|change| change.entry.customer.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(changed("removed"), ["u-1001", "u-1006"]);
    assert_eq!(changed("added").len(), 2, "two bad reviews");
    let page = other.to_html(Some(&base)).unwrap();
    assert!(page.contains("What is different") && page.contains("u-1006"));
}

#[test]
fn a_period_can_be_chosen() {
    let (from, to) = (Timestamp::parse("2026-03-03T00:00:00Z"), Timestamp::parse("2026-03-05T00:00:00Z"));
    let report = replay(&manifests("retail"), &events("retail"), &Options { from, to, ..options() });
    assert_eq!(report.period.log_time_ends, to.unwrap());
    assert!(report.period.first_event >= from.unwrap() && report.period.last_event < to.unwrap());
    assert!(report.input.outside_period > 0);
    assert_eq!(report.input.accepted + report.input.duplicates + report.input.outside_period, 554);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let lines = "\n{\"type\":\"track\"\n{\"type\":\"track\",\"event\":\"Seen\",\"userId\":\"u\"}\n\
        {\"type\":\"track\",\"event\":\"elate.moment.judged\",\"userId\":\"u\",\"timestamp\":\"2026-03-01T10:00:00Z\"}\n\
        {\"type\":\"track\",\"event\":\"Order Placed\",\"userId\":\"u\",\"timestamp\":\"2026-03-01T10:00:00Z\"}\n";
    let report = replay(&manifests("retail"), lines.as_bytes(), &options());
    let places: Vec<(u64, &str)> =
        report.input.first_refusals.iter().map(|refusal| (refusal.line, refusal.field.as_str())).collect();
    assert_eq!(places, [(2, ""), (3, "timestamp"), (4, "name")]);
    assert_eq!((report.input.lines, report.input.accepted), (5, 1));
    let empty = Recording::read(b"{}\n", &options(), &Silent).unwrap_err();
    assert!(empty.to_string().contains("line 1"), "{empty}");
    let broken: Vec<String> =
        manifests("retail").iter().map(|text| text.replace("truth: zmot", "truth: never")).collect();
    let Err(Error::Invalid(errors)) = Definitions::read(&broken) else { panic!("they are refused") };
    assert!(errors.iter().any(|error| error.field.ends_with("spec.truth")), "{errors:?}");
}

#[test]
fn the_page_needs_nothing_and_escapes_what_customers_wrote() {
    let line = r#"{"type":"track","event":"<script>alert(1)</script>","userId":"<b>","timestamp":"2026-03-01T10:00:00Z"}"#;
    let report = replay(&manifests("retail"), line.as_bytes(), &options());
    let page = report.to_html(None).unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
}

#[test]
fn a_recording_is_read_once_and_replayed_as_often_as_wanted() {
    let options = options();
    let recording = Recording::read(&events("retail"), &options, &Silent).unwrap();
    let definitions = Definitions::read(&manifests("retail")).unwrap();
    let first = simulate(&definitions, &recording, &options, &Silent).unwrap();
    let second = simulate(&definitions, &recording, &options, &Silent).unwrap();
    assert_eq!(first, second);
}
