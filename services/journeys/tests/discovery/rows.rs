//! Over rows as they stand in the tables, more than fit into a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use elate_consumer::ProcessorStore as _;
use elate_discovery::Segment;
use elate_discovery::change::Measure;
use elate_domain::{CustomerId, ManualClock, Outcome, Timestamp, WorkspaceId};
use elate_journeys::app::discovery::{Discovered, Discovery, LookProgress, Question};
use elate_journeys::config::DiscoverySettings;
use elate_journeys::error::Error;
use elate_journeys::model::discovery::By;
use elate_journeys::model::rows::{
    JourneyMoveRow, JourneyPhase, JourneyRow, MergedRow, MomentRow, MoveKind, Owner, Row,
};
use elate_journeys::store::{Began, Migrator, Store};
use elate_storage::{Database, Dsn, Options, execute};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use uuid::Uuid;

use crate::common::shop;

const DAY: i64 = 86_400_000;
/// A Sunday.
const BEGIN: i64 = 1_772_323_200_000;
const DAYS: i64 = 28;
const EACH_DAY: i64 = 40;
/// From this day on, paying takes four times as long on mobile.
const BROKEN: i64 = 16;

fn owner(number: i64) -> Owner {
    Owner { workspace: shop(), customer: CustomerId(Uuid::from_u128(number as u128 + 1)) }
}

fn line(number: i64, sequence: u32, began: i64, at: i64, kind: MoveKind, place: (&str, &str)) -> Row {
    let device = if number % 2 == 0 { "mobile" } else { "desktop" };
    Row::JourneyMove(JourneyMoveRow {
        owner: owner(number),
        instance_id: Uuid::from_u128(number as u128 + 7),
        sequence,
        journey: "order".into(),
        began_at: Timestamp(began),
        at: Timestamp(at),
        occurred_at: Timestamp(at),
        kind,
        stage: place.0.into(),
        touchpoint: place.1.into(),
        carried: BTreeMap::from([("properties.device".to_owned(), device.to_owned())]),
    })
}

fn instance(entry: &JourneyMoveRow) -> Row {
    Row::Journey(JourneyRow {
        owner: entry.owner.clone(),
        instance_id: entry.instance_id,
        journey: entry.journey.clone(),
        key: String::new(),
        phase: JourneyPhase::Active,
        stage: entry.stage.clone(),
        touchpoint: entry.touchpoint.clone(),
        began_at: Some(entry.began_at),
        entered_at: entry.at,
        moved_at: entry.at,
    })
}

/// Four weeks of orders: a cart, and some time later the payment.
fn orders() -> Vec<Row> {
    let mut rows = Vec::new();
    for number in 0..DAYS * EACH_DAY {
        let day = number / EACH_DAY;
        let began = BEGIN + day * DAY + number % EACH_DAY * 1_800_000;
        // Times that differ without any rule that a day or a device has.
        let spread = i64::from((number as u32).wrapping_mul(2_654_435_761) >> 20) * 100;
        let slow = if number % 2 == 0 && day >= BROKEN { 4 } else { 1 };
        let paid = began + (120_000 + spread) * slow;
        rows.push(line(number, 1, began, began, MoveKind::Entered, ("consideration", "cart")));
        rows.push(line(number, 2, began, paid, MoveKind::Forward, ("purchase", "pay")));
        rows.push(line(number, 3, began, paid, MoveKind::Completed, ("purchase", "pay")));
    }
    rows
}

fn moment(number: i64, touchpoint: &str, gap: f64) -> Row {
    Row::Moment(MomentRow {
        owner: owner(number),
        moment_id: Uuid::from_u128(((number as u128) << 64) + u128::from(touchpoint == "pay")),
        moment: touchpoint.into(),
        key: String::new(),
        revision: 0,
        journey: "order".into(),
        touchpoint: touchpoint.into(),
        occurred_at: Timestamp(BEGIN + 1),
        gap,
        outcome: Outcome::Neutral,
        provisional: false,
        promise_id: None,
        judged_at: Timestamp(BEGIN + 2),
    })
}

struct Rows {
    database: Database,
    store: Store,
}

