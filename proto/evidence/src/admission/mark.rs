//! What is unusual in an envelope, and no reason to refuse it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest word of a mark, in bytes. The longest known one has 16.
const WORD_MAX: usize = 64;

/// Something unusual.
///
/// A later version may know more marks. A reader that does not know one says so, and reads the record all the same: what it must
/// not pass over stands in `crit`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// A claimed time lies 10 minutes to 24 hours ahead of ledger time.
    FutureTime,
    /// A value has the name of a secret and looks random, or a token lacks only its checksum.
    PossibleSecret,
    /// More was encoded in it than is looked into ([`crate::secret::DECODED_MAX`]).
    EncodedTooMuch,
    /// One that is not known here.
    Unknown(UnknownMark),
}

/// The word of a mark that is not known here: 1 to 64 lower-case letters, digits and `_`. Only reading a record makes one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownMark(String);

impl Mark {
    const KNOWN: [(&'static str, Self); 3] = [
        ("encoded_too_much", Self::EncodedTooMuch),
        ("future_time", Self::FutureTime),
        ("possible_secret", Self::PossibleSecret),
    ];

    /// Returns the word in the record.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::FutureTime => "future_time",
            Self::PossibleSecret => "possible_secret",
            Self::EncodedTooMuch => "encoded_too_much",
            Self::Unknown(UnknownMark(word)) => word,
        }
    }

    fn read(word: &str) -> Option<Self> {
        let known = Self::KNOWN.into_iter().find(|(known, _)| *known == word);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_word = !word.is_empty() && word.len() <= WORD_MAX && word.bytes().all(plain);
        known.map(|(_, mark)| mark).or_else(|| is_word.then(|| Self::Unknown(UnknownMark(word.to_owned()))))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<'de, str>::deserialize(deserializer)?;
        Self::read(&word).ok_or_else(|| serde::de::Error::custom("a mark is 1 to 64 of a-z, 0-9 and _"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_whether_or_not_it_is_known() {
        for word in
            ["encoded_too_much", "future_time", "possible_secret", "a", "seen_twice_2", &"x".repeat(64)]
        {
            let text = format!("{word:?}");
            let mark: Mark = serde_json::from_str(&text).unwrap();
            assert_eq!((mark.as_str(), serde_json::to_string(&mark).unwrap()), (word, text));
            let known = Mark::KNOWN.iter().any(|(known, _)| *known == word);
            assert_eq!(matches!(mark, Mark::Unknown(_)), !known, "{word}");
        }
    }

    #[test]
    fn what_is_no_word_is_no_mark() {
        for text in
            ["\"\"", "\"Future\"", "\"a b\"", "\"a\\u001b\"", "7", "null", &format!("{:?}", "x".repeat(65))]
        {
            assert!(serde_json::from_str::<Mark>(text).is_err(), "{text}");
        }
    }
}
