//! What is recorded: build provenance of 4 KB with one subject and two materials, signed beforehand.

use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_tests::evidence::artifact_hex;
use prost::bytes::Bytes;
use serde_json::json;

/// How long each envelope is, but for the last bytes that base64 cannot meet.
pub(crate) const ENVELOPE_BYTES: usize = 4096;

/// Makes envelopes, none of them twice.
pub(crate) struct Fixture {
    key: SigningKey,
    next: u64,
    filler: usize,
}

impl Fixture {
    /// Makes a fixture whose envelopes this key signs; they are numbered from `first` on.
    pub(crate) fn new(key: &SigningKey, first: u64) -> Self {
        let key = SigningKey::from_pem(&key.to_pem()).expect("a key reads what it wrote");
        let mut fixture = Self { key, next: first, filler: 0 };
        let empty = fixture.envelope(0).len();
        fixture.filler = (ENVELOPE_BYTES - empty) / 4 * 3;
        fixture
    }

    /// Returns that many new ones.
    pub(crate) fn take(&mut self, count: usize) -> Vec<Bytes> {
        let first = self.next;
        self.next += count as u64;
        (first..self.next).map(|number| self.envelope(number)).collect()
    }

    fn envelope(&self, number: u64) -> Bytes {
        let payload = statement(number, self.filler);
        let envelope = Envelope::sign(IN_TOTO, payload.as_bytes(), &[&self.key]);
        Bytes::from(envelope.expect("the statement can be signed").bytes().to_vec())
    }
}

/// Provenance of one artifact from a commit and a package (<https://slsa.dev/spec/v1.0/provenance>).
fn statement(number: u64, filler: usize) -> String {
    let name = format!("artifact-{number:012}");
    let commit = &artifact_hex(&format!("commit-{number:012}"))[..40];
    let repository = "git+https://git.example.com/acme/shop";
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": artifact_hex(&name)}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ci.example.com/buildtypes/pipeline/v1",
                "externalParameters": {"source": repository, "filler": "x".repeat(filler)},
                "resolvedDependencies": [
                    {"uri": repository, "digest": {"gitCommit": commit}},
                    {
                        "uri": "pkg:npm/axios@1.14.1",
                        "digest": {"sha256": artifact_hex(&format!("axios-{:06}", number % 1_000))},
                    },
                ],
            },
            "runDetails": {
                "builder": {"id": "https://ci.example.com/runners/7"},
                "metadata": {"invocationId": format!("https://ci.example.com/runs/{number:012}")},
            },
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_4_kb_and_never_the_same() {
        let mut fixture = Fixture::new(&SigningKey::from_seed(&[1; 32]), 1);
        let envelopes = fixture.take(3);
        for envelope in &envelopes {
            assert!((ENVELOPE_BYTES - 4..=ENVELOPE_BYTES).contains(&envelope.len()), "{}", envelope.len());
        }
        assert_ne!(envelopes[0], envelopes[1]);
        assert_ne!(envelopes[2], fixture.take(1)[0]);
    }
}
