//! Keys: PEM, SPKI, PKCS#8.

use custody_evidence::key::{KeyId, PublicKey, SigningKey};

use super::text::strict;
use super::{Target, texts};
use crate::claim::{Outcome, refused, same_bytes, with_text};
use crate::corpus::Corpus;

const WORDS: &[&str] =
    &["-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n", "\r\n", "PRIVATE KEY", "=", "RSA "];

/// A key that OpenSSL made for these tests alone.
const P256: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+J/SQtR0puInuxtl
vgpFx4/OadRQPL6xvrz0p1g1fomhRANCAARX5rtWAdHuRV6AuCPmq9oO19F3TgjQ
s17zXsAEs9/Imxm7XEvYO0fuNSB4xGcAeC7oM6G1AorSBbMTrji5C1SJ
-----END PRIVATE KEY-----
";

pub(super) const TARGETS: &[Target] = &[
    Target { name: "key.pem", max: 2 << 10, rounds: 3000, words: WORDS, seeds: public, run: pem },
    Target { name: "key.spki", max: 600, rounds: 4000, words: &[], seeds: spki, run: der },
    Target { name: "key.signing", max: 2 << 10, rounds: 2000, words: WORDS, seeds: private, run: signing },
    Target { name: "key.id", max: 100, rounds: 2000, words: &[], seeds: ids, run: strict::<KeyId> },
];

fn pem(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match PublicKey::from_pem(text) {
        Ok(key) => {
            let again = PublicKey::from_pem(&key.to_pem()).expect("what we write, we read");
            same_bytes("key", again.spki_der(), key.spki_der());
            assert_eq!(key.id().to_string().parse(), Ok(key.id()));
            assert!(key.verify(b"message", &[0; 64]).is_err(), "a key that signed everything");
            assert!(key.verify(b"message", &[]).is_err());
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

/// One key has one encoding, or it would have two ids.
fn der(bytes: &[u8]) -> Outcome {
    match PublicKey::from_spki_der(bytes) {
        Ok(key) => {
            same_bytes("SPKI", key.spki_der(), bytes);
            if let Some(raw) = key.ed25519_bytes() {
                assert_eq!(PublicKey::from_ed25519(raw).map(|key| key.id()), Ok(key.id()));
            }
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn signing(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match SigningKey::from_pem(text) {
        Ok(key) => {
            let again = SigningKey::from_pem(&key.to_pem()).expect("what we write, we read");
            assert_eq!(again.id(), key.id());
            assert!(
                again.public().verify(b"message", &key.sign(b"message")).is_ok(),
                "a key that cannot sign"
            );
            Outcome::Accepted
        }
        Err(error) => {
            let secret = text.lines().find(|line| line.len() >= 32 && !line.starts_with('-'));
            let shown = secret.is_some_and(|secret| error.to_string().contains(secret));
            assert!(!shown, "an error shows the secret");
            refused(&error)
        }
    })
}

fn keys() -> Vec<PublicKey> {
    let p256 = SigningKey::from_pem(P256).map(|key| key.public().clone());
    (1..4).map(|seed| SigningKey::from_seed(&[seed; 32]).public().clone()).chain(p256).collect()
}

fn public(corpus: &Corpus) -> Vec<Vec<u8>> {
    [keys().iter().map(|key| key.to_pem().into_bytes()).collect(), corpus.documents("dsse/keys")].concat()
}

fn spki(_: &Corpus) -> Vec<Vec<u8>> {
    keys().iter().map(|key| key.spki_der().to_vec()).collect()
}

fn private(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[&SigningKey::from_seed(&[1; 32]).to_pem(), P256])
}

fn ids(_: &Corpus) -> Vec<Vec<u8>> {
    keys().iter().map(|key| key.id().to_string().into_bytes()).collect()
}
