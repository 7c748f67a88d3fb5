//! Reading: answers by filter, always of one workspace and never more than asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use elate_domain::{CustomerId, Timestamp, WorkspaceId};
use elate_feedback::record::{Feedback, FeedbackKind, Identifiers, Scale, Value};
use elate_feedback::sentiment::LanguageTag;
use elate_feedback::stats::{Measure, ResponseRate, Tally};
use elate_storage::{Error, Row, query_all, query_one};

use crate::store::Store;

/// Which answers. Empty texts stand for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackSelection {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Only this kind.
    pub kind: Option<FeedbackKind>,
    /// Only this survey.
    pub survey: String,
    /// Only about this touchpoint.
    pub touchpoint: String,
    /// Only from this source.
    pub source: String,
    /// Only of customers with these traits.
    pub traits: BTreeMap<String, String>,
}

impl FeedbackSelection {
    /// Whether an answer with these traits is among them.
    pub fn takes(&self, traits: &BTreeMap<String, String>) -> bool {
        self.traits.iter().all(|(name, value)| traits.get(name) == Some(value))
    }
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeedback {
    /// Which answer it is, in hexadecimal digits.
    pub answer: String,
    /// Whose it is, merges taken into account.
    pub customer: CustomerId,
    /// What was said.
    pub record: Feedback,
    /// How a comment sounds.
    pub compound: Option<f64>,
    /// What scored it.
    pub scorer: String,
    /// Why it was not scored.
    pub not_scored: String,
}

/// An answer as figures need it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// When it was given.
    pub at: Timestamp,
    /// The answer.
    pub value: Value,
    /// What stands in the column that was asked for; empty where none was.
    pub group: String,
    /// What is known of the customer; read only where it is asked for.
    pub traits: BTreeMap<String, String>,
}

const COLUMNS: &str =
    "answer, customer, submission, survey, question, kind, score, scale_lowest, scale_highest, said,
    language, source, touchpoint, submitted_at, user_id, anonymous_id, traits, sentiment, scorer, not_scored";

/// A condition and the values that it binds.
struct Where {
    sql: String,
    values: Vec<sea_orm::Value>,
}

impl Where {
    fn new(workspace: &WorkspaceId, selection: &FeedbackSelection) -> Self {
        let mut all = Self { sql: "workspace = $1".to_owned(), values: vec![workspace.as_str().into()] };
        let texts = [
            ("kind", selection.kind.map(FeedbackKind::as_str).unwrap_or_default()),
            ("survey", selection.survey.as_str()),
            ("touchpoint", selection.touchpoint.as_str()),
            ("source", selection.source.as_str()),
        ];
        for (column, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            all.and(&format!("{column} = "), text.into());
        }
        if let Some(from) = selection.from {
            all.and("submitted_at >= ", from.0.into());
        }
        if let Some(to) = selection.to {
            all.and("submitted_at < ", to.0.into());
        }
        all
    }

    fn bind(&mut self, value: sea_orm::Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str, value: sea_orm::Value) {
        let place = self.bind(value);
        // Writing to a text does not fail.
        let _ = write!(self.sql, " AND {condition}{place}");
    }
}

impl Store {
    /// A page of answers, the newest first, after the given place; at most `limit` rows are looked at, and those with
    /// other traits are left out. The second part says where to go on, and is `None` at the end.
    pub async fn feedback_page(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
        after: Option<(i64, String)>,
        limit: u64,
    ) -> Result<(Vec<StoredFeedback>, Option<(i64, String)>), Error> {
        let mut conditions = Where::new(workspace, selection);
        if let Some((at, answer)) = after {
            let (at, answer) = (conditions.bind(at.into()), conditions.bind(answer.into()));
            let _ = write!(
                conditions.sql,
                " AND (submitted_at < {at} OR (submitted_at = {at} AND answer < {answer}))"
            );
        }
        let most = conditions.bind(limit.cast_signed().into());
        let sql = format!(
            "SELECT {COLUMNS} FROM feedback WHERE {} ORDER BY submitted_at DESC, answer DESC LIMIT {most}",
            conditions.sql
        );
        let rows = query_all(self.database.read(), &sql, conditions.values).await?;
        let mut page = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
        let last = page.last().filter(|_| rows.len() as u64 == limit);
        let next = last.map(|last| (last.record.submitted_at.0, last.answer.clone()));
        page.retain(|stored| selection.takes(&stored.record.traits));
        Ok((page, next))
    }

