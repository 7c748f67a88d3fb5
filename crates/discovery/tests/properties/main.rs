//! What always holds of summaries, whatever happened.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod scratch;
mod strategies;

use elate_discovery::report::{self, Options, Report};
use elate_discovery::{Limits, Recorder, Segment, Settings, Summary};
use proptest::prelude::*;
use strategies::{log, settings};

fn everything(summary: &Summary) -> Report {
    report::build(summary, &Options { variants: usize::MAX, least_for_usual: 1, ..Options::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Merging the summaries of parts gives the summary of the whole, however the instances are divided.
    #[test]
    fn merged_parts_are_the_whole(log in log(), part_of in prop::collection::vec(0..3_usize, 6)) {
        let whole = log.summary();
        let parts: Vec<Summary> = (0..3)
            .map(|part| log.record(settings(), |line| part_of[line.instance] == part).summary())
            .collect();
        let merge = |order: [usize; 3]| {
            let mut merged = Summary::try_new(settings()).unwrap();
            for part in order {
                merged.merge(&parts[part]).unwrap();
            }
            merged.canonical()
        };
        prop_assert_eq!(merge([0, 1, 2]), whole.canonical());
        prop_assert_eq!(merge([2, 0, 1]), whole.canonical());
        prop_assert_eq!(everything(&merge([1, 2, 0])), everything(&whole));
    }

    /// Recorders may be merged with instances open in both: the log may be cut anywhere.
    #[test]
    fn merged_recorders_are_one(log in log(), cut in 0..60_usize) {
        let whole = log.summary().canonical();
        let places: Vec<*const strategies::Line> = log.lines.iter().map(std::ptr::from_ref).collect();
        let is_early = |line: &strategies::Line| places.iter().position(|known| std::ptr::eq(*known, line)) < Some(cut);
        let mut early = log.record_open(settings(), is_early);
        let late = log.record_open(settings(), |line| !is_early(line));
        early.merge(&late).unwrap();
        log.end(&mut early);
        prop_assert_eq!(early.summary().canonical(), whole);
    }

    /// Step by step gives what counting from scratch gives.
    #[test]
    fn incremental_is_from_scratch(log in log()) {
        scratch::compare(&log, &everything(&log.summary()))?;
    }

    /// The counts of a segment are those of its instances alone.
    #[test]
    fn a_segment_is_its_instances(log in log()) {
        let whole = log.summary();
        let first = |instance: usize| {
            log.instances()[&instance].iter().find_map(|line| line.device)
        };
        for device in ["mobile", "desktop"] {
            let segment = Segment { key: "device".into(), value: device.into() };
            let of = |summary: &Summary, segment| {
                let options = Options { segment, variants: usize::MAX, ..Options::default() };
                let mut report = report::build(summary, &options);
                report.segment = None;
                report.period = None;
                report.usual.clear();
                report.segments.clear();
                report
            };
            let alone = log.record(settings(), |line| first(line.instance) == Some(device)).summary();
            prop_assert_eq!(of(&whole, Some(segment)), of(&alone, None));
        }
    }

    /// What was written is what is read, of recorders too.
    #[test]
    fn written_is_read(log in log()) {
        let recorder = log.record(settings(), |_| true);
        let written = serde_json::to_string(&recorder).unwrap();
        let read: Recorder = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        let summary = recorder.summary();
        let written = serde_json::to_vec(&summary).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Summary>(&written).unwrap(), summary.clone());
        let report = everything(&summary);
        let written = serde_json::to_vec(&report).unwrap();
        let read: Report = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(read.to_string(), report.to_string());
    }

    /// Limits make lists shorter, and say by how much; totals stay.
    #[test]
    fn what_does_not_fit_is_counted(log in log()) {
        let limits = Limits {
            pairs: 3, variants: 2, segment_variants: 1, segments: 1, instance_steps: 8, series_cells: 4,
            step_names: 3, ..Limits::default()
        };
        let tight = Settings { limits, funnels: Vec::new(), ..settings() };
        let summary = log.record(tight.clone(), |_| true).summary();
        prop_assert_eq!(&log.record(tight, |_| true).summary(), &summary, "limits are met by the same instances");
        let report = everything(&summary);
        let overflow = summary.overflow();
        let lines = log.lines.len() as u64;
        prop_assert_eq!(report.events + overflow.dropped_steps, lines);
        prop_assert_eq!(report.instances, log.instances().len() as u64);
        let listed: u64 = report.variants.iter().map(|variant| variant.count).sum();
        prop_assert_eq!(listed + report.unlisted_instances, report.instances);
        let transitions: u64 = report.follows.iter().map(|pair| pair.count).sum();
        prop_assert!(report.follows.len() <= 3 && report.variants.len() <= 2);
        prop_assert!(transitions <= report.events - report.instances);
        if transitions < report.events - report.instances {
            prop_assert!(overflow.unlisted_transitions > 0);
        }
        prop_assert!(report.steps.len() <= 4);
    }

    /// Too many open instances: the quiet ones are folded, none is lost.
    #[test]
    fn instances_that_are_cut_are_counted(log in log()) {
        let limits = Limits { open_instances: 2, ..Limits::default() };
        let recorder = log.record_open(Settings { limits, ..settings() }, |_| true);
        prop_assert!(recorder.open_instances() <= 2);
        let summary = recorder.summary();
        let report = everything(&summary);
        prop_assert_eq!(report.events, log.lines.len() as u64);
        prop_assert!(report.instances >= log.instances().len() as u64);
        prop_assert_eq!(report.instances, summary.overflow().cut_instances + recorder.open_instances() as u64);
    }
}
