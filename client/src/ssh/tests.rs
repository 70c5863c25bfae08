use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::key::SigningKey;
use custody_log::Timestamp;
use sha2::{Digest as _, Sha256, Sha512};

use super::wire::put_string;
use super::*;

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        put_string(&mut out, part);
    }
    out
}

/// What a signature is made of; each part can be another one.
#[derive(Clone)]
struct Parts {
    version: u32,
    key: Vec<u8>,
    namespace: &'static str,
    hash: &'static str,
    value: Vec<u8>,
    after: Vec<u8>,
}

impl Parts {
    fn armour(&self) -> String {
        let mut bytes = b"SSHSIG".to_vec();
        bytes.extend(self.version.to_be_bytes());
        let (namespace, hash) = (self.namespace.as_bytes(), self.hash.as_bytes());
        bytes.extend(strings(&[&self.key, namespace, b"", hash, &self.value]));
        bytes.extend(&self.after);
        let base64 = STANDARD.encode(bytes);
        format!("-----BEGIN SSH SIGNATURE-----\n{base64}\n-----END SSH SIGNATURE-----\n")
    }

    fn check(&self, message: &[u8]) -> Result<(), SshSignatureError> {
        SshSignature::parse(&self.armour())?.verify("git", message)
    }
}

fn signed_data(namespace: &str, hash: &str, message: &[u8]) -> Vec<u8> {
    let digest =
        if hash == "sha256" { Sha256::digest(message).to_vec() } else { Sha512::digest(message).to_vec() };
    [b"SSHSIG".to_vec(), strings(&[namespace.as_bytes(), b"", hash.as_bytes(), &digest])].concat()
}

const MESSAGE: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";

fn ed25519_blob(seed: u8) -> Vec<u8> {
    let key = SigningKey::from_seed(&[seed; 32]);
    strings(&[b"ssh-ed25519", key.public().ed25519_bytes().unwrap()])
}

/// An Ed25519 signature over the message.
fn ed25519(hash: &'static str) -> Parts {
    let key = SigningKey::from_seed(&[1; 32]);
    let made = key.sign(&signed_data("git", hash, MESSAGE));
    let value = strings(&[b"ssh-ed25519", &made]);
    Parts { version: 1, key: ed25519_blob(1), namespace: "git", hash, value, after: Vec::new() }
}

/// What a token signs, with what the user did and the counter.
fn token_data(application: &[u8], flags: u8, counter: u32) -> Vec<u8> {
    let data = signed_data("git", "sha512", MESSAGE);
    let digests = (Sha256::digest(application).to_vec(), Sha256::digest(data).to_vec());
    [digests.0, vec![flags], counter.to_be_bytes().to_vec(), digests.1].concat()
}

fn token_value(kind: &str, made: &[u8], flags: u8, counter: u32) -> Vec<u8> {
    [strings(&[kind.as_bytes(), made]), vec![flags], counter.to_be_bytes().to_vec()].concat()
}

const TOKEN: &str = "sk-ssh-ed25519@openssh.com";
const TOKEN_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

fn token_ed25519() -> Parts {
    let key = SigningKey::from_seed(&[1; 32]);
    let made = key.sign(&token_data(b"ssh:", 1, 7));
    Parts {
        key: strings(&[TOKEN.as_bytes(), key.public().ed25519_bytes().unwrap(), b"ssh:"]),
        value: token_value(TOKEN, &made, 1, 7),
        ..ed25519("sha512")
    }
}

fn number(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap();
    let zero: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    [zero, &bytes[start..]].concat()
}

fn token_ecdsa() -> Parts {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let made = pair.sign(&random, &token_data(b"ssh:", 1, 7)).unwrap();
    let (r, s) = made.as_ref().split_at(32);
    let point = pair.public_key().as_ref();
    Parts {
        key: strings(&[TOKEN_ECDSA.as_bytes(), b"nistp256", point, b"ssh:"]),
        value: token_value(TOKEN_ECDSA, &strings(&[&number(r), &number(s)]), 1, 7),
        ..ed25519("sha512")
    }
}

