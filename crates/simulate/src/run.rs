//! Runs all partitions.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use elate_domain::{Partition, Timestamp};

use crate::partition::Lane;
use crate::recording::in_parallel;
use crate::report::{Input, Period};
use crate::tally::Tally;
use crate::{Definitions, Error, Options, Progress, Recording, Report};

/// Events after which progress is told.
const STEP: u64 = 1_024;

/// Replays a recording under `definitions` and says what came of it.
///
/// # Errors
/// [`Error::Stopped`] where nobody waits for the report any more, [`Error::Worker`] where a thread ended; others never in
/// practice.
pub fn simulate(
    definitions: &Definitions,
    recording: &Recording,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, Error> {
    progress.begin("replaying", recording.events());
    let end = options.to.unwrap_or_else(|| recording.last.plus_millis(options.settle_millis));
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<Tally, Error>>> = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= recording.partitions.len() {
                return;
            }
            let tally = replay(index, definitions, recording, options, end, progress);
            if let Ok(mut done) = done.lock() {
                done.insert(index, tally);
            }
        }
    };
    in_parallel(options.threads, work)?;
    let done = done.into_inner().map_err(|_| Error::Worker)?;
    if done.len() != recording.partitions.len() {
        return Err(Error::Worker);
    }
    let mut all = Tally::default();
    // In order of the partitions, so that the same sums come out whichever was ready first.
    for tally in done.into_values() {
        all.add(tally?);
    }
    let counts = &recording.counts;
    let input = Input {
        lines: counts.lines,
        outside_period: counts.outside,
        accepted: counts.accepted,
        duplicates: counts.duplicates,
        conflicts: counts.conflicts,
        refused: counts.refused.clone(),
        first_refusals: counts.refusals.clone(),
        customers: counts.customers,
        merged: counts.merged,
        decisions: recording.decisions.len() as u64,
    };
    let period = Period { first_event: recording.first, last_event: recording.last, log_time_ends: end };
    Ok(all.report(period, input, options.entries))
}

fn replay(
    index: usize,
    definitions: &Definitions,
    recording: &Recording,
    options: &Options,
    end: Timestamp,
    progress: &dyn Progress,
) -> Result<Tally, Error> {
    let partition = Partition(u32::try_from(index).unwrap_or(u32::MAX));
    let mut lane = Lane::new(partition, definitions, &options.workspace, recording.first)?;
    let mut since = 0;
    let mut decisions = recording.decisions.iter().peekable();
    for (at, event) in recording.partitions.get(index).into_iter().flatten() {
        if !progress.is_wanted() {
            return Err(Error::Stopped);
        }
        while let Some((at, decision)) = decisions.next_if(|(decided, _)| decided <= at) {
            lane.take(*at, decision.clone());
        }
        lane.take(*at, event.clone());
        since += 1;
        if since == STEP {
            progress.advance(std::mem::take(&mut since));
        }
    }
    for (at, decision) in decisions.filter(|(decided, _)| *decided <= end) {
        lane.take(*at, decision.clone());
    }
    // What is still due may be much more than what was recorded: a daily schedule goes on for as long as log time does.
    while let Some(due) = lane.due().filter(|due| *due <= end) {
        if !progress.is_wanted() {
            return Err(Error::Stopped);
        }
        lane.advance(due);
    }
    lane.advance(end);
    progress.advance(since);
    Ok(lane.finish(&options.workspace))
}
