//! The one way to make a query: it begins with the workspace.

use elate_domain::{CustomerId, WorkspaceId};
use elate_storage::{Database, Error, Row, Value, query_all};
use uuid::Uuid;

use crate::page::After;

/// A query over rows of one workspace.
pub(super) struct Select {
    sql: String,
    values: Vec<Value>,
}

/// The order of a list: a time, then the id, both the same way round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) time: &'static str,
    pub(super) id: &'static str,
    pub(super) newest_first: bool,
}

impl Select {
    /// Columns of a table, of one workspace alone.
    pub(super) fn of(columns: &str, table: &str, workspace: &WorkspaceId) -> Self {
        let sql = format!("SELECT {columns} FROM {table} WHERE workspace = $1");
        Self { sql, values: vec![workspace.as_str().into()] }
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(super) fn and(mut self, column: &str, comparison: &str, value: impl Into<Value>) -> Self {
        let place = self.bind(value.into());
        self.sql.push_str(&format!(" AND {column} {comparison} {place}"));
        self
    }

    pub(super) fn and_customer(self, customer: Option<CustomerId>) -> Self {
        match customer {
            Some(customer) => self.and("customer_id", "=", customer.0),
            None => self,
        }
    }

    /// One of the words; all rows where there are none.
    pub(super) fn and_one_of(mut self, column: &str, words: &[&'static str]) -> Self {
        if words.is_empty() {
            return self;
        }
        let places: Vec<String> = words.iter().map(|word| self.bind((*word).into())).collect();
        self.sql.push_str(&format!(" AND {column} IN ({})", places.join(", ")));
        self
    }

    /// One of these ids.
    pub(super) fn and_one_of_ids(mut self, column: &str, ids: &[Uuid]) -> Self {
        let places: Vec<String> = ids.iter().map(|id| self.bind((*id).into())).collect();
        self.sql.push_str(&format!(" AND {column} IN ({})", places.join(", ")));
        self
    }

    /// At most `limit` rows after a place in an order.
    pub(super) fn page(mut self, order: Order, after: Option<After>, limit: u64) -> Self {
        let Order { time, id, newest_first } = order;
        if let Some(After { at, id: last }) = after {
            let (at, last): (String, String) = (self.bind(at.into()), self.bind(last.into()));
            let beyond = if newest_first { "<" } else { ">" };
            self.sql.push_str(&format!(" AND ({time}, {id}) {beyond} ({at}, {last})"));
        }
        let way = if newest_first { "DESC" } else { "ASC" };
        self.sql.push_str(&format!(" ORDER BY {time} {way}, {id} {way} LIMIT {limit}"));
        self
    }

    /// Only rows behind a place in an ascending order.
    pub(super) fn and_after<const N: usize>(mut self, columns: &str, place: [Value; N]) -> Self {
        let places: Vec<String> = place.into_iter().map(|value| self.bind(value)).collect();
        self.sql.push_str(&format!(" AND ({columns}) > ({})", places.join(", ")));
        self
    }

    pub(super) fn grouped_by(mut self, columns: &str) -> Self {
        self.sql.push_str(&format!(" GROUP BY {columns}"));
        self
    }

    pub(super) fn order_by(mut self, order: &str, limit: u64) -> Self {
        self.sql.push_str(&format!(" ORDER BY {order} LIMIT {limit}"));
        self
    }

    pub(super) async fn all(self, database: &Database) -> Result<Vec<Row>, Error> {
        query_all(database.read(), &self.sql, self.values).await
    }
}

/// Reads columns of one row, with the table's name for what can't be read.
pub(super) struct Reader<'a> {
    pub(super) row: &'a Row,
    pub(super) table: &'static str,
}

impl Reader<'_> {
    pub(super) fn text(&self, column: &str) -> Result<String, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn text_opt(&self, column: &str) -> Result<Option<String>, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn i64(&self, column: &str) -> Result<i64, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn i64_opt(&self, column: &str) -> Result<Option<i64>, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn f64(&self, column: &str) -> Result<f64, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn f64_opt(&self, column: &str) -> Result<Option<f64>, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn bool(&self, column: &str) -> Result<bool, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn uuid(&self, column: &str) -> Result<Uuid, Error> {
        Ok(self.row.try_get("", column)?)
    }

    pub(super) fn uuid_opt(&self, column: &str) -> Result<Option<Uuid>, Error> {
        Ok(self.row.try_get("", column)?)
    }

    /// A word of one of the domain's own lists.
    pub(super) fn domain<T: std::str::FromStr<Err = String>>(
        &self,
        column: &'static str,
    ) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|reason: String| Error::corrupt(self.table, column, reason))
    }
}
