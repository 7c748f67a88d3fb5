//! What our doing does: treated against held out, drivers, and when to go on or back.
//!
//! | question | where |
//! |---|---|
//! | is there a difference, however often one looks? | [`sequential`]: always-valid intervals |
//! | were customers split as intended? | [`ratio`]: sample-ratio check |
//! | should this version go to more customers? | [`rollout::decide`] |
//! | what did a play bring? | [`play::report`] |
//! | which moments move retention or NPS? | [`drivers::drivers`] over [`regression`], with [`correction`] |
//!
//! An ordinary interval is right 95 % of the time if one looks *once*. Whoever looks every day and stops at the first
//! good news is fooled far more often: with 20 looks at nothing about every fourth time. The intervals here hold at
//! all looks *at the same time*, so that a dashboard may show them and a machine may act on them at any moment.

mod arm;
pub mod correction;
pub mod drivers;
pub mod play;
pub mod ratio;
pub mod regression;
pub mod rollout;
pub mod sequential;

pub use arm::Arm;
pub use play::PlayEffect;
pub use ratio::RatioCheck;
pub use rollout::{Decision, Guardrail, decide};
pub use sequential::{Comparison, Mixture};
