//! Pages of lists, and the tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use elate_domain::FieldError;
use elate_proto::common::v1::{PageInfo, PageRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::Invalid;

/// Items on a page whose size the caller doesn't say.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// Items on a page at the most.
pub const MAX_PAGE_SIZE: u32 = 500;
/// Bytes of the check sum.
const CHECK: usize = 6;

/// A page that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<T> {
    /// How many items.
    pub size: u32,
    /// Where the page before ended; `None` for the first page.
    pub after: Option<T>,
}

impl<T> Page<T> {
    /// The size as a `usize`.
    pub fn len(&self) -> usize {
        self.size as usize
    }

    /// Never: a page has room for at least one item.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// The check binds a token to its list and its filters: carried over to another list it is refused, not misread. It is
/// no protection; whoever forges a token reads nothing that the credential doesn't open.
fn check(list: &str, payload: &[u8]) -> [u8; CHECK] {
    let digest =
        Sha256::new().chain_update(list.as_bytes()).chain_update([0]).chain_update(payload).finalize();
    let mut sum = [0; CHECK];
    sum.copy_from_slice(&digest[..CHECK]);
    sum
}

/// Reads a page request. `list` names the list and all filters of the request, e.g. `timeline/<customer>/newest`.
pub fn page<T: DeserializeOwned>(list: &str, request: Option<PageRequest>) -> Result<Page<T>, Invalid> {
    let request = request.unwrap_or_default();
    if request.page_size > MAX_PAGE_SIZE {
        let reason = format!("is more than {MAX_PAGE_SIZE}");
        return Err(FieldError::new("page.page_size", reason).into());
    }
    let size = if request.page_size == 0 { DEFAULT_PAGE_SIZE } else { request.page_size };
    if request.page_token.is_empty() {
        return Ok(Page { size, after: None });
    }
    let after = decode(list, &request.page_token).ok_or_else(|| {
        FieldError::new("page.page_token", "is no token of this list with these filters; begin without one")
    })?;
    Ok(Page { size, after: Some(after) })
}

/// What goes with a page: a token that leads past `last`, or none where it was the last page.
pub fn next_page<T: Serialize>(list: &str, last: Option<&T>) -> PageInfo {
    PageInfo { next_page_token: last.map(|last| encode(list, last)).unwrap_or_default() }
}

fn encode<T: Serialize>(list: &str, last: &T) -> String {
    // Positions are numbers and texts of ours, which serialise without fail.
    let payload = serde_json::to_vec(last).unwrap_or_default();
    let mut bytes = check(list, &payload).to_vec();
    bytes.extend_from_slice(&payload);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<T: DeserializeOwned>(list: &str, token: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (sum, payload) = bytes.split_at_checked(CHECK)?;
    if sum != check(list, payload) {
        return None;
    }
    serde_json::from_slice(payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(page_size: u32, page_token: &str) -> Option<PageRequest> {
        Some(PageRequest { page_size, page_token: page_token.to_owned() })
    }

    #[test]
    fn a_token_leads_on_in_its_own_list_only() {
        let token = next_page("timeline/a", Some(&(3_u32, 17_u64))).next_page_token;
        let page_of = |list: &str| page::<(u32, u64)>(list, request(0, &token));
        assert_eq!(page_of("timeline/a").unwrap(), Page { size: 50, after: Some((3, 17)) });
        assert_eq!(page_of("timeline/b").unwrap_err().0[0].field, "page.page_token");
        assert!(page::<(u32, u64)>("timeline/a", request(0, &format!("{token}x"))).is_err());
        assert!(page::<(u32, u64)>("timeline/a", request(0, "AA")).is_err());
    }

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        assert_eq!(page::<u64>("l", None).unwrap(), Page { size: 50, after: None });
        assert_eq!(page::<u64>("l", request(500, "")).unwrap().size, 500);
        assert_eq!(page::<u64>("l", request(501, "")).unwrap_err().0[0].field, "page.page_size");
        assert_eq!(next_page::<u64>("l", None).next_page_token, "");
    }
}
