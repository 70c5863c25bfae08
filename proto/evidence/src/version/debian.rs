//! Versions of Debian (Debian Policy 5.6.12; deb-version(7)): `epoch:upstream-revision`.

use std::cmp::Ordering;

use super::number::{Number, split_digits};

/// Epoch, upstream version and Debian revision, in the order in which they decide. No epoch is 0, and no
/// revision is as the revision 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Debian {
    epoch: Number,
    upstream: Parts,
    revision: Parts,
}

/// Non-digits and the number behind them, again and again, without empty ones at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts(Vec<(Word, Number)>);

/// Non-digits. A tilde comes before the end, the end before letters, letters before everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word(Box<str>);

impl Debian {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Number::parse(epoch)?, rest),
            None => (Number::default(), text),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return None,
            Some(cut) => cut,
            None => (rest, ""),
        };
        let is_upstream = upstream.starts_with(|c: char| c.is_ascii_digit()) && is_made_of(upstream, "+.~-:");
        let valid = is_upstream && is_made_of(revision, "+.~");
        valid.then(|| Self { epoch, upstream: Parts::of(upstream), revision: Parts::of(revision) })
    }
}

impl Parts {
    fn of(mut text: &str) -> Self {
        let mut parts = Vec::new();
        while !text.is_empty() {
            let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
            let (word, after) = text.split_at(end);
            let (digits, after) = split_digits(after);
            parts.push((Word(word.into()), Number::parse(digits).unwrap_or_default()));
            text = after;
        }
        while parts.last().is_some_and(|(word, number)| word.0.is_empty() && number.is_zero()) {
            parts.pop();
        }
        Self(parts)
    }
}

impl Ord for Parts {
    fn cmp(&self, other: &Self) -> Ordering {
        let end = || (Word("".into()), Number::default());
        let padded = |parts: &'_ Self, at: usize| parts.0.get(at).cloned().unwrap_or_else(end);
        let mut parts =
            (0..self.0.len().max(other.0.len())).map(|at| padded(self, at).cmp(&padded(other, at)));
        parts.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Parts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Self) -> Ordering {
        // The end of a word has its own place between the tilde and the letters.
        let places = |word: &Self| word.0.bytes().map(place).chain([END]).collect::<Vec<_>>();
        places(self).cmp(&places(other))
    }
}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const END: (u8, u8) = (1, 0);

fn place(byte: u8) -> (u8, u8) {
    match byte {
        b'~' => (0, 0),
        letter if letter.is_ascii_alphabetic() => (2, letter),
        other => (3, other),
    }
}

fn is_made_of(text: &str, marks: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
}
