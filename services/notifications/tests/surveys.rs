//! A survey from the play's request to the answer on the timeline: the limits, the mail, the page.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use common::{WITHIN, World, links, noon, workspace};
use elate_domain::system::{SurveyAsked, SurveyRequested, SurveySkipped, name};
use elate_domain::{CustomerId, ManualClock, Timestamp};
use elate_notifications::delivery::definitions::Cache;
use elate_notifications::survey_page::{Question, router};
use elate_proto::events::v1::ingest_result::Status as Taken;
use elate_proto::events::v1::{
    Customer, GetCustomerResponse, IngestBatchRequest, IngestBatchResponse, IngestMessage, IngestResult,
};
use elate_rpc::Channel;
use elate_testkit::eventually;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tower::{ServiceExt as _, service_fn};

const DAY: i64 = 86_400_000;

fn survey(name: &str, cadence: &Json, limits: &Json) -> Json {
    json!({"kind": "Survey", "metadata": {"name": name}, "spec": {
        "kind": "nps", "fallback": "en", "comment": true, "touchpoint": "delivery",
        "question": {"en": "Would you <recommend> us?", "de": "Würden Sie uns empfehlen?"},
        "channel": "email", "template": "ask", "page": {"base_url": "https://shop.example.com/"},
        "cadence": cadence, "limits": limits}})
}

fn manifests() -> Vec<Json> {
    let text = "{{ survey.question }} {{ survey.url }}?score=9";
    vec![
        json!({"kind": "Template", "metadata": {"name": "ask"}, "spec": {"channel": "email", "fallback": "en",
            "locales": {"en": {"subject": "One question, {{ customer.first_name }}", "text": text}}}}),
        survey("after-delivery", &json!("always"), &json!({})),
        survey("quick", &json!("always"), &json!({"any": "0s", "survey": "2d"})),
        survey("once", &json!("once"), &json!({"any": "0s"})),
    ]
}

fn request(world: &World, customer: CustomerId, survey: &str) -> String {
    request_of(world, customer, survey, &json!({"first_name": "Ann"}))
}

fn request_of(world: &World, customer: CustomerId, survey: &str, traits: &Json) -> String {
    let survey_id = uuid::Uuid::new_v4().to_string();
    let requested = SurveyRequested {
        survey_id: survey_id.clone(),
        survey: survey.to_owned(),
        play: "care".to_owned(),
        instance_id: "instance".to_owned(),
        step: "0".to_owned(),
        key: String::new(),
        expires_at: Timestamp(noon().0 + 90 * DAY),
        data: json!({}),
        customer: traits.clone(),
    };
    world.put(customer, name::SURVEY_REQUESTED, &requested);
    survey_id
}

/// What the timeline was told under a name, as soon as `count` of them are there.
async fn told<T: DeserializeOwned>(world: &World, name: &str, count: usize) -> Vec<T> {
    eventually(WITHIN, || async move {
        let events = world.log.appended().into_iter().filter(|event| event.name.as_ref() == name);
        let found: Vec<T> = events.filter_map(|event| event.properties.read().ok()).collect();
        if found.len() == count { Ok(found) } else { Err(format!("{} of {name}", found.len())) }
    })
    .await
}

