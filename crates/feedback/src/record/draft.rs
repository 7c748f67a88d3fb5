//! A record as it comes in, and the checks that make feedback of it.

use std::collections::BTreeMap;

use elate_domain::{CustomerId, FieldError, Timestamp};

use super::{Feedback, FeedbackKind, Identifiers, Scale, Value};
use crate::sentiment::{LanguageTag, MAX_CHARS};

/// The longest id, name or trait, in characters.
pub const MAX_NAME_CHARS: usize = 256;

/// The most traits of a record.
pub const MAX_TRAITS: usize = 50;

/// The most choices of an answer.
pub const MAX_CHOICES: usize = 100;

/// Scales further apart than this are no scales.
const WIDEST_SCALE: i64 = 100;

/// What a wrong value is shown with, at most.
const SHOWN_CHARS: usize = 40;

/// A value before its type is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftValue {
    /// A number or a text; choices with `|` between them.
    Text(String),
    /// Choices.
    Choices(Vec<String>),
}

/// A record as it comes in: texts by column. White space around them does not count, and an empty text is a missing one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// `submission_id`.
    pub submission_id: Option<String>,
    /// `survey`.
    pub survey: Option<String>,
    /// `question`.
    pub question: Option<String>,
    /// `type`.
    pub kind: Option<String>,
    /// `value`.
    pub value: Option<DraftValue>,
    /// `scale_lowest`.
    pub scale_lowest: Option<String>,
    /// `scale_highest`.
    pub scale_highest: Option<String>,
    /// `language`.
    pub language: Option<String>,
    /// `source`.
    pub source: Option<String>,
    /// `touchpoint`.
    pub touchpoint: Option<String>,
    /// `submitted_at`.
    pub submitted_at: Option<String>,
    /// `customer_id`.
    pub customer_id: Option<String>,
    /// `user_id`.
    pub user_id: Option<String>,
    /// `anonymous_id`.
    pub anonymous_id: Option<String>,
    /// `traits.NAME`.
    pub traits: Vec<(String, String)>,
}

/// The columns but `value` and traits.
pub(super) const TEXT_COLUMNS: [&str; 13] = [
    "submission_id",
    "survey",
    "question",
    "type",
    "scale_lowest",
    "scale_highest",
    "language",
    "source",
    "touchpoint",
    "submitted_at",
    "customer_id",
    "user_id",
    "anonymous_id",
];

/// The columns that every file has.
pub(super) const REQUIRED_COLUMNS: [&str; 4] = ["submission_id", "type", "value", "submitted_at"];

impl Draft {
    /// The place of a text column; `None` for `value`, traits and what is not known.
    pub(super) fn slot(&mut self, column: &str) -> Option<&mut Option<String>> {
        Some(match column {
            "submission_id" => &mut self.submission_id,
            "survey" => &mut self.survey,
            "question" => &mut self.question,
            "type" => &mut self.kind,
            "scale_lowest" => &mut self.scale_lowest,
            "scale_highest" => &mut self.scale_highest,
            "language" => &mut self.language,
            "source" => &mut self.source,
            "touchpoint" => &mut self.touchpoint,
            "submitted_at" => &mut self.submitted_at,
            "customer_id" => &mut self.customer_id,
            "user_id" => &mut self.user_id,
            "anonymous_id" => &mut self.anonymous_id,
            _ => return None,
        })
    }
}

impl TryFrom<Draft> for Feedback {
    /// Every field that is wrong.
    type Error = Vec<FieldError>;

    fn try_from(draft: Draft) -> Result<Self, Vec<FieldError>> {
        let mut check = Check::default();
        let submission_id = check.required_name("submission_id", draft.submission_id);
        let kind = check.kind(draft.kind);
        let scale = check.scale(kind, draft.scale_lowest, draft.scale_highest);
        let value = kind.and_then(|kind| check.value(kind, scale, draft.value));
        let question = check.name("question", draft.question);
        let submitted_at = check.time(draft.submitted_at);
        let survey = check.name("survey", draft.survey);
        let source = check.name("source", draft.source);
        let touchpoint = check.name("touchpoint", draft.touchpoint);
        let language = check.language(draft.language);
        let by = Identifiers {
            customer: check.customer(draft.customer_id),
            user: check.name("user_id", draft.user_id),
            anonymous: check.name("anonymous_id", draft.anonymous_id),
        };
        let traits = check.traits(draft.traits);
        match (submission_id, value, submitted_at) {
            (Some(submission_id), Some(value), Some(submitted_at)) if check.wrong.is_empty() => Ok(Self {
                submission_id,
                survey: survey.unwrap_or_default(),
                question: question.unwrap_or_else(|| value.kind().as_str().to_owned()),
                value,
                language,
                source: source.unwrap_or_default(),
                touchpoint: touchpoint.unwrap_or_default(),
                submitted_at,
                by,
                traits,
            }),
            _ => Err(check.wrong),
        }
    }
}

