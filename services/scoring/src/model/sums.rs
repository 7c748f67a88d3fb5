//! Sums over moments that can be added up in any order and taken back again, to the last digit.
//!
//! Gaps and rises of scores are rounded to a millionth before they are added, and added as integers. So the sums do not
//! depend on batches, restarts or the order of customers, and a revision takes out exactly what was put in.

use elate_delight::survey::Sample;
use elate_domain::{Outcome, Truth, WorkspaceId};
use serde::{Deserialize, Serialize};

use super::segments::Segment;

/// Parts of one.
const MICRO: f64 = 1e6;
/// Wows of a customer within 30 days that are told apart; all later ones count as the last.
pub const MAX_ORDINAL: usize = 4;

/// In millionths, rounded.
pub fn micro(value: f64) -> i64 {
    (value * MICRO).round() as i64
}

/// The key of the daily sums.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// Days since 1970 (UTC).
    pub day: i64,
    /// Journey.
    pub journey: String,
    /// Stage.
    pub stage: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// Product of the touchpoint.
    pub product: String,
    /// Channel of the touchpoint.
    pub channel: String,
}

/// How many moments of which outcome, and their gaps in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Magical moments.
    pub magical: i64,
    /// Neutral moments.
    pub neutral: i64,
    /// Miserable moments.
    pub miserable: i64,
    /// Moments in which the customer told others (UMOT).
    pub advocacy: i64,
    /// Sum of gaps.
    pub gap: i64,
    /// Sum of squared gaps.
    pub gap_squared: i64,
}

impl Counts {
    /// One moment.
    pub fn of(outcome: Outcome, truth: Truth, gap: f64) -> Self {
        let mut counts = Self { gap: micro(gap), gap_squared: micro(gap * gap), ..Self::default() };
        match outcome {
            Outcome::Magical => counts.magical = 1,
            Outcome::Neutral => counts.neutral = 1,
            Outcome::Miserable => counts.miserable = 1,
        }
        counts.advocacy = i64::from(truth == Truth::Umot);
        counts
    }

    /// The same, to be taken back.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            magical: -self.magical,
            neutral: -self.neutral,
            miserable: -self.miserable,
            advocacy: -self.advocacy,
            gap: -self.gap,
            gap_squared: -self.gap_squared,
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.magical += other.magical;
        self.neutral += other.neutral;
        self.miserable += other.miserable;
        self.advocacy += other.advocacy;
        self.gap += other.gap;
        self.gap_squared += other.gap_squared;
    }

    /// The gaps as a sample.
    pub fn gaps(&self) -> Sample {
        sample(self.magical + self.neutral + self.miserable, self.gap, self.gap_squared)
    }
}

/// A sample of sums in millionths.
pub fn sample(count: i64, sum: i64, squares: i64) -> Sample {
    let count = count.max(0).cast_unsigned();
    let n = count as f64;
    let (sum, squares) = (sum as f64 / MICRO, squares as f64 / MICRO);
    let mean = if count > 0 { sum / n } else { 0.0 };
    Sample { count, mean, squares: (squares - n * mean * mean).max(0.0) }
}

/// A change to the sums of one day and link, for everybody and for each of the customer's segments.
#[derive(Debug, Clone, PartialEq)]
pub struct SumsRow {
    /// Workspace.
    pub workspace: WorkspaceId,
    /// Day and link.
    pub link: Link,
    /// The customer's segments.
    pub segments: Vec<Segment>,
    /// What to add.
    pub counts: Counts,
    /// For a wow: which one within 30 days it was, and how far it raised the score.
    pub wow: Option<Wow>,
}

/// A wow and what it did to the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wow {
    /// The customer's first, second, … within 30 days; at most [`MAX_ORDINAL`].
    pub ordinal: i64,
    /// Points that the score rose by, in millionths.
    pub rise: i64,
}
