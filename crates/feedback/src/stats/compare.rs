//! Whether two groups differ, and by how much.

use std::collections::BTreeMap;

use elate_delight::Interval;
use elate_delight::effect::correction::holm;
use elate_delight::rates::SMALL_SAMPLE;
use elate_delight::survey::{Csat, Nps, Sample, proportion};
use serde::{Deserialize, Serialize};

use super::{Error, Measure, Tally, t, two_sided, two_sided_t, z};

/// How two groups were compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Difference of two NPS with the variance of multinomial counts, three answers added to each group.
    NpsDifference,
    /// Difference of two shares, from their Wilson intervals (Newcombe 1998, method 10).
    Newcombe,
    /// Difference of two means of unequal variance.
    Welch {
        /// Degrees of freedom (Satterthwaite 1946).
        df: f64,
    },
}

/// A difference of two groups: the second less the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What was measured.
    pub measure: Measure,
    /// The first group's figure: the earlier period, the rest.
    pub first: f64,
    /// The second group's figure: the later period, the segment.
    pub second: f64,
    /// `second − first`.
    pub difference: f64,
    /// The difference's interval. It excludes 0 exactly where the p-value is below 1 − confidence.
    pub interval: Interval,
    /// How often chance alone makes a difference at least so large.
    pub p_value: f64,
    /// How it was computed.
    pub test: Test,
    /// Answers of the first and the second group.
    pub answers: (u64, u64),
    /// Whether one of the groups is too small to act on.
    pub small_sample: bool,
}

impl Comparison {
    /// Whether the interval excludes 0.
    pub fn is_significant(&self) -> bool {
        !self.interval.contains(0.0)
    }
}

/// Compares two groups with the test that fits the measure.
///
/// * NPS: `d ± z·√(V₁ + V₂)`, where `d` and the variances `V = (p₊ + p₋ − (p₊ − p₋)²)/n` of the multinomial counts are
///   taken after adding ¾, 1½ and ¾ answers to each group, as Agresti & Caffo 2000 do for shares and Rocks 2016 for one
///   NPS: without them small groups that agree would be certain. [`nps_difference_wald`] is the same without.
/// * CSAT: Newcombe 1998, method 10; the p-value is 1 less the highest confidence whose interval excludes 0.
/// * CES: Welch 1947 with the degrees of freedom of Satterthwaite 1946; two answers in each group at least.
pub fn compare(first: &Tally, second: &Tally, confidence: f64) -> Result<Comparison, Error> {
    z(confidence)?;
    let fewest = first.answers().min(second.answers());
    let (Some(before), Some(after)) = (first.value(), second.value()) else {
        return Err(Error::TooFew(fewest, 1));
    };
    let (interval, p_value, test) = match (first, second) {
        (Tally::Nps(one), Tally::Nps(other)) => {
            let (interval, p) = nps_difference(one, other, 3.0, confidence)?;
            (interval, p, Test::NpsDifference)
        }
        (Tally::Csat(one), Tally::Csat(other)) => {
            let (interval, p) = newcombe(one, other, confidence)?;
            (interval, p, Test::Newcombe)
        }
        (Tally::Ces(one), Tally::Ces(other)) => welch(one, other, confidence)?,
        (Tally::Nps(_) | Tally::Csat(_) | Tally::Ces(_), _) => {
            return Err(Error::Measures(first.measure(), second.measure()));
        }
    };
    Ok(Comparison {
        measure: first.measure(),
        first: before,
        second: after,
        difference: after - before,
        interval,
        p_value,
        test,
        answers: (first.answers(), second.answers()),
        small_sample: fewest < SMALL_SAMPLE,
    })
}

/// The difference `second − first` of two NPS by Wald's formula, with nothing added: for comparison with other tools.
pub fn nps_difference_wald(first: &Nps, second: &Nps, confidence: f64) -> Result<Interval, Error> {
    nps_difference(first, second, 0.0, confidence).map(|(interval, _)| interval)
}

