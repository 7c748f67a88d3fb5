//! Where a database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a service keeps its data.
#[derive(Clone, PartialEq, Eq)]
pub enum Dsn {
    /// A file; it and its folder are created where they are missing.
    Sqlite(PathBuf),
    /// A `postgres://` URL. `?options=-c%20search_path%3Dname` puts the tables into a schema.
    Postgres(String),
}

/// A text that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a database is written sqlite:<path> or postgres://user@host/name, not like this")]
pub struct InvalidDsn;

impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        let text = text.trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or("");
        if path.is_empty() { Err(InvalidDsn) } else { Ok(Self::Sqlite(path.into())) }
    }
}

impl fmt::Debug for Dsn {
    /// Without user, password and parameters: this ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split('?').next().unwrap_or_default();
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                write!(f, "postgres://{place}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dsn;

    #[test]
    fn secrets_do_not_show() {
        let dsn: Dsn = "postgres://shop:p@ss@db:5432/events?password=again".parse().unwrap();
        assert_eq!(format!("{dsn:?}"), "postgres://db:5432/events");
        assert_eq!("sqlite:/a/b.db".parse::<Dsn>().unwrap().to_string(), "sqlite:/a/b.db");
        assert!("mysql://x".parse::<Dsn>().is_err());
        assert!("sqlite:".parse::<Dsn>().is_err());
    }
}
