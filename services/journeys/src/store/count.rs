//! Counts what is written.

use super::words::Word as _;
use crate::metrics;
use crate::model::rows::Row;

/// Counts the rows of a batch by what they say.
pub(super) fn count(rows: &[Row]) {
    for row in rows {
        let (metric, label, value) = match row {
            Row::Moment(row) => (&metrics::MOMENTS_JUDGED, "outcome", row.outcome.as_str()),
            Row::Promise(row) => (&metrics::PROMISES_CHANGED, "state", row.state.as_str()),
            Row::Case(row) => (&metrics::CASES_CHANGED, "state", row.state.as_str()),
            Row::Evaluation(row) => (&metrics::PLAYS_EVALUATED, "decision", row.decision.word()),
            Row::PromiseChange(_)
            | Row::Outlook(_)
            | Row::Sample(_)
            | Row::Rollout(_)
            | Row::Count(_)
            | Row::Journey(_)
            | Row::JourneyMove(_)
            | Row::Play(_)
            | Row::Step(_)
            | Row::Definitions(_)
            | Row::Merged(_) => continue,
        };
        metric.counter(&[(label, value)]).increment(1);
    }
}
