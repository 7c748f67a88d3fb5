//! Mail servers that want TLS and a login.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{World, noon};
use elate_notifications::delivery::trust::Trust;
use elate_notifications::store::read::StoredAttempt;
use elate_testkit::certificates::Authority;
use elate_testkit::smtp::{Fault, Login, SmtpSink, Tls};
use serde_json::{Value as Json, json};

const USER: &str = "shop";
const PASSWORD: &str = "correct horse battery staple";

fn login(mechanisms: &str) -> Login {
    Login::Required {
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
        mechanisms: mechanisms.to_owned(),
    }
}

/// A provider at the sink, by the name that its certificate carries.
fn provider(name: &str, sink: &SmtpSink, tls: &str, more: Json) -> Json {
    let port = sink.address().port().to_string();
    let mut provider = json!({"name": name, "host": "localhost", "port": port, "tls": tls, "timeout": "5s"});
    provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    provider
}

fn with_login(password: &str) -> Json {
    json!({"username": USER, "password": format!("env:{password}")})
}

fn channel(name: &str, providers: Vec<Json>) -> Json {
    json!({"kind": "Channel", "metadata": {"name": name},
        "spec": {"email": {"from": "Shop <shop@example.com>", "providers": providers}}})
}

/// A world that trusts `authority`, with passwords to refer to.
async fn world(authority: &Authority) -> World {
    let mut world = World::new().await;
    world.trust = Trust::load(Some(&authority.file())).unwrap();
    world.variables.insert("SMTP_PASSWORD".to_owned(), PASSWORD.to_owned());
    world.variables.insert("WRONG_PASSWORD".to_owned(), "hunter2 is not it".to_owned());
    world
}

