//! Standard Webhooks: signing what we send, and checking what others send.
//!
//! A message is signed over `id.timestamp.body` with HMAC-SHA256 (RFC 2104) under a secret that is written
//! `whsec_` + base64. The header `webhook-signature` holds one signature a secret, separated by spaces, so that a
//! secret can be rotated without losing a message: sign with both for a while, then with the new one alone.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use elate_domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Header with the message's id, the same for every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of the attempt in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the time of a message may be off: five minutes, in seconds.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

const SECRET_PREFIX: &str = "whsec_";
const VERSION: &str = "v1";
/// The length of secrets that the specification recommends, in bytes.
const NEW_SECRET_BYTES: usize = 32;

/// Secrets of other tools come with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text that is no webhook secret. Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not base64.
    #[error("webhook secret is not base64")]
    NotBase64,
    /// Nothing in it.
    #[error("webhook secret is empty")]
    Empty,
}

/// Why a message was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The timestamp is no whole number of seconds.
    #[error("timestamp is no number of seconds")]
    Timestamp,
    /// Sent too long ago: perhaps a replay.
    #[error("message is too old")]
    TooOld,
    /// Sent in the future.
    #[error("message is too new")]
    TooNew,
    /// No signature fits.
    #[error("no signature matches")]
    NoMatch,
}

/// A signing secret. Its text is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl std::str::FromStr for Secret {
    type Err = SecretError;
    /// Reads `whsec_` + base64; the prefix may be missing.
    fn from_str(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let encoded = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let bytes = BASE64.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(Self(bytes)) }
    }
}

impl Secret {
    /// A new secret of 32 random bytes, which the caller brings.
    pub fn from_random(bytes: [u8; NEW_SECRET_BYTES]) -> Self {
        Self(bytes.to_vec())
    }

    /// The secret as text, to be shown once or stored sealed.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64.encode(&self.0))
    }

    /// One signature, `v1,` + base64.
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
        format!("{VERSION},{}", BASE64.encode(self.digest(id, timestamp_seconds, body)))
    }

    fn digest(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes keys of every length, so this arm is not reached; all zeros would match nothing.
            return [0; 32];
        };
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp_seconds.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

/// The value of the signature header: one signature for each secret, in their order.
pub fn signature_header(secrets: &[Secret], id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    let signatures: Vec<String> =
        secrets.iter().map(|secret| secret.sign(id, timestamp_seconds, body)).collect();
    signatures.join(" ")
}

/// Accepts a message if its time is within `tolerance_seconds` of `now` and any of its `v1` signatures fits any of
/// the secrets. Signatures are compared in constant time; all of them are, whichever fits.
///
/// # Errors
/// A [`VerifyError`]; answer 400 or 401 to all alike.
pub fn verify(
    secrets: &[Secret],
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<(), VerifyError> {
    let sent = timestamp.trim().parse::<i64>().map_err(|_| VerifyError::Timestamp)?;
    let now_seconds = now.0.div_euclid(1000);
    let age = now_seconds.saturating_sub(sent);
    if age > tolerance_seconds {
        return Err(VerifyError::TooOld);
    }
    if age < -tolerance_seconds {
        return Err(VerifyError::TooNew);
    }
    let mut fits = subtle::Choice::from(0);
    for secret in secrets {
        let expected = secret.digest(id, sent, body);
        for signature in signatures.split_ascii_whitespace() {
            let Some((VERSION, encoded)) = signature.split_once(',') else { continue };
            // A signature that is no base64 becomes empty, which has another length and never fits.
            let given = BASE64.decode(encoded).unwrap_or_default();
            fits |= expected.as_slice().ct_eq(given.as_slice());
        }
    }
    if fits.into() { Ok(()) } else { Err(VerifyError::NoMatch) }
}