async fn a_question_goes_out_once_and_limits_hold(world: World) {
    world.publish(manifests());
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    let first = request(&world, ann, "after-delivery");
    let asked: Vec<SurveyAsked> = told(&world, name::SURVEY_ASKED, 1).await;
    assert_eq!((asked[0].survey_id.as_str(), asked[0].kind.as_str()), (first.as_str(), "nps"));
    let mails = world.smtp.mails_to("ann@example.com");
    assert_eq!(mails[0].header("subject").as_deref(), Some("One question, Ann"));
    // Quoted-printable: soft line breaks, and an encoded equals sign.
    let (_, body) = mails[0].data.split_once("\r\n\r\n").unwrap();
    let text = body.replace("=\r\n", "").replace("=3D", "=");
    let (question, link) = text.split_once(" https://shop.example.com/survey/").unwrap();
    assert_eq!(question, "Would you <recommend> us?");
    let token = link.trim().strip_suffix("?score=9").unwrap();
    let read = links().read_question(token).unwrap();
    assert_eq!((read.customer, read.survey_id), (ann, first));

    // Within a week nobody is asked again by a survey that obeys the usual limit.
    request(&world, ann, "after-delivery");
    let skipped: Vec<SurveySkipped> = told(&world, name::SURVEY_SKIPPED, 1).await;
    assert_eq!(skipped[0].reason, "too_soon");
    assert_eq!(skipped[0].until, Some(Timestamp(noon().0 + 7 * DAY)));
    // One with limits of its own obeys those.
    request(&world, ann, "quick");
    told::<SurveyAsked>(&world, name::SURVEY_ASKED, 2).await;
    request(&world, ann, "quick");
    request(&world, ann, "nowhere");
    let skipped: Vec<SurveySkipped> = told(&world, name::SURVEY_SKIPPED, 3).await;
    assert_eq!(skipped[1].detail, "the survey's own limit");
    assert_eq!(skipped[2].reason, "survey_missing");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_out_once_and_limits_hold_on_sqlite() {
    a_question_goes_out_once_and_limits_hold(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_out_once_and_limits_hold_on_postgres() {
    if let Some(world) = World::on_postgres().await {
        a_question_goes_out_once_and_limits_hold(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_did_not_go_is_no_question() {
    let world = World::new().await;
    world.publish(manifests());
    let running = world.start("one");
    // Without an address the message is refused, and does not stand in the way of the next one.
    let eva = CustomerId(uuid::Uuid::now_v7());
    let first = request(&world, eva, "once");
    world.until(&first, "refused").await;
    world.until_told(&first, &["refused"]).await;
    world.moved(eva, "eva@example.com");
    let second = request(&world, eva, "once");
    let asked: Vec<SurveyAsked> = told(&world, name::SURVEY_ASKED, 1).await;
    assert_eq!(asked[0].survey_id, second);
    running.stop().await;
}

fn policy(fatigue: &Json) -> Json {
    json!({"kind": "Policy", "metadata": {"name": "default"}, "spec": {"zone": "UTC", "survey_fatigue": fatigue}})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_meant_is_asked_and_always_the_same_part_of_them() {
    let world = World::new().await;
    let mut gold = survey("gold", &json!("always"), &json!({"any": "0s"}));
    gold["spec"]["audience"] = json!("customer.tier == \"gold\"");
    let mut some = survey("some", &json!("always"), &json!({"any": "0s"}));
    some["spec"]["sample"] = json!(50);
    world.publish([manifests(), vec![gold, some]].concat());
    let running = world.start("one");
    // Ann has no tier: the condition can't be told.
    let ann = world.customer("ann@example.com");
    request(&world, ann, "gold");
    let skipped: Vec<SurveySkipped> = told(&world, name::SURVEY_SKIPPED, 1).await;
    assert_eq!(skipped[0].reason, "audience_unknown");
    assert_eq!((skipped[0].detail.as_str(), skipped[0].until), ("customer.tier == \"gold\"", None));
    request_of(&world, ann, "gold", &json!({"first_name": "Ann", "tier": "silver"}));
    let skipped: Vec<SurveySkipped> = told(&world, name::SURVEY_SKIPPED, 2).await;
    assert_eq!(skipped[1].reason, "audience");
    request_of(&world, ann, "gold", &json!({"first_name": "Ann", "tier": "gold"}));
    told::<SurveyAsked>(&world, name::SURVEY_ASKED, 1).await;

    // Of forty customers about half are asked, and the same ones when they are asked again.
    let people: Vec<CustomerId> = (0..40).map(|n| world.customer(&format!("c{n}@example.com"))).collect();
    for _ in 0..2 {
        people.iter().for_each(|one| drop(request(&world, *one, "some")));
    }
    let sampled = eventually(WITHIN, || async {
        let of = |called: &str| {
            let events = world.log.appended().into_iter().filter(|event| event.name.as_ref() == called);
            events.map(|event| event.customer).collect::<Vec<_>>()
        };
        let (asked, skipped) = (of(name::SURVEY_ASKED), of(name::SURVEY_SKIPPED));
        let sum = asked.len() + skipped.len();
        if sum == 3 + 80 { Ok((asked, skipped)) } else { Err(sum) }
    })
    .await;
    let times = |list: &[CustomerId], one: &CustomerId| list.iter().filter(|other| *other == one).count();
    assert!(
        people.iter().all(|one| matches!((times(&sampled.0, one), times(&sampled.1, one)), (2, 0) | (0, 2)))
    );
    let asked = people.iter().filter(|one| times(&sampled.0, one) == 2).count();
    assert!((8..=32).contains(&asked), "{asked} of 40");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_how_long_customers_are_left_alone() {
    let world = World::new().await;
    let other = survey("other", &json!("always"), &json!({}));
    let own = survey("own", &json!("always"), &json!({"kind": "0s"}));
    let fatigue = policy(&json!({"any": "0s", "kinds": {"nps": "90d"}}));
    world.publish([manifests(), vec![other, own, fatigue]].concat());
    let running = world.start("one");
    let ann = world.customer("ann@example.com");
    request(&world, ann, "after-delivery");
    told::<SurveyAsked>(&world, name::SURVEY_ASKED, 1).await;
    // Another survey of the kind waits for what the policy says, and one with a limit of its own does not.
    request(&world, ann, "other");
    let skipped: Vec<SurveySkipped> = told(&world, name::SURVEY_SKIPPED, 1).await;
    assert_eq!(
        (skipped[0].reason.as_str(), skipped[0].detail.as_str()),
        ("too_soon", "the limit of its kind")
    );
    assert_eq!(skipped[0].until, Some(Timestamp(noon().0 + 90 * DAY)));
    request(&world, ann, "own");
    told::<SurveyAsked>(&world, name::SURVEY_ASKED, 2).await;
    running.stop().await;
}

type Ingested = Arc<Mutex<Vec<(String, IngestMessage)>>>;

/// An events service that knows every customer and keeps what it takes in: workspace and message.
fn events(ingested: &Ingested) -> Channel {
    let ingested = Arc::clone(ingested);
    Channel::new(service_fn(move |request: Request<tonic::body::Body>| {
        let ingested = Arc::clone(&ingested);
        async move {
            let workspace = request.headers()["elate-workspace"].to_str().unwrap().to_owned();
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let answer = match path.as_str() {
                "/elate.events.v1.CustomerService/GetCustomer" => {
                    let customer = Customer {
                        customer_id: uuid::Uuid::nil().to_string(),
                        user_ids: vec!["u-ann".to_owned()],
                        ..Customer::default()
                    };
                    GetCustomerResponse { customer: Some(customer) }.encode_to_vec()
                }
                "/elate.events.v1.IngestService/IngestBatch" => {
                    // A gRPC frame: a flag and four bytes of length before the message.
                    let batch = IngestBatchRequest::decode(body.slice(5..)).unwrap();
                    let taken = batch.messages.into_iter().map(|message| (workspace.clone(), message));
                    ingested.lock().unwrap().extend(taken);
                    let result = IngestResult { status: Taken::Accepted.into(), ..Default::default() };
                    IngestBatchResponse { results: vec![result] }.encode_to_vec()
                }
                other => panic!("{other}"),
            };
            let mut frame = vec![0];
            frame.extend(u32::try_from(answer.len()).unwrap().to_be_bytes());
            frame.extend(answer);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let frames =
                [Ok::<_, tonic::Status>(Frame::data(Bytes::from(frame))), Ok(Frame::trailers(trailers))];
            let body = tonic::body::Body::new(StreamBody::new(futures::stream::iter(frames)));
            Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
        }
    }))
}

struct Page {
    world: World,
    ingested: Ingested,
    clock: Arc<ManualClock>,
}

impl Page {
    async fn call(&self, method: &str, path: &str, form: &'static str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/survey/{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let cache = Arc::new(Cache::new(self.world.store.clone()));
        let router = router(links(), cache, events(&self.ingested), Arc::clone(&self.clock) as _);
        let answer = router.oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn ingested(&self) -> Vec<(String, IngestMessage)> {
        self.ingested.lock().unwrap().clone()
    }
}

fn token(survey: &str) -> String {
    let question = Question {
        workspace: workspace(),
        customer: CustomerId(uuid::Uuid::now_v7()),
        survey: survey.to_owned(),
        survey_id: "claim-1".to_owned(),
        locale: "de".to_owned(),
    };
    links().question_url("", &question).strip_prefix("/survey/").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_post_answers_and_what_is_asked_is_escaped() {
    let world = World::new().await;
    world.publish(manifests());
    let running = world.start("one");
    let clock = Arc::clone(&world.clock);
    let page = Page { world, ingested: Ingested::default(), clock };
    let token = token("after-delivery");
    // The definitions come by the log.
    eventually(WITHIN, || async { page.call("GET", &token, "").await.0 == StatusCode::OK }).await;
    let (_, shown) = page.call("GET", &format!("{token}?score=9"), "").await;
    assert!(shown.contains("Würden Sie uns empfehlen?") && shown.contains("method=\"post\""), "{shown}");
    assert!(
        shown.contains("value=\"9\" required checked") && !shown.contains("value=\"8\" required checked")
    );
    assert!(!shown.contains("<script"), "it works without scripts");
    assert!(page.ingested().is_empty(), "a scanner that follows the link does not answer");

    for nothing in ["", "score=11", "score=x", "comment=only"] {
        let (status, shown) = page.call("POST", &token, nothing).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{nothing}");
        assert!(shown.contains("role=\"alert\""));
    }
    assert!(page.ingested().is_empty());

    let (status, _) = page.call("POST", &token, "score=9&comment=Sehr+nett%21").await;
    assert_eq!(status, StatusCode::OK);
    page.call("POST", &token, "score=9&comment=Sehr+nett%21").await;
    page.clock.set(Timestamp(noon().0 + 3_600_000));
    page.call("POST", &token, "score=2").await;
    let taken = page.ingested();
    let (workspace, message) = &taken[0];
    assert_eq!((workspace.as_str(), message.name.as_str()), ("shop", "Survey Answered"));
    assert_eq!(message.user_id, "u-ann");
    let properties: Json = serde_json::from_slice(&message.properties).unwrap();
    assert_eq!(
        properties,
        json!({"kind": "nps", "score": 9, "comment": "Sehr nett!", "survey": "after-delivery",
            "submission_id": "claim-1", "source": "email", "language": "de", "touchpoint": "delivery"})
    );
    assert_eq!(taken[1].1.message_id, message.message_id, "a second click is the same answer");
    assert_ne!(taken[2].1.message_id, message.message_id, "a second thought is not");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_not_ours_and_a_survey_that_is_over_take_nothing() {
    let world = World::new().await;
    world.publish(manifests());
    let running = world.start("one");
    let clock = Arc::clone(&world.clock);
    let page = Page { world, ingested: Ingested::default(), clock };
    let (own, over) = (token("once"), token("gone"));
    eventually(WITHIN, || async { page.call("GET", &own, "").await.0 == StatusCode::OK }).await;
    let changed = own.replacen(|c: char| c.is_ascii_lowercase(), "A", 1);
    for method in ["GET", "POST"] {
        for wrong in [changed.as_str(), "nothing", "a.b"] {
            assert_eq!(
                page.call(method, wrong, "score=9").await.0,
                StatusCode::NOT_FOUND,
                "{method} {wrong}"
            );
        }
        assert_eq!(page.call(method, &over, "score=9").await.0, StatusCode::GONE, "{method}");
    }
    let unsubscribe = links().token(&elate_notifications::unsubscribe::Leave {
        workspace: workspace(),
        customer: CustomerId(uuid::Uuid::now_v7()),
        channel: "email".to_owned(),
        topic: String::new(),
    });
    let (status, _) = page.call("POST", &unsubscribe, "score=9").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a link to leave is no link to answer");
    assert!(page.ingested().is_empty());
    running.stop().await;
}
