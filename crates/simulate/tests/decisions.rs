//! What was decided for the whole company, taken as it fell, or not at all.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::options;
use elate_domain::system::{PauseChanged, PauseScope, RolloutDecided, RolloutStage, name};
use elate_domain::{Event, Offset, Partition, RawJson, Record, Timestamp};
use elate_events::model::own::own_event;
use elate_simulate::{Definitions, Options, Recording, Report, Silent, simulate};
use serde::Serialize;

const CUSTOMERS: usize = 200;

const PLAYS: &str = r#"
apiVersion: elate.dev/v1
kind: Play
metadata: {name: careful}
spec:
  trigger: {event: Started}
  reentry: always
  rollout: {guardrails: [{metric: complaints, on: Complained, good: lower, tolerated_harm: 0.02}]}
  steps: [{exit: {}}]
---
apiVersion: elate.dev/v1
kind: Play
metadata: {name: plain}
spec: {trigger: {event: Started}, reentry: always, steps: [{exit: {}}]}
"#;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A log of two partitions, in which every customer starts at noon and again at six.
fn log() -> Vec<Record> {
    let line = |customer: usize, hour: u8| {
        format!(
            r#"{{"type":"track","event":"Started","messageId":"{hour}-{customer}","userId":"u-{customer}","timestamp":"2026-03-02T{hour}:00:00Z"}}"#
        )
    };
    let lines: Vec<String> = [12, 18]
        .into_iter()
        .flat_map(|hour| (0..CUSTOMERS).map(move |customer| line(customer, hour)))
        .collect();
    let recording = Recording::read(lines.join("\n").as_bytes(), &options(), &Silent).unwrap();
    let mut records = Vec::new();
    for (received_at, event) in recording.into_events() {
        let partition = event.customer.partition(2);
        records.push(Record { partition, offset: Offset::START, received_at, event: Some(event) });
    }
    records
}

fn told(records: &mut Vec<Record>, called: &str, when: &str, payload: &impl Serialize) {
    for partition in [Partition(0), Partition(1)] {
        let id = format!("{called}-{when}-{}", partition.0);
        let mut event: Event = own_event(options().workspace, called, id).unwrap();
        event.occurred_at = at(when);
        event.properties = RawJson::of(payload);
        records.push(Record { partition, offset: Offset::START, received_at: at(when), event: Some(event) });
    }
}

fn decided(run: u64, sequence: u32, percent: u8, stage: RolloutStage) -> RolloutDecided {
    RolloutDecided {
        play: "careful".to_owned(),
        run,
        sequence,
        percent,
        stage,
        decision: "advance".to_owned(),
        reason: String::new(),
        numbers: serde_json::Value::Null,
        by: String::new(),
    }
}

fn replay(records: &[Record], options: &Options) -> Report {
    let mut records = records.to_vec();
    let mut ends = [Offset::START; 2];
    records.sort_by_key(|record| record.received_at);
    for record in &mut records {
        let end = &mut ends[record.partition.0 as usize];
        *end = end.next();
        record.offset = *end;
    }
    let definitions = Definitions::read(&[PLAYS.to_owned()]).unwrap();
    let recording = Recording::of_log(records, options).unwrap();
    simulate(&definitions, &recording, options, &Silent).unwrap()
}

fn entered(report: &Report, play: &str) -> u64 {
    report.plays.get(play).map_or(0, |play| play.entered)
}

#[test]
fn decisions_are_taken_as_they_fell_where_that_is_asked() {
    let mut records = log();
    let all = CUSTOMERS as u64;
    let asked = Options { as_recorded: true, ..options() };
    let first_step = entered(&replay(&records, &asked), "careful");
    assert!(first_step < all / 4, "a rollout begins with one in a hundred: {first_step}");

    // Between the two starts everybody gets one play, and the other is paused. What was said of an earlier rollout is over.
    told(
        &mut records,
        name::ROLLOUT_DECIDED,
        "2026-03-02T15:00:00Z",
        &decided(7, 1, 100, RolloutStage::Finished),
    );
    told(
        &mut records,
        name::ROLLOUT_DECIDED,
        "2026-03-02T16:00:00Z",
        &decided(3, 9, 1, RolloutStage::RolledBack),
    );
    let pause = |paused| PauseChanged {
        scope: PauseScope::Play,
        target: "plain".to_owned(),
        paused,
        reason: String::new(),
    };
    told(&mut records, name::PAUSE_CHANGED, "2026-03-02T15:00:00Z", &pause(true));
    let report = replay(&records, &asked);
    assert_eq!(report.input.decisions, 2);
    assert_eq!(
        entered(&report, "careful"),
        first_step / 2 + all,
        "half of the two entries each, then everybody"
    );
    assert_eq!(entered(&report, "plain"), all, "not after the pause");

    let what_if = replay(&records, &options());
    assert_eq!((entered(&what_if, "careful"), entered(&what_if, "plain")), (first_step, 2 * all));
    assert_eq!(what_if.input.decisions, 0);
    assert_eq!(what_if.input.lines, 2 * all, "they are no lines of the recording");
}

#[test]
fn decisions_before_the_period_hold_in_it_and_later_ones_do_not() {
    let mut records = log();
    let all = CUSTOMERS as u64;
    told(
        &mut records,
        name::ROLLOUT_DECIDED,
        "2026-03-02T11:00:00Z",
        &decided(2, 1, 100, RolloutStage::Finished),
    );
    told(
        &mut records,
        name::ROLLOUT_DECIDED,
        "2026-03-02T19:00:00Z",
        &decided(2, 2, 1, RolloutStage::RolledBack),
    );
    let evening = Options { from: Some(at("2026-03-02T17:00:00Z")), as_recorded: true, ..options() };
    let report = replay(&records, &evening);
    assert_eq!((entered(&report, "careful"), report.input.decisions), (all, 2));
    let until = Options { to: Some(at("2026-03-02T18:30:00Z")), ..evening };
    let report = replay(&records, &until);
    assert_eq!((entered(&report, "careful"), report.input.decisions), (all, 1));
}
