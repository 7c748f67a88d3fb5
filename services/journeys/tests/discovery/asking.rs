//! Through the loop and the handler.

use elate_discovery::report::Options;
use elate_discovery::{Funnel, Segment};
use elate_domain::WorkspaceId;
use elate_journeys::app::discovery::{Discovered, LookProgress, Question};
use elate_journeys::error::Error;
use elate_journeys::model::discovery::By;
use elate_proto::journeys::v1 as pb;
use elate_proto::journeys::v1::discover_journey_response::Part;
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::validate::proto_timestamp;
use elate_storage::Dsn;
use tonic::Status;

use crate::shop::{JOURNEY, ORDERS, Shop, all, begin, design, expected};

fn question() -> Question {
    Question {
        began: all(),
        by: By::Touchpoints,
        segment_by: vec!["properties.device".into(), "traits.tier".into()],
        segment: None,
        funnels: vec![funnel()],
        variants: 50,
        unusual: 5,
        unusual_deviations: 1.5,
        find_changes: false,
        bucket_millis: 86_400_000,
        horizon_millis: 86_400_000,
        return_window_millis: 86_400_000,
    }
}

fn funnel() -> Funnel {
    let steps = ["browse", "pay", "unpack"].map(str::to_owned).into();
    Funnel { name: "buying".into(), steps, window_millis: Some(1_000_000), step_window_millis: None }
}

async fn discover(shop: &Shop, question: Question) -> Result<Discovered, Error> {
    let workspace = WorkspaceId::try_new("shop").unwrap();
    let place = shop.discovery.place()?;
    shop.discovery.discover(&workspace, question, place, |_: LookProgress| true).await
}

