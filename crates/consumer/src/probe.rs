//! Where tests reach in: every call of the loop to its database passes here, before and after.

use async_trait::async_trait;

use crate::Error;

/// A call of the loop to its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// What is called, e.g. `commit`.
    pub call: &'static str,
    /// The call was made, and its answer is about to be used: an error here is an answer that got lost.
    pub after: bool,
}

/// Sees every [`Point`], and may fail it, delay it, or never return.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Called at `point`; an error is taken for the database's.
    async fn at(&self, point: Point) -> Result<(), Error>;
}

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl Probe for Open {
    async fn at(&self, _: Point) -> Result<(), Error> {
        Ok(())
    }
}
