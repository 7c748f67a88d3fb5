//! Leaving by the link in a message: signed tokens, and the page behind them.
//!
//! GET only shows a page with a button, because mail scanners open every link. POST unsubscribes: the button, or the
//! mail program itself by one click (RFC 8058).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Html;
use axum::routing::get;
use elate_domain::{CustomerId, WorkspaceId};
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::events::v1::SetPreferencesRequest;
use elate_proto::events::v1::customer_service_client::CustomerServiceClient;
use elate_rpc::{Channel, Secret, client};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::signed::Signer;
use crate::survey_page::{self, Question};

/// The path before the token.
pub const PATH: &str = "/unsubscribe/";
/// Separates this use of the service token from every other.
const PURPOSE: &[u8] = b"elate unsubscribe links, version 1";

/// What a link leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Workspace.
    #[serde(rename = "w")]
    pub workspace: WorkspaceId,
    /// Customer.
    #[serde(rename = "c")]
    pub customer: CustomerId,
    /// Channel; left as a whole where there is no topic.
    #[serde(rename = "h")]
    pub channel: String,
    /// Topic; empty for none.
    #[serde(rename = "t", default)]
    pub topic: String,
}

/// Makes and reads the links in messages.
#[derive(Debug, Clone)]
pub struct Links {
    leave: Signer,
    question: Signer,
}

impl Links {
    /// Links under a key of their own, or under one that is made from the service token.
    pub fn new(own: &Secret, service_token: &Secret) -> Self {
        let secret = if own.is_empty() { service_token } else { own };
        Self { leave: Signer::new(secret, PURPOSE), question: Signer::new(secret, survey_page::PURPOSE) }
    }

    /// The token for a link.
    pub fn token(&self, leave: &Leave) -> String {
        self.leave.token(leave)
    }

    /// The whole link.
    pub fn url(&self, base_url: &str, leave: &Leave) -> String {
        format!("{}{PATH}{}", base_url.trim_end_matches('/'), self.token(leave))
    }

    /// What a token leaves; `None` where we did not sign it.
    pub fn read(&self, token: &str) -> Option<Leave> {
        self.leave.read(token)
    }

    /// The link to the page of a question.
    pub fn question_url(&self, base_url: &str, question: &Question) -> String {
        let token = self.question.token(question);
        format!("{}{}{token}", base_url.trim_end_matches('/'), survey_page::PATH)
    }

    /// Which question a token is about; `None` where we did not sign it.
    pub fn read_question(&self, token: &str) -> Option<Question> {
        self.question.read(token)
    }
}

/// What the page needs.
#[derive(Clone)]
struct Page {
    links: Links,
    events: Channel,
}

/// The routes: `GET` and `POST /unsubscribe/{token}`.
pub fn router(links: Links, events: Channel) -> Router {
    Router::new()
        .route("/unsubscribe/{token}", get(show).post(leave))
        .with_state(Arc::new(Page { links, events }))
}

async fn show(State(page): State<Arc<Page>>, Path(token): Path<String>) -> (StatusCode, Html<String>) {
    if page.links.read(&token).is_none() {
        return unknown();
    }
    let form = "<p>Do you want to stop these messages?</p>\
        <form method=\"post\"><button type=\"submit\">Unsubscribe</button></form>";
    (StatusCode::OK, html("Unsubscribe", form))
}

async fn leave(State(page): State<Arc<Page>>, Path(token): Path<String>) -> (StatusCode, Html<String>) {
    let Some(leave) = page.links.read(&token) else { return unknown() };
    let mut client = CustomerServiceClient::new(client::acting_in(page.events.clone(), &leave.workspace));
    let mut request = SetPreferencesRequest {
        customer: Some(CustomerRef {
            r#ref: Some(customer_ref::Ref::CustomerId(leave.customer.to_string())),
        }),
        via: "unsubscribe_link".to_owned(),
        ..SetPreferencesRequest::default()
    };
    if leave.topic.is_empty() {
        request.channels.insert(leave.channel, false);
    } else {
        request.topics.insert(leave.topic, false);
    }
    match client.set_preferences(request).await {
        Ok(_) => {
            crate::metrics::UNSUBSCRIBED.counter(crate::metrics::NO_LABELS).increment(1);
            (StatusCode::OK, html("Unsubscribed", "<p>You will not get these messages any more.</p>"))
        }
        // An erased customer gets nothing any more.
        Err(status) if elate_rpc::error::is_not_found(&status) => {
            (StatusCode::OK, html("Unsubscribed", "<p>You will not get these messages any more.</p>"))
        }
        Err(status) => {
            tracing::warn!(code = ?status.code(), "an unsubscription could not be recorded");
            let text = "<p>That did not work just now. Please try again in a minute.</p>";
            (StatusCode::SERVICE_UNAVAILABLE, html("Please try again", text))
        }
    }
}

fn unknown() -> (StatusCode, Html<String>) {
    (StatusCode::NOT_FOUND, html("Unknown link", "<p>This link is not valid.</p>"))
}

/// Nothing in it comes from outside.
fn html(title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
        <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"></head>\
        <body style=\"font-family:sans-serif;max-width:30em;margin:4em auto;padding:0 1em\">\
        <h1>{title}</h1>{content}</body></html>"
    ))
}
