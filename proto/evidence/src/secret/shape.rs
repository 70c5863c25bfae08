//! The shape of a token: a text that it holds, and what stands around it.
//!
//! A shape is a row of parts without alternatives, and each part takes all that it can, so that looking costs one step for each
//! byte of the longest token: there is nothing to go back to.

use std::ops::Range;

/// What a token may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Digit,
    /// `0-9a-f`
    Hex,
    /// `0-9a-fA-F`
    AnyHex,
    /// `A-Z2-7`, the alphabet of base32
    Base32,
    Letter,
    Lower,
    Upper,
    Alnum,
    /// `A-Za-z0-9_-`, the alphabet of base64url
    Token,
    /// `A-Za-z0-9+/`
    Base64,
    /// `A-Za-z0-9_.~-`
    Unreserved,
    /// What stands between a name and its value: quotes, spaces, `:`, `=`, `\`
    Between,
}

const ALL: [Class; 12] = [
    Class::Digit,
    Class::Hex,
    Class::AnyHex,
    Class::Base32,
    Class::Letter,
    Class::Lower,
    Class::Upper,
    Class::Alnum,
    Class::Token,
    Class::Base64,
    Class::Unreserved,
    Class::Between,
];

/// For each byte the classes that hold it, each a bit.
const CLASSES: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    #[allow(
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "made when this is compiled, where it would fail"
    )]
    loop {
        let mut class = 0;
        while class < ALL.len() {
            if ALL[class].defines(byte) {
                table[byte as usize] |= ALL[class].bit();
            }
            class += 1;
        }
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// A part of a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// This text.
    Text(&'static str),
    /// So many of the class; more may follow.
    Exactly(Class, usize),
    /// All that follow of the class: from so many to so many.
    Run(Class, usize, usize),
}

/// The shape of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// The text by which it is found.
    pub(super) key: &'static str,
    /// All of the class that stand before that text: from so many to so many.
    pub(super) before: Option<(Class, usize, usize)>,
    /// What follows that text.
    pub(super) after: &'static [Part],
}

fn classes(byte: u8) -> u16 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

impl Class {
    /// One look into a table: it is asked for each byte of what may be a token, thousands of them for the longest.
    pub(super) fn holds(self, byte: u8) -> bool {
        classes(byte) & self.bit() != 0
    }

    #[allow(clippy::as_conversions, reason = "the place of a variant, of which there are fewer than 16")]
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    const fn defines(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::AnyHex => byte.is_ascii_hexdigit(),
            Self::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            Self::Letter => byte.is_ascii_alphabetic(),
            Self::Lower => matches!(byte, b'0'..=b'9' | b'a'..=b'z'),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Token => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
            Self::Unreserved => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b'-'),
            Self::Between => matches!(byte, b'"' | b'\'' | b' ' | b':' | b'=' | b'\\'),
        }
    }

    /// Returns how many bytes of the class the text starts with; stops to count above `max`.
    fn run(self, text: &[u8], max: usize) -> usize {
        let text = text.get(..max.saturating_add(1)).unwrap_or(text);
        // Most are counted by eights, with one question for all.
        let (eights, _) = text.as_chunks::<8>();
        let all = |eight: &[u8; 8]| eight.iter().fold(self.bit(), |bit, byte| bit & classes(*byte)) != 0;
        let counted = eights.iter().take_while(|eight| all(eight)).count() * 8;
        let rest = text.get(counted..).unwrap_or_default();
        counted + rest.iter().take_while(|byte| self.holds(**byte)).count()
    }
}

impl Shape {
    /// Returns where the token is whose key stands at `at`. A letter, digit or `_` right before or behind it means that it is
    /// part of something else.
    pub(super) fn token_at(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let start = at - self.length_before(text.get(..at)?)?;
        if start.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| word(*byte)) {
            return None;
        }
        let mut end = at + self.key.len();
        for part in self.after {
            let rest = text.get(end..)?;
            end += match *part {
                Part::Text(expected) => rest.starts_with(expected.as_bytes()).then_some(expected.len())?,
                Part::Exactly(class, count) => {
                    let found = rest.get(..count)?;
                    found.iter().all(|byte| class.holds(*byte)).then_some(count)?
                }
                Part::Run(class, min, max) => {
                    let found = class.run(rest, max);
                    (min..=max).contains(&found).then_some(found)?
                }
            };
        }
        if text.get(end).is_some_and(|byte| word(*byte)) {
            return None;
        }
        Some(start..end)
    }

    fn length_before(&self, text: &[u8]) -> Option<usize> {
        let Some((class, min, max)) = self.before else { return Some(0) };
        let backwards = text.iter().rev().take(max.saturating_add(1));
        let found = backwards.take_while(|byte| class.holds(**byte)).count();
        (min..=max).contains(&found).then_some(found)
    }
}

const fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
