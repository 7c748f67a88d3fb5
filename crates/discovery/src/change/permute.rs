//! Orders of buckets by chance, the same ones for the same seed.

/// SplitMix64 (Steele, Lea & Flood 2014): small, and the same in every version and on every machine, so that findings
/// can be repeated.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. The bias is below `bound / 2⁶⁴`.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// Shuffles the buckets, each only with those of its phase (Fisher & Yates).
pub(super) fn shuffle(order: &mut [usize], season: usize, chance: &mut Chance) {
    for phase in 0..season.min(order.len()) {
        let members = (order.len() - phase).div_ceil(season);
        for last in (1..members).rev() {
            let other = chance.below(last + 1);
            order.swap(phase + last * season, phase + other * season);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, shuffle};

    #[test]
    fn every_bucket_stays_in_its_phase_and_none_is_lost() {
        let mut chance = Chance::new(7);
        for season in [1, 2, 7, 40] {
            let mut order: Vec<usize> = (0..31).collect();
            shuffle(&mut order, season, &mut chance);
            assert!(order.iter().enumerate().all(|(place, bucket)| place % season == bucket % season));
            order.sort_unstable();
            assert!(order.into_iter().eq(0..31));
        }
    }

    #[test]
    fn all_orders_are_about_as_likely() {
        let mut chance = Chance::new(1);
        let mut counts = [0_u32; 27];
        for _ in 0..6_000 {
            let mut order = [0, 1, 2];
            shuffle(&mut order, 1, &mut chance);
            counts[order[0] * 9 + order[1] * 3 + order[2]] += 1;
        }
        let seen: Vec<u32> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(seen.len(), 6);
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
    }
}
