//! One pass over JSON text that keeps the path to where it stands.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{JsonError, JsonFault, MAX_DEPTH};

/// What to do when an object names a member twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    Refused,
    Ignored,
}

/// An object or array that is open.
enum Frame<'a> {
    Object { names: Names<'a>, name: Cow<'a, str> },
    Array { index: usize },
}

/// The names that an object has so far.
enum Names<'a> {
    /// Searched from one end to the other.
    Few(Vec<Cow<'a, str>>),
    Many(BTreeSet<Cow<'a, str>>),
}

/// Up to so many names a list is faster than a set. A hostile object of many members is a set.
const FEW: usize = 16;

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    FirstElement,
    FirstMember,
    Member,
    AfterValue,
}

/// Reads the text from the left; `at` is always on a character boundary.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    stop: usize,
    open: Vec<Frame<'a>>,
    /// Lists of objects that were closed, to be used again: an SBOM has a hundred thousand small objects. At most one a
    /// level.
    spare: Vec<Vec<Cow<'a, str>>>,
    duplicates: Duplicates,
    /// Names of members of the outermost object, and the values that were found so far.
    wanted: &'static [&'static str],
    values: Vec<Option<&'a str>>,
    /// Where the last value of the outermost object began.
    began: usize,
}

/// By this prefix `serde_json` marks its own wrappers. A hostile member of that name would have a string read
/// as JSON that was never checked.
const RESERVED: &str = "$serde_json::private::";

/// Paths are for people: longer ones are cut.
const MAX_PATH: usize = 200;