/// Reads fields and keeps what is wrong with them, so that all of it is said at once.
#[derive(Default)]
struct Check {
    wrong: Vec<FieldError>,
}

impl Check {
    fn refuse<T>(&mut self, column: impl Into<String>, reason: impl Into<String>) -> Option<T> {
        self.wrong.push(FieldError::new(column, reason));
        None
    }

    fn required(&mut self, column: &str, text: Option<String>) -> Option<String> {
        match given(text) {
            None => self.refuse(column, "is missing"),
            found => found,
        }
    }

    fn name(&mut self, column: &str, text: Option<String>) -> Option<String> {
        let text = given(text)?;
        if text.chars().nth(MAX_NAME_CHARS).is_some() {
            return self.refuse(column, format!("is longer than {MAX_NAME_CHARS} characters"));
        }
        if text.chars().any(char::is_control) {
            return self.refuse(column, "holds control characters");
        }
        Some(text)
    }

    fn required_name(&mut self, column: &str, text: Option<String>) -> Option<String> {
        let text = self.required(column, text)?;
        self.name(column, Some(text))
    }

    fn kind(&mut self, text: Option<String>) -> Option<FeedbackKind> {
        let text = self.required("type", text)?;
        let lower = text.to_ascii_lowercase();
        match FeedbackKind::ALL.into_iter().find(|kind| kind.as_str() == lower) {
            None => {
                self.refuse("type", format!("{} is none of nps, csat, ces, comment, choice", shown(&text)))
            }
            found => found,
        }
    }

    /// The scale of a satisfaction answer; other types have none.
    fn scale(
        &mut self,
        kind: Option<FeedbackKind>,
        low: Option<String>,
        high: Option<String>,
    ) -> Option<Scale> {
        let (low, high) = (given(low), given(high));
        if kind != Some(FeedbackKind::Csat) {
            for (column, given) in [("scale_lowest", low), ("scale_highest", high)] {
                if given.is_some() && kind.is_some() {
                    self.refuse::<()>(column, "only csat has a scale of its own");
                }
            }
            return None;
        }
        let lowest =
            low.map_or(Some(i64::from(Scale::FIVE.lowest)), |text| self.whole("scale_lowest", &text))?;
        let highest =
            high.map_or(Some(i64::from(Scale::FIVE.highest)), |text| self.whole("scale_highest", &text))?;
        if lowest >= highest || highest - lowest > WIDEST_SCALE {
            let reason = format!("must be 1 to {WIDEST_SCALE} above scale_lowest, which is {lowest}");
            return self.refuse("scale_highest", reason);
        }
        match (i16::try_from(lowest), i16::try_from(highest)) {
            (Ok(lowest), Ok(highest)) => Some(Scale { lowest, highest }),
            _ => self.refuse("scale_lowest", "must lie within ±32,767"),
        }
    }

    fn value(
        &mut self,
        kind: FeedbackKind,
        scale: Option<Scale>,
        value: Option<DraftValue>,
    ) -> Option<Value> {
        let text = match value {
            Some(DraftValue::Choices(choices)) if kind == FeedbackKind::Choice => {
                return self.choices(choices);
            }
            Some(DraftValue::Choices(_)) => return self.refuse("value", "only choice takes a list"),
            Some(DraftValue::Text(text)) => Some(text),
            None => None,
        };
        let text = self.required("value", text)?;
        match kind {
            FeedbackKind::Nps => self.score(&text, 0, 10, "NPS").map(|score| Value::Nps(score as u8)),
            FeedbackKind::Ces => self.score(&text, 1, 7, "CES").map(|score| Value::Ces(score as u8)),
            FeedbackKind::Csat => {
                let scale = scale?;
                let score = self.score(&text, scale.lowest, scale.highest, "this scale")?;
                Some(Value::Csat { score, scale })
            }
            FeedbackKind::Comment => self.comment(text),
            FeedbackKind::Choice => self.choices(text.split('|').map(str::to_owned).collect()),
        }
    }

