//! Expected purchases, averaged over what is not known of a customer's probability to leave.

use std::f64::consts::{FRAC_PI_4, PI};

use super::special::{sigmoid, softplus};

/// Logarithm of the share of the largest weight below which a node is left out. Far below the precision of `f64`,
/// because the quantity averaged may itself be large where the weight is small.
const NEGLIGIBLE: f64 = -64.0;

/// Never reached at parameters within the bounds of a fit; a guard against a loop without end.
const MOST_NODES: usize = 20_000;

/// `E[(1 − (1 + p s)^−k) / p]` for `p ~ Beta(a, b)`: the expected purchases of a customer who is alive, with
/// `k = r + x` and `s = t / (α + T)`.
///
/// The closed form of it has Gauss' ₂F₁ with arguments as large as the number of purchases, divides by `a − 1`, and
/// is 0/0 at `a = 1`. The integral is positive everywhere and has none of that. It is taken over the logit of `p`,
/// centred and scaled to the bulk of the distribution, with a double exponential stretch of the tails (Takahasi &
/// Mori 1974), by the trapezoidal rule; the step follows from the distance of the nearest singularity, so that the
/// error is near that of the arithmetic (about 1e-13). Weights are normalised by their own sum.
pub(super) fn expected_while_alive(a: f64, b: f64, k: f64, s: f64) -> f64 {
    if s <= 0.0 {
        return 0.0;
    }
    let centre = (a / b).ln();
    let scale = ((a + b) / (a * b)).sqrt();
    let ln_weight = |v: f64| {
        let u = centre + scale * v.sinh();
        -a * softplus(-u) - b * softplus(u) + v.cosh().ln()
    };
    let value = |v: f64| {
        let p = sigmoid(centre + scale * v.sinh());
        if p < 1e-290 { k * s } else { -(-k * (p * s).ln_1p()).exp_m1() / p }
    };
    let step = step(centre, scale, s);
    let top = ln_weight(0.0);
    let (mut weights, mut sum) = (1.0, value(0.0));
    for direction in [-step, step] {
        for node in 1..MOST_NODES {
            let v = direction * node as f64;
            let ln_share = ln_weight(v) - top;
            if ln_share < NEGLIGIBLE || !ln_share.is_finite() {
                break;
            }
            let share = ln_share.exp();
            weights += share;
            sum += share * value(v);
        }
    }
    sum / weights
}

/// The step of the trapezoidal rule: `2π / 36` of the half-width of the strip in which the integrand is analytic and
/// bounded, so that its error is about `e^−36`. Singularities lie where the imaginary part of the logit is π, at real
/// parts 0 and `−ln(1 + s)`; the bell in the middle, `exp(−sinh² v / 2)`, is bounded up to π/4.
fn step(centre: f64, scale: f64, s: f64) -> f64 {
    let away = centre.abs().max((centre + s.ln_1p()).abs());
    let strip = (PI / scale.hypot(away)).min(FRAC_PI_4);
    2.0 * PI * strip / 36.0
}
