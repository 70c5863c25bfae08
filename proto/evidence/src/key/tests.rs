use aws_lc_rs::signature::EcdsaKeyPair;

use super::*;

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
fn refuses_keys_that_it_does_not_know_by_name() {
    let spki = |algorithm: &str, key: &str| hex::decode(format!("{algorithm}{key}")).unwrap();
    // id-ecPublicKey with secp384r1, rsaEncryption, Ed448; the key bits do not matter.
    for (der, name) in [
        (spki("3018301006072a8648ce3d020106052b81040022", "030400040102"), "ECDSA P-384"),
        (spki("3018301006072a8648ce3d020106052b81040023", "030400040102"), "ECDSA P-521"),
        (spki("3013300d06092a864886f70d0101010500", "03020001"), "RSA"),
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
    let pem = pem::encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref()).unwrap();
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
    let pem = pem::encode_string("PRIVATE KEY", LineEnding::LF, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
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
    let rsa = pem::encode_string("PRIVATE KEY", LineEnding::LF, &rsa).unwrap();
    assert_eq!(
        SigningKey::from_pem(&rsa).unwrap_err(),
        SigningKeyError::Unsupported { algorithm: "RSA".into() }
    );
}
