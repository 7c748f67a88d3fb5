//! Records: what is taken, what is refused and how, files, repeats.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::{any_feedback, draft, feedback};
use elate_domain::{CustomerId, Event, EventType, Kind, RawJson, SourceId, Timestamp, WorkspaceId};
use elate_feedback::record::{
    CsvReader, Draft, DraftValue, Error, Feedback, FeedbackKind, Full, Intake, Ledger, NdjsonReader, Scale,
    Value, event_properties, from_event,
};
use proptest::prelude::*;

/// The columns that a draft is refused for.
fn wrong(draft: Draft) -> Vec<String> {
    let fields = Feedback::try_from(draft).expect_err("it was taken");
    fields.into_iter().map(|field| field.field).collect()
}

#[test]
fn bounds_of_every_type_hold_to_the_edge() {
    for (kind, inside, outside) in
        [("nps", [0, 10], [-1, 11]), ("csat", [1, 5], [0, 6]), ("ces", [1, 7], [0, 8])]
    {
        for value in inside {
            assert_eq!(feedback("a", kind, &value.to_string()).value.kind().as_str(), kind);
        }
        for value in outside {
            assert_eq!(wrong(draft("a", kind, &value.to_string())), ["value"], "{kind} {value}");
        }
    }
    assert_eq!(feedback("a", "nps", " 9.0 ").value, Value::Nps(9));
    for no_number in ["", "9.5", "nine", "NaN", "inf", "1e300", "9,0"] {
        assert_eq!(wrong(draft("a", "nps", no_number)), ["value"], "{no_number}");
    }
}

#[test]
fn a_scale_may_be_declared_for_satisfaction_alone() {
    let scaled = |kind: &str, value: &str, low: &str, high: &str| Draft {
        scale_lowest: Some(low.to_owned()),
        scale_highest: Some(high.to_owned()),
        ..draft("a", kind, value)
    };
    let seven = Feedback::try_from(scaled("csat", "6", "1", "7")).unwrap();
    assert_eq!(seven.value, Value::Csat { score: 6, scale: Scale { lowest: 1, highest: 7 } });
    assert_eq!(wrong(scaled("csat", "8", "1", "7")), ["value"]);
    assert_eq!(wrong(scaled("csat", "1", "5", "5")), ["scale_highest"]);
    assert_eq!(wrong(scaled("csat", "1", "0", "101")), ["scale_highest"]);
    assert_eq!(wrong(scaled("nps", "8", "1", "7")), ["scale_lowest", "scale_highest"]);
}

