//! DER (ITU-T X.690 section 10) element by element, for the parts of certificates and time stamps that we read
//! ourselves. The lengths are read by the library, strictly.

use spki::der::asn1::{AnyRef, ObjectIdentifier};
use spki::der::{Decode as _, Reader as _, SliceReader};

/// The bytes are not the DER that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} in DER")]
pub struct DerError {
    /// What was expected there.
    pub expected: &'static str,
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of `[n]` with other elements inside.
pub(super) const fn constructed(n: u8) -> u8 {
    0xa0 | n
}

/// The tag of `[n]` with bytes inside.
pub(super) const fn primitive(n: u8) -> u8 {
    0x80 | n
}

/// One element: its tag, and its bytes with and without tag and length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) whole: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The elements that stand one after another, read from the left.
#[derive(Clone)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Opens the one element that the bytes are, with nothing after it.
    pub(super) fn of(bytes: &'a [u8], tag: u8, expected: &'static str) -> Result<Self, DerError> {
        let mut items = Self::new(bytes);
        let inner = items.open(tag, expected)?;
        items.end(expected)?;
        Ok(inner)
    }

    /// Takes the next element, of any tag.
    pub(super) fn any(&mut self, expected: &'static str) -> Result<Item<'a>, DerError> {
        let wrong = DerError { expected };
        let mut reader = SliceReader::new(self.rest).map_err(|_| wrong)?;
        let whole = reader.tlv_bytes().map_err(|_| wrong)?;
        let value = AnyRef::from_der(whole).map_err(|_| wrong)?.value();
        self.rest = self.rest.get(whole.len()..).unwrap_or_default();
        Ok(Item { tag: whole.first().copied().ok_or(wrong)?, whole, value })
    }

    /// Takes the next element, which must have this tag.
    pub(super) fn next(&mut self, tag: u8, expected: &'static str) -> Result<Item<'a>, DerError> {
        self.optional(tag, expected)?.ok_or(DerError { expected })
    }

    /// Takes the next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8, expected: &'static str) -> Result<Option<Item<'a>>, DerError> {
        if self.rest.first() == Some(&tag) { self.any(expected).map(Some) } else { Ok(None) }
    }

    /// Takes the next element and opens it.
    pub(super) fn open(&mut self, tag: u8, expected: &'static str) -> Result<Self, DerError> {
        Ok(Self::new(self.next(tag, expected)?.value))
    }

    /// Takes the next element, an object identifier.
    pub(super) fn oid(&mut self, expected: &'static str) -> Result<ObjectIdentifier, DerError> {
        let item = self.next(OID, expected)?;
        ObjectIdentifier::from_der(item.whole).map_err(|_| DerError { expected })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses anything that is left.
    pub(super) const fn end(&self, expected: &'static str) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError { expected }) }
    }
}

/// Writes an element around the value.
pub(super) fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = value.len().to_be_bytes();
    let used: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match used.as_slice() {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        // At most eight bytes, so the count fits beside the bit that says it is one.
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_lengths_that_it_reads() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let value = vec![7; length];
            let bytes = element(SEQUENCE, &value);
            let mut items = Items::new(&bytes);
            assert_eq!(items.next(SEQUENCE, "a sequence").unwrap().value, value);
            assert!(items.is_empty());
        }
    }

    #[test]
    fn refuses_what_is_not_der() {
        for hex in ["", "30", "3001", "308000", "30800000", "30810100", "3082000100", "0500"] {
            let bytes = hex::decode(hex).unwrap();
            assert!(Items::of(&bytes, SEQUENCE, "a sequence").is_err(), "{hex}");
        }
        assert!(Items::of(&[0x30, 0x00, 0x00], SEQUENCE, "a sequence").is_err());
    }
}
