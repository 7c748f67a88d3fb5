//! How alike the orders are in which two formulas put customers.

use super::Pair;

/// Spearman's rank correlation: Pearson's correlation of the ranks, ties at their mean rank. `None` where there are fewer
/// than two pairs, or all scores of a side are equal.
pub fn spearman(pairs: &[Pair]) -> Option<f64> {
    let running = ranks(pairs, |pair| pair.running);
    let candidate = ranks(pairs, |pair| pair.candidate);
    // The mean rank is the same with and without ties.
    let middle = (pairs.len() as f64 - 1.0) / 2.0;
    let (mut both, mut one, mut other) = (0.0, 0.0, 0.0);
    for (x, y) in running.iter().zip(&candidate) {
        let (x, y) = (x - middle, y - middle);
        both += x * y;
        one += x * x;
        other += y * y;
    }
    (one > 0.0 && other > 0.0).then(|| (both / (one * other).sqrt()).clamp(-1.0, 1.0))
}

/// The rank of each pair, from 0 on; equal scores share the mean of their ranks.
fn ranks(pairs: &[Pair], score: impl Fn(&Pair) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_unstable_by(|a, b| score(&pairs[*a]).total_cmp(&score(&pairs[*b])));
    let mut ranks = vec![0.0; pairs.len()];
    let mut from = 0;
    while from < order.len() {
        let value = score(&pairs[order[from]]);
        let equal = order[from..].iter().take_while(|place| score(&pairs[**place]) == value).count();
        // A score that is no number equals nothing, itself included.
        let to = from + equal.max(1);
        let shared = (from + to - 1) as f64 / 2.0;
        order[from..to].iter().for_each(|place| ranks[*place] = shared);
        from = to;
    }
    ranks
}
