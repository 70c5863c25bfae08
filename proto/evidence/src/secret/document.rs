//! One JSON text, string by string: as it is written, without its escapes, and decoded.

use super::find::{self, Met};
use super::shape::Class;
use super::table::AWS_SECRET_RULE;
use super::walk::{About, Place, Text, Walk};
use super::{
    ASSIGNED_VALUE, Allowed, DECODED_MAX, FINDINGS_MAX, Finding, Fingerprint, LAYERS, NAMED_VALUE,
    POINTER_MAX, Part, Screened, decode, name,
};

/// A look at one envelope.
pub(super) struct Screen<'a> {
    origin: &'a str,
    allowed: Allowed<'a>,
    found: Screened,
    /// How many more bytes may be decoded.
    left: usize,
}

/// What one string holds.
#[derive(Default)]
struct Seen {
    findings: Vec<Value>,
    about: About,
}

struct Value {
    rule: &'static str,
    fingerprint: Fingerprint,
    refuses: bool,
}

impl<'a> Screen<'a> {
    pub(super) const fn new(origin: &'a str, allowed: Allowed<'a>) -> Self {
        let found = Screened { refused: Vec::new(), suspected: Vec::new(), complete: true };
        Self { origin, allowed, found, left: DECODED_MAX }
    }

    pub(super) fn finish(self) -> Screened {
        self.found
    }

    /// Looks at a JSON text, but for the payload in it, which is looked at as what it is. A text that is not UTF-8 is refused
    /// elsewhere, with words that quote nothing.
    pub(super) fn look(&mut self, part: Part, text: &[u8], payload: Option<Place>) {
        if std::str::from_utf8(text).is_err() {
            return;
        }
        let mut walk = Walk::new(text, payload);
        while let Some(string) = walk.next() {
            if self.found.refused.len() >= FINDINGS_MAX {
                return;
            }
            let seen = if string.skipped {
                Seen::token(text.get(string.at.clone()).unwrap_or_default(), self.origin)
            } else {
                self.string(text, &string, &walk)
            };
            if seen.about != About::default() || string.name {
                walk.learn(&string, seen.about);
            }
            for value in seen.findings {
                self.tell(part, &walk, value);
            }
        }
    }

    fn string(&mut self, text: &[u8], string: &Text, walk: &Walk<'_>) -> Seen {
        let mut seen = Seen::default();
        let unescaped;
        let value = if string.escaped {
            unescaped = walk.unescaped(string.at.clone()).into_bytes();
            unescaped.as_slice()
        } else {
            text.get(string.at.clone()).unwrap_or_default()
        };
        find::all(value, &mut |met| seen.take(value, met, self.origin));
        if string.long_run || string.escaped {
            let origin = self.origin;
            let whole = self.decoded(value, 1, &mut |text, met| seen.take(text, met, origin));
            self.found.complete &= whole;
        }
        if !string.name && seen.findings.is_empty() {
            seen.by_name(walk.about(), value, self.origin);
        }
        seen.about.hidden = seen.findings.iter().any(|value| value.refuses);
        seen
    }

    /// Looks at what the text holds encoded, and at what that holds. Returns false if it was too much.
    fn decoded(&mut self, text: &[u8], layer: usize, met: &mut dyn FnMut(&[u8], Met)) -> bool {
        let mut whole = true;
        decode::all(text, &mut |inner| {
            let Some(left) = self.left.checked_sub(inner.len()) else {
                whole = false;
                return false;
            };
            self.left = left;
            find::all(inner, &mut |found| met(inner, found));
            whole &= layer >= LAYERS || self.decoded(inner, layer + 1, met);
            whole
        });
        whole
    }

    fn tell(&mut self, part: Part, walk: &Walk<'_>, value: Value) {
        let Value { rule, fingerprint, refuses } = value;
        let list = if refuses { &mut self.found.refused } else { &mut self.found.suspected };
        if list.len() >= FINDINGS_MAX || (self.allowed)(rule, fingerprint.as_str()) {
            return;
        }
        let finding = Finding { rule, part, pointer: walk.pointer(POINTER_MAX), fingerprint };
        if !list.contains(&finding) {
            list.push(finding);
        }
    }
}

impl Seen {
    /// Looks at what stands in the place of a digest or signature: it may be a token all the same, as a whole.
    fn token(text: &[u8], origin: &str) -> Self {
        let mut seen = Self::default();
        if let Some(rule) = find::whole(text) {
            seen.add(rule, text, true, origin);
        }
        seen
    }

    fn take(&mut self, text: &[u8], met: Met, origin: &str) {
        let value = |range| text.get(range).unwrap_or_default();
        match met {
            Met::Secret(rule, range) => self.add(rule, value(range), true, origin),
            Met::Unproven(rule, range) => self.add(rule, value(range), false, origin),
            Met::Name(assigned) => {
                self.about.sensitive = true;
                if let Some(value) = assigned.map(value).filter(|value| name::suspect(value)) {
                    self.add(ASSIGNED_VALUE, value, false, origin);
                }
            }
            Met::AwsName => self.about.aws = true,
        }
    }

    /// Judges a value by its name.
    fn by_name(&mut self, about: About, value: &[u8], origin: &str) {
        if about.aws && value.len() == 40 && value.iter().all(|byte| Class::Base64.holds(*byte)) {
            self.add(AWS_SECRET_RULE, value, true, origin);
        } else if about.sensitive && name::suspect(value) {
            self.add(NAMED_VALUE, value, false, origin);
        }
    }

    fn add(&mut self, rule: &'static str, value: &[u8], refuses: bool, origin: &str) {
        // One string may hold as many as it likes; so many are enough to tell.
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Value { rule, fingerprint: Fingerprint::of(value, origin), refuses });
        }
    }
}
