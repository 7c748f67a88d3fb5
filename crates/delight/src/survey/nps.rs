//! Net promoter score (Reichheld 2003): the share of promoters (9, 10) less that of detractors (0 to 6), × 100.

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, t, z};

/// Answers to "how likely are you to recommend us", counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Nps {
    /// Answers 9 and 10.
    pub promoters: u64,
    /// Answers 7 and 8.
    pub passives: u64,
    /// Answers 0 to 6.
    pub detractors: u64,
}

impl Nps {
    /// Counts one answer; `false` and nothing counted if it is not within 0…10.
    pub fn add(&mut self, answer: f64) -> bool {
        if !(0.0..=10.0).contains(&answer) {
            return false;
        }
        let class = if answer >= 9.0 {
            &mut self.promoters
        } else if answer >= 7.0 {
            &mut self.passives
        } else {
            &mut self.detractors
        };
        *class += 1;
        true
    }

    /// All answers.
    pub fn answers(&self) -> u64 {
        self.promoters + self.passives + self.detractors
    }

    /// The score, −100 to 100; `None` without answers.
    pub fn score(&self) -> Option<f64> {
        self.moments(0.0).map(|(mean, _, _)| 100.0 * mean)
    }

    /// The standard error of the score, from the variance of the multinomial counts.
    pub fn standard_error(&self) -> Option<f64> {
        let (_, variance, n) = self.moments(0.0)?;
        Some(100.0 * (variance / n).sqrt())
    }

    /// `score ± z · standard error`. Says ±0 where all answers agree; prefer [`Nps::adjusted_wald`].
    pub fn wald(&self, confidence: f64) -> Option<Interval> {
        let (mean, variance, n) = self.moments(0.0)?;
        let half = z(confidence)? * (variance / n).sqrt();
        Some(Interval::around(100.0 * mean, 100.0 * half, confidence))
    }

    /// Student's t over answers coded −1, 0, 1. Needs two answers.
    pub fn trinomial_t(&self, confidence: f64) -> Option<Interval> {
        let (mean, variance, n) = self.moments(0.0)?;
        if n < 2.0 {
            return None;
        }
        let half = t(confidence, n - 1.0)? * (variance / (n - 1.0)).sqrt();
        Some(Interval::around(100.0 * mean, 100.0 * half, confidence))
    }

    /// Wald after adding three answers, ¾ promoter, 1½ passive, ¾ detractor (Rocks 2016): honest at small counts,
    /// and the default of this crate. Its ends may lie outside ±100; clip for display.
    pub fn adjusted_wald(&self, confidence: f64) -> Option<Interval> {
        self.moments(0.0)?;
        let (mean, variance, n) = self.moments(3.0)?;
        let half = z(confidence)? * (variance / n).sqrt();
        Some(Interval::around(100.0 * mean, 100.0 * half, confidence))
    }

    /// Mean, variance and count of the answers coded −1, 0, 1, with `added` answers spread ¼, ½, ¼.
    fn moments(&self, added: f64) -> Option<(f64, f64, f64)> {
        let n = self.answers() as f64 + added;
        if n <= 0.0 {
            return None;
        }
        let up = (self.promoters as f64 + added / 4.0) / n;
        let down = (self.detractors as f64 + added / 4.0) / n;
        let mean = up - down;
        Some((mean, (up + down - mean * mean).max(0.0), n))
    }
}
