//! The reference suite of this crate: process logs whose numbers another program counted.
//!
//! A log is `journeys/NAME.csv.gz` with `case:concept:name`, `concept:name` and `time:timestamp` among its columns;
//! `journeys/NAME.json` is what must come out of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use elate_discovery::report::{self, Options, Report, Seconds};
use elate_discovery::{Quantiles, Recorder, Settings, Step, Summary};
use elate_domain::Timestamp;
use serde_json::Value;

/// The logs of the suite.
pub(crate) const LOGS: [&str; 2] = ["running-example", "receipt"];

/// What came of a suite: one case for each number that was compared.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    fn case(&mut self, name: impl FnOnce() -> String, problem: Option<String>) {
        match problem {
            None => self.passed += 1,
            Some(problem) => self.failures.push(format!("{}: {problem}", name())),
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, got: T, expected: T) {
        let problem = (got != expected).then(|| format!("is {got:?}, not {expected:?}"));
        self.case(|| name.to_owned(), problem);
    }

    fn near(&mut self, name: impl FnOnce() -> String, got: Option<f64>, expected: &Value, error: f64) {
        // No number in the file (not a number, there) says that there is none.
        let problem = match (got, expected.as_f64()) {
            (None, None) => None,
            (Some(got), Some(expected)) => {
                let off = (got - expected).abs();
                (off > 1e-5 + expected.abs() * error).then(|| format!("is {got}, not {expected}"))
            }
            (got, _) => Some(format!("is {got:?}, not {expected}")),
        };
        self.case(name, problem);
    }
}

/// One event of a log.
pub(crate) struct Event {
    pub(crate) case: String,
    pub(crate) name: String,
    pub(crate) at: Timestamp,
    /// The other columns.
    pub(crate) rest: Vec<(String, String)>,
}

/// Reads a log. None of its fields is quoted.
pub(crate) fn read(file: &Path) -> Result<Vec<Event>, String> {
    let packed = std::fs::File::open(file).map_err(|e| e.to_string())?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).map_err(|e| e.to_string())?;
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut events = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        if fields.len() != columns.len() || line.contains('"') {
            return Err(format!("not a plain line: {line}"));
        }
        let fields: BTreeMap<&str, &str> = columns.iter().copied().zip(fields).collect();
        let of = |column: &str| fields.get(column).map(|field| (*field).to_owned());
        let at = of("time:timestamp").and_then(|at| Timestamp::parse(&at));
        let (Some(case), Some(name), Some(at)) = (of("case:concept:name"), of("concept:name"), at) else {
            return Err(format!("no case, name or time: {line}"));
        };
        let rest = fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        events.push(Event { case, name, at, rest: rest.collect() });
    }
    Ok(events)
}

/// Records a log.
pub(crate) fn summary(events: &[Event]) -> Result<Summary, String> {
    let mut recorder = Recorder::try_new(Settings::default()).map_err(|e| e.to_string())?;
    for event in events {
        recorder.record(&Step { instance: &event.case, name: &event.name, at: event.at, segments: &[] });
    }
    Ok(recorder.summary())
}

/// Compares everything that is counted in a log with its reference.
pub(crate) fn run(folder: &Path, log: &str) -> Result<Tally, String> {
    let text = std::fs::read_to_string(folder.join(format!("{log}.json"))).map_err(|e| e.to_string())?;
    // NaN is how the reference writes the deviation of a single time.
    let expected: Value = serde_json::from_str(&text.replace("NaN", "null")).map_err(|e| e.to_string())?;
    let events = read(&folder.join(format!("{log}.csv.gz")))?;
    let options = Options { variants: usize::MAX, ..Options::default() };
    let report = report::build(&summary(&events)?, &options);
    let mut tally = Tally::default();
    totals(&mut tally, &report, &expected);
    pairs(&mut tally, &report, &expected);
    variants(&mut tally, &report, &expected);
    times(&mut tally, &report, &expected);
    tally.equal("everything fitted", report.overflow.is_empty(), true);
    Ok(tally)
}

