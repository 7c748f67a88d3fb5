//! What the use-cases answer from the stored rows, on both kinds of database.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "common/events.rs"]
mod events;

use elate_consumer::{Effects, Input, Processor, ProcessorStore};
use elate_delight::survey::Nps;
use elate_delight::{DelightParams, Moment};
use elate_domain::system::{CaseChanged, MomentJudged, name};
use elate_domain::{
    CaseState, CustomerId, EventType, Offset, Partition, RawJson, Record, Timestamp, WorkspaceId,
};
use elate_feedback::stats::{Measure, Tally};
use elate_scoring::app::{App, Error, GroupBy, Period};
use elate_scoring::model::Scoring;
use elate_scoring::model::rows::Row;
use elate_scoring::model::state::{CustomerState, PartitionState};
use elate_scoring::store::{FeedbackSelection, Migrator, Store};
use elate_storage::{Database, Dsn, Options, execute};
use events::DAY;

struct Shop {
    database: Database,
    store: Store,
    app: App,
    workspace: WorkspaceId,
    customer: CustomerId,
    state: CustomerState,
    offset: u64,
}

impl Shop {
    async fn on(dsn: Dsn) -> Self {
        let database = Database::connect(&dsn, &Options::default()).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        let store = Store::new(database.clone());
        Self {
            app: App::new(store.clone()),
            store,
            database,
            workspace: WorkspaceId::try_new("shop").unwrap(),
            customer: CustomerId(uuid::Uuid::from_u128(7)),
            state: CustomerState::default(),
            offset: 0,
        }
    }

    /// Runs an event through the step function and writes what comes of it.
    async fn take(&mut self, event_type: EventType, name: &str, at: i64, properties: RawJson) {
        self.offset += 1;
        let event = events::event(&self.workspace, self.customer, event_type, name, at, properties);
        let received_at = Timestamp(at);
        let record =
            Record { partition: Partition(0), offset: Offset(self.offset), received_at, event: None };
        let mut effects = Effects::default();
        let input = Input::Record { record: &record, event: &event };
        Scoring.step(&PartitionState::default(), &mut self.state, input, &mut effects).unwrap();
        self.write(effects.rows).await;
    }

