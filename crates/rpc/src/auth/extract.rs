//! The secret in the headers of a request.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The metadata in which a service says for which workspace it acts. Ignored for keys: theirs is their own.
pub const WORKSPACE: &str = "elate-workspace";

/// Some clients leave out the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The secret of `authorization`: the token of Bearer, or of Basic the user (or the password, where the user is
/// empty). A Basic credential without a colon is taken as the user: tracking clients in the wild send it so.
pub fn secret_from_headers(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, rest) = value.split_once(' ')?;
    let secret = if scheme.eq_ignore_ascii_case("bearer") {
        rest.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest.trim())?
    } else {
        return None;
    };
    (!secret.is_empty()).then_some(secret)
}

fn basic(encoded: &str) -> Option<String> {
    let text = String::from_utf8(LENIENT.decode(encoded).ok()?).ok()?;
    match text.split_once(':') {
        None => Some(text),
        Some(("", password)) => Some(password.to_owned()),
        Some((user, _)) => Some(user.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        secret_from_headers(&headers)
    }

    #[test]
    fn bearer_and_basic_carry_a_secret() {
        assert_eq!(secret("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(secret("bearer  abc").as_deref(), Some("abc"));
        // "wk_test:", "wk_test" without the colon, "wk_test:" without padding, ":wk_test"
        assert_eq!(secret("Basic d2tfdGVzdDo=").as_deref(), Some("wk_test"));
        assert_eq!(secret("Basic d2tfdGVzdA==").as_deref(), Some("wk_test"));
        assert_eq!(secret("Basic d2tfdGVzdDo").as_deref(), Some("wk_test"));
        assert_eq!(secret("Basic OndrX3Rlc3Q=").as_deref(), Some("wk_test"));
    }

    #[test]
    fn others_carry_none() {
        for bad in ["", "abc", "Digest abc", "Basic ???", "Bearer ", "Basic Og=="] {
            assert_eq!(secret(bad), None, "{bad:?}");
        }
    }
}
