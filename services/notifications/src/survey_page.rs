//! The page of a survey: one question behind a signed link.
//!
//! GET only shows the question, because mail scanners open every link; a link may carry `?score=9` to have an answer
//! chosen beforehand. POST answers. The page needs no scripts. The answer becomes a track event `Survey Answered` on the
//! customer's timeline, like every other answer; who thinks again answers again, and the last answer stands.

mod html;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::Html;
use axum::routing::get;
use bytes::Bytes;
use elate_domain::{Clock, CustomerId, Timestamp, WorkspaceId};
use elate_manifest::spec::Survey;
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::ingest_result::Status as Taken;
use elate_proto::events::v1::ingest_service_client::IngestServiceClient;
use elate_proto::events::v1::{EventType, IngestBatchRequest, IngestMessage};
use elate_rpc::customers::{self, Directory, identifiers};
use elate_rpc::validate::proto_timestamp;
use elate_rpc::{Channel, client};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::delivery::definitions::Cache;
use crate::unsubscribe::Links;

/// The path before the token.
pub const PATH: &str = "/survey/";
/// Separates this use of the secret from every other.
pub(crate) const PURPOSE: &[u8] = b"elate survey links, version 1";
/// Bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;
/// Characters of a comment; more is cut.
const MAX_COMMENT: usize = 4_000;
/// An answer that is sent again within so long is the same one: a second click, or a page that was loaded again.
const SAME_MILLIS: i64 = 60_000;

/// Which question a link is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Workspace.
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    /// Customer.
    #[serde(rename = "c")]
    pub customer: CustomerId,
    /// The survey.
    #[serde(rename = "s")]
    pub survey: String,
    /// The claim of the question, which becomes the answer's `submission_id`.
    #[serde(rename = "i")]
    pub survey_id: String,
    /// The language that it was asked in.
    #[serde(rename = "l", default)]
    pub locale: String,
}

/// What the page needs.
struct Page {
    links: Links,
    definitions: Arc<Cache>,
    events: Channel,
    clock: Arc<dyn Clock>,
}

/// The routes: `GET` and `POST /survey/{token}`.
pub fn router(links: Links, definitions: Arc<Cache>, events: Channel, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/survey/{token}", get(show).post(answer))
        .layer(DefaultBodyLimit::max(MAX_ANSWER))
        .with_state(Arc::new(Page { links, definitions, events, clock }))
}

type Answer = (StatusCode, Html<String>);

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    score: Option<String>,
}

impl Page {
    /// The question of a token and its survey as it is now.
    async fn find(&self, token: &str) -> Result<(Question, Survey), Answer> {
        let Some(question) = self.links.read_question(token) else {
            return Err(html::message(StatusCode::NOT_FOUND, "Unknown link", "This link is not valid."));
        };
        let definitions = self.definitions.get(&question.workspace, None).await.map_err(|error| {
            tracing::warn!(%error, "the page of a survey could not be made");
            later()
        })?;
        let survey = definitions.and_then(|found| found.surveys.get(&question.survey).cloned());
        match survey {
            Some(survey) => Ok((question, survey)),
            None => Err(html::message(StatusCode::GONE, "Thank you", "This survey is over.")),
        }
    }

