//! One record for all feedback: what somebody answered or wrote, to which question, when, and who it was.
//!
//! A record is one answer to one question. A submission with a score and a comment is two records with one submission
//! id. Records come from events ([`from_event`]), from RPCs ([`Draft`]), from CSV files ([`CsvReader`]) and from JSON
//! lines ([`NdjsonReader`]); all of them go through the same checks, and what is wrong is said with row, line and column.
//!
//! | column | required | what it holds |
//! |---|---|---|
//! | `submission_id` | yes | the sender's id of the submission; sending it again changes nothing |
//! | `type` | yes | `nps`, `csat`, `ces`, `comment` or `choice` |
//! | `value` | yes | NPS 0–10, CSAT on its scale, CES 1–7, a text, or choices (JSON: a list; CSV: with `\|` between them) |
//! | `submitted_at` | yes | RFC 3339 |
//! | `survey`, `question` | no | which survey, and which question of it; the question is the type where it is not said |
//! | `scale_lowest`, `scale_highest` | no | bounds of a CSAT scale, 1 and 5 where they are not said |
//! | `language` | no | a BCP 47 tag such as `en-GB` |
//! | `source` | no | where it was asked: `email`, `in-app`, … |
//! | `touchpoint` | no | what it is about |
//! | `customer_id`, `user_id`, `anonymous_id` | no | who it was, in the terms of events; none of them: nobody knows |
//! | `traits.NAME` | no | what is known of the customer, for weighting (JSON: an object `traits`) |

mod csv;
mod draft;
mod error;
mod event;
mod ledger;
mod ndjson;

use std::collections::BTreeMap;

use elate_domain::{CustomerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::sentiment::LanguageTag;

pub use csv::{CsvReader, CsvRow, Header};
pub use draft::{Draft, DraftValue, MAX_CHOICES, MAX_NAME_CHARS, MAX_TRAITS};
pub use error::{Error, Place};
pub use event::{ANSWERED, event_properties, from_event};
pub use ledger::{Full, Intake, Ledger};
pub use ndjson::{JsonLine, NdjsonReader};

/// The longest record that readers take, in bytes. Longer ones are reported and passed over.
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// What sort of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// "How likely are you to recommend us", 0 to 10 (Reichheld 2003).
    Nps,
    /// "How satisfied were you", on a scale with declared bounds.
    Csat,
    /// "How easy was it", 1 to 7, more is easier (Dixon, Freeman & Toman 2010).
    Ces,
    /// A text.
    Comment,
    /// One or several of given answers.
    Choice,
}

impl FeedbackKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Nps, Self::Csat, Self::Ces, Self::Comment, Self::Choice];

    /// The word in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nps => "nps",
            Self::Csat => "csat",
            Self::Ces => "ces",
            Self::Comment => "comment",
            Self::Choice => "choice",
        }
    }
}

/// The bounds of a satisfaction scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// The worst answer.
    pub lowest: i16,
    /// The best answer.
    pub highest: i16,
}

impl Scale {
    /// 1 to 5.
    pub const FIVE: Self = Self { lowest: 1, highest: 5 };

    /// The lowest answer that counts as satisfied: the upper quarter of the scale, rounded up. 4 of 1–5, 6 of 1–7, 3 of
    /// 1–3, 8 of 0–10.
    pub fn satisfied_from(self) -> i16 {
        let span = i32::from(self.highest) - i32::from(self.lowest);
        // At most `highest`, so it fits.
        (i32::from(self.lowest) + (3 * span).div_euclid(4) + i32::from((3 * span).rem_euclid(4) > 0)) as i16
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// 0 to 10.
    Nps(u8),
    /// An answer on its scale.
    Csat {
        /// Within the scale.
        score: i16,
        /// The bounds.
        scale: Scale,
    },
    /// 1 to 7.
    Ces(u8),
    /// A text, not empty.
    Comment(String),
    /// At least one, each once, in the order given.
    Choice(Vec<String>),
}

impl Value {
    /// What sort of answer it is.
    pub fn kind(&self) -> FeedbackKind {
        match self {
            Self::Nps(_) => FeedbackKind::Nps,
            Self::Csat { .. } => FeedbackKind::Csat,
            Self::Ces(_) => FeedbackKind::Ces,
            Self::Comment(_) => FeedbackKind::Comment,
            Self::Choice(_) => FeedbackKind::Choice,
        }
    }
}

/// Who answered, in the terms of events. All may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identifiers {
    /// Elate's own id.
    pub customer: Option<CustomerId>,
    /// The company's id.
    pub user: Option<String>,
    /// A visitor's id.
    pub anonymous: Option<String>,
}

