//! Parameters from data, by maximum likelihood, with what is to be known about the fit.

use elate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::optimise::{Likelihood, Maximum, maximise};
use super::purchases::{Family, PurchaseModel, PurchaseParams};
use super::spend::{SpendModel, SpendSummary};
use super::{Error, Summary};

/// Customers with a repeat purchase that a fit needs at least, for either model. Below, parameters are noise.
pub const LEAST_REPEATERS: usize = 30;

/// How a search for the maximum of the likelihood ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// When the fit was made, as the caller said.
    pub fitted_at: Timestamp,
    /// The log-likelihood of all customers, in the units of the data.
    pub log_likelihood: f64,
    /// Customers in the fit.
    pub customers: u64,
    /// Those of them with a repeat purchase.
    pub repeaters: u64,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Length of the gradient of the mean log-likelihood at the end, by the logarithms of the parameters.
    pub gradient_norm: f64,
    /// Whether that is short enough for a maximum. A fit that did not converge should not replace one that did.
    pub converged: bool,
    /// Whether a parameter ran into the search's bound because the data do not limit it: nobody ever left, or all
    /// customers are alike. Predictions stay usable, the parameters themselves mean little.
    pub at_bound: bool,
}

/// A fitted [`PurchaseModel`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PurchaseFit {
    /// The model.
    pub model: PurchaseModel,
    /// How good the fit is.
    pub quality: Quality,
}

/// A fitted [`SpendModel`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SpendFit {
    /// The model.
    pub model: SpendModel,
    /// How good the fit is; all its customers are repeaters.
    pub quality: Quality,
    /// Pearson's correlation of how often and how much customers buy, −1…1; `None` where one does not vary. The
    /// model takes it for 0: above about 0.3 in size, expected values are biased.
    pub correlation: Option<f64>,
}

/// Fits BG/NBD or MBG/NBD. Depends neither on the order of customers nor on the unit of time.
///
/// Parameters are searched in logarithms, ages scaled to a mean of 1. Fails with fewer than [`LEAST_REPEATERS`]
/// customers who came back.
pub fn fit_purchases(
    family: Family,
    customers: &[Summary],
    fitted_at: Timestamp,
) -> Result<PurchaseFit, Error> {
    let repeaters = customers.iter().filter(|customer| customer.repeats > 0).count();
    enough(repeaters)?;
    let key = |c: &Summary| (c.repeats, c.recency.to_bits(), c.age.to_bits());
    let mut sorted = customers.to_vec();
    sorted.sort_by_key(key);
    let unit = sorted.iter().map(|customer| customer.age).sum::<f64>() / customers.len() as f64;
    super::positive("mean age", unit)?;
    for customer in &mut sorted {
        customer.recency /= unit;
        customer.age /= unit;
    }
    let counted = counted(sorted, key);
    let likelihood = PurchaseLikelihood { family, counted, customers: customers.len() as f64 };
    let starts = [vec![0.0; 4], vec![-1.0, -1.0, -0.5, 1.0]];
    let found = maximise(&likelihood, &starts)?;
    let params = PurchaseParams {
        r: found.logs[0].exp(),
        alpha: found.logs[1].exp() * unit,
        a: found.logs[2].exp(),
        b: found.logs[3].exp(),
    };
    let model = PurchaseModel::try_new(family, params)?;
    let purchases: f64 = customers.iter().map(|customer| f64::from(customer.repeats)).sum();
    let log_likelihood = likelihood.value(&found.logs) * likelihood.customers - purchases * unit.ln();
    Ok(PurchaseFit { model, quality: quality(&found, log_likelihood, customers.len(), repeaters, fitted_at) })
}

/// Fits Gamma-Gamma to the customers with a repeat purchase and money above 0; others are left out.
pub fn fit_spend(customers: &[Summary], fitted_at: Timestamp) -> Result<SpendFit, Error> {
    let key = |s: &SpendSummary| (s.repeats, s.mean.to_bits());
    let mut spends: Vec<SpendSummary> = customers.iter().filter_map(SpendSummary::of).collect();
    enough(spends.len())?;
    spends.sort_by_key(key);
    let number = spends.len() as f64;
    let unit = spends.iter().map(|spend| spend.mean).sum::<f64>() / number;
    let scaled = |spend: &SpendSummary| SpendSummary { mean: spend.mean / unit, ..*spend };
    let counted = counted(spends.iter().map(scaled).collect(), key);
    let likelihood = SpendLikelihood { counted, customers: number };
    let starts = [vec![0.0; 3], vec![1.5, 1.0, -0.5]];
    let found = maximise(&likelihood, &starts)?;
    let model = SpendModel::try_new(found.logs[0].exp(), found.logs[1].exp(), found.logs[2].exp() * unit)?;
    let log_likelihood = (likelihood.value(&found.logs) - unit.ln()) * number;
    Ok(SpendFit {
        model,
        quality: quality(&found, log_likelihood, spends.len(), spends.len(), fitted_at),
        correlation: correlation(spends.iter().map(|spend| (f64::from(spend.repeats), spend.mean))),
    })
}

