//! What it costs to compute another formula over the whole history, at three sizes, each ten times the one before, as the
//! service does it: read, computed under both formulas and kept in fenced batches, with progress; then compared. The raw
//! limit beside it reads the same moments and does nothing with them.
//!
//! `cargo bench -p elate-scoring --bench formula [-- --moments 10000000]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for the terminal"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use elate_consumer::memory::MemoryLog;
use elate_consumer::{Consumer, ProcessorStore};
use elate_delight::score::Level;
use elate_domain::system::MomentJudged;
use elate_domain::{CustomerId, ManualClock, Outcome, Partition, Stage, Timestamp, Truth, WorkspaceId};
use elate_manifest::spec;
use elate_scoring::app::App;
use elate_scoring::app::formula::{FORMULA_LANE, FormulaKeeper};
use elate_scoring::model::Scoring;
use elate_scoring::model::formula::{Formula, Formulas, FormulasRow};
use elate_scoring::model::rows::{MomentRow, Row, ScoreRow};
use elate_scoring::store::{Migrator, Store};
use elate_storage::{Database, Dsn, Options};
use tokio_util::sync::CancellationToken;

const MOST: u64 = 10_000_000;
const OF_EACH: u64 = 10;
const BATCH: usize = 16_384;
const HOUR: i64 = 3_600_000;
const NOW: Timestamp = Timestamp(90 * 24 * HOUR);

fn customer(number: u64) -> CustomerId {
    CustomerId(uuid::Uuid::from_u128(u128::from(number + 1) << 64 | 7))
}

fn moment(number: u64, place: u64) -> MomentJudged {
    let mixed = (number * OF_EACH + place).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    MomentJudged {
        moment_id: format!("{number}-{place}"),
        revision: 0,
        moment: "delivery".to_owned(),
        definitions_version: 1,
        truth: Truth::Smot,
        journey: "gift-order".to_owned(),
        stage: Stage::Use,
        touchpoint: "delivery".to_owned(),
        product: String::new(),
        channel: String::new(),
        key: String::new(),
        occurred_at: Timestamp(((mixed / 801) % 2_000) as i64 * HOUR),
        experienced: 0.0,
        expected: None,
        expectation: None,
        unit: "number".to_owned(),
        tolerance: 1.0,
        gap: (mixed % 801) as f64 / 100.0 - 4.0,
        outcome: Outcome::Neutral,
        weight: 1.0,
        provisional: false,
        promise_id: None,
        because: Vec::new(),
    }
}

/// The moments of a customer, and a score, which says that there are any.
fn rows(workspace: &WorkspaceId, number: u64) -> Vec<Row> {
    let moment = |place: u64| {
        Row::Moment(Box::new(MomentRow {
            workspace: workspace.clone(),
            customer: customer(number),
            offset: number * OF_EACH + place,
            known_at: NOW,
            judged: moment(number, place),
        }))
    };
    let mut rows: Vec<Row> = (0..OF_EACH).map(moment).collect();
    rows.push(Row::Score(ScoreRow {
        workspace: workspace.clone(),
        customer: customer(number),
        formula: 0,
        level: Level::default(),
        delight: 50.0,
        moments: OF_EACH,
        last_wow: None,
        segments: Vec::new(),
    }));
    rows
}

async fn fill(database: &Database, store: &Store, workspace: &WorkspaceId, customers: u64) {
    let declared: spec::DelightFormula =
        serde_json::from_value(serde_json::json!({"version": 2, "half_life": "14d", "peak": 1.0})).unwrap();
    let formulas = Formulas { candidates: vec![Formula::of("shorter", &declared)], ..Formulas::default() };
    let row = FormulasRow { workspace: workspace.clone(), definitions_version: 1, formulas };
    let mut batch = vec![Row::Formulas(Box::new(row))];
    for number in 0..customers {
        batch.extend(rows(workspace, number));
        if batch.len() >= BATCH || number + 1 == customers {
            let tx = database.begin().await.unwrap();
            store.write(&tx, std::mem::take(&mut batch)).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}

/// Reads all moments, a thousand customers at a time.
async fn read(store: &Store, workspace: &WorkspaceId) -> Duration {
    let (begin, mut after) = (Instant::now(), CustomerId::NONE);
    loop {
        let page = store.scored_after(workspace, None, after, 1_000).await.unwrap();
        let Some(last) = page.last().copied() else { return begin.elapsed() };
        std::hint::black_box(store.histories(workspace, after, last, NOW).await.unwrap());
        after = last;
    }
}

async fn measure(moments: u64) {
    let folder = tempfile::tempdir().unwrap();
    let dsn = Dsn::Sqlite(folder.path().join("scoring.db"));
    let database = Database::connect(&dsn, &Options::default()).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    let store = Store::new(database.clone());
    let workspace = WorkspaceId::try_new("shop").unwrap();
    fill(&database, &store, &workspace, moments / OF_EACH).await;

    let log = Arc::new(MemoryLog::new(1, NOW));
    let consumer = Consumer::builder(Arc::new(Scoring), Arc::new(store.clone()), database, log as _);
    let consumer = consumer.member("bench").build().unwrap();
    let (lane, ownership) = (consumer.lane(FORMULA_LANE), consumer.ownership());
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    while ownership.get(Partition(0)).is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let raw = read(&store, &workspace).await;
    let clock = Arc::new(ManualClock::new(NOW));
    let keeper = FormulaKeeper::new(store.clone(), lane, ownership, clock);
    let app = App::new(store);
    let begin = Instant::now();
    let (mut batches, mut longest, mut told) = (0_u64, Duration::ZERO, Instant::now());
    loop {
        let batch = Instant::now();
        if !keeper.step(&workspace).await.unwrap() {
            break;
        }
        batches += 1;
        longest = longest.max(batch.elapsed());
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            let run = app.formulas(&workspace).await.unwrap().pop().unwrap().run.unwrap();
            println!("  … {} of {} customers", run.customers, run.expected);
        }
    }
    let spent = begin.elapsed();
    let rate = |spent: Duration| moments as f64 / spent.as_secs_f64();
    let ratio = spent.as_secs_f64() / raw.as_secs_f64();
    println!("{moments:>10} moments: {:>9.0}/s, {ratio:.1} × raw ({:.0}/s read)", rate(spent), rate(raw));
    println!("  {batches} batches, the last one compares; the longest {:.0} ms", longest.as_secs_f64() * 1e3);
    let found = app.compare_formula(&workspace, 2, &[30.0, 50.0, 70.0], 10).await.unwrap();
    assert_eq!(found.summary.unwrap().customers, moments / OF_EACH);
    stop.cancel();
    running.await.unwrap().unwrap();
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--moments").skip(1);
    let most = arguments.next().map_or(MOST, |most| most.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for moments in [most / 100, most / 10, most] {
        runtime.block_on(measure(moments));
    }
}
