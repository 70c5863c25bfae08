//! What stands where a secret would: a variable, a mask, a word of a manual.

/// Words that manuals and redacting tools put in the place of a secret.
const WORDS: [&str; 22] = [
    "changeme",
    "credentials",
    "hidden",
    "masked",
    "my-password",
    "my-token",
    "mypassword",
    "mytoken",
    "none",
    "null",
    "pass",
    "passwd",
    "password",
    "private-token",
    "pw",
    "pwd",
    "redacted",
    "removed",
    "secret",
    "token",
    "your-token",
    "your_token",
];

/// Whether the value names a secret, or hides one, and is none.
pub(super) fn is(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let variable =
        matches!(first, b'$' | b'{' | b'<' | b'[' | b'(') || value.starts_with(b"%(") || value == b"%s";
    let mask = value.iter().all(|byte| byte == first)
        || value
            .windows(3)
            .any(|three| three == b"***" || three == b"..." || three == b"xxx" || three == b"XXX");
    let variable_inside = value.windows(2).any(|two| two == b"${" || two == b"{{" || two == b"$(");
    variable
        || variable_inside
        || mask
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}
