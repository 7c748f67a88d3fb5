//! What came of a simulation. All maps are ordered, so that the same findings are the same bytes.

mod compare;
mod page;

use std::collections::BTreeMap;
use std::fmt;

use elate_delight::links::Chain;
use elate_domain::{CustomerId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::tally::Tally;

pub use compare::{Change, Compared, Difference, EntryChange};

/// The form of the report; a later one may say more.
pub const FORMAT: u32 = 1;

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// See [`FORMAT`].
    pub format: u32,
    /// From when to when.
    pub period: Period,
    /// What was replayed.
    pub input: Input,
    /// By Moment manifest.
    pub moments: BTreeMap<String, Moments>,
    /// By Journey manifest: its touchpoints, the weakest first, and how well they go together.
    pub links: BTreeMap<String, Chain>,
    /// By Moment manifest that makes promises.
    pub promises: BTreeMap<String, Promises>,
    /// By Play manifest.
    pub plays: BTreeMap<String, Plays>,
    /// By `play / channel / template`.
    pub messages: BTreeMap<String, Messages>,
    /// By budget.
    pub money: BTreeMap<String, Money>,
    /// By touchpoint: recovery cases by the state that they ended in.
    pub cases: BTreeMap<String, BTreeMap<String, u64>>,
    /// By Journey manifest.
    pub journeys: BTreeMap<String, Journeys>,
    /// Crossings of a score's thresholds, by `threshold direction`.
    pub crossings: BTreeMap<String, u64>,
    /// How the customers are in the end.
    pub delight: Delight,
    /// Who would have entered which play, or been kept out of it for the sake of measuring, in order of time.
    pub entries: Vec<Entry>,
    /// Entries above the limit, which are not listed.
    pub entries_left_out: u64,
    /// Events by name, those of the recording and those that the services said.
    pub events: BTreeMap<String, u64>,
    /// What went wrong on the way.
    pub trouble: Trouble,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Log time of the first event.
    pub first_event: Timestamp,
    /// Log time of the last event.
    pub last_event: Timestamp,
    /// How far log time ran; scores are as of then.
    pub log_time_ends: Timestamp,
}

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Lines of the file.
    pub lines: u64,
    /// Lines outside the period that was asked for.
    pub outside_period: u64,
    /// Events that were replayed.
    pub accepted: u64,
    /// Repeats, which count once.
    pub duplicates: u64,
    /// Ids that came again with other contents; both count.
    pub conflicts: u64,
    /// Refused lines, by the field that is wrong.
    pub refused: BTreeMap<String, u64>,
    /// The first of them, with their lines.
    pub first_refusals: Vec<Refusal>,
    /// Customers found.
    pub customers: u64,
    /// Of them, merged into others.
    pub merged: u64,
    /// Decisions for the whole company that were taken as they fell.
    #[serde(default)]
    pub decisions: u64,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// From 1.
    pub line: u64,
    /// The field that is wrong; empty for the line as a whole.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.field.is_empty() { "" } else { " " };
        write!(f, "line {}:{space}{} {}", self.line, self.field, self.reason)
    }
}

/// Moments of one definition, as they were judged last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Moment of truth.
    pub truth: String,
    /// Journey.
    pub journey: String,
    /// Stage.
    pub stage: String,
    /// Touchpoint.
    pub touchpoint: String,
    /// Product.
    pub product: String,
    /// Channel.
    pub channel: String,
    /// How many.
    pub judged: u64,
    /// Of them, judged more than once.
    pub revised: u64,
    /// Of them, still provisional.
    pub provisional: u64,
    /// Wows.
    pub magical: u64,
    /// Neither.
    pub neutral: u64,
    /// Disappointments.
    pub miserable: u64,
    /// Mean gap in tolerances.
    pub mean_gap: f64,
    /// By the expectation that won.
    pub expectations: BTreeMap<String, u64>,
}

/// Promises of one definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// How many were made.
    pub made: u64,
    /// Of them, at risk at some time.
    pub at_risk: u64,
    /// By the state that they ended in.
    pub ended: BTreeMap<String, u64>,
}