async fn attempts(world: &World, id: &str) -> Vec<StoredAttempt> {
    world.store.attempts(&common::workspace(), id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_over_tls_with_a_login_and_nothing_of_it_in_the_open() {
    let authority = Authority::new("the shop's own");
    let signed = authority.server(&["localhost"]);
    let starttls = SmtpSink::start_with(Tls::Starttls(signed.clone()), login("PLAIN LOGIN")).await;
    let implicit = SmtpSink::start_with(Tls::Implicit(signed), login("LOGIN")).await;
    let world = world(&authority).await;
    world.publish(vec![
        channel("starttls", vec![provider("one", &starttls, "starttls", with_login("SMTP_PASSWORD"))]),
        channel("implicit", vec![provider("two", &implicit, "implicit", with_login("SMTP_PASSWORD"))]),
    ]);
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    for (name, sink) in [("starttls", &starttls), ("implicit", &implicit)] {
        // The second one goes over the connection of the first.
        for _ in 0..2 {
            let id = world.ask(ann, name, "plain");
            world.until(&id, "sent").await;
        }
        let mails = sink.mails_to("ann@example.com");
        assert_eq!((mails.len(), sink.connections(), sink.refused_logins()), (2, 1, 0), "{name}");
        assert!(mails.iter().all(|mail| mail.protected && mail.user.as_deref() == Some(USER)), "{name}");
    }
    let said: Vec<String> =
        starttls.said_openly().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(said, ["EHLO", "STARTTLS"]);
    assert!(implicit.said_openly().is_empty());
    running.stop().await;
}

/// What is logged, at every level.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_fails_for_good_and_is_told_nowhere() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let authority = Authority::new("the shop's own");
    let signed = authority.server(&["localhost"]);
    let sink = SmtpSink::start_with(Tls::Starttls(signed), login("PLAIN")).await;
    let world = world(&authority).await;
    let wrong = provider("wrong", &sink, "starttls", with_login("WRONG_PASSWORD"));
    let right = provider("right", &sink, "starttls", with_login("SMTP_PASSWORD"));
    world.publish(vec![
        channel("wrong", vec![wrong.clone()]),
        channel("second", vec![wrong, right]),
        channel("unset", vec![provider("unset", &sink, "starttls", with_login("NO_SUCH_PASSWORD"))]),
    ]);
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    let id = world.ask(ann, "wrong", "plain");
    let failed = world.until(&id, "failed").await;
    assert_eq!((failed.reason.as_str(), failed.attempts), ("provider_login_refused", 1));
    assert_eq!(attempts(&world, &id).await[0].detail, "login refused with 535");
    world.until_told(&id, &["failed"]).await;

    let id = world.ask(ann, "unset", "plain");
    assert_eq!(world.until(&id, "failed").await.reason, "channel_misconfigured");
    assert!(attempts(&world, &id).await[0].detail.contains("NO_SUCH_PASSWORD"), "the name is told");

    // Another server takes over.
    let id = world.ask(ann, "second", "plain");
    world.until(&id, "sent").await;
    assert_eq!(attempts(&world, &id).await[0].provider, "right");
    assert_eq!(sink.refused_logins(), 2);
    running.stop().await;

    let told = format!("{:?}", world.log.appended());
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("elate") || logged.contains("sqlx"), "nothing was logged at all");
    for secret in ["hunter2", PASSWORD, "aHVudGVyMiBpcyBub3QgaXQ"] {
        assert!(!told.contains(secret), "on the timeline");
        assert!(!logged.contains(secret), "in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    let (ours, theirs) = (Authority::new("the shop's own"), Authority::new("somebody else's"));
    let stranger = SmtpSink::start_with(Tls::Starttls(theirs.server(&["localhost"])), login("PLAIN")).await;
    let misnamed =
        SmtpSink::start_with(Tls::Implicit(ours.server(&["mail.example.com"])), login("PLAIN")).await;
    let open = SmtpSink::start().await;
    let world = world(&ours).await;
    world.publish(vec![
        channel("stranger", vec![provider("one", &stranger, "starttls", with_login("SMTP_PASSWORD"))]),
        channel("misnamed", vec![provider("two", &misnamed, "implicit", with_login("SMTP_PASSWORD"))]),
        // It offers no STARTTLS, so neither password nor mail goes there.
        channel("open", vec![provider("three", &open, "starttls", with_login("SMTP_PASSWORD"))]),
    ]);
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    for (name, reason, detail) in [
        ("stranger", "provider_certificate_refused", "UnknownIssuer"),
        ("misnamed", "provider_certificate_refused", "not valid for name"),
        ("open", "provider_unreachable", "STARTTLS is not supported"),
    ] {
        let id = world.ask(ann, name, "plain");
        assert_eq!(world.until(&id, "retrying").await.reason, reason, "{name}");
        let said = attempts(&world, &id).await[0].detail.clone();
        assert!(said.contains(detail), "{name}: {said}");
    }
    for sink in [&stranger, &misnamed, &open] {
        assert!(sink.mails().is_empty());
        assert!(!sink.said_openly().iter().any(|line| line.contains("AUTH") || line.contains("MAIL")));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_speaks_against_nobody_but_the_recipient() {
    let world = World::new().await;
    for _ in 0..4 {
        world.smtp.fail_next("busy@example.com", Fault::RefuseRecipient(451, "4.2.1 later".into()));
    }
    let running = world.start("one");
    for _ in 0..4 {
        let id = world.ask(world.customer("busy@example.com"), "email", "hello");
        assert_eq!(world.until(&id, "retrying").await.reason, "smtp_451");
    }
    let key =
        elate_notifications::store::ChannelKey { workspace: common::workspace(), channel: "email".into() };
    let health = world.store.endpoints(&key).await.unwrap();
    assert!(health.iter().all(|server| server.failing_since.is_none()), "{health:?}");

    // A server that is out of reach is remembered, also where another one took over.
    let id = world.ask(world.customer("ann@example.com"), "failover", "plain");
    world.until(&id, "sent").await;
    let key = elate_notifications::store::ChannelKey { channel: "failover".into(), ..key };
    let health = world.store.endpoints(&key).await.unwrap();
    assert_eq!(health.iter().map(|server| server.provider.as_str()).collect::<Vec<_>>(), ["dead"]);
    assert_eq!(health[0].failing_since, Some(noon()));
    running.stop().await;
}

#[test]
fn a_file_of_authorities_that_is_none_is_named() {
    let authority = Authority::new("the shop's own");
    let missing = std::path::Path::new("/nowhere/ca.pem");
    assert!(Trust::load(Some(missing)).unwrap_err().to_string().contains("/nowhere/ca.pem"));
    let empty = authority.write("empty.pem", "nothing here");
    let text = Trust::load(Some(&empty)).unwrap_err().to_string();
    assert!(text.contains("delivery.ca_file") && text.contains("empty.pem"), "{text}");
}
