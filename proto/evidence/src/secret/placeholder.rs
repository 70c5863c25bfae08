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
    let mask = value.iter().all(|byte| byte == first) || is_masked(value);
    let variable_inside = value.windows(2).any(|two| two == b"${" || two == b"{{" || two == b"$(");
    variable
        || variable_inside
        || mask
        || WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// How much may be left beside stars or dots: the first and the last four characters, as tools show them.
const SHOWN_MAX: usize = 8;

/// Whether a mask stands in the value: three or more stars, dots or x in a row, which make half of it or more; of stars and dots
/// less is enough where little is left to be seen. Three x alone are in many a random value.
fn is_masked(value: &[u8]) -> bool {
    let runs = || value.chunk_by(|one, next| one == next).filter(|run| run.len() >= 3);
    let masked = |of: &[u8]| -> usize {
        runs().filter(|run| run.first().is_some_and(|byte| of.contains(byte))).map(<[u8]>::len).sum()
    };
    let (cut, all) = (masked(b"*."), masked(b"*.xX"));
    all > 0 && all * 2 >= value.len() || cut > 0 && value.len() - cut <= SHOWN_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_hides_most_of_a_value() {
        for mask in [
            "***",
            "*****",
            "xxxxxxxx",
            "XXXX",
            "...",
            "abcd...wxyz",
            "gh****yz",
            "xxx-xxx-xxxx",
            "sk_xxxxxxxxxxxxxxxxxxxx",
        ] {
            assert!(is(mask.as_bytes()), "{mask}");
        }
    }

    #[test]
    fn what_only_holds_something_like_a_mask_is_a_value() {
        for value in [
            "hunter2xxx!",
            "aXXXb7Kq2Lp9",
            "q8xxxWk29dLmZ",
            "Zk3xxx9pQ2...f7Tq",
            "correct...horse...battery",
            "Pa55***word-of-somebody",
            "xx7xx9",
        ] {
            assert!(!is(value.as_bytes()), "{value}");
        }
    }
}
