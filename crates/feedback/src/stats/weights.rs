//! Weights that make those who answered look like all customers, where traits are known.
//!
//! Weighting mends a bias only as far as people who share the traits answer alike, and costs precision: the
//! **effective** sample size `(Σw)² / Σw²` (Kish 1965) says how much, and every interval of weighted answers rests on
//! it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Error;

/// The population's shares of a trait's categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// The trait.
    pub trait_name: String,
    /// The share of each category: above 0, adding up to 1.
    pub shares: BTreeMap<String, f64>,
}

impl Margin {
    fn check(&self) -> Result<(), Error> {
        let refuse = |category: &str, share: f64| {
            Err(Error::Share { trait_name: self.trait_name.clone(), category: category.to_owned(), share })
        };
        let mut sum = 0.0;
        for (category, share) in &self.shares {
            if !(*share > 0.0 && *share <= 1.0) {
                return refuse(category, *share);
            }
            sum += share;
        }
        if (sum - 1.0).abs() > 1e-6 {
            return refuse(self.shares.keys().next_back().map_or("", String::as_str), sum);
        }
        Ok(())
    }
}

/// How raking goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Raking {
    /// Rounds at most.
    pub rounds: u32,
    /// Done when no weighted share is further than this from its target.
    pub tolerance: f64,
    /// No weight above so many times the mean: few people must not speak for many. Capping leaves shares off their
    /// targets; [`Weights::off`] says how far.
    pub cap: Option<f64>,
}

impl Default for Raking {
    /// 200 rounds, 1e-10, capped at 5.
    fn default() -> Self {
        Self { rounds: 200, tolerance: 1e-10, cap: Some(5.0) }
    }
}

/// A weight for each who answered, in their order, with mean 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// The weights.
    pub values: Vec<f64>,
    /// Effective sample size: as many answers without weights would be as precise (Kish 1965).
    pub effective: f64,
    /// `n / effective`, 1 or more: how much larger weighting makes variances.
    pub design_effect: f64,
    /// The largest distance of a weighted share from its target.
    pub off: f64,
    /// Rounds that it took.
    pub rounds: u32,
    /// How many weights were capped.
    pub capped: usize,
}

/// Post-stratification (Holt & Smith 1979): each who answered stands in a cell, and weighs the population's share of the
/// cell over the cell's share of the answers. Never capped.
pub fn post_stratify(cells: &[&str], population: &BTreeMap<String, f64>) -> Result<Weights, Error> {
    let rows: Vec<BTreeMap<String, String>> =
        cells.iter().map(|cell| BTreeMap::from([("cell".to_owned(), (*cell).to_owned())])).collect();
    let rows: Vec<&BTreeMap<String, String>> = rows.iter().collect();
    let margin = Margin { trait_name: "cell".to_owned(), shares: population.clone() };
    rake(&rows, &[margin], &Raking { cap: None, ..Raking::default() })
}

/// Raking, or iterative proportional fitting (Deming & Stephan 1940): weights are scaled to one trait's shares after the
/// other until all fit. Who lacks a trait keeps the weight and is left out of that trait's shares.
pub fn rake(
    rows: &[&BTreeMap<String, String>],
    margins: &[Margin],
    raking: &Raking,
) -> Result<Weights, Error> {
    if rows.is_empty() {
        return Err(Error::Nobody("an answer".to_owned()));
    }
    if let Some(cap) = raking.cap.filter(|cap| !(*cap >= 1.0 && cap.is_finite())) {
        return Err(Error::Cap(cap));
    }
    let fits = margins.iter().map(|margin| Fit::new(rows, margin)).collect::<Result<Vec<_>, _>>()?;
    let mut weights = vec![1.0; rows.len()];
    let mut rounds = 0;
    while rounds < raking.rounds && farthest(&fits, &weights) > raking.tolerance {
        for fit in &fits {
            fit.scale(&mut weights);
        }
        rounds += 1;
    }
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    for weight in &mut weights {
        *weight /= mean;
    }
    let capped = raking.cap.map_or(0, |cap| cap_at(&mut weights, cap));
    let effective = effective_size(&weights);
    let design_effect = weights.len() as f64 / effective;
    Ok(Weights { off: farthest(&fits, &weights), values: weights, effective, design_effect, rounds, capped })
}

