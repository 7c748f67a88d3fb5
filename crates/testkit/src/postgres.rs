//! A fresh PostgreSQL database for each test.

use crate::environment::{setting_or_skip, unique_name};
use sqlx::{Connection, Executor, PgConnection};

/// The URL of a superuser on the server that tests may use.
pub const POSTGRES_URL: &str = "ELATE_TEST_POSTGRES_URL";

/// A database of the test's own, empty, on the shared test server.
///
/// It is not dropped at the end: the server itself is thrown away with its data folder, and after a failed test
/// a developer's server (`scripts/services.sh start`) still holds the evidence.
#[derive(Debug, Clone)]
pub struct Database {
    name: String,
    url: String,
}

impl Database {
    /// The database's name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `postgres://user:password@host:port/name`, with a user who may do everything.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Creates a database. `None`, after a line that says so, where there is no server.
///
/// # Panics
/// When the server is named but does not answer, or is required and not named.
pub async fn database() -> Option<Database> {
    let server = setting_or_skip(POSTGRES_URL, "PostgreSQL")?;
    Some(create_on(&server).await)
}

/// Creates a database on the server of `server_url`, a superuser's URL.
///
/// # Panics
/// When the server refuses.
pub async fn create_on(server_url: &str) -> Database {
    let name = unique_name("t");
    Database { url: create_named(server_url, &name).await, name }
}

/// Creates a database of this name on the server of `server_url`, a superuser's URL, and returns the database's URL.
///
/// # Panics
/// When the server refuses, also because there is one of that name.
pub async fn create_named(server_url: &str, name: &str) -> String {
    let mut connection =
        PgConnection::connect(server_url).await.expect("PostgreSQL for tests does not answer");
    // template0 takes no connections, so concurrent tests cannot block each other's CREATE DATABASE.
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
    connection.execute(sqlx::AssertSqlSafe(statement)).await.expect("create a test database");
    connection.close().await.expect("close the connection that created the database");
    with_name(server_url, name)
}

/// Replaces the database in a PostgreSQL URL; query parameters stay.
#[must_use]
pub fn with_name(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let authority_start = base.find("://").map_or(0, |at| at + 3);
    let authority_end = base[authority_start..].find('/').map_or(base.len(), |at| authority_start + at);
    let mut replaced = format!("{}/{name}", &base[..authority_end]);
    if let Some(query) = query {
        replaced.push('?');
        replaced.push_str(query);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::{database, with_name};
    use sqlx::{Connection, PgConnection};

    #[test]
    fn the_database_is_replaced_in_every_form_of_url() {
        for (url, expected) in [
            ("postgres://u:p@h:1/old", "postgres://u:p@h:1/new"),
            ("postgres://u:p@h:1", "postgres://u:p@h:1/new"),
            ("postgres://u@h/old?sslmode=disable", "postgres://u@h/new?sslmode=disable"),
        ] {
            assert_eq!(with_name(url, "new"), expected);
        }
    }

    #[tokio::test]
    async fn two_databases_are_apart() {
        let (Some(one), Some(two)) = (database().await, database().await) else { return };
        let mut first = PgConnection::connect(one.url()).await.expect("connect");
        let mut second = PgConnection::connect(two.url()).await.expect("connect");
        sqlx::query("CREATE TABLE seen (id int)").execute(&mut first).await.expect("create");
        let found: Option<String> =
            sqlx::query_scalar("SELECT to_regclass('seen')::text").fetch_one(&mut second).await.expect("ask");
        assert_eq!(found, None);
    }
}
