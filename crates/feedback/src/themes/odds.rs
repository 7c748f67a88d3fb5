//! How far terms stand out: log-odds ratios with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008).

use statrs::distribution::{ContinuousCDF, Normal};

use super::Options;
use super::vocabulary::Candidate;

/// Gives every candidate its `z`, and says which `z` stands out among so many.
pub(super) fn rate(candidates: &mut [Candidate], options: &Options) -> f64 {
    let inside: f64 = candidates.iter().map(|term| term.comments.len() as f64).sum();
    let outside: f64 = candidates.iter().map(|term| term.others as f64).sum();
    for term in candidates.iter_mut() {
        let (own, other) = (term.comments.len() as f64, term.others as f64);
        let prior = options.prior * (own + other) / (inside + outside);
        term.z = Some(z((own, inside), (other, outside), prior, options.prior));
    }
    threshold(candidates.len(), options.confidence)
}

/// The standardised log-odds ratio of a term: `(mentions, mentions of all terms)` here and there, the term's prior and
/// the prior of all terms.
fn z(here: (f64, f64), there: (f64, f64), prior: f64, all: f64) -> f64 {
    // A term that is all there is leaves no odds; the smallest positive number stands in for none.
    let odds =
        |(own, total): (f64, f64)| ((own + prior) / (total + all - own - prior).max(f64::MIN_POSITIVE)).ln();
    let variance = 1.0 / (here.0 + prior) + 1.0 / (there.0 + prior);
    (odds(here) - odds(there)) / variance.sqrt()
}

/// The one-sided normal quantile, corrected for the number of terms (Bonferroni).
fn threshold(terms: usize, confidence: f64) -> f64 {
    let tail = (1.0 - confidence) / terms.max(1) as f64;
    Normal::new(0.0, 1.0).map_or(f64::INFINITY, |normal| -normal.inverse_cdf(tail))
}

#[cfg(test)]
mod tests {
    use super::{threshold, z};

    #[test]
    fn z_is_the_published_formula() {
        // y = 20 of 200 against 5 of 300, a prior of 500 mentions of which the term has 25.
        let odds = (45.0_f64 / 655.0).ln() - (30.0_f64 / 770.0).ln();
        let expected = odds / (1.0_f64 / 45.0 + 1.0 / 30.0).sqrt();
        assert!((z((20.0, 200.0), (5.0, 300.0), 25.0, 500.0) - expected).abs() < 1e-12);
        assert!(z((5.0, 50.0), (5.0, 50.0), 10.0, 100.0).abs() < 1e-12);
    }

    #[test]
    fn the_threshold_rises_with_the_number_of_terms() {
        assert!((threshold(1, 0.95) - 1.644_853_626_951).abs() < 1e-9);
        assert!(threshold(1_000, 0.95) > threshold(10, 0.95));
    }
}
