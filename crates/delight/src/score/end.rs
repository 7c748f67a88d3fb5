//! The end of the story: which part the moments of the newest instant, and of those before, have in it.
//!
//! Over the moments of one instant, `W = Σ w` and the share of each is `w / max(1, W)`. Where an instant weighs less
//! than one whole moment, the rest `1 − W` goes to the instants before, and so on backwards.

use elate_domain::Timestamp;

use super::Moment;

/// Below this the rest is rounding of weights that make 1 (ten times 0.1), and is taken for nothing.
const NOTHING: f64 = 1e-12;

/// The moments older than those at hand, as one instant and what came before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    /// The newest instant of the older moments. It may be shared with the oldest at hand.
    pub(crate) at: Timestamp,
    /// Their weight at that instant.
    pub(crate) weight: f64,
}

/// The parts of the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shares {
    /// Of each moment at hand, its weight included, undecayed.
    pub(crate) moments: Vec<f64>,
    /// Of one unit of weight at the base instant.
    pub(crate) base: f64,
    /// Of everything before the base instant.
    pub(crate) before: f64,
}

/// Divides the end over `moments`, which are in order of time, and over a base that is not newer than any of them.
pub(crate) fn shares(moments: &[Moment], base: Option<Base>) -> Shares {
    let mut shares = Shares { moments: vec![0.0; moments.len()], base: 0.0, before: 1.0 };
    let mut upper = moments.len();
    let mut base_seen = false;
    while upper > 0 && shares.before > 0.0 {
        let at = moments[upper - 1].at;
        let lower = moments[..upper].partition_point(|m| m.at < at);
        let shared = base.filter(|b| b.at == at);
        let here: f64 = moments[lower..upper].iter().map(Moment::counted_weight).sum();
        let weight = here + shared.map_or(0.0, |b| b.weight);
        let unit = shares.before / weight.max(1.0);
        for (share, moment) in shares.moments[lower..upper].iter_mut().zip(&moments[lower..upper]) {
            *share = unit * moment.counted_weight();
        }
        if shared.is_some() {
            shares.base = unit;
            base_seen = true;
        }
        shares.before = remainder(shares.before, weight);
        upper = lower;
    }
    if let Some(base) = base
        && !base_seen
    {
        shares.base = shares.before / base.weight.max(1.0);
        shares.before = remainder(shares.before, base.weight);
    }
    shares
}

/// What an instant of this weight leaves of `left` for those before it.
pub(crate) fn remainder(left: f64, instant_weight: f64) -> f64 {
    let rest = left * (1.0 - instant_weight).max(0.0);
    if rest < NOTHING { 0.0 } else { rest }
}
