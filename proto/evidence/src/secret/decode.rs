//! Text inside text: base64 (both alphabets) and hex, in lines too, percent encodings, escapes of JSON.
//!
//! A text is looked at in pieces of [`PIECE`] bytes that overlap by [`OVERLAP`], so that a large document in base64 takes no memory.

mod escapes;
mod lines;

use memchr::{memchr, memchr_iter, memchr3_iter};

/// The fewest characters that are decoded: 24, 18 bytes in base64. The shortest token has 20 bytes.
pub(super) const SHORTEST: usize = 24;

/// How much is decoded at once, in characters: a multiple of 4.
const PIECE: usize = 64 * 1024;

/// How much of a piece is decoded again with the next one: 4 KiB of characters, 3 KiB in base64. What identifies a token of any
/// rule is shorter.
const OVERLAP: usize = 4 * 1024;

/// Whether the text may hold something that is encoded, but for escapes of JSON: most do not, and are not read again.
pub(super) fn may_hold(text: &[u8]) -> bool {
    text.len() >= SHORTEST && (memchr(b'%', text).is_some() || next_run(text, 0).is_some())
}

/// Decodes all that the text holds, and gives each result to `found`. It ends early when that returns false.
pub(super) fn all(text: &[u8], found: &mut dyn FnMut(&[u8]) -> bool) {
    if text.len() < SHORTEST {
        return;
    }
    if memchr(b'%', text).is_some() && !escapes::percent(text, found) {
        return;
    }
    if memchr(b'\\', text).is_some() && !escapes::json(text, found) {
        return;
    }
    let mut at = 0;
    while let Some(rest) = next_run(text, at).and_then(|start| text.get(start..)) {
        let line = rest.get(..run(rest)).unwrap_or_default();
        let (read, goes_on) = match lines::Lines::starting(rest, line) {
            Some(lines) => (lines.end(), lines.decoded(found)),
            None => (line.len(), one_run(line, found)),
        };
        if !goes_on {
            return;
        }
        at = text.len() - rest.len() + read + 1;
    }
}

/// Returns where the next run of [`SHORTEST`] bytes or more starts, from `at` on, where none goes on.
///
/// As many bytes are looked at from their end: a run begins behind the last one that stands in none, so that of text most bytes are
/// passed over.
fn next_run(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at..at + SHORTEST)?.iter().rposition(|byte| !encoded(*byte)) {
            Some(outside) => at += outside + 1,
            None => return Some(at),
        }
    }
}

/// Returns how many bytes may stand in base64 or hex, from the start on.
fn run(text: &[u8]) -> usize {
    // Most are counted by eights, with one question for all.
    let (eights, _) = text.as_chunks::<8>();
    let all = |eight: &[u8; 8]| eight.iter().fold(0, |values, byte| values | value(*byte)) < NONE;
    let counted = eights.iter().take_while(|eight| all(eight)).count() * 8;
    let rest = text.get(counted..).unwrap_or_default();
    counted + rest.iter().take_while(|byte| encoded(**byte)).count()
}

/// Whether the byte may stand in base64, of either alphabet, or in hex; padding ends a run.
pub(super) fn encoded(byte: u8) -> bool {
    value(byte) < NONE
}

fn one_run(run: &[u8], found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    if run.iter().all(u8::is_ascii_hexdigit) {
        return !may_be_text_in_hex(run) || pieces(run, |piece| readable(&hex_bytes(piece), found));
    }
    // Base64 may start right behind a character that is of its alphabet too, as in `/v1/<base64>`.
    let mut phases = [true, false, false, false];
    let before = run.get(..run.len().saturating_sub(SHORTEST)).unwrap_or_default();
    for at in memchr3_iter(b'+', b'/', b'-', before).chain(memchr_iter(b'_', before)) {
        if let Some(phase) = phases.get_mut((at + 1) % 4) {
            *phase = true;
        }
        if phases == [true; 4] {
            break;
        }
    }
    phases.iter().enumerate().filter(|(_, there)| **there).all(|(phase, _)| {
        let text = run.get(phase..).unwrap_or_default();
        !may_be_text(text) || pieces(text, |piece| readable(&base64_bytes(piece), found))
    })
}

