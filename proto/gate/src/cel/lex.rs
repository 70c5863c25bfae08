//! Words of an expression.

use super::check::CelError;

/// A word, and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// In bytes, from 0.
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Double(f64),
    /// Up to 2^63, for the one number that is written with a `-`.
    Int(u64),
    Name(String),
    /// An operator or bracket.
    Sign(&'static str),
    Text(String),
    Uint(u64),
}

/// The longest first, so that `<=` is not `<`.
const SIGNS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "+", "-", "*", "/", "%", ".", ",", "(", ")",
    "[", "]", "{", "}", ";",
];

/// Names that the language keeps for itself (CEL's RESERVED).
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "__result__",
];

pub(super) fn lex(text: &str) -> Result<Vec<Token>, CelError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = next(rest, at)?;
        tokens.extend(kind.map(|kind| Token { kind, at }));
        at += length;
    }
    Ok(tokens)
}

/// Returns the next word, if it is one and no white space or comment, and its length.
fn next(rest: &str, at: usize) -> Result<(Option<Kind>, usize), CelError> {
    let first = rest.chars().next().unwrap_or_default();
    if first.is_ascii_whitespace() {
        return Ok((None, 1));
    }
    if rest.starts_with("//") {
        return Ok((None, rest.find('\n').unwrap_or(rest.len())));
    }
    if first.is_ascii_digit() || first == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
        return number(rest, at).map(|(kind, length)| (Some(kind), length));
    }
    let (raw, body) = match rest.strip_prefix(['r', 'R']) {
        Some(body) if body.starts_with(['"', '\'']) => (true, body),
        _ => (false, rest),
    };
    if body.starts_with(['"', '\'']) {
        let (text, length) = string(body, raw, at)?;
        return Ok((Some(Kind::Text(text)), length + usize::from(raw)));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if RESERVED.contains(&name) || rest.get(end..).is_some_and(|after| after.starts_with(['"', '\''])) {
            return Err(CelError::Unexpected { at, expected: "an expression", found: name.to_owned() });
        }
        return Ok((Some(Kind::Name(name.to_owned())), end));
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
    let sign =
        sign.ok_or_else(|| CelError::Unexpected { at, expected: "an expression", found: first.to_string() })?;
    Ok((Some(Kind::Sign(sign)), sign.len()))
}

fn number(rest: &str, at: usize) -> Result<(Kind, usize), CelError> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let malformed = || CelError::Number { at };
    let (value, end) = if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        let value =
            u64::from_str_radix(hex.get(..length).unwrap_or_default(), 16).map_err(|_| malformed())?;
        (Kind::Int(value), 2 + length)
    } else {
        let mut end = digits(rest);
        let tail = |end: usize| rest.get(end..).unwrap_or_default();
        let mut double = false;
        if let Some(fraction) = tail(end).strip_prefix('.').filter(|fraction| digits(fraction) > 0) {
            (double, end) = (true, end + 1 + digits(fraction));
        }
        if let Some(exponent) = tail(end).strip_prefix(['e', 'E']) {
            let signed = usize::from(exponent.starts_with(['+', '-']));
            let length = digits(exponent.get(signed..).unwrap_or_default());
            (double, end) = (true, end + 1 + signed + length);
            (length > 0).then_some(()).ok_or_else(malformed)?;
        }
        let text = rest.get(..end).unwrap_or_default();
        let value = if double {
            Kind::Double(text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(malformed)?)
        } else {
            Kind::Int(text.parse().map_err(|_| malformed())?)
        };
        (value, end)
    };
    let tail = rest.get(end..).unwrap_or_default();
    let (value, end) = match value {
        Kind::Int(value) if tail.starts_with(['u', 'U']) => (Kind::Uint(value), end + 1),
        value => (value, end),
    };
    // `1.foo` and `1abc` are neither a number nor anything else.
    let glued = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if rest.get(end..).is_some_and(|after| after.starts_with(glued)) {
        Err(malformed())
    } else {
        Ok((value, end))
    }
}

/// Reads a string that starts with its quote; returns it with its length. There are no strings in three quotes.
fn string(body: &str, raw: bool, at: usize) -> Result<(String, usize), CelError> {
    let mut letters = body.char_indices();
    let quote = letters.next().map(|(_, quote)| quote);
    let mut text = String::new();
    while let Some((place, letter)) = letters.next() {
        match letter {
            _ if Some(letter) == quote => return Ok((text, place + 1)),
            '\n' | '\r' => break,
            '\\' if !raw => text.push(escape(&mut letters).ok_or(CelError::Escape { at: at + place })?),
            _ => text.push(letter),
        }
    }
    Err(CelError::OpenString { at })
}

fn escape(letters: &mut std::str::CharIndices<'_>) -> Option<char> {
    let (_, letter) = letters.next()?;
    let mut code = |digits: usize, radix: u32, first: Option<char>| {
        let text: String = first.into_iter().chain(letters.by_ref().take(digits).map(|(_, c)| c)).collect();
        let plain =
            text.chars().all(|c| c.is_digit(radix)) && text.len() == digits + usize::from(first.is_some());
        plain.then(|| u32::from_str_radix(&text, radix).ok().and_then(char::from_u32)).flatten()
    };
    match letter {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' | '?' | '"' | '\'' | '`' => Some(letter),
        'x' | 'X' => code(2, 16, None),
        'u' => code(4, 16, None),
        'U' => code(8, 16, None),
        '0'..='3' => code(2, 8, Some(letter)),
        _ => None,
    }
}
