//! The end of the story: which part the moments of the newest instant, and of those before, have in it.
//!
//! Over the moments of one instant, `W = Σ w` and their share is `w / max(1, W)` each. Where an instant weighs less
//! than one whole moment, the rest `1 − W` goes to the instants before, and so on backwards.

use super::Moment;

/// What is left for earlier instants after one of weight `instant_weight`. Sums of weights that make 1 only up to
/// rounding leave nothing.
pub(crate) fn remainder(left: f64, instant_weight: f64) -> f64 {
    let rest = left * (1.0 - instant_weight).max(0.0);
    if rest < 1e-12 { 0.0 } else { rest }
}

/// The share of each moment in the end; `moments` in order of time. Shares lie in 0…1 and belong to undecayed
/// moments: the caller multiplies by decay.
///
/// Also returns what is left for moments before the first.
pub(crate) fn shares(moments: &[Moment]) -> (Vec<f64>, f64) {
    let mut shares = vec![0.0; moments.len()];
    let mut left = 1.0;
    let mut upper = moments.len();
    while upper > 0 && left > 0.0 {
        let at = moments[upper - 1].at;
        let lower = moments[..upper].partition_point(|m| m.at < at);
        let weight: f64 = moments[lower..upper].iter().map(Moment::counted_weight).sum();
        for place in lower..upper {
            shares[place] = left * moments[place].counted_weight() / weight.max(1.0);
        }
        left = remainder(left, weight);
        upper = lower;
    }
    (shares, left)
}
