//! How many events a second the engine takes: a million generated events of ten thousand customers against
//! 1, 3 and 20 patterns, on one thread and on two (customers divided between them).
//!
//! The clock runs from the first event to the last match and includes finding each customer's state by id.
//! Counts and checksums of the matches are compared with those that Flink CEP and an independent program
//! give for the same events; a run that differs does not count, and the program fails.
//!
//! `cargo bench -p elate-patterns --bench throughput`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod workload;

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Instant;

use elate_patterns::{
    Captures, ClassId, ConditionId, Match, Occurrence, Outcome, PatternSet, Scratch, SetOutcomes, SetState,
    Times,
};
use workload::{Event, Sum};

/// What Flink CEP 1.20.1 does on two shared cores with two threads, at its best settings.
struct Flink {
    patterns: usize,
    /// Events a second.
    rate: f64,
    /// Seconds of CPU for a thousand events.
    cpu: f64,
}

const FLINK: [Flink; 3] = [
    Flink { patterns: 1, rate: 331_000.0, cpu: 0.0073 },
    Flink { patterns: 3, rate: 120_000.0, cpu: 0.018 },
    Flink { patterns: 20, rate: 19_700.0, cpu: 0.102 },
];

const RUNS: usize = 3;

fn main() -> ExitCode {
    let mut correct = true;
    for size in [200_000, 1_000_000] {
        let events = workload::generate(size);
        correct &= workload::verify_events(&events);
        for flink in &FLINK {
            for threads in [1, 2] {
                correct &= measure(&events, threads, flink);
            }
        }
    }
    if correct { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(events: &[Event], threads: usize, flink: &Flink) -> bool {
    let set = workload::patterns(flink.patterns);
    let mut seconds = Vec::new();
    let mut sums = Vec::new();
    let cpu_before = cpu_seconds();
    for _ in 0..RUNS {
        let begin = Instant::now();
        sums = run(&set, events, flink.patterns, threads);
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let thousands = (RUNS * events.len()) as f64 / 1_000.0;
    let cpu = (cpu_seconds() - cpu_before) / thousands;
    seconds.sort_by(f64::total_cmp);
    let rate = events.len() as f64 / seconds[RUNS / 2];
    let correct = workload::verify_sums(events.len(), &sums);
    println!(
        "patterns/throughput: {} events, {} patterns, {threads} threads: {rate:.0} events/s ({:.1} x Flink's {:.0}), \
         {:.3} ms CPU/1,000 events (Flink {:.1}, {:.0} x), {} MiB at most; {} matches, {}",
        events.len(),
        flink.patterns,
        rate / flink.rate,
        flink.rate,
        cpu * 1_000.0,
        flink.cpu * 1_000.0,
        flink.cpu / cpu,
        peak_mebibytes(),
        sums.iter().map(|sum| sum.count).sum::<u64>(),
        if correct { "checked" } else { "WRONG" },
    );
    correct
}

/// User and system time of this process so far; in hundredths, as Linux counts it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // the second field is a name in brackets, which may contain spaces
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

fn run(set: &PatternSet, events: &[Event], patterns: usize, threads: usize) -> Vec<Sum> {
    let parts: Vec<Vec<Sum>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || run_part(set, events, patterns, part, threads)))
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut total = vec![Sum::default(); patterns];
    for part in parts {
        for (total, sum) in total.iter_mut().zip(part) {
            total.add(sum);
        }
    }
    total
}

/// One thread's share: it looks at all events and takes those of its customers.
fn run_part(set: &PatternSet, events: &[Event], patterns: usize, part: usize, parts: usize) -> Vec<Sum> {
    let mut states: HashMap<[u8; 10], SetState<u32>> = HashMap::new();
    let mut sums = vec![Sum::default(); patterns];
    let mut scratch = Scratch::default();
    let mut out: SetOutcomes<u32> = Vec::new();
    for event in events {
        if usize::from(event.id[9]) % parts != part {
            continue;
        }
        let state = states.entry(event.id).or_default();
        let mut conditions =
            |id: ConditionId, _: &u32, _: &Captures<'_, u32>| event.amount >= workload::amount(id);
        let times = Times::same(event.at);
        let class = Some(ClassId(event.class));
        let mut occurrence = Occurrence::new(&event.sequence, class, times, &mut conditions, &mut scratch);
        set.step(state, &mut occurrence, &mut out);
        if !out.is_empty() {
            count(&mut out, &mut sums);
        }
    }
    for state in states.values_mut() {
        set.advance(state, i64::MAX - 1, &mut out);
        count(&mut out, &mut sums);
    }
    sums
}

fn count(out: &mut SetOutcomes<u32>, sums: &mut [Sum]) {
    for (key, outcome) in out.drain(..) {
        if let Outcome::Matched(Match { captures, .. }) = outcome
            && let (Some(first), Some(last)) = (captures.first(), captures.last())
        {
            sums[key.0 as usize].found(first.event, last.event);
        }
    }
}
