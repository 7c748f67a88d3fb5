//! Sketches: distinct customers and durations in little room, mergeable, with errors that are stated.

use std::collections::BTreeMap;

use cardinality_estimator::CardinalityEstimator;
use elate_delight::rates::{self, RecoveryTime};
use elate_domain::CustomerId;
use serde::{Deserialize, Serialize};

/// Bits of a hash that choose a register.
const PRECISION: usize = 12;
/// Bits of a register.
const WIDTH: usize = 6;

/// Distinct customers: exact up to 128, from there on a HyperLogLog (Flajolet et al. 2007) of 4,096 registers with a
/// relative standard error of [`Distinct::ERROR`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distinct(CardinalityEstimator<CustomerId, cardinality_hasher::Unused, PRECISION, WIDTH>);

/// Hashes come from [`hash`] alone, which must stay as it is as long as there are stored sketches.
mod cardinality_hasher {
    /// Never asked for a hash.
    #[derive(Default)]
    pub(super) struct Unused;

    impl std::hash::Hasher for Unused {
        fn finish(&self) -> u64 {
            0
        }

        fn write(&mut self, _bytes: &[u8]) {}
    }
}

impl Distinct {
    /// Relative standard error of counts above 128: 1.04 / √4096.
    pub const ERROR: f64 = 0.01625;

    /// Counts a customer, once however often it is told.
    pub fn insert(&mut self, customer: CustomerId) {
        self.0.insert_hash(hash(customer));
    }

    /// Everybody of both.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// How many customers.
    pub fn count(&self) -> u64 {
        self.0.estimate() as u64
    }
}

impl std::fmt::Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Distinct").field(&self.count()).finish()
    }
}

/// Spreads an id over 64 bits (the finaliser of SplitMix64, Steele et al. 2014, over both halves).
fn hash(customer: CustomerId) -> u64 {
    let (high, low) = customer.0.as_u64_pair();
    mix(high ^ mix(low))
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Durations counted in buckets that grow by a fixed ratio, so that every quantile is off by at most
/// [`Durations::ERROR`] of itself (DDSketch; Masson, Rim & Lee 2019). Buckets are added up by the database.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durations(BTreeMap<i64, u64>);

impl Durations {
    /// Largest relative error of a quantile.
    pub const ERROR: f64 = 0.01;

    /// The bucket of a duration in milliseconds; up to a millisecond it is the first.
    pub fn bucket(millis: i64) -> i64 {
        let ratio = (1.0 + Self::ERROR) / (1.0 - Self::ERROR);
        ((millis.max(1) as f64).ln() / ratio.ln()).ceil() as i64
    }

    /// Counts durations of a bucket.
    pub fn add(&mut self, bucket: i64, count: u64) {
        *self.0.entry(bucket).or_default() += count;
    }

    /// Median, mean and ninth decile, in milliseconds; `None` without any.
    pub fn summary(&self, confidence: f64) -> Option<RecoveryTime> {
        let ratio = (1.0 + Self::ERROR) / (1.0 - Self::ERROR);
        let middle = |bucket: i64| 2.0 * ratio.powf(bucket as f64) / (ratio + 1.0);
        let repeated = |(bucket, count): (&i64, &u64)| std::iter::repeat_n(middle(*bucket), *count as usize);
        let mut all: Vec<f64> = self.0.iter().flat_map(repeated).collect();
        rates::recovery_time(&mut all, confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customers(from: u128, count: u128) -> impl Iterator<Item = CustomerId> {
        (from..from + count).map(|n| CustomerId(uuid::Uuid::from_u128(n << 40 | 7)))
    }

    #[test]
    fn few_customers_are_counted_exactly_and_many_within_the_error() {
        let mut sketch = Distinct::default();
        for customer in customers(1, 100).chain(customers(50, 51)) {
            sketch.insert(customer);
        }
        assert_eq!(sketch.count(), 100);
        for count in [5_000_u32, 200_000] {
            let (mut left, mut right) = (Distinct::default(), Distinct::default());
            for (n, customer) in customers(1, u128::from(count)).enumerate() {
                if n % 3 == 0 { left.insert(customer) } else { right.insert(customer) }
            }
            let stored = rmp_serde::to_vec(&left).unwrap();
            right.merge(&rmp_serde::from_slice(&stored).unwrap());
            let off = (right.count() as f64 / f64::from(count) - 1.0).abs();
            assert!(off < 4.0 * Distinct::ERROR, "{} of {count}", right.count());
        }
    }

    #[test]
    fn quantiles_of_durations_are_within_their_error() {
        let mut durations = Durations::default();
        for millis in 1..=1_001_i64 {
            durations.add(Durations::bucket(millis * 60_000), 1);
        }
        let median = durations.summary(0.9).unwrap().median;
        assert!((median.value / (501.0 * 60_000.0) - 1.0).abs() <= Durations::ERROR, "{median:?}");
        assert_eq!(median.observations, 1_001);
    }
}
