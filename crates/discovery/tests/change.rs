//! Changes that are there are found and dated; those that are not, are not.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "says what was skipped, or how it came out")]

mod support;

use elate_discovery::Segment;
use elate_discovery::change::{self, Changes, Finding, Measure, Scan};
use support::{DAY, Shop, day_of};

fn gap() -> Measure {
    Measure::Gap { from: "cart".into(), to: "payment".into() }
}

fn drop_off() -> Measure {
    Measure::DropOff { step: "cart".into() }
}

fn mobile() -> Option<Segment> {
    Some(Segment { key: "device".into(), value: "mobile".into() })
}

fn find(shop: &Shop) -> Changes {
    change::find(&shop.summary(), &Scan { permutations: 199, ..Scan::default() })
}

fn of<'a>(changes: &'a Changes, measure: &Measure) -> Vec<&'a Finding> {
    changes.findings.iter().filter(|finding| finding.measure == *measure).collect()
}

/// How many of `runs` shops in which nothing changes have a finding with a p-value of at most 0.05 and 0.1.
fn false_alarms(runs: u64, shop: impl Fn(u64) -> Shop) -> (usize, usize) {
    let scan = Scan { level: 0.1, permutations: 99, ..Scan::default() };
    let mut alarms = (0, 0);
    for seed in 0..runs {
        let changes = change::find(&shop(seed).summary(), &Scan { seed, ..scan.clone() });
        let lowest = changes.findings.iter().map(|finding| finding.p_value).fold(1.0, f64::min);
        alarms.0 += usize::from(lowest <= 0.05);
        alarms.1 += usize::from(lowest <= 0.1);
    }
    println!("of {runs}: {} at 0.05, {} at 0.1", alarms.0, alarms.1);
    alarms
}

/// More alarms than this come in one of a hundred such tests, if the level holds.
fn most(runs: u64, level: f64) -> usize {
    let mean = runs as f64 * level;
    (mean + 2.33 * (mean * (1.0 - level)).sqrt()).floor() as usize
}

#[test]
fn steady_noise_rarely_alarms() {
    let runs = 200;
    let alarms = false_alarms(runs, |seed| Shop { per_day: 16, ..Shop::steady(seed) });
    assert!(alarms.0 <= most(runs, 0.05) && alarms.1 <= most(runs, 0.1), "{alarms:?} of {runs}");
    // A search that never alarms would hold any level.
    assert!(alarms.1 > 0, "{alarms:?} of {runs}");
}

/// Days that differ as a whole, and weekends that differ each week, are no change.
#[test]
fn restless_days_and_weekends_rarely_alarm() {
    let runs = 200;
    let alarms =
        false_alarms(runs, |seed| Shop { per_day: 16, day_noise: 0.4, weekend: 0.8, ..Shop::steady(seed) });
    assert!(alarms.0 <= most(runs, 0.05) && alarms.1 <= most(runs, 0.1), "{alarms:?} of {runs}");
}

#[test]
fn mobile_checkout_broke_on_a_tuesday() {
    let (mut dated, mut on_the_day) = (0, 0);
    for seed in 0..12 {
        let shop = Shop { slower_mobile: Some((16, 2.0)), ..Shop::steady(seed) };
        let changes = find(&shop);
        let found = of(&changes, &gap());
        assert_eq!(found.len(), 1, "seed {seed}: {changes:#?}");
        let finding = found[0];
        assert_eq!(finding.segment, mobile(), "seed {seed}: {finding:#?}");
        assert!((day_of(finding.at) - 16).abs() <= 1, "seed {seed}: {finding}");
        assert!(finding.earliest <= finding.at && finding.at <= finding.latest);
        dated += usize::from((day_of(finding.earliest)..=day_of(finding.latest)).contains(&16));
        assert!(finding.is_worse && finding.p_value <= 0.05);
        assert!(
            finding.shift.effect_interval.low < 2.2 && finding.shift.effect_interval.high > 1.8,
            "{finding:?}"
        );
        let outside = finding.outside.as_ref().unwrap();
        assert!((outside.effect - 1.0).abs() < 0.2, "{finding:?}");
        let told = finding.to_string();
        assert!(told.contains("time from cart to payment, device=mobile: "), "{told}");
        on_the_day += usize::from(told.contains("since Tuesday 2026-03-17"));
    }
    assert!(on_the_day >= 9, "named the day in {on_the_day} of 12");
    assert!(dated >= 11, "the range held the date in {dated} of 12");
}

