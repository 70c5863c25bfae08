//! Secrets that are about to be recorded by accident: tokens, private keys, URLs with passwords.
//!
//! What is signed cannot be taken out again, and what is logged is read by many. So the client looks before it signs, and the
//! log before it appends, with this code. About fifty precise rules refuse ([`Screened::refused`]); names of secrets with
//! values that look random are only told of ([`Screened::suspected`]), since digests and ids look random too. It is a net for
//! accidents: who wants to hide a secret from it can. Which rules there are, and what is not looked at: `docs/secrets.md`.
//!
//! A finding names rule, place and fingerprint, and never holds the value or a part of it.

mod checksum;
mod decode;
mod document;
mod find;
mod fingerprint;
mod name;
mod pem;
mod placeholder;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod url;
mod walk;

use document::Screen;

use crate::envelope::Envelope;
pub use fingerprint::Fingerprint;

/// The version of the rules, and of what is decoded: one higher with each release that finds something else than the one before, and 1
/// in the first. An admission record names it: what one version lets in another may refuse, and that is no fault of the log. Within a
/// version the same is found, or a client would call what an honest log let in its fault.
pub const VERSION: &str = "1";

/// How many encodings around a secret are undone: two, such as base64 of text with base64 in it.
pub const LAYERS: usize = 2;

/// The most bytes that are decoded for one envelope: 64 MiB, about half a second.
///
/// The largest payload, 48 MiB, in base64 once is 36 MiB, and 27 MiB more if that is base64 too. What is beyond is not looked at,
/// and [`Screened::complete`] says so.
pub const DECODED_MAX: usize = 64 * 1024 * 1024;

/// The most findings of each kind that are told. After so many refusals nothing more is looked at.
pub const FINDINGS_MAX: usize = 16;

/// The longest pointer of a finding, in bytes: a longer one ends at a member above.
pub const POINTER_MAX: usize = 400;

/// The rule for a value that its member's name makes suspect.
pub const NAMED_VALUE: &str = "named-value";

/// The rule for a value that text gives to a suspect name: `TOKEN=...`.
pub const ASSIGNED_VALUE: &str = "assigned-value";

/// Says whether an administrator allows what a rule found: the rule's id, and the fingerprint as 64 hex digits.
pub type Allowed<'a> = &'a dyn Fn(&str, &str) -> bool;

/// Which text a pointer points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The JSON around the payload, which nobody signs.
    Envelope,
    /// The payload: the statement.
    Payload,
}

/// Something that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    rule: &'static str,
    part: Part,
    pointer: String,
    fingerprint: Fingerprint,
}

/// What was found, without what administrators allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screened {
    refused: Vec<Finding>,
    suspected: Vec<Finding>,
    complete: bool,
}

/// Looks for secrets in an envelope and what it says, for the log of this name.
#[must_use]
pub fn screen(envelope: &Envelope, origin: &str, allowed: Allowed<'_>) -> Screened {
    let mut screen = Screen::new(origin, allowed);
    if let Some(payload) = envelope.payload() {
        screen.look(Part::Payload, payload, None);
    }
    screen.look(Part::Envelope, envelope.bytes(), envelope.payload_place());
    screen.finish()
}

/// Looks for secrets in a statement that is not signed yet.
#[must_use]
pub fn screen_statement(payload: &[u8], origin: &str, allowed: Allowed<'_>) -> Screened {
    let mut screen = Screen::new(origin, allowed);
    screen.look(Part::Payload, payload, None);
    screen.finish()
}

/// Whether a secret stands in a text, as it is written or encoded: an error that quotes a value must not quote this one.
pub(crate) fn is_in(text: &str) -> bool {
    /// How much of a text is decoded: more than anything quotes.
    const DECODED: usize = 8 * 1024;
    let bytes = text.as_bytes();
    has_secret(bytes) || has_encoded_secret(bytes.get(..DECODED).unwrap_or(bytes), 1)
}

fn has_secret(text: &[u8]) -> bool {
    let mut found = false;
    find::all(text, &mut |met| {
        found |= matches!(met, find::Met::Secret(..) | find::Met::Unproven(..));
    });
    found
}

fn has_encoded_secret(text: &[u8], layer: usize) -> bool {
    let mut found = false;
    decode::all(text, &mut |inner| {
        found = has_secret(inner) || layer < LAYERS && has_encoded_secret(inner, layer + 1);
        !found
    });
    found
}

/// Returns every rule that refuses, by its id, with what it finds.
#[must_use]
pub fn rules() -> Vec<(&'static str, &'static str)> {
    let rules = table::RULES.iter().map(|rule| (rule.id, rule.what));
    rules.chain(table::OTHERS.iter().copied()).collect()
}

impl Screened {
    /// Returns what must not be recorded, at most [`FINDINGS_MAX`]; those of the payload first.
    #[must_use]
    pub fn refused(&self) -> &[Finding] {
        &self.refused
    }

    /// Returns what may be a secret and may be none, at most [`FINDINGS_MAX`].
    #[must_use]
    pub fn suspected(&self) -> &[Finding] {
        &self.suspected
    }

    /// Whether all that is encoded was looked into, within [`DECODED_MAX`].
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.complete
    }
}

impl Finding {
    /// Returns the id of the rule that found it.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Returns the text that the pointer points into.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// Returns the JSON pointer (RFC 6901) of the member that holds it. Where a member's name is a secret itself, or the pointer
    /// would be longer than [`POINTER_MAX`], that of the nearest member above; empty for the whole text.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns what names the value.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Says what the rule finds.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self.rule {
            NAMED_VALUE | ASSIGNED_VALUE => "a value with the name of a secret",
            rule => rules().into_iter().find(|(id, _)| *id == rule).map_or("a secret", |(_, what)| what),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Envelope => "envelope",
            Self::Payload => "payload",
        })
    }
}

/// What, where, and `RULE:FINGERPRINT`. The pointer is quoted: names of members are somebody's.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rule, part, pointer, fingerprint } = self;
        write!(f, "{} in the {part} at {pointer:?} ({rule}:{fingerprint})", self.what())
    }
}
