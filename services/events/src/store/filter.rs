//! A set of message keys that answers "certainly not" in a few nanoseconds.
//!
//! A blocked Bloom filter: all bits of a key lie in one cache line of 512 bits, so a look costs one miss. Two bytes a key
//! and eight bits set give about 0.2 % of false positives; those are settled in SQL.

use uuid::Uuid;

/// 512 bits.
type Line = [u64; 8];

/// Keys that one filter is made for.
pub(crate) const CAPACITY: usize = 1_000_000;

/// A filter for about [`CAPACITY`] keys; more only make it less sure.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Vec<Line>,
}

impl Filter {
    pub(crate) fn new() -> Self {
        Self { lines: vec![[0; 8]; CAPACITY * 16 / 512] }
    }

    /// The keys are hashes themselves, so their own bits choose line and places.
    fn places(&self, key: Uuid) -> (usize, [(usize, u64); 8]) {
        let (high, low) = key.as_u64_pair();
        let line = ((u128::from(high) * self.lines.len() as u128) >> 64) as usize;
        let mut places = [(0, 0); 8];
        // Eight times seven bits for the word's bit, spread one to each word.
        for (word, place) in places.iter_mut().enumerate() {
            *place = (word, 1_u64 << ((low >> (word * 7)) & 63));
        }
        (line, places)
    }

    pub(crate) fn insert(&mut self, key: Uuid) {
        let (line, places) = self.places(key);
        if let Some(line) = self.lines.get_mut(line) {
            for (word, bit) in places {
                line[word] |= bit;
            }
        }
    }

    /// Whether the key may be in the set; `false` is certain.
    pub(crate) fn may_contain(&self, key: Uuid) -> bool {
        let (line, places) = self.places(key);
        self.lines.get(line).is_some_and(|line| places.iter().all(|(word, bit)| line[*word] & bit != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use uuid::Uuid;
    use xxhash_rust::xxh3::xxh3_128;

    fn key(i: u64) -> Uuid {
        Uuid::from_u128(xxh3_128(&i.to_le_bytes()))
    }

    #[test]
    fn nothing_is_missed_and_little_is_mistaken() {
        let mut filter = Filter::new();
        let full = super::CAPACITY as u64;
        (0..full).for_each(|i| filter.insert(key(i)));
        assert!((0..full).step_by(97).all(|i| filter.may_contain(key(i))));
        let mistaken = (full..full + 100_000).filter(|i| filter.may_contain(key(*i))).count();
        assert!(mistaken < 600, "{mistaken} of 100,000");
    }
}
