//! The metrics of journeys, declared once. They are counted as a batch is written; one that is rolled back and tried again
//! counts again.

elate_telemetry::metrics! {
    /// Judgements of moments, revisions included, by outcome.
    MOMENTS_JUDGED: Counter("elate_journeys_moments_judged_total", Count, ["outcome"]);
    /// Changes of promises by the state that they came into.
    PROMISES_CHANGED: Counter("elate_journeys_promises_changed_total", Count, ["state"]);
    /// Changes of recovery cases by the state that they came into.
    CASES_CHANGED: Counter("elate_journeys_cases_changed_total", Count, ["state"]);
    /// Conditions of patterns that could not be told, because a property was missing or of another type.
    CONDITIONS_FAILED: Counter("elate_journeys_conditions_failed_total", Count, []);
    /// Partial matches of patterns that were dropped, the oldest first, because a customer's state was full.
    PARTIAL_MATCHES_DROPPED: Counter("elate_journeys_partial_matches_dropped_total", Count, []);
    /// Visits of journey instances that were not kept, because the instance has too many.
    MOVES_LEFT_OUT: Counter("elate_journeys_moves_left_out_total", Count, []);
    /// Looks at journeys as they are, by how they ended: `complete`, `cut`, `busy`, `failed`.
    DISCOVERIES: Counter("elate_journeys_discoveries_total", Count, ["ended"]);
    /// Evaluations of plays' triggers by what came of them.
    PLAYS_EVALUATED: Counter("elate_journeys_plays_evaluated_total", Count, ["decision"]);
    /// Turns of the keeper, which looks after what concerns all customers, that failed and are taken again.
    KEEPER_FAILED: Counter("elate_journeys_keeper_failed_total", Count, []);
}

/// For metrics without labels.
pub const NO_LABELS: &[(&str, &str)] = &[];
