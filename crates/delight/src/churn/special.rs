//! Logarithms of products and sums, without overflow or cancellation.

use statrs::function::gamma::{digamma, ln_gamma};

/// Up to here products are multiplied out: exact, and quicker than two gamma functions.
const FEW: u32 = 24;

/// From here on Stirling's series to the seventh power is exact to the last digit.
const LARGE: f64 = 64.0;

/// `ln Γ(x + y) − ln Γ(x)` for `x > 0` and `y ≥ 0`. For large `x` the two are huge and nearly equal, so Stirling's
/// series is subtracted term by term.
pub(super) fn ln_gamma_between(x: f64, y: f64) -> f64 {
    if x < LARGE {
        return ln_gamma(x + y) - ln_gamma(x);
    }
    let rest = |x: f64| {
        (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * x * x)) / (x * x)) / (x * x)) / x
    };
    (x + y - 0.5) * (y / x).ln_1p() + y * (x.ln() - 1.0) + (rest(x + y) - rest(x))
}

/// `ψ(x + y) − ψ(x)`, the derivative of that by `x`, in the same way.
pub(super) fn digamma_between(x: f64, y: f64) -> f64 {
    if x < LARGE {
        return digamma(x + y) - digamma(x);
    }
    let rest = |x: f64| {
        let square = 1.0 / (x * x);
        0.5 / x + square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0 - square / 240.0)))
    };
    (y / x).ln_1p() - (rest(x + y) - rest(x))
}

/// `ln Γ(x + n) − ln Γ(x)` for `x > 0`: the logarithm of `x (x + 1) … (x + n − 1)`.
pub(super) fn ln_rising(x: f64, n: u32) -> f64 {
    if n <= FEW {
        return (0..n).map(|step| (x + f64::from(step)).ln()).sum();
    }
    ln_gamma_between(x, f64::from(n))
}

/// Its derivative by `x`: `ψ(x + n) − ψ(x)`.
pub(super) fn digamma_rising(x: f64, n: u32) -> f64 {
    if n <= FEW {
        return (0..n).map(|step| 1.0 / (x + f64::from(step))).sum();
    }
    digamma_between(x, f64::from(n))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_meet_where_the_series_takes_over() {
        for y in [0.3, 5.0, 1000.0] {
            let plain = ln_gamma(LARGE + y) - ln_gamma(LARGE);
            assert!((ln_gamma_between(LARGE, y) / plain - 1.0).abs() < 1e-12);
            let plain = digamma(LARGE + y) - digamma(LARGE);
            assert!((digamma_between(LARGE, y) / plain - 1.0).abs() < 1e-9);
        }
        // Γ(x + 1) = x Γ(x), where ln Γ itself is 2·10⁹ and known to six digits after the point.
        let x: f64 = 1e8;
        assert!((ln_gamma_between(x, 1.0) - x.ln()).abs() < 1e-12);
        assert!((digamma_between(x, 1.0) * x - 1.0).abs() < 1e-12);
    }

    #[test]
    fn products_and_their_derivatives_agree() {
        for n in [0, 1, 24, 25, 300] {
            let product: f64 = (0..n).map(|step| (0.7 + f64::from(step)).ln()).sum();
            assert!((ln_rising(0.7, n) - product).abs() < 1e-10);
            let sum: f64 = (0..n).map(|step| 1.0 / (0.7 + f64::from(step))).sum();
            assert!((digamma_rising(0.7, n) - sum).abs() < 1e-10);
        }
    }
}
