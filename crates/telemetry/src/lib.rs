//! elate-telemetry: under construction.