    /// The answers of a kind for figures, at most `limit`; `group` is a column, and traits are read where `traits` says
    /// so or the selection needs them.
    pub async fn answered(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
        group: Option<&'static str>,
        traits: bool,
        limit: u64,
    ) -> Result<Vec<Answered>, Error> {
        let mut conditions = Where::new(workspace, selection);
        let most = conditions.bind(limit.cast_signed().into());
        let with_traits = traits || !selection.traits.is_empty();
        let sql = format!(
            "SELECT kind, score, scale_lowest, scale_highest, said, submitted_at, {} AS grouped, {} AS traits
            FROM feedback WHERE {} ORDER BY submitted_at, answer LIMIT {most}",
            group.unwrap_or("''"),
            if with_traits { "traits" } else { "'{}'" },
            conditions.sql
        );
        let mut found = Vec::new();
        for row in query_all(self.database.read(), &sql, conditions.values).await? {
            let answered = Answered {
                at: Timestamp(row.try_get("", "submitted_at")?),
                value: value(&row)?,
                group: row.try_get("", "grouped")?,
                traits: read_traits(&row)?,
            };
            if selection.takes(&answered.traits) {
                found.push(answered);
            }
        }
        Ok(found)
    }

    /// The answers to a measure, counted. The selection's traits are not looked at.
    pub async fn tally(
        &self,
        workspace: &WorkspaceId,
        measure: Measure,
        selection: &FeedbackSelection,
    ) -> Result<Tally, Error> {
        let conditions = Where::new(workspace, selection);
        let sql = format!(
            "SELECT kind, score, scale_lowest, scale_highest, '' AS said, count(*) AS times FROM feedback
            WHERE {} GROUP BY kind, score, scale_lowest, scale_highest
            ORDER BY kind, score, scale_lowest, scale_highest",
            conditions.sql
        );
        let mut tally = Tally::new(measure);
        for row in query_all(self.database.read(), &sql, conditions.values).await? {
            let times: i64 = row.try_get("", "times")?;
            tally.add_many(&value(&row)?, times.max(0).cast_unsigned());
        }
        Ok(tally)
    }

    /// The NPS of submissions that have one, by survey and submission.
    pub async fn nps_by_submission(
        &self,
        workspace: &WorkspaceId,
        selection: &FeedbackSelection,
        limit: u64,
    ) -> Result<BTreeMap<(String, String), i64>, Error> {
        let of_nps = FeedbackSelection { kind: Some(FeedbackKind::Nps), ..selection.clone() };
        let mut conditions = Where::new(workspace, &of_nps);
        let most = conditions.bind(limit.cast_signed().into());
        let sql =
            format!("SELECT survey, submission, score FROM feedback WHERE {} LIMIT {most}", conditions.sql);
        let rows = query_all(self.database.read(), &sql, conditions.values).await?;
        let entry = |row: &Row| -> Result<_, Error> {
            let score: Option<i64> = row.try_get("", "score")?;
            Ok(((row.try_get("", "survey")?, row.try_get("", "submission")?), score.unwrap_or_default()))
        };
        rows.iter().map(entry).collect()
    }

