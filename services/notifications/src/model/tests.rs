//! The life of messages under log time.

use std::sync::Arc;

use elate_consumer::{Effects, Input, Processor, TimerChange};
use elate_domain::system::{
    DefinitionsPublished, NotificationCancelled, NotificationReceipt, NotificationRedriven,
    NotificationRequested, PauseChanged, PauseScope, PreferencesChanged, name,
};
use elate_domain::{
    CustomerId, Event, EventType, Offset, Partition, RawJson, Record, SourceId, Timestamp, WorkspaceId,
};
use serde_json::json;

use super::processor::Notifications;
use super::rows::Row;
use super::state::{CustomerState, PartitionState, Phase};
use super::template::{self, Templates};

const HOUR: i64 = 3_600_000;

/// Noon in Vienna (UTC+1).
fn noon() -> Timestamp {
    Timestamp::parse("2026-03-02T11:00:00Z").unwrap()
}

struct World {
    partition: PartitionState,
    state: CustomerState,
    offset: u64,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::try_new("shop").unwrap()
}

fn customer() -> CustomerId {
    "018f0000-0000-7000-8000-000000000001".parse().unwrap()
}

fn request(id: &str, class: &str) -> NotificationRequested {
    NotificationRequested {
        notification_id: id.to_owned(),
        play: "welcome".to_owned(),
        instance_id: "instance-1".to_owned(),
        step: "0".to_owned(),
        channel: "email".to_owned(),
        template: "hello".to_owned(),
        topic: "news".to_owned(),
        class: class.to_owned(),
        expires_at: None,
        data: json!({"event": {}}),
        customer: json!({"first_name": "Ann"}),
        to: None,
    }
}

impl World {
    fn new() -> Self {
        let manifests = vec![
            json!({"kind": "Channel", "metadata": {"name": "email"}, "spec": {"email": {
                "from": "shop@example.com", "providers": [{"name": "main", "host": "localhost", "tls": "none"}]}}}),
            json!({"kind": "Template", "metadata": {"name": "hello"}, "spec": {"channel": "email",
                "fallback": "en", "locales": {"en": {"subject": "Hi", "text": "Hello"}}}}),
            json!({"kind": "Policy", "metadata": {"name": "default"}, "spec": {
                "zone": "Europe/Vienna",
                "quiet_hours": {"from": "21:00", "to": "08:00", "except": ["urgent"]},
                "topics": [{"name": "news", "consent": "opt_out"}],
                "caps": [{"name": "one-a-day", "limit": 1, "per": {"calendar_days": 1},
                    "not_obeyed_by": ["service"], "not_counted": ["service"]}]}}),
        ];
        let mut world =
            Self { partition: PartitionState::default(), state: CustomerState::default(), offset: 0 };
        let published =
            DefinitionsPublished { version: 7, manifests, replay_millis: 0, applied_by: String::new() };
        world.control(name::DEFINITIONS_PUBLISHED, &published);
        let mut identify = world.event(EventType::Identify, "", &json!({}));
        identify.traits = RawJson::of(&json!({"email": "ann@example.com", "time_zone": "Europe/Vienna"}));
        world.take(noon(), identify);
        world
    }

