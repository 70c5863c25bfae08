//! Versions of Maven (maven.apache.org, "POM Reference", "Version Order Specification").
//!
//! The text is cut at dots, hyphens and between digits and letters. Zeros and their like (`ga`, `final`,
//! `release`) at the end of what stands between two hyphens are dropped. What is left is compared token by
//! token, the shorter one as if it went on with releases.
//!
//! Maven itself (3.9) nests what stands behind a hyphen and pads with whatever the longer version has there,
//! and so has circles: `1` < `1-sp` < `1-0-rc` < `1`. It also takes a dot before a word for a hyphen only at
//! the end of a version. A gate needs an order, so the padding is always the same here, and a dot before a word
//! always counts as a hyphen, as the specification says.

use std::cmp::Ordering;

use super::number::{Number, split_digits};

/// The tokens, without zeros and their like at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Maven(Vec<Token>);

/// One token with the separator before it, in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    /// `ga`, `final`, `release`; and what follows the end of a version.
    Release,
    ServicePack,
    /// Any other word, in lower case.
    Word(Box<str>),
    HyphenNumber(Number),
    /// Comes after the end even if it is zero: zeros before the end were dropped, so a larger number follows.
    DotNumber(Number),
}

/// What no version may hold (the check that Maven makes of a project before it is built). It keeps out what was
/// never filled in, as `${project.version}`.
const ILLEGAL: &[char] = &['\\', '/', ':', '"', '<', '>', '|', '?', '*', '[', ']', '(', ')', '{', '}', ','];

impl Maven {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.contains(ILLEGAL) {
            return None;
        }
        let text = text.to_lowercase();
        let mut version = Self(Vec::new());
        let (mut hyphen, mut rest) = (false, text.as_str());
        loop {
            let (token, after) = cut_token(rest);
            version.push(hyphen, token, after);
            (hyphen, rest) = match (after.strip_prefix('.'), after.strip_prefix('-')) {
                (Some(rest), _) => (false, rest),
                (_, Some(rest)) => (true, rest),
                _ if after.is_empty() => break,
                // Between digits and letters there is a hyphen.
                _ => (true, after),
            };
        }
        version.trim();
        Some(version)
    }

    fn push(&mut self, hyphen: bool, token: &str, after: &str) {
        let number = if token.is_empty() { Some(Number::default()) } else { Number::parse(token) };
        let token = match number {
            Some(number) if hyphen => Token::HyphenNumber(number),
            Some(number) => Token::DotNumber(number),
            None => word(token, after),
        };
        if !matches!(token, Token::DotNumber(_)) {
            self.trim();
        }
        self.0.push(token);
    }

    /// Drops zeros and their like at the end.
    fn trim(&mut self) {
        while self.0.last().is_some_and(Token::is_null) {
            self.0.pop();
        }
    }
}

impl Token {
    fn is_null(&self) -> bool {
        match self {
            Self::Release => true,
            Self::HyphenNumber(number) | Self::DotNumber(number) => number.is_zero(),
            _ => false,
        }
    }
}

impl Ord for Maven {
    fn cmp(&self, other: &Self) -> Ordering {
        let token = |version: &'_ Self, at: usize| version.0.get(at).cloned().unwrap_or(Token::Release);
        let mut tokens =
            (0..self.0.len().max(other.0.len())).map(|at| token(self, at).cmp(&token(other, at)));
        tokens.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Maven {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Cuts where digits, or letters, end.
fn cut_token(text: &str) -> (&str, &str) {
    match split_digits(text) {
        ("", _) => {
            let end = text.find(|c: char| c == '.' || c == '-' || c.is_ascii_digit());
            text.split_at(end.unwrap_or(text.len()))
        }
        cut => cut,
    }
}

fn word(word: &str, after: &str) -> Token {
    let before_number = after.starts_with(|c: char| c.is_ascii_digit());
    match word {
        "a" if before_number => Token::Alpha,
        "b" if before_number => Token::Beta,
        "m" if before_number => Token::Milestone,
        "alpha" => Token::Alpha,
        "beta" => Token::Beta,
        "milestone" => Token::Milestone,
        "rc" | "cr" => Token::Candidate,
        "snapshot" => Token::Snapshot,
        "ga" | "final" | "release" => Token::Release,
        "sp" => Token::ServicePack,
        other => Token::Word(other.into()),
    }
}
