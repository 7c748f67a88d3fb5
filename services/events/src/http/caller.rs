//! Who sends, and from where.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, request::Parts};
use elate_rpc::auth::{Error as AuthError, secret_from_headers};
use elate_rpc::{Identity, Role};

use super::Edge;
use super::answer::Refusal;

/// The circumstances of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The sender's address.
    pub(super) ip: Option<IpAddr>,
    /// The sender's `User-Agent`.
    pub(super) user_agent: Option<String>,
}

impl Origin {
    /// Reads them. `X-Forwarded-For` counts only as far as proxies of ours have written it: whoever stands in front of
    /// them can write anything into it.
    pub(super) fn of(parts: &Parts, trusted_proxies: usize) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let forwarded = || {
            let hops: Vec<&str> = parts
                .headers
                .get_all("x-forwarded-for")
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .collect();
            let at = hops.len().checked_sub(trusted_proxies)?;
            IpAddr::from_str(hops.get(at)?).ok()
        };
        let ip = if trusted_proxies > 0 { forwarded().or(peer) } else { peer };
        let user_agent = parts.headers.get("user-agent").and_then(|value| value.to_str().ok());
        Self { ip, user_agent: user_agent.map(str::to_owned) }
    }
}

/// The key of a request, from wherever clients put it: the header `authorization` or Jitsu's own, the body, the query.
pub(super) fn key(headers: &HeaderMap, body: Option<&str>, query: Option<&str>) -> Result<String, AuthError> {
    let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    secret_from_headers(headers)
        .or_else(|| given(headers.get("x-write-key").and_then(|value| value.to_str().ok())))
        .or_else(|| given(body))
        .or_else(|| given(query.and_then(write_key_of_query).as_deref()))
        .ok_or(AuthError::Missing)
}

fn write_key_of_query(query: &str) -> Option<String> {
    super::pixel::pairs(query).into_iter().find(|(name, _)| name == "writeKey").map(|(_, value)| value)
}

/// The identity of a key that may append, within its rate.
pub(super) async fn writer(edge: &Edge, key: &str) -> Result<Identity, Refusal> {
    let identity = edge.authenticator.resolve(key).await?;
    identity.require(Role::Writer)?;
    identity.workspace()?;
    if let Some(limiter) = &edge.limiter {
        limiter.take(identity.key_id(), 1.0).map_err(Refusal::Busy)?;
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(forwarded: &str, trusted: usize) -> Option<String> {
        let mut request = http::Request::new(());
        request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        let peer: SocketAddr = "10.0.0.1:9".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        Origin::of(&request.into_parts().0, trusted).ip.map(|ip| ip.to_string())
    }

    #[test]
    fn only_what_our_proxies_wrote_is_believed() {
        assert_eq!(ip("203.0.113.7", 0).as_deref(), Some("10.0.0.1"));
        assert_eq!(ip("203.0.113.7", 1).as_deref(), Some("203.0.113.7"));
        assert_eq!(ip("6.6.6.6, 203.0.113.7", 1).as_deref(), Some("203.0.113.7"));
        assert_eq!(ip("6.6.6.6, 203.0.113.7, 10.1.1.1", 2).as_deref(), Some("203.0.113.7"));
        assert_eq!(ip("nonsense", 1).as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn the_header_comes_before_the_body_and_the_body_before_the_query() {
        let mut headers = HeaderMap::new();
        assert_eq!(key(&headers, None, Some("a=1&writeKey=q")).unwrap(), "q");
        assert_eq!(key(&headers, Some("b"), Some("writeKey=q")).unwrap(), "b");
        headers.insert("authorization", "Basic d2tfdGVzdDo=".parse().unwrap());
        assert_eq!(key(&headers, Some("b"), None).unwrap(), "wk_test");
        assert_eq!(key(&HeaderMap::new(), Some(" "), None), Err(AuthError::Missing));
    }
}
