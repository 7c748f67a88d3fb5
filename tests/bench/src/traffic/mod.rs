//! Messages to send: the same ones on every run.

mod plain;
mod retail;

pub use plain::{CUSTOMERS, batch, message};
pub use retail::Shop;

/// The finaliser of SplitMix64: a number that looks random, for each number.
pub fn mixed(i: u64) -> u64 {
    let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
