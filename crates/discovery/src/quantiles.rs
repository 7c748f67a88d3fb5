//! Quantiles of durations in little space: few values as they are, many in buckets whose width grows with the value
//! (the idea of HdrHistogram and of DDSketch, Masson, Rim & Lee 2019, in integers only).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An octave is cut into 2⁶ buckets.
const SUB_BITS: u32 = 6;
const SUB_BUCKETS: u64 = 1 << SUB_BITS;

/// A mergeable sketch. Its state depends on the values alone, not on their order or on how they were divided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// The values in order, while there are few.
    values: Vec<u64>,
    /// Afterwards, how many fell into each bucket.
    buckets: BTreeMap<u16, u64>,
}

impl Quantiles {
    /// Up to so many values, quantiles are exact.
    pub const EXACT: usize = 32;

    /// Beyond, a quantile is off by at most this share of its value: half a bucket.
    pub const RELATIVE_ERROR: f64 = 1.0 / 128.0;

    /// Takes one value in.
    pub fn add(&mut self, value: u64) {
        if self.buckets.is_empty() {
            let place = self.values.partition_point(|held| *held <= value);
            self.values.insert(place, value);
            self.spill();
        } else {
            *self.buckets.entry(bucket(value)).or_default() += 1;
        }
    }

    /// Takes all of `other` in.
    pub fn merge(&mut self, other: &Self) {
        for value in &other.values {
            self.add(*value);
        }
        if other.buckets.is_empty() {
            return;
        }
        self.pour();
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// Whether quantiles are exact.
    pub fn is_exact(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The quantile of a share between 0 and 1, linear between neighbours (type 7 of Hyndman & Fan 1996). `None`
    /// without values.
    pub fn at(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 || !share.is_finite() {
            return None;
        }
        let place = share.clamp(0.0, 1.0) * (count - 1) as f64;
        let below = place.floor();
        let low = self.ranked(below as u64)?;
        let high = self.ranked(place.ceil() as u64)?;
        Some(low + (high - low) * (place - below))
    }

    fn count(&self) -> u64 {
        if self.is_exact() { self.values.len() as u64 } else { self.buckets.values().sum() }
    }

    fn ranked(&self, rank: u64) -> Option<f64> {
        if self.is_exact() {
            return self.values.get(usize::try_from(rank).ok()?).map(|value| *value as f64);
        }
        let mut passed = 0;
        for (bucket, count) in &self.buckets {
            passed += count;
            if passed > rank {
                return Some(middle(*bucket));
            }
        }
        None
    }

    fn spill(&mut self) {
        if self.values.len() > Self::EXACT {
            self.pour();
        }
    }

    fn pour(&mut self) {
        for value in std::mem::take(&mut self.values) {
            *self.buckets.entry(bucket(value)).or_default() += 1;
        }
    }
}

/// Values below 64 have a bucket each; above, the leading seven bits name it.
fn bucket(value: u64) -> u16 {
    if value < SUB_BUCKETS {
        return value as u16;
    }
    let octave = u64::from(63 - value.leading_zeros() - SUB_BITS);
    let within = (value >> octave) - SUB_BUCKETS;
    // At most 58 octaves of 64.
    (SUB_BUCKETS + octave * SUB_BUCKETS + within) as u16
}

/// The middle of the whole numbers in a bucket.
fn middle(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    if bucket < SUB_BUCKETS {
        return bucket as f64;
    }
    let octave = (bucket - SUB_BUCKETS) / SUB_BUCKETS;
    let low = (SUB_BUCKETS + bucket % SUB_BUCKETS) << octave;
    let width = 1_u64 << octave;
    low as f64 + (width - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::{Quantiles, bucket, middle};

    #[test]
    fn the_middle_of_a_bucket_is_as_near_as_stated() {
        let mut value = 1_u64;
        while value < 1 << 50 {
            for near in [value - 1, value, value + 1] {
                let off = (middle(bucket(near)) - near as f64).abs();
                assert!(off <= near as f64 * Quantiles::RELATIVE_ERROR, "{near}: off by {off}");
            }
            value = value * 9 / 8 + 1;
        }
    }

    #[test]
    fn few_values_have_exact_quantiles() {
        let mut quantiles = Quantiles::default();
        [5, 1, 4, 2].into_iter().for_each(|value| quantiles.add(value));
        assert_eq!(quantiles.at(0.5), Some(3.0));
        assert_eq!(quantiles.at(0.0), Some(1.0));
        assert_eq!(quantiles.at(1.0), Some(5.0));
        assert_eq!(Quantiles::default().at(0.5), None);
    }

    #[test]
    fn dividing_the_values_changes_nothing() {
        let values: Vec<u64> = (0..200).map(|place| place * place * 37 % 100_003).collect();
        let mut whole = Quantiles::default();
        values.iter().for_each(|value| whole.add(*value));
        for cut in [1, 20, 31, 32, 33, 100, 199] {
            let (mut left, mut right) = (Quantiles::default(), Quantiles::default());
            values[..cut].iter().for_each(|value| left.add(*value));
            values[cut..].iter().for_each(|value| right.add(*value));
            right.merge(&left);
            assert_eq!(right, whole, "cut at {cut}");
        }
    }
}
