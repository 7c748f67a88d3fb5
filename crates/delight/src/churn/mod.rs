//! Who will come back, how often, and what that is worth.
//!
//! A customer who cancels says so; a customer who just stops buying does not. The *buy till you die* models work out
//! from the dates of purchases how likely somebody is still a customer: each buys at a steady rate of her own, and
//! may leave for good after any purchase.
//!
//! | step | where | source |
//! |---|---|---|
//! | purchases of one customer, kept one by one | [`history::History`] → [`Summary`] | |
//! | purchase rate and dropout | [`purchases::PurchaseModel`] | Fader, Hardie & Lee 2005 (BG/NBD); Batislam, Denizel & Filiztekin 2007 (MBG/NBD) |
//! | value of a purchase | [`spend::SpendModel`] | Fader & Hardie 2013 (Gamma-Gamma) |
//! | parameters from data | [`fit::fit_purchases`], [`fit::fit_spend`] | maximum likelihood |
//! | one customer's outlook, in money | [`outlook::outlook`] | |
//! | how good it is | [`holdout::check`] | |
//!
//! # The trap of those who never came back
//!
//! In BG/NBD a customer can only leave *after a repeat purchase*. Whoever bought once, years ago, is therefore alive
//! with probability 1, always. On the CDNOW data, P(alive) of BG/NBD alone orders customers *worse than chance* by
//! whether they buy again (AUC 0.32), because it puts all never-repeaters on top. The expected number of purchases
//! is sound all the same (AUC 0.77): it also knows that they buy seldom.
//!
//! MBG/NBD lets customers leave after *any* purchase, the first included, so that the probability falls with
//! silence for everybody. It is the default here ([`Family::MbgNbd`]), and the only family whose P(alive) should be
//! shown or listed. BG/NBD stays for expected purchases and for comparison with other tools;
//! [`PurchaseModel::alive_is_informative`] says where the trap is.
//!
//! # Units
//!
//! Times are in one unit of the caller's choice, the *unit of the model*: [`history::Calendar`] makes weeks of
//! days, for example. Rates are per that unit.

pub mod fit;
pub mod history;
pub mod holdout;
mod optimise;
pub mod outlook;
pub mod purchases;
mod quadrature;
mod special;
pub mod spend;

pub use fit::{PurchaseFit, SpendFit, fit_purchases, fit_spend};
pub use history::{Calendar, History, Summary};
pub use holdout::HoldoutCheck;
pub use outlook::{Horizon, Outlook, outlook};
pub use purchases::{Family, PurchaseModel, PurchaseParams};
pub use spend::{SpendModel, SpendSummary};

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A number that has to be finite and above 0 is not.
    #[error("{name} must be finite and above 0, is {value}")]
    NotPositive {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A summary contradicts itself.
    #[error("no such history: {repeats} repeats, the last after {recency}, seen for {age}")]
    Summary {
        /// Repeat purchases.
        repeats: u32,
        /// Time of the last one.
        recency: f64,
        /// Time observed.
        age: f64,
    },
    /// Too few customers, or too few with a repeat purchase, for a model to be fitted.
    #[error("{found} customers with a repeat purchase, a fit needs {needed}")]
    TooFew {
        /// Customers with a repeat purchase.
        found: usize,
        /// The least that a fit needs.
        needed: usize,
    },
    /// The optimiser gave up without a result.
    #[error("no maximum of the likelihood was found")]
    Optimiser(#[source] argmin::core::Error),
}

/// `value`, if it is finite and above 0.
fn positive(name: &'static str, value: f64) -> Result<f64, Error> {
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(Error::NotPositive { name, value }) }
}
