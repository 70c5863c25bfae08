//! The strings of a JSON text, in its order, with the way to each.
//!
//! It reads what [`crate::json`] has not checked yet: an error about a value may quote it, so secrets are looked for first. Text
//! that is no JSON ends early or gives strings that are none; it is refused for that later.

use std::ops::Range;

use memchr::memchr2;

use super::decode;
use crate::json::MAX_DEPTH;

/// Members whose values are digests, signatures and certificates: as random as a secret, and never one.
const SKIPPED: [&[u8]; 14] = [
    b"canonicalizedBody",
    b"cert",
    b"certificate",
    b"checksumValue",
    b"checksums",
    b"digest",
    b"digests",
    b"hashes",
    b"intermediates",
    b"rawBytes",
    b"sig",
    b"signature",
    b"signedEntryTimestamp",
    b"signedTimestamp",
];

/// An object or array that is open.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any combination is possible"
)]
struct Frame {
    array: bool,
    index: usize,
    /// The current member's name, as it is written.
    name: Range<usize>,
    naming: bool,
    /// What is known of the current member's name.
    about: About,
    /// The member `name` of this object says so of its member `value`.
    label: About,
    skipped: bool,
    inside_skipped: bool,
}

/// What a member's name tells of its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct About {
    /// Secrets have such names.
    pub(super) sensitive: bool,
    /// It is that of an AWS secret access key.
    pub(super) aws: bool,
    /// It is a secret itself, and is not repeated.
    pub(super) hidden: bool,
}

/// A string.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any combination is possible"
)]
pub(super) struct Text {
    /// Where it stands, without its quotes.
    pub(super) at: Range<usize>,
    /// Whether it has escapes.
    pub(super) escaped: bool,
    /// Whether it is a member's name.
    pub(super) name: bool,
    /// Whether it may hold something that is encoded.
    pub(super) long_run: bool,
    /// Whether it is a digest, signature or certificate.
    pub(super) skipped: bool,
}

/// Walks through the strings of a text.
pub(super) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<Frame>,
    payload: Option<Place>,
}

/// Where a member stands: its name, behind those of the objects around it.
pub(super) type Place = &'static [&'static str];

impl<'a> Walk<'a> {
    /// Walks through a text. What stands at `payload` is passed over, and no byte of it is read: it is looked at elsewhere, as
    /// what it is.
    pub(super) const fn new(text: &'a [u8], payload: Option<Place>) -> Self {
        Self { text, at: 0, open: Vec::new(), payload }
    }

