//! Signed notes, checkpoints, cosignatures and the keys of logs.

use std::sync::OnceLock;

use custody_log::{
    Cosigner, Note, NoteSigner, Origin, SignatureLine, SignedCheckpoint, Timestamp, VerifierKey,
};

use super::text::strict;
use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes, with_text};
use crate::corpus::Corpus;

const WORDS: &[&str] = &["\u{2014} ", "\n\n", "\n", "example.com/log", "+", " ", "AAAA"];

pub(super) const TARGETS: &[Target] = &[
    Target { name: "note.note", max: 4 << 10, rounds: 3000, words: WORDS, seeds: notes, run: note },
    Target {
        name: "note.checkpoint",
        max: 4 << 10,
        rounds: 2000,
        words: WORDS,
        seeds: notes,
        run: checkpoint,
    },
    Target {
        name: "note.line",
        max: 400,
        rounds: 3000,
        words: WORDS,
        seeds: lines,
        run: strict::<SignatureLine>,
    },
    Target {
        name: "note.vkey",
        max: 400,
        rounds: 3000,
        words: WORDS,
        seeds: keys,
        run: strict::<VerifierKey>,
    },
    Target { name: "note.secret", max: 400, rounds: 3000, words: WORDS, seeds: secrets, run: secret },
];

/// The log of the worked example.
pub(super) fn origin() -> Origin {
    "example.com/log".parse().unwrap()
}

/// Its key; the private half signed one checkpoint, ever.
pub(super) fn log_key() -> VerifierKey {
    key("log.vkey")
}

fn key(name: &str) -> VerifierKey {
    String::from_utf8(example(name).to_vec()).unwrap().trim().parse().unwrap()
}

/// A file of the worked example.
pub(super) fn example(name: &str) -> &'static [u8] {
    static FILES: OnceLock<std::collections::BTreeMap<String, Vec<u8>>> = OnceLock::new();
    &FILES.get_or_init(custody_tests::example::files)[name]
}

fn note(bytes: &[u8]) -> Outcome {
    match Note::parse(bytes) {
        Ok(note) => {
            same_bytes("note", &note.encode(), bytes);
            bounded(bytes.len(), &note, 12, 4096);
            let verified = note.verify(&[log_key(), key("freshness.vkey")]);
            assert!(verified.map_or(0, |found| found.len()) <= note.signatures().len());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// What verifies is what was signed: one checkpoint, cosigned once.
fn checkpoint(bytes: &[u8]) -> Outcome {
    let signed = match SignedCheckpoint::parse(bytes) {
        Ok(signed) => signed,
        Err(error) => return refused(&error),
    };
    same_bytes("checkpoint", signed.bytes(), bytes);
    same_bytes("note of the checkpoint", &signed.note().encode(), bytes);
    let only = SignedCheckpoint::parse(example("checkpoint")).unwrap();
    for cosignature in signed.cosignatures(&[key("freshness.vkey")]) {
        let when = Timestamp::parse_rfc3339("2026-11-22T20:31:54Z").unwrap().as_seconds();
        assert_eq!(cosignature.seconds(), when, "a cosignature with a time that nobody signed");
        assert_eq!(signed.unverified().text(), only.unverified().text(), "a checkpoint that nobody cosigned");
    }
    match signed.verify(&origin(), &[log_key()]) {
        Ok(verified) => {
            assert_eq!(
                verified.checkpoint().text(),
                only.unverified().text(),
                "a checkpoint that nobody signed"
            );
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Both kinds of secret keys; no error shows what may be a secret.
fn secret(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| {
        let last = text.rsplit('+').next().unwrap_or_default();
        let hides =
            |said: &str| assert!(last.len() < 40 || !said.contains(last), "an error shows the secret");
        if let Ok(key) = text.parse::<Cosigner>() {
            same_bytes("secret key of a cosigner", key.to_text().as_bytes(), bytes);
            return Outcome::Accepted;
        }
        match text.parse::<NoteSigner>() {
            Ok(key) => {
                same_bytes("secret key", key.to_text().as_bytes(), bytes);
                Outcome::Accepted
            }
            Err(error) => {
                hides(&error.to_string());
                refused(&error)
            }
        }
    })
}

fn notes(corpus: &Corpus) -> Vec<Vec<u8>> {
    [vec![corpus.example("checkpoint")], corpus.documents("tlog/rekor-checkpoints")].concat()
}

fn lines(corpus: &Corpus) -> Vec<Vec<u8>> {
    let note = corpus.example("checkpoint");
    note.split(|byte| *byte == b'\n').skip(4).filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn keys(corpus: &Corpus) -> Vec<Vec<u8>> {
    corpus
        .examples("")
        .iter()
        .filter_map(|file| file.strip_suffix(b"\n"))
        .map(<[u8]>::to_vec)
        .filter(|key| key.len() < 200)
        .collect()
}

fn secrets(_: &Corpus) -> Vec<Vec<u8>> {
    let note = NoteSigner::from_seed("example.com/log".parse().unwrap(), [1; 32]).to_text();
    let cosigner = Cosigner::from_seed("example.com/log/freshness".parse().unwrap(), [2; 32]).to_text();
    texts(&[&note, &cosigner])
}
