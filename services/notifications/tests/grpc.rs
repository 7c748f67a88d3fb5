//! The gRPC face: lists, previews, test sends, redrives, and who may see what.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::face::{Client, Face, by_id, refusal};
use common::{Running, World, noon};
use elate_domain::CustomerId;
use elate_domain::system::{PauseChanged, PauseScope, PreferencesChanged, name};
use elate_proto::common::v1::PageRequest;
use elate_proto::notifications::v1::{
    CheckReachRequest, GetNotificationRequest, ListChannelsRequest, ListNotificationsRequest,
    NotificationState, PreviewTemplateRequest, RedriveNotificationRequest, SendTestRequest,
};
use elate_testkit::eventually;
use elate_testkit::smtp::Fault;
use elate_testkit::webhook::Answer;
use serde_json::json;

const READER: &str = "shop-reader";
const OPERATOR: &str = "shop-operator";
const STRANGER: &str = "hotel-operator";

async fn list(client: &mut Client, request: ListNotificationsRequest) -> (Vec<String>, String) {
    let answer = client.list_notifications(request).await.unwrap().into_inner();
    let ids = answer.notifications.into_iter().map(|one| one.notification_id).collect();
    (ids, answer.page.unwrap().next_page_token)
}

fn page(page_size: u32, page_token: &str) -> Option<PageRequest> {
    Some(PageRequest { page_size, page_token: page_token.to_owned() })
}

