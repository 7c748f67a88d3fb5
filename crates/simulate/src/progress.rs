//! How far a simulation is.

/// Somebody who watches. Calls come from several threads.
pub trait Progress: Sync {
    /// A part of the work begins: `total` of something.
    fn begin(&self, what: &'static str, total: u64);
    /// So much more of it is done.
    fn advance(&self, done: u64);
    /// Whether anybody still waits for the report. Asked often; where nobody does, the work ends with
    /// [`Error::Stopped`](crate::Error::Stopped).
    fn is_wanted(&self) -> bool {
        true
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
}
