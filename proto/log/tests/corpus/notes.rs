//! Signed notes, keys and cosignatures.

use custody_log::{KeyAlgorithm, Note, NoteError, SignedCheckpoint, VerifierKey, VerifierKeyError};
use serde_json::Value;

#[test]
fn ed25519_notes_verify_and_no_changed_one_does() {
    let Some(file) = crate::read("tlog/signed-notes.json") else { return };
    let rows: Vec<Value> = serde_json::from_slice(&file).unwrap();
    let mut verified = 0;
    for row in &rows {
        let (note, vkey) = (row["note"].as_str().unwrap(), row["vkey"].as_str().unwrap());
        let parsed = Note::parse(note.as_bytes()).unwrap();
        assert_eq!(parsed.encode(), note.as_bytes(), "{vkey}");
        let Ok(key) = vkey.parse::<VerifierKey>() else {
            println!("not covered: note by {vkey}: not Ed25519");
            continue;
        };
        assert_eq!(key.algorithm(), KeyAlgorithm::Ed25519);
        assert_eq!(key.to_string(), vkey);
        assert!(parsed.verify(std::slice::from_ref(&key)).is_ok(), "{vkey}");
        let changed = Note::parse(note.replacen(char::is_alphabetic, "~", 1).as_bytes()).unwrap();
        assert!(matches!(changed.verify(&[key]), Err(NoteError::BadSignature { .. })), "{vkey}");
        verified += 1;
    }
    assert_eq!((rows.len(), verified), (2, 1), "all notes, and those by Ed25519 keys");
}

#[test]
fn bad_verifier_keys_are_refused() {
    let Some(file) = crate::read("tlog/bad-vkeys.json") else { return };
    let rows: Vec<String> = serde_json::from_slice(&file).unwrap();
    let refusals: Vec<_> = rows.iter().map(|row| row.parse::<VerifierKey>().unwrap_err()).collect();
    // The first has bytes too many, and the padding of fewer.
    assert_eq!(refusals, [VerifierKeyError::Base64, VerifierKeyError::Algorithm { found: Some(0x65) }]);
}

/// Keys as they are in use: their hash is computed again from name and key.
#[test]
fn keys_in_use_are_read_and_written_back() {
    let Some(witnesses) = crate::read_text("tlog/armored-witness-vkeys.txt") else { return };
    let logs = crate::read_text("tlog/witness-network-log-list.txt").unwrap();
    let logs: Vec<&str> = logs.lines().filter_map(|line| line.strip_prefix("vkey ")).collect();
    let witnesses: Vec<&str> = witnesses.lines().filter(|line| line.contains('+')).collect();
    assert_eq!((witnesses.len(), logs.len()), (10, 9), "witnesses and logs");
    for text in witnesses.iter().chain(&logs) {
        let key: VerifierKey = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(key.to_string(), *text);
    }
}

/// The only key in the description of a witness or mirror.
pub(crate) fn key_in(description: &[u8]) -> VerifierKey {
    let description: Value = serde_json::from_slice(description).unwrap();
    description["verifier_keys"][0].as_str().unwrap().parse().unwrap()
}

/// The log's own signature there is of type 0x05, which we do not read: an unknown key's.
#[test]
fn a_witness_cosignature_verifies_beside_a_signature_of_another_type() {
    let Some(bytes) = crate::read("tlog/sunlight-witness.checkpoint") else { return };
    let key = key_in(&crate::read("tlog/sunlight-witness.v0.json").unwrap());
    assert_eq!(key.algorithm(), KeyAlgorithm::Cosignature);
    let signed = SignedCheckpoint::parse(&bytes).unwrap();
    assert_eq!(signed.unverified().size().get(), 300);
    assert_eq!(signed.note().signatures().len(), 2);
    check_cosignature(&signed, &key, 0x6954_6780);
}

pub(crate) fn check_cosignature(signed: &SignedCheckpoint, key: &VerifierKey, seconds: u64) {
    let keys = std::slice::from_ref(key);
    let found = signed.cosignatures(keys);
    let found: Vec<_> = found.iter().map(|c| (c.name(), c.seconds())).collect();
    assert_eq!(found, [(key.name(), seconds)]);
    assert_eq!(signed.note().verify(keys).unwrap()[0].seconds(), Some(seconds));
    let changed = String::from_utf8(signed.bytes().to_vec()).unwrap().replacen("\n300\n", "\n301\n", 1);
    let changed = SignedCheckpoint::parse(changed.as_bytes()).unwrap();
    assert!(changed.cosignatures(keys).is_empty());
}
