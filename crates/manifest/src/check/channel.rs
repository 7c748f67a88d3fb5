//! Channels.

use super::Problems;
use crate::spec::{Channel, Email, OnUnknown, Setting};

/// Attempts of one message.
const MAX_RETRIES: usize = 20;

pub(super) fn check(channel: &Channel, problems: &mut Problems) {
    match (&channel.email, &channel.webhook) {
        (Some(email), None) => check_email(email, problems),
        (None, Some(webhook)) => {
            check_url("spec.webhook.url", &webhook.url, problems);
            problems.positive("spec.webhook.timeout", webhook.timeout);
            if channel.on_unknown == OnUnknown::Resend {
                let hint = "webhooks are always sent again, with one id; leave it out";
                problems.add("spec.on_unknown", "is for channels that send at most once", hint);
            }
        }
        _ => problems.add("spec", "must say exactly one of `email` and `webhook`", ""),
    }
    if let Some(retry) = &channel.retry {
        if retry.len() > MAX_RETRIES {
            problems.add("spec.retry", format!("has more than {MAX_RETRIES} delays"), "");
        }
        for (index, delay) in retry.iter().enumerate() {
            problems.positive(&format!("spec.retry[{index}]"), *delay);
        }
    }
    if let Some(after) = channel.disable_after {
        problems.positive("spec.disable_after", after);
    }
}

fn check_email(email: &Email, problems: &mut Problems) {
    let path = "spec.email.providers";
    problems.count(path, email.providers.len(), 1);
    problems.unique(email.providers.iter().map(|p| p.name.as_str()), |index| format!("{path}[{index}].name"));
    for (index, provider) in email.providers.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if provider.username.is_some() != provider.password.is_some() {
            problems.add(path.as_str(), "`username` and `password` go together", "give both, or none");
        }
        if let Some(port) = &provider.port {
            // What comes from the environment is known only where the service runs.
            let literal = !port.text().starts_with("env:");
            if literal && !port.text().parse::<u16>().is_ok_and(|port| port > 0) {
                problems.add(format!("{path}.port"), format!("{:?} is no port", port.text()), "1 to 65535");
            }
        }
        problems.positive(&format!("{path}.timeout"), provider.timeout);
    }
    let from = email.from.text();
    if !from.starts_with("env:") && !from.contains('@') {
        problems.add(
            "spec.email.from",
            format!("{from:?} has no address"),
            "write `Name <name@example.com>`",
        );
    }
    if let Some(unsubscribe) = &email.unsubscribe {
        check_url("spec.email.unsubscribe.base_url", &unsubscribe.base_url, problems);
    }
}

fn check_url(path: &str, url: &Setting, problems: &mut Problems) {
    let text = url.text();
    let known = ["https://", "http://", "env:"];
    if !known.iter().any(|begin| text.starts_with(begin)) {
        problems.add(path, format!("{text:?} is no web address"), "write https://…, or env:NAME");
    }
}
