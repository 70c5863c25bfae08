//! Changes bytes in ways that decoders do not expect: bits and lengths, but also tokens, lines and nesting, since most
//! decoders here stop at the first byte that is not JSON.

#![allow(clippy::ptr_arg, reason = "every change has one type, whether it changes the length or not")]

use crate::random::Random;
use crate::tokens::tokens;

/// What changes are made of.
#[derive(Debug, Clone, Copy)]
pub struct Mutator<'a> {
    /// Inputs to take parts from.
    pub pool: &'a [Vec<u8>],
    /// Texts that the format knows.
    pub words: &'a [&'a str],
    /// The longest result, in bytes.
    pub max: usize,
}

type Change = fn(&Mutator<'_>, &mut Vec<u8>, &mut Random);

const CHANGES: [Change; 17] = [
    flip_bit,
    set_byte,
    insert,
    delete,
    repeat,
    cross,
    splice,
    swap_tokens,
    replace_token,
    alike,
    alike,
    letters,
    element,
    lines,
    number,
    length,
    nest,
];

/// Numbers at the borders of types and limits.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "65536",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "-0.0",
];

impl Mutator<'_> {
    /// Returns the input with one change, and half the time with one to five more.
    #[must_use]
    pub fn mutate(&self, input: &[u8], random: &mut Random) -> Vec<u8> {
        let mut bytes = input.to_vec();
        let more = if random.below(2) == 0 { 0 } else { 1 + random.below(5) };
        for _ in 0..=more {
            let change = CHANGES[random.below(CHANGES.len())];
            change(self, &mut bytes, random);
            bytes.truncate(self.max);
        }
        bytes
    }
}

