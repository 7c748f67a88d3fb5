//! The metrics of scoring, declared once.

elate_telemetry::metrics! {
    /// Survey answers that lack their kind or lie off the scale, and were not taken.
    ANSWERS_UNREADABLE: Counter("elate_scoring_answers_unreadable_total", Count, []);
    /// Judgements that the carried score could not take in exactly; scores read from the stored moments are exact.
    SCORES_APPROXIMATE: Counter("elate_scoring_scores_approximate_total", Count, []);
    /// Work over all customers (closes of hours, studies of churn) that failed; it is done again.
    KEEPER_FAILED: Counter("elate_scoring_keeper_failed_total", Count, []);
    /// Comments for the configured model, by outcome (`scored`, `unsure`, `cached`, `budget`, `timeout`, `connection`,
    /// `status`, `garbage`).
    SENTIMENT: Counter("elate_scoring_sentiment_total", Count, ["outcome"]);
    /// Provisional moments that were taken as final because a customer had too many.
    REVISABLE_DROPPED: Counter("elate_scoring_revisable_dropped_total", Count, []);
}

/// For metrics without labels.
pub const NO_LABELS: &[(&str, &str)] = &[];
