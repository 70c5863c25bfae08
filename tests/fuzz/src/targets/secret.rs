//! The secret screen: what it finds it names by a place that is there, and never tells.

use custody_evidence::json;
use custody_evidence::secret::{FINDINGS_MAX, Finding, POINTER_MAX, rules, screen_statement};

use super::Target;
use crate::claim::Outcome;
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.",
    "\"name\":",
    "\"value\":",
    "\"digest\":",
    "\"sig\":",
    "\"PASSWORD\":",
    "TOKEN=",
    "://",
    "https://a:b@c/",
    "?token=",
    "&X-Amz-Signature=",
    "\\u0061",
    "%41",
    "QUtJQQ==",
    "-----BEGIN ",
    " PRIVATE KEY-----",
    "hvs.",
    ".atlasv1.",
    "8Q~",
];

pub(super) const TARGETS: &[Target] =
    &[Target { name: "secret.screen", max: 4 << 10, rounds: 4000, words: WORDS, seeds, run: look }];

fn nothing(_: &str, _: &str) -> bool {
    false
}

fn look(bytes: &[u8]) -> Outcome {
    let found = screen_statement(bytes, "example.com/log", &nothing);
    let document: Option<serde_json::Value> =
        json::check(bytes).ok().and_then(|()| serde_json::from_slice(bytes).ok());
    for (findings, refuse) in [(found.refused(), true), (found.suspected(), false)] {
        assert!(findings.len() <= FINDINGS_MAX);
        for finding in findings {
            assert!(!refuse || rules().iter().any(|(rule, _)| *rule == finding.rule()), "{finding}");
            assert!(finding.pointer().len() <= POINTER_MAX, "a pointer of {} bytes", finding.pointer().len());
            if let Some(document) = &document {
                assert!(
                    document.pointer(finding.pointer()).is_some(),
                    "nothing is at {:?}",
                    finding.pointer()
                );
            }
        }
    }
    // What an administrator allows is not found, and nothing else is hidden by it.
    if let Some(first) = found.refused().first() {
        let same = |rule: &str, fingerprint: &str| {
            rule == first.rule() && fingerprint == first.fingerprint().as_str()
        };
        let rest = screen_statement(bytes, "example.com/log", &same);
        let named = |finding: &&Finding| same(finding.rule(), finding.fingerprint().as_str());
        assert_eq!(rest.refused().iter().filter(named).count(), 0);
        return Outcome::Refused(format!("{} {}", first.rule(), found.refused().len()));
    }
    Outcome::Accepted
}

/// Tokens are put together here, so that no scanner of repositories takes this file for a leak.
fn seeds(corpus: &Corpus) -> Vec<Vec<u8>> {
    let token = |parts: &[&str]| parts.concat();
    let key = format!("{0}BEGIN PRIVATE KEY{0}\\n{1}\\n", "-".repeat(5), "MIIEvQ12".repeat(12));
    let tokens = [
        token(&["AKIA", "IOSFODNN7EXAMPLE"]),
        token(&["glpat-", "abcdefghij0123456789"]),
        token(&["https://ci:", "hunter2@example.com/?a=b&token=", "abcdef0123456789"]),
        token(&["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.", "abcdefghijklmnopqrstuvwxyz012345"]),
        token(&["QUtJQUlPU0ZP", "RE5ON0VYQU1QTEU="]),
        key,
    ];
    let own = tokens.iter().map(|token| {
        format!(r#"{{"a":{{"b/c~":["x","{token}"]}},"DB_TOKEN":"Zq8rT1xVw0LmYc4NbKd7","digest":{{"sha256":"00"}}}}"#)
    });
    let own: Vec<Vec<u8>> = own.map(String::into_bytes).collect();
    let clean =
        vec![br#"{"a":{"b/c~":["x","https://ci.example.com/runs/1"]},"digest":{"sha256":"00"}}"#.to_vec()];
    [clean, own, corpus.documents("statements")].concat()
}