    /// Puts the answer on the timeline.
    async fn take(&self, question: &Question, survey: &Survey, given: &Given) -> Result<(), Answer> {
        let named = CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(question.customer.to_string())) };
        let directory = Directory::new(self.events.clone());
        let who = match directory.get(&question.workspace, "customer", Some(named)).await {
            Ok(customer) => identifiers(&customer),
            // An erased customer is asked for nothing any more.
            Err(customers::Error::Unknown) => None,
            Err(error @ (customers::Error::Invalid(_) | customers::Error::Unavailable(_))) => {
                tracing::warn!(%error, "the answer of a survey could not be taken");
                return Err(later());
            }
        };
        let Some((user_id, anonymous_id)) = who else { return Ok(()) };
        let message = given.message(question, survey, self.clock.now(), user_id, anonymous_id);
        let mut ingest =
            IngestServiceClient::new(client::acting_in(self.events.clone(), &question.workspace));
        let batch = IngestBatchRequest { messages: vec![message], import_id: String::new() };
        let results = ingest.ingest_batch(batch).await.map_err(|status| {
            tracing::warn!(code = ?status.code(), "the answer of a survey could not be recorded");
            later()
        })?;
        let taken = results.into_inner().results.first().map(|result| result.status());
        match taken {
            Some(Taken::Accepted | Taken::Duplicate) => Ok(()),
            Some(Taken::Rejected | Taken::Unspecified) | None => {
                tracing::warn!("the answer of a survey was refused");
                Err(later())
            }
        }
    }
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Given {
    score: Option<u8>,
    comment: Option<String>,
}

impl Given {
    /// Reads a form; `None` where there is no answer on the survey's scale.
    fn read(survey: &Survey, form: &[u8]) -> Option<Self> {
        let mut given = Self::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "score" => given.score = value.trim().parse().ok(),
                "comment" if !value.trim().is_empty() => {
                    let plain = value.trim().chars().filter(|c| !c.is_control() || c.is_whitespace());
                    given.comment = Some(plain.take(MAX_COMMENT).collect());
                }
                _ => {}
            }
        }
        let is_answer = match survey.kind.scale() {
            Some((low, high)) => given.score.is_some_and(|score| (low..=high).contains(&score)),
            None => given.comment.is_some(),
        };
        is_answer.then_some(given)
    }

    fn message(
        &self,
        question: &Question,
        survey: &Survey,
        now: Timestamp,
        user_id: String,
        anonymous_id: String,
    ) -> IngestMessage {
        let mut properties = json!({
            "kind": survey.kind.as_str(),
            "survey": question.survey,
            "submission_id": question.survey_id,
            "source": survey.channel,
        });
        if survey.kind.scale().is_some() {
            properties["score"] = json!(self.score);
        }
        if let Some(comment) = &self.comment {
            properties["comment"] = json!(comment);
        }
        if !question.locale.is_empty() {
            properties["language"] = json!(question.locale);
        }
        if let Some(touchpoint) = &survey.touchpoint {
            properties["touchpoint"] = json!(touchpoint);
        }
        let when = now.0.div_euclid(SAME_MILLIS);
        let hash = Sha256::digest(format!("{when}\n{properties}").as_bytes());
        let hash: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        IngestMessage {
            r#type: EventType::Track.into(),
            message_id: format!("survey:{}:{hash}", question.survey_id),
            name: "Survey Answered".to_owned(),
            user_id,
            anonymous_id,
            original_time: Some(proto_timestamp(now)),
            properties: properties.to_string().into(),
            ..IngestMessage::default()
        }
    }
}

fn later() -> Answer {
    let text = "That did not work just now. Please try again in a minute.";
    html::message(StatusCode::SERVICE_UNAVAILABLE, "Please try again", text)
}

async fn show(
    State(page): State<Arc<Page>>,
    Path(token): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Answer {
    match page.find(&token).await {
        Ok((question, survey)) => {
            let score = chosen.score.and_then(|score| score.parse().ok());
            (StatusCode::OK, html::question(&survey, &question.locale, score, false))
        }
        Err(answer) => answer,
    }
}

async fn answer(State(page): State<Arc<Page>>, Path(token): Path<String>, form: Bytes) -> Answer {
    let (question, survey) = match page.find(&token).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let Some(given) = Given::read(&survey, &form) else {
        let again = html::question(&survey, &question.locale, None, true);
        return (StatusCode::UNPROCESSABLE_ENTITY, again);
    };
    match page.take(&question, &survey, &given).await {
        Ok(()) => {
            crate::metrics::SURVEYS_ANSWERED.counter(crate::metrics::NO_LABELS).increment(1);
            html::message(StatusCode::OK, "Thank you", "Your answer has been recorded.")
        }
        Err(answer) => answer,
    }
}
