//! The metrics of RPCs: rate, errors, duration, on both ends.

elate_telemetry::metrics! {
    /// Time from the arrival of a request to the end of its answer, by method and gRPC code. For a stream: its whole life.
    SERVER_DURATION: Histogram("rpc_server_duration_seconds", Seconds, ["rpc_service", "rpc_method", "code"]);
    /// Requests and streams that are being answered.
    SERVER_IN_FLIGHT: Gauge("rpc_server_in_flight", Count, ["rpc_service"]);
    /// Requests refused before their handler: `overloaded`, `rate_limited`, `unauthenticated`.
    SERVER_REFUSED: Counter("rpc_server_refused_total", Count, ["cause"]);
    /// Time from a call to its answer, by method and gRPC code, as its caller sees it.
    CLIENT_DURATION: Histogram("rpc_client_duration_seconds", Seconds, ["rpc_service", "rpc_method", "code"]);
    /// Look-ups of credentials: `hit` and `negative` were answered from the cache, `resolved` and `unknown` by the store,
    /// `unavailable` by nobody.
    CREDENTIAL_LOOKUPS: Counter("rpc_credential_lookups_total", Count, ["outcome"]);
}
