//! Cuts text into words, without knowing its language: enough to swap the values of a JSON document or the fields of a
//! line.

use std::ops::Range;

/// How many are told apart; what follows is one last token.
const TOKENS_MAX: usize = 4096;

/// Returns where the tokens are: a quoted text, a run of letters and digits, white space, or one other byte. They cover
/// the bytes without gaps.
#[must_use]
pub fn tokens(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = if found.len() + 1 == TOKENS_MAX { bytes.len() - at } else { first(&bytes[at..]) };
        found.push(at..at + length);
        at += length;
    }
    found
}

/// The length of the first token; at least 1.
fn first(bytes: &[u8]) -> usize {
    let run = |belongs: fn(u8) -> bool| bytes.iter().take_while(|byte| belongs(**byte)).count();
    match bytes[0] {
        b'"' => quoted(bytes),
        byte if is_word(byte) => run(is_word),
        byte if byte.is_ascii_whitespace() => run(|byte| byte.is_ascii_whitespace()),
        _ => 1,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'_' | b'-')
}

/// A quoted text with its quotes; without an end it goes to the last byte.
fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cover_the_bytes() {
        let text = br#"{"a\"b": [-1.5e9,  true]}"#;
        let words: Vec<&str> =
            tokens(text).into_iter().map(|range| std::str::from_utf8(&text[range]).unwrap()).collect();
        assert_eq!(words, ["{", r#""a\"b""#, ":", " ", "[", "-1.5e9", ",", "  ", "true", "]", "}"]);
        assert_eq!(tokens(br#""open\"#).first(), Some(&(0..6)));
        assert_eq!(tokens(&[b'{'; 10_000]).last(), Some(&(TOKENS_MAX - 1..10_000)));
    }
}
