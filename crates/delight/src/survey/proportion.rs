//! Intervals for shares. All return `None` where there is nothing to say: no observations, more successes than
//! trials, or a confidence outside 0…1.

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, beta_quantile, half_alpha, z};

fn share(successes: u64, n: u64) -> Option<(f64, f64)> {
    (n > 0 && successes <= n).then(|| (successes as f64 / n as f64, n as f64))
}

/// Wilson's score interval (Wilson 1927): good at small counts and near 0 and 1; the default of this crate.
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    let (p, n) = share(successes, n)?;
    let z = z(confidence)?;
    let shrink = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(Interval::around(centre, half, confidence).clipped(0.0, 1.0))
}

/// Agresti & Coull 1998: Wald after adding z²/2 successes and z²/2 failures.
pub fn agresti_coull(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    let (p, n) = share(successes, n)?;
    let z = z(confidence)?;
    let trials = n + z * z;
    let centre = (p * n + z * z / 2.0) / trials;
    let half = z * (centre * (1.0 - centre) / trials).sqrt();
    Some(Interval::around(centre, half, confidence).clipped(0.0, 1.0))
}

/// Equal-tailed interval of the Jeffreys posterior Beta(x + ½, n − x + ½) (Brown, Cai & DasGupta 2001).
pub fn jeffreys(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    share(successes, n)?;
    let tail = half_alpha(confidence)?;
    let (a, b) = (successes as f64 + 0.5, (n - successes) as f64 + 0.5);
    Some(Interval { low: beta_quantile(a, b, tail)?, high: beta_quantile(a, b, 1.0 - tail)?, confidence })
}

/// The exact interval of Clopper & Pearson 1934: never covers less than it says, often more.
pub fn clopper_pearson(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    share(successes, n)?;
    let tail = half_alpha(confidence)?;
    let (x, misses) = (successes as f64, (n - successes) as f64);
    let low = if successes == 0 { 0.0 } else { beta_quantile(x, misses + 1.0, tail)? };
    let high = if successes == n { 1.0 } else { beta_quantile(x + 1.0, misses, 1.0 - tail)? };
    Some(Interval { low, high, confidence })
}

/// The textbook interval `p ± z·√(p(1−p)/n)`. Poor at small counts; here for comparison with other tools.
pub fn wald(successes: u64, n: u64, confidence: f64) -> Option<Interval> {
    let (p, n) = share(successes, n)?;
    let half = z(confidence)? * (p * (1.0 - p) / n).sqrt();
    Some(Interval::around(p, half, confidence).clipped(0.0, 1.0))
}

/// The difference of two shares, `x1/n1 − x2/n2`, by method 10 of Newcombe 1998: from the two Wilson intervals.
pub fn newcombe_difference(x1: u64, n1: u64, x2: u64, n2: u64, confidence: f64) -> Option<Interval> {
    let (p1, _) = share(x1, n1)?;
    let (p2, _) = share(x2, n2)?;
    let (first, second) = (wilson(x1, n1, confidence)?, wilson(x2, n2, confidence)?);
    let difference = p1 - p2;
    let low = difference - ((p1 - first.low).powi(2) + (second.high - p2).powi(2)).sqrt();
    let high = difference + ((first.high - p1).powi(2) + (p2 - second.low).powi(2)).sqrt();
    Some(Interval { low, high, confidence })
}

/// The difference of two shares by Wald's formula, for comparison with other tools.
pub fn wald_difference(x1: u64, n1: u64, x2: u64, n2: u64, confidence: f64) -> Option<Interval> {
    let (p1, n1) = share(x1, n1)?;
    let (p2, n2) = share(x2, n2)?;
    let se = (p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2).sqrt();
    Some(Interval::around(p1 - p2, z(confidence)? * se, confidence))
}

/// Customer satisfaction: how many answers were at or above the line that counts as satisfied (4 of 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Csat {
    /// Answers at or above the line.
    pub satisfied: u64,
    /// All answers.
    pub answers: u64,
}

impl Csat {
    /// Takes one answer in.
    pub fn add(&mut self, answer: f64, satisfied_from: f64) {
        self.answers += 1;
        self.satisfied += u64::from(answer >= satisfied_from);
    }

    /// The satisfied share, 0…1.
    pub fn share(&self) -> Option<f64> {
        share(self.satisfied, self.answers).map(|(p, _)| p)
    }

    /// Wilson's interval of the share.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        wilson(self.satisfied, self.answers, confidence)
    }
}
