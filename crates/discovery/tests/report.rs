//! Funnels, conformance, opportunities and the text of a report, on small journeys that can be checked by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use elate_discovery::conformance::Design;
use elate_discovery::opportunity::{self, Bounds, Returns};
use elate_discovery::report::{self, Options};
use elate_discovery::{Ending, Error, Funnel, Limits, Profile, Recorder, Settings, Step, Summary};
use elate_domain::Timestamp;

fn record(recorder: &mut Recorder, instance: &str, steps: &[(&str, i64)]) {
    for (name, seconds) in steps {
        let at = Timestamp(seconds * 1000);
        recorder.record(&Step { instance, name, at, segments: &[("device", "mobile")] });
    }
}

fn funnel(name: &str, window_seconds: Option<u64>) -> Funnel {
    Funnel {
        name: name.into(),
        steps: ["view", "cart", "pay"].map(str::to_owned).into(),
        window_millis: window_seconds.map(|seconds| seconds * 1000),
        step_window_millis: None,
    }
}

fn shop() -> Summary {
    let settings =
        Settings { funnels: vec![funnel("all", None), funnel("fast", Some(60))], ..Settings::default() };
    let mut recorder = Recorder::try_new(settings).unwrap();
    record(&mut recorder, "1", &[("view", 0), ("cart", 20), ("pay", 50)]);
    record(&mut recorder, "2", &[("view", 0), ("cart", 50), ("pay", 100)]);
    // The second view is near enough, the first is not.
    record(&mut recorder, "3", &[("view", 0), ("view", 100), ("cart", 120), ("help", 130), ("pay", 150)]);
    record(&mut recorder, "4", &[("view", 0), ("pay", 10)]);
    record(&mut recorder, "5", &[("view", 0)]);
    for instance in ["1", "2", "3", "4"] {
        assert!(recorder.end(instance, Ending::Completed));
    }
    assert!(!recorder.end("9", Ending::Completed));
    assert_eq!(recorder.end_idle(Timestamp(1), Ending::Abandoned), 1);
    recorder.summary()
}

#[test]
fn funnels_count_who_came_how_far_in_time() {
    let report = report::build(&shop(), &Options::default());
    let reached =
        |name: usize| -> Vec<u64> { report.funnels[name].steps.iter().map(|step| step.reached).collect() };
    assert_eq!(reached(0), [5, 3, 3]);
    assert_eq!(reached(1), [5, 3, 2]);
    let times = report.funnels[1].steps[2].seconds.unwrap();
    assert_eq!((times.count, times.mean), (2, 30.0));
    assert_eq!(report.funnels[1].seconds.unwrap().mean, 50.0);
    assert_eq!(report.funnels[1].steps[2].of_previous.share, 2.0 / 3.0);
}

#[test]
fn a_report_says_it_in_words_too() {
    let options = Options {
        design: Some(Design::sequence(["view", "cart", "pay"])),
        scan: Some(elate_discovery::change::Scan::default()),
        ..Options::default()
    };
    let report = report::build(&shop(), &options);
    let conformance = report.conformance.as_ref().unwrap();
    assert_eq!((conformance.conforming, conformance.instances), (3, 5));
    let text = report.to_string();
    for part in [
        "everybody: 5 instances, 14 steps",
        "4 completed, 1 abandoned, 0 ongoing",
        "view: 6 visits in 5 instances, 1 repeats, 5 starts, 1 ends, drop-off 20.0 %",
        "view → cart: 3 (60.0 %), mean 30 s, median 20 s (20 s to 50 s)",
        "2 (40.0 %, up to here 40.0 %): view → cart → pay",
        "funnel fast",
        "as designed: 3 of 5 instances, 60.0 %",
        "skipped cart: 1 times in 1 instances",
        "unexpected help: 1 times in 1 instances",
        "repeated view: 1 times in 1 instances",
        "device=mobile: 5 instances, 80.0 % completed, 20.0 % abandoned",
        "none found",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("did not fit"));
}

