//! What a company report costs over three sizes, each ten times the one before, up to a million customers with ten
//! moments each; and how many moments a second go into the rollups. The raw limit beside the report counts the scores.
//!
//! `cargo bench -p elate-scoring --bench report`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::time::{Duration, Instant};

use elate_consumer::ProcessorStore;
use elate_delight::DelightParams;
use elate_delight::score::Level;
use elate_domain::{CustomerId, Outcome, Timestamp, Truth, WorkspaceId};
use elate_scoring::app::{App, Bucket, GroupBy, Period, Question};
use elate_scoring::model::rows::{Row, ScoreRow};
use elate_scoring::model::segments::Segment;
use elate_scoring::model::sums::{Counts, Link, SumsRow};
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options, query_one};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const OF_EACH: u64 = 10;
/// Rows of one transaction, as in a batch of the consumer.
const BATCH: usize = 16_384;
const DAYS: i64 = 90;
const DAY: i64 = 86_400_000;

fn customer(number: u64) -> CustomerId {
    CustomerId(uuid::Uuid::from_u128(u128::from(number + 1) << 64 | 7))
}

fn segments(number: u64) -> Vec<Segment> {
    let value = ["free", "pro", "(other)", "(none)"][(number % 4) as usize].to_owned();
    vec![Segment { trait_name: "plan".to_owned(), value }]
}

/// What the moments of a customer write, his activity and score included.
fn rows(workspace: &WorkspaceId, number: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for moment in 0..OF_EACH {
        let place = (number * OF_EACH + moment).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        let gap = (place % 801) as f64 / 100.0 - 4.0;
        let outcome = match gap {
            g if g >= 1.0 => Outcome::Magical,
            g if g <= -1.0 => Outcome::Miserable,
            _ => Outcome::Neutral,
        };
        let touchpoint = format!("touchpoint-{}", place % 30);
        let link = Link {
            day: (place / 30) as i64 % DAYS,
            journey: format!("journey-{}", place % 3),
            stage: "use".to_owned(),
            product: format!("product-{}", place % 6),
            channel: "web".to_owned(),
            touchpoint,
        };
        let counts = Counts::of(outcome, Truth::Smot, gap);
        let (workspace, segments) = (workspace.clone(), segments(number));
        let day = link.day;
        rows.push(Row::Sums(SumsRow {
            workspace: workspace.clone(),
            link,
            segments: segments.clone(),
            counts,
            wow: None,
        }));
        rows.push(Row::Active { workspace, day, customer: customer(number), segments });
    }
    let level = Level {
        at: Timestamp(DAYS * DAY),
        numerator: (number % 17) as f64 - 8.0,
        mass: 10.0,
        weight: 5.0,
        weight_squared: 4.0,
    };
    rows.push(Row::Score(ScoreRow {
        workspace: workspace.clone(),
        customer: customer(number),
        formula: 0,
        level,
        delight: level.delight(&DelightParams::default(), level.at),
        moments: OF_EACH,
        last_wow: Some(Timestamp((number % 90) as i64 * DAY)),
        segments: segments(number),
    }));
    rows
}

async fn fill(database: &Database, store: &Store, workspace: &WorkspaceId, customers: u64) -> Duration {
    let mut spent = Duration::ZERO;
    let mut batch = Vec::new();
    for number in 0..customers {
        batch.extend(rows(workspace, number));
        if batch.len() >= BATCH || number + 1 == customers {
            let begin = Instant::now();
            let tx = database.begin().await.unwrap();
            store.write(&tx, std::mem::take(&mut batch)).await.unwrap();
            tx.commit().await.unwrap();
            spent += begin.elapsed();
        }
    }
    spent
}

async fn measure(customers: u64) {
    let folder = tempfile::tempdir().unwrap();
    let dsn = Dsn::Sqlite(folder.path().join("scoring.db"));
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let store = Store::new(database.clone());
    let workspace = WorkspaceId::try_new("shop").unwrap();
    let filled = fill(&database, &store, &workspace, customers).await;
    let moments = customers * OF_EACH;
    println!("{customers} customers, {moments} moments");
    println!("  into rollups, scores, activity  {:>10.0} moments/s", moments as f64 / filled.as_secs_f64());

    let app = App::new(store);
    let now = Timestamp(DAYS * DAY + 3_600_000 + 6 * 60_000);
    let begin = Instant::now();
    app.close_due(now).await.unwrap();
    println!("  close of an hour                {:>10.1} ms", millis(begin));

    let begin = Instant::now();
    let sql = "SELECT count(*) AS n FROM score WHERE workspace = $1";
    query_one(database.read(), sql, [workspace.as_str().into()]).await.unwrap().unwrap();
    println!("  raw limit: count of scores      {:>10.1} ms", millis(begin));

    let period = Period::try_new(Timestamp(0), Timestamp(DAYS * DAY)).unwrap();
    let begin = Instant::now();
    app.report(&workspace, period, GroupBy::Touchpoint, now).await.unwrap();
    println!("  report by touchpoint            {:>10.1} ms", millis(begin));
    for (name, by, bucket, trait_name) in [
        ("figures by segment and week ", GroupBy::Segment, Bucket::Week, "plan"),
        ("figures by touchpoint, month", GroupBy::Touchpoint, Bucket::Month, ""),
    ] {
        let (trait_name, empty) = (trait_name.to_owned(), String::new);
        let question = Question {
            period,
            by,
            bucket,
            trait_name,
            value: empty(),
            journey: empty(),
            touchpoint: empty(),
        };
        let begin = Instant::now();
        let rows = app.figures(&workspace, &question).await.unwrap();
        println!("  {name}    {:>10.1} ms, {} rows", millis(begin), rows.len());
    }
}

fn millis(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for customers in SIZES {
        runtime.block_on(measure(customers));
    }
}