#[test]
fn the_upper_quarter_of_a_scale_is_satisfied() {
    let from = |lowest, highest| Scale { lowest, highest }.satisfied_from();
    assert_eq!(
        [from(1, 5), from(1, 7), from(1, 3), from(0, 10), from(1, 2), from(-2, 2)],
        [4, 6, 3, 8, 2, 1]
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let draft = Draft {
        kind: Some("stars".to_owned()),
        language: Some("klingon!".to_owned()),
        customer_id: Some("42".to_owned()),
        submitted_at: Some("yesterday".to_owned()),
        user_id: Some("x".repeat(257)),
        touchpoint: Some("a\u{0}b".to_owned()),
        ..Draft::default()
    };
    let mut columns = wrong(draft);
    columns.sort();
    let all = ["customer_id", "language", "submission_id", "submitted_at", "touchpoint", "type", "user_id"];
    assert_eq!(columns, all);
}

const CSV: &str = "submission_id,type,value,submitted_at,traits.country,language\r\n\
    a,nps,9,2026-03-01T09:30:00Z,NL,\r\n\
    \r\n\
    b,comment,\"Nice, \"\"really\"\"\nand quick\",2026-03-01T09:31:00Z,,en\r\n\
    c,nps,12,soon,NL,en\r\n\
    d,nps,1\r\n\
    e,ces,7,2026-03-01T09:32:00+01:00,BE,";

#[test]
fn a_csv_file_is_read_row_by_row_and_errors_name_row_line_and_column() {
    let rows: Vec<_> = CsvReader::try_new(CSV.as_bytes()).unwrap().collect();
    assert_eq!(rows.len(), 5);
    let first = rows[0].as_ref().unwrap();
    assert_eq!((first.value.clone(), first.traits["country"].as_str()), (Value::Nps(9), "NL"));
    let second = rows[1].as_ref().unwrap();
    assert_eq!(second.value, Value::Comment("Nice, \"really\"\nand quick".to_owned()));
    assert!(second.traits.is_empty());
    let third = rows[2].as_ref().unwrap_err();
    assert_eq!(
        third.to_string(),
        "row 3 (line 6): value: is 12; NPS goes from 0 to 10; submitted_at: \"soon\" is no RFC 3339 time such as \
         2026-03-01T09:30:00Z"
    );
    let fourth = rows[3].as_ref().unwrap_err();
    assert_eq!(fourth.to_string(), "row 4 (line 7): 3 cells under 6 columns");
    assert_eq!(rows[4].as_ref().unwrap().submitted_at, Timestamp::parse("2026-03-01T08:32:00Z").unwrap());
}

#[test]
fn a_header_with_a_slip_is_refused_with_all_of_it() {
    let error = CsvReader::try_new("submission_id,typ,value,value\n".as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "header: typ: is no column of a feedback file; value: stands there twice; type: is missing; submitted_at: is \
         missing"
    );
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(CsvReader::try_new(&b""[..]).is_err());
    let marked = "\u{feff}submission_id,type,value,submitted_at\n";
    assert_eq!(CsvReader::try_new(marked.as_bytes()).unwrap().count(), 0);
}

#[test]
fn a_quote_that_is_never_closed_costs_a_row_and_no_memory() {
    let mut file = String::from("submission_id,type,value,submitted_at\n");
    file += "a,comment,fine,2026-03-01T09:30:00Z\n";
    file += &format!("b,comment,\"{}\",2026-03-01T09:30:00Z\n", "x".repeat(5_000));
    file += "c,nps,3,2026-03-01T09:30:00Z\n";
    file += "d,comment,\"never closed\n";
    file += &"more of it\n".repeat(500);
    let rows: Vec<_> = CsvReader::with_limit(file.as_bytes(), 1_000).unwrap().collect();
    let places: Vec<_> =
        rows.iter().map(|row| row.as_ref().err().and_then(Error::place).map(|p| (p.row, p.line))).collect();
    assert_eq!(places, [None, Some((2, 3)), None, Some((4, 5))]);
    assert!(rows[1].as_ref().is_err_and(|error| error.kind() == Kind::TooLarge));
}

#[test]
fn json_lines_are_read_one_by_one() {
    let file = concat!(
        "{\"submission_id\":\"a\",\"type\":\"nps\",\"value\":9,\"submitted_at\":\"2026-03-01T09:30:00Z\",",
        "\"traits\":{\"vip\":true,\"orders\":3,\"none\":null}}\r\n",
        "\n",
        "{\"submission_id\":\"b\",\"type\":\"choice\",\"value\":[\"blue\",\"red\",\"blue\"],",
        "\"submitted_at\":\"2026-03-01T09:30:00Z\"}\n",
        "not json\n",
        "{\"submission_id\":[],\"type\":\"nps\",\"value\":11,\"colour\":1,\"submitted_at\":\"2026-03-01T09:30:00Z\"}\n",
    );
    let file = format!("{file}{{\"submission_id\":\"{}\"}}\n[]", "x".repeat(2_000));
    let rows: Vec<_> = NdjsonReader::with_limit(file.as_bytes(), 1_000).collect();
    let first = rows[0].as_ref().unwrap();
    assert_eq!(
        first.traits.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["orders=3", "vip=true"]
    );
    assert_eq!(rows[1].as_ref().unwrap().value, Value::Choice(vec!["blue".to_owned(), "red".to_owned()]));
    assert!(matches!(rows[2], Err(Error::Json { place, .. }) if (place.row, place.line) == (3, 4)));
    let Err(Error::Fields { place, fields }) = &rows[3] else { panic!("{:?}", rows[3]) };
    let mut columns: Vec<_> = fields.iter().map(|f| f.field.as_str()).collect();
    columns.sort_unstable();
    assert_eq!((place.line, columns), (5, vec!["colour", "submission_id", "value"]));
    assert!(matches!(rows[4], Err(Error::TooLong { place, limit: 1_000 }) if place.line == 6));
    assert!(matches!(rows[5], Err(Error::Json { place, .. }) if place.line == 7));
    assert_eq!(rows.len(), 6);
}

#[test]
fn a_repeat_changes_nothing_and_a_later_answer_wins() {
    let mut ledger = Ledger::new(1);
    let first = feedback("a", "nps", "9");
    let mut changed = feedback("a", "nps", "2");
    changed.submitted_at = first.submitted_at.plus_millis(1);
    assert_eq!(ledger.take(&first), Ok(Intake::New));
    assert_eq!(ledger.take(&first), Ok(Intake::Repeat));
    assert_eq!(ledger.take(&changed), Ok(Intake::Revised));
    assert_eq!(ledger.take(&first), Ok(Intake::Outdated));
    assert_eq!(ledger.take(&feedback("a", "comment", "why not")), Err(Full(1)));
    assert!(changed.supersedes(&first) && !first.supersedes(&changed));
}

fn event(properties: &str) -> Event {
    Event {
        workspace: WorkspaceId::try_new("shop").unwrap(),
        customer: "0191f0a0-0000-7000-8000-000000000001".parse::<CustomerId>().unwrap(),
        source: SourceId::try_new("site").unwrap(),
        message_id: "m1".to_owned(),
        event_type: EventType::Track,
        name: "Survey Answered".into(),
        user_id: Some("u1".to_owned()),
        anonymous_id: None,
        occurred_at: Timestamp::parse("2026-03-01T09:30:00Z").unwrap(),
        properties: RawJson::from_trusted(properties.as_bytes().to_vec()),
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

#[test]
fn an_event_with_a_score_and_a_comment_is_two_records_of_one_submission() {
    let records =
        from_event(&event(r#"{"kind":"csat","score":"4","comment":"Quick!","survey":"s"}"#)).unwrap();
    let kinds: Vec<_> = records.iter().map(|r| r.value.kind()).collect();
    assert_eq!(kinds, [FeedbackKind::Csat, FeedbackKind::Comment]);
    assert!(
        records
            .iter()
            .all(|r| r.submission_id == "m1" && r.survey == "s" && r.by.user.as_deref() == Some("u1"))
    );
    assert_ne!(records[0].key(), records[1].key());
    let wrong = from_event(&event(r#"{"kind":"nps","score":77}"#)).unwrap_err();
    assert_eq!(wrong[0].field, "properties.score");
    assert!(from_event(&event("{}")).is_err());
    let other = Event { name: "Order Placed".into(), ..event("{}") };
    assert_eq!(from_event(&other).unwrap(), Vec::new());
}

/// A cell as RFC 4180 writes it.
fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn csv_of(records: &[Feedback]) -> String {
    let mut file = String::from(
        "submission_id,survey,question,type,value,scale_lowest,scale_highest,language,source,touchpoint,submitted_at,\
         customer_id,user_id,anonymous_id\n",
    );
    for record in records {
        let json: serde_json::Value = serde_json::from_str(&record.to_json_line()).unwrap();
        let text = |name: &str| match &json[name] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => {
                items.iter().map(|i| i.as_str().unwrap()).collect::<Vec<_>>().join("|")
            }
            other => other.to_string(),
        };
        let names = file.lines().next().unwrap().to_owned();
        file += &names.split(',').map(|name| cell(&text(name))).collect::<Vec<_>>().join(",");
        file.push('\n');
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_record_survives_its_json_line(record in any_feedback()) {
        let line = record.to_json_line();
        let back = NdjsonReader::new(line.as_bytes()).next().unwrap().unwrap();
        prop_assert_eq!(back.fingerprint(), record.fingerprint());
        prop_assert_eq!(back, record);
    }

    #[test]
    fn a_record_survives_its_event(record in any_feedback()) {
        let properties = RawJson::of(&event_properties(&record));
        let carried = Event {
            customer: record.by.customer.unwrap_or(CustomerId::NONE),
            user_id: record.by.user.clone(),
            anonymous_id: record.by.anonymous.clone(),
            occurred_at: record.submitted_at,
            properties,
            ..event("{}")
        };
        prop_assert_eq!(from_event(&carried).unwrap(), vec![record]);
    }

    #[test]
    fn records_survive_csv(records in prop::collection::vec(any_feedback(), 0..6)) {
        let plain: Vec<Feedback> =
            records.into_iter().map(|r| Feedback { traits: Default::default(), ..r }).collect();
        let back: Vec<Feedback> =
            CsvReader::try_new(csv_of(&plain).as_bytes()).unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(back, plain);
    }

    #[test]
    fn no_bytes_break_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..400), limit in 1usize..300) {
        let lines = bytes.split(|b| *b == b'\n').count();
        prop_assert!(NdjsonReader::with_limit(&bytes[..], limit).count() <= lines);
        let mut file = b"submission_id,type,value,submitted_at\n".to_vec();
        file.extend(&bytes);
        prop_assert!(CsvReader::with_limit(&file[..], limit.max(64)).unwrap().count() <= bytes.len());
    }

    #[test]
    fn what_the_ledger_ends_with_does_not_depend_on_order_or_repeats(
        mut records in prop::collection::vec(any_feedback(), 1..8),
        order in any::<prop::sample::Index>(),
    ) {
        for (place, record) in records.iter_mut().enumerate() {
            // Few ids, so that many records are states of one answer.
            record.submission_id = format!("s{}", place % 2);
            record.survey = String::new();
            record.question = "q".to_owned();
            record.submitted_at = Timestamp(place as i64 / 3);
        }
        let mut one = Ledger::new(10);
        for record in &records {
            one.take(record).unwrap();
        }
        let turned = order.index(records.len());
        records.rotate_left(turned);
        records.reverse();
        records.extend(records.clone());
        let mut other = Ledger::new(10);
        for record in &records {
            other.take(record).unwrap();
        }
        prop_assert_eq!(one.len(), records.len().div_ceil(2).min(2));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn keys_differ_exactly_where_survey_submission_or_question_do(a in any_feedback(), b in any_feedback()) {
        let id = |r: &Feedback| (r.survey.clone(), r.submission_id.clone(), r.question.clone());
        prop_assert_eq!(a.key() == b.key(), id(&a) == id(&b));
        prop_assert_eq!(a.fingerprint() == b.fingerprint(), a == b);
    }
}

#[test]
fn choices_in_lists_are_refused_for_other_types() {
    let list = DraftValue::Choices(vec!["9".to_owned()]);
    assert_eq!(wrong(Draft { value: Some(list), ..draft("a", "nps", "") }), ["value"]);
    assert_eq!(wrong(draft("a", "choice", " | ")), ["value"]);
    assert_eq!(feedback("a", "choice", "x| y |x").value, Value::Choice(vec!["x".to_owned(), "y".to_owned()]));
}
