//! Who is moved most by another formula, and by which moments.

use elate_domain::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Pair;
use crate::score::{DelightParams, Moment, batch};

/// Movers that are kept.
const KEPT: usize = 100;

/// A customer whom the candidate moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mover {
    /// The customer.
    pub customer: CustomerId,
    /// Both scores.
    pub pair: Pair,
}

/// The customers who are moved most. Twice as many as are kept are gathered before the others are dropped, so that a
/// customer costs a comparison as a rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Movers {
    found: Vec<Mover>,
    /// Whoever moves less is not among them.
    least: f64,
}

impl Movers {
    pub(super) fn add(&mut self, mover: Mover) {
        if mover.pair.shift().abs() < self.least {
            return;
        }
        self.found.push(mover);
        if self.found.len() >= 2 * KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let size = |mover: &Mover| mover.pair.shift().abs();
        self.found.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.customer.cmp(&b.customer)));
        self.found.truncate(KEPT);
        if self.found.len() == KEPT {
            self.least = self.found.last().map_or(0.0, size);
        }
    }

    pub(super) fn into_sorted(mut self) -> Vec<Mover> {
        self.cut();
        self.found
    }
}

/// One moment under both formulas.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The moment.
    pub id: String,
    /// Points that it adds to 50 under the formula in force.
    pub running: f64,
    /// The same under the candidate.
    pub candidate: f64,
}

impl Difference {
    /// How much of the shift comes from this moment.
    pub fn points(&self) -> f64 {
        self.candidate - self.running
    }
}

/// Which moments move a customer's score at `t`, the farthest first; together they are the whole shift.
pub fn differences(
    running: &DelightParams,
    candidate: &DelightParams,
    moments: &[Moment],
    t: Timestamp,
) -> Vec<Difference> {
    let before = batch::explain(running, moments, t).contributions;
    let after = batch::explain(candidate, moments, t).contributions;
    // Both are in order of time over the same moments.
    let paired = before.into_iter().zip(after).map(|(before, after)| Difference {
        id: before.id,
        running: before.points,
        candidate: after.points,
    });
    let mut differences: Vec<Difference> = paired.collect();
    differences.sort_by(|a, b| b.points().abs().total_cmp(&a.points().abs()));
    differences
}
