//! The settings of scoring.

use std::path::PathBuf;
use std::time::Duration;

use elate_consumer::Settings as ConsumerSettings;
use elate_domain::{FieldError, HumanDuration};
use elate_runtime::config::Settings;
use http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of scoring, beside those that every process has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScoringSettings {
    /// The consumer loop.
    pub consumer: ConsumerSettings,
    /// Studies of churn and value.
    pub churn: ChurnSettings,
    /// A model that reads comments besides the lexicon.
    pub sentiment: SentimentSettings,
}

/// Studies of churn and value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChurnSettings {
    /// From one study of all customers to the next.
    #[schemars(with = "String")]
    pub every: HumanDuration,
    /// How long a customer must be silent to count as gone, where what a miserable moment costs is worked out.
    #[schemars(with = "String")]
    pub silence: HumanDuration,
}

impl Default for ChurnSettings {
    fn default() -> Self {
        let hours = |hours: u64| HumanDuration(Duration::from_secs(hours * 3600));
        Self { every: hours(24), silence: hours(60 * 24) }
    }
}

/// A model that reads comments, behind an endpoint for chat completions as OpenAI has them. Until it has read a comment,
/// and where it can't, the lexicon's word stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SentimentSettings {
    /// Where it is, such as `https://models.example/v1/chat/completions`; left out, no comment leaves this service.
    pub url: String,
    /// The name of the model. Scores that it gave carry it.
    pub model: String,
    /// A file with the key, which goes into the `Authorization` header; left out, none is sent.
    pub key_file: Option<PathBuf>,
    /// How long an answer may take.
    #[schemars(with = "String")]
    pub timeout: HumanDuration,
    /// Calls under way at a time, 1 to 64.
    pub concurrency: usize,
    /// Calls a day (UTC) for the comments of one workspace.
    pub calls_per_day: u64,
    /// Tokens a day (UTC) for the comments of one workspace, those of answers included.
    pub tokens_per_day: u64,
    /// Comments whose scores are remembered, so that the same words are paid for once; 1 to 1000000.
    pub cache: usize,
    /// Older comments are left to the lexicon.
    #[schemars(with = "String")]
    pub max_age: HumanDuration,
    /// How often it is looked for comments.
    #[schemars(with = "String")]
    pub every: HumanDuration,
}

impl Default for SentimentSettings {
    fn default() -> Self {
        let seconds = |seconds: u64| HumanDuration(Duration::from_secs(seconds));
        Self {
            url: String::new(),
            model: String::new(),
            key_file: None,
            timeout: seconds(15),
            concurrency: 4,
            calls_per_day: 2_000,
            tokens_per_day: 1_000_000,
            cache: 10_000,
            max_age: seconds(7 * 86_400),
            every: seconds(5),
        }
    }
}

impl SentimentSettings {
    /// Whether there is a model.
    pub fn is_on(&self) -> bool {
        !self.url.is_empty()
    }

    fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, reason: &str| {
            problems.push(FieldError::new(format!("sentiment.{field}"), reason));
        };
        if !(1..=64).contains(&self.concurrency) {
            wrong("concurrency", "must be 1 to 64");
        }
        if !(1..=1_000_000).contains(&self.cache) {
            wrong("cache", "must be 1 to 1000000");
        }
        for (field, span) in [("timeout", self.timeout), ("max_age", self.max_age), ("every", self.every)] {
            if span.0.is_zero() {
                wrong(field, "must be longer than zero");
            }
        }
        if !self.is_on() {
            return problems;
        }
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !self.url.parse().is_ok_and(|uri: Uri| is_web(&uri)) {
            wrong("url", "is no address such as https://models.example/v1/chat/completions");
        }
        if self.model.trim().is_empty() {
            wrong("model", "is required where there is a url");
        }
        problems
    }
}

impl Settings for ScoringSettings {
    fn problems(&self) -> Vec<FieldError> {
        self.sentiment.problems()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_needs_an_address_that_is_one_and_a_name() {
        let fields = |sentiment: SentimentSettings| -> Vec<String> {
            let settings = ScoringSettings { sentiment, ..ScoringSettings::default() };
            settings.problems().into_iter().map(|problem| problem.field).collect()
        };
        assert!(fields(SentimentSettings::default()).is_empty(), "there need not be one");
        for url in ["models.example/v1", "file:///etc/passwd", "https://", "ftp://models.example/"] {
            let wrong =
                SentimentSettings { url: url.to_owned(), model: "m".to_owned(), ..Default::default() };
            assert_eq!(fields(wrong), ["sentiment.url"], "{url}");
        }
        let nameless =
            SentimentSettings { url: "https://models.example/v1".to_owned(), ..Default::default() };
        assert_eq!(fields(nameless), ["sentiment.model"]);
        let wrong = SentimentSettings {
            concurrency: 0,
            cache: 0,
            timeout: HumanDuration(Duration::ZERO),
            ..SentimentSettings::default()
        };
        assert_eq!(fields(wrong), ["sentiment.concurrency", "sentiment.cache", "sentiment.timeout"]);
    }
}