    fn event<T: serde::Serialize>(&mut self, event_type: EventType, name: &str, payload: &T) -> Event {
        self.offset += 1;
        Event {
            workspace: workspace(),
            customer: customer(),
            source: SourceId::try_new("site").unwrap(),
            message_id: format!("m-{}", self.offset),
            event_type,
            name: Arc::from(name),
            user_id: None,
            anonymous_id: None,
            occurred_at: noon(),
            properties: RawJson::of(payload),
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

    fn record(&self, at: Timestamp) -> Record {
        Record { partition: Partition(3), offset: Offset(self.offset), received_at: at, event: None }
    }

    fn control<T: serde::Serialize>(&mut self, name: &str, payload: &T) {
        let event = self.event(EventType::System, name, payload);
        let record = self.record(noon());
        Notifications.control(&mut self.partition, &record, &event, &mut Effects::default()).unwrap();
    }

    fn take(&mut self, at: Timestamp, event: Event) -> Effects<Row> {
        let record = self.record(at);
        let mut effects = Effects::default();
        let input = Input::Record { record: &record, event: &event };
        assert!(Notifications.wants(event.event_type, &event.name));
        Notifications.step(&self.partition, &mut self.state, input, &mut effects).unwrap();
        effects
    }

    fn system<T: serde::Serialize>(&mut self, at: Timestamp, name: &str, payload: &T) -> Effects<Row> {
        let event = self.event(EventType::System, name, payload);
        self.take(at, event)
    }

    fn ask(&mut self, at: Timestamp, id: &str, class: &str) -> Effects<Row> {
        self.system(at, name::NOTIFICATION_REQUESTED, &request(id, class))
    }

    fn timer(&mut self, id: &str, at: Timestamp) -> Effects<Row> {
        let (workspace, key) = (workspace(), format!("notify:{id}"));
        let input = Input::Timer { workspace: &workspace, customer: customer(), key: &key, deadline: at };
        let mut effects = Effects::default();
        Notifications.step(&self.partition, &mut self.state, input, &mut effects).unwrap();
        effects
    }

    fn outcome(&mut self, at: Timestamp, id: &str, state: &str, next_at: Option<Timestamp>) -> Effects<Row> {
        let receipt = NotificationReceipt {
            notification_id: id.to_owned(),
            state: state.to_owned(),
            reason: String::new(),
            channel: "email".to_owned(),
            template: String::new(),
            play: String::new(),
            instance_id: String::new(),
            attempt: 1,
            next_at,
            provider: String::new(),
            detail: String::new(),
            topic: String::new(),
        };
        self.system(at, name::NOTIFICATION_RECEIPT, &receipt)
    }
}

/// State and reason of the receipts that a step put on the timeline.
fn receipts(effects: &Effects<Row>) -> Vec<(String, String)> {
    let read = |receipt: NotificationReceipt| (receipt.state, receipt.reason);
    effects.emissions.iter().map(|emission| read(emission.properties.read().unwrap())).collect()
}

/// The states that a step wrote.
fn states(effects: &Effects<Row>) -> Vec<&'static str> {
    let state = |row: &Row| match row {
        Row::Change(change) => Some(change.state),
        Row::Stop(_) => Some("stop"),
        _ => None,
    };
    effects.rows.iter().filter_map(state).collect()
}

fn pair(state: &str, reason: &str) -> Vec<(String, String)> {
    vec![(state.to_owned(), reason.to_owned())]
}

#[test]
fn a_message_by_day_is_ready_at_once_and_taken_once() {
    let mut world = World::new();
    let effects = world.ask(noon(), "n1", "marketing");
    assert_eq!(states(&effects), ["ready"]);
    assert_eq!(receipts(&effects), []);
    let ready = effects.rows.iter().find_map(|row| match row {
        Row::Change(change) => change.ready.clone(),
        _ => None,
    });
    assert_eq!(ready.map(|r| (r.address, r.version)), Some(("ann@example.com".to_owned(), 7)));
    let again = world.ask(noon(), "n1", "marketing");
    assert!(again.rows.is_empty() && again.emissions.is_empty());
}

#[test]
fn a_message_held_over_quiet_hours_obeys_the_unsubscribe_in_between() {
    let mut world = World::new();
    let evening = noon().plus_millis(10 * HOUR);
    let held = world.ask(evening, "n1", "marketing");
    assert_eq!(receipts(&held), pair("held", "quiet_hours"));
    let morning = Timestamp::parse("2026-03-03T07:00:00Z").unwrap();
    assert_eq!(held.timers, [TimerChange::Set { key: "notify:n1".to_owned(), deadline: morning }]);

    let leave = PreferencesChanged { topics: [("news".to_owned(), false)].into(), ..Default::default() };
    let left = world.system(evening.plus_millis(HOUR), name::PREFERENCES_CHANGED, &leave);
    assert_eq!(receipts(&left), pair("refused", "unsubscribed_topic"));
    assert!(world.state.open.is_empty());
    assert!(world.timer("n1", morning).rows.is_empty());
}

#[test]
fn a_held_message_goes_when_quiet_hours_end_and_urgent_ones_do_not_wait() {
    let mut world = World::new();
    let evening = noon().plus_millis(10 * HOUR);
    world.ask(evening, "n1", "marketing");
    assert_eq!(states(&world.ask(evening, "n2", "urgent")), ["ready"]);
    let morning = Timestamp::parse("2026-03-03T07:00:00Z").unwrap();
    assert_eq!(states(&world.timer("n1", morning)), ["ready"]);
}

#[test]
fn caps_count_what_was_sent_by_class() {
    let mut world = World::new();
    world.ask(noon(), "n1", "service");
    world.outcome(noon(), "n1", "sent", None);
    // A service message does not count, so there is room for one.
    assert_eq!(states(&world.ask(noon(), "n2", "marketing")), ["ready"]);
    world.outcome(noon(), "n2", "sent", None);
    let capped = world.ask(noon().plus_millis(HOUR), "n3", "marketing");
    assert_eq!(receipts(&capped), pair("refused", "frequency_cap"));
    assert_eq!(states(&world.ask(noon().plus_millis(HOUR), "n4", "service")), ["ready"]);
    let tomorrow = noon().plus_millis(24 * HOUR);
    assert_eq!(states(&world.ask(tomorrow, "n5", "marketing")), ["ready"]);
}

#[test]
fn the_chain_runs_again_before_every_attempt() {
    let mut world = World::new();
    world.ask(noon(), "n1", "marketing");
    let next = noon().plus_millis(60_000);
    let failed = world.outcome(noon(), "n1", "attempt_failed", Some(next));
    assert_eq!(failed.timers, [TimerChange::Set { key: "notify:n1".to_owned(), deadline: next }]);
    assert_eq!(world.state.open["n1"].phase, Phase::Retrying);
    world.control(
        name::PAUSE_CHANGED,
        &PauseChanged { scope: PauseScope::All, target: String::new(), paused: true, reason: String::new() },
    );
    assert_eq!(receipts(&world.timer("n1", next)), pair("held", "paused_all"));
    // Looked at again every minute, told once.
    let later = next.plus_millis(60_000);
    assert_eq!(receipts(&world.timer("n1", later)), []);
    let expired = world.timer("n1", noon().plus_millis(24 * HOUR));
    assert_eq!(receipts(&expired), pair("expired", "expired"));
}

#[test]
fn a_play_that_ends_takes_back_what_was_not_handed_over() {
    let mut world = World::new();
    let cancelled = NotificationCancelled { instance_id: "instance-1".to_owned(), reason: "exit".to_owned() };
    let evening = noon().plus_millis(10 * HOUR);
    world.ask(evening, "held", "marketing");
    world.ask(evening, "with-dispatcher", "urgent");
    let effects = world.system(evening, name::NOTIFICATION_CANCELLED, &cancelled);
    // The dispatcher speaks for the message that it has.
    assert_eq!(receipts(&effects), pair("cancelled", "cancelled"));
    assert_eq!(states(&effects), ["cancelled", "stop"]);
    // It had just failed: then there is no further attempt.
    let failed = world.outcome(evening, "with-dispatcher", "attempt_failed", Some(evening.plus_millis(HOUR)));
    assert_eq!(receipts(&failed), pair("cancelled", "cancelled"));
}

#[test]
fn an_import_sends_nothing_and_without_an_address_there_is_a_reason() {
    let mut world = World::new();
    let mut event = world.event(EventType::System, name::NOTIFICATION_REQUESTED, &request("n1", "marketing"));
    event.historical = true;
    let effects = world.take(noon(), event);
    assert_eq!(receipts(&effects), pair("refused", "historical"));
    world.state.addresses.clear();
    assert_eq!(receipts(&world.ask(noon(), "n2", "marketing")), pair("refused", "no_identifier"));
    let mut unknown = request("n3", "marketing");
    unknown.channel = "pigeon".to_owned();
    let effects = world.system(noon(), name::NOTIFICATION_REQUESTED, &unknown);
    assert_eq!(receipts(&effects), pair("refused", "no_provider"));
}

#[test]
fn a_redrive_goes_through_the_chain_and_goes_on_counting() {
    let mut world = World::new();
    world.ask(noon(), "n1", "marketing");
    world.outcome(noon(), "n1", "failed", None);
    let redriven = NotificationRedriven { request: request("n1", "marketing"), attempts: 3 };
    let effects = world.system(noon().plus_millis(48 * HOUR), name::NOTIFICATION_REDRIVEN, &redriven);
    assert_eq!(states(&effects), ["ready"]);
    assert_eq!(world.state.open["n1"].attempts, 3);
}

fn templates(subject: &str, html: &str, body: &str) -> Templates {
    let mail = json!({"channel": "email", "fallback": "en", "locales": {
        "en": {"subject": subject, "text": "Hi {{ customer.first_name }}", "html": html},
        "de": {"subject": "Hallo", "text": "Hallo {{ customer.first_name }}"}}});
    let hook = json!({"channel": "webhook", "fallback": "en", "locales": {"en": {"body": body}}});
    let read = |value| serde_json::from_value(value).unwrap();
    Templates::compile([("mail".to_owned(), read(mail)), ("hook".to_owned(), read(hook))].into())
}

#[test]
fn templates_escape_by_part_and_never_leave_a_gap() {
    let templates = templates(
        "For {{ customer.first_name }}",
        "<b>{{ customer.first_name }}</b>",
        r#"{"name": {{ customer.first_name }}}"#,
    );
    let name = "A\"nn <\r\nBcc: x@y";
    let seen = template::context(&json!({}), &json!({"first_name": name}), None);
    let mail = templates.render("mail", Some("fr"), &seen).unwrap();
    assert_eq!((mail.locale.as_str(), mail.subject.as_str()), ("en", "For A\"nn < Bcc: x@y"));
    assert!(mail.html.unwrap().contains("&lt;"));
    assert_eq!(templates.render("mail", Some("de-AT"), &seen).unwrap().locale, "de");
    let hook = templates.render("hook", None, &seen).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&hook.body).unwrap()["name"], name);
    let nobody = template::context(&json!({}), &json!({}), None);
    let error = templates.render("mail", None, &nobody).unwrap_err();
    assert!(error.to_string().contains("mail/en/subject: undefined"), "{error}");
}

#[test]
fn a_template_that_runs_for_ever_is_stopped() {
    let templates =
        templates("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", "", "{}");
    let error = templates.render("mail", None, &template::context(&json!({}), &json!({}), None)).unwrap_err();
    assert!(matches!(error, template::Error::Failed { .. }), "{error}");
}
