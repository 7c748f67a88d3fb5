//! The whole chain: its order, its holds and its reasons.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_domain::Timestamp;
use elate_domain::system::{NotificationRequested, PauseChanged, PauseScope, PreferencesChanged};
use elate_reach::caps::{CapRule, CapWindow};
use elate_reach::consent::Choice;
use elate_reach::decide::{Budget, MessageClass, Provider, QuietRule, TopicMode};
use elate_reach::quiet::{QuietWindow, Weekdays};
use elate_reach::zone::{ZoneReason, ZoneSettings};
use elate_reach::{CustomerReach, Decision, Message, Policy, Reason, decide};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Half past eleven at night in Vienna.
fn night() -> Timestamp {
    at("2026-02-10T22:30:00Z")
}

fn noon() -> Timestamp {
    at("2026-02-10T11:00:00Z")
}

fn policy() -> Policy {
    let window =
        QuietWindow::try_new("22:00".parse().unwrap(), "08:00".parse().unwrap(), Weekdays::ALL).unwrap();
    Policy {
        topics: [("news".to_owned(), TopicMode::OptOut), ("safety".to_owned(), TopicMode::Service)].into(),
        caps: vec![CapRule {
            name: "one a day".to_owned(),
            limit: 1,
            window: CapWindow::Days(1),
            channels: Default::default(),
            topics: Default::default(),
        }],
        quiet: vec![QuietRule { windows: vec![window], channels: Default::default() }],
        zones: ZoneSettings::default(),
        pauses: Default::default(),
    }
}

fn customer() -> CustomerReach {
    CustomerReach {
        channels: ["email".to_owned()].into(),
        zone: Some("Europe/Vienna".to_owned()),
        ..CustomerReach::default()
    }
}

fn message(now: Timestamp) -> Message {
    Message {
        play: "recovery".to_owned(),
        topic: Some("news".to_owned()),
        ..Message::new("m1", "email", now)
    }
}

fn reason(policy: &Policy, customer: &CustomerReach, message: &Message, now: Timestamp) -> Option<Reason> {
    decide(policy, customer, message, now).reason()
}

#[test]
fn by_day_it_goes() {
    let sent = Decision::Send { zone: Some(ZoneReason::Customer), overrode_quiet_hours: false };
    assert_eq!(decide(&policy(), &customer(), &message(noon()), noon()), sent);
}

#[test]
fn by_night_it_is_held_until_the_window_ends() {
    let decision = decide(&policy(), &customer(), &message(night()), night());
    let until = at("2026-02-11T07:00:00Z");
    let held = Decision::Hold { until, reason: Reason::QuietHours, zone: Some(ZoneReason::Customer) };
    assert_eq!(decision, held);
    assert!(matches!(decide(&policy(), &customer(), &message(night()), until), Decision::Send { .. }));
}

#[test]
fn an_urgent_message_overrides_the_night_and_nothing_else() {
    let urgent = Message { class: MessageClass::Urgent, ..message(night()) };
    let sent = Decision::Send { zone: Some(ZoneReason::Customer), overrode_quiet_hours: true };
    assert_eq!(decide(&policy(), &customer(), &urgent, night()), sent);
    let suppressed = CustomerReach { suppressed: true, ..customer() };
    assert_eq!(reason(&policy(), &suppressed, &urgent, night()), Some(Reason::Suppressed));
}

#[test]
fn a_night_longer_than_its_life_refuses_a_message() {
    let short = Message { expires_at: Some(night().plus_millis(HOUR)), ..message(night()) };
    assert_eq!(reason(&policy(), &customer(), &short, night()), Some(Reason::QuietUntilExpiry));
    assert_eq!(reason(&policy(), &customer(), &short, night().plus_millis(HOUR)), Some(Reason::Expired));
    let usual = message(noon());
    assert_eq!(reason(&policy(), &customer(), &usual, noon().plus_millis(24 * HOUR)), Some(Reason::Expired));
}

#[test]
fn an_unsubscribe_during_the_hold_is_obeyed() {
    let mut customer = customer();
    let held = message(night());
    assert_eq!(reason(&policy(), &customer, &held, night()), Some(Reason::QuietHours));
    customer.consent.record(None, Some("news"), Choice { subscribed: false, at: night().plus_millis(HOUR) });
    let morning = at("2026-02-11T07:00:00Z");
    let refused = Decision::Refuse { reason: Reason::UnsubscribedTopic, detail: Some("news".to_owned()) };
    assert_eq!(decide(&policy(), &customer, &held, morning), refused);
}

