//! The examples of other trades, replayed: the incidents that their READMEs plant are found.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use common::{events, example, manifests, options, place, replay};
use elate_simulate::{Options, Report};

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn entered<'a>(report: &'a Report, play: &'a str) -> Vec<&'a str> {
    let of_play = report.entries.iter().filter(|entry| entry.play == play);
    of_play.map(|entry| entry.customer.as_str()).collect()
}

fn sent(report: &Report, message: &str) -> u64 {
    report.messages[message].sent
}

#[test]
fn generators_write_what_is_kept() {
    for name in ["hospitality", "software", "cinema"] {
        let output = match Command::new("python3").arg(place(&format!("{name}/generate.py"))).output() {
            Ok(output) => output,
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("skipped: python3 is not there: {error}");
                return;
            }
            Err(error) => panic!("python3 is needed: {error}"),
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == events(name), "{name}/events.ndjson is not what generate.py writes");
    }
}

#[test]
fn a_birthday_is_remembered_and_a_late_flight_helped() {
    let two_weeks = Options { settle_millis: 14 * 86_400_000, ..options() };
    let report = replay(&manifests("hospitality"), &events("hospitality"), &two_weeks);
    let upgrade = &report.moments["birthday-upgrade"];
    assert_eq!((upgrade.judged, upgrade.magical, upgrade.mean_gap), (1, 1, 2.0), "Nora");
    assert_eq!(entered(&report, "birthday-upgrade"), ["g-2001", "g-2003"]);
    assert_eq!(report.plays["birthday-upgrade"].exited, counts([("no better room was free", 1)]), "Elise");
    assert_eq!(sent(&report, "birthday-upgrade / email / birthday-wishes"), 1);

    assert_eq!(report.promises["room-ready"].ended["broken"], 1);
    let ready = &report.moments["room-ready"];
    assert_eq!((ready.miserable, ready.revised), (1, 1), "judged at four, and again when it was ready");
    assert_eq!(entered(&report, "room-not-ready"), ["g-2002"], "Victor");
    assert_eq!(report.events["Drink Offered"], 1);
    assert_eq!(sent(&report, "room-not-ready / email / room-not-ready"), 1);
    assert_eq!(report.moments["check-in"].miserable, 1);

    assert_eq!(entered(&report, "offer-late-check-out"), ["g-2004", "g-2005"]);
    assert_eq!(sent(&report, "offer-late-check-out / email / late-check-out"), 2);
    let late = &report.moments["late-check-out"];
    assert_eq!((late.judged, late.magical, late.miserable), (2, 1, 1), "Hugo, Marta");
    assert_eq!(report.delight.unhappiest[0].customer, "g-2002");
}

#[test]
fn a_bad_release_is_found_and_owned() {
    let report = example("software");
    let hit: Vec<String> = (0..8).map(|n| format!("s-{}", 3007 + 3 * n)).collect();
    let mut owned = entered(&report, "own-the-error");
    owned.sort_unstable();
    assert_eq!(owned, hit, "the same error, not two different ones");
    let twice = &report.moments["same-error-twice"];
    assert_eq!((twice.judged, twice.miserable), (8, 8));
    let days: BTreeSet<String> = report
        .entries
        .iter()
        .filter(|entry| entry.play == "own-the-error")
        .map(|entry| entry.at.to_string()[..10].to_owned())
        .collect();
    assert_eq!(days, BTreeSet::from(["2026-09-15".to_owned()]), "the day of the release");
    assert_eq!(sent(&report, "own-the-error / email / we-saw-it"), 8);
    assert_eq!(report.links["adoption"].links[0].name, "support", "one answer, five tolerances late");
    assert!(report.links["adoption"].links.iter().take(2).any(|link| link.name == "export"));

    assert!(entered(&report, "celebrate").contains(&"s-3001"), "Ida");
    assert!(report.moments["first-chart"].miserable == 1, "Bo");
    assert_eq!(sent(&report, "show-how / email / how-to"), 1, "Bo");
    assert_eq!(report.promises["answer"].ended, counts([("broken", 1)]), "Asta");
}

#[test]
fn the_dirty_hall_is_the_weakest_link() {
    let report = example("cinema");
    let chain = &report.links["evening"];
    assert_eq!(chain.weakest.as_deref(), Some("theatre"), "{chain:?}");
    assert!(chain.links[0].probability_worst >= 0.9);
    let called: BTreeSet<(&str, bool)> = report
        .entries
        .iter()
        .map(|entry| (entry.key.as_str(), entry.at.to_string().as_str() >= "2026-11-20"))
        .collect();
    assert_eq!(called, BTreeSet::from([("hall-3", true)]), "one hall, from Friday on");
    let message = &report.messages["call-the-cleaners / email / sorry-for-the-hall"];
    assert_eq!(message.sent, message.requested, "each goes in the end");
    assert!(message.held["quiet_hours"] > 0, "those of the night in the morning");

    let text = String::from_utf8(events("cinema")).unwrap();
    let clean = text.replace("\"clean\":1", "\"clean\":4").replace("\"clean\":2", "\"clean\":4");
    let mended = replay(&manifests("cinema"), clean.as_bytes(), &options());
    assert_ne!(mended.links["evening"].weakest.as_deref(), Some("theatre"));
    assert!(mended.delight.mean > report.delight.mean);
    assert!(mended.links["evening"].harmony > chain.harmony);
    assert!(mended.entries.is_empty());
}