/// Whether base64 may stand for [`READABLE`] bytes of text, in UTF-16 or not: these have at least three whole groups of three in a row,
/// whose first bytes are of ASCII, so that the first of their four characters is of the first half of the alphabet. To look at every fourth
/// character is cheaper than to decode what is a digest.
fn may_be_text(text: &[u8]) -> bool {
    const GROUPS: usize = (READABLE - 1) / 3;
    let mut row = 0;
    text.iter().step_by(4).any(|first| {
        row = if sextet(*first) < 32 { row + 1 } else { 0 };
        row == GROUPS
    })
}

/// The same of hex: the first digits of [`READABLE`] bytes in a row say that each is of ASCII, or a zero of UTF-16. Digests are told apart so
/// without decoding them.
fn may_be_text_in_hex(text: &[u8]) -> bool {
    let mut row = 0;
    text.iter().step_by(2).any(|first| {
        row = if matches!(first, b'0' | b'2'..=b'7') { row + 1 } else { 0 };
        row == READABLE
    })
}

/// The fewest readable bytes in a row that are looked at: every token has more, of random bytes one in 100,000 such rows.
const READABLE: usize = 12;

/// Hands on what holds text; what was a digest or an image is left out. Of text in UTF-16, every other byte of which is zero
/// (`powershell -EncodedCommand`), the other bytes.
fn readable(bytes: &[u8], found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    if has_text(bytes) {
        return found(bytes);
    }
    let zeros = memchr_iter(0, bytes).count();
    if bytes.len() - zeros > bytes.len() / 4 * 3 {
        return true;
    }
    let narrow: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    !has_text(&narrow) || found(&narrow)
}

fn has_text(bytes: &[u8]) -> bool {
    let mut row = 0;
    bytes.iter().any(|byte| {
        row = if matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t') { row + 1 } else { 0 };
        row == READABLE
    })
}

/// Hands on a long text in pieces that overlap. Returns false if it was ended early.
fn pieces(text: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if !take(rest.get(..PIECE).unwrap_or(rest)) {
            return false;
        }
        if rest.len() <= PIECE {
            return true;
        }
        at += PIECE - OVERLAP;
    }
    true
}

fn hex_bytes(text: &[u8]) -> Vec<u8> {
    let byte = |pair: &[u8]| match pair {
        [high, low] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
        _ => None,
    };
    text.chunks(2).filter_map(byte).collect()
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Decodes characters of either alphabet; one or none of the last four stand for no whole byte, and are left.
fn base64_bytes(text: &[u8]) -> Vec<u8> {
    let three = |four: &[u8]| {
        let bits = four.iter().fold(0_u32, |bits, byte| bits << 6 | sextet(*byte));
        let [_, first, second, third] = (bits << (6 * (4 - four.len()))).to_be_bytes();
        [first, second, third]
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (whole, rest) = text.as_chunks::<4>();
    bytes.extend(whole.iter().flat_map(|four| three(four)));
    bytes.extend(three(rest).into_iter().take(rest.len().saturating_sub(1)));
    bytes
}

/// The value of each character of base64; [`NONE`] of others.
const SEXTETS: [u8; 256] = sextets();

/// Above every value.
const NONE: u8 = 64;

const fn sextets() -> [u8; 256] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut value = 0;
    #[allow(
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "made when this is compiled, where it would fail"
    )]
    while value < 64 {
        table[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    #[allow(
        clippy::as_conversions,
        clippy::indexing_slicing,
        reason = "made when this is compiled, where it would fail"
    )]
    {
        table[b'-' as usize] = 62;
        table[b'_' as usize] = 63;
    }
    table
}

fn value(byte: u8) -> u8 {
    SEXTETS.get(usize::from(byte)).copied().unwrap_or_default()
}

fn sextet(byte: u8) -> u32 {
    u32::from(value(byte))
}
