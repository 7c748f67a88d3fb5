//! Where a wow would count most: touchpoints with many visits, little variance and a strong pull on return.
//!
//! The pull of a touchpoint is how much more likely a customer returns for each tolerance that the experience there
//! is better: the slope of the least-squares line of return (0 or 1) on the gap, a linear probability model. It is what
//! goes together, not yet what causes what; an experiment says that.

use elate_delight::Interval;
use elate_delight::survey::Sample;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewer visits say nothing about the pull.
const LEAST_VISITS: u64 = 30;

/// Gaps of a touchpoint, each with whether the customer returned. Updated one by one (Welford 1962) and mergeable
/// (Chan, Golub & LeVeque 1979).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Returns {
    /// The gaps, in tolerances.
    pub gaps: Sample,
    /// How many returned.
    pub returned: u64,
    /// Visits with a gap of at least 1.
    pub wows: u64,
    /// `Σ (gap − mean gap)(returned − share of returned)`.
    covariation: f64,
}

impl Returns {
    /// Takes one visit in: its gap, and whether the customer returned afterwards. What is no number is left out.
    pub fn add(&mut self, gap: f64, returned: bool) {
        if !gap.is_finite() {
            return;
        }
        let mut one = Self { returned: u64::from(returned), wows: u64::from(gap >= 1.0), ..Self::default() };
        one.gaps.add(gap);
        *self = self.merged(one);
    }

    /// Both together.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let gaps = self.gaps.merged(other.gaps);
        let both = gaps.count.max(1) as f64;
        let weight = self.gaps.count as f64 * other.gaps.count as f64 / both;
        let apart = (other.gaps.mean - self.gaps.mean) * (other.share() - self.share());
        Self {
            gaps,
            returned: self.returned + other.returned,
            wows: self.wows + other.wows,
            covariation: self.covariation + other.covariation + apart * weight,
        }
    }

    /// The share that returned; 0 without visits.
    fn share(&self) -> f64 {
        self.returned as f64 / self.gaps.count.max(1) as f64
    }

    /// The pull with its interval: by how much the chance of a return rises for each tolerance. `None` below 30 visits
    /// or where all gaps are alike.
    pub fn pull(&self, confidence: f64) -> Option<(f64, Interval)> {
        let count = self.gaps.count as f64;
        if self.gaps.count < LEAST_VISITS || self.gaps.squares <= f64::EPSILON * count {
            return None;
        }
        let slope = self.covariation / self.gaps.squares;
        let total = count * self.share() * (1.0 - self.share());
        let left = (total - slope * self.covariation).max(0.0);
        let error = (left / (count - 2.0) / self.gaps.squares).sqrt();
        let students = StudentsT::new(0.0, 1.0, count - 2.0).ok()?;
        let inside = confidence > 0.0 && confidence < 1.0;
        let quantile = inside.then(|| students.inverse_cdf(0.5 + confidence / 2.0))?;
        Some((slope, Interval::around(slope, quantile * error, confidence)))
    }
}

/// What counts as an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Many visits: at least so many times the mean over all touchpoints.
    pub least_visits: f64,
    /// Little variance: a standard deviation of the gaps of at most so many tolerances. Beyond 1, experiences leave the
    /// neutral zone by themselves.
    pub most_deviation: f64,
    /// Confidence of the pulls, over all touchpoints together.
    pub confidence: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { least_visits: 0.5, most_deviation: 1.0, confidence: 0.95 }
    }
}

/// A touchpoint, and whether a wow would count there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opportunity {
    /// The touchpoint.
    pub touchpoint: String,
    /// Judged visits.
    pub visits: u64,
    /// Its share of all visits.
    pub share: f64,
    /// The mean gap.
    pub mean_gap: f64,
    /// The standard deviation of the gaps; absent below two.
    pub deviation: Option<f64>,
    /// The share of visits that were a wow already.
    pub wow_share: f64,
    /// The share of visits after which the customer returned.
    pub return_share: f64,
    /// How much more likely a return is for each tolerance; absent where it is not known.
    pub pull: Option<f64>,
    /// Its interval, corrected for the number of touchpoints (Bonferroni).
    pub pull_interval: Option<Interval>,
    /// Further returns among the visits seen, had each been one tolerance better: visits × the lower end of the pull,
    /// at least 0. The order of the list.
    pub further_returns: f64,
    /// Whether all three hold: many visits, little variance, a pull that is surely above 0.
    pub is_opportunity: bool,
}

/// Ranks touchpoints by how much a wow would count, best first; ties by name.
pub fn rank<'a>(
    touchpoints: impl IntoIterator<Item = (&'a str, &'a Returns)>,
    bounds: &Bounds,
) -> Vec<Opportunity> {
    let touchpoints: Vec<_> = touchpoints.into_iter().filter(|(_, returns)| returns.gaps.count > 0).collect();
    let all: u64 = touchpoints.iter().map(|(_, returns)| returns.gaps.count).sum();
    let mean = all as f64 / touchpoints.len().max(1) as f64;
    let each = 1.0 - (1.0 - bounds.confidence) / touchpoints.len().max(1) as f64;
    let mut ranked = Vec::with_capacity(touchpoints.len());
    for (touchpoint, returns) in touchpoints {
        let visits = returns.gaps.count;
        let pull = returns.pull(each);
        let sure = pull.map_or(0.0, |(_, interval)| interval.low).max(0.0);
        let deviation = returns.gaps.variance().map(f64::sqrt);
        ranked.push(Opportunity {
            touchpoint: touchpoint.to_owned(),
            visits,
            share: visits as f64 / all as f64,
            mean_gap: returns.gaps.mean,
            deviation,
            wow_share: returns.wows as f64 / visits as f64,
            return_share: returns.share(),
            pull: pull.map(|(slope, _)| slope),
            pull_interval: pull.map(|(_, interval)| interval),
            further_returns: visits as f64 * sure,
            is_opportunity: visits as f64 >= bounds.least_visits * mean
                && deviation.is_some_and(|deviation| deviation <= bounds.most_deviation)
                && sure > 0.0,
        });
    }
    let order = |a: &Opportunity, b: &Opportunity| {
        let by_returns = b.further_returns.total_cmp(&a.further_returns);
        b.is_opportunity.cmp(&a.is_opportunity).then(by_returns).then_with(|| a.touchpoint.cmp(&b.touchpoint))
    };
    ranked.sort_by(order);
    ranked
}
