//! Two formulas over the same moments, before one takes the place of the other.
//!
//! [`Comparison`] takes customers one after the other, each with both scores as of the same instant, and says how alike
//! their orders are (Spearman's rank correlation, ties at their mean rank), how far scores move, and who moves most.
//! [`differences`] says of one customer which moments move the score: each moment's contribution under the one formula
//! less that under the other. The differences add up to the difference of the scores, as the contributions do.

mod movers;
mod ranks;

pub use movers::{Difference, Mover, differences};
pub use ranks::spearman;

use elate_domain::CustomerId;
use movers::Movers;
use serde::{Deserialize, Serialize};

use crate::survey::Sample;

/// One customer under both formulas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Delight under the formula in force.
    pub running: f64,
    /// Delight under the candidate.
    pub candidate: f64,
}

impl Pair {
    /// How far the candidate moves the customer, in points.
    pub fn shift(self) -> f64 {
        self.candidate - self.running
    }
}

/// Both formulas over all customers.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    pairs: Vec<Pair>,
    movers: Movers,
}

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Customers compared.
    pub customers: u64,
    /// Spearman's rank correlation, −1 to 1; `None` where there are fewer than two customers, or one of the formulas puts
    /// all of them at the same score.
    pub rank_correlation: Option<f64>,
    /// Mean delight under the formula in force, and under the candidate.
    pub means: [f64; 2],
    /// Mean size of the shifts, in points.
    pub mean_shift: f64,
    /// Nine of ten customers shift by at least this many points (downwards is negative), half of them, one of ten.
    pub shifts: [f64; 3],
    /// Who is moved most, the farthest first; ties in the order of customers.
    pub movers: Vec<Mover>,
}

impl Comparison {
    /// Takes a customer.
    pub fn add(&mut self, customer: CustomerId, pair: Pair) {
        self.pairs.push(pair);
        self.movers.add(Mover { customer, pair });
    }

    /// What it comes to.
    pub fn summary(self) -> Summary {
        let (mut running, mut candidate, mut size) =
            (Sample::default(), Sample::default(), Sample::default());
        let mut shifts: Vec<f64> = Vec::with_capacity(self.pairs.len());
        for pair in &self.pairs {
            running.add(pair.running);
            candidate.add(pair.candidate);
            size.add(pair.shift().abs());
            shifts.push(pair.shift());
        }
        shifts.sort_unstable_by(f64::total_cmp);
        let nearest = |share: f64| {
            let rank = (share * shifts.len() as f64).ceil() as usize;
            shifts.get(rank.max(1) - 1).copied().unwrap_or_default()
        };
        Summary {
            customers: self.pairs.len() as u64,
            rank_correlation: spearman(&self.pairs),
            means: [running.mean, candidate.mean],
            mean_shift: size.mean,
            shifts: [nearest(0.1), nearest(0.5), nearest(0.9)],
            movers: self.movers.into_sorted(),
        }
    }
}

/// Customers on either side of a line under both formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides {
    /// Below it under the formula in force.
    pub running_below: u64,
    /// Below it under the candidate.
    pub candidate_below: u64,
    /// Of those at or above it, how many fall below it.
    pub falling: u64,
    /// Of those below it, how many rise to it or above.
    pub rising: u64,
}
