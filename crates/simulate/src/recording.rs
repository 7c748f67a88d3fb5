//! Reading a recorded file: lines into events, each with its log time and its customer.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use elate_domain::{Event, Timestamp};
use elate_events::http::Recorded;
use elate_events::model::check::check;
use elate_events::model::draft::Draft;
use elate_events::model::message::Batch;
use uuid::Uuid;

use crate::people;
use crate::report::Refusal;
use crate::{Error, Options, Progress};

/// Bytes that one thread reads at a time.
const CHUNK: usize = 1 << 20;
/// Refusals that are kept with their text.
const MAX_REFUSALS: usize = 20;
/// Seed of the fingerprints by which repeats are found. Nobody outside chooses what collides here.
const FINGERPRINT_SEED: u64 = 0;

/// A line that was taken.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Log time.
    pub(crate) at: Timestamp,
    /// The event, without its customer.
    pub(crate) draft: Draft,
}

/// A recorded file, with the customers resolved: what is replayed, once or under several definitions.
#[derive(Debug)]
pub struct Recording {
    /// Events of each partition with their log times, in order.
    pub(crate) partitions: Vec<Vec<(Timestamp, Event)>>,
    /// What was decided for the whole company, in order; every partition is told of it.
    pub(crate) decisions: Vec<(Timestamp, Event)>,
    /// Log time of the first and the last event.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) counts: Counts,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) outside: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
    pub(crate) customers: u64,
    pub(crate) merged: u64,
    /// By field.
    pub(crate) refused: BTreeMap<String, u64>,
    pub(crate) refusals: Vec<Refusal>,
}

impl Counts {
    fn refuse(&mut self, refusal: Refusal) {
        *self.refused.entry(refusal.field.clone()).or_default() += 1;
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push(refusal);
        }
    }
}

/// The lines of one chunk; line numbers count from the chunk's first.
#[derive(Debug, Default)]
struct Chunk {
    lines: u64,
    outside: u64,
    arrivals: Vec<Arrival>,
    refusals: Vec<Refusal>,
}

impl Recording {
    /// Reads a file of recorded messages, one JSON object a line, in the form in which SDKs send them.
    ///
    /// # Errors
    /// [`Error::Empty`] where no line can be taken. A line that can't is counted, with the reason, and passed over.
    pub fn read(bytes: &[u8], options: &Options, progress: &dyn Progress) -> Result<Self, Error> {
        progress.begin("reading", bytes.len() as u64);
        let mut counts = Counts::default();
        let mut arrivals = Vec::new();
        for chunk in read_chunks(bytes, options, progress)? {
            for refusal in chunk.refusals {
                counts.refuse(Refusal { line: refusal.line + counts.lines, ..refusal });
            }
            counts.lines += chunk.lines;
            counts.outside += chunk.outside;
            arrivals.extend(chunk.arrivals);
        }
        // Stable: lines of one instant keep their order.
        arrivals.sort_by_key(|arrival| arrival.at);
        let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) else {
            let first = counts.refusals.first();
            return Err(Error::Empty { first: first.map(ToString::to_string) });
        };
        let (first, last) = (first.at, last.at);
        progress.begin("finding customers", arrivals.len() as u64);
        let partitions = people::resolve(arrivals, options, &mut counts, progress)?;
        Ok(Self { partitions, decisions: Vec::new(), first, last, counts })
    }

    /// The events with their log times, in order within each partition.
    pub fn into_events(self) -> impl Iterator<Item = (Timestamp, Event)> {
        self.partitions.into_iter().flatten()
    }

    /// Events that will be replayed.
    pub fn events(&self) -> u64 {
        self.partitions.iter().map(|events| events.len() as u64).sum()
    }
}

/// Where each chunk ends: behind a line's end.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = (at + CHUNK).min(bytes.len());
        let rest = bytes.get(from..).unwrap_or_default();
        at = rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| from + found + 1);
        ends.push(at);
    }
    ends
}

fn read_chunks(bytes: &[u8], options: &Options, progress: &dyn Progress) -> Result<Vec<Chunk>, Error> {
    let ends = ends(bytes);
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Chunk>> = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(end) = ends.get(index) else { return };
            let begin = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
            let part = bytes.get(begin..*end).unwrap_or_default();
            let chunk = read_chunk(part, index, options);
            progress.advance(part.len() as u64);
            if let Ok(mut done) = done.lock() {
                done.insert(index, chunk);
            }
        }
    };
    in_parallel(options.threads, work)?;
    let done = done.into_inner().map_err(|_| Error::Worker)?;
    if done.len() == ends.len() { Ok(done.into_values().collect()) } else { Err(Error::Worker) }
}

/// Runs `work` on several threads at once.
pub(crate) fn in_parallel(threads: NonZeroUsize, work: impl Fn() + Sync) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.get()).map(|_| scope.spawn(&work)).collect();
        let mut ended = Ok(());
        for handle in handles {
            ended = ended.and(handle.join().map_err(|_| Error::Worker));
        }
        ended
    })
}

fn read_chunk(bytes: &[u8], index: usize, options: &Options) -> Chunk {
    let batch = Batch {
        workspace: options.workspace.clone(),
        source: options.source.clone(),
        import_id: None,
        trace_parent: None,
        messages: Vec::new(),
    };
    let mut chunk = Chunk::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        chunk.lines += 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let made_up = || Uuid::from_u64_pair(index as u64, chunk.lines);
        match read_line(line, &batch, made_up()) {
            Ok(arrival) if is_within(arrival.at, options) => chunk.arrivals.push(arrival),
            Ok(_) => chunk.outside += 1,
            Err((field, reason)) => chunk.refusals.push(Refusal { line: chunk.lines, field, reason }),
        }
    }
    chunk
}

fn is_within(at: Timestamp, options: &Options) -> bool {
    options.from.is_none_or(|from| at >= from) && options.to.is_none_or(|to| at < to)
}

/// `made_up` stands in for a missing message id; it is made of the line's place, so it is the same on every run.
fn read_line(line: &[u8], batch: &Batch, made_up: Uuid) -> Result<Arrival, (String, String)> {
    let text = std::str::from_utf8(line).map_err(|error| (String::new(), format!("is no UTF-8: {error}")))?;
    let Recorded { message, received } = Recorded::read(text).map_err(|e| (e.field, e.reason))?;
    let at = received.or(message.original_time).ok_or_else(|| {
        ("timestamp".to_owned(), "is missing, and there is no receivedAt: when was it?".to_owned())
    })?;
    let draft = check(batch, message, at, FINGERPRINT_SEED, made_up)
        .map_err(|refusal| (refusal.field.to_owned(), refusal.reason))?;
    Ok(Arrival { at, draft })
}
