//! The metrics of the simulation server, declared once.

elate_telemetry::metrics! {
    /// Simulations by how they ended: `complete`, `busy`, `too_large`, `too_long`, `given_up`, `refused`, `failed`.
    SIMULATIONS: Counter("elate_simulations_total", Count, ["ended"]);
    /// Events that simulations have replayed, those of simulations that were stopped included.
    EVENTS_REPLAYED: Counter("elate_simulation_events_replayed_total", Count, []);
}

/// For metrics without labels.
pub(crate) const NO_LABELS: &[(&str, &str)] = &[];