fn nps_difference(first: &Nps, second: &Nps, added: f64, confidence: f64) -> Result<(Interval, f64), Error> {
    let fewest = first.answers().min(second.answers());
    if fewest == 0 {
        return Err(Error::TooFew(fewest, 1));
    }
    let moments = |nps: &Nps| {
        let n = nps.answers() as f64 + added;
        let (up, down) =
            ((nps.promoters as f64 + added / 4.0) / n, (nps.detractors as f64 + added / 4.0) / n);
        (up - down, (up + down - (up - down).powi(2)).max(0.0) / n)
    };
    let ((before, before_variance), (after, after_variance)) = (moments(first), moments(second));
    let (difference, error) = (after - before, (before_variance + after_variance).sqrt());
    let interval = Interval::around(100.0 * difference, 100.0 * z(confidence)? * error, confidence);
    let p_value = if error > 0.0 { two_sided(difference / error) } else { 1.0 };
    Ok((interval, p_value))
}

fn newcombe(first: &Csat, second: &Csat, confidence: f64) -> Result<(Interval, f64), Error> {
    let at = |confidence: f64| {
        let (one, other) = (second, first);
        proportion::newcombe_difference(
            one.satisfied,
            one.answers,
            other.satisfied,
            other.answers,
            confidence,
        )
    };
    let interval = at(confidence).ok_or(Error::Confidence(confidence))?;
    let excludes = |confidence: f64| at(confidence).is_some_and(|interval| !interval.contains(0.0));
    // Intervals widen with confidence, so the last one without 0 is found by halving.
    let (mut inside, mut outside) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (inside + outside) / 2.0;
        if excludes(middle) { inside = middle } else { outside = middle }
    }
    Ok((interval, 1.0 - inside))
}

fn welch(first: &Sample, second: &Sample, confidence: f64) -> Result<(Interval, f64, Test), Error> {
    let fewest = first.count.min(second.count);
    let (Some(one), Some(other)) = (first.variance(), second.variance()) else {
        return Err(Error::TooFew(fewest, 2));
    };
    let (one, other) = (one / first.count as f64, other / second.count as f64);
    if one + other <= 0.0 {
        return Err(Error::NoSpread);
    }
    let shares = one * one / (first.count - 1) as f64 + other * other / (second.count - 1) as f64;
    let df = (one + other).powi(2) / shares;
    let (difference, error) = (second.mean - first.mean, (one + other).sqrt());
    let interval = Interval::around(difference, t(confidence, df)? * error, confidence);
    Ok((interval, two_sided_t(difference / error, df), Test::Welch { df }))
}

/// How a segment differs from all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentDifference {
    /// The segment.
    pub segment: String,
    /// All others (first) against it (second).
    pub comparison: Comparison,
    /// The p-value corrected for the number of segments that were looked at (Holm 1979).
    pub corrected_p: f64,
}

/// Compares each segment with the rest. Segments that cannot be compared (too few answers, no spread) are left out. In
/// order of the corrected p-value, then of the name.
pub fn segments(
    segments: &BTreeMap<String, Tally>,
    confidence: f64,
) -> Result<Vec<SegmentDifference>, Error> {
    z(confidence)?;
    let mut found: Vec<SegmentDifference> = Vec::new();
    for (name, tally) in segments {
        let others = segments.iter().filter(|(other, _)| *other != name).map(|(_, tally)| *tally);
        let mut rest = Tally::new(tally.measure());
        for other in others {
            rest = rest.merged(other).ok_or(Error::Measures(tally.measure(), other.measure()))?;
        }
        if let Ok(comparison) = compare(&rest, tally, confidence) {
            found.push(SegmentDifference {
                segment: name.clone(),
                comparison,
                corrected_p: comparison.p_value,
            });
        }
    }
    let p_values: Vec<f64> = found.iter().map(|segment| segment.comparison.p_value).collect();
    for (segment, corrected) in found.iter_mut().zip(holm(&p_values)) {
        segment.corrected_p = corrected;
    }
    found.sort_by(|one, other| one.corrected_p.total_cmp(&other.corrected_p));
    Ok(found)
}
