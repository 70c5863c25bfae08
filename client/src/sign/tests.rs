use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::{PublicKey, SigningKey};

use super::*;

fn store() -> (tempfile::TempDir, KeyStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = KeyStore::new(dir.path().join("keys"));
    (dir, store)
}

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn none(_: &str) -> Option<String> {
    None
}

#[test]
fn a_stored_key_is_private_and_comes_back() {
    let (_dir, store) = store();
    assert_eq!(store.names().unwrap(), []);
    let key = SigningKey::from_seed(&[1; 32]);
    let stored = store.add(&name("release"), &key).unwrap();
    assert_eq!((mode(store.dir()), mode(&stored.path)), (0o700, 0o600));
    assert_eq!(store.names().unwrap(), [name("release")]);
    assert_eq!(store.load(&name("release")).unwrap().id(), key.id());
    let public = std::fs::read_to_string(store.dir().join("release.pub")).unwrap();
    assert_eq!(public, key.public().to_pem());
}

#[test]
fn a_key_is_never_overwritten() {
    let (_dir, store) = store();
    let first = SigningKey::from_seed(&[1; 32]);
    store.add(&name("release"), &first).unwrap();
    let error = store.add(&name("release"), &SigningKey::from_seed(&[2; 32])).unwrap_err();
    assert!(matches!(error, KeyStoreError::Exists { .. }), "{error}");
    assert_eq!(store.load(&name("release")).unwrap().id(), first.id());
}

#[test]
fn refuses_a_private_key_that_others_can_read() {
    let (_dir, store) = store();
    let path = store.add(&name("release"), &SigningKey::from_seed(&[1; 32])).unwrap().path;
    for bits in [0o640, 0o604, 0o660, 0o620, 0o644, 0o777] {
        set_mode(&path, bits);
        let error = store.load(&name("release")).unwrap_err();
        let expected = format!(
            "the private key {} can be read by others: expected mode 600, found {bits:o}",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().starts_with(&format!("chmod 600 {}", path.display())), "{}", error.hint());
    }
    for bits in [0o600, 0o400] {
        set_mode(&path, bits);
        store.load(&name("release")).unwrap();
    }
}

#[test]
fn a_key_is_chosen_by_file_name_id_or_variable() {
    let (dir, store) = store();
    let (one, two) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let path = store.add(&name("one"), &one).unwrap().path;
    store.add(&name("two"), &two).unwrap();
    let pem = two.to_pem().to_string();
    let variable = |asked: &str| (asked == "KEY").then(|| pem.clone());
    let chosen = |asked: &str| choose(Some(asked), &store, variable).unwrap().key.id();
    assert_eq!(chosen("one"), one.id());
    assert_eq!(chosen(path.to_str().unwrap()), one.id());
    assert_eq!(chosen(&two.id().to_string()), two.id());
    assert_eq!(chosen(&format!("key:{}", two.id())), two.id());
    assert_eq!(chosen("env://KEY"), two.id());
    drop(dir);
}

#[test]
fn without_a_name_the_choice_is_never_a_guess() {
    let (_dir, store) = store();
    assert!(matches!(choose(None, &store, none), Err(KeyStoreError::None { .. })));
    let (one, two, three) =
        (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]), SigningKey::from_seed(&[3; 32]));
    store.add(&name("one"), &one).unwrap();
    assert_eq!(choose(None, &store, none).unwrap().key.id(), one.id());
    store.add(&name("two"), &two).unwrap();
    let error = choose(None, &store, none).unwrap_err();
    assert_eq!(error.to_string(), "several keys to sign with: one, two");
    store.add(&name("default"), &three).unwrap();
    assert_eq!(choose(None, &store, none).unwrap().key.id(), three.id());
}

