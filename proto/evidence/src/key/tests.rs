use aws_lc_rs::signature::EcdsaKeyPair;

use super::*;

mod pss;

const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn p256_pem() -> String {
    // RFC 6979 section A.2.5.
    let point = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    PublicKey::from_p256(&hex::decode(point).unwrap().try_into().unwrap()).unwrap().to_pem()
}

#[test]
fn reads_back_its_own_pem() {
    for pem in [ED25519.to_owned(), p256_pem()] {
        let key = PublicKey::from_pem(&pem).unwrap();
        assert_eq!(key.to_pem(), pem);
        assert_eq!(PublicKey::from_spki_der(key.spki_der()).unwrap(), key);
        assert_eq!(key.id().to_string().parse::<KeyId>().unwrap(), key.id());
    }
}

#[test]
fn names_a_key_by_the_digest_of_its_spki() {
    // openssl pkey -pubin -outform DER | sha256sum
    let key = PublicKey::from_pem(ED25519).unwrap();
    assert_eq!(key.id().as_bytes(), Sha256::digest(key.spki_der()).as_slice());
    assert_eq!(key.spki_der().len(), 44);
}

#[test]
fn a_key_id_has_one_text() {
    let text = SigningKey::from_seed(&[7; 32]).id().to_string();
    assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
    for other in [
        String::new(),
        text.to_uppercase(),
        text[1..].to_owned(),
        text[2..].to_owned(),
        format!("{text}0"),
        format!("{text}00"),
        format!("0x{}", &text[2..]),
        format!(" {}", &text[1..]),
    ] {
        assert_eq!(
            other.parse::<KeyId>(),
            Err(KeyIdError { found: other.chars().take(80).collect() }),
            "{other:?}"
        );
    }
}

#[test]
fn refuses_keys_that_it_does_not_know_by_name() {
    let spki = |algorithm: &str, key: &str| hex::decode(format!("{algorithm}{key}")).unwrap();
    // id-ecPublicKey with secp256k1, id-RSASSA-PSS, Ed448; the key bits do not matter.
    for (der, name) in [
        (spki("3018301006072a8648ce3d020106052b8104000a", "030400040102"), "ECDSA secp256k1"),
        (spki("3011300b06092a864886f70d01010a", "03020001"), "RSA-PSS (written as such in the key)"),
        (spki("300b300506032b6571", "03020001"), "Ed448"),
        (spki("300b300506032b6501", "03020001"), "1.3.101.1"),
    ] {
        assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::Unsupported { algorithm: name.into() }));
    }
    let pem = ED25519.replace("PUBLIC KEY", "CERTIFICATE");
    assert_eq!(
        PublicKey::from_pem(&pem),
        Err(KeyError::Unsupported { algorithm: "X.509 certificate".into() })
    );
}

#[test]
fn refuses_a_second_encoding_of_a_key() {
    let key = PublicKey::from_pem(&p256_pem()).unwrap();
    let x = &key.spki_der()[27..59];
    // The same point, compressed: y is odd.
    let compressed =
        [hex::decode("3039301306072a8648ce3d020106082a8648ce3d030107032200").unwrap(), vec![3], x.to_vec()]
            .concat();
    assert_eq!(
        PublicKey::from_spki_der(&compressed),
        Err(KeyError::NotCanonical { algorithm: Algorithm::EcdsaP256 })
    );
    // The Ed25519 key with a NULL parameter, which RFC 8410 section 3 forbids.
    let ed25519 = PublicKey::from_pem(ED25519).unwrap();
    let null =
        [hex::decode("302c300706032b65700500032100").unwrap(), ed25519.spki_der()[12..].to_vec()].concat();
    assert_eq!(
        PublicKey::from_spki_der(&null),
        Err(KeyError::NotCanonical { algorithm: Algorithm::Ed25519 })
    );
    // y = p + 1 stands for the same point as y = 1; p + 3 for a point that is not weak.
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xed + 3, 0x7f);
    assert_eq!(
        PublicKey::from_ed25519(&bytes),
        Err(KeyError::NotCanonical { algorithm: Algorithm::Ed25519 })
    );
}

/// A key pair of each algorithm that only verifies here, with a way to sign.
type Signs = Box<dyn Fn(&[u8]) -> Vec<u8>>;