fn flip_bit(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn set_byte(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let value = *random.pick(b"\x00\x01\x7f\x80\xff\n\r\t \"\\{}[]:,+-=/@%#0a\xc3\xed\xf0").unwrap_or(&0);
    let at = random.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn insert(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let new = match random.pick(mutator.words) {
        Some(word) if random.below(4) > 0 => word.as_bytes().to_vec(),
        _ => random.number().to_be_bytes()[..=random.below(8).min(7)].to_vec(),
    };
    bytes.splice(at..at, new);
}

fn delete(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    bytes.drain(random.range(bytes.len()));
}

/// Writes a part again, sometimes very often: work that grows faster than the input shows up here.
fn repeat(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let range = random.range(bytes.len());
    let part = bytes[range.clone()].to_vec();
    let most = mutator.max.saturating_sub(bytes.len()) / part.len().max(1);
    let times = [1, 2, 16, most][random.below(4)].min(most);
    bytes.splice(range.end..range.end, part.repeat(times));
}

/// Puts a part of another input over a part of this one.
fn cross(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let Some(other) = random.pick(mutator.pool) else { return };
    let from = random.range(other.len());
    bytes.splice(random.range(bytes.len()), other[from].to_vec());
}

/// The start of this input and the end of another.
fn splice(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let Some(other) = random.pick(mutator.pool) else { return };
    bytes.truncate(random.below(bytes.len() + 1));
    bytes.extend(&other[random.below(other.len() + 1)..]);
}

fn swap_tokens(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let tokens = tokens(bytes);
    let (Some(one), Some(two)) = (random.pick(&tokens), random.pick(&tokens)) else { return };
    let (first, second) = if one.start <= two.start { (one, two) } else { (two, one) };
    let (left, right) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
    if first != second {
        bytes.splice(second.clone(), left);
        bytes.splice(first.clone(), right);
    }
}

/// Puts a token of this or another input, a word or a literal in place of a token.
fn replace_token(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let of = |bytes: &[u8], random: &mut Random| {
        random.pick(&tokens(bytes)).map(|range| bytes[range.clone()].to_vec()).unwrap_or_default()
    };
    let new = match random.below(4) {
        0 => of(bytes, random),
        1 => random.pick(mutator.pool).cloned().map(|other| of(&other, random)).unwrap_or_default(),
        2 => random.pick(mutator.words).map(|word| word.as_bytes().to_vec()).unwrap_or_default(),
        _ => random.pick(&["null", "true", "{}", "[]", "\"\"", "1", ""]).map_or("", |text| text).into(),
    };
    if let Some(old) = random.pick(&tokens(bytes)) {
        bytes.splice(old.clone(), new);
    }
}

/// Puts another token of the same look in place of one: what has the shape of the format mostly keeps it.
fn alike(mutator: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let look = |byte: u8| if byte.is_ascii_alphanumeric() { b'a' } else { byte };
    let tokens_here = tokens(bytes);
    let Some(old) = random.pick(&tokens_here).cloned() else { return };
    let other = if random.below(3) == 0 { random.pick(mutator.pool).cloned() } else { None };
    let from = other.unwrap_or_else(|| bytes.clone());
    let mut fitting = tokens(&from);
    fitting.retain(|token| look(from[token.start]) == look(bytes[old.start]));
    if let Some(token) = random.pick(&fitting) {
        bytes.splice(old, from[token.clone()].to_vec());
    }
}

/// Makes a word or quoted text longer, shorter or different without leaving it.
fn letters(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let mut tokens = tokens(bytes);
    tokens.retain(|token| token.len() > 2);
    let Some(token) = random.pick(&tokens) else { return };
    let at = token.start + 1 + random.below(token.len() - 2);
    let new: &[u8] = random
        .pick(&[&b"a"[..], b"7", b"F", b".", b"-", b"/", b":", b"@", b" ", "\u{e9}".as_bytes()])
        .unwrap_or(&&b"a"[..]);
    match random.below(3) {
        0 => drop(bytes.splice(at..at, new.repeat([1, 1, 80, 600][random.below(4)]))),
        1 => drop(bytes.splice(at..=at, new.iter().copied())),
        _ => drop(bytes.remove(at)),
    }
}

/// Leaves out, or writes twice, what stands between a comma and the end of its element.
fn element(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let tokens = tokens(bytes);
    let is = |at: usize, marks: &[u8]| tokens[at].len() == 1 && marks.contains(&bytes[tokens[at].start]);
    let commas: Vec<usize> = (0..tokens.len()).filter(|at| is(*at, b",")).collect();
    let Some(&comma) = random.pick(&commas) else { return };
    let mut depth = 0_i32;
    let end = (comma + 1..tokens.len()).find(|at| {
        depth += i32::from(is(*at, b"{["));
        let closes = is(*at, b"}]");
        let ends = depth == 0 && (closes || is(*at, b","));
        depth -= i32::from(closes);
        ends
    });
    let range = tokens[comma].start..end.map_or(bytes.len(), |end| tokens[end].start);
    let part = bytes[range.clone()].to_vec();
    match random.below(2) {
        0 => drop(bytes.drain(range)),
        _ => drop(bytes.splice(range.start..range.start, part)),
    }
}

/// Swaps two lines, or writes one twice, or leaves one out.
fn lines(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let (one, two) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(3) {
        0 => lines.swap(one, two),
        1 => lines.insert(two, lines[one].clone()),
        _ => drop(lines.remove(one)),
    }
    *bytes = lines.concat();
}

/// Puts another number in place of one that is written in digits.
fn number(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let mut tokens = tokens(bytes);
    tokens.retain(|range| bytes[range.clone()].iter().all(u8::is_ascii_digit));
    if let (Some(range), Some(number)) = (random.pick(&tokens), random.pick(&NUMBERS)) {
        bytes.splice(range.clone(), number.bytes());
    }
}

/// Changes what may be a length or count in binary.
fn length(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let width = [1, 2, 4, 8][random.below(4)];
    let at = random.below(bytes.len());
    let Some(field) = bytes.get_mut(at..at + width) else { return };
    let old = field.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let new = match random.below(6) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => old.wrapping_mul(2),
        3 => u64::MAX >> random.below(64),
        4 => 1 << random.below(64),
        _ => 0,
    };
    field.copy_from_slice(&new.to_be_bytes()[8 - width..]);
}

/// Puts brackets around a part, sometimes deeper than any limit.
fn nest(_: &Mutator<'_>, bytes: &mut Vec<u8>, random: &mut Random) {
    let (open, close) = *random.pick(&[("[", "]"), ("{\"a\":", "}")]).unwrap_or(&("[", "]"));
    let depth = [1, 2, 62, 65, 200][random.below(5)];
    let range = match random.pick(&tokens(bytes)) {
        Some(token) => token.clone(),
        None => 0..0,
    };
    let nested =
        [open.repeat(depth).as_bytes(), &bytes[range.clone()], close.repeat(depth).as_bytes()].concat();
    bytes.splice(range, nested);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_result_is_longer_than_allowed_and_every_change_takes_any_bytes() {
        let pool = [Vec::new(), b"{\"a\": [1, 2]}\nline\n".to_vec(), vec![0xff; 300]];
        let mutator = Mutator { pool: &pool, words: &["word"], max: 200 };
        let mut random = Random::new(1);
        for change in CHANGES {
            for input in &pool {
                for _ in 0..200 {
                    change(&mutator, &mut input.clone(), &mut random);
                }
            }
        }
        assert!((0..5000).all(|_| mutator.mutate(&pool[1], &mut random).len() <= 200));
    }
}
