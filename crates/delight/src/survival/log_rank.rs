//! Whether two groups leave at the same rate.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::{Observation, RiskSet, event_times, sound};

/// The outcome of a log-rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogRank {
    /// Departures seen in the first group.
    pub observed: u64,
    /// Departures to expect there if both groups left at the same rate.
    pub expected: f64,
    /// The statistic, χ² with one degree of freedom.
    pub chi_squared: f64,
    /// Probability of a statistic this large if there is no difference.
    pub p_value: f64,
    /// Peto's estimate of the hazard ratio, first group to second: `exp((O − E)/V)`. Above 1: the first leaves
    /// sooner.
    pub hazard_ratio: f64,
}

/// The log-rank test (Mantel 1966; Peto & Peto 1972), with the hypergeometric variance at each time of departure.
/// Honours late entry. `None` where the groups can not be compared: nobody left while both were observed.
///
/// It is a test for data looked at once. For a running comparison use [`crate::effect`].
pub fn log_rank(first: &[Observation], second: &[Observation]) -> Option<LogRank> {
    let (first, second) = (sound(first), sound(second));
    let (one, two) = (RiskSet::of(&first), RiskSet::of(&second));
    let (mut observed, mut expected, mut variance) = (0, 0.0, 0.0);
    for time in event_times(first.iter().chain(&second)) {
        let (n1, n2) = (one.at_risk(time) as f64, two.at_risk(time) as f64);
        let leaving = one.leaving(time);
        let (n, d) = (n1 + n2, (leaving + two.leaving(time)) as f64);
        observed += leaving;
        expected += d * n1 / n;
        if n > 1.0 {
            variance += d * (n1 / n) * (n2 / n) * (n - d) / (n - 1.0);
        }
    }
    if variance <= 0.0 {
        return None;
    }
    let excess = observed as f64 - expected;
    let chi_squared = excess * excess / variance;
    let p_value = ChiSquared::new(1.0).ok()?.sf(chi_squared);
    Some(LogRank { observed, expected, chi_squared, p_value, hazard_ratio: (excess / variance).exp() })
}
