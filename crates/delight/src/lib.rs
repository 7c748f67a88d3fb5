//! What a customer's moments are worth: gaps, the delight score and the statistics around it.
//!
//! A company promises something, has a standard, or has spoilt its customer; then something happens. The signed
//! distance between the two, in units of tolerance, is the **gap** ([`gap`]). Gaps of one customer, with their
//! times and weights, make the **delight score** ([`score`]): a number from 0 to 100 that fades to 50 when nothing
//! happens, hurts more for losses than it rewards gains, remembers peaks and ends, and can be taken apart into one
//! contribution per moment that adds up exactly. Many customers make **rates** ([`rates`]), surveys make intervals
//! ([`survey`]), and touchpoints make a chain with a weakest link ([`links`]).
//!
//! Everything is pure and deterministic: time is an argument in milliseconds, nothing is random, and what is kept
//! between calls ([`score::DelightState`], a customer's [`habit`]) is plain serialisable data of bounded size.
//!
//! | module | what it decides |
//! |---|---|
//! | [`gap`] | the expectation that counts, the gap, the outcome |
//! | [`habit`] | what a customer gets used to, learned tolerances, promises that were moved |
//! | [`remaining`] | how much longer something takes, and the chance that it comes too late |
//! | [`score`] | the delight score, from scratch and incrementally; explanations, intervals, crossings |
//! | [`formula`] | two formulas over the same moments: ranks, movers, and what moved them |
//! | [`survey`] | intervals for shares, differences, means and NPS |
//! | [`rates`] | wow rate, miserable rate, recovery, each with its interval |
//! | [`links`] | the weakest link of a journey and its harmony |
//! | [`mending`] | what each link is worth mending, in mean delight |
//! | [`churn`] | who will come back, how often, and what that is worth |
//! | [`survival`] | how long customers stay; what a miserable moment costs and a recovery saves |
//! | [`effect`] | treated against held out, at any look; rollout decisions; drivers of retention and NPS |

pub mod churn;
pub mod effect;
pub mod formula;
pub mod gap;
pub mod habit;
pub mod interval;
pub mod links;
pub mod mending;
pub mod rates;
pub mod remaining;
pub mod score;
pub mod survey;
pub mod survival;

pub use gap::{Expectations, Judgement, Rule, Thresholds, judge};
pub use interval::Interval;
pub use score::{Applied, DelightParams, DelightState, Moment};
