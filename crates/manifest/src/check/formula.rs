//! Versions of the score's formula.

use super::Problems;
use crate::spec::DelightFormula;

const MINUTE_MILLIS: f64 = 60_000.0;
const CENTURY_MILLIS: f64 = 36_525.0 * 86_400_000.0;
const LAST_VERSION: u32 = 1_000_000;

/// The bounds are those of the formula itself.
pub(super) fn check(formula: &DelightFormula, problems: &mut Problems) {
    if !(2..=LAST_VERSION).contains(&formula.version) {
        let reason = format!("{} is not between 2 and {LAST_VERSION}", formula.version);
        problems.add("spec.version", reason, "1 is built in");
    }
    let half_life = formula.half_life.as_millis() as f64;
    if !(MINUTE_MILLIS..=CENTURY_MILLIS).contains(&half_life) {
        problems.add("spec.half_life", "is not between one minute and 100 years", "");
    }
    problems.in_range("spec.prior", formula.prior, 0.1..=1000.0);
    problems.in_range("spec.peak", formula.peak, 0.0..=10.0);
    problems.in_range("spec.end", formula.end, 0.0..=10.0);
    problems.in_range("spec.curvature", formula.curvature, 0.1..=1.0);
    problems.in_range("spec.loss_aversion", formula.loss_aversion, 1.0..=10.0);
}
