//! How many events a second the engine takes: a million generated events of ten thousand customers against
//! 1, 3, 20 and 200 patterns, on one thread and on two (customers divided between them).
//!
//! The clock runs from the first event to the last match and includes finding each customer's state by id.
//! Counts and checksums of the matches are compared with those that Flink CEP and an independent program
//! give for the same events; a run that differs does not count, and the program fails.
//!
//! - *in memory*: states stay as they are between events.
//! - *encoded*: what surrounds the consumer's transaction. In batches of 32,768 events, each touched customer's
//!   state is read from MessagePack before, and written as MessagePack after; nothing is cached between batches.
//! - *sqlite*: each batch's states are on disk before the next batch begins; see `sqlite/mod.rs`.
//! - *200 patterns*: the first five of the workload and 195 that no event concerns, of which nothing has begun, or
//!   (harder) something is open for every customer. Their cost beside that of the five alone is printed.
//! - *growth*: cost of an event and bytes of a customer's stored state, for three numbers of events.
//!
//! Where other programs keep the processors busy, the CPU time of a thousand events says more than events a second.
//!
//! `cargo bench -p elate-patterns --bench throughput -- [memory] [encoded] [sqlite] [many] [growth]`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod runs;
mod sqlite;
mod workload;

use std::process::ExitCode;
use std::time::Instant;

use elate_patterns::PatternSet;
use runs::{Others, Plan, States};
use workload::{Event, Sum};

/// What Flink CEP 1.20.1 does on two shared cores with two threads, at its best settings.
struct Flink {
    patterns: usize,
    /// Events a second.
    rate: f64,
    /// The same with a checkpoint every five seconds, where it was measured.
    durable: Option<f64>,
    /// Milliseconds of CPU for a thousand events.
    cpu: f64,
}

const FLINK: [Flink; 3] = [
    Flink { patterns: 1, rate: 331_000.0, durable: None, cpu: 7.3 },
    Flink { patterns: 3, rate: 120_000.0, durable: Some(89_000.0), cpu: 18.0 },
    Flink { patterns: 20, rate: 19_700.0, durable: None, cpu: 102.0 },
];

const THREADS: [usize; 2] = [1, 2];
const RUNS: usize = 3;

