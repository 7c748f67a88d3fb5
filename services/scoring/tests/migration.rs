//! From the first schema, with rows in it, to the present one: what was counted before is counted after.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{DAY, customer, databases};
use elate_domain::{Timestamp, WorkspaceId};
use elate_scoring::app::{App, Bucket, GroupBy, Period, Question};
use elate_scoring::model::sketch::Durations;
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options, execute, query_all};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

const HOUR: i64 = 3_600_000;

/// The schema as it was first.
struct First;

impl MigratorTrait for First {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = Migrator::migrations();
        let first = all.iter().position(|one| one.name() == "m0001_scoring_tables").unwrap();
        all.truncate(first + 1);
        all
    }
}

/// Two days of a shop, as the first schema kept them; another workspace has one.
async fn fill(database: &Database) {
    let tx = database.begin().await.unwrap();
    for (workspace, day, touchpoint, magical, neutral, miserable, gap, gap_squared) in [
        ("shop", 10_i64, "delivery", 3_i64, 4_i64, 2_i64, 1.25, 30.5),
        ("shop", 10, "support", 0, 1, 0, 0.25, 0.0625),
        ("shop", 11, "delivery", 1, 0, 0, 2.0, 4.0),
        ("hotel", 10, "delivery", 9, 9, 9, 0.0, 99.0),
    ] {
        let sql = "INSERT INTO day_sums VALUES ($1, $2, 'gift-order', 'use', $3, 'parcel', 'web', $4, $5, $6, $7, $8)";
        let values: [elate_storage::Value; 8] = [
            workspace.into(),
            day.into(),
            touchpoint.into(),
            magical.into(),
            neutral.into(),
            miserable.into(),
            gap.into(),
            gap_squared.into(),
        ];
        execute(&tx, sql, values).await.unwrap();
    }
    for (workspace, day, number) in [("shop", 10_i64, 1), ("shop", 10, 2), ("shop", 11, 2), ("hotel", 10, 3)]
    {
        let values: [elate_storage::Value; 3] = [workspace.into(), day.into(), customer(number).0.into()];
        execute(&tx, "INSERT INTO activity VALUES ($1, $2, $3)", values).await.unwrap();
    }
    for (id, state, hours) in
        [("a", "recovered", 5), ("b", "lost", 30), ("c", "relapsed", 9), ("d", "acting", 0)]
    {
        let sql =
            "INSERT INTO recovery_case VALUES ('shop', $1, $2, 'gift-order', 'delivery', $3, $4, $5, false)";
        let opened = 10 * DAY + HOUR;
        let values: [elate_storage::Value; 5] =
            [id.into(), customer(1).0.into(), state.into(), opened.into(), (opened + hours * HOUR).into()];
        execute(&tx, sql, values).await.unwrap();
    }
    let sql = "INSERT INTO score VALUES ('shop', $1, $2, -1.5, 3.0, 1.0, 1.0, $3, 2)";
    let delight = 50.0 + 50.0 * -1.5 / 7.0;
    let values: [elate_storage::Value; 3] = [customer(1).0.into(), (10 * DAY).into(), delight.into()];
    execute(&tx, sql, values).await.unwrap();
    tx.commit().await.unwrap();
}

async fn what_was_counted_is_still_counted(dsn: Dsn) {
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<First>().await.unwrap();
    fill(&database).await;
    database.migrate::<Migrator>().await.unwrap();
    database.check_migrations::<Migrator>().await.unwrap();

    let app = App::new(Store::new(database.clone()));
    let shop = WorkspaceId::try_new("shop").unwrap();
    let period = Period::try_new(Timestamp(10 * DAY), Timestamp(12 * DAY)).unwrap();
    let question = Question {
        period,
        by: GroupBy::Touchpoint,
        bucket: Bucket::Whole,
        trait_name: String::new(),
        value: String::new(),
        journey: String::new(),
        touchpoint: String::new(),
    };
    let figures = app.figures(&shop, &question).await.unwrap();
    let of = |name: &str| figures.iter().find(|row| row.group == name).unwrap();
    let delivery = of("delivery");
    let counts = (delivery.outcomes.magical, delivery.outcomes.neutral, delivery.outcomes.miserable);
    assert_eq!(counts, (4, 4, 2));
    assert!((delivery.mean_gap.unwrap().value - 3.25 / 10.0).abs() < 1e-9, "{delivery:?}");
    assert_eq!(of("support").outcomes.total(), 1);
    // Three cases ended, one of them well, after five hours; the fourth is open.
    assert!((delivery.recovery_rate.unwrap().value - 1.0 / 3.0).abs() < 1e-9, "{delivery:?}");
    assert!((delivery.relapse_rate.unwrap().value - 1.0 / 3.0).abs() < 1e-9, "{delivery:?}");
    let hours = delivery.hours_to_recovery.unwrap().value;
    assert!((hours / 5.0 - 1.0).abs() <= Durations::ERROR, "{hours}");
    let report = app.report(&shop, period, GroupBy::Company, Timestamp(12 * DAY)).await.unwrap();
    assert_eq!((report.active_customers, report.groups[0].outcomes.total()), (2, 11));

    let scores = app.list(&shop, None, None, 10).await.unwrap();
    assert_eq!(
        (scores.len(), scores[0].customer, scores[0].formula, scores[0].moments),
        (1, customer(1), 1, 2)
    );
    for table in ["day_sums", "activity"] {
        let sql = format!("SELECT 1 AS one FROM {table}");
        assert!(query_all(database.read(), &sql, []).await.is_err(), "{table} is gone");
    }
}

#[tokio::test]
async fn what_was_counted_is_still_counted_on_both() {
    for (dsn, _) in databases(1, 1).await {
        what_was_counted_is_still_counted(dsn).await;
    }
}