async fn messages_are_listed_in_pages_and_by_filter(world: World) {
    let (running, face) = world.serve();
    let mut client = face.client(READER);
    let (ann, bob) = (world.customer("ann@example.com"), world.customer("bob@example.com"));
    let mut asked = Vec::new();
    for minute in 1..=5 {
        // A time of its own for each, so that the order is known.
        world.advance(noon().plus_millis(minute * 60_000));
        let id = world.ask(ann, "hook", "note");
        world.until(&id, "sent").await;
        asked.insert(0, id);
    }
    world.smtp.fail_next("bob@example.com", Fault::RefuseRecipient(550, "nobody".into()));
    let failed = world.ask(bob, "email", "hello");
    world.until(&failed, "failed").await;

    let mut seen = Vec::new();
    let mut token = String::new();
    let mut pages = 0;
    let of_ann = ListNotificationsRequest { customer: by_id(ann), ..Default::default() };
    loop {
        let request = ListNotificationsRequest { page: page(2, &token), ..of_ann.clone() };
        let (ids, next) = list(&mut client, request).await;
        (pages, token) = (pages + 1, next);
        seen.extend(ids);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((&seen, pages), (&asked, 3), "newest first, each once");

    for (request, expected) in [
        (ListNotificationsRequest { channel: "email".into(), ..Default::default() }, 1),
        (ListNotificationsRequest { play: "welcome".into(), ..Default::default() }, 6),
        (ListNotificationsRequest { play: "other".into(), ..Default::default() }, 0),
        (ListNotificationsRequest { state: NotificationState::Failed.into(), ..Default::default() }, 1),
        (ListNotificationsRequest { state: NotificationState::Sent.into(), ..of_ann.clone() }, 5),
        (ListNotificationsRequest { state: NotificationState::Held.into(), ..of_ann.clone() }, 0),
    ] {
        assert_eq!(list(&mut client, request.clone()).await.0.len(), expected, "{request:?}");
    }

    // A token belongs to its list.
    let (_, token) = list(&mut client, ListNotificationsRequest { page: page(1, ""), ..of_ann }).await;
    let other =
        ListNotificationsRequest { page: page(1, &token), customer: by_id(bob), ..Default::default() };
    let (reason, field) = refusal(client.list_notifications(other).await);
    assert_eq!((reason.as_str(), field.as_str()), ("INVALID_REQUEST", "page.page_token"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_in_pages_and_by_filter_on_sqlite() {
    messages_are_listed_in_pages_and_by_filter(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_listed_in_pages_and_by_filter_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        messages_are_listed_in_pages_and_by_filter(world).await;
    }
}

async fn get(client: &mut Client, id: &str) -> (NotificationState, String, Vec<String>) {
    let request = GetNotificationRequest { notification_id: id.to_owned() };
    let answer = client.get_notification(request).await.unwrap().into_inner();
    let found = answer.notification.unwrap();
    let attempts = answer.attempts.iter().map(|a| format!("{} {}", a.provider, a.outcome)).collect();
    (found.state(), found.reason, attempts)
}

async fn a_dead_letter_is_redriven(world: World) {
    world.hook.answer_next(Answer::status(400));
    let (running, face) = world.serve();
    let mut client = face.client(OPERATOR);
    let id = world.ask(world.customer("ann@example.com"), "hook", "note");
    world.until_told(&id, &["failed"]).await;
    let expected = (NotificationState::Failed, "http_400".to_owned(), vec!["hook rejected".to_owned()]);
    assert_eq!(get(&mut client, &id).await, expected);

    let redrive = RedriveNotificationRequest { request_id: "once".into(), notification_id: id.clone() };
    client.redrive_notification(redrive.clone()).await.unwrap();
    world.until_told(&id, &["failed", "sent"]).await;
    let (state, _, attempts) = get(&mut client, &id).await;
    assert_eq!((state, attempts.len()), (NotificationState::Sent, 2));
    let ids: Vec<_> =
        world.hook.received().iter().map(|call| call.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids, [id.as_str(), id.as_str()], "one id for all attempts");

    // What was sent is not sent again.
    let (reason, _) = refusal(client.redrive_notification(redrive).await);
    assert_eq!(reason, "NOTIFICATION_NOT_REDRIVABLE");
    let (reason, _) = refusal(
        face.client(READER)
            .redrive_notification(RedriveNotificationRequest { notification_id: id, ..Default::default() })
            .await,
    );
    assert_eq!(reason, "ROLE_INSUFFICIENT");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_redriven_on_sqlite() {
    a_dead_letter_is_redriven(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_redriven_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        a_dead_letter_is_redriven(world).await;
    }
}

fn test_of(customer: CustomerId, request_id: &str) -> SendTestRequest {
    SendTestRequest {
        request_id: request_id.to_owned(),
        channel: "email".to_owned(),
        template: "hello".to_owned(),
        to: "me@example.com".to_owned(),
        customer: by_id(customer),
        data: b"{}".as_slice().into(),
    }
}

/// Waits until the engine takes commands, which it does as soon as it holds partitions.
async fn send_test(client: &mut Client, request: SendTestRequest) -> String {
    let client = client.clone();
    eventually(common::WITHIN, || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.send_test(request).await.map(|answer| answer.into_inner().notification_id) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_once_to_the_given_address_and_says_what_it_is() {
    let world = World::new().await;
    let (running, face) = world.serve();
    let mut client = face.client(OPERATOR);
    let ann = world.customer("ann@example.com");
    let first = send_test(&mut client, test_of(ann, "test-1")).await;
    let again = send_test(&mut client, test_of(ann, "test-1")).await;
    assert_eq!(first, again);
    world.until(&first, "sent").await;
    let other = send_test(&mut client, test_of(ann, "test-2")).await;
    assert_ne!(first, other);
    world.until(&other, "sent").await;
    let mails = world.smtp.mails_to("me@example.com");
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].header("subject").as_deref(), Some("[Test] Hello Ann"));
    assert_eq!(mails[0].header("x-elate-test").as_deref(), Some("1"));
    assert!(world.smtp.mails_to("ann@example.com").is_empty());
    // It stands on the customer's timeline like every other message.
    let (ids, _) =
        list(&mut client, ListNotificationsRequest { customer: by_id(ann), ..Default::default() }).await;
    assert_eq!(ids.len(), 2);

    assert_eq!(refusal(face.client(READER).send_test(test_of(ann, "x")).await).0, "ROLE_INSUFFICIENT");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_would_be_sent() {
    let world = World::new().await;
    let (running, face) = world.serve();
    let mut client = face.client(READER);
    let ann = world.customer("ann@example.com");
    world.until(&world.ask(ann, "hook", "note"), "sent").await;

    let of_ann = PreviewTemplateRequest { customer: by_id(ann), ..Default::default() };
    let hello = PreviewTemplateRequest { template: "hello".into(), ..of_ann.clone() };
    let shown = client.preview_template(hello.clone()).await.unwrap().into_inner();
    assert_eq!((shown.subject.as_str(), shown.locale.as_str()), ("Hello Ann", "en"));
    assert!(shown.text.starts_with("Good day, https://"), "{}", shown.text);

    // Given data goes before what is known of the customer.
    let data = json!({"customer": {"first_name": "Bob"}}).to_string();
    let given = PreviewTemplateRequest { data: data.into(), ..hello };
    assert_eq!(client.preview_template(given).await.unwrap().into_inner().subject, "Hello Bob");

    // A manifest that is not applied yet, in the language that is asked for.
    let document = "
apiVersion: elate.dev/v1
kind: Template
metadata: {name: draft}
spec:
  channel: email
  fallback: en
  locales:
    en: {subject: 'Hi {{ customer.first_name }}', text: 'x'}
    de: {subject: 'Servus {{ customer.first_name }}', text: 'x', html: '<p>{{ customer.first_name }}</p>'}
";
    let draft =
        PreviewTemplateRequest { document: document.into(), locale: "de-AT".into(), ..of_ann.clone() };
    let shown = client.preview_template(draft.clone()).await.unwrap().into_inner();
    assert_eq!((shown.subject.as_str(), shown.html.as_str()), ("Servus Ann", "<p>Ann</p>"));
    assert_eq!(shown.locale, "de");

    let broken = document.replace("{{ customer.first_name }}", "{{ nobody.first_name }}");
    let broken = PreviewTemplateRequest { document: broken, ..draft };
    assert_eq!(refusal(client.preview_template(broken).await).0, "TEMPLATE_FAILED");
    assert!(world.smtp.mails().is_empty(), "a preview sends nothing");
    running.stop().await;
}

async fn reach(client: &mut Client, request: CheckReachRequest) -> (String, String) {
    let answer = client.check_reach(request).await.unwrap().into_inner();
    (answer.decision, answer.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_and_the_channels_say_what_holds_a_message_back() {
    let world = World::new().await;
    let (running, face) = world.serve();
    let mut client = face.client(READER);
    let ann = world.customer("ann@example.com");
    let said = |decision: &str, reason: &str| (decision.to_owned(), reason.to_owned());
    world.until(&world.ask(ann, "hook", "note"), "sent").await;
    let by_mail = CheckReachRequest { customer: by_id(ann), channel: "email".into(), ..Default::default() };
    assert_eq!(reach(&mut client, by_mail.clone()).await, said("send", ""));
    let unheard_of = CheckReachRequest { topic: "nothing".into(), ..by_mail.clone() };
    assert_eq!(reach(&mut client, unheard_of).await, said("refuse", "unknown_topic"));

    let pause = |paused| PauseChanged {
        scope: PauseScope::Channel,
        target: "email".to_owned(),
        paused,
        reason: String::new(),
    };
    world.put(CustomerId::NONE, name::PAUSE_CHANGED, &pause(true));
    let held = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&held, "held").await.reason, "paused_channel");
    assert_eq!(reach(&mut client, by_mail.clone()).await, said("hold", "paused_channel"));
    let channels = client.list_channels(ListChannelsRequest {}).await.unwrap().into_inner().channels;
    let paused: Vec<&str> = channels.iter().filter(|c| c.paused).map(|c| c.name.as_str()).collect();
    assert_eq!(paused, ["email"]);
    let hook = channels.iter().find(|channel| channel.name == "hook").unwrap();
    assert_eq!(
        (hook.kind.as_str(), hook.providers[0].attempts, hook.providers[0].healthy),
        ("webhook", 1, true)
    );

    world.put(CustomerId::NONE, name::PAUSE_CHANGED, &pause(false));
    world.advance(noon().plus_millis(61_000));
    world.until(&held, "sent").await;
    let left = PreferencesChanged { channels: [("email".to_owned(), false)].into(), ..Default::default() };
    world.put(ann, name::PREFERENCES_CHANGED, &left);
    let refused = world.ask(ann, "email", "hello");
    assert_eq!(world.until(&refused, "refused").await.reason, "unsubscribed_channel");
    assert_eq!(reach(&mut client, by_mail).await, said("refuse", "unsubscribed_channel"));
    running.stop().await;
}

/// Sends one message in the shop and starts a face over it.
async fn one_message(world: &World) -> (Running, Face, CustomerId, String) {
    let (running, face) = world.serve();
    let ann = world.customer("ann@example.com");
    let id = world.ask(ann, "email", "hello");
    world.until(&id, "sent").await;
    (running, face, ann, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_workspace_sees_nothing() {
    let world = World::new().await;
    let (running, face, ann, id) = one_message(&world).await;
    let mut stranger = face.client(STRANGER);
    assert!(list(&mut stranger, ListNotificationsRequest::default()).await.0.is_empty());
    let channels = stranger.list_channels(ListChannelsRequest {}).await.unwrap().into_inner().channels;
    assert!(channels.is_empty());

    let get = GetNotificationRequest { notification_id: id.clone() };
    assert_eq!(refusal(stranger.get_notification(get).await).0, "NOTIFICATION_UNKNOWN");
    let redrive = RedriveNotificationRequest { notification_id: id, ..Default::default() };
    assert_eq!(refusal(stranger.redrive_notification(redrive).await).0, "NOTIFICATION_UNKNOWN");
    let of_ann = ListNotificationsRequest { customer: by_id(ann), ..Default::default() };
    assert_eq!(refusal(stranger.list_notifications(of_ann).await).0, "CUSTOMER_UNKNOWN");
    let check = CheckReachRequest { customer: by_id(ann), channel: "email".into(), ..Default::default() };
    assert_eq!(refusal(stranger.check_reach(check).await).0, "CUSTOMER_UNKNOWN");
    let shown = PreviewTemplateRequest { template: "hello".into(), ..Default::default() };
    assert_eq!(refusal(stranger.preview_template(shown).await).0, "DEFINITION_UNKNOWN");
    assert_eq!(refusal(stranger.send_test(test_of(ann, "x")).await).0, "CUSTOMER_UNKNOWN");
    // With a customer of its own it still reaches no channel of the shop.
    let own = CustomerId(uuid::Uuid::now_v7());
    world.people.add("hotel", &own.to_string(), &json!({}));
    let (reason, field) = refusal(stranger.send_test(test_of(own, "x")).await);
    assert_eq!((reason.as_str(), field.as_str()), ("DEFINITION_UNKNOWN", "channel"));
    assert_eq!(world.smtp.mails().len(), 1);
    running.stop().await;
}
