//! Subscriptions and frequency caps.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_domain::Timestamp;
use elate_reach::Reason;
use elate_reach::caps::{CapRule, CapWindow, SendHistory, Sent};
use elate_reach::consent::{Choice, Consent, MessageClass, TopicMode};
use elate_reach::zone::Zone;
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn said(subscribed: bool, at: i64) -> Choice {
    Choice { subscribed, at: Timestamp(at) }
}

fn check(consent: &Consent, topic: Option<TopicMode>) -> Result<(), Reason> {
    consent.check("email", topic.map(|mode| ("news", mode)), MessageClass::Marketing)
}

#[test]
fn topics_are_opt_in_or_opt_out() {
    let mut consent = Consent::default();
    assert_eq!(check(&consent, None), Ok(()));
    assert_eq!(check(&consent, Some(TopicMode::OptOut)), Ok(()));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Err(Reason::NotOptedIn));
    consent.record(Some("email"), None, said(true, 1));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Err(Reason::NotOptedIn));
    consent.record(None, Some("news"), said(true, 2));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Ok(()));
    consent.record(None, Some("news"), said(false, 3));
    assert_eq!(check(&consent, Some(TopicMode::OptOut)), Err(Reason::UnsubscribedTopic));
    assert_eq!(check(&consent, Some(TopicMode::Service)), Ok(()));
    assert_eq!(check(&consent, None), Ok(()));
}

#[test]
fn a_no_stands_until_a_later_and_narrower_yes() {
    let mut consent = Consent::default();
    consent.record(None, Some("news"), said(true, 1));
    consent.record(Some("email"), None, said(false, 2));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Err(Reason::UnsubscribedChannel));
    // All channels' news is no narrower than e-mail.
    consent.record(None, Some("news"), said(true, 3));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Err(Reason::UnsubscribedChannel));
    consent.record(Some("email"), Some("news"), said(true, 4));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Ok(()));
    assert_eq!(check(&consent, None), Err(Reason::UnsubscribedChannel));
    consent.record(None, None, said(false, 5));
    assert_eq!(check(&consent, Some(TopicMode::OptIn)), Err(Reason::UnsubscribedEverything));
}

#[test]
fn a_broader_yes_does_not_bring_a_topic_back() {
    let mut consent = Consent::default();
    consent.record(None, Some("news"), said(false, 1));
    consent.record(Some("email"), None, said(true, 2));
    consent.record(None, None, said(true, 3));
    assert_eq!(check(&consent, Some(TopicMode::OptOut)), Err(Reason::UnsubscribedTopic));
}

#[test]
fn service_messages_survive_leaving_everything_but_not_leaving_the_channel() {
    let mut consent = Consent::default();
    consent.record(None, None, said(false, 1));
    assert_eq!(consent.check("email", None, MessageClass::Service), Ok(()));
    assert_eq!(consent.check("email", None, MessageClass::Marketing), Err(Reason::UnsubscribedEverything));
    consent.record(Some("email"), None, said(false, 2));
    assert_eq!(consent.check("email", None, MessageClass::Urgent), Err(Reason::UnsubscribedChannel));
    assert_eq!(consent.check("sms", None, MessageClass::Urgent), Ok(()));
}

#[test]
fn old_news_changes_nothing_and_a_tie_is_a_no() {
    let mut consent = Consent::default();
    consent.record(Some("email"), None, said(false, 5));
    consent.record(Some("email"), None, said(true, 4));
    assert_eq!(check(&consent, None), Err(Reason::UnsubscribedChannel));
    consent.record(Some("email"), None, said(true, 5));
    assert_eq!(check(&consent, None), Err(Reason::UnsubscribedChannel));
    consent.record(Some("email"), None, said(true, 6));
    assert_eq!(check(&consent, None), Ok(()));
}

type Said = (Option<&'static str>, Option<&'static str>, bool, i64);

fn any_choices() -> impl Strategy<Value = Vec<Said>> {
    let channel = prop::sample::select(vec![None, Some("email"), Some("sms")]);
    let topic = prop::sample::select(vec![None, Some("news"), Some("offers")]);
    prop::collection::vec((channel, topic, any::<bool>(), 0i64..6), 0..12)
}

fn consent_of(choices: &[Said]) -> Consent {
    let mut consent = Consent::default();
    for (channel, topic, subscribed, at) in choices {
        consent.record(*channel, *topic, said(*subscribed, *at));
    }
    consent
}

proptest! {
    #[test]
    fn the_order_of_arrival_and_of_merging_does_not_matter(choices in any_choices(), cut in 0usize..12) {
        let whole = consent_of(&choices);
        let mut reversed = choices.clone();
        reversed.reverse();
        prop_assert_eq!(&consent_of(&reversed), &whole);
        let (ours, theirs) = choices.split_at(cut.min(choices.len()));
        let mut merged = consent_of(ours);
        merged.merge(consent_of(theirs));
        prop_assert_eq!(&merged, &whole);
    }

    #[test]
    fn the_last_word_is_kept(choices in any_choices(), mode in prop::sample::select(vec![TopicMode::OptIn, TopicMode::OptOut])) {
        let mut consent = consent_of(&choices);
        consent.record(Some("email"), Some("news"), said(true, 100));
        prop_assert_eq!(check(&consent, Some(mode)), Ok(()));
        for (channel, topic) in [(None, None), (Some("email"), None), (None, Some("news")), (Some("email"), Some("news"))] {
            let mut left = consent.clone();
            left.record(channel, topic, said(false, 101));
            prop_assert!(check(&left, Some(mode)).is_err());
        }
    }
}

