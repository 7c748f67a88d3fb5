//! Standard Webhooks signatures, and which messages are accepted.

use elate_domain::Timestamp;
use elate_reach::webhook::{Secret, TOLERANCE_SECONDS, verify};
use serde_json::Value;

use super::{Report, list, text};

/// When the accept/reject cases are received, in seconds; they only say how far off the message is.
const NOW_SECONDS: i64 = 1_767_225_600;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MESSAGE_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const ORIGINAL_BODY: &str = "{\"test\": 2432232314}";

/// Runs `webhooks/standard_webhooks_vectors.json`.
pub(crate) fn signatures(data: &Value) -> Report {
    let mut report = Report::default();
    for case in list(data, "sign_vectors") {
        let problem = sign(case).err();
        report
            .check(problem.is_none(), || format!("{}: {}", text(case, "name"), problem.unwrap_or_default()));
    }
    for case in list(data, "verify_decisions") {
        let problem = decision(case).err();
        report
            .check(problem.is_none(), || format!("{}: {}", text(case, "name"), problem.unwrap_or_default()));
    }
    report
}

fn sign(case: &Value) -> Result<(), String> {
    let secret: Secret = text(case, "secret").parse().map_err(|e| format!("{e}"))?;
    let timestamp = case["timestamp"].as_i64().ok_or("no timestamp")?;
    let (id, body, expected) = (text(case, "msg_id"), text(case, "payload"), text(case, "signature"));
    let signed = secret.sign(id, timestamp, body.as_bytes());
    if signed != expected {
        return Err(format!("signed {signed}, not {expected}"));
    }
    let (now, stamp) = (Timestamp(timestamp * 1000), timestamp.to_string());
    verify(&[secret], id, &stamp, expected, body.as_bytes(), now, TOLERANCE_SECONDS)
        .map_err(|e| e.to_string())
}

fn decision(case: &Value) -> Result<(), String> {
    let secret: Secret = SECRET.parse().map_err(|e| format!("{e}"))?;
    let sent = NOW_SECONDS + case["offset_seconds"].as_i64().unwrap_or(0);
    let valid = secret.sign(MESSAGE_ID, sent, ORIGINAL_BODY.as_bytes());
    // In the header "<VALID>" and "<valid v1 signature for …>" stand for the right signature.
    let header = text(case, "signature_header");
    let header = if header.starts_with("<valid") { valid.clone() } else { header.replace("<VALID>", &valid) };
    let overridden =
        |name: &str, own: String| case["header_overrides"][name].as_str().map_or(own, str::to_owned);
    let id = overridden("webhook-id", MESSAGE_ID.to_owned());
    let timestamp = overridden("webhook-timestamp", sent.to_string());
    let header = overridden("webhook-signature", header);
    let now = Timestamp(NOW_SECONDS * 1000);
    let body = text(case, "body").as_bytes();
    let result = verify(&[secret], &id, &timestamp, &header, body, now, TOLERANCE_SECONDS);
    let expected = case["accept_standardwebhooks_py"] == Value::Bool(true);
    if result.is_ok() == expected { Ok(()) } else { Err(format!("{result:?}, but accept is {expected}")) }
}
