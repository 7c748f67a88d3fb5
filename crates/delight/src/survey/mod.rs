//! Survey statistics: every figure with an interval that says how much of it is chance.
//!
//! | figure | function | interval |
//! |---|---|---|
//! | a share (CSAT, kept promises, recoveries) | [`proportion::wilson`] | Wilson 1927 |
//! | a difference of two shares | [`proportion::newcombe_difference`] | Newcombe 1998, method 10 |
//! | NPS | [`nps::Nps::adjusted_wald`] | Rocks 2016 |
//! | a mean (CES, mean delight) | [`mean::Sample::t_interval`] | Student 1908 |

pub mod mean;
pub mod nps;
pub mod proportion;

pub use mean::Sample;
pub use nps::Nps;
pub use proportion::Csat;
