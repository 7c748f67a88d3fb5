//! Many rows in one statement, fast on both backends.
//!
//! [`Rows`] are columns of equal length that a statement sees as the table `v`:
//!
//! ```ignore
//! Rows::new()
//!     .uuid("id", ids)
//!     .i64("seen_at", times)
//!     .execute(&tx, "UPDATE device SET seen_at = v.seen_at FROM v WHERE device.id = v.id")
//!     .await?;
//! ```
//!
//! PostgreSQL gets each column as one array and unnests it; SQLite gets multi-row `VALUES`, in chunks whose sizes are
//! powers of two, so that at most a dozen texts of each statement are ever prepared. On SQLite a statement may
//! therefore run several times in the transaction: write statements that work on any part of the rows.

use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::Error;

/// SQLite refuses statements with more bound values (`SQLITE_MAX_VARIABLE_NUMBER`).
const SQLITE_MAX_VALUES: usize = 32_766;
/// More rows in one text gain nothing.
const SQLITE_MAX_ROWS: usize = 1_024;

/// A column of values of one type.
#[derive(Debug, Clone)]
enum Column {
    I64(Vec<i64>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Uuid(Vec<Uuid>),
}

/// A column, its name, and which of its values are null.
#[derive(Debug, Clone)]
struct Named {
    name: &'static str,
    values: Column,
    nulls: Option<Vec<bool>>,
}

/// Rows on their way to the server, as columns.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    columns: Vec<Named>,
}

/// What an insert does with a row whose key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The statement fails.
    Fail,
    /// The row is passed over.
    Ignore,
    /// What follows `ON CONFLICT`, e.g. `(id) DO UPDATE SET seen_at = excluded.seen_at`. No key twice in the rows.
    Do(&'static str),
}

