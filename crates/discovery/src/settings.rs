//! What a summary is to be made of.

use serde::{Deserialize, Serialize};

use crate::funnel::Funnel;
use crate::limits::Limits;

/// Most steps of one funnel, and most funnels.
const MOST_FUNNELS: usize = 64;

const DAY_MILLIS: u64 = 86_400_000;

/// Why settings were refused, or summaries could not be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A bucket of time must last.
    #[error("bucket_millis: must be between 1 and {most}, not {0}", most = i64::MAX)]
    Bucket(u64),
    /// A funnel has no steps, or too many.
    #[error("funnels.{0}.steps: must be 1 to {MOST_FUNNELS}")]
    FunnelSteps(String),
    /// Two funnels have one name.
    #[error("funnels.{0}: two funnels have this name")]
    FunnelName(String),
    /// Too many funnels.
    #[error("funnels: at most {MOST_FUNNELS}")]
    Funnels,
    /// What was counted differently cannot be added.
    #[error("the summaries have different settings")]
    SettingsDiffer,
}

/// What a summary counts, and within which limits. The same in all summaries that are to be merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Upper bounds of what is kept.
    pub limits: Limits,
    /// The length of a bucket of time in milliseconds, by which changes are dated. Default: a day. Buckets begin at
    /// midnight UTC.
    pub bucket_millis: u64,
    /// How long after a step the next one is awaited, in milliseconds; what takes longer counts as a drop-off where
    /// changes are looked for. Default: a day.
    pub horizon_millis: u64,
    /// The funnels to count.
    pub funnels: Vec<Funnel>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            bucket_millis: DAY_MILLIS,
            horizon_millis: DAY_MILLIS,
            funnels: Vec::new(),
        }
    }
}

impl Settings {
    /// What is wrong with them, if anything: the first problem.
    pub fn check(&self) -> Result<(), Error> {
        if self.bucket_millis == 0 || i64::try_from(self.bucket_millis).is_err() {
            return Err(Error::Bucket(self.bucket_millis));
        }
        if self.funnels.len() > MOST_FUNNELS {
            return Err(Error::Funnels);
        }
        for (place, funnel) in self.funnels.iter().enumerate() {
            if funnel.steps.is_empty() || funnel.steps.len() > MOST_FUNNELS {
                return Err(Error::FunnelSteps(funnel.name.clone()));
            }
            if self.funnels[..place].iter().any(|other| other.name == funnel.name) {
                return Err(Error::FunnelName(funnel.name.clone()));
            }
        }
        Ok(())
    }
}