fn enough(repeaters: usize) -> Result<(), Error> {
    if repeaters < LEAST_REPEATERS {
        return Err(Error::TooFew { found: repeaters, needed: LEAST_REPEATERS });
    }
    Ok(())
}

fn quality(
    found: &Maximum,
    log_likelihood: f64,
    customers: usize,
    repeaters: usize,
    fitted_at: Timestamp,
) -> Quality {
    Quality {
        fitted_at,
        log_likelihood,
        customers: customers as u64,
        repeaters: repeaters as u64,
        steps: found.steps,
        gradient_norm: found.gradient_norm,
        converged: found.converged,
        at_bound: found.at_bound,
    }
}

/// Neighbours that are equal as one with their number: less work. Summaries are sorted before all sums are taken,
/// so that these do not depend on the order in which customers came.
fn counted<T, K: PartialEq>(sorted: Vec<T>, key: impl Fn(&T) -> K) -> Vec<(T, f64)> {
    let mut counted: Vec<(T, f64)> = Vec::new();
    for item in sorted {
        match counted.last_mut() {
            Some((last, count)) if key(last) == key(&item) => *count += 1.0,
            _ => counted.push((item, 1.0)),
        }
    }
    counted
}

/// Pearson's correlation; `None` where one side does not vary.
pub(super) fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let number = pairs.clone().count() as f64;
    let (x_sum, y_sum) = pairs.clone().fold((0.0, 0.0), |(x, y), pair| (x + pair.0, y + pair.1));
    let (x_mean, y_mean) = (x_sum / number, y_sum / number);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = (x - x_mean, y - y_mean);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

struct PurchaseLikelihood {
    family: Family,
    counted: Vec<(Summary, f64)>,
    customers: f64,
}

impl PurchaseLikelihood {
    fn model(&self, logs: &[f64]) -> Option<PurchaseModel> {
        let &[r, alpha, a, b] = logs else { return None };
        let params = PurchaseParams { r: r.exp(), alpha: alpha.exp(), a: a.exp(), b: b.exp() };
        PurchaseModel::try_new(self.family, params).ok()
    }
}

impl Likelihood for PurchaseLikelihood {
    fn value(&self, logs: &[f64]) -> f64 {
        let Some(model) = self.model(logs) else { return f64::NEG_INFINITY };
        let sum: f64 =
            self.counted.iter().map(|(customer, count)| count * model.log_likelihood(customer)).sum();
        sum / self.customers
    }

    fn gradient(&self, logs: &[f64]) -> Vec<f64> {
        let mut sums = [0.0; 4];
        if let Some(model) = self.model(logs) {
            for (customer, count) in &self.counted {
                model.add_gradient(customer, count / self.customers, &mut sums);
            }
        }
        sums.to_vec()
    }
}

struct SpendLikelihood {
    counted: Vec<(SpendSummary, f64)>,
    customers: f64,
}

impl SpendLikelihood {
    fn model(logs: &[f64]) -> Option<SpendModel> {
        let &[p, q, v] = logs else { return None };
        SpendModel::try_new(p.exp(), q.exp(), v.exp()).ok()
    }
}

impl Likelihood for SpendLikelihood {
    fn value(&self, logs: &[f64]) -> f64 {
        let Some(model) = Self::model(logs) else { return f64::NEG_INFINITY };
        let sum: f64 =
            self.counted.iter().map(|(customer, count)| count * model.log_likelihood(customer)).sum();
        sum / self.customers
    }

    fn gradient(&self, logs: &[f64]) -> Vec<f64> {
        let mut sums = [0.0; 3];
        if let Some(model) = Self::model(logs) {
            for (customer, count) in &self.counted {
                model.add_gradient(customer, count / self.customers, &mut sums);
            }
        }
        sums.to_vec()
    }
}