impl<'a> Names<'a> {
    /// Adds a name; answers whether it is new.
    fn insert(&mut self, name: Cow<'a, str>) -> bool {
        match self {
            Self::Many(set) => set.insert(name),
            Self::Few(list) if list.contains(&name) => false,
            Self::Few(list) if list.len() < FEW => {
                list.push(name);
                true
            }
            Self::Few(list) => {
                let mut set: BTreeSet<_> = list.drain(..).collect();
                let new = set.insert(name);
                *self = Self::Many(set);
                new
            }
        }
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8], duplicates: Duplicates) -> Result<Self, JsonError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                stop: usize::MAX,
                open: Vec::new(),
                spare: Vec::new(),
                duplicates,
                wanted: &[],
                values: Vec::new(),
                began: 0,
            }),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let (line, column) = position(valid);
                // The readable part leads to the place, as far as it is JSON.
                let path = path_at(valid, line, column);
                Err(JsonError { fault: JsonFault::Utf8, line, column, path })
            }
        }
    }

    /// Checks the text, and returns it.
    pub(super) fn run(mut self) -> Result<&'a str, JsonError> {
        self.scan().map_err(|fault| self.error(fault))?;
        Ok(self.text)
    }

    /// Checks the text, and returns the values of the outermost object's members of these names, each as its text without white space
    /// around it; none for those that are not there. Other members take no memory.
    pub(super) fn members(
        mut self,
        names: &'static [&'static str],
    ) -> Result<Vec<Option<&'a str>>, JsonError> {
        (self.wanted, self.values) = (names, vec![None; names.len()]);
        self.scan().map_err(|fault| self.error(fault))?;
        Ok(self.values)
    }

    fn error(&self, fault: JsonFault) -> JsonError {
        let (line, column) = position(self.text.as_bytes().get(..self.at).unwrap_or_default());
        JsonError { fault, line, column, path: self.path() }
    }

    fn scan(&mut self) -> Result<(), JsonFault> {
        if self.text.starts_with('\u{feff}') {
            return Err(JsonFault::ByteOrderMark);
        }
        let mut state = State::Value;
        loop {
            let outermost = self.open.len() == 1;
            if state == State::AfterValue && outermost {
                self.member_ends();
            }
            self.skip_space();
            if state == State::Value && outermost {
                self.began = self.at;
            }
            if self.at >= self.stop {
                return Ok(());
            }
            if state == State::AfterValue && self.open.is_empty() {
                return if self.peek().is_none() { Ok(()) } else { Err(JsonFault::Trailing) };
            }
            state = match state {
                State::FirstElement if self.peek() == Some(b']') => self.close(),
                State::FirstElement | State::Value => self.value()?,
                State::FirstMember if self.peek() == Some(b'}') => self.close(),
                State::FirstMember | State::Member => self.member()?,
                State::AfterValue => self.after_value()?,
            };
        }
    }

    /// Keeps the value that ends here if it is of a member that is wanted.
    fn member_ends(&mut self) {
        let Some(Frame::Object { name, .. }) = self.open.first() else { return };
        let place = self.wanted.iter().position(|wanted| wanted == name);
        if let Some(value) = place.and_then(|place| self.values.get_mut(place)) {
            *value = self.text.get(self.began..self.at);
        }
    }

    fn value(&mut self) -> Result<State, JsonFault> {
        match self.peek() {
            Some(b'{') => {
                let names = Names::Few(self.spare.pop().unwrap_or_default());
                self.enter(Frame::Object { names, name: Cow::Borrowed("") })?;
                Ok(State::FirstMember)
            }
            Some(b'[') => {
                self.enter(Frame::Array { index: 0 })?;
                Ok(State::FirstElement)
            }
            Some(b'"') => self.string().map(|_| State::AfterValue),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| State::AfterValue),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn enter(&mut self, frame: Frame<'a>) -> Result<(), JsonFault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(JsonFault::Depth { max: MAX_DEPTH });
        }
        self.at += 1;
        self.open.push(frame);
        Ok(())
    }

    fn close(&mut self) -> State {
        self.at += 1;
        if let Some(Frame::Object { names: Names::Few(mut list), .. }) = self.open.pop() {
            list.clear();
            self.spare.push(list);
        }
        State::AfterValue
    }

    fn member(&mut self) -> Result<State, JsonFault> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a member name in quotes"));
        }
        let start = self.at;
        let read = self.string()?;
        let fault = if read.starts_with(RESERVED) {
            Some(JsonFault::Reserved { name: cut(&read) })
        } else {
            self.name_member(read)
        };
        if let Some(fault) = fault {
            self.at = start;
            return Err(fault);
        }
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("':'"));
        }
        self.at += 1;
        Ok(State::Value)
    }

    /// Makes it the current member of the innermost object; answers a fault if it already has one so named.
    fn name_member(&mut self, read: Cow<'a, str>) -> Option<JsonFault> {
        let check = self.duplicates == Duplicates::Refused;
        let Some(Frame::Object { names, name }) = self.open.last_mut() else { return None };
        if check && !names.insert(read.clone()) {
            return Some(JsonFault::Duplicate { name: cut(&read) });
        }
        *name = read;
        None
    }

    fn after_value(&mut self) -> Result<State, JsonFault> {
        let next = self.peek();
        match (self.open.last_mut(), next) {
            (Some(Frame::Array { index }), Some(b',')) => {
                *index += 1;
                self.at += 1;
                Ok(State::Value)
            }
            (Some(Frame::Object { .. }), Some(b',')) => {
                self.at += 1;
                Ok(State::Member)
            }
            (Some(Frame::Array { .. }), Some(b']')) | (Some(Frame::Object { .. }), Some(b'}')) => {
                Ok(self.close())
            }
            (Some(Frame::Array { .. }), _) => Err(self.unexpected("',' or ']'")),
            _ => Err(self.unexpected("',' or '}'")),
        }
    }

    /// Reads a string, from one quote to the other.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        let mut plain_from = start;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(plain) = plain(rest) else {
                self.at = self.text.len();
                return Err(JsonFault::Truncated);
            };
            self.at += plain;
            let text = self.text.get(plain_from..self.at).unwrap_or_default();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(text),
                        Some(before) => Cow::Owned(before + text),
                    });
                }
                Some(b'\\') => {
                    let buffer = unescaped.get_or_insert_default();
                    buffer.push_str(text);
                    let character = self.escape()?;
                    buffer.push(character);
                    plain_from = self.at;
                }
                _ => return Err(JsonFault::Control),
            }
        }
    }

    /// Reads an escape; stays on its backslash when it is wrong.
    fn escape(&mut self) -> Result<char, JsonFault> {
        let rest = self.text.get(self.at..).unwrap_or_default().as_bytes();
        let simple = match rest.get(1) {
            None => return Err(JsonFault::Truncated),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(rest),
            Some(_) => return Err(JsonFault::Escape),
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode_escape(&mut self, rest: &[u8]) -> Result<char, JsonFault> {
        let high = hex4(rest).ok_or(JsonFault::Escape)?;
        if let Some(character) = char::from_u32(high) {
            self.at += 6;
            return Ok(character);
        }
        // RFC 8259 section 7: a character beyond the first plane is a pair, high half first.
        let low = rest.get(6..).and_then(hex4).ok_or(JsonFault::Escape)?;
        if !(0xd800..0xdc00).contains(&high) || !(0xdc00..0xe000).contains(&low) {
            return Err(JsonFault::Escape);
        }
        let character = char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        self.at += 12;
        character.ok_or(JsonFault::Escape)
    }

    /// RFC 8259 section 6: no leading zeros, digits on both sides of the point.
    fn number(&mut self) -> Result<(), JsonFault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected("a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &'static str) -> Result<State, JsonFault> {
        if !self.text.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(State::AfterValue)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, expected: &'static str) -> JsonFault {
        match self.text.get(self.at..).unwrap_or_default().chars().next() {
            Some(found) => JsonFault::Unexpected { expected, found },
            None => JsonFault::Truncated,
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.open {
            match frame {
                Frame::Object { name, .. } if name.is_empty() => {}
                Frame::Object { name, .. } => {
                    let dot = if path.is_empty() { "" } else { "." };
                    path.push_str(dot);
                    path.extend(name.escape_debug());
                }
                Frame::Array { index } => {
                    path.push('[');
                    path.push_str(&index.to_string());
                    path.push(']');
                }
            }
            if path.chars().count() > MAX_PATH {
                return path.chars().take(MAX_PATH).collect();
            }
        }
        path
    }
}

/// Returns the path to a line and column of text that is JSON up to there.
pub(super) fn path_at(bytes: &[u8], line: usize, column: usize) -> String {
    let before: usize = bytes.split(|b| *b == b'\n').take(line - 1).map(|line| line.len() + 1).sum();
    let Ok(mut scanner) = Scanner::new(bytes, Duplicates::Ignored) else { return String::new() };
    scanner.stop = (before + column).saturating_sub(1);
    // What follows the place may be anything: only the path is wanted.
    scanner.scan().ok();
    scanner.path()
}

/// Returns line and column, 1-based, of the byte that follows these.
fn position(before: &[u8]) -> (usize, usize) {
    let line = before.split(|b| *b == b'\n').count();
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    (line, column)
}

/// Returns how far the text goes on without a quote, a backslash or a control character; none when it does so to its end.
/// Continuation bytes of UTF-8 are 0x80 and above, so each of these is a whole character.
///
/// Most strings are short, so eight bytes are looked at at once in a machine word. In each of the three sums below the highest bit of the
/// first byte that is looked for is set; a borrow can set those of later bytes alone, and only the first one counts.
fn plain(rest: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let (words, end) = rest.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (control | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c))) & HIGH;
        if found != 0 {
            // At most 7.
            return Some(at * 8 + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default());
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    end.iter().position(special).map(|at| words.len() * 8 + at)
}

/// Reads the four digits of `\uXXXX` at the start of the bytes.
fn hex4(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