macro_rules! column {
    ($(#[$doc:meta])* $method:ident, $optional:ident, $variant:ident, $type:ty) => {
        $(#[$doc])*
        #[must_use]
        pub fn $method(self, name: &'static str, values: impl IntoIterator<Item = $type>) -> Self {
            self.with(name, Column::$variant(values.into_iter().collect()), None)
        }
        $(#[$doc])*
        /// `None` is null.
        #[must_use]
        pub fn $optional(self, name: &'static str, values: impl IntoIterator<Item = Option<$type>>) -> Self {
            let values: Vec<Option<$type>> = values.into_iter().collect();
            let nulls = values.iter().map(Option::is_none).collect();
            let values = values.into_iter().map(Option::unwrap_or_default).collect();
            self.with(name, Column::$variant(values), Some(nulls))
        }
    };
}

impl Rows {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    column!(
        /// Adds a column of integers.
        i64, i64_opt, I64, i64
    );
    column!(
        /// Adds a column of floating-point numbers.
        f64, f64_opt, F64, f64
    );
    column!(
        /// Adds a column of truth values.
        bool, bool_opt, Bool, bool
    );
    column!(
        /// Adds a column of texts.
        text, text_opt, Text, String
    );
    column!(
        /// Adds a column of bytes.
        bytes, bytes_opt, Bytes, Vec<u8>
    );
    column!(
        /// Adds a column of UUIDs.
        uuid, uuid_opt, Uuid, Uuid
    );

    fn with(mut self, name: &'static str, values: Column, nulls: Option<Vec<bool>>) -> Self {
        self.columns.push(Named { name, values, nulls });
        self
    }

    /// How many rows there are (the shortest column decides).
    pub fn len(&self) -> usize {
        self.columns.iter().map(|column| column.values.len()).min().unwrap_or(0)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `statement`, which sees the rows as `v`; answers how many rows it touched.
    pub async fn execute<C: ConnectionTrait>(self, connection: &C, statement: &str) -> Result<u64, Error> {
        let mut touched = 0;
        for statement in self.statements(connection.get_database_backend(), statement) {
            touched += connection.execute_raw(statement).await?.rows_affected();
        }
        Ok(touched)
    }

    /// Runs `statement`, a query or a change with `RETURNING`, which sees the rows as `v`.
    pub async fn query<C: ConnectionTrait>(
        self,
        connection: &C,
        statement: &str,
    ) -> Result<Vec<QueryResult>, Error> {
        let mut found = Vec::new();
        for statement in self.statements(connection.get_database_backend(), statement) {
            let rows = connection.query_all_raw(statement).await?;
            if found.is_empty() { found = rows } else { found.extend(rows) }
        }
        Ok(found)
    }

    /// Inserts the rows into `table`, whose columns have the names of these; answers how many were inserted or changed.
    /// Give up the transaction when it fails: on SQLite a part of the rows may be in it.
    pub async fn insert<C: ConnectionTrait>(
        self,
        connection: &C,
        table: &str,
        conflict: Conflict,
    ) -> Result<u64, Error> {
        let mut touched = 0;
        for statement in self.inserts(connection.get_database_backend(), table, conflict, "") {
            touched += connection.execute_raw(statement).await?.rows_affected();
        }
        Ok(touched)
    }

    /// The same, answering the columns `returning` of the rows that were inserted or changed.
    pub async fn insert_returning<C: ConnectionTrait>(
        self,
        connection: &C,
        table: &str,
        conflict: Conflict,
        returning: &str,
    ) -> Result<Vec<QueryResult>, Error> {
        let mut found = Vec::new();
        let returning = format!(" RETURNING {returning}");
        for statement in self.inserts(connection.get_database_backend(), table, conflict, &returning) {
            found.extend(connection.query_all_raw(statement).await?);
        }
        Ok(found)
    }

    fn inserts(self, backend: DbBackend, table: &str, conflict: Conflict, tail: &str) -> Vec<Statement> {
        if self.is_empty() {
            return Vec::new();
        }
        let names = self.names().join(", ");
        let conflict = match conflict {
            Conflict::Fail => String::new(),
            Conflict::Ignore => " ON CONFLICT DO NOTHING".to_owned(),
            Conflict::Do(action) => format!(" ON CONFLICT {action}"),
        };
        match backend {
            // Not by way of `v`: SQLite would put every row into a table of its own before it inserts it. And `OR FAIL`: to
            // take back a failed statement alone it would copy every page before it is changed, but a failure ends
            // the whole transaction anyway.
            DbBackend::Sqlite => self.sqlite(|values| {
                format!("INSERT OR FAIL INTO {table} ({names}) VALUES {values}{conflict}{tail}")
            }),
            _ => vec![self.postgres(&format!(
                "INSERT INTO {table} ({names}) SELECT {names} FROM v WHERE true{conflict}{tail}"
            ))],
        }
    }

    fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    fn statements(self, backend: DbBackend, statement: &str) -> Vec<Statement> {
        if self.is_empty() {
            return Vec::new();
        }
        match backend {
            DbBackend::Sqlite => {
                let names = self.names().join(", ");
                self.sqlite(|values| format!("WITH v({names}) AS (VALUES {values}) {statement}"))
            }
            _ => vec![self.postgres(statement)],
        }
    }

    /// One statement: each column is an array. Nulls travel as a second array, because the driver's arrays hold none.
    fn postgres(self, statement: &str) -> Statement {
        let (names, mut arrays, mut inner, mut outer) =
            (self.names().join(", "), Vec::new(), Vec::new(), Vec::new());
        let mut types = Vec::new();
        for column in self.columns {
            types.push(column.values.postgres_type());
            arrays.push(column.values.array());
            inner.push(format!("c{}", arrays.len()));
            match column.nulls {
                None => outer.push(format!("c{}", arrays.len())),
                Some(nulls) => {
                    let value = arrays.len();
                    arrays.push(Column::Bool(nulls).array());
                    types.push("bool[]");
                    inner.push(format!("c{}", arrays.len()));
                    outer.push(format!("CASE WHEN c{} THEN NULL ELSE c{value} END", value + 1));
                }
            }
        }
        let unnest: Vec<String> =
            types.iter().enumerate().map(|(i, array)| format!("${}::{array}", i + 1)).collect();
        let text = format!(
            "WITH v({names}) AS (SELECT {} FROM UNNEST({}) AS u({})) {statement}",
            outer.join(", "),
            unnest.join(", "),
            inner.join(", "),
        );
        Statement::from_sql_and_values(DbBackend::Postgres, text, arrays)
    }

    /// Statements of whole chunks of the rows; `text` makes one of the list of its values.
    fn sqlite(self, text: impl Fn(&str) -> String) -> Vec<Statement> {
        let most = (SQLITE_MAX_VALUES / self.columns.len().max(1)).min(SQLITE_MAX_ROWS);
        let (total, width) = (self.len(), self.columns.len());
        let mut columns: Vec<_> = self.columns.into_iter().map(Named::into_values).collect();
        let row = format!("({})", vec!["?"; width].join(","));
        let mut statements = Vec::new();
        let mut left = total;
        while left > 0 {
            let rows = power_of_two_up_to(left.min(most));
            let values = (0..rows * width).map(|i| columns[i % width].next().unwrap_or(Value::BigInt(None)));
            let values: Vec<Value> = values.collect();
            let text = text(&vec![row.as_str(); rows].join(","));
            statements.push(Statement::from_sql_and_values(DbBackend::Sqlite, text, values));
            left -= rows;
        }
        statements
    }
}

/// The greatest power of two that is not above `n` (at least 1).
fn power_of_two_up_to(n: usize) -> usize {
    if n == 0 { 1 } else { 1 << n.ilog2() }
}

impl Named {
    fn into_values(self) -> Box<dyn Iterator<Item = Value> + Send> {
        let values: Box<dyn Iterator<Item = Value> + Send> = match self.values {
            Column::I64(values) => Box::new(values.into_iter().map(Value::from)),
            Column::F64(values) => Box::new(values.into_iter().map(Value::from)),
            Column::Bool(values) => Box::new(values.into_iter().map(Value::from)),
            Column::Text(values) => Box::new(values.into_iter().map(Value::from)),
            Column::Bytes(values) => Box::new(values.into_iter().map(Value::from)),
            Column::Uuid(values) => Box::new(values.into_iter().map(Value::from)),
        };
        match self.nulls {
            None => values,
            Some(nulls) => {
                Box::new(values.zip(nulls).map(|(value, null)| if null { value.as_null() } else { value }))
            }
        }
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::I64(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Uuid(values) => values.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::I64(_) => "int8[]",
            Self::F64(_) => "float8[]",
            Self::Bool(_) => "bool[]",
            Self::Text(_) => "text[]",
            Self::Bytes(_) => "bytea[]",
            Self::Uuid(_) => "uuid[]",
        }
    }

    fn array(self) -> Value {
        fn of<T: Into<Value>>(array: ArrayType, values: Vec<T>) -> Value {
            Value::Array(array, Some(Box::new(values.into_iter().map(Into::into).collect())))
        }
        match self {
            Self::I64(values) => of(ArrayType::BigInt, values),
            Self::F64(values) => of(ArrayType::Double, values),
            Self::Bool(values) => of(ArrayType::Bool, values),
            Self::Text(values) => of(ArrayType::String, values),
            Self::Bytes(values) => of(ArrayType::Bytes, values),
            Self::Uuid(values) => of(ArrayType::Uuid, values),
        }
    }
}