/// One measurement.
struct Figures {
    /// Events a second, in the middle of all runs.
    rate: f64,
    /// Milliseconds of CPU for a thousand events.
    cpu: f64,
    sums: Vec<Sum>,
    correct: bool,
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|word| word == part);
    let few = workload::generate(200_000);
    let events = workload::generate(1_000_000);
    let mut correct = workload::verify_events(&few) && workload::verify_events(&events);
    correct &= measure(&few, plan(20, 1, States::InMemory), 1).correct;
    for (part, states) in [("memory", States::InMemory), ("encoded", States::Encoded)] {
        for flink in FLINK.iter().filter(|_| wanted(part)) {
            for threads in THREADS {
                correct &= beside_flink(
                    part,
                    flink,
                    threads,
                    measure(&events, plan(flink.patterns, threads, states), RUNS),
                );
            }
        }
    }
    for flink in FLINK.iter().filter(|_| wanted("sqlite")) {
        for threads in THREADS {
            correct &= stored(&events, flink, threads);
        }
    }
    for states in [States::InMemory, States::Encoded] {
        for threads in THREADS.into_iter().filter(|_| wanted("many")) {
            correct &= many(&events, threads, states);
        }
    }
    if wanted("growth") {
        correct &= growth(&events);
    }
    if correct { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(patterns: usize, threads: usize, states: States) -> Plan {
    Plan { patterns, others: Others::None, threads, states }
}

fn beside_flink(part: &str, flink: &Flink, threads: usize, figures: Figures) -> bool {
    let theirs = if part == "memory" { Some(flink.rate) } else { flink.durable };
    let ratio = theirs.map(|theirs| format!(" ({:.1} x Flink's {theirs:.0})", figures.rate / theirs));
    println!(
        "patterns/{part}: {} patterns, {threads} threads: {:.0} events/s{}, {:.3} ms CPU/1,000 events \
         (Flink {:.1}, {:.0} x), {} MiB at most; {} matches, {}",
        flink.patterns,
        figures.rate,
        ratio.unwrap_or_default(),
        figures.cpu,
        flink.cpu,
        flink.cpu / figures.cpu,
        peak_mebibytes(),
        figures.sums.iter().map(|sum| sum.count).sum::<u64>(),
        checked(figures.correct),
    );
    figures.correct
}

/// States in SQLite.
fn stored(events: &[Event], flink: &Flink, threads: usize) -> bool {
    let plan = plan(flink.patterns, threads, States::InMemory);
    let mut failure = None;
    let figures = timed(
        events,
        plan,
        RUNS,
        |_| (),
        |set, ()| {
            sqlite::run(set, events, plan).unwrap_or_else(|error| {
                failure = Some(error.to_string());
                Vec::new()
            })
        },
    );
    if let Some(failure) = failure {
        eprintln!("sqlite: {failure}");
        return false;
    }
    beside_flink("sqlite", flink, threads, figures)
}

/// Five patterns alone, and beside 195 that no event concerns.
fn many(events: &[Event], threads: usize, states: States) -> bool {
    let alone = plan(5, threads, states);
    let five = measure(events, alone, RUNS);
    let mut correct = five.correct;
    let name = if states == States::InMemory { "in memory" } else { "encoded" };
    for (others, how) in [(Others::Idle(195), "nothing of"), (Others::Open(195), "all customers in")] {
        let all = measure(events, Plan { others, ..alone }, RUNS);
        println!(
            "patterns/many: {name}, {threads} threads, 200 patterns of which 5 are concerned, {how} the others: \
             {:.0} events/s, {:.3} ms CPU/1,000 events; the 5 alone {:.0} events/s, {:.3} ms: {:.2} x the cost; {}",
            all.rate,
            all.cpu,
            five.rate,
            five.cpu,
            all.cpu / five.cpu,
            checked(all.correct),
        );
        correct &= all.correct;
    }
    correct
}

/// What an event costs as there come to be more of them, and how large states become.
fn growth(events: &[Event]) -> bool {
    let mut correct = true;
    for patterns in [1, 3, 20] {
        for count in [events.len() / 16, events.len() / 4, events.len()] {
            let plan = plan(patterns, 1, States::InMemory);
            let events = &events[..count];
            let figures = measure(events, plan, RUNS);
            let set = workload::patterns(patterns, 0);
            let customers = runs::follow(&set, events, runs::prepare(&set, events, plan), plan);
            let (bytes, most) = runs::stored_bytes(&customers);
            println!(
                "patterns/growth: {patterns} patterns, {count} events: {:.3} ms CPU/1,000 events; \
                 {bytes} bytes a customer, at most {most}",
                figures.cpu,
            );
            // sums are known for the whole workload only
            correct &= count < 1_000_000 || figures.correct;
        }
    }
    correct
}

fn measure(events: &[Event], plan: Plan, times: usize) -> Figures {
    let prepare = |set: &PatternSet| runs::prepare(set, events, plan);
    timed(events, plan, times, prepare, |set, customers| runs::run(set, events, customers, plan))
}

/// Runs it several times; what `prepare` does is not counted.
fn timed<T>(
    events: &[Event],
    plan: Plan,
    times: usize,
    prepare: impl Fn(&PatternSet) -> T,
    mut run: impl FnMut(&PatternSet, T) -> Vec<Sum>,
) -> Figures {
    let set = workload::patterns(plan.patterns, plan.others.count());
    let (mut seconds, mut cpu, mut sums) = (Vec::new(), 0.0, Vec::new());
    for _ in 0..times {
        let prepared = prepare(&set);
        let (begin, cpu_before) = (Instant::now(), cpu_seconds());
        sums = run(&set, prepared);
        seconds.push(begin.elapsed().as_secs_f64());
        cpu += cpu_seconds() - cpu_before;
    }
    seconds.sort_by(f64::total_cmp);
    Figures {
        rate: events.len() as f64 / seconds[times / 2],
        cpu: cpu * 1_000.0 / ((times * events.len()) as f64 / 1_000.0),
        correct: workload::verify_sums(events.len(), &sums),
        sums,
    }
}

fn checked(correct: bool) -> &'static str {
    if correct { "checked" } else { "WRONG" }
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
