//! The step function on small stories, under log time.

use std::sync::Arc;

use elate_consumer::{Effects, Input, Merged, Processor, TimerChange};
use elate_delight::DelightParams;
use elate_domain::system::{DefinitionsPublished, MomentJudged, ScoreCrossed, name};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Outcome, Partition, RawJson, Record, SourceId, Stage, Timestamp,
    Truth, WorkspaceId,
};
use elate_feedback::record::{Scale, Value};

use super::processor::Scoring;
use super::rows::Row;
use super::state::{CustomerState, PartitionState};

const DAY: i64 = 86_400_000;

fn customer() -> CustomerId {
    "018f0000-0000-7000-8000-000000000001".parse().unwrap()
}

fn event(event_type: EventType, name: &str, at: i64, properties: RawJson) -> Event {
    Event {
        workspace: WorkspaceId::try_new("shop").unwrap(),
        customer: customer(),
        source: SourceId::try_new("site").unwrap(),
        message_id: format!("{name}-{at}"),
        event_type,
        name: Arc::from(name),
        user_id: None,
        anonymous_id: None,
        occurred_at: Timestamp(at),
        properties,
        traits: RawJson::default(),
        context: RawJson::default(),
        caused_by: None,
        producer: None,
        historical: false,
        clamped: false,
        conflicting: false,
        trace_parent: None,
    }
}

fn judged(id: &str, at: i64, gap: f64, revision: u32, provisional: bool) -> MomentJudged {
    let outcome = match gap {
        g if g >= 1.0 => Outcome::Magical,
        g if g <= -1.0 => Outcome::Miserable,
        _ => Outcome::Neutral,
    };
    MomentJudged {
        moment_id: id.to_owned(),
        revision,
        moment: "delivery".to_owned(),
        definitions_version: 1,
        truth: Truth::Smot,
        journey: "gift-order".to_owned(),
        stage: Stage::Purchase,
        touchpoint: "delivery".to_owned(),
        product: "parcel".to_owned(),
        channel: "courier".to_owned(),
        key: String::new(),
        occurred_at: Timestamp(at),
        experienced: 0.0,
        expected: Some(0.0),
        expectation: None,
        unit: "number".to_owned(),
        tolerance: 1.0,
        gap,
        outcome,
        weight: 1.0,
        provisional,
        promise_id: None,
        because: vec![],
    }
}

/// Thresholds at 30 and 70, as a publication brings them.
fn partition() -> PartitionState {
    let score = serde_json::json!({
        "apiVersion": "elate.dev/v1", "kind": "Score", "metadata": {"name": "default"},
        "spec": {"thresholds": [{"name": "unhappy", "at": 30.0}, {"name": "delighted", "at": 70.0}]}
    });
    let published = DefinitionsPublished {
        version: 1,
        manifests: vec![score],
        replay_millis: 0,
        applied_by: String::new(),
    };
    let mut partition = PartitionState::default();
    partition.publish(&WorkspaceId::try_new("shop").unwrap(), &published);
    partition
}

/// Runs one event through the step function.
fn run(state: &mut CustomerState, offset: u64, event: Event) -> Effects<Row> {
    let mut effects = Effects::default();
    let record = Record {
        partition: Partition(0),
        offset: Offset(offset),
        received_at: event.occurred_at,
        event: None,
    };
    let input = Input::Record { record: &record, event: &event };
    Scoring.step(&partition(), state, input, &mut effects).unwrap();
    effects
}

fn moment(state: &mut CustomerState, offset: u64, judged: &MomentJudged) -> Effects<Row> {
    let event = event(EventType::System, name::MOMENT_JUDGED, judged.occurred_at.0, RawJson::of(judged));
    run(state, offset, event)
}

fn delight(state: &CustomerState, at: i64) -> f64 {
    state.delight.delight(&DelightParams::default(), Timestamp(at))
}

#[test]
fn a_miserable_moment_and_a_recovery_meet_the_fixed_points_of_the_formula() {
    let mut state = CustomerState::default();
    moment(&mut state, 1, &judged("a", DAY, -1.0, 0, false));
    assert!((delight(&state, DAY) - 23.5).abs() < 0.05, "{}", delight(&state, DAY));
    moment(&mut state, 2, &judged("b", 4 * DAY, 2.0, 0, false));
    assert!((delight(&state, 4 * DAY) - 50.5).abs() < 0.05, "{}", delight(&state, 4 * DAY));
}

