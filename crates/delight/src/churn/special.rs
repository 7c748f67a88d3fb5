//! Logarithms of products and sums, without overflow or cancellation.

use statrs::function::gamma::{digamma, ln_gamma};

/// Up to here products are multiplied out: exact, and quicker than two gamma functions.
const FEW: u32 = 24;

/// `ln Γ(x + n) − ln Γ(x)` for `x > 0`: the logarithm of `x (x + 1) … (x + n − 1)`.
pub(super) fn ln_rising(x: f64, n: u32) -> f64 {
    if n <= FEW {
        return (0..n).map(|step| (x + f64::from(step)).ln()).sum();
    }
    ln_gamma(x + f64::from(n)) - ln_gamma(x)
}

/// Its derivative by `x`: `ψ(x + n) − ψ(x)`.
pub(super) fn digamma_rising(x: f64, n: u32) -> f64 {
    if n <= FEW {
        return (0..n).map(|step| 1.0 / (x + f64::from(step))).sum();
    }
    digamma(x + f64::from(n)) - digamma(x)
}

/// `ln(1 + e^x)`.
pub(super) fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

/// `1 / (1 + e^−x)`.
pub(super) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let small = x.exp();
        small / (1.0 + small)
    }
}