#[test]
fn overflow_is_told() {
    let limits = Limits { step_names: 2, ..Limits::default() };
    let mut recorder = Recorder::try_new(Settings { limits, ..Settings::default() }).unwrap();
    record(&mut recorder, "1", &[("a", 0), ("b", 1), ("c", 2), ("d", 3)]);
    let report = report::build(&recorder.summary(), &Options::default());
    assert_eq!(report.overflow.renamed_events, 2);
    assert!(report.to_string().contains("did not fit\n  2 events kept under another name"), "{report}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |settings: Settings| Recorder::try_new(settings).unwrap_err();
    assert_eq!(refused(Settings { bucket_millis: 0, ..Settings::default() }), Error::Bucket(0));
    let twice = vec![funnel("a", None), funnel("a", None)];
    assert_eq!(refused(Settings { funnels: twice, ..Settings::default() }), Error::FunnelName("a".into()));
    let empty = vec![Funnel { steps: Vec::new(), ..funnel("a", None) }];
    assert_eq!(refused(Settings { funnels: empty, ..Settings::default() }), Error::FunnelSteps("a".into()));
    let mut day = Summary::try_new(Settings::default()).unwrap();
    let hour = Summary::try_new(Settings { bucket_millis: 3_600_000, ..Settings::default() }).unwrap();
    assert_eq!(day.merge(&hour), Err(Error::SettingsDiffer));
}

#[test]
fn slower_than_usual_is_told_with_what_is_usual() {
    let mut recorder = Recorder::try_new(Settings::default()).unwrap();
    for instance in 0..20 {
        record(&mut recorder, &instance.to_string(), &[("order", 0), ("deliver", 1_000 + instance)]);
    }
    let profile = Profile::of(&recorder.summary(), 5);
    let usual = profile.usual("order", "deliver").unwrap();
    assert_eq!((usual.count, usual.mean_seconds), (20, 1_009.5));
    assert_eq!(profile.usual("deliver", "order"), None);
    record(&mut recorder, "late", &[("order", 0), ("deliver", 1_100)]);
    let unusual = recorder.unusual(&profile, 3.0);
    assert_eq!(unusual.len(), 1);
    assert_eq!(unusual[0].0, "late");
    assert!(unusual[0].1[0].deviations > 10.0 && unusual[0].1[0].seconds == 1_100.0);
}

/// Gaps spread evenly over ±`spread`; the chance of a return rises by `pull` for each tolerance.
fn returns(visits: u32, spread: f64, pull: f64) -> Returns {
    let mut returns = Returns::default();
    for visit in 0..visits {
        let gap = spread * (f64::from(visit % 21) / 10.0 - 1.0);
        let chance = 0.4 + pull * gap;
        returns.add(gap, f64::from(visit * 37 % 100) / 100.0 < chance);
    }
    returns
}

#[test]
fn a_wow_counts_where_many_come_all_is_alike_and_it_pulls() {
    let (check_in, breakfast) = (returns(4_000, 0.8, 0.2), returns(4_000, 0.8, 0.0));
    let (wild, rare) = (returns(4_000, 3.0, 0.1), returns(60, 0.8, 0.2));
    let touchpoints = [("check-in", &check_in), ("breakfast", &breakfast), ("wild", &wild), ("rare", &rare)];
    let ranked = opportunity::rank(touchpoints, &Bounds::default());
    let named: Vec<&str> =
        ranked.iter().filter(|found| found.is_opportunity).map(|found| found.touchpoint.as_str()).collect();
    assert_eq!(named, ["check-in"], "{ranked:#?}");
    let interval = ranked[0].pull_interval.unwrap();
    assert!(interval.contains(0.2) && interval.low > 0.1, "{interval:?}");
    assert!(ranked[0].further_returns > 400.0);
    assert_eq!(ranked[0].wow_share, 0.0);
    let none = Returns::default();
    assert_eq!(opportunity::rank([("nobody", &none)], &Bounds::default()), []);
}

#[test]
fn returns_can_be_counted_in_parts() {
    let whole = returns(210, 0.8, 0.2);
    let (mut left, mut right) = (Returns::default(), Returns::default());
    for visit in 0..210_u32 {
        let gap = 0.8 * (f64::from(visit % 21) / 10.0 - 1.0);
        let returned = f64::from(visit * 37 % 100) / 100.0 < 0.4 + 0.2 * gap;
        if visit < 77 { left.add(gap, returned) } else { right.add(gap, returned) }
    }
    let merged = left.merged(right);
    let (one, other) = (whole.pull(0.95).unwrap(), merged.pull(0.95).unwrap());
    assert!((one.0 - other.0).abs() < 1e-9 && (one.1.low - other.1.low).abs() < 1e-9);
    assert_eq!(merged.returned, whole.returned);
}