#[test]
fn a_signature_is_verified_and_none_with_one_part_changed_is() {
    type Change = fn(&mut Parts);
    let changes: &[(&str, Change)] = &[
        ("another version", |parts| parts.version = 2),
        ("another key", |parts| parts.key = ed25519_blob(2)),
        ("a byte behind the key", |parts| parts.key.push(0)),
        ("another namespace", |parts| parts.namespace = "file"),
        ("a namespace with more behind", |parts| parts.namespace = "git\0"),
        ("another hash", |parts| parts.hash = if parts.hash == "sha256" { "sha512" } else { "sha256" }),
        ("a hash that is not taken", |parts| parts.hash = "sha1"),
        ("a bit of the signature", |parts| *parts.value.last_mut().unwrap() ^= 1),
        ("a byte behind the signature", |parts| parts.value.push(0)),
        ("a signature cut short", |parts| parts.value.truncate(parts.value.len() - 1)),
        ("a byte behind all", |parts| parts.after.push(0)),
        ("another kind of signature", |parts| parts.value[5] ^= 1),
    ];
    for good in [ed25519("sha256"), ed25519("sha512"), token_ed25519(), token_ecdsa()] {
        assert_eq!(good.check(MESSAGE), Ok(()));
        assert!(good.check(b"another message").is_err());
        for (what, change) in changes {
            let mut other = good.clone();
            change(&mut other);
            assert!(other.check(MESSAGE).is_err(), "{what}");
        }
    }
}

#[test]
fn what_a_token_adds_is_signed_too() {
    let key = SigningKey::from_seed(&[1; 32]);
    let made = key.sign(&token_data(b"ssh:", 1, 7));
    let good = token_ed25519();
    for (flags, counter) in [(0, 7), (5, 7), (1, 8)] {
        let changed = Parts { value: token_value(TOKEN, &made, flags, counter), ..good.clone() };
        assert_eq!(changed.check(MESSAGE), Err(SshSignatureError::NotMade));
    }
    let key = strings(&[TOKEN.as_bytes(), key.public().ed25519_bytes().unwrap(), b"ssh:other"]);
    assert_eq!(Parts { key, ..good.clone() }.check(MESSAGE), Err(SshSignatureError::NotMade));
    // The key of a token signs nothing without it, and one without a token nothing for it.
    let plain = Parts { value: ed25519("sha512").value, ..good.clone() };
    assert!(matches!(plain.check(MESSAGE), Err(SshSignatureError::Algorithm { .. })));
    let token = Parts { key: ed25519_blob(1), ..good };
    assert!(matches!(token.check(MESSAGE), Err(SshSignatureError::Algorithm { .. })));
}

#[test]
fn what_is_not_checked_here_is_told_apart_from_what_does_not_hold() {
    let kinds = ["ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed448"];
    for kind in kinds {
        let parts = Parts { key: strings(&[kind.as_bytes(), &[1; 32]]), ..ed25519("sha512") };
        assert!(parts.check(MESSAGE).unwrap_err().is_unsupported(), "{kind}");
    }
    assert!(Parts { hash: "sha1", ..ed25519("sha512") }.check(MESSAGE).unwrap_err().is_unsupported());
    // A key of small order signs everything.
    let weak = Parts { key: strings(&[b"ssh-ed25519", &[0; 32]]), ..ed25519("sha512") };
    let weak = weak.check(MESSAGE).unwrap_err();
    assert!(matches!(weak, SshSignatureError::Key(SshKeyError::Unusable(_))) && !weak.is_unsupported());
    for short in ["", "ssh", "-----BEGIN SSH SIGNATURE----------END SSH SIGNATURE-----"] {
        let error = SshSignature::parse(short).unwrap_err();
        assert!(!error.is_unsupported(), "{short}");
    }
    let long = ed25519("sha512").armour().replace('\n', &" ".repeat(ARMOUR_MAX / 2));
    assert_eq!(SshSignature::parse(&long), Err(SshSignatureError::Armour));
}

/// Every part of the bytes counts: cut anywhere, it is no signature.
#[test]
fn a_signature_that_is_cut_is_none() {
    for parts in [ed25519("sha512"), token_ecdsa()] {
        let armour = parts.armour();
        let base64: String = armour.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = STANDARD.decode(base64).unwrap();
        for length in 0..bytes.len() {
            let cut = STANDARD.encode(&bytes[..length]);
            let armour = format!("-----BEGIN SSH SIGNATURE-----\n{cut}\n-----END SSH SIGNATURE-----");
            let found = SshSignature::parse(&armour).and_then(|signature| signature.verify("git", MESSAGE));
            assert!(found.is_err(), "{length} bytes");
        }
    }
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn key_text(seed: u8) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(ed25519_blob(seed)))
}

fn allowed(file: &str) -> Allowed {
    let key = key_text(1);
    let signers = AllowedSigners::parse(&file.replace("KEY", &key).replace("OTHER", &key_text(2))).unwrap();
    signers.allows(&ed25519_blob(1), "git", time("2026-11-20T11:30:00Z"))
}

