//! The use-cases: the only orchestration of the service.

use std::time::Duration;

mod error;

pub use error::Error;

/// How long a resolved key may be kept, and so how long a revoked one may still work elsewhere.
pub const KEY_CACHE: Duration = Duration::from_secs(10);
