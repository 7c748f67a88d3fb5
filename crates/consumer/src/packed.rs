//! States as they lie in the database: LZ4 where that makes them smaller.
//!
//! Names of events, properties and fields repeat within a state, and most of what a commit costs is pages written.
//! The first byte tells the form. MessagePack of a struct never begins with [`LZ4`], so plain states need no mark.

use lz4_flex::block::{self, CompressTable};
use serde::Serialize;

use crate::Error;
use crate::envelope::encode_into;

/// Mark of a compressed state: the length of the plain one follows (four bytes, little-endian), then the block.
const LZ4: u8 = 1;
/// Bytes before the block.
const HEAD: usize = 5;
/// Smaller states fit well into a page as they are.
const SMALL: usize = 256;
/// From here on the small table is of no use, and would be exchanged for a large one.
const LARGE: usize = 65_535;
/// No state is larger; more than this is a broken length.
const LARGEST: usize = 256 << 20;

/// Makes the states of a batch small, one after the other in the same memory.
#[derive(Default)]
pub(crate) struct Packer {
    plain: Vec<u8>,
    packed: Vec<u8>,
    table: CompressTable,
}

impl Packer {
    /// Encodes a state, and holds it until the next one.
    pub(crate) fn encode<T: Serialize>(&mut self, what: &'static str, state: &T) -> Result<&[u8], Error> {
        self.plain.clear();
        encode_into(what, state, &mut self.plain)?;
        Ok(&self.plain)
    }

    /// The state that was encoded last, as it is to be stored. The same state gives the same bytes.
    pub(crate) fn pack(&mut self) -> Vec<u8> {
        let length = self.plain.len();
        if !(SMALL..=LARGEST).contains(&length) {
            return self.plain.clone();
        }
        self.packed.resize(HEAD + block::get_maximum_output_size(length), 0);
        let (head, room) = self.packed.split_at_mut(HEAD);
        let size = if length < LARGE {
            block::compress_into_with_table(&self.plain, room, &mut self.table)
        } else {
            block::compress_into(&self.plain, room)
        };
        let Ok(size) = size else { return self.plain.clone() };
        if HEAD + size >= length {
            return self.plain.clone();
        }
        head[0] = LZ4;
        // Not above `LARGEST`.
        head[1..].copy_from_slice(&(length as u32).to_le_bytes());
        self.packed[..HEAD + size].to_vec()
    }
}

/// The state that [`Packer::pack`] made small.
pub(crate) fn unpack(what: &'static str, stored: Vec<u8>) -> Result<Vec<u8>, Error> {
    let Some((&LZ4, rest)) = stored.split_first() else { return Ok(stored) };
    let corrupt = |reason: &str| Error::Corrupt { what, reason: reason.to_owned() };
    let (length, block) = rest.split_first_chunk::<4>().ok_or_else(|| corrupt("it ends in its length"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > LARGEST {
        return Err(corrupt("its length is beyond any state's"));
    }
    let plain = block::decompress(block, length).map_err(|error| corrupt(&error.to_string()))?;
    if plain.len() == length { Ok(plain) } else { Err(corrupt("it is not of the length that it states")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn plain(packer: &Packer) -> Vec<u8> {
        packer.plain.clone()
    }

    #[test]
    fn what_repeats_gets_small_and_comes_back_the_same_each_time() {
        let mut packer = Packer::default();
        let mut seen = Vec::new();
        for count in [20, 40_000, 20] {
            packer.encode("customer", &vec!["Order Completed"; count]).unwrap();
            let packed = packer.pack();
            assert!(packed.len() < plain(&packer).len() / 4, "{} bytes", packed.len());
            assert_eq!(unpack("customer", packed.clone()).unwrap(), plain(&packer));
            seen.push(packed);
        }
        assert_eq!(seen[0], seen[2]);
    }

    #[test]
    fn what_is_small_or_does_not_repeat_stays_as_it_is() {
        let mut packer = Packer::default();
        let noise: Vec<u64> = (0_u64..500).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        for state in [vec![1, 2, 3], noise] {
            packer.encode("customer", &state).unwrap();
            assert_eq!(packer.pack(), plain(&packer));
            assert_eq!(unpack("customer", packer.pack()).unwrap(), plain(&packer));
        }
    }

    #[test]
    fn broken_states_are_told_and_take_no_memory() {
        let mut packer = Packer::default();
        packer.encode("customer", &vec![0_u8; 4_000]).unwrap();
        let whole = packer.pack();
        let mut long = whole.clone();
        long[1..HEAD].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut short = whole.clone();
        short[1..HEAD].copy_from_slice(&5_u32.to_le_bytes());
        for broken in [long, short, whole[..3].to_vec(), whole[..whole.len() - 3].to_vec(), vec![LZ4]] {
            assert!(unpack("customer", broken).is_err());
        }
    }
}
