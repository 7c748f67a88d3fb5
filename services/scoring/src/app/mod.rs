//! The use-cases of scoring. All of them read; state changes through the log alone.
//!
//! | module | what it answers |
//! |---|---|
//! | `score` | one customer's score and its explanation, now or at any past time |
//! | `report` | company figures over a period, in groups |

mod error;
mod period;
mod report;
mod score;

use elate_delight::DelightParams;

pub use error::{ALL as REASONS, Error};
pub use period::{GroupBy, Period};
pub use report::{Feedback, Group, Report};
pub use score::{Explained, ExplainedMoment, Scored};

use crate::store::Store;

/// Level of all intervals.
pub const CONFIDENCE: f64 = 0.9;

/// The use-cases over one store.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
    params: DelightParams,
}

impl App {
    /// The use-cases over `store`.
    pub fn new(store: Store, params: DelightParams) -> Self {
        Self { store, params }
    }
}