#[test]
fn refuses_keys_that_are_not_there_and_files_that_are_none() {
    let (dir, store) = store();
    store.add(&name("one"), &SigningKey::from_seed(&[1; 32])).unwrap();
    let error = |asked: &str| choose(Some(asked), &store, none).unwrap_err();
    assert!(error("other").to_string().contains("holds one"), "{}", error("other"));
    assert!(matches!(error("./absent.pem"), KeyStoreError::Io { .. }));
    assert!(matches!(error(&"ab".repeat(32)), KeyStoreError::NoSuchId { .. }));
    assert!(matches!(error("env://KEY"), KeyStoreError::NoVariable { .. }));
    let write = |file: &str, text: &str| {
        let path = dir.path().join(file);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    };
    let public = SigningKey::from_seed(&[1; 32]).public().to_pem();
    assert!(matches!(error(&write("public.pem", &public)), KeyStoreError::Key { .. }));
    assert!(matches!(error(&write("text.pem", "hello")), KeyStoreError::Key { .. }));
    assert!(matches!(error(&write("large.pem", &"x".repeat(20_000))), KeyStoreError::TooLarge { .. }));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(error(&write("encrypted.pem", encrypted)).to_string().contains("encrypted"));
}

#[test]
fn names_are_file_names_and_nothing_else() {
    for text in ["a", "release-2026", "Ann.laptop", "0_1"] {
        assert_eq!(name(text).as_str(), text);
    }
    let (long, id) = ("a".repeat(65), "ab".repeat(32));
    for text in ["", ".", "..", "../a", "a/b", "-a", ".hidden", "a b", "a.pem", "a.pub", "\u{e4}", &long, &id]
    {
        assert!(text.parse::<KeyName>().is_err(), "{text:?}");
    }
}

#[test]
fn a_key_in_a_file_of_its_own_is_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(&[1; 32]);
    for (file, public) in [("ci.pem", "ci.pub"), ("plain", "plain.pub"), ("odd.pub", "odd.pub.pub")] {
        let path = dir.path().join(file);
        write_key(&path, &key).unwrap();
        assert_eq!((mode(&path), public_path(&path)), (0o600, dir.path().join(public)));
        assert_eq!(load_private_key(&path).unwrap().id(), key.id());
        assert_eq!(std::fs::read_to_string(dir.path().join(public)).unwrap(), key.public().to_pem());
        let again = write_key(&path, &SigningKey::from_seed(&[2; 32])).unwrap_err();
        assert!(matches!(again, KeyStoreError::FileExists { .. }), "{again}");
        assert_eq!(load_private_key(&path).unwrap().id(), key.id());
    }
}

/// A store that keeps the key to itself, and does what it is told: as one on another machine may.
#[derive(Debug)]
struct Elsewhere {
    public: PublicKey,
    signs_with: Option<u8>,
}

impl Signer for Elsewhere {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        let seed = self.signs_with.ok_or(KeyStoreError::NoSuchId { id: self.public.id() })?;
        Ok(SigningKey::from_seed(&[seed; 32]).sign(message))
    }
}

#[test]
fn a_key_that_another_store_keeps_signs_what_a_file_signs_and_nothing_else_leaves() {
    let (here, statement) = (SigningKey::from_seed(&[1; 32]), br#"{"a":1}"#);
    let elsewhere = |signs_with| Elsewhere { public: here.public().clone(), signs_with };
    let signed = sign_statement(statement, &here).unwrap();
    assert_eq!(sign_statement(statement, &elsewhere(Some(1))).unwrap().bytes(), signed.bytes());
    assert_eq!(signed.bytes(), Envelope::sign(IN_TOTO, statement, &[&here]).unwrap().bytes());
    let second = SigningKey::from_seed(&[2; 32]);
    let both = Envelope::sign(IN_TOTO, statement, &[&second]).unwrap();
    let added = add_signature(&both, &elsewhere(Some(1))).unwrap();
    assert_eq!(added.bytes(), both.add_signature(&here).unwrap().bytes());
    // A store that is away, and one that signs with another key than it says.
    for (signs_with, expected) in [(None, "no stored key has the id"), (Some(2), "no signature by that key")]
    {
        for error in [
            sign_statement(statement, &elsewhere(signs_with)).unwrap_err(),
            add_signature(&both, &elsewhere(signs_with)).unwrap_err(),
        ] {
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
