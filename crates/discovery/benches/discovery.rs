//! How many steps a second are recorded, how long a report and a search for changes take, and how they grow: three
//! sizes, each ten times the one before. The raw limit beside them is a loop that only groups the same steps by
//! instance.
//!
//! `cargo bench -p elate-discovery --bench discovery`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elate_discovery::change::{self, Scan};
use elate_discovery::report::{self, Options};
use elate_discovery::{Ending, Funnel, Recorder, Settings, Step, Summary};
use elate_domain::Timestamp;

/// Instances of each size; each has eight steps.
const SIZES: [u64; 3] = [1_000, 10_000, 100_000];
const STEPS: u64 = 8;
const DAYS: u64 = 56;
const NAMES: [&str; 12] = [
    "ad", "home", "search", "product", "reviews", "cart", "coupon", "checkout", "payment", "support",
    "delivery", "return",
];
const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
const COUNTRIES: [&str; 4] = ["de", "fr", "it", "nl"];

struct Event {
    instance: String,
    name: &'static str,
    at: Timestamp,
    segments: [(&'static str, &'static str); 2],
}

/// A number between 0 and `bound`, always the same for the same place.
fn draw(place: u64, bound: u64) -> u64 {
    let mut mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 31)) % bound
}

/// Steps of instances that begin evenly over eight weeks, in order of time.
fn events(instances: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for instance in 0..instances {
        let mut at = instance * DAYS * 86_400_000 / instances;
        for step in 0..STEPS {
            let chance = draw(instance * STEPS + step, 1 << 32);
            // Mostly forward, sometimes anywhere: a few ways are frequent and many are rare.
            let name = if chance.is_multiple_of(8) { chance / 8 % 12 } else { step * 3 / 2 };
            events.push(Event {
                instance: format!("instance-{instance}"),
                name: NAMES[name as usize],
                at: Timestamp(at as i64),
                segments: [
                    ("device", DEVICES[draw(instance, 3) as usize]),
                    ("country", COUNTRIES[draw(instance + 7, 4) as usize]),
                ],
            });
            at += 1_000 + chance / 64 % 600_000;
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

fn settings() -> Settings {
    let funnel = Funnel {
        name: "purchase".into(),
        steps: ["home", "product", "checkout"].map(str::to_owned).into(),
        window_millis: Some(3_600_000),
        step_window_millis: None,
    };
    Settings { funnels: vec![funnel], ..Settings::default() }
}

fn record(events: &[Event]) -> Summary {
    let mut recorder = Recorder::try_new(settings()).unwrap();
    let mut steps: HashMap<&str, u64> = HashMap::new();
    for event in events {
        let Event { instance, name, at, segments } = event;
        recorder.record(&Step { instance, name, at: *at, segments });
        let seen = steps.entry(instance).or_default();
        *seen += 1;
        if *seen == STEPS {
            recorder.end(instance, Ending::Completed);
        }
    }
    recorder.summary()
}

fn group(events: &[Event]) -> usize {
    let mut instances: HashMap<&str, Vec<(&str, i64)>> = HashMap::new();
    for event in events {
        instances.entry(&event.instance).or_default().push((event.name, event.at.0));
    }
    instances.len()
}

/// Ten samples in two seconds: enough to see growth.
fn brief(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
}

fn discovery(criterion: &mut Criterion) {
    for instances in SIZES {
        let events = events(instances);
        let summary = record(&events);
        // The longest runs have more rare ways than are listed, which is what bounds the memory; all else must fit.
        for (what, count) in summary.overflow().lines() {
            assert_eq!(what, "instances of unlisted variants", "{count}");
            println!("{instances} instances, of which beyond the limit of listed variants: {count}");
        }
        let bytes = serde_json::to_vec(&summary).unwrap().len();
        println!("{instances} instances, {} steps: a summary of {bytes} bytes", events.len());
        let mut each = criterion.benchmark_group("steps");
        brief(&mut each);
        each.throughput(Throughput::Elements(events.len() as u64));
        each.bench_function(BenchmarkId::new("record", instances), |b| b.iter(|| record(black_box(&events))));
        each.bench_function(BenchmarkId::new("raw limit: group", instances), |b| {
            b.iter(|| group(black_box(&events)));
        });
        each.finish();
        let mut whole = criterion.benchmark_group("summary");
        brief(&mut whole);
        whole.bench_function(BenchmarkId::new("report", instances), |b| {
            b.iter(|| report::build(black_box(&summary), &Options::default()));
        });
        whole.bench_function(BenchmarkId::new("merge", instances), |b| {
            b.iter(|| {
                let mut merged = summary.clone();
                merged.merge(black_box(&summary)).unwrap();
                merged
            });
        });
        whole.bench_function(BenchmarkId::new("find changes", instances), |b| {
            b.iter(|| change::find(black_box(&summary), &Scan::default()));
        });
        whole.finish();
    }
}

criterion_group!(benches, discovery);
criterion_main!(benches);
