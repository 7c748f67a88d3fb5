//! From an experience to a gap: what was expected, how far off it was, and how it is called.
//!
//! People compare what they get with the *best* that they were led to expect, so of the sources that are present
//! the most demanding one counts: the highest for `higher`, the earliest for `earlier`, and so on.
//!
//! All numbers of one call share one unit: that of the experience. Times are milliseconds since 1970; a habit is
//! learned on durations, so the caller adds `since` to it before it is compared (see [`Expectations::habit`]).

use elate_domain::{Better, ExpectationSource, Outcome};
use serde::{Deserialize, Serialize};

/// Gaps are clamped to ± this many tolerances: beyond it, worse is not felt as worse.
pub const GAP_CLAMP: f64 = 5.0;

/// Why an experience could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// No promise, no standard and no habit: there is nothing to compare with.
    #[error("nothing was expected")]
    NoExpectation,
    /// An input is infinite or not a number.
    #[error("{what} is not a finite number")]
    NotFinite {
        /// Which input.
        what: &'static str,
    },
    /// A tolerance has to be positive: it is the unit of the gap.
    #[error("tolerance must be above 0, is {0}")]
    Tolerance(f64),
    /// `miserable` has to lie below `magical`.
    #[error("miserable threshold {miserable} must lie below magical threshold {magical}")]
    Thresholds {
        /// The miserable threshold.
        miserable: f64,
        /// The magical threshold.
        magical: f64,
    },
}

/// Where neutral ends, in tolerances.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// A gap at or above this is magical. Default 1.
    pub magical: f64,
    /// A gap at or below this is miserable. Default −1.
    pub miserable: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { magical: 1.0, miserable: -1.0 }
    }
}

impl Thresholds {
    /// How a gap is called.
    pub fn outcome(&self, gap: f64) -> Outcome {
        if gap >= self.magical {
            Outcome::Magical
        } else if gap <= self.miserable {
            Outcome::Miserable
        } else {
            Outcome::Neutral
        }
    }
}

/// How experiences of one kind are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Which direction is the better one.
    pub better: Better,
    /// One unit of gap, in the unit of the experience (milliseconds for times). Above 0.
    pub tolerance: f64,
    /// Where neutral ends.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// What a customer had reason to expect, each in the unit of the experience.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Expectations {
    /// What this customer was promised.
    #[serde(default)]
    pub promise: Option<f64>,
    /// What everybody is entitled to.
    #[serde(default)]
    pub standard: Option<f64>,
    /// What this customer got used to. For times: `since + habitual duration`.
    #[serde(default)]
    pub habit: Option<f64>,
}

/// An expectation and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// In the unit of the experience.
    pub value: f64,
    /// Which source was the most demanding. On a tie the more explicit one: promise, standard, habit.
    pub source: ExpectationSource,
}

impl Expectations {
    /// The most demanding of the sources that are present; `None` if there is none.
    pub fn most_demanding(&self, better: Better) -> Option<Expected> {
        let sources = [
            (self.promise, ExpectationSource::Promise),
            (self.standard, ExpectationSource::Standard),
            (self.habit, ExpectationSource::Habit),
        ];
        let mut best: Option<Expected> = None;
        for (value, source) in sources {
            let Some(value) = value else { continue };
            if best.is_none_or(|held| sign(better) * (value - held.value) > 0.0) {
                best = Some(Expected { value, source });
            }
        }
        best
    }
}

/// A judged experience.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Signed distance in tolerances, positive when better than expected, within ± [`GAP_CLAMP`].
    pub gap: f64,
    /// The same before it was clamped.
    pub unclamped: f64,
    /// How it is called.
    pub outcome: Outcome,
    /// What it was compared with.
    pub expected: Expected,
}

/// Judges one experience.
///
/// # Errors
/// Any [`Error`]; nothing is judged on numbers that are not finite.
pub fn judge(rule: &Rule, experience: f64, expectations: &Expectations) -> Result<Judgement, Error> {
    check(rule, experience, expectations)?;
    let expected = expectations.most_demanding(rule.better).ok_or(Error::NoExpectation)?;
    let unclamped = sign(rule.better) * (experience - expected.value) / rule.tolerance;
    let gap = unclamped.clamp(-GAP_CLAMP, GAP_CLAMP);
    Ok(Judgement { gap, unclamped, outcome: rule.thresholds.outcome(gap), expected })
}

fn check(rule: &Rule, experience: f64, expectations: &Expectations) -> Result<(), Error> {
    let inputs = [
        ("experience", Some(experience)),
        ("promise", expectations.promise),
        ("standard", expectations.standard),
        ("habit", expectations.habit),
        ("tolerance", Some(rule.tolerance)),
        ("magical threshold", Some(rule.thresholds.magical)),
        ("miserable threshold", Some(rule.thresholds.miserable)),
    ];
    for (what, value) in inputs {
        if value.is_some_and(|v| !v.is_finite()) {
            return Err(Error::NotFinite { what });
        }
    }
    if rule.tolerance <= 0.0 {
        return Err(Error::Tolerance(rule.tolerance));
    }
    let Thresholds { magical, miserable } = rule.thresholds;
    if miserable >= magical {
        return Err(Error::Thresholds { miserable, magical });
    }
    Ok(())
}

/// +1 where more (or later) is better, −1 where less (or earlier) is.
pub(crate) fn sign(better: Better) -> f64 {
    match better {
        Better::Higher | Better::Later => 1.0,
        Better::Lower | Better::Earlier => -1.0,
    }
}

/// When a promise that is not fulfilled becomes miserable: `due + |miserable| · tolerance`.
///
/// Times in milliseconds. From here on a provisional moment stands, judged with the experience "now".
pub fn provisional_at(due: f64, rule: &Rule) -> f64 {
    due + rule.thresholds.miserable.abs() * rule.tolerance
}

/// When nobody waits for a promise any more, if its definition says nothing: due plus five tolerances, where the
/// gap has reached its clamp.
pub fn give_up_at(due: f64, rule: &Rule) -> f64 {
    due + GAP_CLAMP * rule.tolerance
}