/// One answer to one question. Made by [`TryFrom`], so that what it holds was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The sender's id of the submission.
    pub submission_id: String,
    /// Which survey; empty where it was not said.
    pub survey: String,
    /// Which question of it.
    pub question: String,
    /// The answer.
    pub value: Value,
    /// Declared language.
    pub language: Option<LanguageTag>,
    /// Where it was asked; empty where it was not said.
    pub source: String,
    /// What it is about; empty where it was not said.
    pub touchpoint: String,
    /// When it was given.
    pub submitted_at: Timestamp,
    /// By whom.
    pub by: Identifiers,
    /// What is known of the customer.
    pub traits: BTreeMap<String, String>,
}

/// What makes two records the same answer: 128 bits of SHA-256 over survey, submission and question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

/// What a record says, in 128 bits of SHA-256: equal for equal records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Feedback {
    /// Which answer it is: records with the same key are one answer, sent again or changed.
    pub fn key(&self) -> Key {
        Key(hashed(&json!([self.survey, self.submission_id, self.question])))
    }

    /// What it says, all of it.
    pub fn fingerprint(&self) -> Fingerprint {
        let scale = match self.value {
            Value::Csat { scale, .. } => Some(scale),
            Value::Nps(_) | Value::Ces(_) | Value::Comment(_) | Value::Choice(_) => None,
        };
        // A list, as the order of an object's fields is not the same in every build of the JSON library.
        Fingerprint(hashed(&json!([
            [self.survey, self.submission_id, self.question],
            [json!(self.value.kind()), self.plain_value(), json!(scale.map(|s| [s.lowest, s.highest]))],
            [json!(self.language), json!(self.source), json!(self.touchpoint), json!(self.submitted_at)],
            [json!(self.by.customer), json!(self.by.user), json!(self.by.anonymous)],
            self.traits.iter().collect::<Vec<_>>(),
        ])))
    }

    /// The record as one line of JSON, which reads back as an equal record.
    pub fn to_json_line(&self) -> String {
        self.to_json().to_string()
    }

    fn plain_value(&self) -> serde_json::Value {
        match &self.value {
            Value::Nps(score) | Value::Ces(score) => json!(score),
            Value::Csat { score, .. } => json!(score),
            Value::Comment(text) => json!(text),
            Value::Choice(choices) => json!(choices),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let mut line = json!({
            "submission_id": self.submission_id,
            "type": self.value.kind(),
            "question": self.question,
            "value": self.plain_value(),
            "submitted_at": self.submitted_at,
        });
        if let Value::Csat { scale, .. } = self.value {
            line["scale_lowest"] = json!(scale.lowest);
            line["scale_highest"] = json!(scale.highest);
        }
        for (name, text) in
            [("survey", &self.survey), ("source", &self.source), ("touchpoint", &self.touchpoint)]
        {
            if !text.is_empty() {
                line[name] = json!(text);
            }
        }
        if let Some(language) = &self.language {
            line["language"] = json!(language);
        }
        if let Some(customer) = self.by.customer {
            line["customer_id"] = json!(customer.to_string());
        }
        for (name, id) in [("user_id", &self.by.user), ("anonymous_id", &self.by.anonymous)] {
            if let Some(id) = id {
                line[name] = json!(id);
            }
        }
        if !self.traits.is_empty() {
            line["traits"] = json!(self.traits);
        }
        line
    }
}

/// The first 16 bytes of the SHA-256 of a value's JSON.
fn hashed(value: &serde_json::Value) -> [u8; 16] {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    first
}
