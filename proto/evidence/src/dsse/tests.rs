use super::verify::verdicts;
use super::*;
use crate::key::{Algorithm, PublicKey};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn signed(keys: &[&SigningKey]) -> Envelope {
    Envelope::sign(IN_TOTO, b"{}", keys).unwrap()
}

fn outer(payload: &str, sig: &str) -> Vec<u8> {
    format!(r#"{{"payload":"{payload}","payloadType":"t","signatures":[{{"sig":"{sig}"}}]}}"#).into_bytes()
}

#[test]
fn pae_is_that_of_the_specification() {
    // DSSE protocol, "Test vectors".
    let pae = Pae::of("http://example.com/HelloWorld", b"hello world");
    assert_eq!(pae.bytes(), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_eq!(pae.payload(), b"hello world");
    // Lengths are bytes, not characters.
    assert_eq!(Pae::of("\u{e9}", b"").bytes(), "DSSEv1 2 \u{e9} 0 ".as_bytes());
}

#[test]
fn payload_is_the_end_of_what_is_verified() {
    let envelope = signed(&[&key(1)]);
    assert_eq!(envelope.payload(), b"{}");
    assert_eq!(envelope.pae(), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    assert_eq!(envelope.content(), ContentDigest::of(envelope.pae()));
    assert_eq!(Envelope::parse(envelope.bytes()).unwrap().bytes(), envelope.bytes());
}

#[test]
fn accepts_both_alphabets_and_empty_payloads() {
    // The bytes fb ff fe.
    for payload in ["+//+", "-__-"] {
        assert_eq!(Envelope::parse(&outer(payload, "")).unwrap().payload(), [0xfb, 0xff, 0xfe]);
    }
    assert_eq!(Envelope::parse(&outer("", "")).unwrap().payload(), b"");
    assert_eq!(Envelope::parse(&outer("e30=", "")).unwrap().payload(), b"{}");
    // An escaped slash and an escaped padding character are the same text.
    assert_eq!(Envelope::parse(&outer("e30\\u003d", "")).unwrap().payload(), b"{}");
}

#[test]
fn refuses_bad_base64_in_the_payload() {
    for (payload, problem) in [
        ("e30", Base64Error::Padding { length: 3 }),
        ("e", Base64Error::Padding { length: 1 }),
        ("====", Base64Error::Character { at: 1 }),
        ("e30==", Base64Error::Padding { length: 5 }),
        ("e3==", Base64Error::LastCharacter),
        ("e31=", Base64Error::LastCharacter),
        ("+_==", Base64Error::Character { at: 1 }),
        ("e3 =", Base64Error::Character { at: 3 }),
        ("e30=e30=", Base64Error::Character { at: 4 }),
    ] {
        let error = Envelope::parse(&outer(payload, "")).unwrap_err();
        assert_eq!(error, EnvelopeError::Payload { problem }, "{payload}");
    }
}

#[test]
fn keeps_a_signature_that_cannot_be_read_as_failed() {
    let envelope = Envelope::parse(&outer("e30=", "2")).unwrap();
    let verdicts = verify_signatures(&envelope, &[key(1).public().clone()]);
    assert_eq!(
        verdicts,
        [SignatureVerdict::Failed(Failure::Undecodable(Base64Error::Padding { length: 1 }))]
    );
}

#[test]
fn ignores_unknown_members_and_takes_null_for_an_unset_keyid() {
    let text = r#"{"x":{"a":1,"a":2},"payloadType":"t","signatures":[{"keyid":null,"sig":"","y":[]},{"sig":""}],"payload":"e30="}"#;
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    assert!(envelope.signatures().iter().all(|signature| signature.keyid().is_empty()));
}

#[test]
fn refuses_an_outer_json_that_is_ambiguous_or_incomplete() {
    let good = r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"","sig":""}]}"#;
    assert!(Envelope::parse(good.as_bytes()).is_ok());
    for (from, to) in [
        (r#""payload":"e30=","#, ""),
        (r#""payload":"e30=","#, r#""payload":"e30=","payload":"e31=","#),
        (r#""payload":"e30=","#, r#""payload":"e30=","\u0070ayload":"e31=","#),
        (r#""payload":"e30=","#, r#""payload":null,"#),
        (r#""payloadType":"t","#, ""),
        (r#""payloadType":"t","#, r#""payloadType":1,"#),
        (r#""signatures":[{"keyid":"","sig":""}]"#, r#""signatures":[]"#),
        (r#""signatures":[{"keyid":"","sig":""}]"#, r#""signatures":{}"#),
        (r#","sig":"""#, ""),
        (r#","sig":"""#, r#","sig":"","sig":"""#),
        (r#""keyid":"","#, r#""keyid":"","keyid":"","#),
        ("}]}", "}]}x"),
        ("}]}", "}]"),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn refuses_more_than_16_signatures_and_long_hints_and_types() {
    let with = |count: usize| {
        let signatures = vec![r#"{"sig":""}"#; count].join(",");
        Envelope::parse(
            format!(r#"{{"payload":"","payloadType":"t","signatures":[{signatures}]}}"#).as_bytes(),
        )
    };
    assert!(with(16).is_ok());
    assert_eq!(with(17).unwrap_err(), EnvelopeError::TooManySignatures { max: 16, found: 17 });
    assert_eq!(with(0).unwrap_err(), EnvelopeError::NoSignature);
    let hint = |length: usize| Envelope::from_parts("t", b"", &[("k".repeat(length), vec![])]);
    assert!(hint(1024).is_ok());
    assert_eq!(hint(1025).unwrap_err(), EnvelopeError::KeyIdTooLong { index: 0, max: 1024, found: 1025 });
    let typed = |length: usize| Envelope::from_parts(&"t".repeat(length), b"", &[(String::new(), vec![])]);
    assert!(typed(1024).is_ok());
    assert_eq!(typed(1025).unwrap_err(), EnvelopeError::PayloadTypeTooLong { max: 1024, found: 1025 });
}

#[test]
fn refuses_an_envelope_above_64_mib_before_reading_it() {
    let bytes = vec![b' '; MAX_ENVELOPE + 1];
    assert_eq!(
        Envelope::from_vec(bytes).unwrap_err(),
        EnvelopeError::TooLong { max: MAX_ENVELOPE, found: MAX_ENVELOPE + 1 }
    );
}

#[test]
fn hint_orders_keys_and_decides_nothing() {
    let (one, two) = (key(1), key(2));
    let keys = [two.public().clone(), one.public().clone()];
    let signature = one.sign(signed(&[&one]).pae());
    for hint in [String::new(), one.id().to_string(), two.id().to_string(), "projects/x/cryptoKeys/y".into()]
    {
        let envelope = Envelope::from_parts(IN_TOTO, b"{}", &[(hint, signature.clone())]).unwrap();
        assert_eq!(verify_signatures(&envelope, &keys), [SignatureVerdict::Verified(one.id())]);
    }
}

#[test]
fn tells_a_broken_signature_from_one_by_an_unknown_key() {
    let (one, two) = (key(1), key(2));
    let envelope = signed(&[&one]);
    let changed = Envelope::from_parts(
        IN_TOTO,
        b"{ }",
        &[(one.id().to_string(), envelope.signatures()[0].bytes().unwrap().to_vec())],
    )
    .unwrap();
    let keys = [one.public().clone(), two.public().clone()];
    assert_eq!(
        verify_signatures(&changed, &keys),
        [SignatureVerdict::Failed(Failure::NotByHintedKey { key: one.id() })]
    );
    assert_eq!(
        verify_signatures(&envelope, &keys[1..]),
        [SignatureVerdict::Failed(Failure::NoKey { tried: 1 })]
    );
    assert_eq!(
        verify_signatures::<PublicKey>(&envelope, &[]),
        [SignatureVerdict::NotChecked(NotChecked::NoKeys)]
    );
}

#[test]
fn tries_at_most_64_keys_with_the_hinted_one_first() {
    let signer = key(200);
    let mut keys: Vec<PublicKey> = (0..70).map(|seed| key(seed).public().clone()).collect();
    keys.push(signer.public().clone());
    let hinted = signed(&[&signer]);
    assert_eq!(verify_signatures(&hinted, &keys), [SignatureVerdict::Verified(signer.id())]);
    let unhinted =
        Envelope::from_parts(IN_TOTO, b"{}", &[(String::new(), signer.sign(hinted.pae()))]).unwrap();
    assert_eq!(
        verify_signatures(&unhinted, &keys),
        [SignatureVerdict::NotChecked(NotChecked::TooManyKeys { tried: 64, keys: 71 })]
    );
}

#[test]
fn counts_distinct_keys_towards_a_threshold() {
    let (one, two) = (key(1), key(2));
    let keys = [one.public().clone(), two.public().clone()];
    assert_eq!(signed(&[&one, &two]).require(&keys, 2).unwrap().signers().len(), 2);
    // One key twice, under two hints, is one key; the same key given twice is one key too.
    let twice = signed(&[&one]).add_signature(&one).unwrap();
    let error = twice.require(&keys, 2).unwrap_err();
    assert_eq!((error.needed, error.signed.len()), (2, 1));
    assert!(twice.require(&[one.public().clone(), one.public().clone()], 2).is_err());
    // A threshold of nothing is still a signature.
    assert!(signed(&[&key(3)]).require(&keys, 0).is_err());
    assert!(signed(&[&one]).require(&[], 0).is_err());
}

#[test]
fn a_certificate_is_unsupported_by_name_and_not_called_wrong() {
    let text = r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"","sig":"AAAA","cert":"-----BEGIN"}]}"#;
    let envelope = Envelope::parse(text.as_bytes()).unwrap();
    for keys in [vec![], vec![key(1).public().clone()]] {
        assert_eq!(
            verify_signatures(&envelope, &keys),
            [SignatureVerdict::Unsupported { algorithm: "X.509 certificate".into() }]
        );
    }
}

#[test]
fn a_change_to_any_signed_byte_is_refused() {
    let one = key(1);
    let envelope = signed(&[&one]);
    let signature = envelope.signatures()[0].bytes().unwrap().to_vec();
    let keys = [one.public().clone()];
    for (payload_type, payload) in
        [(IN_TOTO, &b"{} "[..]), (IN_TOTO, b""), ("application/vnd.in-toto+jsom", b"{}"), ("", b"{}")]
    {
        let changed =
            Envelope::from_parts(payload_type, payload, &[(one.id().to_string(), signature.clone())])
                .unwrap();
        assert!(changed.require(&keys, 1).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn never_panics_and_keeps_the_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        if let Ok(envelope) = Envelope::parse(&bytes) {
            proptest::prop_assert_eq!(envelope.bytes(), bytes.as_slice());
        }
    }

    #[test]
    fn reads_back_any_payload_it_signed(payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), kind in ".*") {
        let one = key(1);
        let envelope = Envelope::sign(&kind, &payload, &[&one]).unwrap();
        proptest::prop_assert_eq!(envelope.payload(), payload.as_slice());
        proptest::prop_assert_eq!(envelope.payload_type(), kind.as_str());
        proptest::prop_assert!(envelope.require(&[one.public().clone()], 1).is_ok());
    }
}

#[test]
fn refuses_lists_in_the_place_of_objects() {
    // Serde would read the elements as members in order; other readers see no envelope there.
    let good = r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"","sig":"AA=="}]}"#;
    Envelope::parse(good.as_bytes()).unwrap();
    for list in [
        r#"["e30=","t",[{"keyid":"","sig":"AA=="}]]"#,
        r#"{"payload":"e30=","payloadType":"t","signatures":[["","AA=="]]}"#,
    ] {
        assert!(Envelope::parse(list.as_bytes()).is_err(), "{list}");
    }
}

const MIB: usize = 1024 * 1024;

/// 64 keys, all of them of one algorithm.
fn many_keys(algorithm: Algorithm) -> Vec<PublicKey> {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    let p256 = || {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        PublicKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap()
    };
    let of = |seed| match algorithm {
        Algorithm::Ed25519 => key(seed).public().clone(),
        _ => p256(),
    };
    (0..64).map(of).collect()
}

/// 16 signatures of the shape of Ed25519 that nobody made, under these hints.
fn forged(length: usize, hints: impl Iterator<Item = String>) -> Envelope {
    let signatures: Vec<_> = hints.zip(1..=16).map(|(hint, byte)| (hint, vec![byte; 64])).collect();
    Envelope::from_parts(IN_TOTO, &vec![b' '; length], &signatures).unwrap()
}

/// Checks nothing and counts: returns how often a key was tried, and what came out.
fn counted(envelope: &Envelope, keys: &[PublicKey]) -> (usize, Vec<SignatureVerdict>) {
    let mut count = 0;
    let verdicts = verdicts(envelope, keys, |_, _| {
        count += 1;
        false
    });
    assert_eq!(verdicts.len(), 16);
    (count, verdicts)
}

#[test]
fn a_large_envelope_by_unknown_keys_is_refused_within_a_bound() {
    let keys = many_keys(Algorithm::Ed25519);
    let unknown = (0..16).map(|number| format!("key {number}")).collect();
    let known = keys.iter().map(|key| key.id().to_string()).collect();
    for hints in [vec![String::new(); 16], unknown, known] {
        let hints: Vec<String> = hints;
        let envelope = forged(46 * MIB, hints.into_iter());
        let (count, verdicts) = counted(&envelope, &keys);
        // 512 MiB are 11 times 46 MiB, and a rest.
        assert_eq!(count, 11);
        for verdict in verdicts {
            let why = SignatureVerdict::NotChecked;
            assert!(
                (0..=11).any(|tried| verdict == why(NotChecked::TooMuchToHash { tried, keys: 64 })),
                "{verdict}"
            );
            assert!(verdict.to_string().starts_with("not checked: "), "{verdict}");
        }
    }
}

#[test]
fn what_is_cheap_to_check_is_checked_with_every_key() {
    let none = || std::iter::repeat(String::new());
    // Messages of 512 KiB: 16 x 64 checks of them are 512 MiB.
    let small = forged(MIB / 2 - 100, none());
    let large = forged(46 * MIB, none());
    for (envelope, algorithm) in [(&small, Algorithm::Ed25519), (&large, Algorithm::EcdsaP256)] {
        let (count, verdicts) = counted(envelope, &many_keys(algorithm));
        assert_eq!(count, 1024, "{algorithm}");
        let failed = SignatureVerdict::Failed(Failure::NoKey { tried: 64 });
        assert!(verdicts.iter().all(|verdict| *verdict == failed), "{algorithm}");
    }
    // A signature of another length costs nothing for Ed25519 either.
    let short = Envelope::from_parts(IN_TOTO, large.payload(), &[(String::new(), vec![1; 70])]).unwrap();
    let verdicts = verify_signatures(&short, &many_keys(Algorithm::Ed25519));
    assert_eq!(verdicts, [SignatureVerdict::Failed(Failure::NoKey { tried: 64 })]);
}

#[test]
fn a_large_envelope_verifies_with_a_right_hint_or_with_few_keys() {
    let signer = key(63);
    let signature = signer.sign(forged(46 * MIB, std::iter::once(String::new())).pae());
    let with = |hint: String, before: u8| {
        let forged = (1..=before).map(|byte| (String::new(), vec![byte; 64]));
        let signatures: Vec<_> = forged.chain([(hint, signature.clone())]).collect();
        Envelope::from_parts(IN_TOTO, &vec![b' '; 46 * MIB], &signatures).unwrap()
    };
    let verified = Some(SignatureVerdict::Verified(signer.id()));
    // Its own key is tried before anything is spent on the signatures before it.
    let hinted = with(signer.id().to_string(), 15);
    assert_eq!(verify_signatures(&hinted, &many_keys(Algorithm::Ed25519)).pop(), verified);
    let few = [key(1).public().clone(), key(2).public().clone(), signer.public().clone()];
    assert_eq!(verify_signatures(&with(String::new(), 0), &few).pop(), verified);
    let absent_among_many = verify_signatures(&with(String::new(), 0), &many_keys(Algorithm::Ed25519)).pop();
    let unchecked = NotChecked::TooMuchToHash { tried: 11, keys: 64 };
    assert_eq!(absent_among_many, Some(SignatureVerdict::NotChecked(unchecked)));
}