async fn what_is_told_is_what_happened(dsn: Option<Dsn>) {
    let shop = Shop::on(dsn).await;
    shop.open().await;
    let found = discover(&shop, question()).await.unwrap();
    let options = Options { design: Some(design()), ..Options::default() };
    let keys = ["properties.device", "traits.tier"];
    assert_eq!(found.report, expected(vec![funnel()], &keys, &options));
    assert_eq!((found.report.instances, found.report.completed), (ORDERS as u64, ORDERS as u64 / 2));
    assert!(found.report.segments.len() == 4 && found.cut.is_none(), "{:?}", found.report.segments);
    assert!(!found.unusual.is_empty() && found.unusual.len() <= 5);
    let sizes: Vec<f64> = found.unusual.iter().map(|one| one.worst.deviations.abs()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] > 1.5, "{sizes:?}");

    // Of one segment, the same again.
    let mobile = Segment { key: "properties.device".into(), value: "mobile".into() };
    let asked = Question { segment: Some(mobile.clone()), ..question() };
    let options = Options { segment: Some(mobile), ..options };
    let found = discover(&shop, asked).await.unwrap();
    assert_eq!(found.report, expected(vec![funnel()], &keys, &options));
    assert!(found.report.instances < ORDERS as u64 / 2);

    // Of a part of the time: orders begin an hour apart.
    let mut early = question();
    early.began.before = Some(begin().plus_millis(10 * 3_600_000));
    assert_eq!(discover(&shop, early).await.unwrap().report.instances, 10);
    // By stages: the desk and paying are one.
    let stages = Question { by: By::Stages, funnels: Vec::new(), ..question() };
    let found = discover(&shop, stages).await.unwrap().report;
    let straight = found.variants.iter().find(|way| way.steps.join(" ") == "consideration purchase use");
    assert_eq!((straight.unwrap().count, found.variants.len()), (10, 4));
    assert_eq!(found.funnels[0].steps.iter().map(|step| step.reached).collect::<Vec<_>>(), [40, 30, 20]);
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_what_happened_on_sqlite() {
    what_is_told_is_what_happened(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_what_happened_on_postgres() {
    if let Some(database) = elate_testkit::postgres::database().await {
        what_is_told_is_what_happened(Some(database.url().parse().unwrap())).await;
    }
}

pub(crate) fn request() -> pb::DiscoverJourneyRequest {
    pb::DiscoverJourneyRequest {
        journey: JOURNEY.into(),
        segment_by: vec!["properties.device".into()],
        find_changes: true,
        ..Default::default()
    }
}

pub(crate) async fn ask(
    shop: &Shop,
    key: &str,
    request: pb::DiscoverJourneyRequest,
) -> Result<Vec<Part>, Status> {
    let mut answers = shop.client(key).discover_journey(request).await?.into_inner();
    let mut parts = Vec::new();
    while let Some(answer) = answers.message().await? {
        parts.push(answer.part.unwrap());
    }
    Ok(parts)
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, String) {
    let status = answer.unwrap_err();
    let field = fields_of(&status).first().map(|field| field.field.clone()).unwrap_or_default();
    (reason_of(&status).unwrap_or_default(), field)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_streams_progress_and_then_what_was_found() {
    let shop = Shop::on(None).await;
    shop.open().await;
    let parts = ask(&shop, "shop-reader", request()).await.unwrap();
    let Part::Progress(progress) = &parts[0] else { panic!("{:?}", parts[0]) };
    assert!(progress.moves_total > 0 && progress.moves_read <= progress.moves_total);
    let mut overview = None;
    let mut all = pb::DiscoveryDetails::default();
    for part in parts {
        match part {
            Part::Progress(_) => assert!(overview.is_none(), "progress comes first"),
            Part::Overview(found) => overview = Some(found),
            Part::Details(details) => {
                assert!(overview.is_some(), "details come last");
                all.steps.extend(details.steps);
                all.follows.extend(details.follows);
                all.variants.extend(details.variants);
                all.funnels.extend(details.funnels);
                all.segments.extend(details.segments);
            }
        }
    }
    let overview = overview.unwrap();
    assert_eq!((overview.instances, overview.completed, overview.abandoned), (40, 20, 20));
    assert!(overview.searched.is_some() && overview.cut_by.is_empty() && overview.overflow.is_empty());
    let conformance = overview.conformance.unwrap();
    assert_eq!(conformance.conforming.unwrap().of, 40);
    let skipped = pb::DiscoveredDeviationKind::Skipped;
    let help = conformance.deviations.iter().find(|one| one.kind() == skipped && one.step == "help");
    assert_eq!(help.unwrap().instances, 10, "who paid and unpacked without help");
    let follow = all.follows.iter().find(|one| (&*one.from, &*one.to) == ("help", "browse")).unwrap();
    assert_eq!(follow.count, 10);
    assert_eq!(all.variants.iter().map(|variant| variant.count).sum::<u64>(), 40);
    assert_eq!(all.funnels[0].name, "designed");
    assert_eq!(all.segments.len(), 2);

    // Nobody else sees it, and who may only write sees nothing.
    assert_eq!(refusal(ask(&shop, "hotel-admin", request()).await).0, "JOURNEY_UNKNOWN");
    assert_eq!(refusal(ask(&shop, "shop-writer", request()).await).0, "ROLE_INSUFFICIENT");
    let place = shop.discovery.place().unwrap();
    assert_eq!(refusal(ask(&shop, "shop-reader", request()).await).0, "DISCOVERY_BUSY");
    drop(place);
    ask(&shop, "shop-reader", request()).await.unwrap();
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_told_move_by_move_and_visits_are_counted() {
    let shop = Shop::on(None).await;
    shop.open().await;
    let mut journeys = shop.journeys("shop-reader");
    let between = |from: i64, before: i64| pb::ListJourneyInstancesRequest {
        states: vec![pb::JourneyState::Completed.into()],
        entered_from_time: Some(proto_timestamp(begin().plus_millis(from * 3_600_000))),
        entered_before_time: Some(proto_timestamp(begin().plus_millis(before * 3_600_000))),
        ..Default::default()
    };
    // Orders 4 to 7, of which 4 and 5 came to their end.
    let found = journeys.list_journey_instances(between(4, 8)).await.unwrap().into_inner().instances;
    let keys: Vec<_> = found.iter().map(|instance| instance.key.as_str()).collect();
    assert_eq!(keys, ["o-5", "o-4"]);

    let asked = pb::GetJourneyTimelineRequest { instance_id: found[0].instance_id.clone() };
    let mut client = shop.client("shop-reader");
    let told = client.get_journey_timeline(asked.clone()).await.unwrap().into_inner();
    assert_eq!(told.instance.as_ref(), Some(&found[0]));
    use pb::JourneyMoveKind::{Backward, Completed, Entered, Forward, Repeated, Within};
    let kinds: Vec<_> = told.moves.iter().map(|one| (one.kind(), one.touchpoint.as_str())).collect();
    let way = [
        (Entered, ""),
        (Within, "browse"),
        (Forward, "pay"),
        (Within, "help"),
        (Backward, "browse"),
        (Repeated, "browse"),
        (Forward, "pay"),
        (Forward, "unpack"),
        (Completed, "unpack"),
    ];
    assert_eq!(kinds, way);
    let carried: Vec<_> =
        told.moves[0].carried.iter().map(|one| format!("{}={}", one.key, one.value)).collect();
    assert_eq!(carried, ["properties.device=desktop", "properties.order=o-5", "traits.tier=basic"]);
    let mut stranger = shop.client("hotel-admin");
    assert_eq!(refusal(stranger.get_journey_timeline(asked).await).0, "JOURNEY_INSTANCE_UNKNOWN");

    let asked = pb::CountJourneyVisitsRequest { journey: JOURNEY.into(), ..Default::default() };
    let visits = client.count_journey_visits(asked.clone()).await.unwrap().into_inner().visits;
    let places: Vec<_> = visits.iter().map(|one| (one.stage.as_str(), one.touchpoint.as_str())).collect();
    let design = [
        ("consideration", ""),
        ("consideration", "browse"),
        ("purchase", ""),
        ("purchase", "pay"),
        ("purchase", "help"),
        ("use", ""),
        ("use", "unpack"),
    ];
    assert_eq!(places, design);
    let consideration = &visits[0];
    assert_eq!((consideration.visits, consideration.instances, consideration.entered), (100, 40, 40));
    assert_eq!((consideration.backward, consideration.repeated, consideration.abandoned), (10, 10, 10));
    assert_eq!((visits[4].visits, visits[4].abandoned, visits[6].completed), (20, 10, 20));
    assert!(visits.iter().all(|one| one.standing == 0));
    assert_eq!(refusal(stranger.count_journey_visits(asked).await).0, "JOURNEY_UNKNOWN");
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let shop = Shop::on(None).await;
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let funnel = |steps: usize| pb::DiscoveryFunnel {
        name: "f".into(),
        steps: vec!["a".into(); steps],
        ..Default::default()
    };
    let segment = pb::JourneySegment { key: "device".into(), value: "mobile".into() };
    let usual = request();
    for (request, field) in [
        (pb::DiscoverJourneyRequest { journey: String::new(), ..usual.clone() }, "journey"),
        (pb::DiscoverJourneyRequest { steps: 9, ..usual.clone() }, "steps"),
        (pb::DiscoverJourneyRequest { from_time: time(2), to_time: time(1), ..usual.clone() }, "to_time"),
        (pb::DiscoverJourneyRequest { segment_by: vec!["device".into()], ..usual.clone() }, "segment_by[0]"),
        (pb::DiscoverJourneyRequest { segment: Some(segment), ..usual.clone() }, "segment.key"),
        (pb::DiscoverJourneyRequest { funnels: vec![funnel(0)], ..usual.clone() }, "funnels[0].steps"),
        (pb::DiscoverJourneyRequest { funnels: vec![funnel(1); 2], ..usual.clone() }, "funnels[1].name"),
        (pb::DiscoverJourneyRequest { variants: 1_001, ..usual.clone() }, "variants"),
        (pb::DiscoverJourneyRequest { unusual: 501, ..usual.clone() }, "unusual"),
        (pb::DiscoverJourneyRequest { unusual_deviations: -1.0, ..usual.clone() }, "unusual_deviations"),
        (pb::DiscoverJourneyRequest { horizon_seconds: u64::MAX, ..usual }, "horizon_seconds"),
    ] {
        assert_eq!(refusal(ask(&shop, "shop-reader", request).await).1, field);
    }
    let asked = pb::GetJourneyTimelineRequest { instance_id: "one".into() };
    assert_eq!(refusal(shop.client("shop-reader").get_journey_timeline(asked).await).1, "instance_id");
    shop.stop().await;
}
