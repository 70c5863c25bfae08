//! Versions of Python (Python Packaging User Guide, "Version specifiers", once PEP 440).
//!
//! Written forms that the specification reads as one version are one: `1.0-RC.1`, `1.0c1` and `1.0rc1`. The
//! fields below stand in the order in which they decide, and their types have the order of the specification.

use super::number::{Number, split_digits};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pep440 {
    epoch: Number,
    /// Without zeros at the end.
    release: Vec<Number>,
    pre: Pre,
    post: Option<Number>,
    dev: Dev,
    local: Vec<Local>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// `1.0.dev1`: comes before every pre-release of 1.0.
    DevOnly,
    Alpha(Number),
    Beta(Number),
    Candidate(Number),
    /// None: a final or post release.
    No,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Of(Number),
    /// None: comes after every development release of the same.
    No,
}

/// Words come before numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(Box<str>),
    Number(Number),
}

impl Pep440 {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let mut rest = Rest(text.strip_prefix('v').unwrap_or(&text));
        let epoch = rest.epoch();
        let release = rest.release()?;
        let pre = rest.pre();
        let post = rest.post();
        let dev = rest.labelled(&["dev"]).map(|(_, number)| number);
        let local = rest.local()?;
        let pre = match pre {
            None if post.is_none() && dev.is_some() => Pre::DevOnly,
            None => Pre::No,
            Some(pre) => pre,
        };
        Some(Self { epoch, release, pre, post, dev: dev.map_or(Dev::No, Dev::Of), local })
    }

    /// Returns the public version: the same without its local label.
    pub(super) fn public(&self) -> Self {
        Self { local: Vec::new(), ..self.clone() }
    }

    /// Whether there is a local label.
    pub(super) fn is_local(&self) -> bool {
        !self.local.is_empty()
    }
}

/// What is still to be read, in lower case.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn epoch(&mut self) -> Number {
        let (digits, rest) = split_digits(self.0);
        match (Number::parse(digits), rest.strip_prefix('!')) {
            (Some(epoch), Some(rest)) => {
                self.0 = rest;
                epoch
            }
            _ => Number::default(),
        }
    }

    fn release(&mut self) -> Option<Vec<Number>> {
        let mut numbers = vec![self.number()?];
        while let Some(rest) = self.0.strip_prefix('.').filter(|rest| starts_with_digit(rest)) {
            self.0 = rest;
            numbers.push(self.number()?);
        }
        let used = numbers.iter().rposition(|number| !number.is_zero()).map_or(0, |last| last + 1);
        numbers.truncate(used);
        Some(numbers)
    }

    fn pre(&mut self) -> Option<Pre> {
        // Longer words first: `a` is the start of `alpha`.
        let (word, number) = self.labelled(&["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"])?;
        Some(match word {
            "alpha" | "a" => Pre::Alpha(number),
            "beta" | "b" => Pre::Beta(number),
            _ => Pre::Candidate(number),
        })
    }

    fn post(&mut self) -> Option<Number> {
        // `1.0-1` is `1.0.post1`.
        if let Some(rest) = self.0.strip_prefix('-').filter(|rest| starts_with_digit(rest)) {
            self.0 = rest;
            return self.number();
        }
        self.labelled(&["post", "rev", "r"]).map(|(_, number)| number)
    }

    /// One of the words with its number, which is zero if there is none. Marks around the word are optional.
    fn labelled(&mut self, words: &[&'static str]) -> Option<(&'static str, Number)> {
        let text = without_mark(self.0);
        let (word, rest) = words.iter().find_map(|word| Some((*word, text.strip_prefix(word)?)))?;
        self.0 = without_mark(rest);
        let number = if starts_with_digit(self.0) { self.number()? } else { Number::default() };
        Some((word, number))
    }

    /// The local label, which is the end; none if something else is left.
    fn local(&mut self) -> Option<Vec<Local>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let parts = self.0.strip_prefix('+')?.split(['-', '_', '.']);
        parts.map(local_part).collect()
    }

    fn number(&mut self) -> Option<Number> {
        let (digits, rest) = split_digits(self.0);
        self.0 = rest;
        Number::parse(digits)
    }
}

fn local_part(text: &str) -> Option<Local> {
    if let Some(number) = Number::parse(text) {
        return Some(Local::Number(number));
    }
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| Local::Word(text.into()))
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix(['-', '_', '.']).unwrap_or(text)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}
