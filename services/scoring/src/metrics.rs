//! The metrics of scoring, declared once. Units and meaning are in `docs/metrics.md`.

/// Survey answers that lack their kind or lie off the scale.
pub const ANSWERS_UNREADABLE: &str = "elate_scoring_answers_unreadable_total";
/// Judgements that the carried score could not take in exactly.
pub const SCORES_APPROXIMATE: &str = "elate_scoring_scores_approximate_total";
/// Provisional moments that were taken as final because a customer had too many.
pub const REVISABLE_DROPPED: &str = "elate_scoring_revisable_dropped_total";
