//! The delight score of one customer.
//!
//! For a moment with gap `g`, weight `w` and time `tᵢ`, seen at time `t`:
//!
//! * value `v = g^0.88` for gains and `−2.25·|g|^0.88` for losses (prospect theory, Tversky & Kahneman 1992);
//!   mass `m = max(1, |v|)`, so that strong moments count for more and a neutral one still counts;
//! * decay `d = 2^(−(t − tᵢ)/h)`, `h` = 30 days;
//! * sums `A = Σ w d v`, `M = Σ w d m`;
//! * peaks `P⁺ = max(0, max w d v)`, `P⁻ = min(0, min w d v)` and an end `X`, `Y` taken from the newest instant
//!   (peak–end rule, Kahneman, Fredrickson, Schreiber & Redelmeier 1993);
//! * `D = 50 + 50·(A + p(P⁺ + P⁻) + qX) / (k + M + p(P⁺ − P⁻) + qY)`, `k` = 4, `p` = `q` = 0.5.
//!
//! 50 is neutral; 0 and 100 are never reached. Numerator and denominator fade alike, so a customer's whole past is
//! two sums and one factor, a [`Level`]; between moments nothing else has to be known.
//!
//! [`batch`] computes everything from the stored moments, at any past time, and takes it apart. [`DelightState`]
//! carries the present along, moment by moment, and agrees with it to 1e-9.

mod end;
mod level;
mod params;
mod state;

pub mod batch;

pub use batch::{Contribution, Explanation};
pub use level::{Crossing, Direction, Level};
pub use params::{DelightParams, Error, FORMULA_VERSION};
pub use state::{Applied, DelightState, Folded};

use elate_domain::system::MomentJudged;
use elate_domain::{Offset, Timestamp};
use serde::{Deserialize, Serialize};

/// A judged moment as the score sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Stable id of the moment; a revision comes under the same id.
    pub id: String,
    /// When it was experienced. Not later than the log time of the record that carries it.
    pub at: Timestamp,
    /// Offset of that record: orders moments of one instant.
    pub offset: u64,
    /// Gap in tolerances; clamped to ±5 on use.
    pub gap: f64,
    /// Weight, at least 0; 0 does not count.
    pub weight: f64,
}

impl Moment {
    /// The moment that a record at `offset`, received at `received_at`, judges. A moment cannot have been felt later
    /// than the log knew of it, so a later time (a clock that runs fast) becomes the log's.
    pub fn judged(event: &MomentJudged, offset: Offset, received_at: Timestamp) -> Self {
        Self {
            id: event.moment_id.clone(),
            at: event.occurred_at.min(received_at),
            offset: offset.0,
            gap: event.gap,
            weight: event.weight,
        }
    }

    /// Order of time; at equal times that of the log.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.offset, &self.id).cmp(&(other.at, other.offset, &other.id))
    }

    /// The weight that counts: what is negative or no number counts as 0.
    pub(crate) fn counted_weight(&self) -> f64 {
        if self.weight.is_finite() { self.weight.max(0.0) } else { 0.0 }
    }
}
