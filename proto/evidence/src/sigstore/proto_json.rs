//! The JSON form of protocol buffers (protobuf.dev, "`ProtoJSON` Format"), as Sigstore's files have it: 64-bit numbers are
//! strings, bytes are base64, and members that are zero or empty are left out or null.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::dsse::decode_base64;

/// Bytes written as base64, standard or URL-safe, with padding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        match decode_base64(text.as_bytes()) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(problem) => Err(D::Error::custom(format!("not base64 with padding: {problem}"))),
        }
    }
}

/// A number of 64 bits that is not negative, written as a string or a number; zero if left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 2^63-1, as a string or a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        if i64::try_from(number).is_ok() {
            Ok(Number(number))
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse() {
            Ok(number) if plain => self.visit_u64(number),
            Ok(_) | Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_strings_and_refuses_other_spellings() {
        for (text, number) in [("\"0\"", 0), ("0", 0), ("\"9223372036854775807\"", u64::MAX >> 1), ("7", 7)] {
            assert_eq!(serde_json::from_str::<Number>(text).unwrap(), Number(number));
        }
        for text in
            ["\"\"", "\"-1\"", "-1", "\"+1\"", "\"01\"", "\"1e3\"", "1.0", "\"9223372036854775808\"", "null"]
        {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_both_alphabets_of_base64_and_no_mixture() {
        for (text, bytes) in [("\"-_8=\"", [0xfb, 0xff]), ("\"+/8=\"", [0xfb, 0xff])] {
            assert_eq!(serde_json::from_str::<Bytes>(text).unwrap().0, bytes);
        }
        for text in ["\"-/8=\"", "\"-_8\"", "\"-_9=\"", "1", "null"] {
            assert!(serde_json::from_str::<Bytes>(text).is_err(), "{text}");
        }
    }
}
