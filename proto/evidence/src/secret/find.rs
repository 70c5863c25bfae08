//! Finds the texts by which rules know their tokens, all in one pass, and asks the rule.

use std::ops::Range;
use std::sync::LazyLock;

use super::name;
use super::pem;
use super::shape::Shape;
use super::table::{AWS_SECRET_RULE, PRIVATE_KEY, RULES, Rule, URL_PASSWORD, URL_TOKEN};
use super::url;

/// Whose text was met.
#[derive(Clone, Copy)]
enum Key {
    Token(&'static Rule, &'static Shape),
    Pem,
    Url,
    /// Part of a name that secrets have.
    Name,
}

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    /// A secret, by this rule.
    Secret(&'static str, Range<usize>),
    /// What has the shape that this rule looks for, and lacks the checksum.
    Unproven(&'static str, Range<usize>),
    /// A name of a variable that secrets have, and what the text assigns to it, if it does.
    Name(Option<Range<usize>>),
    /// The name of an AWS secret access key.
    AwsName,
}

/// How many places the table of the finder has: 2^13, of which the keys take one in fifty.
const PLACES: usize = 1 << 13;

/// Texts by their first three bytes. An automaton would wait for memory at each byte; this look-up does not depend on the one
/// before it.
struct Finder {
    /// The position of the first key that may begin with three such bytes, plus one.
    heads: Box<[u8; PLACES]>,
    /// With the position of the next such key, plus one.
    keys: Vec<(Vec<u8>, Key, u8)>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);

impl Finder {
    fn new() -> Self {
        let mut finder = Self { heads: Box::new([0; PLACES]), keys: Vec::new() };
        for rule in RULES {
            for shape in rule.shapes {
                finder.add(shape.key, Key::Token(rule, shape));
            }
        }
        finder.add(pem::KEY, Key::Pem);
        finder.add("://", Key::Url);
        for word in name::WORDS.iter().flat_map(|word| name::spellings(word)) {
            finder.add(&word, Key::Name);
        }
        finder
    }

    fn add(&mut self, text: &str, key: Key) {
        let text = text.as_bytes().to_vec();
        let place = text.first_chunk().map(|three| place(window(*three)));
        let head = place.and_then(|place| self.heads.get_mut(place)).expect("a key has three bytes or more");
        self.keys.push((text, key, *head));
        *head = u8::try_from(self.keys.len()).expect("there are fewer than 256 keys");
    }

    /// Asks about every key that begins at a place of the text.
    #[inline(never)]
    fn keys_at(&self, text: &[u8], at: usize, mut head: u8, read: &mut Read, met: &mut dyn FnMut(Met)) {
        let rest = text.get(at..).unwrap_or_default();
        while let Some((key, whose, next)) =
            usize::from(head).checked_sub(1).and_then(|head| self.keys.get(head))
        {
            if rest.starts_with(key) {
                ask(text, *whose, at..at + key.len(), read, met);
            }
            head = *next;
        }
    }
}

const fn window([first, second, third]: [u8; 3]) -> u32 {
    u32::from_le_bytes([first, second, third, 0])
}

/// The highest 13 bits of a product: each of the lowest three bytes counts, and the fourth does not.
#[allow(clippy::as_conversions, reason = "13 bits fit in any usize")]
const fn place(window: u32) -> usize {
    ((window << 8).wrapping_mul(0x9e37_79b1) >> 19) as usize
}

/// Says what a text holds, from its start on.
pub(super) fn all(text: &[u8], met: &mut dyn FnMut(Met)) {
    let finder = &*FINDER;
    let mut read = Read::default();
    let heads = finder.heads.as_ref();
    let mut look = |at: usize, window: u32| {
        let head = heads.get(place(window)).copied().unwrap_or_default();
        if head != 0 {
            finder.keys_at(text, at, head, &mut read, met);
        }
    };
    // Four bytes are read at once, and the last three by themselves.
    for (at, four) in text.array_windows().enumerate() {
        look(at, u32::from_le_bytes(*four));
    }
    if let Some(three) = text.last_chunk() {
        look(text.len() - three.len(), window(*three));
    }
}

/// Returns the rule that knows the text as a token from its first byte to its last.
pub(super) fn whole(text: &[u8]) -> Option<&'static str> {
    let finder = &*FINDER;
    let mut head = finder.heads.get(place(window(*text.first_chunk()?))).copied().unwrap_or_default();
    while let Some((key, whose, next)) = usize::from(head).checked_sub(1).and_then(|at| finder.keys.get(at)) {
        if let Key::Token(rule, shape) = whose
            && text.starts_with(key)
            && shape.token_at(text, 0) == Some(0..text.len())
            && rule.proof.holds(text)
        {
            return Some(rule.id);
        }
        head = *next;
    }
    None
}

/// How far the text was read already, for what begins many times in itself, `https://a?b=https://a?b=` and `token=token=`: what
/// is inside has no end of its own, and would be read as many times.
#[derive(Default)]
struct Read {
    /// Where the last URL ends whose query was read.
    url: usize,
    /// Where the last value ends that a name was given.
    value: usize,
}

fn ask(text: &[u8], key: Key, at: Range<usize>, read: &mut Read, met: &mut dyn FnMut(Met)) {
    match key {
        Key::Token(rule, shape) => {
            if let Some(found) = shape.token_at(text, at.start) {
                let proven = text.get(found.clone()).is_some_and(|token| rule.proof.holds(token));
                if proven {
                    met(Met::Secret(rule.id, found));
                } else if matches!(rule.proof, super::checksum::Proof::Crc32Base62 { .. }) {
                    met(Met::Unproven(rule.id, found));
                }
            } else if rule.id == AWS_SECRET_RULE && at.end == text.len() {
                met(Met::AwsName);
            }
        }
        Key::Pem => {
            if let Some(found) = pem::private_key_at(text, at.start) {
                met(Met::Secret(PRIVATE_KEY, found));
            }
        }
        Key::Url => {
            if let Some(found) = url::userinfo(text, at.end) {
                met(Met::Secret(URL_PASSWORD, found));
            }
            if at.end > read.url {
                read.url = url::query(text, at.end, &mut |found| met(Met::Secret(URL_TOKEN, found)));
            }
        }
        Key::Name => {
            let value = if at.end > read.value { name::assigned(text, at.end) } else { None };
            read.value = value.as_ref().map_or(read.value, |value| value.end);
            met(Met::Name(value));
        }
    }
}
