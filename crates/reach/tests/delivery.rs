//! Retries, signatures, addresses and assignment.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use elate_domain::Timestamp;
use elate_reach::address::{Forbidden, Network, check};
use elate_reach::assign::{HoldoutGroup, bucket_ranges, choose, hash, holdout, sticky};
use elate_reach::retry::{EndpointHealth, Schedule, Verdict, judge_http, judge_smtp, parse_retry_after};
use elate_reach::webhook::{Secret, TOLERANCE_SECONDS, VerifyError, signature_header, verify};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

#[test]
fn webhooks_are_tried_eight_times() {
    let schedule = Schedule::webhook();
    assert_eq!(schedule.attempts(), 8);
    let mut waits = Vec::new();
    let mut attempt = 1;
    while let Some(at) = schedule.next_attempt(attempt, Timestamp(0), 0.0, None) {
        waits.push(at.0 / 1000);
        attempt += 1;
    }
    assert_eq!(waits, [5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
    assert_eq!(schedule.next_attempt(0, Timestamp(0), 0.0, None), None);
    let email: i64 = Schedule::email().delays_millis.iter().sum();
    assert!(email < DAY / 4);
}

#[test]
fn retry_after_is_honoured_in_both_forms() {
    let now = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    assert_eq!(parse_retry_after("120", now), Some(120_000));
    assert_eq!(parse_retry_after("Sun, 01 Mar 2026 12:01:00 GMT", now), Some(60_000));
    assert_eq!(parse_retry_after("Sun, 01 Mar 2026 11:00:00 GMT", now), Some(0));
    assert_eq!(parse_retry_after("99999999999999999999", now), Some(i64::MAX));
    for bad in ["", "soon", "-5", "1.5"] {
        assert_eq!(parse_retry_after(bad, now), None, "{bad:?}");
    }
    let schedule = Schedule::webhook();
    assert_eq!(schedule.next_attempt(1, now, 0.0, Some(60_000)), Some(now.plus_millis(60_000)));
    assert_eq!(schedule.next_attempt(4, now, 0.0, Some(60_000)), Some(now.plus_millis(7_200_000)));
    assert_eq!(schedule.next_attempt(1, now, 0.0, Some(i64::MAX)), Some(now.plus_millis(DAY)));
}

#[test]
fn answers_are_judged_by_whether_time_can_mend_them() {
    for (status, verdict) in [
        (200, Verdict::Delivered),
        (204, Verdict::Delivered),
        (301, Verdict::Transient),
        (400, Verdict::Permanent),
        (404, Verdict::Permanent),
        (408, Verdict::Transient),
        (410, Verdict::Gone),
        (429, Verdict::Transient),
        (500, Verdict::Transient),
        (503, Verdict::Transient),
        (0, Verdict::Transient),
    ] {
        assert_eq!(judge_http(status), verdict, "{status}");
    }
    for (code, verdict) in [
        (250, Verdict::Delivered),
        (421, Verdict::Transient),
        (451, Verdict::Transient),
        (550, Verdict::Permanent),
    ] {
        assert_eq!(judge_smtp(code), verdict, "{code}");
    }
}

#[test]
fn five_days_of_failure_disable_an_endpoint_and_one_success_starts_anew() {
    let mut health = EndpointHealth::default();
    assert!(!health.record(Verdict::Transient, Timestamp(0)));
    assert!(!health.record(Verdict::Transient, Timestamp(5 * DAY - 1)));
    assert!(!health.record(Verdict::Delivered, Timestamp(5 * DAY - 1)));
    assert!(!health.record(Verdict::Transient, Timestamp(5 * DAY)));
    assert!(health.record(Verdict::Transient, Timestamp(10 * DAY)));
    assert!(health.is_disabled());
    assert!(!health.record(Verdict::Transient, Timestamp(11 * DAY)), "it is reported once");
    health.enable();
    assert!(!health.is_disabled());
    assert!(health.record(Verdict::Gone, Timestamp(11 * DAY)));
}

#[test]
fn a_secret_is_rotated_without_losing_a_message() {
    let (old, new) = (Secret::from_random([1; 32]), Secret::from_random([2; 32]));
    let header = signature_header(&[old.clone(), new.clone()], "msg_1", 1_000, b"{}");
    let now = Timestamp(1_000_000);
    for secret in [old.clone(), new] {
        assert_eq!(verify(&[secret], "msg_1", "1000", &header, b"{}", now, TOLERANCE_SECONDS), Ok(()));
    }
    let stranger = Secret::from_random([3; 32]);
    let refused = verify(&[stranger], "msg_1", "1000", &header, b"{}", now, TOLERANCE_SECONDS);
    assert_eq!(refused, Err(VerifyError::NoMatch));
    assert_eq!(old.reveal().parse::<Secret>().unwrap(), old);
    assert!(!format!("{old:?}").contains(&old.reveal()[6..]));
}

#[test]
fn messages_out_of_time_are_refused() {
    let secret = Secret::from_random([1; 32]);
    let header = secret.sign("m", 10_000, b"");
    let at = |seconds: i64| {
        verify(std::slice::from_ref(&secret), "m", "10000", &header, b"", Timestamp(seconds * 1000), 300)
    };
    assert_eq!(at(10_300), Ok(()));
    assert_eq!(at(9_700), Ok(()));
    assert_eq!(at(10_301), Err(VerifyError::TooOld));
    assert_eq!(at(9_699), Err(VerifyError::TooNew));
    let odd = verify(&[secret], "m", "1e4", &header, b"", Timestamp(0), 300);
    assert_eq!(odd, Err(VerifyError::Timestamp));
    for bad in ["", "whsec_", "whsec_***"] {
        assert!(bad.parse::<Secret>().is_err(), "{bad:?}");
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_the_public_internet_is_reachable() {
    use Forbidden::{
        Documentation, LinkLocal, Loopback, Multicast, Private, Reserved, Shared, Tunnel, Unspecified,
    };
    let cases = [
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("127.0.0.1", Loopback),
        ("127.255.255.255", Loopback),
        ("10.0.0.1", Private),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.168.1.1", Private),
        ("169.254.169.254", LinkLocal),
        ("100.64.0.1", Shared),
        ("100.127.255.255", Shared),
        ("192.0.2.1", Documentation),
        ("198.51.100.1", Documentation),
        ("203.0.113.1", Documentation),
        ("192.0.0.8", Reserved),
        ("198.18.0.1", Reserved),
        ("198.19.255.255", Reserved),
        ("224.0.0.1", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Reserved),
        ("::", Unspecified),
        ("::1", Loopback),
        ("fc00::1", Private),
        ("fd12:3456::1", Private),
        ("fec0::1", Private),
        ("fe80::1", LinkLocal),
        ("ff02::1", Multicast),
        ("2001:db8::1", Documentation),
        ("3fff::1", Documentation),
        ("2001::1", Tunnel),
        ("2001:10::1", Reserved),
        ("100::1", Reserved),
        ("::7f00:1", Reserved),
        ("64:ff9b:1::1", Private),
        ("4000::1", Reserved),
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:10.0.0.1", Private),
        ("::ffff:169.254.169.254", LinkLocal),
        ("64:ff9b::a00:1", Private),
        ("64:ff9b::7f00:1", Loopback),
        ("2002:7f00:1::", Loopback),
        ("2002:a9fe:a9fe::1", LinkLocal),
    ];
    for (address, expected) in cases {
        assert_eq!(check(ip(address), &[]), Err(expected), "{address}");
    }
    for public in [
        "1.1.1.1",
        "100.63.255.255",
        "172.32.0.1",
        "198.17.0.1",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ] {
        assert_eq!(check(ip(public), &[]), Ok(()), "{public}");
    }
}

#[test]
fn an_allowed_network_passes_in_every_spelling() {
    let allowed: Vec<Network> =
        vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "127.0.0.1"] {
        assert_eq!(check(ip(address), &allowed), Ok(()), "{address}");
    }
    assert_eq!(check(ip("10.2.0.1"), &allowed), Err(Forbidden::Private));
    assert_eq!(check(ip("127.0.0.2"), &allowed), Err(Forbidden::Loopback));
    let everything: Network = "0.0.0.0/0".parse().unwrap();
    assert!(everything.contains(ip("10.0.0.1")) && !everything.contains(ip("::1")));
    for bad in ["10.0.0.0/33", "10.0.0/8", "fd00::/129", "host", "10.0.0.0/-1", ""] {
        assert!(bad.parse::<Network>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_holdout_and_its_sample_are_of_the_same_size_and_grow_in_place() {
    let ids: Vec<String> = (0..20_000).map(|n| format!("customer-{n}")).collect();
    let count =
        |share: f64, group: HoldoutGroup| ids.iter().filter(|id| holdout("play", id, share) == group).count();
    let (held, measured) = (count(0.05, HoldoutGroup::HeldOut), count(0.05, HoldoutGroup::Measured));
    assert!((900..1100).contains(&held) && (900..1100).contains(&measured), "{held}, {measured}");
    for id in &ids {
        if holdout("play", id, 0.05) == HoldoutGroup::HeldOut {
            assert_eq!(holdout("play", id, 0.1), HoldoutGroup::HeldOut);
        }
    }
    assert_eq!(count(0.0, HoldoutGroup::Treated), ids.len());
}

proptest! {
    #[test]
    fn nothing_embedded_is_reached_that_may_not_be_reached_plainly(bits in any::<u32>()) {
        let plain = Ipv4Addr::from_bits(bits);
        let expected = check(IpAddr::V4(plain), &[]);
        let nat64 = Ipv6Addr::from_bits((0x64_ff9bu128 << 96) | u128::from(bits));
        let six_to_four = Ipv6Addr::from_bits((0x2002u128 << 112) | (u128::from(bits) << 80));
        for address in [plain.to_ipv6_mapped(), nat64, six_to_four] {
            prop_assert_eq!(check(IpAddr::V6(address), &[]), expected);
        }
        // What the standard library knows to be special is never let through.
        if plain.is_private() || plain.is_loopback() || plain.is_link_local() || plain.is_multicast() || plain.is_broadcast() || plain.is_documentation() {
            prop_assert!(expected.is_err());
        }
    }

    #[test]
    fn a_network_holds_its_own_addresses(bits in any::<u128>(), prefix in 0u8..=128, flip in 0u32..128) {
        let network: Network = format!("{}/{prefix}", Ipv6Addr::from_bits(bits)).parse().unwrap();
        prop_assert!(network.contains(IpAddr::V6(Ipv6Addr::from_bits(bits))));
        let other = Ipv6Addr::from_bits(bits ^ (1 << (127 - flip)));
        prop_assert_eq!(network.contains(IpAddr::V6(other)), flip >= u32::from(prefix));
        let text = serde_json::to_string(&network).unwrap();
        prop_assert_eq!(serde_json::from_str::<Network>(&text).unwrap(), network);
    }

    #[test]
    fn what_is_signed_is_accepted_and_what_is_changed_is_not(
        key in any::<[u8; 32]>(), id in "[a-z0-9_]{1,20}", seconds in 0i64..4_000_000_000, body in prop::collection::vec(any::<u8>(), 0..64), place in any::<prop::sample::Index>(),
    ) {
        let secret = Secret::from_random(key);
        let header = secret.sign(&id, seconds, &body);
        let now = Timestamp(seconds * 1000);
        let accepts = |id: &str, body: &[u8], header: &str| {
            verify(std::slice::from_ref(&secret), id, &seconds.to_string(), header, body, now, TOLERANCE_SECONDS).is_ok()
        };
        prop_assert!(accepts(&id, &body, &header));
        let other_id = format!("{id}x");
        prop_assert!(!accepts(&other_id, &body, &header));
        prop_assert!(!accepts(&id, &body, &header[..header.len() - 4]));
        let mut changed = body.clone();
        if changed.is_empty() { changed.push(0) } else { let at = place.index(changed.len()); changed[at] ^= 1; }
        prop_assert!(!accepts(&id, &changed, &header));
    }

    #[test]
    fn garbage_in_headers_is_refused_without_harm(timestamp in ".{0,12}", header in ".{0,60}") {
        let secret = Secret::from_random([7; 32]);
        prop_assert!(verify(&[secret], "m", &timestamp, &header, b"", Timestamp(0), TOLERANCE_SECONDS).is_err());
    }

    #[test]
    fn jitter_only_ever_lengthens_a_wait(attempt in 1u32..8, jitter in 0.0..1.0f64, asked in prop::option::of(0i64..DAY)) {
        let schedule = Schedule::webhook();
        let plain = schedule.next_attempt(attempt, Timestamp(0), 0.0, None).unwrap();
        let wait = schedule.next_attempt(attempt, Timestamp(0), jitter, asked).unwrap();
        prop_assert!(wait >= plain && wait.0 >= asked.unwrap_or(0));
        prop_assert!(wait.0 as f64 <= (plain.0 as f64 * 1.1).max(asked.unwrap_or(0) as f64) + 1.0);
    }

    #[test]
    fn everybody_gets_one_variation_and_always_the_same(seed in ".{0,12}", id in ".{0,24}", weights in prop::collection::vec(0.01f64..1.0, 1..6)) {
        let total: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
        let ranges = bucket_ranges(weights.len(), 1.0, Some(&weights));
        let number = sticky(&seed, &id);
        prop_assert!((0.0..1.0).contains(&number));
        prop_assert_eq!(Some(number), hash(&seed, &id, 2));
        prop_assert!(choose(number, &ranges).is_some());
        // Less coverage takes customers out, and moves nobody to another variation.
        let half = choose(number, &bucket_ranges(weights.len(), 0.5, Some(&weights)));
        prop_assert!(half.is_none() || half == choose(number, &ranges));
    }
}
