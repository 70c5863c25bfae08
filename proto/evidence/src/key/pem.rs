//! PEM of public things, read as leniently as RFC 7468 section 3 advises: lines of any length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns label and bytes of the one block that the text is, but for white space around it; none if it is none.
pub(crate) fn block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.trim_ascii().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    if !body.starts_with(['\r', '\n']) || label.contains(['\r', '\n']) {
        return None;
    }
    let base64: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Some((label, STANDARD.decode(base64).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_any_length_and_one_block_only() {
        for text in [
            "-----BEGIN A B-----\nAQID\n-----END A B-----\n",
            "-----BEGIN A B-----\r\nAQ\r\nID\r\n-----END A B-----",
            "\n-----BEGIN A B-----\nAQID-----END A B-----",
        ] {
            assert_eq!(block(text), Some(("A B", vec![1, 2, 3])), "{text:?}");
        }
        for text in [
            "",
            "-----BEGIN A-----AQID-----END A-----",
            "-----BEGIN A-----\nAQID\n-----END B-----",
            "-----BEGIN A-----\nAQI\n-----END A-----",
            "-----BEGIN A-----\nAQID\n-----END A-----\n-----BEGIN A-----\nAQID\n-----END A-----",
            "x\n-----BEGIN A-----\nAQID\n-----END A-----",
            "-----BEGIN A-----\nK: v\n\nAQID\n-----END A-----",
            "-----BEGIN A\n-----\nAQID\n-----END A\n-----",
        ] {
            assert_eq!(block(text), None, "{text:?}");
        }
    }
}
