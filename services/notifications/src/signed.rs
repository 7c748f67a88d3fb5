//! Tokens in links: what they say, signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_rpc::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Longer tokens are not looked at.
const MAX_TOKEN: usize = 2048;

/// Signs and checks tokens of one purpose. Its key is never shown.
#[derive(Clone)]
pub(crate) struct Signer {
    key: [u8; 32],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        // HMAC takes keys of every length, so this arm is not reached.
        return [0; 32];
    };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

impl Signer {
    /// A signer whose tokens are good for `purpose` alone.
    pub(crate) fn new(secret: &Secret, purpose: &[u8]) -> Self {
        Self { key: mac(secret.reveal().as_bytes(), purpose) }
    }

    /// The token that says `content`, a struct of texts.
    pub(crate) fn token<T: Serialize>(&self, content: &T) -> String {
        // A struct of texts serialises without fail.
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(content).unwrap_or_default());
        let signature = URL_SAFE_NO_PAD.encode(mac(&self.key, payload.as_bytes()));
        format!("{payload}.{signature}")
    }

    /// What a token says; `None` where we did not sign it for this purpose.
    pub(crate) fn read<T: DeserializeOwned>(&self, token: &str) -> Option<T> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (payload, signature) = token.split_once('.')?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(payload.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}
