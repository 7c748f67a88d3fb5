//! The settings of notifications.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use elate_consumer::Settings as ConsumerSettings;
use elate_domain::{FieldError, HumanDuration};
use elate_rpc::Secret;
use elate_runtime::config::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// The settings of notifications, beside those that every process has.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotificationsSettings {
    /// The consumer loop.
    pub consumer: ConsumerSettings,
    /// The delivery of messages.
    pub delivery: DeliverySettings,
    /// The key that unsubscribe links are signed with, at least 16 characters; the same in every process. Left out,
    /// it is made from the service token, and links stop working when that is changed.
    #[schemars(with = "String")]
    pub unsubscribe_key: Secret,
    /// What `env:NAME` in channels stands for, where it shall not be the process's environment.
    #[serde(serialize_with = "names_only")]
    pub variables: BTreeMap<String, String>,
    /// The folder that `file:` references of channels must lie in. Of the environment, channels see only what begins
    /// with `ELATE_CHANNEL_`, `ELATE_DEV_` or `ELATE_PUBLIC_`.
    #[schemars(with = "String")]
    pub secrets_folder: SecretsFolder,
}

/// A folder of secrets; `/run/secrets` by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretsFolder(pub PathBuf);

impl Default for SecretsFolder {
    fn default() -> Self {
        Self(PathBuf::from("/run/secrets"))
    }
}

/// Values may be secrets.
fn names_only<S: Serializer>(variables: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(variables.keys().map(|name| (name, "[redacted]")))
}

impl fmt::Debug for NotificationsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotificationsSettings")
            .field("consumer", &self.consumer)
            .field("delivery", &self.delivery)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

/// How messages are delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliverySettings {
    /// E-mails of one channel under way at a time, 1 to 1000.
    pub email_concurrency: usize,
    /// Calls to one webhook endpoint under way at a time, 1 to 1000.
    pub webhook_concurrency: usize,
    /// Messages of one webhook claimed at a time, at least as many as go at a time. E-mails are claimed one for each
    /// free place, because a crash leaves the outcome of what was claimed unknown.
    pub webhook_claims: usize,
    /// Certificates of authorities that are trusted for mail servers and webhooks besides the web's (PEM).
    pub ca_file: Option<PathBuf>,
    /// How often all channels are looked at for messages that nobody has told of.
    #[schemars(with = "String")]
    pub sweep: HumanDuration,
    /// How long a stop waits for deliveries that are under way.
    #[schemars(with = "String")]
    pub stop: HumanDuration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            email_concurrency: 16,
            webhook_concurrency: 64,
            webhook_claims: 256,
            ca_file: None,
            sweep: HumanDuration(Duration::from_secs(1)),
            stop: HumanDuration(Duration::from_secs(8)),
        }
    }
}

impl Settings for NotificationsSettings {
    fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let delivery = &self.delivery;
        for (name, value) in [
            ("delivery.email_concurrency", delivery.email_concurrency),
            ("delivery.webhook_concurrency", delivery.webhook_concurrency),
        ] {
            if !(1..=1000).contains(&value) {
                problems.push(FieldError::new(name, "must be 1 to 1000"));
            }
        }
        if delivery.webhook_claims < delivery.webhook_concurrency || delivery.webhook_claims > 10_000 {
            let reason = "must be at least delivery.webhook_concurrency and at most 10000";
            problems.push(FieldError::new("delivery.webhook_claims", reason));
        }
        if delivery.sweep.0.is_zero() {
            problems.push(FieldError::new("delivery.sweep", "must be longer than zero"));
        }
        if !self.unsubscribe_key.is_empty() && self.unsubscribe_key.reveal().len() < 16 {
            problems.push(FieldError::new("unsubscribe_key", "must have at least 16 characters"));
        }
        problems
    }
}
