//! What is asked about feedback: lists, trends, comparisons, weights, response rates, themes.
//!
//! The mathematics is `elate_feedback`'s; here answers are fetched, bounded and handed to it.

mod error;
mod figures;
mod themes;

use elate_domain::{Timestamp, WorkspaceId};
use elate_feedback::record::FeedbackKind;
use elate_feedback::stats::{Measure, ResponseRate};

use super::{CONFIDENCE, Period};
use crate::store::{Answered, FeedbackSelection, Store, StoredFeedback};

pub use error::{ALL as REASONS, Error};
pub use figures::{By, Compared, Segment, Trend, Weighted};
pub use themes::About;

/// Answers that one figure is made of, at the most.
pub const MAX_ANSWERS: usize = 500_000;

/// The use-cases of feedback over one store.
#[derive(Debug, Clone)]
pub struct FeedbackApp {
    store: Store,
}

/// Where the next page begins.
pub type Place = (i64, String);

impl FeedbackApp {
    /// The use-cases over `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// A page of answers, the newest first. It may be shorter than `limit` where traits are asked for.
    pub async fn list(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
        after: Option<Place>,
        limit: u64,
    ) -> Result<(Vec<StoredFeedback>, Option<Place>), Error> {
        Ok(self.store.feedback_page(workspace, selection, after, limit).await?)
    }

    /// How many of those who were asked in a period have answered.
    pub async fn response_rate(
        &self,
        workspace: &WorkspaceId,
        period: Period,
        survey: &str,
    ) -> Result<ResponseRate, Error> {
        Ok(self.store.response_rate(workspace, period.from, period.to, survey).await?)
    }

    /// The answers to a measure; more than [`MAX_ANSWERS`] are refused, not cut.
    async fn answered(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
        group: Option<&'static str>,
        traits: bool,
    ) -> Result<Vec<Answered>, Error> {
        let selection = FeedbackSelection { kind: Some(kind_of(measure)), ..selection.clone() };
        let limit = MAX_ANSWERS as u64 + 1;
        let answered = self.store.answered(workspace, &selection, group, traits, limit).await?;
        if answered.len() > MAX_ANSWERS { Err(Error::TooMany(MAX_ANSWERS)) } else { Ok(answered) }
    }
}

/// The kind of answers that a measure is made of.
fn kind_of(measure: Measure) -> FeedbackKind {
    match measure {
        Measure::Nps => FeedbackKind::Nps,
        Measure::Csat => FeedbackKind::Csat,
        Measure::Ces => FeedbackKind::Ces,
    }
}

/// The middle of a selection's time, for comparing its later half with its earlier one.
fn middle(selection: &FeedbackSelection) -> Option<Timestamp> {
    let (from, to) = (selection.from?, selection.to?);
    Some(Timestamp(from.0 + (to.0 - from.0) / 2))
}
