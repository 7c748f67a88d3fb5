//! What answers say about a company, with an honest interval on every figure.
//!
//! | question | function | method |
//! |---|---|---|
//! | how do we stand | [`Tally::figure`] | NPS: adjusted Wald (Rocks 2016); CSAT: Wilson 1927; CES: t (Student 1908) |
//! | did it change, are two groups different | [`compare`] | NPS: multinomial variance; CSAT: Newcombe 1998, method 10; CES: Welch 1947 |
//! | which segments differ from the rest | [`segments`] | the same, corrected for looking at many (Holm 1979) |
//! | how does it develop | [`trend`], [`slope`] | periods of the calendar; weighted least squares |
//! | who did not answer | [`ResponseRate`] | Wilson 1927 |
//! | what if all had answered | [`post_stratify`], [`rake`], [`weighted`] | Holt & Smith 1979; Deming & Stephan 1940; Kish 1965 |

mod compare;
mod measure;
mod rate;
mod trend;
mod weighted;
mod weights;

pub use compare::{Comparison, SegmentDifference, Test, compare, nps_difference_wald, segments};
pub use measure::{Measure, Tally};
pub use rate::ResponseRate;
pub use trend::{MAX_PERIODS, Period, Point, Slope, slope, trend};
pub use weighted::{WeightedFigure, weighted};
pub use weights::{Margin, Raking, Weights, post_stratify, rake};

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Two groups were measured differently.
    #[error("can't compare {} with {}", .0.as_str(), .1.as_str())]
    Measures(Measure, Measure),
    /// One of the groups has no answers, or too few for its spread to be known.
    #[error("{0} answers; the test needs {1} in each group")]
    TooFew(u64, u64),
    /// All answers of both groups are the same: their spread is not known.
    #[error("all answers are alike, so chance can't be told from difference")]
    NoSpread,
    /// A confidence that is none.
    #[error("a confidence lies between 0 and 1, not {0}")]
    Confidence(f64),
    /// A time outside the calendar.
    #[error("an answer's time is outside the calendar")]
    Time,
    /// The answers spread over too many periods.
    #[error("more than {0} periods; choose a longer one")]
    TooManyPeriods(usize),
    /// A share of the population that is none.
    #[error(
        "the share of {category:?} in {trait_name:?} is {share}; it must be above 0, and all must add up to 1"
    )]
    Share {
        /// Which trait.
        trait_name: String,
        /// Which of its categories; the last one where the sum is wrong.
        category: String,
        /// Its share, or the sum.
        share: f64,
    },
    /// Nobody of a category answered: no weight can make up for it. Merge it with another.
    #[error("nobody with {trait_name:?} {category:?} answered: merge it with another category")]
    NobodyAnswered {
        /// Which trait.
        trait_name: String,
        /// Which category.
        category: String,
    },
    /// Somebody answered whose category has no share in the population.
    #[error("the population has no share of {trait_name:?} {category:?}")]
    NoShare {
        /// Which trait.
        trait_name: String,
        /// Which category.
        category: String,
    },
    /// There is nobody to weight, or a trait that nobody has.
    #[error("nobody who answered has {0:?}")]
    Nobody(String),
    /// A weight that is none.
    #[error("a weight must be above 0 and finite, not {0}")]
    Weight(f64),
    /// A cap below 1 would have to cut the mean.
    #[error("weights are capped at 1 or more times their mean, not {0}")]
    Cap(f64),
}

fn normal() -> Option<Normal> {
    Normal::new(0.0, 1.0).ok()
}

/// The two-sided normal quantile of a confidence, 1.96 for 0.95.
fn z(confidence: f64) -> Result<f64, Error> {
    let normal =
        normal().filter(|_| confidence > 0.0 && confidence < 1.0).ok_or(Error::Confidence(confidence))?;
    Ok(-normal.inverse_cdf((1.0 - confidence) / 2.0))
}

/// The probability of a standard normal value at least so far from 0.
fn two_sided(z: f64) -> f64 {
    normal().map_or(1.0, |normal| 2.0 * normal.sf(z.abs())).min(1.0)
}

/// The two-sided quantile of Student's t.
fn t(confidence: f64, df: f64) -> Result<f64, Error> {
    z(confidence)?;
    let students = StudentsT::new(0.0, 1.0, df).map_err(|_| Error::NoSpread)?;
    Ok(-students.inverse_cdf((1.0 - confidence) / 2.0))
}

/// The probability of a t value at least so far from 0.
fn two_sided_t(t: f64, df: f64) -> f64 {
    StudentsT::new(0.0, 1.0, df).map_or(1.0, |students| 2.0 * students.sf(t.abs())).min(1.0)
}
