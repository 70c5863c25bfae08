//! Private keys in PEM (RFC 7468), of OpenSSH and of PGP.

use std::ops::Range;

/// What a key in PEM is found by.
pub(super) const KEY: &str = "-----BEGIN ";

/// The longest label, such as `ENCRYPTED SIGSTORE PRIVATE KEY`.
const LABEL_MAX: usize = 40;

/// A key has a line this long: text about keys has no such word.
const LINE: usize = 40;

/// Within this many bytes behind the label: there may be headers before the first line.
const HEADERS_MAX: usize = 400;

/// Returns where the key is whose first dash is at `at`: up to the next dashes, or the end of the text.
pub(super) fn private_key_at(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text.get(at + KEY.len()..)?;
    let label = rest.iter().take(LABEL_MAX).take_while(|byte| byte.is_ascii_uppercase() || **byte == b' ');
    let (label, body) = rest.split_at_checked(label.count())?;
    let label = label.strip_suffix(b" BLOCK").unwrap_or(label);
    if !label.ends_with(b"PRIVATE KEY") {
        return None;
    }
    let body = body.strip_prefix(b"-----")?;
    let head = body.get(..HEADERS_MAX).unwrap_or(body);
    let line = |word: &[u8]| word.len() >= LINE;
    if !head.split(|byte| !super::shape::Class::Base64.holds(*byte)).any(line) {
        return None;
    }
    let end = body.windows(5).position(|five| five == b"-----").unwrap_or(body.len());
    Some(at..text.len() - body.len() + end)
}
