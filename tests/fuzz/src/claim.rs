//! What every decoder promises, whatever the bytes are.

use std::fmt::Debug;
use std::fmt::Write as _;

/// What came of an input. A panic is the third possibility, and the failure that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The bytes are of the format, and every claim about them holds.
    Accepted,
    /// They are not; the text is what a user would read.
    Refused(String),
}

/// The longest text of an error, in bytes: an error that quotes hostile input cuts it.
const ERROR_MAX: usize = 4096;

/// Claims that an error says something, within bounds, that cannot steer a terminal or forge a line of a log.
///
/// # Panics
///
/// When the claim is broken.
#[must_use]
pub fn refused(error: &dyn std::error::Error) -> Outcome {
    let text = error.to_string();
    assert!(text.chars().any(char::is_alphabetic), "an error that says nothing: {text:?}");
    assert!(text.len() <= ERROR_MAX, "an error of {} bytes: {:.200}", text.len(), text);
    assert!(!text.chars().any(char::is_control), "an error with control characters: {text:?}");
    Outcome::Refused(text)
}

/// Claims that two encodings are the same, and says where they differ.
///
/// # Panics
///
/// When they are not.
pub fn same_bytes(what: &str, again: &[u8], input: &[u8]) {
    let at =
        again.iter().zip(input).position(|(one, two)| one != two).unwrap_or(again.len().min(input.len()));
    assert!(
        again == input,
        "{what}: encoded again there are {} bytes, the input had {}, and byte {at} is the first that differs",
        again.len(),
        input.len()
    );
}

/// Claims that what was made of the input, printed in full, has at most `times` the length of the input and `more`
/// bytes: nothing that is decoded may swell.
///
/// # Panics
///
/// When it did.
pub fn bounded(input: usize, value: &impl Debug, times: usize, more: usize) {
    struct Length(usize);
    impl std::fmt::Write for Length {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut length = Length(0);
    write!(length, "{value:?}").expect("counting does not fail");
    let most = input * times + more;
    assert!(length.0 <= most, "{input} bytes became {}, at most {most} are expected", length.0);
}

/// Reads the input as text; what is not UTF-8 never gets to a reader of text.
pub fn with_text(bytes: &[u8], read: impl FnOnce(&str) -> Outcome) -> Outcome {
    std::str::from_utf8(bytes).map_or_else(|_| Outcome::Refused("not UTF-8".to_owned()), read)
}
