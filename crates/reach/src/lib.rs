//! May this message go to this customer, now, over this channel; and if not, why, and when.
//!
//! Every send runs through one chain ([`decide()`]): suppression, identifiers, consent, the play's own rules, pauses,
//! frequency caps, quiet hours, budget, provider. The answer is to send, to hold until a time, or to refuse, and it
//! always carries a reason that goes onto the customer's timeline: nothing is dropped in silence. The chain runs
//! again before every attempt, so that a message that was held obeys the unsubscribe that came in between.
//!
//! Around it stand the parts that it is made of, and what else decides without doing: which variation of a play a
//! customer gets ([`assign`]), when a failed attempt is tried again ([`retry`]), how a webhook is signed
//! ([`webhook`]) and which addresses it may go to ([`address`]).
//!
//! Everything is pure: time and jitter are arguments, nothing reads a clock, a socket or a table.
//!
//! | module | what it decides |
//! |---|---|
//! | [`local`] | wall-clock times in a zone, over gaps and folds |
//! | [`quiet`] | quiet hours and when they end |
//! | [`zone`] | whose clock counts |
//! | [`consent`] | subscriptions per channel and topic |
//! | [`caps`] | frequency caps over calendar days and rolling windows |
//! | [`mod@decide`] | the whole chain |
//! | [`message`] | a message that wants to go out |
//! | [`policy`] | the rules of a workspace: topics, caps, quiet hours, pauses |
//! | [`reason`] | every reason, with the stable word for it |
//! | [`retry`] | retry schedules, error classes, endpoint health |
//! | [`assign`] | sticky hashing, buckets, namespaces, holdouts |
//! | [`webhook`] | Standard Webhooks signatures |
//! | [`address`] | which IP addresses requests may go to |

pub mod address;
pub mod assign;
pub mod caps;
pub mod consent;
pub mod decide;
pub mod local;
pub mod message;
pub mod policy;
pub mod quiet;
pub mod reason;
pub mod retry;
pub mod webhook;
pub mod zone;

pub use decide::{CustomerReach, Decision, decide};
pub use message::Message;
pub use policy::Policy;
pub use reason::Reason;
