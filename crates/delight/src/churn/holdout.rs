//! How good a model is: what it said of customers against what they then did.

use serde::{Deserialize, Serialize};

use super::Summary;
use super::fit::correlation;
use super::purchases::PurchaseModel;

/// Predictions against what came, over customers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HoldoutCheck {
    /// Customers compared.
    pub customers: u64,
    /// Length of the period predicted, in units of the model.
    pub length: f64,
    /// Pearson's correlation of expected and real purchases; `None` where one does not vary.
    pub correlation: Option<f64>,
    /// Mean size of the error, in purchases.
    pub mean_absolute_error: f64,
    /// Mean squared error, in purchases².
    pub mean_squared_error: f64,
    /// Purchases expected of all customers.
    pub expected: f64,
    /// Purchases that they made.
    pub actual: u64,
    /// The probability that, of two customers of whom one bought again, the model expected more of that one; ½ is
    /// chance. `None` where all or none bought.
    pub expected_auc: Option<f64>,
    /// The same for the probability of being alive: below ½ under BG/NBD where many never came back.
    pub alive_auc: Option<f64>,
}

/// Compares a model with what customers did in the `length` units after their summaries end.
///
/// `customers` holds for each the summary at the end of calibration and the number of periods with a purchase after
/// it. The model should be fitted to nothing later than that. `None` without customers.
pub fn check(model: &PurchaseModel, customers: &[(Summary, u64)], length: f64) -> Option<HoldoutCheck> {
    if customers.is_empty() {
        return None;
    }
    let expected: Vec<f64> =
        customers.iter().map(|(summary, _)| model.expected_purchases(summary, length)).collect();
    let alive: Vec<f64> = customers.iter().map(|(summary, _)| model.alive(summary)).collect();
    let pairs = || expected.iter().zip(customers).map(|(expected, (_, actual))| (*expected, *actual as f64));
    let number = customers.len() as f64;
    let bought = |place: usize| customers[place].1 > 0;
    Some(HoldoutCheck {
        customers: customers.len() as u64,
        length,
        correlation: correlation(pairs()),
        mean_absolute_error: pairs().map(|(e, a)| (e - a).abs()).sum::<f64>() / number,
        mean_squared_error: pairs().map(|(e, a)| (e - a).powi(2)).sum::<f64>() / number,
        expected: expected.iter().sum(),
        actual: customers.iter().map(|(_, actual)| actual).sum(),
        expected_auc: auc(&expected, bought),
        alive_auc: auc(&alive, bought),
    })
}

/// The area under the receiver operating characteristic, as the Mann–Whitney statistic with mid-ranks for ties.
fn auc(scores: &[f64], hit: impl Fn(usize) -> bool) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut hits, mut rank_sum) = (0.0, 0.0);
    let mut ranked = 0;
    for tie in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let middle = ranked as f64 + (tie.len() as f64 + 1.0) / 2.0;
        let here = tie.iter().filter(|place| hit(**place)).count() as f64;
        rank_sum += here * middle;
        hits += here;
        ranked += tie.len();
    }
    let misses = scores.len() as f64 - hits;
    (hits > 0.0 && misses > 0.0).then(|| (rank_sum - hits * (hits + 1.0) / 2.0) / (hits * misses))
}
