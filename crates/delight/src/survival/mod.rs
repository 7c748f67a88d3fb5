//! How long customers stay, and what a miserable moment does to that.
//!
//! Most customers have not left yet when one looks: their time is *censored*, known only to be longer. Counting
//! those who left among all, or averaging the times of those who left, is wrong in opposite directions. The curve of
//! Kaplan & Meier ([`KaplanMeier`]) uses what is known of everybody; [`log_rank`] tells two groups apart; [`misery`]
//! puts both to work on what a miserable moment costs and a recovery saves.
//!
//! Times are numbers in one unit of the caller's choice, days for instance.

mod kaplan_meier;
mod log_rank;
pub mod misery;

pub use kaplan_meier::{KaplanMeier, Point, RestrictedMean, Step};
pub use log_rank::{LogRank, log_rank};
use serde::{Deserialize, Serialize};

/// One customer's time under observation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When she came under observation; 0 if that was the beginning. Above 0 for those who were only noticed because
    /// they had stayed until then (left truncation).
    pub entry: f64,
    /// When she left, or was last known to be a customer. After `entry`.
    pub exit: f64,
    /// Whether she left at `exit`; if not, all that is known is that she stayed until then.
    pub left: bool,
}

impl Observation {
    /// Observed from 0 until `exit`.
    pub fn until(exit: f64, left: bool) -> Self {
        Self { entry: 0.0, exit, left }
    }

    /// Whether there is anything to learn from it: finite, not negative, and of some length.
    fn is_sound(&self) -> bool {
        self.entry >= 0.0 && self.exit > self.entry && self.exit.is_finite()
    }
}

/// The observations that can be used. Somebody who leaves at time 0 was never a customer.
fn sound(observations: &[Observation]) -> Vec<Observation> {
    observations.iter().copied().filter(Observation::is_sound).collect()
}

/// Distinct times at which somebody left, ascending.
fn event_times<'a>(observations: impl Iterator<Item = &'a Observation>) -> Vec<f64> {
    let mut times: Vec<f64> = observations.filter(|o| o.left).map(|o| o.exit).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// Answers how many are at risk and how many leave at a time, from sorted times.
struct RiskSet {
    entries: Vec<f64>,
    exits: Vec<f64>,
    departures: Vec<f64>,
}

impl RiskSet {
    fn of(observations: &[Observation]) -> Self {
        let sorted = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times
        };
        Self {
            entries: sorted(observations.iter().map(|o| o.entry).collect()),
            exits: sorted(observations.iter().map(|o| o.exit).collect()),
            departures: sorted(observations.iter().filter(|o| o.left).map(|o| o.exit).collect()),
        }
    }

    /// Under observation just before `time`: who leaves or is censored *at* `time` still is.
    fn at_risk(&self, time: f64) -> u64 {
        let entered = self.entries.partition_point(|entry| *entry < time);
        let gone = self.exits.partition_point(|exit| *exit < time);
        (entered - gone) as u64
    }

    /// Who leave at `time`.
    fn leaving(&self, time: f64) -> u64 {
        let until = self.departures.partition_point(|exit| *exit <= time);
        (until - self.departures.partition_point(|exit| *exit < time)) as u64
    }
}
