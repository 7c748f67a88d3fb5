//! What plays bring: treated against held out.

use elate_delight::effect::{Mixture, PlayEffect, play};
use elate_delight::survey::Sample;
use elate_domain::WorkspaceId;
use elate_rpc::{Reason, ServiceError};

use crate::model::effect::{Design, Totals};
use crate::store::Store;

/// Probability that any interval of a report is ever wrong, over all looks.
const ALPHA: f64 = 0.05;
/// Customers a side at which a decision is likely.
const TIGHTEST_AT: u64 = 1_000;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The play never had a control group here.
    #[error("the play {0:?} has no control group, so that there is nothing to compare it with")]
    NotObserved(String),
    /// The figures can't be compared; never with the constants of this module.
    #[error(transparent)]
    Mixture(#[from] elate_delight::effect::sequential::Error),
    /// The database.
    #[error(transparent)]
    Storage(#[from] elate_storage::Error),
}

elate_rpc::reasons! {
    /// The play has no control group, so that there is nothing to compare it with.
    PLAY_NOT_OBSERVED: NotFound, "Check the name; give the play a `holdout`, or the policy a `global_holdout`.";
    /// The scoring database does not answer.
    EFFECT_UNAVAILABLE: Unavailable, "Retry after the given delay.";
    /// The scoring database holds or returned what it should not.
    EFFECT_INTERNAL: Internal, "Report the id. A retry may succeed.";
}

impl ServiceError for Error {
    fn reason(&self) -> &'static Reason {
        match self {
            Self::NotObserved(_) => &PLAY_NOT_OBSERVED,
            Self::Storage(error) if error.is_transient() => &EFFECT_UNAVAILABLE,
            Self::Storage(_) | Self::Mixture(_) => &EFFECT_INTERNAL,
        }
    }
}

elate_rpc::impl_status!(Error);

/// What a play brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The play.
    pub play: String,
    /// The version of the definitions that last stated how it is observed.
    pub version: u64,
    /// How it is observed.
    pub design: Design,
    /// What it cost in all.
    pub cost: f64,
    /// The figures. Their intervals hold together, at all looks, with probability 1 − 0.05.
    pub effect: PlayEffect,
}

/// The use-cases over one store.
#[derive(Debug, Clone)]
pub struct EffectApp {
    store: Store,
}

impl EffectApp {
    /// Over a store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What a play brought.
    ///
    /// # Errors
    /// Where it never had a control group, and where the database fails.
    pub async fn play(&self, workspace: &WorkspaceId, name: &str) -> Result<Effect, Error> {
        let found = self.store.design(workspace, name).await?;
        let (version, design) = found.ok_or_else(|| Error::NotObserved(name.to_owned()))?;
        let (treated, held_out) = self.store.play_sums(workspace, name, design.id).await?;
        let mixture = Mixture::try_new(ALPHA, TIGHTEST_AT)?;
        let effect = play::report(&side(&treated), &side(&held_out), design.expected_share, &mixture);
        Ok(Effect { play: name.to_owned(), version, cost: treated.cost, effect, design })
    }

    /// What each play brought that ever had a control group, in order of their names.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn plays(&self, workspace: &WorkspaceId) -> Result<Vec<Effect>, Error> {
        let mut effects = Vec::new();
        for name in self.store.observed_plays(workspace).await? {
            effects.push(self.play(workspace, &name).await?);
        }
        Ok(effects)
    }
}

fn side(totals: &Totals) -> play::Totals {
    let whole = |count: i64| count.max(0).cast_unsigned();
    let customers = whole(totals.customers);
    play::Totals {
        customers,
        delight: sample(customers, totals.delight, totals.delight_squared),
        repeated: whole(totals.repeated).min(customers),
        complained: whole(totals.complained).min(customers),
        revenue: sample(customers, totals.revenue, totals.revenue_squared),
        cost: totals.cost,
    }
}

/// A sample out of its sums. What rounding leaves of squares that cancel out is no variance.
fn sample(count: u64, sum: f64, squared: f64) -> Sample {
    if count == 0 {
        return Sample::default();
    }
    let mean = sum / count as f64;
    let squares = squared - sum * mean;
    let rounding = 1e-9 * squared.abs();
    Sample { count, mean, squares: if squares > rounding { squares } else { 0.0 } }
}
