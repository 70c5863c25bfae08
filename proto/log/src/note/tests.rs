use super::*;
use crate::checkpoint::Checkpoint;
use crate::digest::RootHash;
use crate::position::TreeSize;
use crate::time::Timestamp;

const TEXT: &str = "This is an example message.\n";

/// The example of c2sp.org/signed-note.
const SPEC_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

const GOLDEN_KEY: &str = "example.com/log+702f3c70+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const GOLDEN_SECRET: &str =
    "PRIVATE+KEY+example.com/log+702f3c70+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const GOLDEN_LINE: &str = "\u{2014} example.com/log \
    cC88cNpL3MRkpVnH6Eq+kTPEDXJmcLrWhzb2mWuQoLVgfIRptykrIo+zaeJZX7DoS4tpqvIbcqy7xuNaxFOjsEegIww=";
const GOLDEN_COSIGNER: &str = "witness.example.org+69b225e9+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
const GOLDEN_COSIGNATURE: &str = "\u{2014} witness.example.org \
    abIl6QAAAABpIib8fcRD0n1EmA4cGr5M+JeYKPT2u4o33+9OR3Adij8OCX2h0vf33cQGq3zFttYlhDJMVndzT3UQXRQA3uTISypnCA==";

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::from_seed(name("example.com/log"), [seed; 32])
}

fn note(lines: &[SignatureLine]) -> Note {
    Note::new(TEXT.to_owned(), lines.to_vec()).unwrap()
}

/// The same line with one bit of its signature turned.
fn damaged(line: &SignatureLine, key: &VerifierKey) -> SignatureLine {
    let mut signature = line.signature().to_vec();
    *signature.last_mut().unwrap() ^= 1;
    SignatureLine::new(key, signature)
}

#[test]
fn the_specification_example_verifies() {
    let key: VerifierKey = SPEC_KEY.parse().unwrap();
    assert_eq!((key.name().as_str(), key.algorithm()), ("example.com/foo", KeyAlgorithm::Ed25519));
    assert_eq!((key.key_hash().to_string(), key.to_string()), ("530d903a".into(), SPEC_KEY.into()));
    let note = Note::parse(SPEC_NOTE.as_bytes()).unwrap();
    assert_eq!(note.text(), TEXT);
    let verified = note.verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!(verified.iter().map(|v| (v.key(), v.seconds())).collect::<Vec<_>>(), [(&key, None)]);
    assert_eq!(note.encode(), SPEC_NOTE.as_bytes());
}

/// A fixed key and what it signs; computed a second time with another implementation of Ed25519.
#[test]
fn a_seeded_key_signs_these_bytes() {
    let signer = signer(7);
    assert_eq!(signer.verifier().to_string(), GOLDEN_KEY);
    assert_eq!(signer.to_text().as_str(), GOLDEN_SECRET);
    assert_eq!(signer.sign(TEXT).to_string(), GOLDEN_LINE);
    let again: NoteSigner = GOLDEN_SECRET.parse().unwrap();
    assert_eq!(again.sign(TEXT).to_string(), GOLDEN_LINE);
    assert!(!format!("{signer:?}").contains("BwcHBwc"), "the seed must not be shown");
}

/// No project publishes a fixed cosignature, so here is one: seed 32 times 0x09, at 1,763,845,884 seconds.
#[test]
fn a_seeded_key_cosigns_these_bytes() {
    let cosigner = Cosigner::from_seed(name("witness.example.org"), [9; 32]);
    assert_eq!(cosigner.verifier().to_string(), GOLDEN_COSIGNER);
    let checkpoint =
        Checkpoint::new("example.com/log".parse().unwrap(), TreeSize::ZERO, RootHash::empty()).unwrap();
    let time = Timestamp::from_micros(1_763_845_884_999_999).unwrap();
    assert_eq!(cosigner.cosign(&checkpoint, time).to_string(), GOLDEN_COSIGNATURE);
    let again: Cosigner = cosigner.to_text().parse().unwrap();
    assert_eq!(again.verifier(), cosigner.verifier());
    assert!(!format!("{cosigner:?}").contains("CQkJCQk"), "the seed must not be shown");
}

