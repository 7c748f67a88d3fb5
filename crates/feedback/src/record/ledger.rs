//! Which answers were seen already, so that sending a file twice changes nothing.

use std::collections::HashMap;

use elate_domain::Timestamp;

use super::{Feedback, Fingerprint, Key};

/// What a record is to those that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// The first with this key.
    New,
    /// Seen before, word by word.
    Repeat,
    /// The answer was changed: this record takes the place of the one before.
    Revised,
    /// An older state of an answer that is known in a newer one.
    Outdated,
}

/// There is no room for more answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {0} answers at once")]
pub struct Full(pub usize);

/// The answers seen so far: 64 bytes or so for each. Which record stands in the end does not depend on the order in
/// which they came, nor on how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    seen: HashMap<Key, Version>,
    limit: usize,
}

/// Which state of an answer it is. The later wins; of two at one time the greater fingerprint, so that all agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Timestamp, Fingerprint);

impl Ledger {
    /// An empty ledger for at most `limit` answers.
    pub fn new(limit: usize) -> Self {
        Self { seen: HashMap::new(), limit }
    }

    /// Takes a record in.
    pub fn take(&mut self, record: &Feedback) -> Result<Intake, Full> {
        let (key, version) = (record.key(), Version(record.submitted_at, record.fingerprint()));
        let Some(known) = self.seen.get_mut(&key) else {
            if self.seen.len() >= self.limit {
                return Err(Full(self.limit));
            }
            self.seen.insert(key, version);
            return Ok(Intake::New);
        };
        Ok(match version.cmp(known) {
            std::cmp::Ordering::Equal => Intake::Repeat,
            std::cmp::Ordering::Less => Intake::Outdated,
            std::cmp::Ordering::Greater => {
                *known = version;
                Intake::Revised
            }
        })
    }

    /// How many answers are known.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

impl Feedback {
    /// Whether this record takes the place of `known`, another state of the same answer.
    pub fn supersedes(&self, known: &Self) -> bool {
        let version = |record: &Self| Version(record.submitted_at, record.fingerprint());
        self.key() == known.key() && version(self) > version(known)
    }
}
