//! Which prefixes a run has: a Bloom filter, in parts that each fill one piece.
//!
//! A part answers for the prefixes of a range of rows, at most 3,200 of them, so that one piece is read for one question.
//! It has 10 bits for each prefix (up to the next whole byte), of which 7 are set: 1 - e^(-7/10) = 0.503 of all bits, so a
//! prefix that is not there passes with a chance of 0.503^7 = 0.8 %. 3,200 prefixes are 4,000 bytes, which fit into a
//! piece.
//!
//! Which bits are set follows from the prefix alone. Digests come from whoever records, who may choose them so that all
//! their bits are the same: then a look into a block is made that finds nothing.

use custody_log::LeafIndex;

use super::keys::{PREFIX_LEN, Prefix, Row};

/// Bits for each prefix.
const BITS_PER_PREFIX: usize = 10;
/// Bits that are set for a prefix.
const PROBES: u64 = 7;
/// The most prefixes of one part.
const PREFIXES_MAX: usize = 3_200;

/// Cuts the prefixes of a run into parts.
#[derive(Debug)]
pub(crate) struct FilterBuilder {
    first: Row,
    prefixes: Vec<Prefix>,
}

/// The bits for the rows from `first` on and below `end`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilterPart {
    pub(crate) first: Row,
    pub(crate) end: Row,
    pub(crate) bits: Vec<u8>,
}

impl FilterBuilder {
    pub(crate) const fn new() -> Self {
        Self { first: Row::MIN, prefixes: Vec::new() }
    }

    /// Adds a prefix that is not below those before it; returns the part before it, if that is full.
    pub(crate) fn push(&mut self, prefix: Prefix) -> Option<FilterPart> {
        if self.prefixes.last() == Some(&prefix) {
            return None;
        }
        let full = self.prefixes.len() == PREFIXES_MAX;
        let part = full.then(|| self.part(prefix.row(LeafIndex::ZERO)));
        self.prefixes.push(prefix);
        part
    }

    /// Returns the last part.
    pub(crate) fn finish(mut self) -> FilterPart {
        self.part(Row::MAX)
    }

    fn part(&mut self, end: Row) -> FilterPart {
        let bits = bits(&self.prefixes);
        self.prefixes.clear();
        FilterPart { first: std::mem::replace(&mut self.first, end), end, bits }
    }
}

/// Returns the bits of a part that has these prefixes.
fn bits(prefixes: &[Prefix]) -> Vec<u8> {
    let mut bits = vec![0; (prefixes.len() * BITS_PER_PREFIX).div_ceil(8)];
    let count = bits.len() * 8;
    for prefix in prefixes {
        for place in places(prefix, count) {
            if let Some(byte) = bits.get_mut(place / 8) {
                *byte |= 1 << (place % 8);
            }
        }
    }
    bits
}

/// Whether the part may have the prefix; false is certain.
pub(crate) fn may_have(bits: &[u8], prefix: &Prefix) -> bool {
    places(prefix, bits.len() * 8)
        .all(|place| bits.get(place / 8).is_some_and(|byte| byte & (1 << (place % 8)) != 0))
}

/// The bits of a prefix in a part with so many bits.
fn places(prefix: &Prefix, count: usize) -> impl Iterator<Item = usize> {
    let (start, step) = hashes(prefix);
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    (0..PROBES).map(move |probe| {
        let place = start.wrapping_add(probe.wrapping_mul(step)) % count;
        usize::try_from(place).unwrap_or(0)
    })
}

/// Two numbers that look random, from all bytes of the prefix.
fn hashes(prefix: &Prefix) -> (u64, u64) {
    let bytes = prefix.as_bytes();
    let word = |at: usize| {
        let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
        u64::from_be_bytes(word.unwrap_or_default())
    };
    let start = mixed(word(0) ^ mixed(word(PREFIX_LEN - 8)));
    (start, mixed(start) | 1)
}

/// The finisher of `SplitMix64`: each bit of the input changes half of those of the output.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use custody_log::ContentDigest;

    use super::super::piece::PAYLOAD_BYTES_MAX;
    use super::*;

    fn prefixes(from: usize, count: usize) -> Vec<Prefix> {
        (from..from + count)
            .map(|at| Prefix::content(&ContentDigest::of(at.to_string().as_bytes())))
            .collect()
    }

    #[test]
    fn a_part_knows_its_prefixes_and_hardly_any_other() {
        let own = prefixes(0, PREFIXES_MAX);
        let bits = bits(&own);
        assert!(bits.len() <= PAYLOAD_BYTES_MAX);
        assert!(own.iter().all(|prefix| may_have(&bits, prefix)));
        let passed = prefixes(PREFIXES_MAX, 20_000).iter().filter(|other| may_have(&bits, other)).count();
        assert!(passed < 20_000 / 80, "{passed} of 20,000 pass, 164 are expected");
    }

    #[test]
    fn parts_answer_for_all_rows_one_after_the_other() {
        let mut own = prefixes(0, PREFIXES_MAX * 2 + 5);
        own.sort_unstable();
        let mut filter = FilterBuilder::new();
        // Each twice: rows of two entries.
        let mut parts: Vec<_> =
            own.iter().flat_map(|own| [own, own]).filter_map(|own| filter.push(*own)).collect();
        parts.push(filter.finish());
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].first, parts[2].end), (Row::MIN, Row::MAX));
        assert!(parts.is_sorted_by(|one, next| one.end == next.first));
        for prefix in own {
            let row = prefix.row(LeafIndex::ZERO);
            let part = parts.iter().find(|part| part.first <= row && row < part.end).unwrap();
            assert!(may_have(&part.bits, &prefix));
        }
    }

    #[test]
    fn an_empty_part_has_nothing() {
        assert!(bits(&[]).is_empty());
        assert!(!may_have(&[], &prefixes(0, 1)[0]));
    }

    #[test]
    fn prefixes_that_differ_in_one_byte_have_other_bits() {
        for at in 0..PREFIX_LEN - 1 {
            let mut short = [0; PREFIX_LEN - 1];
            short[at] = 1;
            assert!(
                !may_have(&bits(&[Prefix::leading([0; PREFIX_LEN - 1])]), &Prefix::leading(short)),
                "{at}"
            );
        }
    }
}