#[test]
fn signatures_by_unknown_keys_are_ignored() {
    let (known, stranger) = (signer(1), signer(2));
    let note = note(&[stranger.sign(TEXT), known.sign(TEXT)]);
    assert_eq!(note.verify(&[known.verifier()]).unwrap().len(), 1);
    let other_name = NoteSigner::from_seed(name("example.com/other"), [1; 32]);
    assert!(note.verify(&[other_name.verifier()]).is_err());
}

#[test]
fn refuses_a_note_that_no_known_key_signed() {
    let refused = note(&[signer(2).sign(TEXT)]).verify(&[signer(1).verifier()]).unwrap_err();
    let by = format!("example.com/log+{}", signer(2).verifier().key_hash());
    assert_eq!(refused, NoteError::NoKnownSignature { found: vec![by] });
    assert!(matches!(note(&[signer(2).sign(TEXT)]).verify(&[]), Err(NoteError::NoKnownSignature { .. })));
}

#[test]
fn refuses_the_whole_note_for_one_forged_extra_signature_line() {
    let (first, second) = (signer(1), signer(2));
    let keys = [first.verifier(), second.verifier()];
    let good = [first.sign(TEXT), second.sign(TEXT)];
    assert_eq!(note(&good).verify(&keys).unwrap().len(), 2);
    for (line, key) in good.iter().zip(&keys) {
        let forged = damaged(line, key);
        for at in 0..=2 {
            let mut lines = good.to_vec();
            lines.insert(at, forged.clone());
            let refused = NoteError::BadSignature { name: key.name().clone(), hash: key.key_hash() };
            assert_eq!(note(&lines).verify(&keys), Err(refused));
        }
    }
}

#[test]
fn a_key_that_signed_twice_counts_once() {
    let key = signer(1);
    let twice = note(&[key.sign(TEXT), key.sign(TEXT)]);
    assert_eq!(twice.verify(&[key.verifier()]).unwrap().len(), 1);
}

#[test]
fn refuses_a_key_that_is_listed_twice() {
    let key = signer(1);
    let refused = note(&[key.sign(TEXT)]).verify(&[key.verifier(), key.verifier()]);
    assert!(matches!(refused, Err(NoteError::DuplicateKey { .. })));
}

#[test]
fn refuses_a_signature_over_another_text() {
    let key = signer(1);
    for text in
        ["This is an example message", "This is an example message.\n\n", "this is an example message.\n"]
    {
        assert!(note(&[key.sign(text)]).verify(&[key.verifier()]).is_err(), "{text:?}");
    }
}

/// A cosignature and a plain signature of one key have different hashes and sign different bytes.
#[test]
fn refuses_a_signature_of_the_other_type() {
    let plain = signer(1);
    let cosigner = Cosigner::from_seed(plain.verifier().name().clone(), [1; 32]);
    assert_ne!(plain.verifier().key_hash(), cosigner.verifier().key_hash());
    let relabelled = SignatureLine::new(&cosigner.verifier(), plain.sign(TEXT).signature().to_vec());
    assert!(note(&[relabelled]).verify(&[cosigner.verifier()]).is_err());
}

#[test]
fn the_last_blank_line_separates() {
    let text = "one\n\ntwo\n\n\n";
    let signed = signer(1).note(text).unwrap();
    let parsed = Note::parse(&signed.encode()).unwrap();
    assert_eq!(parsed.text(), text);
    assert!(parsed.verify(&[signer(1).verifier()]).is_ok());
    // A signature line in the text is text.
    let text = format!("one\n\n{}\n", signer(1).sign("one\n"));
    let parsed = Note::parse(&signer(2).note(&text).unwrap().encode()).unwrap();
    assert_eq!(parsed.signatures().len(), 1);
    assert!(parsed.verify(&[signer(1).verifier()]).is_err());
}