fn foreign_keys() -> Vec<(Algorithm, Vec<u8>, Signs)> {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        self as lc, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, KeyPair as _, RsaKeyPair,
    };
    let mut keys: Vec<(Algorithm, Vec<u8>, Signs)> = Vec::new();
    for (algorithm, signing) in [
        (Algorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        (Algorithm::EcdsaP384, &ECDSA_P384_SHA384_FIXED_SIGNING),
        (Algorithm::EcdsaP521, &ECDSA_P521_SHA512_ASN1_SIGNING),
        (Algorithm::EcdsaP521, &ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let sign = move |message: &[u8]| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
        keys.push((algorithm, spki, Box::new(sign)));
    }
    for padding in [&lc::RSA_PKCS1_SHA256, &lc::RSA_PSS_SHA256] {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let sign = move |message: &[u8]| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
            signature
        };
        keys.push((Algorithm::Rsa, spki, Box::new(sign)));
    }
    keys
}

#[test]
fn verifies_the_algorithms_that_others_sign_with() {
    for (algorithm, spki, sign) in foreign_keys() {
        let key = PublicKey::from_spki_der(&spki).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap(), key);
        let signature = sign(b"message");
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert!(key.verify(b"massage", &signature).is_err());
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(key.verify(b"message", &changed).is_err(), "{algorithm} byte {at}");
        }
        assert!(key.verify(b"message", &[signature.as_slice(), &[0]].concat()).is_err());
        assert!(key.verify(b"message", &signature[1..]).is_err());
        assert!(key.verify(b"message", b"").is_err());
        let hash = key.hash().unwrap();
        assert_eq!(key.verify_prehashed(hash, &hash.digest(b"message"), &signature), Ok(()));
        assert!(key.verify_prehashed(hash, &hash.digest(b"massage"), &signature).is_err());
        assert!(key.verify_prehashed(hash, b"short", &signature).is_err());
        let other = if hash == HashAlgorithm::Sha512 { HashAlgorithm::Sha384 } else { HashAlgorithm::Sha512 };
        let found = key.verify_prehashed(other, &other.digest(b"message"), &signature);
        assert_eq!(found, Err(PrehashedError::Hash { algorithm, expected: hash, found: other }));
    }
}

#[test]
fn no_ed25519_key_is_checked_with_a_digest_alone() {
    let key = SigningKey::from_seed(&[7; 32]);
    let digest = HashAlgorithm::Sha512.digest(b"message");
    let found = key.public().verify_prehashed(HashAlgorithm::Sha512, &digest, &key.sign(&digest));
    assert_eq!(found, Err(PrehashedError::NeedsMessage));
}

/// A `SubjectPublicKeyInfo` of RSA whose modulus has these bytes after a zero byte.
fn rsa_spki(algorithm: &[u8], modulus: &[u8]) -> Vec<u8> {
    fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], value].concat()
    }
    let modulus = tlv(0x02, &[&[0], modulus].concat());
    let key = tlv(0x30, &[modulus.as_slice(), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat());
    tlv(0x30, &[algorithm, &tlv(0x03, &[&[0], key.as_slice()].concat())].concat())
}

#[test]
fn refuses_rsa_keys_of_other_sizes_and_encodings() {
    let algorithm = hex::decode("300d06092a864886f70d0101010500").unwrap();
    let read = |length: usize| PublicKey::from_spki_der(&rsa_spki(&algorithm, &vec![0xff; length]));
    let size = |found| Err(KeyError::RsaSize { min: 2048, max: 8192, found });
    assert!(read(256).is_ok());
    assert!(read(1024).is_ok());
    assert_eq!(read(1025), size(8200));
    assert_eq!(read(255), size(2040));
    assert_eq!(
        PublicKey::from_pem("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n"),
        Err(KeyError::Unsupported { algorithm: "bare RSA (PKCS#1)".into() })
    );
    // rsaEncryption without its NULL.
    let bare = hex::decode("300b06092a864886f70d010101").unwrap();
    let not_canonical = Err(KeyError::NotCanonical { algorithm: Algorithm::Rsa });
    assert_eq!(PublicKey::from_spki_der(&rsa_spki(&bare, &[0xff; 256])), not_canonical);
}

#[test]
fn refuses_points_off_the_curve_and_keys_that_sign_everything() {
    let mut point = [0x04; 65];
    assert_eq!(PublicKey::from_p256(&point), Err(KeyError::Unusable { algorithm: Algorithm::EcdsaP256 }));
    point[0] = 0x06;
    assert_eq!(PublicKey::from_p256(&point), Err(KeyError::NotCanonical { algorithm: Algorithm::EcdsaP256 }));
    let mut small = [0; 32];
    assert_eq!(PublicKey::from_ed25519(&small), Err(KeyError::Unusable { algorithm: Algorithm::Ed25519 }));
    small[0] = 1;
    assert_eq!(PublicKey::from_ed25519(&small), Err(KeyError::Unusable { algorithm: Algorithm::Ed25519 }));
    small[0] = 2;
    assert_eq!(PublicKey::from_ed25519(&small), Err(KeyError::Unusable { algorithm: Algorithm::Ed25519 }));
}

