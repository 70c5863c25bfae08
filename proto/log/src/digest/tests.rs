use super::*;

const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_digest_has_one_text() {
    let digest = BlobDigest::of(b"abc");
    assert_eq!(digest.to_hex(), OF_ABC);
    assert_eq!(digest.to_string(), format!("sha256:{OF_ABC}"));
    assert_eq!(format!("{digest:?}"), format!("BlobDigest({OF_ABC})"));
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert_eq!(BlobDigest::from_base64(&digest.to_base64()), Ok(digest));
    assert_eq!(BlobDigest::try_from(digest.as_ref()), Ok(digest));
}

#[test]
fn leaf_and_inner_hashes_have_their_prefixes() {
    // RFC 6962: a leaf of no bytes, and two leaves "" and 00.
    let first = NodeHash::leaf(b"");
    assert_eq!(first.to_hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let root = NodeHash::inner(&first, &NodeHash::leaf(&[0]));
    assert_eq!(root.to_hex(), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_eq!(
        RootHash::empty().to_hex(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_ne!(NodeHash::leaf(b"abc").as_bytes(), EntryDigest::of(b"abc").as_bytes());
}

#[test]
fn refuses_any_other_spelling() {
    for text in ["", "sha256", OF_ABC, "sha512:00", "SHA256:00", " sha256:00", "sha-256:00"] {
        assert!(matches!(text.parse::<BlobDigest>(), Err(DigestError::Algorithm { .. })), "{text:?}");
    }
    for hex in [
        "",
        "00",
        &OF_ABC.to_uppercase(),
        &format!("{OF_ABC}0"),
        &format!("{OF_ABC}\n"),
        &OF_ABC.replace('b', "g"),
    ] {
        let refused = format!("sha256:{hex}").parse::<BlobDigest>();
        assert!(matches!(refused, Err(DigestError::Hex { .. })), "{hex:?}");
    }
    let good = BlobDigest::of(b"abc").to_base64();
    for base64 in
        [&good[..43], &good.replace('+', "-").replace('/', "_").replace('=', "!"), &format!("{good}=")]
    {
        assert!(matches!(BlobDigest::from_base64(base64), Err(DigestError::Base64 { .. })), "{base64:?}");
    }
    assert_eq!(BlobDigest::from_base64("AAAA"), Err(DigestError::Length { expected: 32, found: 3 }));
    assert_eq!(
        BlobDigest::try_from([0; 31].as_slice()),
        Err(DigestError::Length { expected: 32, found: 31 })
    );
}

#[test]
fn each_place_takes_sixteen_digits_and_no_other_byte() {
    for at in 0..OF_ABC.len() {
        for byte in 0..=127_u8 {
            let mut text = OF_ABC.as_bytes().to_vec();
            text[at] = byte;
            let text = String::from_utf8(text).unwrap();
            let read = BlobDigest::from_hex(&text);
            if matches!(byte, b'0'..=b'9' | b'a'..=b'f') {
                assert_eq!(read.unwrap().to_hex(), text);
            } else {
                assert_eq!(read, Err(DigestError::Hex { found: text }));
            }
        }
        let umlaut = format!("{}\u{e4}{}", &OF_ABC[..at], OF_ABC.get(at + 2..).unwrap_or_default());
        assert!(BlobDigest::from_hex(&umlaut).is_err(), "{umlaut}");
    }
}

#[test]
fn what_a_message_shows_of_bad_text_is_bounded() {
    let refused = "x".repeat(5000).parse::<BlobDigest>().unwrap_err().to_string();
    assert!(refused.len() < 200, "{refused}");
}
