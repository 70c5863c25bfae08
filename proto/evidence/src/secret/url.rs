//! Secrets in URLs: a password before the host, a token or signature in the query.

use std::ops::Range;

use super::placeholder;

/// The longest part before the host that is looked at.
const USERINFO_MAX: usize = 512;

/// What is looked for in a query, by the name in lower case, and the shortest value that counts.
const PARAMETERS: [(&str, Value); 22] = [
    ("access_token", Value::Token),
    ("api-key", Value::Token),
    ("api_key", Value::Token),
    ("apikey", Value::Token),
    ("auth_token", Value::Token),
    ("client_secret", Value::Password),
    ("id_token", Value::Token),
    ("job_token", Value::Token),
    ("jwt", Value::Token),
    ("passwd", Value::Password),
    ("password", Value::Password),
    ("personal_access_token", Value::Token),
    ("private_token", Value::Token),
    ("pwd", Value::Token),
    ("refresh_token", Value::Token),
    ("secret", Value::Token),
    ("sig", Value::Signature),
    ("signature", Value::Signature),
    ("token", Value::Token),
    ("x-amz-security-token", Value::Signature),
    ("x-amz-signature", Value::Signature),
    ("x-goog-signature", Value::Signature),
];

/// What a parameter holds.
#[derive(Clone, Copy)]
enum Value {
    /// Anything of 4 bytes or more.
    Password,
    /// Letters and digits, of 12 bytes or more.
    Token,
    /// 27 bytes or more: HMAC-SHA-1 in base64.
    Signature,
}

impl Value {
    fn fits(self, value: &[u8]) -> bool {
        let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
        let long_enough = match self {
            Self::Password => value.len() >= 4,
            Self::Token => value.len() >= 12 && mixed,
            Self::Signature => value.len() >= 27 && mixed,
        };
        long_enough && !placeholder::is(value)
    }
}

/// Returns user and password of the URL whose `://` ends at `from`.
pub(super) fn userinfo(text: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let authority = rest.iter().take(USERINFO_MAX).take_while(|byte| !ends_authority(**byte)).count();
    let authority = rest.get(..authority)?;
    // A password may hold an `@` that somebody forgot to encode.
    let end = authority.iter().rposition(|byte| *byte == b'@')?;
    let (user_and_password, host) = authority.split_at_checked(end)?;
    let colon = user_and_password.iter().position(|byte| *byte == b':')?;
    let password = user_and_password.get(colon + 1..)?;
    // `registry:5000@sha256:...` is a port and a digest.
    let digest = host.starts_with(b"@sha256:") || host.starts_with(b"@sha512:");
    let is_host = host.get(1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[');
    (is_host && !digest && !placeholder::is(password)).then_some(from..from + end)
}

/// Hands on the value of every parameter that holds a token, and returns where the URL ends.
pub(super) fn query(text: &[u8], from: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let end = from + rest.iter().position(|byte| ends_url(*byte)).unwrap_or(rest.len());
    let mut at = from;
    while let Some(url) = text.get(at..end).filter(|url| !url.is_empty()) {
        let parameter = url.iter().position(|byte| separates(*byte)).unwrap_or(url.len());
        let (parameter, next) = (url.get(..parameter).unwrap_or_default(), at + parameter + 1);
        if at > from
            && let Some(equals) = parameter.iter().position(|byte| *byte == b'=')
        {
            let (name, value) = parameter.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            if fits(name, value) {
                found(at + equals + 1..at + equals + 1 + value.len());
            }
        }
        at = next;
    }
    end
}

fn fits(name: &[u8], value: &[u8]) -> bool {
    let known = PARAMETERS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    known.is_some_and(|(_, kind)| kind.fits(value))
}

const fn separates(byte: u8) -> bool {
    matches!(byte, b'?' | b'&' | b'#' | b';')
}

const fn ends_authority(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#') || ends_url(byte)
}

const fn ends_url(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'|' | b'^' | b')' | b',')
}
