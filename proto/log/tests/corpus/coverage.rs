//! Which rows of the corpus' manifest are tested here, and why the others are not.

use std::collections::BTreeSet;

use serde_json::Value;

/// The files that the tests of this folder read.
pub(crate) const COVERED: &[&str] = &[
    "tlog/armored-witness-vkeys.txt",
    "tlog/bad-vkeys.json",
    "tlog/merkle-consistency.jsonl",
    "tlog/merkle-inclusion.jsonl",
    "tlog/rfc6962-reference-tree.json",
    "tlog/signed-notes.json",
    "tlog/sunlight-mirror.tar",
    "tlog/sunlight-witness.checkpoint",
    "tlog/sunlight-witness.v0.json",
    "tlog/tessera-log.tar",
    "tlog/witness-network-log-list.txt",
];

const SUBTREES: &str = "proofs of subtrees, which neither receipts nor checkpoints use";
const SERVERLESS: &str = "a layout of text tiles that came before c2sp.org/tlog-tiles";
const STATIC_CT: &str = "leaves of Certificate Transparency, which are hashed from another structure";
const REKOR: &str = "Rekor signs with ECDSA, and its origins have spaces, as no key name may";
const REKOR_ENTRY: &str = "answers of Rekor's own API; they belong to reading Sigstore bundles";
const POLICY: &str = "policies of witnesses, which this crate does not read";

const NOT_COVERED: &[(&str, &str)] = &[
    ("tlog/armory-drive-log.tar", SERVERLESS),
    ("tlog/merkle-subtreeinclusion.jsonl", SUBTREES),
    ("tlog/rekor-checkpoints/error_header_count.txt", REKOR),
    ("tlog/rekor-checkpoints/error_no_newline_after_signature.txt", REKOR),
    ("tlog/rekor-checkpoints/error_no_signatures.txt", REKOR),
    ("tlog/rekor-checkpoints/error_signature_length_insufficient.txt", REKOR),
    ("tlog/rekor-checkpoints/valid.txt", REKOR),
    ("tlog/rekor-checkpoints/valid_multi_sig.txt", REKOR),
    ("tlog/rekor-entries/entry-no-inclusion-proof.json", REKOR_ENTRY),
    ("tlog/rekor-entries/entry-v2.json", REKOR_ENTRY),
    ("tlog/rekor-entries/entry.json", REKOR_ENTRY),
    ("tlog/sigsum-policy.txt", POLICY),
    ("tlog/static-ct-data-003.p-10.bin", STATIC_CT),
    ("tlog/static-ct-tile-0-003.p-10.bin", STATIC_CT),
];

#[test]
fn every_row_of_the_manifest_is_covered_or_listed_with_a_reason() {
    let Some(folder) = crate::corpus() else { return };
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("MANIFEST.json")).unwrap()).unwrap();
    let rows = manifest.as_array().unwrap().iter().map(|row| row["file"].as_str().unwrap());
    let rows: BTreeSet<&str> = rows.filter(|file| file.starts_with("tlog/")).collect();
    let listed: Vec<&str> =
        COVERED.iter().copied().chain(NOT_COVERED.iter().map(|(file, _)| *file)).collect();
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "a row is listed twice");
    assert_eq!(rows, listed.into_iter().collect::<BTreeSet<_>>(), "manifest (left) and lists (right) differ");
    for (file, why) in NOT_COVERED {
        println!("not covered: {file}: {why}");
    }
}