#[test]
fn more_mobile_customers_drop_off() {
    for seed in 0..8 {
        let shop = Shop { lost_mobile: Some((11, 0.3)), per_day: 120, ..Shop::steady(seed) };
        let changes = find(&shop);
        let found = of(&changes, &drop_off());
        assert_eq!(found.len(), 1, "seed {seed}: {changes:#?}");
        assert_eq!(found[0].segment, mobile(), "seed {seed}: {:#?}", found[0]);
        assert!((day_of(found[0].at) - 11).abs() <= 1, "seed {seed}: {}", found[0]);
        let shift = &found[0].shift;
        assert!((shift.before.mean - 0.1).abs() < 0.05 && (shift.after.mean - 0.4).abs() < 0.06, "{shift:?}");
    }
}

#[test]
fn what_happens_to_everybody_is_given_no_segment() {
    for seed in 0..12 {
        let shop = Shop { slower: Some((9, 1.6)), ..Shop::steady(seed) };
        let changes = find(&shop);
        let found = of(&changes, &gap());
        assert_eq!(found.len(), 1, "seed {seed}: {changes:#?}");
        assert_eq!(found[0].segment, None, "seed {seed}: {:#?}", found[0]);
        assert!((day_of(found[0].at) - 9).abs() <= 1, "seed {seed}: {}", found[0]);
        assert!(found[0].outside.is_none() && found[0].is_confined.is_none());
    }
}

#[test]
fn what_broke_and_was_mended_is_two_changes() {
    let shop = Shop { days: 42, slower: Some((14, 2.5)), mended: Some(28), ..Shop::steady(3) };
    let changes = find(&shop);
    let found = of(&changes, &gap());
    let days: Vec<(i64, bool)> = found.iter().map(|finding| (day_of(finding.at), finding.is_worse)).collect();
    assert_eq!(days, [(14, true), (28, false)], "{changes:#?}");
}

/// The newest departures have not been watched long enough: without care, all of them would look dropped off.
#[test]
fn the_edge_of_the_log_is_no_change() {
    let shop = Shop { per_day: 60, horizon: 3 * DAY, ..Shop::steady(5) };
    let summary = shop.summary();
    let changes = change::find(&summary, &Scan::default());
    assert_eq!(changes.searched.buckets, shop.days as usize - 3, "{:?}", changes.searched);
    assert_eq!(changes.findings, []);
}

#[test]
fn findings_repeat_and_do_not_depend_on_how_the_log_was_divided() {
    let shop = Shop { slower_mobile: Some((16, 2.0)), ..Shop::steady(1) };
    let changes = find(&shop);
    assert_eq!(find(&shop), changes);
    let scan = Scan { permutations: 199, ..Scan::default() };
    let [mut left, right] = [0, 1].map(|part| shop.part(part, 2));
    left.merge(&right).unwrap();
    assert_eq!(change::find(&left, &scan), changes);
    let other = change::find(&left, &Scan { seed: 9, ..scan });
    assert_eq!(other.findings[0].at, changes.findings[0].at, "chance decides the p-value alone");
}

#[test]
fn too_little_is_said_to_be_too_little() {
    let empty = change::find(&Shop { days: 0, ..Shop::steady(1) }.summary(), &Scan::default());
    assert!(empty.findings.is_empty() && empty.searched.buckets == 0);
    let short = change::find(&Shop { days: 2, ..Shop::steady(1) }.summary(), &Scan::default());
    assert!(short.findings.is_empty());
    let few = change::find(&Shop { per_day: 1, ..Shop::steady(1) }.summary(), &Scan::default());
    assert!(few.searched.too_small > 0);
    let bound = Scan { most_series: 3, ..Scan::default() };
    let bounded = change::find(&Shop::steady(1).summary(), &bound);
    assert!(bounded.searched.series <= 3 && bounded.searched.left_out > 0, "{:?}", bounded.searched);
}
