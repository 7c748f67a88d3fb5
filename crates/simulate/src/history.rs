//! A recording out of the log of a running system: what came from outside, with the customers that it was given then.

use std::collections::{HashMap, HashSet};

use elate_domain::system::{MergedAway, name};
use elate_domain::{CustomerId, Event, EventType, Record, Timestamp};

use crate::people::divide;
use crate::recording::Counts;
use crate::{Error, Options, Recording};

/// Merges that are followed from one customer to the next. The log makes no longer chains than this.
const MAX_MERGES: usize = 64;

impl Recording {
    /// Takes the records of a workspace's log. Records of one partition come in their order; how the partitions are
    /// mixed does not matter. What Elate's services said is not taken: it is found anew.
    ///
    /// # Errors
    /// [`Error::Empty`] where nothing came from outside in the period.
    pub fn of_log(records: impl IntoIterator<Item = Record>, options: &Options) -> Result<Self, Error> {
        let mut counts = Counts::default();
        let mut taken = Vec::new();
        let mut merged: HashMap<CustomerId, CustomerId> = HashMap::new();
        for record in records {
            let Some(event) = record.event else { continue };
            let is_merge = &*event.name == name::MERGED_AWAY && event.event_type == EventType::System;
            if let Some(merge) = is_merge.then(|| event.properties.read::<MergedAway>().ok()).flatten() {
                merged.insert(event.customer, merge.survivor);
            } else if event.is_system() || event.producer.is_some() {
                continue;
            }
            counts.lines += u64::from(!is_merge);
            let at = record.received_at;
            if options.from.is_some_and(|from| at < from) || options.to.is_some_and(|to| at >= to) {
                counts.outside += u64::from(!is_merge);
                continue;
            }
            taken.push((at, record.partition, record.offset, event));
        }
        // By log time, as a file is read; merges go before what they follow from, though they lie in other partitions.
        taken.sort_by_key(|(at, partition, offset, event)| (*at, !event.is_system(), *partition, *offset));
        let events: Vec<(Timestamp, Event)> = taken.into_iter().map(|(at, .., event)| (at, event)).collect();
        Self::of_events(events, &merged, counts)
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
        Ok(Self { partitions: divide(events, survivor), first, last, counts })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::collections::BTreeSet;
    use std::path::Path;

    use elate_domain::system::name;
    use elate_domain::{Offset, Partition};

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