#[test]
fn obeying_and_counting_are_two_switches() {
    let mut customer = customer();
    let uncounted = Message { counts_towards_caps: false, ..message(noon()) };
    customer.record_sent(&policy(), &uncounted, noon());
    let second = Message { id: "m2".to_owned(), ..message(noon()) };
    assert_eq!(reason(&policy(), &customer, &second, noon()), None);
    customer.record_sent(&policy(), &message(noon()), noon());
    let refused = Decision::Refuse { reason: Reason::FrequencyCap, detail: Some("one a day".to_owned()) };
    assert_eq!(decide(&policy(), &customer, &second, noon()), refused);
    let exempt = Message { obeys_caps: false, ..second };
    assert_eq!(reason(&policy(), &customer, &exempt, noon()), None);
}

#[test]
fn pauses_hold_what_they_cover() {
    let mut policy = policy();
    for (scope, target, expected) in [
        (PauseScope::All, "", Reason::PausedAll),
        (PauseScope::Channel, "email", Reason::PausedChannel),
        (PauseScope::Play, "recovery", Reason::PausedPlay),
    ] {
        policy.pauses.set(scope, target, true);
        let decision = decide(&policy, &customer(), &message(noon()), noon());
        assert!(
            matches!(decision, Decision::Hold { until, reason, .. } if reason == expected && until > noon())
        );
        policy.pauses.set(scope, target, false);
        assert_eq!(reason(&policy, &customer(), &message(noon()), noon()), None);
    }
    policy.pauses.set(PauseScope::Channel, "sms", true);
    assert_eq!(reason(&policy, &customer(), &message(noon()), noon()), None);
}

#[test]
fn a_test_send_needs_no_address_and_no_consent_of_the_customer() {
    let stranger = CustomerReach::default();
    assert_eq!(reason(&policy(), &stranger, &message(noon()), noon()), Some(Reason::NoIdentifier));
    let own = Message { has_own_address: true, ..message(noon()) };
    assert_eq!(reason(&policy(), &stranger, &own, noon()), None);
}

#[test]
fn nobody_agreed_to_a_topic_that_does_not_exist() {
    let unknown = Message { topic: Some("gossip".to_owned()), ..message(noon()) };
    assert_eq!(reason(&policy(), &customer(), &unknown, noon()), Some(Reason::UnknownTopic));
}

/// Everything that can be wrong, each put right in turn: the reasons come in the order of the contract.
#[test]
fn the_chain_asks_in_its_order() {
    let now = night();
    let mut policy = policy();
    policy.caps[0].limit = 0;
    policy.pauses.set(PauseScope::Play, "recovery", true);
    let mut customer = CustomerReach { erased: true, suppressed: true, ..customer() };
    customer.channels.clear();
    customer.consent.record(Some("email"), None, Choice { subscribed: false, at: now });
    let mut message = message(now);
    message.cancelled = true;
    message.expires_at = Some(now);
    message.play_allows = false;
    message.budget = Budget::Exhausted;
    message.provider = Provider::Missing;
    type Mend = fn(&mut Policy, &mut CustomerReach, &mut Message);
    let steps: [(Reason, Mend); 12] = [
        (Reason::Erased, |_, c, _| c.erased = false),
        (Reason::Suppressed, |_, c, _| c.suppressed = false),
        (Reason::Cancelled, |_, _, m| m.cancelled = false),
        (Reason::Expired, |_, _, m| m.expires_at = None),
        (Reason::NoIdentifier, |_, c, _| {
            c.channels.insert("email".to_owned());
        }),
        (Reason::UnsubscribedChannel, |_, c, _| c.consent = Default::default()),
        (Reason::PlayRule, |_, _, m| m.play_allows = true),
        (Reason::PausedPlay, |p, _, _| p.pauses = Default::default()),
        (Reason::FrequencyCap, |p, _, _| p.caps.clear()),
        (Reason::QuietHours, |p, _, _| p.quiet.clear()),
        (Reason::BudgetExhausted, |_, _, m| m.budget = Budget::Granted),
        (Reason::NoProvider, |_, _, m| m.provider = Provider::Available),
    ];
    for (expected, mend) in steps {
        assert_eq!(reason(&policy, &customer, &message, now), Some(expected));
        mend(&mut policy, &mut customer, &mut message);
    }
    assert_eq!(
        decide(&policy, &customer, &message, now),
        Decision::Send { zone: None, overrode_quiet_hours: false }
    );
}