fn rule(limit: u32, window: CapWindow) -> CapRule {
    CapRule {
        name: "rule".to_owned(),
        limit,
        window,
        channels: Default::default(),
        topics: Default::default(),
    }
}

fn sent(id: &str, at: Timestamp, channel: &str, topic: &str) -> Sent {
    Sent { message_id: id.to_owned(), at, channel: channel.to_owned(), topic: topic.to_owned() }
}

#[test]
fn days_are_the_recipient_s() {
    let vienna: Zone = "Europe/Vienna".parse().unwrap();
    let mut history = SendHistory::default();
    history.record(sent("a", Timestamp::parse("2026-03-28T22:30:00Z").unwrap(), "email", ""));
    let rules = [rule(1, CapWindow::Days(1))];
    // 22:30 and 22:59 UTC are the same day in Vienna, 23:00 is the next.
    let before = Timestamp::parse("2026-03-28T22:59:59Z").unwrap();
    let after = Timestamp::parse("2026-03-28T23:00:00Z").unwrap();
    assert!(history.capped(&rules, "b", "email", "", vienna, before).is_some());
    assert!(history.capped(&rules, "b", "email", "", vienna, after).is_none());
    assert!(history.capped(&rules, "b", "email", "", Zone::UTC, after).is_some());
    assert!(history.capped(&[rule(1, CapWindow::Days(2))], "b", "email", "", vienna, after).is_some());
}

#[test]
fn a_rolling_window_ends_exactly() {
    let mut history = SendHistory::default();
    history.record(sent("a", Timestamp(0), "email", ""));
    let rules = [rule(1, CapWindow::RollingMillis(DAY))];
    let capped = |at: i64| history.capped(&rules, "b", "email", "", Zone::UTC, Timestamp(at)).is_some();
    assert!(capped(DAY - 1) && !capped(DAY));
}

#[test]
fn several_rules_apply_at_once_by_channel_and_topic() {
    let mut history = SendHistory::default();
    let now = Timestamp(100 * DAY);
    history.record(sent("a", now.plus_millis(-HOUR), "email", "news"));
    let mut email = rule(2, CapWindow::RollingMillis(DAY));
    email.channels.insert("email".to_owned());
    let mut news = rule(1, CapWindow::RollingMillis(7 * DAY));
    news.name = "news a week".to_owned();
    news.topics.insert("news".to_owned());
    let rules = [email, news];
    let capped = |channel, topic| history.capped(&rules, "b", channel, topic, Zone::UTC, now).map(|c| c.rule);
    assert_eq!(capped("email", "offers"), None);
    assert_eq!(capped("sms", "news").as_deref(), Some("news a week"));
    assert_eq!(capped("sms", ""), None);
}

#[test]
fn a_retry_is_not_capped_by_its_own_first_attempt() {
    let mut history = SendHistory::default();
    let now = Timestamp(100 * DAY);
    history.record(sent("a", now, "email", ""));
    history.record(sent("a", now.plus_millis(HOUR), "email", ""));
    assert_eq!(history.sent().count(), 1);
    let rules = [rule(1, CapWindow::RollingMillis(DAY))];
    assert!(history.capped(&rules, "a", "email", "", Zone::UTC, now).is_none());
    assert!(history.capped(&rules, "b", "email", "", Zone::UTC, now).is_some());
    assert!(history.capped(&[rule(0, CapWindow::Days(1))], "a", "email", "", Zone::UTC, now).is_some());
}

#[test]
fn a_flood_on_one_channel_does_not_make_another_s_cap_forget() {
    let mut history = SendHistory::default();
    history.record(sent("rare", Timestamp(0), "sms", ""));
    for n in 0..2000 {
        history.record(sent(&format!("m{n}"), Timestamp(n), "email", ""));
    }
    assert_eq!(history.sent().count(), SendHistory::CAPACITY);
    assert_eq!(history.dropped(), 2001 - SendHistory::CAPACITY as u64);
    let mut sms = rule(1, CapWindow::Days(30));
    sms.channels.insert("sms".to_owned());
    assert!(history.capped(&[sms], "x", "sms", "", Zone::UTC, Timestamp(DAY)).is_some());
}

proptest! {
    /// Whoever asks before every message never gets more than the limit in any window.
    #[test]
    fn a_rolling_cap_holds_over_every_window(limit in 1u32..5, hours in 1i64..48, gaps in prop::collection::vec(0i64..6 * HOUR, 1..60)) {
        let rules = [rule(limit, CapWindow::RollingMillis(hours * HOUR))];
        let (mut history, mut now, mut sent_at) = (SendHistory::default(), Timestamp(50 * DAY), Vec::new());
        for (n, gap) in gaps.into_iter().enumerate() {
            now = now.plus_millis(gap);
            let id = format!("m{n}");
            if history.capped(&rules, &id, "email", "", Zone::UTC, now).is_none() {
                history.prune(&rules, now);
                history.record(sent(&id, now, "email", ""));
                sent_at.push(now);
            }
        }
        for (place, start) in sent_at.iter().enumerate() {
            let within = sent_at[place..].iter().filter(|at| at.millis_since(*start) < hours * HOUR).count();
            prop_assert!(within as u32 <= limit);
        }
        prop_assert!(!sent_at.is_empty());
    }
}
