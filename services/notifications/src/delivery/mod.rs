//! Handing messages over.
//!
//! The [`Dispatcher`] works on the ready messages of the partitions that this process holds. Each turn is one
//! transaction that checks the epochs, records what became of earlier messages together with their receipts, and
//! claims new ones; only what is claimed durably goes to the network. So after a crash every message is either still
//! ready, or claimed under an old epoch: an e-mail is then recorded as unknown, a webhook is sent again.
//!
//! | module | what it does |
//! |---|---|
//! | [`dispatcher`] | turns: claim, start, collect, record; takes over from a dead owner |
//! | [`attempt`] | one attempt for one message |
//! | [`channels`] | the channels at work: their limits, connections and health |
//! | [`definitions`] | channels and templates of a version, compiled once |
//! | [`email`] | from a rendered message to a mail |
//! | [`smtp`] | one SMTP server and its connections |
//! | [`trust`] | whose word counts for the certificates of mail servers |
//! | [`webhook`] | one webhook endpoint |
//! | [`rehearsal`] | what would have been handed over, without a network |
//! | [`connector`] | connects to addresses that may be called, and to no others |
//! | [`secrets`] | looks up secrets when they are needed |

pub mod attempt;
pub mod channels;
pub mod connector;
pub mod definitions;
pub mod dispatcher;
pub mod email;
pub mod rehearsal;
pub mod secrets;
pub mod smtp;
pub mod trust;
pub mod webhook;

pub use attempt::Context;
pub use dispatcher::Dispatcher;

/// The side lane that receipts of deliveries come from.
pub const LANE: &str = "notifications-delivery";

/// What came of handing a message to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it means for the message.
    pub verdict: Verdict,
    /// Stable reason; empty for what was sent.
    pub reason: String,
    /// The provider; empty where none was asked.
    pub provider: String,
    /// What the provider said: a code and a short text.
    pub detail: String,
    /// The provider's wish for the next attempt, in milliseconds.
    pub retry_after: Option<i64>,
    /// It speaks against the provider, not against this message.
    pub against_provider: bool,
}

/// What it means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Delivered,
    /// May work later.
    Transient,
    /// Will never work.
    Permanent,
    /// Will never work, and the endpoint wants no more messages.
    Gone,
    /// Perhaps taken: the answer is missing.
    Unknown,
}

impl From<elate_reach::retry::Verdict> for Verdict {
    fn from(verdict: elate_reach::retry::Verdict) -> Self {
        use elate_reach::retry::Verdict as Judged;
        match verdict {
            Judged::Delivered => Self::Delivered,
            Judged::Transient => Self::Transient,
            Judged::Permanent => Self::Permanent,
            Judged::Gone => Self::Gone,
        }
    }
}

impl Report {
    /// A report without a wish for the next attempt.
    pub fn new(verdict: Verdict, reason: impl Into<String>, provider: &str, detail: &str) -> Self {
        Self {
            verdict,
            reason: reason.into(),
            provider: provider.to_owned(),
            detail: short(detail),
            retry_after: None,
            against_provider: verdict != Verdict::Delivered,
        }
    }

    /// The same, and it says nothing about the provider's health.
    fn about_message(self) -> Self {
        Self { against_provider: false, ..self }
    }
}

/// The longest detail in characters.
const MAX_DETAIL: usize = 200;

/// One line of bounded length.
pub(crate) fn short(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_DETAIL)
        .collect::<String>()
        .trim()
        .to_owned()
}
