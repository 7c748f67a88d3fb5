//! The metrics of notifications, declared once.

elate_telemetry::metrics! {
    /// Requests for messages whose id was taken before; each id is sent once.
    DUPLICATES: Counter("elate_notifications_duplicate_requests_total", Count, []);
    /// Attempts by kind of channel and outcome (`sent`, `failed`, `rejected`, `unknown`).
    ATTEMPTS: Counter("elate_notifications_attempts_total", Count, ["kind", "outcome"]);
    /// How long attempts take, by kind of channel.
    ATTEMPT_SECONDS: Histogram("elate_notifications_attempt_duration_seconds", Seconds, ["kind"]);
    /// Messages claimed by this process that have no outcome yet.
    IN_FLIGHT: Gauge("elate_notifications_in_flight", Count, []);
    /// Turns of the dispatcher that its database or a lost lease made fail; they are taken again.
    TURNS_FAILED: Counter("elate_notifications_dispatcher_turns_failed_total", Count, []);
    /// Webhook endpoints that were switched off after failing for too long.
    ENDPOINTS_DISABLED: Counter("elate_notifications_endpoints_disabled_total", Count, []);
    /// Customers who left by the link in a message.
    UNSUBSCRIBED: Counter("elate_notifications_unsubscribed_total", Count, []);
    /// Answers given on the pages of surveys.
    SURVEYS_ANSWERED: Counter("elate_notifications_surveys_answered_total", Count, []);
}

/// For metrics without labels.
pub const NO_LABELS: &[(&str, &str)] = &[];
