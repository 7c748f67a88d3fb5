//! The same with states that are durable: a row a customer in a SQLite file, as the journeys service keeps them.
//!
//! Each worker has a part of the customers. It takes a micro-batch of events through the patterns and writes the states
//! that were touched, with how far it has come, in one transaction that is on disk (`synchronous=FULL`) before the
//! next batch begins. Both workers share the file's one writer. What is open at the end is ended from what the file
//! says, read by a connection that was opened after all others were closed: were a state lost, counts would differ.

use std::collections::HashMap;
use std::error::Error;

use elate_patterns::{PatternSet, SetState};
use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Database, Dsn, Options, execute, query_all};

use crate::runs::{self, BATCH, Id, Plan, Worker};
use crate::workload::{Event, Sum};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// All events from the first to the last match; the sums by pattern.
pub(crate) fn run(set: &PatternSet, events: &[Event], plan: Plan) -> Outcome<Vec<Sum>> {
    let folder = tempfile::tempdir()?;
    let dsn: Dsn = format!("sqlite://{}", folder.path().join("states.db").display()).parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(create(&dsn))?;
    let database = runtime.block_on(Database::connect(&dsn, &Options::default()))?;
    let turn = std::sync::Mutex::new(());
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.threads)
            .map(|part| {
                let (database, handle, turn) = (&database, runtime.handle(), &turn);
                scope.spawn(move || {
                    let mut worker = Worker::new(set, plan);
                    follow(&mut worker, events, part, plan.threads, |rows| {
                        // nobody waits for the writer within the pool, whose patience is short
                        let _turn = turn.lock();
                        handle.block_on(commit(database, part, rows))
                    })?;
                    Ok::<_, Box<dyn Error + Send + Sync>>(worker.sums)
                })
            })
            .collect();
        let joined = workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker panicked")?);
        joined.collect::<Outcome<Vec<_>>>()
    })?;
    runtime.block_on(database.close())?;
    let ended = runtime.block_on(end(&dsn, set, plan))?;
    let parts = parts.into_iter().chain([ended]).collect();
    Ok(runs::total(parts, plan.patterns))
}

/// One worker's events; `commit` gets what each batch has changed.
fn follow(
    worker: &mut Worker<'_>,
    events: &[Event],
    part: usize,
    parts: usize,
    mut commit: impl FnMut(Vec<(Id, Vec<u8>)>) -> Outcome<()>,
) -> Outcome<()> {
    // what was committed stays in memory too, as in the service: the file is read after a restart only
    let mut states: HashMap<Id, (SetState<u32>, usize)> = HashMap::new();
    for (number, batch) in events.chunks(BATCH * parts).enumerate() {
        let number = number + 1;
        let mut touched = Vec::new();
        for event in batch.iter().filter(|event| runs::is_of(event, part, parts)) {
            let (state, last) = states.entry(event.id).or_default();
            if *last != number {
                *last = number;
                touched.push(event.id);
            }
            worker.event(state, event);
        }
        let rows = touched.iter().filter_map(|id| Some((*id, runs::write(&states.get(id)?.0))));
        commit(rows.collect())?;
    }
    Ok(())
}

async fn create(dsn: &Dsn) -> Outcome<()> {
    let database = Database::connect(dsn, &Options::default()).await?;
    let tx = database.begin().await?;
    let customer = "CREATE TABLE customer (id BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID";
    let progress = "CREATE TABLE progress (part BIGINT PRIMARY KEY, batches BIGINT NOT NULL)";
    for table in [customer, progress] {
        execute(&tx, table, []).await?;
    }
    tx.commit().await?;
    Ok(database.close().await?)
}

async fn commit(database: &Database, part: usize, rows: Vec<(Id, Vec<u8>)>) -> Outcome<()> {
    let (ids, states): (Vec<_>, Vec<_>) = rows.into_iter().map(|(id, state)| (id.to_vec(), state)).unzip();
    let tx = database.begin().await?;
    let progress = "INSERT INTO progress (part, batches) VALUES ($1, 1)
        ON CONFLICT (part) DO UPDATE SET batches = batches + 1";
    execute(&tx, progress, [(part as i64).into()]).await?;
    let update = Conflict::Do("(id) DO UPDATE SET state = excluded.state");
    Rows::new().bytes("id", ids).bytes("state", states).insert(&tx, "customer", update).await?;
    Ok(tx.commit().await?)
}

/// Time runs out for everybody whose state is in the file.
async fn end(dsn: &Dsn, set: &PatternSet, plan: Plan) -> Outcome<Vec<Sum>> {
    let database = Database::connect(dsn, &Options::default()).await?;
    let mut worker = Worker::new(set, plan);
    for row in query_all(database.read(), "SELECT state FROM customer", []).await? {
        let state: Vec<u8> = row.try_get("", "state")?;
        worker.end_of(runs::read(&state));
    }
    database.close().await?;
    Ok(worker.sums)
}
