//! Values that only their name, and how random they look, make suspect. They are never refused: digests, ids and certificates
//! look as random as secrets, so that most such findings are none.

use std::ops::Range;

use super::placeholder;

/// Parts of names of variables and members that hold secrets, in lower case.
pub(super) const WORDS: [&str; 15] = [
    "accesskey",
    "access_key",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "private_key",
    "secret",
    "sshkey",
    "token",
];

/// The shortest value that is suspect, in bytes: shorter ones have no entropy to tell.
const SHORTEST: usize = 12;

/// The longest: a document is not a secret, though one may be in it.
const LONGEST: usize = 512;

/// How random a value must look: 3.5 bits a byte. Words of a language have below 3, 20 random letters and digits above 3.7.
const ENTROPY: f64 = 3.5;

/// Returns a word as names are written: `apikey`, `Apikey`, `APIKEY`, and `apiKey`, `ApiKey`.
pub(super) fn spellings(word: &str) -> Vec<String> {
    let capital = |text: &str| {
        let mut text = text.to_owned();
        if let Some(letter) = text.get_mut(..1) {
            letter.make_ascii_uppercase();
        }
        text
    };
    let mut spellings = vec![word.to_owned(), capital(word), word.to_ascii_uppercase()];
    if let Some(before) =
        word.strip_suffix("key").filter(|before| before.ends_with(|end: char| end.is_ascii_alphabetic()))
    {
        spellings.extend([format!("{before}Key"), format!("{}Key", capital(before))]);
    }
    spellings
}

/// Whether the value of a member with such a name may be a secret.
pub(super) fn suspect(value: &[u8]) -> bool {
    (SHORTEST..=LONGEST).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'<' | b'{' | b'$'))
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !placeholder::is(value)
        && entropy(value) >= ENTROPY
}

/// Returns where the value stands that text gives to the name of which a part ends before `at`: what follows `=`, up to a space.
pub(super) fn assigned(text: &[u8], at: usize) -> Option<Range<usize>> {
    /// The longest rest of a name behind the word: `TOKEN_FOR_STAGING=`.
    const REST: usize = 40;
    let rest = text.get(at..)?;
    let name =
        rest.iter().take(REST).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let equals = name.count();
    let value = rest.get(equals..)?.strip_prefix(b"=")?;
    let length = value
        .iter()
        .take(LONGEST + 1)
        .take_while(|byte| !matches!(byte, b' ' | b'\n' | b'"' | b'\'' | b'&' | b',' | b';'))
        .count();
    let start = at + equals + 1;
    Some(start..start + length)
}

/// Returns the entropy of the bytes' frequencies, in bits a byte.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let length: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let of = |count: &u16| {
        let share = f64::from(*count) / length;
        share * share.log2()
    };
    0.0 - counts.iter().filter(|count| **count > 0).map(of).sum::<f64>()
}