#[test]
fn waiting_for_money_or_a_provider_holds() {
    let asked = Message { budget: Budget::Pending, ..message(noon()) };
    assert_eq!(reason(&policy(), &customer(), &asked, noon()), Some(Reason::BudgetPending));
    let later = noon().plus_millis(HOUR);
    let ailing = Message { provider: Provider::UnavailableUntil(later), ..message(noon()) };
    let held = Decision::Hold { until: later, reason: Reason::ProviderUnavailable, zone: None };
    assert_eq!(decide(&policy(), &customer(), &ailing, noon()), held);
    assert_eq!(reason(&policy(), &customer(), &ailing, later), None);
}

fn requested(class: &str) -> NotificationRequested {
    let event = format!(
        r#"{{"notification_id":"n1","play":"recovery","channel":"email","template":"sorry","topic":"","class":"{class}"}}"#
    );
    serde_json::from_str(&event).unwrap()
}

#[test]
fn what_a_play_asks_for_becomes_a_message() {
    let urgent = Message::requested(&requested("urgent"), noon());
    assert_eq!(
        (urgent.class, urgent.topic.as_deref(), urgent.obeys_caps),
        (MessageClass::Urgent, None, false)
    );
    assert_eq!(urgent.expiry(), noon().plus_millis(24 * HOUR));
    let odd = Message::requested(&requested("shouting"), noon());
    assert_eq!((odd.class, odd.obeys_caps, odd.has_own_address), (MessageClass::Marketing, true, false));
}

#[test]
fn events_change_what_is_known() {
    let mut customer = customer();
    let left = PreferencesChanged {
        topics: [("news".to_owned(), false)].into(),
        time_zone: Some("Asia/Tokyo".to_owned()),
        ..PreferencesChanged::default()
    };
    customer.apply(&left, noon());
    assert_eq!(customer.zone.as_deref(), Some("Asia/Tokyo"));
    assert_eq!(reason(&policy(), &customer, &message(noon()), noon()), Some(Reason::UnsubscribedTopic));
    let mut survivor = CustomerReach::default();
    survivor.merge(customer.clone());
    assert_eq!(survivor, customer);
    let mut policy = policy();
    let (scope, target, reason) = (PauseScope::Channel, "email".to_owned(), String::new());
    policy.pauses.apply(&PauseChanged { scope, target, paused: true, reason });
    assert!(policy.pauses.channels.contains("email"));
}

#[test]
fn reasons_are_stable_words() {
    for reason in Reason::ALL {
        assert_eq!(reason.as_str().parse::<Reason>().unwrap(), *reason);
        let json = serde_json::to_string(reason).unwrap();
        assert_eq!(json, format!("\"{}\"", reason.as_str()));
        assert!(reason.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    }
    assert!("because".parse::<Reason>().is_err());
}

proptest! {
    /// Following the holds always comes to an end, at a send outside quiet hours or at a refusal, before the expiry.
    #[test]
    fn every_message_is_settled_by_its_expiry(
        minutes in 0i64..525_600, life in 1i64..72, zone in prop::sample::select(vec!["Europe/Vienna", "America/New_York", "Asia/Kathmandu", ""]),
        paused in any::<bool>(), class in prop::sample::select(vec![MessageClass::Marketing, MessageClass::Service]),
    ) {
        let mut policy = policy();
        policy.pauses.all = paused;
        let start = at("2026-01-01T00:00:00Z").plus_millis(minutes * 60_000);
        let expires_at = Some(start.plus_millis(life * HOUR));
        let message = Message { expires_at, class, ..message(start) };
        let customer = CustomerReach { zone: Some(zone.to_owned()), ..customer() };
        let mut now = start;
        loop {
            match decide(&policy, &customer, &message, now) {
                Decision::Hold { until, .. } => {
                    prop_assert!(until > now && until <= message.expiry());
                    now = until;
                }
                Decision::Send { overrode_quiet_hours, .. } => {
                    prop_assert!(!paused && !overrode_quiet_hours && now < message.expiry());
                    break;
                }
                Decision::Refuse { reason, .. } => {
                    let expected = if paused { Reason::Expired } else { Reason::QuietUntilExpiry };
                    prop_assert_eq!(reason, expected);
                    break;
                }
            }
        }
    }

    #[test]
    fn what_is_stored_of_a_customer_comes_back(zone in "[A-Za-z/_]{0,12}", erased in any::<bool>(), at in 0i64..1_000_000) {
        let mut customer = CustomerReach { zone: Some(zone), erased, ..customer() };
        customer.consent.record(Some("email"), Some("news"), Choice { subscribed: true, at: Timestamp(at) });
        customer.record_sent(&policy(), &message(Timestamp(at)), Timestamp(at));
        let text = serde_json::to_string(&customer).unwrap();
        prop_assert_eq!(serde_json::from_str::<CustomerReach>(&text).unwrap(), customer);
    }
}
