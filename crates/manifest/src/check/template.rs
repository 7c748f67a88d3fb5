//! Templates: their parts. Whether they compile is for the service that renders them to say.

use super::Problems;
use crate::spec::{ChannelKind, LocalisedTemplate, Template};

/// Bytes of one part.
const MAX_PART: usize = 256 * 1024;

pub(super) fn check(template: &Template, problems: &mut Problems) {
    problems.count("spec.locales", template.locales.len(), 1);
    if !template.locales.contains_key(&template.fallback) {
        let known: Vec<&str> = template.locales.keys().map(String::as_str).collect();
        let reason = format!("there is no text in `{}`", template.fallback);
        problems.add("spec.fallback", reason, format!("known here: {}", known.join(", ")));
    }
    for (language, text) in &template.locales {
        let path = format!("spec.locales.{language}");
        if !is_language(language) {
            problems.add(
                path.as_str(),
                format!("{language:?} is no language"),
                "write it as `en` or `de-AT`",
            );
        }
        check_parts(template.channel, text, &path, problems);
    }
}

fn check_parts(channel: ChannelKind, text: &LocalisedTemplate, path: &str, problems: &mut Problems) {
    let parts =
        [("subject", &text.subject), ("text", &text.text), ("html", &text.html), ("body", &text.body)];
    let (required, unused): (&[&str], &[&str]) = match channel {
        ChannelKind::Email => (&["subject", "text"], &["body"]),
        ChannelKind::Webhook => (&["body"], &["subject", "text", "html"]),
    };
    for (name, part) in parts {
        let path = format!("{path}.{name}");
        match part {
            None if required.contains(&name) => problems.add(path, "is required", ""),
            Some(_) if unused.contains(&name) => {
                problems.add(
                    path,
                    format!("is of no use for the channel `{}`", channel.as_str()),
                    "leave it out",
                );
            }
            Some(text) if text.len() > MAX_PART => {
                problems.add(path, format!("has more than {MAX_PART} bytes"), "");
            }
            Some(text) if name == "subject" && text.contains(['\n', '\r']) => {
                problems.add(path, "must be one line", "");
            }
            Some(_) | None => {}
        }
    }
}

/// The form of a BCP 47 language: subtags of 1 to 8 letters and digits, the first of 2 or 3 letters.
pub(super) fn is_language(text: &str) -> bool {
    let mut tags = text.split('-');
    let first = tags.next().unwrap_or_default();
    let begins_well = (2..=3).contains(&first.len()) && first.chars().all(|c| c.is_ascii_alphabetic());
    begins_well
        && tags.all(|tag| (1..=8).contains(&tag.len()) && tag.chars().all(|c| c.is_ascii_alphanumeric()))
}
