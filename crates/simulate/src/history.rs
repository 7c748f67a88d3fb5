//! A recording out of the log of a running system: what came from outside, with the customers that it was given then.

use std::collections::{BTreeMap, HashMap, HashSet};

use elate_domain::system::{MergedAway, RolloutDecided, name};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, RawJson, Record, Timestamp, WorkspaceId,
};

use crate::definitions;
use crate::people::divide;
use crate::recording::Counts;
use crate::{Error, Options, Recording};

/// Merges that are followed from one customer to the next. The log makes no longer chains than this.
const MAX_MERGES: usize = 64;

/// What is decided for the whole company, and told to every partition.
const DECISIONS: [&str; 5] = [
    name::POPULATION_LEARNED,
    name::ROLLOUT_DECIDED,
    name::PAUSE_CHANGED,
    name::IMPORT_BEGUN,
    name::IMPORT_ENDED,
];

/// Takes the records of a workspace's log as they come, and keeps what is to be replayed: what came from outside, in the
/// period. Records of one partition come in their order; how the partitions are mixed does not matter.
///
/// Where it was asked for ([`Options::as_recorded`]), what was decided for the whole company is kept, too, also from before
/// the period: what was learned from all customers, how far rollouts went, what was paused, and which imports ran. It
/// takes effect at the log time at which the first partition heard of it. Of each play the newest rollout counts. What was
/// learned under another wording of a moment is no help, as in a running system.
#[derive(Debug, Default)]
pub struct History {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    counts: Counts,
    taken: Vec<(Timestamp, Partition, Offset, Event)>,
    merged: HashMap<CustomerId, CustomerId>,
    /// Decisions, as each partition heard of them; `None` where they are not asked for.
    decisions: Option<BTreeMap<Partition, Vec<(Timestamp, Event)>>>,
}

impl History {
    /// Nothing yet, of the period of these options.
    pub fn new(options: &Options) -> Self {
        let decisions = options.as_recorded.then(BTreeMap::new);
        Self { from: options.from, to: options.to, decisions, ..Self::default() }
    }

    /// Takes the next record; whether it is kept. What Elate's services said is not: it is found anew.
    pub fn take(&mut self, record: Record) -> bool {
        let Some(event) = record.event else { return false };
        let is_merge = &*event.name == name::MERGED_AWAY && event.event_type == EventType::System;
        if let Some(merge) = is_merge.then(|| event.properties.read::<MergedAway>().ok()).flatten() {
            self.merged.insert(event.customer, merge.survivor);
        } else if event.is_system() || event.producer.is_some() {
            return self.decided(record.partition, record.received_at, event);
        }
        self.counts.lines += u64::from(!is_merge);
        let at = record.received_at;
        if self.from.is_some_and(|from| at < from) || self.to.is_some_and(|to| at >= to) {
            self.counts.outside += u64::from(!is_merge);
            return false;
        }
        self.taken.push((at, record.partition, record.offset, event));
        true
    }

    /// Keeps a decision, where they are asked for; whether it is one.
    fn decided(&mut self, partition: Partition, at: Timestamp, event: Event) -> bool {
        let Some(decisions) = &mut self.decisions else { return false };
        let counts = event.customer.is_none() && DECISIONS.contains(&&*event.name);
        if !counts || self.to.is_some_and(|to| at >= to) {
            return false;
        }
        decisions.entry(partition).or_default().push((at, event));
        true
    }

    /// The workspace that the records are of, where any was kept.
    pub fn workspace(&self) -> Option<&WorkspaceId> {
        self.taken.first().map(|(.., event)| &event.workspace)
    }

    /// What is to be replayed.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing came from outside in the period.
    pub fn finish(self) -> Result<Recording, Error> {
        let Self { mut taken, counts, merged, decisions, .. } = self;
        // By log time, as a file is read; merges go before what they follow from, though they lie in other partitions.
        taken.sort_by_key(|(at, partition, offset, event)| (*at, !event.is_system(), *partition, *offset));
        let events: Vec<(Timestamp, Event)> = taken.into_iter().map(|(at, .., event)| (at, event)).collect();
        // Every partition heard of the same, a moment earlier or later.
        let decisions = decisions.and_then(|mut heard| heard.pop_first()).map(|(_, heard)| heard);
        let mut recording = Recording::of_events(events, &merged, counts)?;
        recording.decisions = decisions.map(newest_rollouts).unwrap_or_default();
        Ok(recording)
    }
}

/// Keeps the decisions about the newest rollout of each play, as decisions about the one that the simulation begins.
fn newest_rollouts(mut decisions: Vec<(Timestamp, Event)>) -> Vec<(Timestamp, Event)> {
    let rollout = |event: &Event| {
        let is_rollout = &*event.name == name::ROLLOUT_DECIDED;
        is_rollout.then(|| event.properties.read::<RolloutDecided>().ok()).flatten()
    };
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for decided in decisions.iter().filter_map(|(_, event)| rollout(event)) {
        let run = newest.entry(decided.play).or_default();
        *run = decided.run.max(*run);
    }
    decisions.retain_mut(|(_, event)| {
        let Some(mut decided) = rollout(event) else { return true };
        if newest.get(&decided.play) != Some(&decided.run) {
            return false;
        }
        decided.run = definitions::VERSION;
        event.properties = RawJson::of(&decided);
        true
    });
    decisions
}

