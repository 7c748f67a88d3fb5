//! Journeys as they are: what customers really do, from nothing but their steps.
//!
//! A design says how a journey is meant to go. This crate says how it goes: it takes steps in the order of the log,
//! keeps exact counts of bounded size, and answers which steps follow which and after how long, where instances begin,
//! repeat, stop and drop off, which ways are taken and how many each covers, who comes through a funnel and how far
//! all this is from the design. It finds when a link changed and in which segment: that checkout on mobile broke on
//! Tuesday is a [finding](change::Finding) with numbers, not a chart to stare at.
//!
//! ```
//! use elate_discovery::{Ending, Recorder, Settings, Step, report};
//! use elate_domain::Timestamp;
//!
//! # fn main() -> Result<(), elate_discovery::Error> {
//! let mut recorder = Recorder::try_new(Settings::default())?;
//! for (seconds, name) in [(0, "viewed"), (40, "ordered"), (90_000, "delivered")] {
//!     let segments = [("device", "mobile")];
//!     let at = Timestamp(seconds * 1000);
//!     recorder.record(&Step { instance: "order-1", name, at, segments: &segments });
//! }
//! recorder.end("order-1", Ending::Completed);
//! let report = report::build(&recorder.summary(), &report::Options::default());
//! assert_eq!(report.follows[0].count, 1);
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it says |
//! |---|---|
//! | [`Recorder`] | events in: open instances, in order of time |
//! | [`Summary`] | counts of instances, mergeable and serialisable |
//! | [`Funnel`] | ordered steps with conversion windows |
//! | [`Profile`] | how long it usually takes from one step to a later one, and what took unusually long |
//! | [`conformance`] | how far the ways taken are from the design |
//! | [`change`] | when a link changed, and for whom |
//! | [`opportunity`] | where a wow would count most |
//! | [`report`] | all of it as data that serialises, and as text |
//!
//! Everything is pure and deterministic. Sums are of integers, so that merging summaries of parts gives the summary of
//! the whole to the last bit, however the instances were divided. What is kept is bounded by [`Limits`]; what does not
//! fit is counted in [`Overflow`], and reported.

mod aggregate;
pub mod change;
pub mod conformance;
mod encoding;
mod funnel;
mod limits;
mod names;
pub mod opportunity;
mod profile;
mod quantiles;
mod recorder;
pub mod report;
mod series;
mod settings;
mod summary;
mod times;
mod trace;
mod words;

pub use funnel::Funnel;
pub use limits::{Limits, Overflow};
pub use names::{OTHER, Segment};
pub use profile::{Profile, Unusual, Usual};
pub use quantiles::Quantiles;
pub use recorder::{Recorder, Step};
pub use settings::{Error, Settings};
pub use summary::Summary;
pub use times::{Moments, Times};
pub use trace::Ending;
