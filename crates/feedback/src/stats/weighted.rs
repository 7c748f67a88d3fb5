//! Figures of weighted answers.

use elate_delight::Interval;
use elate_delight::rates::{Figure, SMALL_SAMPLE};
use serde::{Deserialize, Serialize};

use super::weights::effective_size;
use super::{Error, Measure, t, z};
use crate::record::Value;

/// A figure of weighted answers, beside the one without weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeightedFigure {
    /// The weighted figure. Its interval rests on the effective sample size, and so does the flag of small samples.
    pub figure: Figure,
    /// The figure without weights.
    pub unweighted: f64,
    /// Effective sample size (Kish 1965).
    pub effective: f64,
}

/// The figure of answers with weights; `None` without answers to this measure.
///
/// The value is `Σwx / Σw`. Its interval is the one that as many answers as the effective sample size would have: NPS by
/// adjusted Wald (Rocks 2016), CSAT by Wilson 1927, CES by t. With equal weights it is that of [`Tally`](super::Tally).
/// What knowing the traits takes from the variance is not counted, so the interval is rather too wide.
pub fn weighted<'a>(
    measure: Measure,
    answers: impl IntoIterator<Item = (&'a Value, f64)>,
    confidence: f64,
) -> Result<Option<WeightedFigure>, Error> {
    let z = z(confidence)?;
    let (mut codes, mut weights) = (Vec::new(), Vec::new());
    for (value, weight) in answers {
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Error::Weight(weight));
        }
        if let Some(code) = measure.code(value) {
            codes.push(code);
            weights.push(weight);
        }
    }
    if codes.is_empty() {
        return Ok(None);
    }
    let total: f64 = weights.iter().sum();
    let share =
        |of: &dyn Fn(f64) -> f64| codes.iter().zip(&weights).map(|(x, w)| w * of(*x)).sum::<f64>() / total;
    let (value, effective) = (share(&|x| x), effective_size(&weights));
    let interval = match measure {
        Measure::Nps => {
            let up = share(&|x| f64::from(u8::from(x > 0.0)));
            adjusted_wald(up, share(&|x| f64::from(u8::from(x < 0.0))), effective, z, confidence)
        }
        Measure::Csat => wilson(value, effective, z, confidence),
        Measure::Ces => {
            let spread = share(&|x| (x - value).powi(2));
            mean(value, spread, effective, confidence)?
        }
    };
    let (low, high) = measure.bounds();
    let figure = Figure {
        value,
        interval: interval.clipped(low, high),
        observations: codes.len() as u64,
        small_sample: effective < SMALL_SAMPLE as f64,
    };
    let unweighted = codes.iter().sum::<f64>() / codes.len() as f64;
    Ok(Some(WeightedFigure { figure, unweighted, effective }))
}

fn adjusted_wald(up: f64, down: f64, n: f64, z: f64, confidence: f64) -> Interval {
    let all = n + 3.0;
    let (up, down) = ((up * n + 0.75) / all, (down * n + 0.75) / all);
    let error = ((up + down - (up - down).powi(2)).max(0.0) / all).sqrt();
    Interval::around(100.0 * (up - down), 100.0 * z * error, confidence)
}

fn wilson(p: f64, n: f64, z: f64, confidence: f64) -> Interval {
    let shrink = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * ((p * (1.0 - p)).max(0.0) / n + z * z / (4.0 * n * n)).sqrt();
    Interval::around(centre, half, confidence)
}

/// The whole scale where there are less than two answers' worth.
fn mean(value: f64, spread: f64, n: f64, confidence: f64) -> Result<Interval, Error> {
    let (low, high) = Measure::Ces.bounds();
    // One answer of great weight and small ones beside it are about one answer.
    if n < 1.5 {
        return Ok(Interval { low, high, confidence });
    }
    let error = (spread / (n - 1.0)).sqrt();
    Ok(Interval::around(value, t(confidence, n - 1.0)? * error, confidence))
}
