//! What the edges of this service measure.

elate_telemetry::metrics! {
    /// Messages by the protocol that they came over (`grpc`, `http`, `pixel`) and by what became of them: `accepted`,
    /// `duplicate`, `rejected`.
    MESSAGES: Counter("elate_events_received_messages_total", Count, ["protocol", "outcome"]);
    /// Messages of one request.
    BATCH_MESSAGES: Histogram("elate_events_batch_messages", Count, ["protocol"]);
    /// Time from the arrival of an HTTP request to its answer, by route and status.
    HTTP_DURATION: Histogram("http_server_request_duration_seconds", Seconds, ["http_route", "http_response_status_code"]);
    /// Requests that say that they are a repeat (`X-Retry-Count`): many of them mean that clients don't get through.
    HTTP_RETRIES: Counter("elate_events_http_retries_total", Count, []);
}

/// Counts the outcomes of one request.
pub(crate) fn count(protocol: &'static str, outcomes: &[crate::model::message::Outcome]) {
    use crate::model::message::Outcome;
    let mut counts = [("accepted", 0_u64), ("duplicate", 0), ("rejected", 0)];
    for outcome in outcomes {
        let slot = match outcome {
            Outcome::Accepted { .. } => 0,
            Outcome::Duplicate { .. } => 1,
            Outcome::Rejected { .. } => 2,
        };
        counts[slot].1 += 1;
    }
    for (outcome, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        MESSAGES.counter(&[("protocol", protocol), ("outcome", outcome)]).increment(count);
    }
    // Batches have at most some thousand messages, which a float holds exactly.
    BATCH_MESSAGES.histogram(&[("protocol", protocol)]).record(outcomes.len() as f64);
}
