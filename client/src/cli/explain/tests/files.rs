//! Files of the client: the trust file, the pin, keys.

use custody_client::sign::{KeyName, KeyStoreError, SignError};
use custody_client::trust::ReplayError;
use custody_evidence::dsse;
use custody_evidence::key::{KeyId, SigningKeyError};
use custody_log::{DigestError, ReceiptError};

use super::*;
use crate::cli::key;

#[test]
fn every_trust_file_and_pin_that_is_refused_has_its_words() {
    let json = || custody_evidence::json::check(b"{").unwrap_err();
    let file = every!(TrustFileError {
        Json(json()),
        Format { found: "custody/other/v1".to_owned() },
        Critical { name: "quorum".to_owned() },
        Pin(PinError::Form { found: "found".to_owned() }),
        Receipt { place: "entries[1].receipt".to_owned(), source: ReceiptError::Unended },
        Replay(ReplayError::Empty),
        Base64 { at: 1, member: "envelope" },
    });
    let pin = every!(PinError {
        Form { found: "found".to_owned() },
        Origin { found: "a b+sha256:00".to_owned() },
        Digest(DigestError::Hex { found: "00".to_owned() }),
    });
    let memory = every!(MemoryError {
        Read { path: "state/last".into(), why: denied() },
        Write { path: "state/last".into(), why: denied() },
    });
    let text = [
        texts("TrustFileError", file, Failure::from),
        texts("PinError", pin, |error| PinOfError::from(error).into()),
        texts("MemoryError", memory, Failure::from),
    ];
    golden("files", &text.concat());
}

#[test]
fn every_key_that_cannot_be_used_has_its_words() {
    let path = || PathBuf::from("/home/u/.config/custody/keys/ci.pem");
    let dir = || PathBuf::from("/home/u/.config/custody/keys");
    let name = |text: &str| -> KeyName { text.parse().unwrap() };
    let errors = every!(KeyStoreError {
        Io { doing: "read", path: path(), source: denied() },
        ReadableByOthers { path: path(), mode: 0o644 },
        OfOthers { path: path(), expected: 1000, found: 1001 },
        Key { from: "ci.pem".to_owned(), source: SigningKeyError::Encrypted },
        TooLarge { path: path(), max: 65536 },
        Exists { name: name("ci"), path: path() },
        FileExists { path: path() },
        NotFound { asked: "cii".to_owned(), dir: dir(), stored: vec![name("ci"), name("release")] },
        NotFound { asked: "cii".to_owned(), dir: dir(), stored: Vec::new() },
        NoVariable { name: "SIGNING_KEY".to_owned() },
        None { dir: dir() },
        Several { stored: vec![name("ci"), name("release")] },
        NoSuchId { id: KeyId::from_bytes([1; 32]) },
    });
    let envelope = dsse::Envelope::parse(b"{}").expect_err("that is no envelope");
    let unsigned = every!(SignError {
        Store(KeyStoreError::None { dir: dir() }),
        NotItsSignature { key: KeyId::from_bytes([1; 32]) },
        Envelope(envelope),
    });
    let text = [
        texts("KeyStoreError", errors, |error| key::failure(&error)),
        texts("SignError", unsigned, |error| key::unsigned(&error, "bad_statement")),
    ];
    golden("keys", &text.concat());
}
