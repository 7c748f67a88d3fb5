//! Were customers split as intended?

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// A split this unlikely is taken for a fault.
pub const MISMATCH_BELOW: f64 = 0.001;

/// Customers to expect in the smaller group before χ² can be trusted.
const LEAST_EXPECTED: f64 = 5.0;

/// The outcome of a sample-ratio check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatioCheck {
    /// Customers treated.
    pub treated: u64,
    /// Customers in control.
    pub control: u64,
    /// The share that should have been treated, 0…1.
    pub expected_share: f64,
    /// Probability of a split at least this uneven if customers are split as intended (Pearson's χ², one degree of
    /// freedom).
    pub p_value: f64,
    /// Whether it is below [`MISMATCH_BELOW`]: assignment, logging or filtering is broken, and no comparison of the
    /// two groups means anything (Fabijan et al. 2019).
    pub mismatch: bool,
}

/// Checks `treated` against `control` where `expected_share` of both (0 to 1, ends excluded) should be treated.
/// `None` while fewer than 5 are to be expected in either group.
///
/// This is a test for one look, at a level so low that some twenty looks do little harm: about one fair split in a
/// hundred is ever taken for a mismatch. A version that is held for it waits for a person; none goes back.
pub fn check(treated: u64, control: u64, expected_share: f64) -> Option<RatioCheck> {
    let all = treated as f64 + control as f64;
    let (one, other) = (all * expected_share, all * (1.0 - expected_share));
    // Also false where the share is not a number.
    let enough = one.min(other) >= LEAST_EXPECTED;
    if !enough {
        return None;
    }
    let off = treated as f64 - one;
    let chi_squared = off * off / one + off * off / other;
    let p_value = ChiSquared::new(1.0).ok()?.sf(chi_squared);
    Some(RatioCheck { treated, control, expected_share, p_value, mismatch: p_value < MISMATCH_BELOW })
}