#[test]
fn refuses_text_that_is_no_public_key() {
    let key = SigningKey::from_seed(&[7; 32]);
    assert_eq!(PublicKey::from_pem(&key.to_pem()), Err(KeyError::Private));
    assert_eq!(PublicKey::from_pem("ssh-ed25519 AAAA"), Err(KeyError::Pem));
    assert_eq!(PublicKey::from_pem(""), Err(KeyError::Pem));
    let label = ED25519.replace("PUBLIC KEY", "PGP MESSAGE");
    assert_eq!(PublicKey::from_pem(&label), Err(KeyError::Label { label: "PGP MESSAGE".into() }));
    assert_eq!(PublicKey::from_spki_der(&[0x30, 0x00]), Err(KeyError::Der));
    let trailing = [PublicKey::from_pem(ED25519).unwrap().spki_der(), &[0]].concat();
    assert_eq!(PublicKey::from_spki_der(&trailing), Err(KeyError::Der));
}

#[test]
fn signs_and_verifies_with_both_algorithms() {
    // A P-256 key made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
    let pair = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let der = pair.to_pkcs8v1().unwrap();
    let pem = encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref()).unwrap();
    for key in [SigningKey::from_seed(&[7; 32]), SigningKey::from_pem(&pem).unwrap()] {
        let signature = key.sign(b"message");
        assert_eq!(key.public().verify(b"message", &signature), Ok(()));
        assert!(key.public().verify(b"messagf", &signature).is_err());
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(key.public().verify(b"message", &changed).is_err(), "byte {at}");
        }
        assert!(key.public().verify(b"message", &[signature.as_slice(), &[0]].concat()).is_err());
        assert!(key.public().verify(b"message", &signature[1..]).is_err());
        assert!(key.public().verify(b"message", b"").is_err());
        let again = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.to_pem(), key.to_pem());
        assert!(again.public().verify(b"message", &again.sign(b"message")).is_ok());
    }
}

#[test]
fn a_digest_made_before_verifies_like_the_message() {
    let pair = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let pem = encode_string("PRIVATE KEY", LineEnding::LF, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
    let p256 = SigningKey::from_pem(&pem).unwrap();
    let raw = EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        pair.to_pkcs8v1().unwrap().as_ref(),
    )
    .unwrap();
    let raw = raw.sign(&aws_lc_rs::rand::SystemRandom::new(), b"message").unwrap();
    let sha256 = |message: &[u8]| -> [u8; 32] { Sha256::digest(message).into() };
    for signature in [p256.sign(b"message").as_slice(), raw.as_ref()] {
        assert_eq!(p256.public().verify(b"message", signature), Ok(()));
        // Only the digest counts: the message is not hashed again.
        assert!(p256.public().made_over(b"", || sha256(b"message"), signature));
        assert!(!p256.public().made_over(b"message", || sha256(b"massage"), signature));
        assert!(!p256.public().hashes_message_for(signature));
    }
    let ed25519 = SigningKey::from_seed(&[7; 32]);
    let signature = ed25519.sign(b"message");
    assert!(ed25519.public().made_over(b"message", || panic!("Ed25519 needs no SHA-256"), &signature));
    assert!(ed25519.public().hashes_message_for(&signature));
    assert!(!ed25519.public().hashes_message_for(&signature[1..]));
}

#[test]
fn debug_shows_no_secret() {
    let key = SigningKey::from_seed(&[7; 32]);
    assert_eq!(format!("{key:?}"), format!("SigningKey(ed25519, {})", key.id()));
}

#[test]
fn says_how_to_convert_other_private_keys() {
    let pem = SigningKey::from_seed(&[7; 32]).to_pem();
    let labelled = |label: &str| SigningKey::from_pem(&pem.replace("PRIVATE KEY", label)).unwrap_err();
    assert_eq!(labelled("ENCRYPTED PRIVATE KEY"), SigningKeyError::Encrypted);
    assert_eq!(labelled("EC PRIVATE KEY"), SigningKeyError::OldForm { form: "EC PRIVATE KEY".into() });
    assert_eq!(labelled("PUBLIC KEY"), SigningKeyError::Label { label: "PUBLIC KEY".into() });
    assert_eq!(SigningKey::from_pem("x").unwrap_err(), SigningKeyError::Pem);
    let rsa = hex::decode("3015020100300d06092a864886f70d0101010500040100").unwrap();
    let rsa = encode_string("PRIVATE KEY", LineEnding::LF, &rsa).unwrap();
    assert_eq!(
        SigningKey::from_pem(&rsa).unwrap_err(),
        SigningKeyError::Unsupported { algorithm: "RSA".into() }
    );
}