    async fn write(&self, rows: Vec<Row>) {
        let tx = self.database.begin().await.unwrap();
        self.store.write(&tx, rows).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn moment(&mut self, id: &str, touchpoint: &str, at: i64, gap: f64, revision: u32) {
        let judged = MomentJudged {
            revision,
            product: String::new(),
            provisional: revision == 0 && gap <= -1.0,
            because: vec![format!("because-{id}")],
            ..events::judged(id, touchpoint, at, gap)
        };
        self.take(EventType::System, name::MOMENT_JUDGED, at, RawJson::of(&judged)).await;
    }

    async fn case(&mut self, id: &str, state: CaseState, opened_at: i64, at: i64) {
        let case = CaseChanged {
            case_id: id.to_owned(),
            journey: "gift-order".to_owned(),
            touchpoint: "delivery".to_owned(),
            key: String::new(),
            state,
            moment_id: "a".to_owned(),
            opened_at: Timestamp(opened_at),
            play: None,
            held_out: false,
            better_at: None,
            reason: String::new(),
        };
        self.take(EventType::System, name::CASE_CHANGED, at, RawJson::of(&case)).await;
    }
}

/// The same test on SQLite and on PostgreSQL, as far as it is there.
async fn on_both<F, T>(test: F)
where
    F: Fn(Shop) -> T,
    T: Future<Output = ()>,
{
    let folder = tempfile::tempdir().unwrap();
    test(Shop::on(Dsn::Sqlite(folder.path().join("scoring.db"))).await).await;
    if let Some(database) = elate_testkit::postgres::database().await {
        test(Shop::on(Dsn::Postgres(database.url().to_owned())).await).await;
    }
}

#[tokio::test]
async fn the_stored_score_equals_the_carried_one_at_any_time() {
    on_both(|mut shop| async move {
        shop.moment("a", "delivery", DAY, -1.0, 0).await;
        shop.moment("a", "delivery", 2 * DAY, -3.0, 1).await;
        shop.moment("b", "support", 4 * DAY, 2.0, 0).await;
        let params = DelightParams::default();

        let now = Timestamp(6 * DAY);
        let score = shop.app.score(&shop.workspace, shop.customer, now, now).await.unwrap();
        assert!((score.delight - shop.state.delight.delight(&params, now)).abs() < 1e-9);
        assert_eq!(score.moments, 2);

        // Before the revision was known, the first judgement counts; with what is known now, the second.
        let then = Timestamp(DAY + 1000);
        let as_known = shop.app.score(&shop.workspace, shop.customer, then, then).await.unwrap();
        let moment = Moment { id: "a".to_owned(), at: Timestamp(DAY), offset: 1, gap: -1.0, weight: 1.0 };
        let expected = elate_delight::score::batch::score(&params, &[moment], then);
        assert!((as_known.delight - expected).abs() < 1e-9);
        let missing = shop.app.score(&shop.workspace, shop.customer, Timestamp(0), Timestamp(0)).await;
        assert!(matches!(missing, Err(Error::NoMoments(_))), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn contributions_add_up_and_name_the_events_behind_them() {
    on_both(|mut shop| async move {
        shop.moment("a", "delivery", DAY, -2.0, 0).await;
        shop.moment("b", "support", 4 * DAY, 2.0, 0).await;
        shop.moment("c", "unboxing", 5 * DAY, 0.2, 0).await;
        let now = Timestamp(6 * DAY);
        let explained = shop.app.explain(&shop.workspace, shop.customer, now, now).await.unwrap();
        let points: f64 = explained.contributions.iter().map(|c| c.points).sum();
        assert!((points - (explained.score.delight - 50.0)).abs() < 1e-9);
        assert_eq!(explained.levers[0].stored.moment.id, "a");
        assert!(explained.levers[0].if_neutral > explained.score.delight);
        let because: Vec<_> = explained.contributions.iter().flat_map(|c| c.stored.because.clone()).collect();
        assert!(because.contains(&"because-a".to_owned()), "{because:?}");
    })
    .await;
}

#[tokio::test]
async fn a_report_counts_each_moment_once_whatever_was_revised() {
    on_both(|mut shop| async move {
        shop.take(EventType::Track, "Order Placed", DAY, RawJson::default()).await;
        shop.moment("a", "delivery", DAY, -1.0, 0).await;
        shop.moment("a", "delivery", DAY, -3.0, 1).await;
        shop.moment("b", "support", 2 * DAY, 2.0, 0).await;
        shop.case("k", CaseState::Open, DAY, DAY).await;
        shop.case("k", CaseState::Recovered, DAY, 2 * DAY).await;
        let period = Period::try_new(Timestamp(0), Timestamp(8 * DAY)).unwrap();
        let now = Timestamp(8 * DAY);
        let report = shop.app.report(&shop.workspace, period, GroupBy::Touchpoint, now).await.unwrap();
        assert_eq!(report.active_customers, 1);
        let names: Vec<_> = report.groups.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["delivery", "support"]);
        let delivery = &report.groups[0];
        assert_eq!((delivery.outcomes.miserable, delivery.outcomes.total()), (1, 1));
        assert!((delivery.mean_gap.map_or(-3.0, |gap| gap.value) + 3.0).abs() < 1e-9);
        // Within the error of the sketch, one in a hundred.
        assert!((delivery.hours_to_recovery.unwrap().value - 24.0).abs() <= 0.24);
        let wows = report.groups[1].wow_rate.unwrap();
        // One wow, one active customer, eight days.
        assert!((wows.value - 1000.0 / (8.0 / 7.0)).abs() < 1e-9, "{}", wows.value);

        let company = shop.app.report(&shop.workspace, period, GroupBy::Company, now).await.unwrap();
        assert_eq!(company.groups.len(), 1);
        assert_eq!(company.groups[0].outcomes.total(), 2);
        let elsewhere = WorkspaceId::try_new("other").unwrap();
        let other = shop.app.report(&elsewhere, period, GroupBy::Touchpoint, now).await.unwrap();
        assert!(other.groups.is_empty() && other.active_customers == 0);
    })
    .await;
}

#[tokio::test]
async fn answers_count_once_and_give_intervals() {
    on_both(|mut shop| async move {
        for (id, score) in [("s1", 10), ("s2", 9), ("s3", 3), ("s3", 3)] {
            let json = format!(r#"{{"kind":"nps","score":{score},"submission_id":"{id}"}}"#);
            let properties = RawJson::from_trusted(json.into_bytes());
            shop.take(EventType::Track, "Survey Answered", DAY, properties).await;
        }
        let all = FeedbackSelection::default();
        let (tally, figure) = shop.app.feedback().figure(&shop.workspace, Measure::Nps, &all).await.unwrap();
        assert_eq!(tally, Tally::Nps(Nps { promoters: 2, passives: 0, detractors: 1 }));
        let figure = figure.unwrap();
        assert!((figure.value - 100.0 / 3.0).abs() < 1e-9);
        assert!(figure.interval.low < figure.value && figure.value < figure.interval.high);
        assert!(figure.small_sample);
    })
    .await;
}

/// As it stood before there was one table of answers.
const OLDER: &[&str] = &[
    "DELETE FROM seaql_migrations WHERE version = 'm20261123_one_table_of_answers'",
    "CREATE TABLE answer (
        workspace TEXT NOT NULL, submission TEXT NOT NULL, customer uuid NOT NULL, kind TEXT NOT NULL,
        survey TEXT NOT NULL, touchpoint TEXT NOT NULL, score DOUBLE PRECISION NOT NULL,
        occurred_at BIGINT NOT NULL, PRIMARY KEY (workspace, submission))",
];

#[tokio::test]
async fn answers_of_the_older_table_are_taken_over_once() {
    on_both(|mut shop| async move {
        let answer = RawJson::of(&serde_json::json!({"kind": "nps", "score": 9, "submission_id": "both"}));
        shop.take(EventType::Track, "Survey Answered", DAY, answer).await;
        shop.take(
            EventType::Track,
            "Survey Answered",
            2 * DAY,
            RawJson::of(&serde_json::json!({"kind": "nps", "score": 0, "survey": "q"})),
        )
        .await;
        let tx = shop.database.begin().await.unwrap();
        for sql in OLDER {
            execute(&tx, sql, []).await.unwrap();
        }
        // The first two are known; one of them by another id, as it had none of its own.
        for (id, kind, score, at) in [
            ("both", "nps", 9.0, DAY),
            ("site:x", "nps", 0.0, 2 * DAY),
            ("old", "nps", 10.0, DAY),
            ("half", "ces", 2.5, DAY),
        ] {
            let sql = "INSERT INTO answer VALUES ('shop', $1, $2, $3, 'q', 'delivery', $4, $5)";
            let values = [id.into(), shop.customer.0.into(), kind.into(), score.into(), at.into()];
            execute(&tx, sql, values).await.unwrap();
        }
        tx.commit().await.unwrap();
        shop.database.migrate::<Migrator>().await.unwrap();
        let all = FeedbackSelection::default();
        let (tally, _) = shop.app.feedback().figure(&shop.workspace, Measure::Nps, &all).await.unwrap();
        assert_eq!(tally, Tally::Nps(Nps { promoters: 2, passives: 0, detractors: 1 }));
        let of_survey = FeedbackSelection { survey: "q".to_owned(), ..all };
        let (page, _) = shop.app.feedback().list(&shop.workspace, &of_survey, None, 10).await.unwrap();
        let found: Vec<_> =
            page.iter().map(|one| (one.record.submission_id.as_str(), one.customer)).collect();
        assert_eq!((found.len(), found[1]), (2, ("old", shop.customer)), "{found:?}");
        assert_eq!(page[1].record.touchpoint, "delivery");
        // It is the answer that its event would make: the event once more changes nothing.
        let again = serde_json::json!({"kind": "nps", "score": 10, "submission_id": "old", "survey": "q"});
        shop.take(EventType::Track, "Survey Answered", DAY, RawJson::of(&again)).await;
        let (tally, _) = shop.app.feedback().figure(&shop.workspace, Measure::Nps, &of_survey).await.unwrap();
        assert_eq!(tally.answers(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_erased_customer_leaves_sums_and_nothing_else() {
    on_both(|mut shop| async move {
        shop.take(EventType::Track, "Order Placed", DAY, RawJson::default()).await;
        shop.moment("a", "delivery", DAY, -1.0, 0).await;
        let tx = shop.database.begin().await.unwrap();
        let purged = shop.store.purge(&tx, &shop.workspace, shop.customer).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(purged, 2, "a moment and a score");
        let scores = shop.app.list(&shop.workspace, None, None, 10).await.unwrap();
        assert!(scores.is_empty());
        let period = Period::try_new(Timestamp(0), Timestamp(2 * DAY)).unwrap();
        let sums =
            shop.app.report(&shop.workspace, period, GroupBy::Company, Timestamp(2 * DAY)).await.unwrap();
        assert_eq!(sums.groups[0].outcomes.miserable, 1, "anonymous sums stay");
    })
    .await;
}

#[tokio::test]
async fn pages_of_scores_neither_skip_nor_repeat() {
    on_both(|mut shop| async move {
        for n in 0..7_u32 {
            shop.customer = CustomerId(uuid::Uuid::from_u128(u128::from(n) + 1));
            shop.state = CustomerState::default();
            shop.moment(&format!("m{n}"), "delivery", DAY, f64::from(n % 3) - 1.0, 0).await;
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = shop.app.list(&shop.workspace, None, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.delight, last.customer));
            seen.extend(page.iter().map(|s| (s.delight, s.customer)));
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    })
    .await;
}
