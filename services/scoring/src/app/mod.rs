//! The use-cases of scoring. All of them read; state changes through the log alone.
//!
//! | module | what it answers |
//! |---|---|
//! | `score` | one customer's score and its explanation, now or at any past time |
//! | [`feedback`] | answers and comments: lists, trends, comparisons, weights, themes |
//! | [`drivers`] | which moments move retention and NPS |
//! | [`effect`] | what plays bring, against their control groups |
//! | `report` | company figures over a period, in groups |
//! | [`formula`] | formulas beside the one in force: computed, compared, adopted |
//! | `figures` | the same in full: by segment and time, recovery, promises, saturation |
//! | `churn` | who will come back, who is at risk, what misery costs |
//! | `standing` | how customers stand: mean delight, deciles, wows lately; closes of full hours |

mod churn;
pub mod drivers;
pub mod effect;
mod error;
pub mod feedback;
mod figures;
pub mod formula;
mod period;
mod report;
mod score;
mod standing;

pub use churn::{CustomerOutlook, StudyPlan};
pub use error::{ALL as REASONS, Error};
pub use figures::{Bucket, GroupFigures, Question, Saturation};
pub use period::{GroupBy, Period};
pub use report::{Group, Report};
pub use score::{Explained, ExplainedMoment, Scored};
pub use standing::Stand;

use crate::store::Store;

/// Level of all intervals.
pub const CONFIDENCE: f64 = 0.9;
/// Relative standard error of counts of active customers above 128.
pub const ACTIVE_ERROR: f64 = crate::model::sketch::Distinct::ERROR;
/// Largest relative error of times to recovery.
pub const HOURS_ERROR: f64 = crate::model::sketch::Durations::ERROR;

/// The use-cases over one store.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
}

impl App {
    /// The use-cases over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The use-cases of feedback over the same store.
    pub fn feedback(&self) -> feedback::FeedbackApp {
        feedback::FeedbackApp::new(self.store.clone())
    }
}
