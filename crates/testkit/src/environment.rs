//! The environment variables through which a run says which servers there are.

use std::env;

/// Set to `1` where a missing server is a failure and not a reason to skip.
pub const REQUIRE_SERVERS: &str = "ELATE_TEST_REQUIRE_SERVERS";

/// Whether a missing server must fail the test that asked for it.
#[must_use]
pub fn servers_required() -> bool {
    env::var(REQUIRE_SERVERS).is_ok_and(|value| value == "1")
}

/// The value of `variable`, or `None` after one line that tells of the skipped test.
///
/// # Panics
/// When the variable is missing although servers are required.
pub(crate) fn setting_or_skip(variable: &str, what: &str) -> Option<String> {
    if let Some(value) = env::var(variable).ok().filter(|value| !value.is_empty()) {
        return Some(value);
    }
    assert!(
        !servers_required(),
        "{variable} is not set, but {REQUIRE_SERVERS}=1 demands {what}: run under `scripts/services.sh run -- …`"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("skipped {test}: needs {what} ({variable} is not set; see scripts/services.sh)");
    None
}

/// A short name that no other test, process or run uses.
pub(crate) fn unique_name(stem: &str) -> String {
    format!("{stem}_{}", uuid::Uuid::new_v4().simple())
}
