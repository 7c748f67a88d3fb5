//! Channels: ways to reach a customer.

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, Setting, schemas};
use crate::Name;

/// A way to reach a customer: exactly one of `email` and `webhook`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// E-mail over SMTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// A signed call (Standard Webhooks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The delays between attempts; left out, the schedule of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<schemas::Duration>>")]
    pub retry: Option<Vec<HumanDuration>>,
    /// What happens to a message whose outcome a crash left unknown. Webhooks are always sent again, with one id.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// An endpoint that fails for so long is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schemas::Duration>")]
    pub disable_after: Option<HumanDuration>,
}

/// The kinds of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// E-mail.
    Email,
    /// Webhook.
    Webhook,
}

impl ChannelKind {
    /// The word, as it stands in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

impl Channel {
    /// The kind; `None` where the manifest says none, which is refused.
    pub fn kind(&self) -> Option<ChannelKind> {
        match (&self.email, &self.webhook) {
            (Some(_), None) => Some(ChannelKind::Email),
            (None, Some(_)) => Some(ChannelKind::Webhook),
            _ => None,
        }
    }

    /// The delays between attempts.
    pub fn retry_schedule(&self) -> Vec<HumanDuration> {
        const WEBHOOK: [u64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
        const EMAIL: [u64; 4] = [60, 300, 1_800, 7_200];
        if let Some(retry) = &self.retry {
            return retry.clone();
        }
        let seconds: &[u64] = if self.webhook.is_some() { &WEBHOOK } else { &EMAIL };
        seconds.iter().map(|s| HumanDuration(std::time::Duration::from_secs(*s))).collect()
    }
}

/// What happens to a message whose outcome is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It is recorded as unknown, and neither repeated nor failed over: at most once. The default.
    #[default]
    Record,
    /// It is sent again: at least once.
    Resend,
}

/// E-mail over SMTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The servers, the preferred one first.
    pub providers: Vec<SmtpProvider>,
    /// The sender, `Name <address>` or the address alone.
    pub from: Setting,
    /// Where answers go, if not to the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Setting>,
    /// One-click unsubscribe (RFC 8058); required for marketing messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<Unsubscribe>,
    /// The trait that holds the customer's address.
    #[serde(default = "email_trait")]
    pub address_trait: String,
}

fn email_trait() -> String {
    "email".to_owned()
}

/// One SMTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpProvider {
    /// Unique in the channel; it stands in receipts.
    pub name: Name,
    /// Host name or address.
    pub host: Setting,
    /// Port; left out, the usual one of `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Setting>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// User name, where the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Setting>,
    /// Password, where the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// At most so long for one message.
    #[serde(default = "ten_seconds")]
    #[schemars(with = "schemas::Duration")]
    pub timeout: HumanDuration,
}

fn ten_seconds() -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(10))
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// By STARTTLS, which the server must offer. The default; port 587.
    #[default]
    Starttls,
    /// From the first byte; port 465.
    Implicit,
    /// Not at all: for servers on the same machine; port 25.
    None,
}

impl Tls {
    /// The usual port.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// One-click unsubscribe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Where the notifications service can be reached by the mail program: an https address, or http on this
    /// machine.
    pub base_url: Setting,
}

/// A signed call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The endpoint.
    pub url: Setting,
    /// The signing secret (`whsec_…`).
    pub secret: Secret,
    /// At most so long for one call.
    #[serde(default = "ten_seconds")]
    #[schemars(with = "schemas::Duration")]
    pub timeout: HumanDuration,
    /// Whether addresses in private networks, and plain http, may be called.
    #[serde(default)]
    pub allow_private: bool,
}