/// `(Σw)² / Σw²`.
pub(super) fn effective_size(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    sum * sum / weights.iter().map(|weight| weight * weight).sum::<f64>()
}

fn farthest(fits: &[Fit], weights: &[f64]) -> f64 {
    fits.iter().map(|fit| fit.off(weights)).fold(0.0, f64::max)
}

/// A margin, matched with those who answered.
struct Fit {
    /// The category of each row; `None` for those without the trait.
    categories: Vec<Option<usize>>,
    targets: Vec<f64>,
}

impl Fit {
    fn new(rows: &[&BTreeMap<String, String>], margin: &Margin) -> Result<Self, Error> {
        margin.check()?;
        let place: BTreeMap<&str, usize> = margin.shares.keys().map(String::as_str).zip(0..).collect();
        let mut categories = Vec::with_capacity(rows.len());
        let mut seen = vec![false; margin.shares.len()];
        for row in rows {
            let Some(category) = row.get(&margin.trait_name) else {
                categories.push(None);
                continue;
            };
            let Some(at) = place.get(category.as_str()) else {
                return Err(Error::NoShare {
                    trait_name: margin.trait_name.clone(),
                    category: category.clone(),
                });
            };
            seen[*at] = true;
            categories.push(Some(*at));
        }
        if seen.iter().all(|seen| !seen) {
            return Err(Error::Nobody(margin.trait_name.clone()));
        }
        if let Some((category, _)) = margin.shares.keys().zip(&seen).find(|(_, seen)| !**seen) {
            let trait_name = margin.trait_name.clone();
            return Err(Error::NobodyAnswered { trait_name, category: category.clone() });
        }
        Ok(Self { categories, targets: margin.shares.values().copied().collect() })
    }

    /// The weight of each category.
    fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.targets.len()];
        for (category, weight) in self.categories.iter().zip(weights) {
            if let Some(category) = category {
                sums[*category] += weight;
            }
        }
        sums
    }

    fn off(&self, weights: &[f64]) -> f64 {
        let sums = self.sums(weights);
        let total: f64 = sums.iter().sum();
        sums.iter().zip(&self.targets).map(|(sum, target)| (sum / total - target).abs()).fold(0.0, f64::max)
    }

    /// Scales the weights of each category to its target; the sum over those with the trait stays.
    fn scale(&self, weights: &mut [f64]) {
        let sums = self.sums(weights);
        let total: f64 = sums.iter().sum();
        for (category, weight) in self.categories.iter().zip(weights) {
            if let Some(category) = category {
                *weight *= self.targets[*category] * total / sums[*category];
            }
        }
    }
}

/// Cuts weights (of mean 1) to `cap` and spreads what was cut over the others in proportion, until none is above.
fn cap_at(weights: &mut [f64], cap: f64) -> usize {
    let mut capped = vec![false; weights.len()];
    loop {
        let over = |(weight, capped): (&f64, &bool)| !*capped && *weight > cap;
        if !weights.iter().zip(&capped).any(over) {
            return capped.iter().filter(|capped| **capped).count();
        }
        for (weight, capped) in weights.iter_mut().zip(&mut capped) {
            if *weight > cap {
                (*weight, *capped) = (cap, true);
            }
        }
        let free: f64 =
            weights.iter().zip(&capped).filter(|(_, capped)| !**capped).map(|(weight, _)| weight).sum();
        let cut = capped.iter().filter(|capped| **capped).count();
        let left = weights.len() as f64 - cut as f64 * cap;
        for (weight, _) in weights.iter_mut().zip(&capped).filter(|(_, capped)| !**capped) {
            *weight *= left / free;
        }
    }
}