    /// Returns the next string.
    pub(super) fn next(&mut self) -> Option<Text> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return self.string(),
                b'{' | b'[' => self.enter(byte == b'[')?,
                b'}' | b']' => {
                    self.open.pop();
                }
                b',' => {
                    if let Some(frame) = self.open.last_mut() {
                        frame.index += 1;
                        frame.naming = !frame.array;
                    }
                }
                b':' => {
                    if let Some(frame) = self.open.last_mut() {
                        frame.naming = false;
                    }
                }
                _ => {}
            }
        }
    }

    fn enter(&mut self, array: bool) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            return None;
        }
        let above = self.open.last();
        let inside_skipped = above.is_some_and(|frame| frame.skipped || frame.inside_skipped);
        // What a name says holds for the elements of a list too.
        let about = above.filter(|_| array).map_or_else(About::default, |frame| frame.about);
        let about = About { hidden: false, ..about };
        let label = About::default();
        let (index, name, skipped) = (0, 0..0, false);
        self.open.push(Frame { array, index, name, naming: !array, about, label, skipped, inside_skipped });
        Some(())
    }

    fn string(&mut self) -> Option<Text> {
        let start = self.at;
        if let Some(end) = self.end_of_payload(start) {
            self.at = end + 1;
            return Some(Text {
                at: start..end,
                escaped: false,
                name: false,
                long_run: false,
                skipped: true,
            });
        }
        let mut escaped = false;
        let end = loop {
            self.at += memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text.get(self.at) == Some(&b'"') {
                break self.at;
            }
            escaped = true;
            self.at += 2;
        };
        self.at += 1;
        let value = self.text.get(start..end)?;
        let name = self.open.last().is_some_and(|frame| frame.naming);
        if name && let Some(frame) = self.open.last_mut() {
            frame.name = start..end;
            frame.about = About::default();
            frame.skipped = SKIPPED.contains(&value);
        }
        let skipped = !name && self.open.last().is_some_and(|frame| frame.skipped || frame.inside_skipped);
        let skipped = skipped && (is_encoded(value) || is_certificates(value));
        let skipped = skipped || !name && is_integrity(value);
        Some(Text { at: start..end, escaped, name, long_run: decode::may_hold(value), skipped })
    }

    /// Returns where the payload ends, if its text starts here. One with an escape is read like any other text.
    fn end_of_payload(&self, start: usize) -> Option<usize> {
        let place = self.payload.filter(|place| place.len() == self.open.len())?;
        let mut steps = self.open.iter().zip(place);
        let there = steps.all(|(frame, name)| {
            !frame.array && !frame.naming && self.text.get(frame.name.clone()) == Some(name.as_bytes())
        });
        let rest = self.text.get(start..).filter(|_| there)?;
        let length = memchr2(b'"', b'\\', rest)?;
        (rest.get(length) == Some(&b'"')).then_some(start + length)
    }

    /// Returns what is known of the name of the current value.
    pub(super) fn about(&self) -> About {
        let Some(frame) = self.open.last() else { return About::default() };
        let labelled = !frame.array && self.text.get(frame.name.clone()) == Some(b"value");
        let label = if labelled { frame.label } else { About::default() };
        About {
            sensitive: frame.about.sensitive || label.sensitive,
            aws: frame.about.aws || label.aws,
            hidden: frame.about.hidden,
        }
    }

    /// Learns something about the string that was read last: of a name, or of a value that names another value.
    pub(super) fn learn(&mut self, text: &Text, about: About) {
        let Some(frame) = self.open.last_mut() else { return };
        let labels = |name: Option<&[u8]>| matches!(name, Some(b"name" | b"key"));
        if text.name {
            frame.about = about;
        } else if !frame.array && labels(self.text.get(frame.name.clone())) {
            frame.label = about;
        }
    }

    /// Returns the JSON pointer (RFC 6901) of the current member. Where a name on the way is a secret, or the pointer would be
    /// longer than `max` bytes, that of the nearest member above.
    pub(super) fn pointer(&self, max: usize) -> String {
        /// The most bytes that one byte of a name takes: `\\u0041`.
        const ESCAPE: usize = 6;
        let mut pointer = String::new();
        for frame in &self.open {
            // A long name is not even read: thousands of values may stand below it, and each has a pointer.
            if frame.name.len() > max.saturating_mul(ESCAPE) {
                break;
            }
            let step = if frame.array { frame.index.to_string() } else { self.unescaped(frame.name.clone()) };
            let step = step.replace('~', "~0").replace('/', "~1");
            if frame.about.hidden && !frame.array || pointer.len() + 1 + step.len() > max {
                break;
            }
            pointer.push('/');
            pointer.push_str(&step);
        }
        pointer
    }

    /// Returns a string with its escapes resolved.
    pub(super) fn unescaped(&self, at: Range<usize>) -> String {
        let quoted =
            at.start.checked_sub(1).and_then(|start| self.text.get(start..at.end + 1)).unwrap_or_default();
        match serde_json::from_slice(quoted) {
            Ok(text) => text,
            Err(_) => String::from_utf8_lossy(self.text.get(at).unwrap_or_default()).into_owned(),
        }
    }
}

/// Whether the text is hex or base64 from end to end.
fn is_encoded(text: &[u8]) -> bool {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    text.iter().take(text.len() - padding).all(|byte| decode::encoded(*byte))
}

/// Whether the text is PEM that begins with a certificate, and holds no key: servers take both from one file.
fn is_certificates(text: &[u8]) -> bool {
    const KEY: &[u8] = b"PRIVATE KEY";
    text.starts_with(b"-----BEGIN CERTIFICATE-----") && !text.windows(KEY.len()).any(|found| found == KEY)
}

/// Whether the text is a digest as registries write it: `sha512-` and base64 (W3C Subresource Integrity).
fn is_integrity(text: &[u8]) -> bool {
    let known: [(&[u8], usize); 3] = [(b"sha512-", 88), (b"sha384-", 64), (b"sha256-", 44)];
    let digest = known.iter().find_map(|(prefix, length)| Some((text.strip_prefix(*prefix)?, *length)));
    let base64 = |digest: &[u8]| digest.iter().all(|byte| decode::encoded(*byte) || *byte == b'=');
    digest.is_some_and(|(digest, length)| digest.len() == length && base64(digest))
}
