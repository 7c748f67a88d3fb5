//! The chain of a journey: which link is the weakest, and how well all of them play together.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::interval::Interval;
use crate::survey::Sample;

/// A weakest link is named only if it is the worst with at least this probability.
pub const NAMED_AT: f64 = 0.9;

/// Points of each link's posterior at which it is compared with the others. More do not change the third decimal.
const QUADRATURE_POINTS: usize = 256;

/// How many moments the spread over all links counts for in the spread of one.
const POOLED_MOMENTS: f64 = 4.0;

/// No mean gap is known better than to a hundredth of a tolerance squared over its moments: keeps links apart from
/// false certainty where all gaps are equal.
const VARIANCE_FLOOR: f64 = 0.01;

/// The gaps of one link (a touchpoint of a journey).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Count, mean and spread of its gaps.
    pub gaps: Sample,
}

/// A link with its place in the ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedLink {
    /// Its name.
    pub name: String,
    /// Moments on it.
    pub moments: u64,
    /// Their mean gap.
    pub mean_gap: f64,
    /// An interval of the mean gap; absent below two moments.
    pub interval: Option<Interval>,
    /// The probability that its long-run mean gap is the lowest of all.
    pub probability_worst: f64,
}

/// Links from the worst mean gap to the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// Every link that has moments, worst first; ties by name.
    pub links: Vec<RankedLink>,
    /// The weakest link, if one is the worst with probability [`NAMED_AT`] and there are at least two.
    pub weakest: Option<String>,
    /// See [`harmony`]; absent without moments.
    pub harmony: Option<f64>,
}

/// Ranks links by mean gap and computes for each the probability of being the worst.
pub fn rank(links: &[Link], confidence: f64) -> Chain {
    let links: Vec<&Link> = links.iter().filter(|l| l.gaps.count > 0).collect();
    let posteriors = posteriors(&links);
    let probabilities = probabilities_worst(&posteriors);
    let mut ranked: Vec<RankedLink> = links
        .iter()
        .zip(probabilities)
        .map(|(link, probability_worst)| RankedLink {
            name: link.name.clone(),
            moments: link.gaps.count,
            mean_gap: link.gaps.mean,
            interval: link.gaps.t_interval(confidence),
            probability_worst,
        })
        .collect();
    ranked.sort_by(|a, b| a.mean_gap.total_cmp(&b.mean_gap).then_with(|| a.name.cmp(&b.name)));
    let weakest = (ranked.len() >= 2)
        .then(|| ranked.iter().find(|l| l.probability_worst >= NAMED_AT))
        .flatten()
        .map(|l| l.name.clone());
    Chain { weakest, harmony: harmony_of(&links), links: ranked }
}

/// Harmony, 0 to 100: `100 · exp(−s)` with `s² = max(0, Σ ω (ḡ − Σωḡ)² − Σ ω(1 − ω)·se²)` over the links' mean gaps
/// `ḡ` and their shares of moments `ω`: 100 when all links are alike, whatever their level. The second sum is the
/// variance between means that sampling alone would make (the moment estimator of a random-effects model,
/// DerSimonian & Laird 1986).
///
/// A link with a single moment has the pooled variance of the others. `None` without moments.
pub fn harmony(links: &[Link]) -> Option<f64> {
    let links: Vec<&Link> = links.iter().filter(|l| l.gaps.count > 0).collect();
    harmony_of(&links)
}

fn harmony_of(links: &[&Link]) -> Option<f64> {
    let total: u64 = links.iter().map(|l| l.gaps.count).sum();
    if total == 0 {
        return None;
    }
    let pooled = pooled_variance(links);
    let share = |link: &Link| link.gaps.count as f64 / total as f64;
    let centre: f64 = links.iter().map(|l| share(l) * l.gaps.mean).sum();
    let mut squared = 0.0;
    for link in links {
        let omega = share(link);
        let variance = link.gaps.variance().unwrap_or(pooled);
        let expected = (1.0 - omega) * variance / link.gaps.count as f64;
        squared += omega * ((link.gaps.mean - centre).powi(2) - expected);
    }
    Some(100.0 * (-squared.max(0.0).sqrt()).exp())
}

/// The variance within links, over all of them; 0 where no link has two moments.
fn pooled_variance(links: &[&Link]) -> f64 {
    let squares: f64 = links.iter().map(|l| l.gaps.squares).sum();
    let freedom: u64 = links.iter().map(|l| l.gaps.count - 1).sum();
    if freedom == 0 { 0.0 } else { squares / freedom as f64 }
}

/// What is known of a link's long-run mean gap: Student's t around the mean, the variance drawn towards that of all
/// links (an inverse-χ² prior worth [`POOLED_MOMENTS`]; Gelman et al., Bayesian Data Analysis, §3.3).
fn posteriors(links: &[&Link]) -> Vec<StudentsT> {
    let pooled = pooled_variance(links);
    let posterior = |link: &&Link| {
        let n = link.gaps.count as f64;
        let freedom = POOLED_MOMENTS + n - 1.0;
        let variance = ((POOLED_MOMENTS * pooled + link.gaps.squares) / freedom).max(VARIANCE_FLOOR);
        StudentsT::new(link.gaps.mean, (variance / n).sqrt(), freedom).ok()
    };
    // Scale and freedom are positive and finite by construction, so none is lost here.
    links.iter().filter_map(posterior).collect()
}

/// For each link `P(its mean is below all others)`: the mean over its own distribution, at evenly spaced quantiles,
/// of the probability that all others lie above. Deterministic; normalised to 1.
fn probabilities_worst(posteriors: &[StudentsT]) -> Vec<f64> {
    let mut probabilities: Vec<f64> = Vec::with_capacity(posteriors.len());
    for (place, own) in posteriors.iter().enumerate() {
        let mut sum = 0.0;
        for step in 0..QUADRATURE_POINTS {
            let x = own.inverse_cdf((step as f64 + 0.5) / QUADRATURE_POINTS as f64);
            let others = posteriors.iter().enumerate().filter(|(other, _)| *other != place);
            sum += others.map(|(_, other)| other.sf(x)).product::<f64>();
        }
        probabilities.push(sum / QUADRATURE_POINTS as f64);
    }
    let total: f64 = probabilities.iter().sum();
    if total > 0.0 {
        for probability in &mut probabilities {
            *probability /= total;
        }
    }
    probabilities
}
