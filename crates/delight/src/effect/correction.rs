//! Many tests at once: p-values made honest.
//!
//! Of 20 tests of nothing one is below 0.05 on average. Both corrections return adjusted p-values in the order of
//! the input: a test counts where the adjusted value is below the rate that one accepts. What is not a number is
//! taken for 1.

/// Holm 1979: bounds the probability of naming *any* test that is nothing, whatever the tests have to do with each
/// other. The `i`-th smallest of `m` becomes the largest of `(m − j + 1) p_j` over `j ≤ i`.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, index) in order.iter().enumerate() {
        largest = largest.max((p_values.len() - place) as f64 * value(p_values, *index)).min(1.0);
        adjusted[*index] = largest;
    }
    adjusted
}

/// Benjamini & Hochberg 1995: bounds the *share* of nothings among those named, for tests that are independent or
/// positively dependent. Names more than [`holm`]. The `i`-th smallest of `m` becomes the smallest of `p_j m / j` over
/// `j ≥ i`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (place, index) in order.iter().enumerate().rev() {
        let scaled = value(p_values, *index) * p_values.len() as f64 / (place + 1) as f64;
        smallest = smallest.min(scaled);
        adjusted[*index] = smallest;
    }
    adjusted
}

fn value(p_values: &[f64], index: usize) -> f64 {
    p_values.get(index).copied().filter(|p| !p.is_nan()).unwrap_or(1.0).clamp(0.0, 1.0)
}

fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| value(p_values, *a).total_cmp(&value(p_values, *b)));
    order
}