#[test]
fn a_crossing_is_an_event_once_and_decay_crosses_back_by_timer() {
    let mut state = CustomerState::default();
    let effects = moment(&mut state, 1, &judged("a", DAY, -1.0, 0, false));
    let crossed: ScoreCrossed = effects.emissions[0].properties.read().unwrap();
    assert_eq!((crossed.threshold, crossed.direction.as_str()), (30.0, "below"));
    assert_eq!(effects.emissions.len(), 1);
    let Some(TimerChange::Set { key, deadline }) = effects.timers.last() else {
        panic!("no timer for the way back: {:?}", effects.timers);
    };

    let workspace = WorkspaceId::try_new("shop").unwrap();
    let timer = Input::Timer { workspace: &workspace, customer: customer(), key, deadline: *deadline };
    let mut later = Effects::default();
    Scoring.step(&partition(), &mut state, timer, &mut later).unwrap();
    let crossed: ScoreCrossed = later.emissions[0].properties.read().unwrap();
    assert_eq!((crossed.threshold, crossed.direction.as_str()), (30.0, "above"));
    assert_eq!(crossed.moment_id, None);
    assert_eq!(later.timers, vec![TimerChange::Cancel { key: "crossing".to_owned() }]);
}

#[test]
fn a_revision_takes_back_what_the_daily_sums_had_counted() {
    let mut state = CustomerState::default();
    let mut sums: Vec<(i64, i64, i64)> = Vec::new();
    let provisional = judged("a", DAY, -1.0, 0, true);
    let final_one = judged("a", DAY, -3.0, 1, false);
    for (offset, judged) in [(1, provisional), (2, final_one)] {
        let rows = moment(&mut state, offset, &judged).rows;
        sums.extend(rows.iter().filter_map(|row| match row {
            Row::Sums(row) => Some((row.counts.miserable, row.counts.magical, row.counts.gap)),
            _ => None,
        }));
    }
    assert_eq!(sums, vec![(1, 0, -1_000_000), (-1, 0, 1_000_000), (1, 0, -3_000_000)]);
    assert_eq!(state.delight.count(), 1);
    assert!(state.revisable.is_empty());
}

#[test]
fn a_customer_is_active_once_a_day_and_only_by_outside_events() {
    let mut state = CustomerState::default();
    let active =
        |effects: Effects<Row>| effects.rows.iter().filter(|row| matches!(row, Row::Active { .. })).count();
    let track = |at| event(EventType::Track, "Order Placed", at, RawJson::default());
    assert_eq!(active(run(&mut state, 1, track(DAY))), 1);
    assert_eq!(active(run(&mut state, 2, track(DAY + 1000))), 0);
    assert_eq!(active(run(&mut state, 3, track(2 * DAY))), 1);
    assert_eq!(active(moment(&mut state, 4, &judged("a", 3 * DAY, 0.0, 0, false))), 0);
}

#[test]
fn answers_are_read_from_the_timeline_and_refused_off_their_scale() {
    let mut state = CustomerState::default();
    let mut answers = |json: &str| {
        let properties = RawJson::from_trusted(json.to_owned().into_bytes());
        let effects = run(&mut state, 1, event(EventType::Track, "Survey Answered", DAY, properties));
        effects.rows.into_iter().find_map(|row| match row {
            Row::Feedback(row) => Some((row.record.value, row.record.submission_id)),
            _ => None,
        })
    };
    let fallback = format!("Survey Answered-{DAY}");
    assert_eq!(answers(r#"{"kind":"nps","score":9}"#), Some((Value::Nps(9), fallback.clone())));
    let satisfied = Value::Csat { score: 4, scale: Scale::FIVE };
    assert_eq!(answers(r#"{"kind":"csat","score":"4"}"#), Some((satisfied, fallback)));
    assert_eq!(answers(r#"{"kind":"nps","score":11}"#), None);
    assert_eq!(answers(r#"{"score":9}"#), None);
    let named = answers(r#"{"kind":"ces","score":7,"submission_id":"s-1"}"#);
    assert_eq!(named, Some((Value::Ces(7), "s-1".to_owned())));
}

#[test]
fn a_merge_joins_both_pasts() {
    let mut known = CustomerState::default();
    let mut anonymous = CustomerState::default();
    let mut both = CustomerState::default();
    for (offset, gap, at) in [(1, 1.0, DAY), (2, -2.0, 2 * DAY), (3, 0.5, 3 * DAY)] {
        let judged = judged(&format!("m{offset}"), at, gap, 0, false);
        moment(if offset == 2 { &mut anonymous } else { &mut known }, offset, &judged);
        moment(&mut both, offset, &judged);
    }
    let loser = Merged {
        workspace: WorkspaceId::try_new("shop").unwrap(),
        survivor: customer(),
        loser: CustomerId::NONE,
        state: anonymous,
        now: Timestamp(4 * DAY),
    };
    let mut effects = Effects::default();
    Scoring.merge(&PartitionState::default(), &mut known, loser, &mut effects).unwrap();
    assert!((delight(&known, 4 * DAY) - delight(&both, 4 * DAY)).abs() < 1e-9);
    assert!(matches!(effects.rows[0], Row::Reassign { .. }));
}