#[test]
fn refuses_notes_that_are_not_well_formed() {
    let line = GOLDEN_LINE;
    let unsigned = |bytes: String| {
        assert_eq!(Note::parse(bytes.as_bytes()), Err(NoteError::Unsigned), "{bytes:?}");
    };
    unsigned(String::new());
    unsigned(TEXT.to_owned());
    unsigned(format!("{TEXT}\n"));
    unsigned(format!("{TEXT}{line}\n"));
    unsigned(format!("{TEXT}\n{line}"));
    let bad_line = |bytes: String, at: usize| {
        let refused = Note::parse(bytes.as_bytes());
        assert!(matches!(refused, Err(NoteError::Line { number, .. }) if number == at), "{bytes:?}");
    };
    bad_line(format!("{TEXT}\n{line} \n"), 1);
    bad_line(format!("{TEXT}\n{line}\ngarbage\n"), 2);
    bad_line(format!("{TEXT}\n {line}\n"), 1);
    bad_line(format!("{TEXT}\n{}\n", line.replace('\u{2014}', "-")), 1);
    bad_line(format!("{TEXT}\n{}\n", line.replace("log ", "log  ")), 1);
    bad_line(format!("{TEXT}\n{}\n", line.replace("example.com/log", "example+log")), 1);
    bad_line(format!("{TEXT}\n{}\n", line.replace("example.com/log", "example\u{a0}log")), 1);
    bad_line(format!("{TEXT}\n{}\n", line.replace("example.com/log", "")), 1);
    bad_line(format!("{TEXT}\n{}\n", line.trim_end_matches('=')), 1);
    bad_line(format!("{TEXT}\n\u{2014} example.com/log AAAAAA==\n"), 1);
    bad_line(format!("{TEXT}\n\u{2014} example.com/log \n"), 1);
    // Base64 with bits set that no byte has: another spelling of the same signature.
    bad_line(format!("{TEXT}\n\u{2014} example.com/log AAAAAAB=\n"), 1);
    let crlf = Note::parse(format!("{TEXT}\n{line}\r\n").as_bytes());
    assert!(matches!(crlf, Err(NoteError::Control { .. })));
    let tab = Note::parse(format!("a\tb\n\n{line}\n").as_bytes());
    assert_eq!(tab, Err(NoteError::Control { position: 1 }));
    let latin = [b"caf\xe9\n\n", line.as_bytes(), b"\n"].concat();
    assert_eq!(Note::parse(&latin), Err(NoteError::NotText { position: 3 }));
    assert_eq!(Note::new("no line feed".to_owned(), vec![]), Err(NoteError::TextUnfinished));
    assert_eq!(Note::new(TEXT.to_owned(), vec![]), Err(NoteError::Unsigned));
}

#[test]
fn reads_64_signatures_and_no_more() {
    let line = signer(1).sign(TEXT);
    let most = note(&vec![line.clone(); Note::MAX_SIGNATURES]);
    assert!(most.verify(&[signer(1).verifier()]).is_ok());
    let refused = Note::new(TEXT.to_owned(), vec![line; Note::MAX_SIGNATURES + 1]);
    assert_eq!(refused, Err(NoteError::TooManySignatures { max: 64, found: 65 }));
}

/// Strangers' names go into this message: it must not grow with what they wrote.
#[test]
fn what_a_message_shows_of_strangers_is_bounded() {
    let long = NoteSigner::from_seed(name(&"x".repeat(255)), [4; 32]).sign(TEXT);
    let refused = note(&vec![long; 64]).verify(&[signer(1).verifier()]).unwrap_err();
    assert!(refused.to_string().len() < 1000, "{refused}");
}

#[test]
fn refuses_a_note_above_the_size_limit() {
    let bytes = vec![b'x'; Note::MAX_LEN + 1];
    let refused = NoteError::TooLong { max: Note::MAX_LEN, found: Note::MAX_LEN + 1 };
    assert_eq!(Note::parse(&bytes), Err(refused));
}