impl Recording {
    /// Takes the records of a workspace's log; see [`History`].
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing came from outside in the period.
    pub fn of_log(records: impl IntoIterator<Item = Record>, options: &Options) -> Result<Self, Error> {
        let mut history = History::new(options);
        for record in records {
            history.take(record);
        }
        history.finish()
    }

    fn of_events(
        events: Vec<(Timestamp, Event)>,
        merged: &HashMap<CustomerId, CustomerId>,
        mut counts: Counts,
    ) -> Result<Self, Error> {
        let outside = || events.iter().filter(|(_, event)| !event.is_system());
        let (Some((first, _)), Some((last, _))) = (outside().next(), outside().next_back()) else {
            return Err(Error::Empty { first: None });
        };
        let (first, last) = (*first, *last);
        counts.accepted = outside().count() as u64;
        counts.conflicts = outside().filter(|(_, event)| event.conflicting).count() as u64;
        let mut customers: HashSet<CustomerId> = HashSet::with_capacity(events.len() / 4);
        let mut gone: HashSet<CustomerId> = HashSet::new();
        for (_, event) in &events {
            customers.insert(event.customer);
            if event.is_system() {
                gone.insert(event.customer);
            }
        }
        (counts.customers, counts.merged) = (customers.len() as u64, gone.len() as u64);
        let survivor = |customer: CustomerId| {
            let mut stays = customer;
            for _ in 0..MAX_MERGES {
                let Some(next) = merged.get(&stays) else { break };
                stays = *next;
            }
            stays
        };
        let partitions = divide(events, survivor);
        Ok(Self { partitions, decisions: Vec::new(), first, last, counts })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use elate_domain::system::name;

    use super::*;
    use crate::{Definitions, Silent, simulate};

    /// Somebody known who comes with a second browser, and says so later: two customers who turn out to be one.
    const SECOND_BROWSER: [&str; 2] = [
        r#"{"type":"track","event":"Page Viewed","messageId":"s-1","anonymousId":"second","timestamp":"2026-03-09T10:00:00Z"}"#,
        r#"{"type":"identify","messageId":"s-2","anonymousId":"second","userId":"u-1001","timestamp":"2026-03-09T11:00:00Z"}"#,
    ];

    /// The retail example without the messages that came twice: a log has each once.
    fn lines() -> Vec<u8> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail/events.ndjson");
        let text = std::fs::read_to_string(file).unwrap();
        let mut seen = BTreeSet::new();
        let id =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["messageId"].to_string();
        let all = text.lines().chain(SECOND_BROWSER);
        let once: Vec<&str> = all.filter(|line| seen.insert(id(line))).collect();
        once.join("\n").into_bytes()
    }

    fn manifests() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/retail/manifests");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// The log that a system of `partitions` partitions would have made of a recording.
    fn log(recording: &Recording, partitions: u32) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        let mut ends = vec![Offset::START; partitions as usize];
        for (received_at, event) in recording.partitions.iter().flatten() {
            let partition = event.customer.partition(partitions);
            let end = &mut ends[partition.0 as usize];
            *end = end.next();
            let (offset, received_at) = (*end, *received_at);
            records.push(Record { partition, offset, received_at, event: Some(event.clone()) });
        }
        records
    }

    #[test]
    fn the_log_and_the_file_make_the_same_report() {
        let options = Options::try_default().unwrap();
        let definitions = Definitions::read(&manifests()).unwrap();
        let file = Recording::read(&lines(), &options, &Silent).unwrap();
        let expected = simulate(&definitions, &file, &options, &Silent).unwrap().to_json().unwrap();
        for partitions in [1, 8] {
            let mut records = log(&file, partitions);
            assert!(records.iter().any(|r| r.event.as_ref().is_some_and(Event::is_system)), "merges");
            // What services have said before is not taken, and neither is what was erased.
            let mut said = records[0].clone();
            let event = said.event.as_mut().unwrap();
            (event.event_type, event.name) = (EventType::System, name::MOMENT_JUDGED.into());
            records.push(said);
            records.push(Record {
                partition: Partition(0),
                offset: Offset(u64::MAX),
                received_at: file.last,
                event: None,
            });
            records.reverse();
            let recorded = Recording::of_log(records, &options).unwrap();
            let report = simulate(&definitions, &recorded, &options, &Silent).unwrap();
            assert_eq!(report.to_json().unwrap(), expected, "{partitions} partitions");
        }
    }

    #[test]
    fn a_period_is_kept_to() {
        let whole = Options::try_default().unwrap();
        let file = Recording::read(&lines(), &whole, &Silent).unwrap();
        let middle = Timestamp((file.first.0 + file.last.0) / 2);
        let half = Options { to: Some(middle), ..whole };
        let records = log(&file, 4);
        let recorded = Recording::of_log(records.clone(), &half).unwrap();
        let read = Recording::read(&lines(), &half, &Silent).unwrap();
        assert_eq!((recorded.counts.accepted, recorded.last), (read.counts.accepted, read.last));
        assert!(recorded.counts.outside > 0 && recorded.last < middle);
        let none = Options { to: Some(Timestamp(0)), ..half };
        assert!(matches!(Recording::of_log(records, &none), Err(Error::Empty { .. })));
    }
}
