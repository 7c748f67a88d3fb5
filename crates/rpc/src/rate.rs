//! A token bucket for each key.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

/// Keys that are remembered at the same time. A key that is forgotten starts with a full bucket.
const KEYS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// How many requests a second a key may make, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that are added a second.
    pub per_second: f64,
    /// The most that a bucket holds.
    pub burst: f64,
}

/// Buckets by key. Costs are in tokens of the caller's choice: requests, or messages.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    buckets: Mutex<LruCache<Arc<str>, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimiter {
    /// Full buckets with this rate.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::new(LruCache::new(KEYS)) }
    }

    /// Takes `cost` tokens from the bucket of `key`, or says how long to wait until they are there.
    ///
    /// A cost above the burst is taken from a full bucket, which then goes below zero: it must be possible to do at
    /// some time, and the debt slows down what follows.
    pub fn take(&self, key: &Arc<str>, cost: f64) -> Result<(), Duration> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: self.rate.burst, at: now };
        let bucket = buckets.get_or_insert_mut(Arc::clone(key), || full);
        let gained = now.duration_since(bucket.at).as_secs_f64() * self.rate.per_second;
        bucket.tokens = (bucket.tokens + gained).min(self.rate.burst);
        bucket.at = now;
        let needed = cost.min(self.rate.burst);
        if bucket.tokens >= needed {
            bucket.tokens -= cost;
            return Ok(());
        }
        let seconds = (needed - bucket.tokens) / self.rate.per_second.max(f64::MIN_POSITIVE);
        Err(Duration::from_secs_f64(seconds.clamp(0.001, 3600.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_fills() {
        let limiter = RateLimiter::new(Rate { per_second: 10.0, burst: 2.0 });
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert!(limiter.take(&a, 1.0).is_ok() && limiter.take(&a, 1.0).is_ok());
        let wait = limiter.take(&a, 1.0).unwrap_err();
        assert!(limiter.take(&b, 1.0).is_ok(), "keys do not share a bucket");
        assert_eq!(wait, Duration::from_millis(100));
        tokio::time::advance(wait).await;
        assert!(limiter.take(&a, 1.0).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cost_above_the_burst_is_possible_and_leaves_a_debt() {
        let limiter = RateLimiter::new(Rate { per_second: 10.0, burst: 2.0 });
        let key: Arc<str> = "a".into();
        assert!(limiter.take(&key, 5.0).is_ok());
        assert_eq!(limiter.take(&key, 1.0), Err(Duration::from_millis(400)));
    }
}
