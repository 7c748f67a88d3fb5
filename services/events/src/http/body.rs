//! Reading a body: bounded, inflated where it is compressed, whatever its content type says.

use std::io::Read as _;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::answer::Refusal;

/// The body as it was before it was compressed. Both the bytes on the wire and the inflated ones are bounded, so that a
/// few bytes can't become gigabytes.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let bytes = axum::body::to_bytes(body, limit).await.map_err(|error| {
        let too_large =
            std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("limit"));
        if too_large { Refusal::BodyTooLarge(limit) } else { Refusal::Body(format!("broke off: {error}")) }
    })?;
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => inflate(bytes, limit).await,
        other => {
            Err(Refusal::Body(format!("has the content encoding {other:?}; gzip and identity are read")))
        }
    }
}

/// Small bodies are inflated at once; large ones on a thread that may block.
const AT_ONCE: usize = 64 * 1024;

async fn inflate(bytes: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    // Some clients declare gzip and send plain JSON; the magic number tells.
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    if bytes.len() <= AT_ONCE {
        return gunzip(&bytes, limit);
    }
    tokio::task::spawn_blocking(move || gunzip(&bytes, limit))
        .await
        .map_err(|error| Refusal::Body(format!("could not be inflated: {error}")))?
}

fn gunzip(bytes: &[u8], limit: usize) -> Result<Bytes, Refusal> {
    let mut inflated = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    // One byte more than the limit, to tell "just fits" from "too large".
    let mut reader = MultiGzDecoder::new(bytes).take(limit as u64 + 1);
    reader.read_to_end(&mut inflated).map_err(|error| Refusal::Body(format!("is no gzip: {error}")))?;
    if inflated.len() > limit { Err(Refusal::BodyTooLarge(limit)) } else { Ok(inflated.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read_gzip(bytes: Vec<u8>, limit: usize) -> Result<Bytes, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        read(&headers, Body::from(bytes), limit).await
    }

    #[tokio::test]
    async fn gzip_is_inflated_within_bounds() {
        assert_eq!(read_gzip(gzip(b"{}"), 100).await.unwrap(), "{}");
        let bomb = gzip(&vec![b' '; 1_000_000]);
        assert!(bomb.len() < 10_000);
        assert!(matches!(read_gzip(bomb, 10_000).await, Err(Refusal::BodyTooLarge(10_000))));
        assert!(matches!(read_gzip(vec![0x1f, 0x8b, 9, 9], 100).await, Err(Refusal::Body(_))));
        assert_eq!(read_gzip(b"{\"plain\":1}".to_vec(), 100).await.unwrap(), "{\"plain\":1}");
    }

    #[tokio::test]
    async fn a_body_above_the_limit_is_refused() {
        let body = read(&HeaderMap::new(), Body::from(vec![b'x'; 101]), 100).await;
        assert!(matches!(body, Err(Refusal::BodyTooLarge(100))), "{body:?}");
    }
}