    fn score(&mut self, text: &str, lowest: i16, highest: i16, what: &str) -> Option<i16> {
        let score = self.whole("value", text)?;
        match i16::try_from(score).ok().filter(|score| (lowest..=highest).contains(score)) {
            None => self.refuse("value", format!("is {score}; {what} goes from {lowest} to {highest}")),
            found => found,
        }
    }

    /// A whole number, also one that a spreadsheet wrote as `9.0`.
    fn whole(&mut self, column: &str, text: &str) -> Option<i64> {
        let number = text.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && n.abs() <= 1e9);
        match number {
            None => self.refuse(column, format!("{} is no whole number", shown(text))),
            Some(number) => Some(number as i64),
        }
    }

    fn comment(&mut self, text: String) -> Option<Value> {
        if text.chars().nth(MAX_CHARS).is_some() {
            return self.refuse("value", format!("is longer than {MAX_CHARS} characters"));
        }
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            return self.refuse("value", "holds control characters");
        }
        Some(Value::Comment(text))
    }

    fn choices(&mut self, given_choices: Vec<String>) -> Option<Value> {
        let mut choices: Vec<String> = Vec::new();
        for choice in given_choices {
            let Some(choice) = self.name("value", Some(choice)) else { continue };
            if !choices.contains(&choice) {
                choices.push(choice);
            }
            if choices.len() > MAX_CHOICES {
                return self.refuse("value", format!("has more than {MAX_CHOICES} choices"));
            }
        }
        if choices.is_empty() { self.refuse("value", "has no choice") } else { Some(Value::Choice(choices)) }
    }

    fn time(&mut self, text: Option<String>) -> Option<Timestamp> {
        let text = self.required("submitted_at", text)?;
        match Timestamp::parse(&text) {
            None => {
                let reason = format!("{} is no RFC 3339 time such as 2026-03-01T09:30:00Z", shown(&text));
                self.refuse("submitted_at", reason)
            }
            found => found,
        }
    }

    fn language(&mut self, text: Option<String>) -> Option<LanguageTag> {
        let text = given(text)?;
        match LanguageTag::try_new(&text) {
            Ok(tag) => Some(tag),
            Err(wrong) => self.refuse("language", format!("{} {wrong}", shown(&text))),
        }
    }

    fn customer(&mut self, text: Option<String>) -> Option<CustomerId> {
        match given(text)?.parse::<CustomerId>() {
            Ok(id) if !id.is_none() => Some(id),
            Ok(_) => self.refuse("customer_id", "is the id of nobody"),
            Err(wrong) => self.refuse("customer_id", wrong.reason),
        }
    }

    fn traits(&mut self, traits: Vec<(String, String)>) -> BTreeMap<String, String> {
        let mut kept = BTreeMap::new();
        for (name, text) in traits {
            let column = format!("traits.{}", name.chars().take(SHOWN_CHARS).collect::<String>());
            let Some(value) = self.name(&column, Some(text)) else { continue };
            let Some(name) = self.name(&column, Some(name)) else {
                self.refuse::<()>(column, "has no name");
                continue;
            };
            kept.insert(name, value);
        }
        if kept.len() > MAX_TRAITS {
            self.refuse::<()>("traits", format!("has more than {MAX_TRAITS} entries"));
        }
        kept
    }
}

/// Without white space around it; `None` where nothing is left.
fn given(text: Option<String>) -> Option<String> {
    let text = text?;
    let bare = text.trim();
    if bare.is_empty() {
        return None;
    }
    Some(if bare.len() == text.len() { text } else { bare.to_owned() })
}

/// A wrong value as a message shows it.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    let more = if text.chars().nth(SHOWN_CHARS).is_some() { "…" } else { "" };
    format!("{start:?}{more}")
}
