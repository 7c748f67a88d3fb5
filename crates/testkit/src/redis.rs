//! A key prefix on the shared Redis server for each test.

use crate::environment::{setting_or_skip, unique_name};

/// The URL of the Redis server that tests may use.
pub const REDIS_URL: &str = "ELATE_TEST_REDIS_URL";

/// A corner of the shared Redis server.
///
/// Tests that flush or restart Redis take a server of their own: [`crate::private::Redis`].
#[derive(Debug, Clone)]
pub struct Prefix {
    url: String,
    prefix: String,
}

impl Prefix {
    /// `redis://host:port/0`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What every key of the test starts with; ends in `:`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// A fresh prefix. `None`, after a line that says so, where there is no server.
///
/// # Panics
/// When the server is required and not named.
#[must_use]
pub fn prefix() -> Option<Prefix> {
    let url = setting_or_skip(REDIS_URL, "Redis")?;
    Some(Prefix { url, prefix: format!("{}:", unique_name("t")) })
}
