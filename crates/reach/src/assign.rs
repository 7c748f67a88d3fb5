//! Which variation a customer gets: a hash of an id, the same on every run and in every process.
//!
//! The functions compute what GrowthBook's SDKs compute, so that an experiment can move between the two. Version 2
//! of the hash is the one to use; version 1 is known to correlate between experiments and is there for old ones.

/// The share of weights that may be missing from 1, or be too much, before equal weights are taken instead.
const WEIGHT_SLACK: f64 = 0.01;

/// A half-open range of hash values, `[low, high)` within 0…1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BucketRange {
    /// First hash in it.
    pub low: f64,
    /// First hash past it.
    pub high: f64,
}

impl BucketRange {
    /// Whether a hash lies in it.
    pub fn contains(&self, hash: f64) -> bool {
        hash >= self.low && hash < self.high
    }
}

/// 32-bit FNV-1a (Fowler, Noll & Vo) over the UTF-16 code units of a text, as JavaScript counts them.
pub fn fnv1a32(text: &str) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    for unit in text.encode_utf16() {
        hash ^= u32::from(unit);
        hash = hash.wrapping_mul(0x0100_0193);
    }
    hash
}

/// The hash of an id under a seed, in 0…1; `None` for a version that does not exist.
///
/// * version 1: `fnv1a32(id + seed) % 1000 / 1000`
/// * version 2: `fnv1a32(fnv1a32(seed + id) as text) % 10000 / 10000`
pub fn hash(seed: &str, id: &str, version: u32) -> Option<f64> {
    match version {
        1 => Some(f64::from(fnv1a32(&format!("{id}{seed}")) % 1000) / 1000.0),
        2 => {
            let inner = fnv1a32(&format!("{seed}{id}"));
            Some(f64::from(fnv1a32(&inner.to_string()) % 10_000) / 10_000.0)
        }
        _ => None,
    }
}

/// The sticky number of a customer in a play: version 2 of [`hash`], 0 ≤ n < 1.
pub fn sticky(seed: &str, id: &str) -> f64 {
    hash(seed, id, 2).unwrap_or_default()
}

/// Equal weights for so many variations.
pub fn equal_weights(variations: usize) -> Vec<f64> {
    vec![1.0 / variations as f64; variations]
}

/// The bucket of each variation.
///
/// `coverage` is the share of customers that take part at all, clamped to 0…1. Weights that are not one for each
/// variation, or do not add up to about 1, are replaced by equal ones.
pub fn bucket_ranges(variations: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<BucketRange> {
    let coverage = if coverage.is_nan() { 0.0 } else { coverage.clamp(0.0, 1.0) };
    let sound = |weights: &&[f64]| {
        let total: f64 = weights.iter().sum();
        weights.len() == variations && (1.0 - WEIGHT_SLACK..=1.0 + WEIGHT_SLACK).contains(&total)
    };
    let weights = weights.filter(sound).map_or_else(|| equal_weights(variations), <[f64]>::to_vec);
    let mut start = 0.0;
    let mut ranges = Vec::with_capacity(variations);
    for weight in weights {
        ranges.push(BucketRange { low: start, high: start + coverage * weight });
        start += weight;
    }
    ranges
}

/// The variation whose bucket holds a hash; `None` if the customer does not take part.
pub fn choose(hash: f64, ranges: &[BucketRange]) -> Option<usize> {
    ranges.iter().position(|range| range.contains(hash))
}

/// A share of all customers set aside for some experiments, so that two that exclude each other never share one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Namespace {
    /// Its name, which seeds the hash.
    pub name: String,
    /// The part of it that belongs to the experiment.
    pub range: BucketRange,
}

impl Namespace {
    /// Whether a customer is in the experiment's part.
    pub fn contains(&self, id: &str) -> bool {
        let hash = hash(&format!("__{}", self.name), id, 1);
        hash.is_some_and(|hash| self.range.contains(hash))
    }
}

/// Where a customer stands towards a holdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldoutGroup {
    /// Not treated, measured.
    HeldOut,
    /// Treated, and in the sample of the same size that the held-out are compared with.
    Measured,
    /// Treated, outside the comparison.
    Treated,
}

/// Divides customers into held out, an equally sized measured sample, and the rest.
///
/// The held-out take the lowest hashes and the sample the highest, so that neither changes places with the other
/// when the share is changed: a larger holdout only adds to it. `share` is clamped to 0…½. Use one seed for all
/// plays for a global holdout, and one for each play for its own.
pub fn holdout(seed: &str, id: &str, share: f64) -> HoldoutGroup {
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 0.5) };
    let hash = sticky(seed, id);
    if hash < share {
        HoldoutGroup::HeldOut
    } else if hash >= 1.0 - share {
        HoldoutGroup::Measured
    } else {
        HoldoutGroup::Treated
    }
}