/// What a play did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plays {
    /// Instances that were started.
    pub entered: u64,
    /// Customers who entered, each once.
    pub customers: u64,
    /// Kept out for the sake of measuring.
    pub held_out: u64,
    /// Triggered and not started, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Came to the end.
    pub completed: u64,
    /// Left before, by reason.
    pub exited: BTreeMap<String, u64>,
    /// Still under way in the end.
    pub active: u64,
    /// Steps taken, by kind.
    pub steps: BTreeMap<String, u64>,
}

/// What became of messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// The play; empty for none.
    pub play: String,
    /// The channel.
    pub channel: String,
    /// The template.
    pub template: String,
    /// Asked for.
    pub requested: u64,
    /// Would have been handed over.
    pub sent: u64,
    /// Held for a while, by reason. They are counted again by what became of them.
    pub held: BTreeMap<String, u64>,
    /// Refused for a frequency cap.
    pub capped: u64,
    /// Refused, by reason (caps apart).
    pub refused: BTreeMap<String, u64>,
    /// Their time was over before they could go.
    pub expired: u64,
    /// Taken back by their play, by reason.
    pub cancelled: u64,
    /// Could not have been handed over, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Still held in the end.
    pub open: u64,
}

/// What was asked of a budget.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Money {
    /// Rewards asked for.
    pub requested: u64,
    /// What they come to, in the budget's unit.
    pub amount: f64,
}

/// Instances of a journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journeys {
    /// Begun.
    pub entered: u64,
    /// Reached their end.
    pub completed: u64,
    /// Silent for too long.
    pub abandoned: u64,
    /// Still under way.
    pub active: u64,
    /// Moves by the stage that they led to.
    pub moves: BTreeMap<String, u64>,
}

/// How customers are in the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delight {
    /// Customers with a judged moment. All others are at 50.
    pub customers: u64,
    /// Mean of the scores.
    pub mean: f64,
    /// The lowest.
    pub lowest: f64,
    /// A tenth lies below.
    pub tenth: f64,
    /// Half lie below.
    pub median: f64,
    /// A tenth lies above.
    pub ninetieth: f64,
    /// The highest.
    pub highest: f64,
    /// Customers with a score in 0…10, 10…20 and so on.
    pub tens: [u64; 10],
    /// The unhappiest customers and their scores, the lowest first.
    pub unhappiest: Vec<Scored>,
}

/// A customer and a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The sender's id, or Elate's own where there is none.
    pub customer: String,
    /// 0 to 100.
    pub delight: f64,
}

/// Who entered a play.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Log time.
    pub at: Timestamp,
    /// The sender's id, or Elate's own where there is none.
    pub customer: String,
    /// The play.
    pub play: String,
    /// The instance's key.
    pub key: String,
    /// `entered` or `held_out`.
    pub decision: String,
}

/// What went wrong on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Events that the loop guard held, by `service: event: reason`.
    pub held: BTreeMap<String, u64>,
    /// Customers who were set aside because a step failed, by `service: reason`.
    pub set_aside: BTreeMap<String, u64>,
}

impl Report {
    /// What did happen: the same counts over the records of a real log, in the order of each partition, with the scores
    /// of its customers. Triggers that were refused leave nothing on timelines, so they are not in it.
    pub fn of_log<'a>(
        records: impl IntoIterator<Item = &'a Record>,
        scores: Vec<(CustomerId, f64)>,
        period: Period,
        input: Input,
        most_entries: usize,
    ) -> Self {
        let mut tally = Tally::default();
        tally.scores = scores;
        records.into_iter().for_each(|record| tally.record(record));
        tally.close();
        tally.report(period, input, most_entries)
    }

    /// The report as JSON, with a line's end behind it.
    ///
    /// # Errors
    /// [`Error::Json`], never in practice.
    pub fn to_json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The report as one page of HTML that needs nothing else; with the difference from `base`, where it is given.
    ///
    /// # Errors
    /// [`Error::Page`], never in practice.
    pub fn to_html(&self, base: Option<&Self>) -> Result<String, Error> {
        page::render(self, base)
    }

    /// What is different in this report from `base`.
    pub fn compare(&self, base: &Self) -> Difference {
        compare::compare(base, self)
    }
}
