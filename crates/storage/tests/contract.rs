//! What the crate promises, on both backends.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use elate_storage::bulk::{Conflict, Rows};
use elate_storage::{Backend, Database, Dsn, Error, Options, execute, query_all, query_one};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First)]
    }
}

#[derive(DeriveMigrationName)]
struct First;

#[async_trait::async_trait]
impl MigrationTrait for First {
    #[allow(elided_lifetimes_in_paths, reason = "the trait spells it so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes) = match manager.get_database_backend() {
            Backend::Sqlite => ("BLOB", "BLOB"),
            _ => ("UUID", "BYTEA"),
        };
        let sql = format!(
            "CREATE TABLE thing (id {uuid} PRIMARY KEY, n BIGINT NOT NULL, x DOUBLE PRECISION, t TEXT, b {bytes}, f BOOLEAN)"
        );
        manager.get_connection().execute_unprepared(&sql).await.map(|_| ())
    }
}

async fn databases() -> (tempfile::TempDir, Vec<Database>) {
    let folder = tempfile::tempdir().unwrap();
    let mut dsns = vec![Dsn::Sqlite(folder.path().join("deep/test.db"))];
    if let Some(postgres) = elate_testkit::postgres::database().await {
        dsns.push(Dsn::Postgres(postgres.url().to_owned()));
    }
    let mut databases = Vec::new();
    for dsn in dsns {
        databases.push(Database::connect(&dsn, &Options::default()).await.unwrap());
    }
    (folder, databases)
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

#[tokio::test]
async fn migrations_are_waited_for_and_run_once() {
    let (_folder, databases) = databases().await;
    for db in databases {
        let waited = db.wait_for_migrations::<Migrator>(Duration::from_millis(1)).await;
        assert!(matches!(waited, Err(Error::NotMigrated(_))), "{waited:?}");
        let (one, two) = tokio::join!(db.migrate::<Migrator>(), db.migrate::<Migrator>());
        one.unwrap();
        two.unwrap();
        db.wait_for_migrations::<Migrator>(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test]
async fn rows_go_in_and_come_out_whatever_their_number() {
    let (_folder, databases) = databases().await;
    for db in databases {
        db.migrate::<Migrator>().await.unwrap();
        let tx = db.begin().await.unwrap();
        let n = 3_001_usize;
        let rows = Rows::new()
            .uuid("id", (0..n).map(|i| id(i as u128)))
            .i64("n", (0..n).map(|i| i as i64))
            .f64_opt("x", (0..n).map(|i| (i % 2 == 0).then_some(i as f64 / 2.0)))
            .text_opt("t", (0..n).map(|i| (i % 3 == 0).then(|| i.to_string())))
            .bytes("b", (0..n).map(|i| vec![i as u8]))
            .bool("f", (0..n).map(|i| i % 5 == 0));
        assert_eq!(rows.clone().insert(&tx, "thing", Conflict::Fail).await.unwrap(), n as u64);
        assert_eq!(rows.clone().insert(&tx, "thing", Conflict::Ignore).await.unwrap(), 0);
        let again =
            rows.insert_returning(&tx, "thing", Conflict::Do("(id) DO UPDATE SET n = thing.n + 1"), "n");
        assert_eq!(again.await.unwrap().len(), n);
        tx.commit().await.unwrap();

        let found = Rows::new()
            .uuid("id", [id(6), id(7), id(999_999)])
            .query(db.read(), "SELECT thing.n, thing.x, thing.t, thing.b, thing.f FROM v JOIN thing ON thing.id = v.id ORDER BY thing.n")
            .await
            .unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].try_get::<i64>("", "n").unwrap(), 7);
        assert_eq!(found[0].try_get::<Option<f64>>("", "x").unwrap(), Some(3.0));
        assert_eq!(found[0].try_get::<Option<String>>("", "t").unwrap().as_deref(), Some("6"));
        assert_eq!(found[1].try_get::<Option<f64>>("", "x").unwrap(), None);
        assert_eq!(found[1].try_get::<Vec<u8>>("", "b").unwrap(), vec![7]);
        assert!(!found[1].try_get::<bool>("", "f").unwrap());

        let tx = db.begin().await.unwrap();
        let update = Rows::new().uuid("id", [id(1), id(2)]).i64("n", [-1, -2]);
        let touched =
            update.execute(&tx, "UPDATE thing SET n = v.n FROM v WHERE thing.id = v.id").await.unwrap();
        assert_eq!(touched, 2);
        drop(tx);
        let row = query_one(db.read(), "SELECT min(n) AS n FROM thing WHERE n < $1", [100_i64.into()])
            .await
            .unwrap();
        assert_eq!(row.unwrap().try_get::<i64>("", "n").unwrap(), 1, "a dropped transaction rolls back");
    }
}

#[tokio::test]
async fn a_unique_key_is_told_from_a_passing_trouble() {
    let (_folder, databases) = databases().await;
    for db in databases {
        db.migrate::<Migrator>().await.unwrap();
        for expected in [true, false] {
            let tx = db.begin().await.unwrap();
            let done =
                execute(&tx, "INSERT INTO thing (id, n) VALUES ($1, $2)", [id(1).into(), 1_i64.into()]).await;
            assert_eq!(done.is_ok(), expected);
            match done {
                Ok(_) => tx.commit().await.unwrap(),
                Err(error) => assert!(error.is_unique_violation() && !error.is_transient(), "{error}"),
            }
        }
        let error = query_all(db.read(), "SELECT nothing FROM nowhere", []).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn writers_take_turns_and_readers_do_not_wait() {
    let (_folder, databases) = databases().await;
    for db in databases {
        db.migrate::<Migrator>().await.unwrap();
        let first = db.begin().await.unwrap();
        execute(&first, "INSERT INTO thing (id, n) VALUES ($1, 1)", [id(1).into()]).await.unwrap();
        let rows = query_all(db.read(), "SELECT n FROM thing", []).await.unwrap();
        assert!(rows.is_empty(), "what is not committed is not seen");
        first.commit().await.unwrap();
        let second = db.begin().await.unwrap();
        assert_eq!(query_all(&second, "SELECT n FROM thing", []).await.unwrap().len(), 1);
        assert!(db.now().await.unwrap() > 1_700_000_000_000);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_passing_trouble() {
    let port = elate_testkit::free_port();
    let dsn: Dsn = format!("postgres://nobody:secret@127.0.0.1:{port}/none").parse().unwrap();
    let options = Options { acquire_timeout: Duration::from_millis(300), ..Options::default() };
    let error = Database::connect(&dsn, &options).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}