#[test]
fn refuses_verifier_keys_with_one_thing_changed() {
    use VerifierKeyError as E;
    let parse = |text: &str| text.parse::<VerifierKey>().expect_err("must be refused");
    assert_eq!(parse(""), E::Form);
    assert_eq!(parse("example.com/foo"), E::Form);
    assert_eq!(parse("example.com/foo+530d903a"), E::Form);
    assert_eq!(parse(&SPEC_KEY.replace("530d903a", "530d903")), E::Hash { found: "530d903".into() });
    assert_eq!(parse(&SPEC_KEY.replace("530d903a", "530d90")), E::Hash { found: "530d90".into() });
    assert_eq!(parse(&SPEC_KEY.replace("530d903a", "530d903a53")), E::Hash { found: "530d903a53".into() });
    assert_eq!(parse(&SPEC_KEY.replace("530d903a", "530D903A")), E::Hash { found: "530D903A".into() });
    assert!(matches!(parse(&SPEC_KEY.replace("530d903a", "530d903b")), E::HashMismatch { .. }));
    assert!(matches!(parse(&SPEC_KEY.replace("/foo", "/fop")), E::HashMismatch { .. }));
    assert_eq!(parse(&SPEC_KEY.replace("AekyeR", "AukyeR")), E::Algorithm { found: Some(2) });
    assert_eq!(parse("example.com/foo+530d903a+"), E::Algorithm { found: None });
    assert_eq!(parse("example.com/foo+530d903a+AQ=="), E::Length { expected: 32, found: 0 });
    assert_eq!(parse(&format!("{SPEC_KEY}\n")), E::Base64);
    assert_eq!(parse(&format!(" {SPEC_KEY}")), E::Name(KeyNameError::Character { found: ' ' }));
    assert_eq!(parse("+530d903a+AQ=="), E::Name(KeyNameError::Empty));
}

/// Under a key of small order one signature verifies any message.
#[test]
fn refuses_public_keys_that_verify_anything() {
    let zero = [0; 32];
    let mut one = zero;
    one[0] = 1;
    for public in [zero, one, [0xff; 32]] {
        let key = VerifierKey::new(name("x"), KeyAlgorithm::Ed25519, &public);
        assert_eq!(key, Err(VerifierKeyError::Point), "{public:?}");
    }
}

#[test]
fn refuses_secret_keys_with_one_thing_changed() {
    use SecretKeyError as E;
    let parse = |text: &str| text.parse::<NoteSigner>().expect_err("must be refused");
    assert_eq!(parse(GOLDEN_KEY), E::Form);
    assert_eq!(parse(&GOLDEN_SECRET.replace("+AQ", "+BA")), E::Algorithm { expected: 1, found: 4 });
    assert_eq!(parse(&GOLDEN_SECRET.replace("BwcHBw", "BwcH")), E::Seed);
    assert!(matches!(parse(&GOLDEN_SECRET.replace("/log", "/lag")), E::Hash(_)));
    assert!(matches!(GOLDEN_SECRET.parse::<Cosigner>(), Err(E::Algorithm { expected: 4, found: 1 })));
}

#[test]
fn names_are_held_to_the_lines_they_stand_in() {
    for good in ["example.com/log", "PeterNeumann", "a", "log-1_2.3~4:5", "b\u{fc}cher.example/\u{65e5}"] {
        assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
    }
    for (bad, found) in
        [("a b", ' '), ("a+b", '+'), ("a\nb", '\n'), ("a\u{a0}b", '\u{a0}'), ("a\u{7f}", '\u{7f}')]
    {
        assert_eq!(bad.parse::<KeyName>(), Err(KeyNameError::Character { found }), "{bad:?}");
    }
    assert_eq!("".parse::<KeyName>(), Err(KeyNameError::Empty));
    assert!("a".repeat(255).parse::<Origin>().is_ok());
    let refused = KeyNameError::TooLong { max: 255, found: 256 };
    assert_eq!("a".repeat(256).parse::<Origin>(), Err(refused));
}

proptest::proptest! {
    #[test]
    fn encode_of_parse_is_the_same_bytes(at in 0_usize..200, byte: u8) {
        let mut bytes = signer(3).note(TEXT).unwrap().encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(note) = Note::parse(&bytes) {
            proptest::prop_assert_eq!(note.encode(), bytes);
        }
    }
}