fn totals(tally: &mut Tally, report: &Report, expected: &Value) {
    tally.equal("events", Some(report.events), expected["events"].as_u64());
    tally.equal("cases", Some(report.instances), expected["cases"].as_u64());
    let counted = |count: fn(&report::StepReport) -> u64| -> BTreeMap<String, u64> {
        let steps = report.steps.iter().map(|step| (step.step.clone(), count(step)));
        steps.filter(|(_, count)| *count > 0).collect()
    };
    tally.equal("start activities", counted(|step| step.starts), object(&expected["start_activities"]));
    tally.equal("end activities", counted(|step| step.ends), object(&expected["end_activities"]));
    tally.equal("activities", counted(|step| step.visits), object(&expected["activity_counts"]));
}

fn pairs(tally: &mut Tally, report: &Report, expected: &Value) {
    let triples = |value: &Value| -> BTreeMap<(String, String), u64> {
        list(value)
            .iter()
            .map(|pair| ((text(&pair[0]), text(&pair[1])), pair[2].as_u64().unwrap_or(0)))
            .collect()
    };
    let follows = report.follows.iter().map(|pair| ((pair.from.clone(), pair.to.clone()), pair.count));
    compare(tally, "directly follows", &follows.collect(), &triples(&expected["dfg"]));
    let eventually = report.eventually.iter().map(|pair| ((pair.from.clone(), pair.to.clone()), pair.count));
    compare(tally, "eventually follows", &eventually.collect(), &triples(&expected["eventually_follows"]));
}

fn variants(tally: &mut Tally, report: &Report, expected: &Value) {
    let got = report.variants.iter().map(|variant| (variant.steps.clone(), variant.count)).collect();
    let expected = list(&expected["variants"]).iter();
    let expected: BTreeMap<Vec<String>, u64> = expected
        .map(|variant| {
            (list(&variant["seq"]).iter().map(text).collect(), variant["count"].as_u64().unwrap_or(0))
        })
        .collect();
    compare(tally, "variant", &got, &expected);
    tally.equal("coverage", report.variants.last().map(|last| last.coverage), Some(1.0));
}

fn times(tally: &mut Tally, report: &Report, expected: &Value) {
    for pair in list(&expected["performance_dfg_seconds"]) {
        let (from, to) = (text(&pair[0]), text(&pair[1]));
        let found = report.follows.iter().find(|follow| follow.from == from && follow.to == to);
        seconds(tally, &format!("{from} to {to}"), found.map(|follow| &follow.seconds), &pair[2]);
    }
    seconds(tally, "duration", report.seconds.as_ref(), &expected["case_duration_seconds"]);
}

/// The name of a number of [`Seconds`], and how to get it.
type Reading<T> = (&'static str, fn(&Seconds) -> T);

fn seconds(tally: &mut Tally, what: &str, got: Option<&Seconds>, expected: &Value) {
    let exact: [Reading<Option<f64>>; 5] = [
        ("mean", |seconds| Some(seconds.mean)),
        ("min", |seconds| Some(seconds.least)),
        ("max", |seconds| Some(seconds.most)),
        ("sum", |seconds| Some(seconds.sum)),
        ("stdev", |seconds| seconds.deviation),
    ];
    for (name, of) in exact {
        if let Some(expected) = expected.get(name) {
            tally.near(|| format!("{what}, {name}"), got.and_then(of), expected, 1e-9);
        }
    }
    let sketched: [Reading<f64>; 2] = [("median", |seconds| seconds.median), ("p90", |seconds| seconds.p90)];
    for (name, of) in sketched {
        if let Some(expected) = expected.get(name) {
            let error = got.map_or(0.0, |seconds| seconds.quantile_error);
            assert!(error == 0.0 || error == Quantiles::RELATIVE_ERROR);
            tally.near(|| format!("{what}, {name}"), got.map(of), expected, error);
        }
    }
}

/// One case for each key of either side.
fn compare<K: Ord + std::fmt::Debug>(
    tally: &mut Tally,
    what: &str,
    got: &BTreeMap<K, u64>,
    expected: &BTreeMap<K, u64>,
) {
    for (key, expected) in expected {
        let got = got.get(key).copied().unwrap_or_default();
        let problem = (got != *expected).then(|| format!("is {got}, not {expected}"));
        tally.case(|| format!("{what} {key:?}"), problem);
    }
    for (key, got) in got.iter().filter(|(key, _)| !expected.contains_key(key)) {
        tally.case(|| format!("{what} {key:?}"), Some(format!("is {got}, and not in the reference")));
    }
}

fn object(value: &Value) -> BTreeMap<String, u64> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, count)| (key.clone(), count.as_u64().unwrap_or_default())).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