#[test]
fn a_line_allows_its_key_for_its_uses_and_times_only() {
    let yes = Allowed::Yes { principals: "ann@example.com".to_owned() };
    for file in [
        "ann@example.com KEY",
        "# who may sign\n\n  ann@example.com   KEY ann's laptop\n",
        "bob@example.com OTHER\nann@example.com KEY\n",
        "\"ann@example.com\" KEY",
        "ann@example.com namespaces=\"git\" KEY",
        "ann@example.com namespaces=\"file,g*t\" KEY",
        "ann@example.com NAMESPACES=\"gi?\" KEY",
        "ann@example.com valid-after=\"20261120Z\",valid-before=\"20261121Z\" KEY",
        "ann@example.com valid-after=\"20261120113000Z\",valid-before=\"202611201130Z\" KEY",
        // Far enough from the ends, the zone does not matter.
        "ann@example.com valid-after=\"20261118\",valid-before=\"20261122\",namespaces=\"git\" KEY",
        "ann@example.com valid-before=\"20200101Z\" KEY\nann@example.com KEY",
        "ann@example.com cert-authority KEY\nann@example.com KEY",
    ] {
        assert_eq!(allowed(file), yes, "{file}");
    }
    assert!(matches!(allowed("ann,bob@* KEY"), Allowed::Yes { principals } if principals == "ann,bob@*"));
    for file in ["", "# nobody", "ann@example.com OTHER", "ann@example.com cert-authority KEY"] {
        assert_eq!(allowed(file), Allowed::NotListed, "{file}");
    }
    for list in ["file", "gitt", "gi", "", "!git,*", "*,!g*", "Git", " git"] {
        let found = allowed(&format!("ann@example.com namespaces=\"{list}\" KEY"));
        assert_eq!(found, Allowed::OtherNamespace { namespaces: list.to_owned() }, "{list}");
    }
    for window in [
        "valid-after=\"20261120113001Z\"",
        "valid-before=\"20261120112959Z\"",
        "valid-before=\"20200101\"",
        "valid-after=\"20300101\"",
        "valid-after=\"20261101Z\",valid-before=\"20261120Z\"",
    ] {
        let found = allowed(&format!("ann@example.com {window} KEY"));
        assert!(matches!(found, Allowed::OtherTime { .. }), "{window}: {found:?}");
    }
    for window in ["valid-after=\"20261120\"", "valid-before=\"20261121\"", "valid-before=\"202611201130\""] {
        let found = allowed(&format!("ann@example.com {window} KEY"));
        assert!(matches!(found, Allowed::LocalTime { .. }), "{window}: {found:?}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_none_is_passed_over() {
    let key = key_text(1);
    let other_kind = key.replace("ssh-ed25519 ", "ssh-rsa ");
    for (line, problem) in [
        ("ann@example.com", LineProblem::Form),
        ("ann@example.com ssh-ed25519", LineProblem::Form),
        ("ann@example.com ssh-ed25519 !!!!", LineProblem::Form),
        ("ann@example.com ssh-ed25519 AAAA", LineProblem::Form),
        ("ann@example.com KIND", LineProblem::Form),
        ("ann@example.com namespaces=\"git KEY", LineProblem::Form),
        ("ann@example.com no-touch KEY", LineProblem::Option { found: "no-touch".to_owned() }),
        ("ann@example.com namespaces=git KEY", LineProblem::Option { found: "namespaces=git".to_owned() }),
        (
            "ann@example.com cert-authority=\"x\" KEY",
            LineProblem::Option { found: "cert-authority".to_owned() },
        ),
        (
            "ann@example.com namespaces=\"a\",namespaces=\"git\" KEY",
            LineProblem::Option { found: "namespaces".to_owned() },
        ),
        ("ann@example.com valid-after=\"soon\" KEY", LineProblem::Time { found: "soon".to_owned() }),
        (
            "ann@example.com valid-after=\"20261301Z\" KEY",
            LineProblem::Time { found: "20261301Z".to_owned() },
        ),
        ("ann@example.com valid-after=\"2026112\" KEY", LineProblem::Time { found: "2026112".to_owned() }),
    ] {
        let file = format!("# first\n{}\n", line.replace("KEY", &key).replace("KIND", &other_kind));
        assert_eq!(
            AllowedSigners::parse(&file),
            Err(AllowedSignersError::Line { line: 2, problem }),
            "{line}"
        );
    }
    let long = "#".repeat(ALLOWED_MAX + 1);
    assert!(matches!(AllowedSigners::parse(&long), Err(AllowedSignersError::TooLong { .. })));
}

#[test]
fn revoked_keys_are_a_list_of_public_keys() {
    let file = format!("# lost\n{} ann\n", key_text(1));
    let revoked = RevokedKeys::parse(file.as_bytes()).unwrap();
    assert!(revoked.contains(&ed25519_blob(1)) && !revoked.contains(&ed25519_blob(2)));
    assert_eq!(RevokedKeys::parse(b"SSHKRL\n\0\0"), Err(RevokedKeysError::Binary));
    assert_eq!(RevokedKeys::parse(b"\nhash: SHA256:x\n"), Err(RevokedKeysError::Line { line: 2 }));
}