impl Rows {
    async fn on(dsn: &Dsn) -> Self {
        let database = Database::connect(dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        Self { store: Store::new(database.clone()), database }
    }

    /// Writes rows in batches; an entry with the instance that it begins.
    async fn write(&self, rows: Vec<Row>) {
        let rows: Vec<Row> = rows
            .into_iter()
            .flat_map(|row| match &row {
                Row::JourneyMove(entry) if entry.kind == MoveKind::Entered => vec![instance(entry), row],
                _ => vec![row],
            })
            .collect();
        for rows in rows.chunks(500) {
            let tx = self.database.begin().await.unwrap();
            self.store.write(&tx, rows.to_vec()).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn look(&self, settings: DiscoverySettings, question: Question) -> Result<Discovered, Error> {
        let clock = Arc::new(ManualClock::new(Timestamp(BEGIN + 365 * DAY)));
        let discovery = Discovery::new(self.store.clone(), settings, clock);
        let place = discovery.place().unwrap();
        discovery.discover(&shop(), question, place, |_: LookProgress| true).await
    }
}

fn question() -> Question {
    Question {
        began: Began { journey: "order".into(), from: None, before: None },
        by: By::Touchpoints,
        segment_by: vec!["properties.device".into()],
        segment: None,
        funnels: Vec::new(),
        variants: 10,
        unusual: 3,
        unusual_deviations: 3.0,
        find_changes: true,
        bucket_millis: DAY as u64,
        horizon_millis: DAY as u64,
        return_window_millis: 30 * DAY,
    }
}

async fn a_broken_link_is_found_and_dated(dsn: Dsn) {
    let rows = Rows::on(&dsn).await;
    rows.write(orders()).await;
    let found = rows.look(DiscoverySettings::default(), question()).await.unwrap();
    assert_eq!(found.report.instances, (DAYS * EACH_DAY) as u64, "over several pages");
    let changes = found.report.changes.unwrap().findings;
    let change = changes.iter().find(|one| matches!(one.measure, Measure::Gap { .. })).unwrap();
    let mobile = Segment { key: "properties.device".into(), value: "mobile".into() };
    assert_eq!((change.segment.as_ref(), change.is_confined), (Some(&mobile), Some(true)), "{change}");
    assert_eq!((change.at.0 - BEGIN) / DAY, BROKEN, "{change}");
    assert!(change.is_worse);

    // Where a limit stops it, it says so, and tells of whole instances alone.
    let few = DiscoverySettings { moves: 2_000, ..DiscoverySettings::default() };
    let cut = rows.look(few, question()).await.unwrap();
    let stopped = cut.cut.unwrap();
    assert_eq!(stopped.by, "moves");
    assert_eq!(cut.report.completed, cut.report.instances, "no half of an order");
    // A thousand rows are read at a time, and the last order of them may go on.
    assert_eq!((cut.report.instances, stopped.complete_until.0), (999, BEGIN + 24 * DAY + 39 * 1_800_000));
    let gone = rows.store.clone();
    let clock = Arc::new(ManualClock::new(Timestamp(BEGIN)));
    let discovery = Discovery::new(gone, DiscoverySettings::default(), clock);
    let place = discovery.place().unwrap();
    let answer = discovery.discover(&shop(), question(), place, |_: LookProgress| false).await;
    assert!(matches!(answer, Err(Error::DiscoveryGivenUp)), "nobody listens");
}

async fn instances_without_moves_are_told_of(dsn: Dsn) {
    let rows = Rows::on(&dsn).await;
    let entry = |number: i64, at: i64| line(number, 1, at, at, MoveKind::Entered, ("consideration", "cart"));
    // As the tables were upgraded: nobody knows when these two began.
    let older = [entry(1, BEGIN - DAY), entry(2, BEGIN)].into_iter().map(|entry| {
        let Row::JourneyMove(entry) = entry else { unreachable!("an entry") };
        let Row::Journey(row) = instance(&entry) else { unreachable!("an instance") };
        Row::Journey(JourneyRow { began_at: None, ..row })
    });
    rows.write(older.chain([entry(3, BEGIN)]).collect()).await;
    let look = |question| rows.look(DiscoverySettings::default(), question);
    let found = look(question()).await.unwrap();
    assert_eq!((found.report.instances, found.untold), (1, 2));
    let mut late = question();
    late.began.from = Some(Timestamp(BEGIN));
    let found = look(late).await.unwrap();
    assert_eq!((found.report.instances, found.untold), (1, 1));
    let stranger = WorkspaceId::try_new("hotel").unwrap();
    assert_eq!(rows.store.count_untold(&stranger, &question().began).await.unwrap(), 0);
}

async fn links_know_who_came_again(dsn: Dsn) {
    let rows = Rows::on(&dsn).await;
    let mut written = Vec::new();
    for number in 0..60 {
        let gap = if number % 2 == 0 { 0.8 } else { -0.8 };
        written.extend([moment(number, "cart", gap), moment(number, "pay", gap - 1.0)]);
        // Who was well served comes again within the window, all others after it.
        let again = BEGIN + if number % 2 == 0 { 10 * DAY } else { 60 * DAY };
        written.push(line(number, 1, again, again, MoveKind::Entered, ("consideration", "cart")));
    }
    rows.write(written).await;
    let found = rows.look(DiscoverySettings::default(), question()).await.unwrap();
    assert_eq!(found.chain.weakest.as_deref(), Some("pay"));
    assert_eq!(found.chain.links[0].moments, 60);
    let cart = found.opportunities.iter().find(|one| one.touchpoint == "cart").unwrap();
    assert_eq!((cart.visits, cart.return_share), (60, 0.5));
    assert!(cart.pull.unwrap() > 0.5, "{cart:?}");
    // Before the window is over, nobody knows who comes again.
    let clock = Arc::new(ManualClock::new(Timestamp(BEGIN + DAY)));
    let discovery = Discovery::new(rows.store.clone(), DiscoverySettings::default(), clock);
    let place = discovery.place().unwrap();
    let early = discovery.discover(&shop(), question(), place, |_: LookProgress| true).await.unwrap();
    assert!(early.opportunities.iter().all(|one| one.return_share == 1.0), "{:?}", early.opportunities);
}

async fn moves_go_where_their_customer_goes(dsn: Dsn) {
    let rows = Rows::on(&dsn).await;
    rows.write(vec![
        line(1, 1, BEGIN, BEGIN, MoveKind::Entered, ("consideration", "cart")),
        line(2, 1, BEGIN, BEGIN, MoveKind::Entered, ("consideration", "cart")),
    ])
    .await;
    // A batch that is written again changes nothing.
    rows.write(vec![line(2, 1, BEGIN, BEGIN, MoveKind::Entered, ("consideration", "cart"))]).await;
    let began = question().began;
    assert_eq!(rows.store.count_moves(&shop(), &began).await.unwrap(), 2);
    let stranger = WorkspaceId::try_new("hotel").unwrap();
    assert_eq!(rows.store.count_moves(&stranger, &began).await.unwrap(), 0);
    assert!(rows.store.moves(&stranger, &began, None, 10).await.unwrap().moves.is_empty());
    let (loser, survivor) = (owner(1).customer, owner(2).customer);
    rows.write(vec![Row::Merged(MergedRow { workspace: shop(), loser, survivor })]).await;
    let moves = rows.store.moves(&shop(), &began, None, 10).await.unwrap().moves;
    assert!(moves.len() == 2 && moves.iter().all(|one| one.owner.customer == survivor), "{moves:?}");
    let tx = rows.database.begin().await.unwrap();
    rows.store.purge(&tx, &shop(), survivor).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        rows.store.count_moves(&shop(), &began).await.unwrap(),
        0,
        "nothing is left of an erased customer"
    );
}

/// The schema as it was while each line was a row.
struct LineByLine;

#[async_trait::async_trait]
impl MigratorTrait for LineByLine {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let all = Migrator::migrations().into_iter();
        all.take_while(|migration| migration.name() != "journeys_0007_packed_moves").collect()
    }
}

async fn lines_are_packed_when_the_schema_changes(dsn: Dsn) {
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<LineByLine>().await.unwrap();
    let tx = database.begin().await.unwrap();
    let (instance, customer) = (Uuid::from_u128(7), Uuid::from_u128(1));
    execute(
        &tx,
        "INSERT INTO journey_instances (workspace, instance_id, customer_id, journey, correlation_key, state, stage, \
         touchpoint, entered_at, moved_at) VALUES ('shop', $1, $2, 'order', '', 'active', 'cart', '', 5, 6)",
        [instance.into(), customer.into()],
    )
    .await
    .unwrap();
    for (sequence, kind) in [(1_i64, "entered"), (2, "forward")] {
        execute(
            &tx,
            "INSERT INTO journey_moves (workspace, instance_id, sequence, customer_id, journey, began_at, at, \
             occurred_at, kind, stage, touchpoint, carried) VALUES ('shop', $1, $2, $3, 'order', 4, 5, 4, $4, \
             'the \"big\" cart', '', '{\"properties.device\":\"mobile\"}')",
            [instance.into(), sequence.into(), customer.into(), kind.into()],
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();

    database.migrate::<Migrator>().await.unwrap();
    let store = Store::new(database);
    let (found, moves) = store.journey_instance(&shop(), instance).await.unwrap().unwrap();
    assert_eq!(found.began_at, Some(Timestamp(4)));
    assert_eq!(
        moves.iter().map(|one| (one.sequence, one.kind)).collect::<Vec<_>>(),
        [(1, MoveKind::Entered), (2, MoveKind::Forward)]
    );
    assert_eq!((moves[0].stage.as_str(), moves[0].at), ("the \"big\" cart", Timestamp(5)));
    assert_eq!(moves[1].carried["properties.device"], "mobile");
}

macro_rules! on_both {
    ($($test:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $sqlite() {
            let folder = tempfile::tempdir().unwrap();
            $test(Dsn::Sqlite(folder.path().join("journeys.db"))).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $postgres() {
            if let Some(database) = elate_testkit::postgres::database().await {
                $test(database.url().parse().unwrap()).await;
            }
        }
    )+};
}

on_both! {
    a_broken_link_is_found_and_dated: a_broken_link_on_sqlite, a_broken_link_on_postgres;
    links_know_who_came_again: links_on_sqlite, links_on_postgres;
    moves_go_where_their_customer_goes: moves_on_sqlite, moves_on_postgres;
    instances_without_moves_are_told_of: untold_on_sqlite, untold_on_postgres;
    lines_are_packed_when_the_schema_changes: packed_on_sqlite, packed_on_postgres;
}
