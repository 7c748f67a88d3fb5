//! Templates: the text of a message, by language.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ChannelKind;

/// The text of a message, by language, in minijinja's template language.
///
/// It sees `customer` (traits), `event` (what triggered the play), `moment` where one did, `play`, `data` and
/// `unsubscribe_url`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The kind of channel that it is made for.
    pub channel: ChannelKind,
    /// The language for those whose own is not there; one of `locales`.
    pub fallback: String,
    /// The texts by BCP 47 language: `de-AT` is looked for first, then `de`, then the fallback.
    pub locales: BTreeMap<String, LocalisedTemplate>,
}

/// The text in one language.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalisedTemplate {
    /// The subject; e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The plain text; e-mail, required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML; e-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The JSON body; webhook, required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Template {
    /// The text for a customer's language, and which one it is: the language itself, the language without its
    /// region, the fallback.
    pub fn localised(&self, locale: Option<&str>) -> Option<(&str, &LocalisedTemplate)> {
        let wanted = locale.unwrap_or_default().replace('_', "-");
        let find =
            |wanted: &str| self.locales.iter().find(|(language, _)| language.eq_ignore_ascii_case(wanted));
        let language = wanted.split('-').next().unwrap_or_default();
        find(&wanted)
            .or_else(|| find(language))
            .or_else(|| find(&self.fallback))
            .map(|(language, template)| (language.as_str(), template))
    }
}
