//! How many events a second the engine takes: a million generated events of ten thousand customers against
//! 1, 3, 20 and 200 patterns, on one thread and on two (customers divided between them), with the states in memory
//! and with states that are stored after every batch.
//!
//! The clock runs from the first event to the last match and includes finding each customer's state by id.
//! Counts and checksums of the matches are compared with those that Flink CEP and an independent program
//! give for the same events; a run that differs does not count, and the program fails.
//!
//! - *in memory*: states stay as they are between events.
//! - *durable*: what the consumer does around its transaction. In batches of 4,096 events, each touched customer's
//!   state is read from MessagePack before, and written as MessagePack after; nothing is cached between batches.
//! - *200 patterns*: the first five of the workload, and 195 of which something is open for every customer but
//!   which no event concerns. Their share of the speed of the five alone is printed.
//! - *growth*: bytes of a customer's stored state after each quarter of the events.
//!
//! Where other programs keep the processors busy, the CPU time of a thousand events says more than events a second.
//!
//! `cargo bench -p elate-patterns --bench throughput`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod runs;
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use runs::Plan;
use workload::Event;

/// What Flink CEP 1.20.1 does on two shared cores with two threads, at its best settings.
struct Flink {
    patterns: usize,
    /// Events a second.
    rate: f64,
    /// The same with a checkpoint every five seconds, where it was measured.
    durable: Option<f64>,
    /// Seconds of CPU for a thousand events.
    cpu: f64,
}

const FLINK: [Flink; 3] = [
    Flink { patterns: 1, rate: 331_000.0, durable: None, cpu: 0.0073 },
    Flink { patterns: 3, rate: 120_000.0, durable: Some(89_000.0), cpu: 0.018 },
    Flink { patterns: 20, rate: 19_700.0, durable: None, cpu: 0.102 },
];

const RUNS: usize = 3;

/// One measurement.
struct Figures {
    /// Events a second, in the middle of all runs.
    rate: f64,
    /// Milliseconds of CPU for a thousand events.
    cpu: f64,
    matches: u64,
    correct: bool,
}

fn main() -> ExitCode {
    let few = workload::generate(200_000);
    let events = workload::generate(1_000_000);
    let mut correct = workload::verify_events(&few) && workload::verify_events(&events);
    let once = Plan { patterns: 20, others: 0, threads: 1, durable: false };
    correct &= measure(&few, once, 1).correct;
    for durable in [false, true] {
        for flink in &FLINK {
            for threads in [1, 2] {
                correct &= beside_flink(&events, threads, durable, flink);
            }
        }
    }
    for durable in [false, true] {
        for threads in [1, 2] {
            correct &= many(&events, threads, durable);
        }
    }
    growth(&events);
    if correct { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(durable: bool) -> &'static str {
    if durable { "durable" } else { "in memory" }
}

fn beside_flink(events: &[Event], threads: usize, durable: bool, flink: &Flink) -> bool {
    let plan = Plan { patterns: flink.patterns, others: 0, threads, durable };
    let figures = measure(events, plan, RUNS);
    let theirs = if durable { flink.durable } else { Some(flink.rate) };
    let ratio = theirs.map(|theirs| format!(" ({:.1} x Flink's {theirs:.0})", figures.rate / theirs));
    println!(
        "patterns/throughput: {}, {} patterns, {threads} threads: {:.0} events/s{}, {:.3} ms CPU/1,000 events \
         (Flink {:.1}, {:.0} x), {} MiB at most; {} matches, {}",
        name(durable),
        flink.patterns,
        figures.rate,
        ratio.unwrap_or_default(),
        figures.cpu,
        flink.cpu * 1_000.0,
        flink.cpu * 1_000.0 / figures.cpu,
        peak_mebibytes(),
        figures.matches,
        if figures.correct { "checked" } else { "WRONG" },
    );
    figures.correct
}

/// Five patterns alone, and beside 195 that no event concerns.
fn many(events: &[Event], threads: usize, durable: bool) -> bool {
    let alone = Plan { patterns: 5, others: 0, threads, durable };
    let five = measure(events, alone, RUNS);
    let all = measure(events, Plan { others: 195, ..alone }, RUNS);
    println!(
        "patterns/throughput: {}, 200 patterns of which 5 are concerned, {threads} threads: {:.0} events/s, \
         {:.3} ms CPU/1,000 events; the 5 alone {:.0} events/s, {:.3} ms: {:.2} x the cost; {}",
        name(durable),
        all.rate,
        all.cpu,
        five.rate,
        five.cpu,
        all.cpu / five.cpu,
        if five.correct && all.correct { "checked" } else { "WRONG" },
    );
    five.correct && all.correct
}

fn measure(events: &[Event], plan: Plan, times: usize) -> Figures {
    let set = workload::patterns(plan.patterns, plan.others);
    let (mut seconds, mut cpu, mut sums) = (Vec::new(), 0.0, Vec::new());
    for _ in 0..times {
        let customers = runs::prepare(&set, events, plan);
        let (begin, cpu_before) = (Instant::now(), cpu_seconds());
        sums = runs::run(&set, events, customers, plan);
        seconds.push(begin.elapsed().as_secs_f64());
        cpu += cpu_seconds() - cpu_before;
    }
    seconds.sort_by(f64::total_cmp);
    Figures {
        rate: events.len() as f64 / seconds[times / 2],
        cpu: cpu * 1_000.0 / ((times * events.len()) as f64 / 1_000.0),
        matches: sums.iter().map(|sum| sum.count).sum(),
        correct: workload::verify_sums(events.len(), &sums),
    }
}

/// How large states are, and whether they go on growing.
fn growth(events: &[Event]) {
    for patterns in [1, 3, 20] {
        let set = workload::patterns(patterns, 0);
        let plan = Plan { patterns, others: 0, threads: 1, durable: true };
        let mut customers = runs::prepare(&set, events, plan);
        let mut parts = Vec::new();
        for quarter in events.chunks(events.len() / 4) {
            customers = runs::follow(&set, quarter, customers, plan);
            let (bytes, most, count) = runs::stored_bytes(&customers);
            parts.push(format!("{} (at most {most})", bytes / count.max(1)));
        }
        println!(
            "patterns/state: {patterns} patterns: bytes a customer after each quarter of the events: {}",
            parts.join(", ")
        );
    }
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