    /// How many were asked in a time, and how many of them have answered since.
    pub async fn response_rate(
        &self,
        workspace: &WorkspaceId,
        from: Timestamp,
        to: Timestamp,
        survey: &str,
    ) -> Result<ResponseRate, Error> {
        let sql = "SELECT count(*) AS asked, CAST(coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM feedback f
                WHERE f.workspace = a.workspace AND f.submission = a.submission) THEN 1 ELSE 0 END), 0) AS BIGINT)
                AS answered
            FROM survey_asked a WHERE workspace = $1 AND asked_at >= $2 AND asked_at < $3
                AND ($4 = '' OR survey = $4)";
        let values = [workspace.as_str().into(), from.0.into(), to.0.into(), survey.into()];
        let Some(row) = query_one(self.database.read(), sql, values).await? else {
            return Ok(ResponseRate::default());
        };
        let count = |name| row.try_get::<i64>("", name).map(|n| n.max(0).cast_unsigned());
        Ok(ResponseRate { asked: count("asked")?, answered: count("answered")? })
    }
}

fn stored(row: &Row) -> Result<StoredFeedback, Error> {
    let customer = CustomerId(row.try_get("", "customer")?);
    let optional = |name| row.try_get::<String>("", name).map(|text| (!text.is_empty()).then_some(text));
    let language = optional("language")?.map(|tag| LanguageTag::try_new(&tag)).transpose();
    Ok(StoredFeedback {
        answer: row.try_get("", "answer")?,
        customer,
        record: Feedback {
            submission_id: row.try_get("", "submission")?,
            survey: row.try_get("", "survey")?,
            question: row.try_get("", "question")?,
            value: value(row)?,
            language: language.map_err(|error| Error::corrupt("feedback", "language", error))?,
            source: row.try_get("", "source")?,
            touchpoint: row.try_get("", "touchpoint")?,
            submitted_at: Timestamp(row.try_get("", "submitted_at")?),
            by: Identifiers {
                customer: (!customer.is_none()).then_some(customer),
                user: optional("user_id")?,
                anonymous: optional("anonymous_id")?,
            },
            traits: read_traits(row)?,
        },
        compound: row.try_get("", "sentiment")?,
        scorer: row.try_get("", "scorer")?,
        not_scored: row.try_get("", "not_scored")?,
    })
}

fn read_traits(row: &Row) -> Result<BTreeMap<String, String>, Error> {
    let text: String = row.try_get("", "traits")?;
    serde_json::from_str(&text).map_err(|error| Error::corrupt("feedback", "traits", error))
}

/// An answer whose columns don't fit together.
#[derive(Debug, thiserror::Error)]
#[error("the columns of an answer of kind {0:?} don't fit together")]
struct Unfit(String);

fn value(row: &Row) -> Result<Value, Error> {
    let kind: String = row.try_get("", "kind")?;
    let number = |name: &str| -> Result<Option<i16>, Error> {
        let number: Option<i64> = row.try_get("", name)?;
        Ok(number.and_then(|number| i16::try_from(number).ok()))
    };
    let score = number("score")?;
    let small = || score.and_then(|score| u8::try_from(score).ok());
    let found = match FeedbackKind::ALL.into_iter().find(|known| known.as_str() == kind) {
        Some(FeedbackKind::Nps) => small().map(Value::Nps),
        Some(FeedbackKind::Ces) => small().map(Value::Ces),
        Some(FeedbackKind::Csat) => match (score, number("scale_lowest")?, number("scale_highest")?) {
            (Some(score), Some(lowest), Some(highest)) => {
                Some(Value::Csat { score, scale: Scale { lowest, highest } })
            }
            _ => None,
        },
        Some(FeedbackKind::Comment) => Some(Value::Comment(row.try_get("", "said")?)),
        Some(FeedbackKind::Choice) => {
            let said: String = row.try_get("", "said")?;
            serde_json::from_str(&said).ok().map(Value::Choice)
        }
        None => None,
    };
    found.ok_or_else(|| Error::corrupt("feedback", "kind", Unfit(kind)))
}
