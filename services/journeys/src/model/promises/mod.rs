//! Promises: made by one event, fulfilled by another, and felt in between.
//!
//! ```text
//! open ──► at_risk ──► kept | exceeded      fulfilled by the due time
//!   │         │   └──► late                 fulfilled after it, before it was miserable
//!   │         └──────► broken               nothing by due + |miserable| · tolerance
//!   └────────────────► withdrawn            taken back
//! ```
//!
//! The moment of a promise has one id. A promise that is broken is judged with the experience "now, and still
//! nothing"; the fulfilment revises that judgement, and so does giving up. The events of a promise are facts and
//! count however late they come: what is told late of a parcel was still delivered on time.

mod deadlines;
mod life;
mod outlook;
mod rules;

pub(crate) use deadlines::{Alarm, fire};
pub(crate) use life::event;
pub(crate) use rules::{Moving, Rules};
