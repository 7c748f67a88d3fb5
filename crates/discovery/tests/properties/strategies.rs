//! Logs by chance.

use std::collections::BTreeMap;

use elate_discovery::{Ending, Funnel, Recorder, Settings, Step, Summary};
use elate_domain::Timestamp;
use proptest::prelude::*;

pub(crate) const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const DEVICES: [&str; 2] = ["mobile", "desktop"];

/// One line of a log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) instance: usize,
    pub(crate) name: &'static str,
    pub(crate) at: i64,
    pub(crate) device: Option<&'static str>,
}

/// A log: lines in the order in which they were received, and how instances ended, if they did.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) lines: Vec<Line>,
    pub(crate) endings: BTreeMap<usize, Ending>,
}

fn line() -> impl Strategy<Value = Line> {
    // Few distinct times, so that equal ones are frequent, and in no order.
    let device = prop::option::of(prop::sample::select(&DEVICES[..]));
    (0..6_usize, prop::sample::select(&NAMES[..]), 0..40_i64, device)
        .prop_map(|(instance, name, at, device)| Line { instance, name, at: at * 700_000, device })
}

pub(crate) fn log() -> impl Strategy<Value = Log> {
    let ending = prop::sample::select(vec![Ending::Completed, Ending::Abandoned]);
    let endings = prop::collection::btree_map(0..6_usize, ending, 0..4);
    (prop::collection::vec(line(), 0..60), endings).prop_map(|(lines, endings)| Log { lines, endings })
}

pub(crate) fn funnel(window: Option<u64>, step_window: Option<u64>) -> Funnel {
    Funnel {
        name: format!("{window:?} {step_window:?}"),
        steps: ["a", "b", "a"].map(str::to_owned).into(),
        window_millis: window,
        step_window_millis: step_window,
    }
}

pub(crate) fn settings() -> Settings {
    let funnels =
        [(None, None), (Some(9_000_000), None), (None, Some(4_000_000)), (Some(9_000_000), Some(4_000_000))];
    Settings {
        bucket_millis: 5_000_000,
        horizon_millis: 3_000_000,
        funnels: funnels.map(|(window, step)| funnel(window, step)).into(),
        ..Settings::default()
    }
}

impl Log {
    /// A recorder of these lines; instances end after the last of them.
    pub(crate) fn record(&self, settings: Settings, keep: impl Fn(&Line) -> bool) -> Recorder {
        let mut recorder = self.record_open(settings, keep);
        self.end(&mut recorder);
        recorder
    }

    pub(crate) fn end(&self, recorder: &mut Recorder) {
        for (instance, ending) in &self.endings {
            recorder.end(&instance.to_string(), *ending);
        }
    }

    pub(crate) fn record_open(&self, settings: Settings, keep: impl Fn(&Line) -> bool) -> Recorder {
        let mut recorder = Recorder::try_new(settings).unwrap();
        for line in self.lines.iter().filter(|line| keep(line)) {
            let segments: Vec<(&str, &str)> = line.device.iter().map(|device| ("device", *device)).collect();
            let instance = line.instance.to_string();
            let at = Timestamp(line.at);
            recorder.record(&Step { instance: &instance, name: line.name, at, segments: &segments });
        }
        recorder
    }

    pub(crate) fn summary(&self) -> Summary {
        self.record(settings(), |_| true).summary()
    }

    /// The lines of each instance in order of time, equal times as they came.
    pub(crate) fn instances(&self) -> BTreeMap<usize, Vec<&Line>> {
        let mut instances: BTreeMap<usize, Vec<&Line>> = BTreeMap::new();
        for line in &self.lines {
            instances.entry(line.instance).or_default().push(line);
        }
        for lines in instances.values_mut() {
            lines.sort_by_key(|line| line.at);
        }
        instances
    }
}
