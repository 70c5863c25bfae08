use proptest::prelude::*;

use super::*;

fn entry() -> Entry {
    Entry {
        index: LeafIndex::new(1042).unwrap(),
        time: "2026-11-22T20:31:24.120394Z".parse().unwrap(),
        previous: Some(EntryDigest::from_bytes([0x5e; 32])),
        admin: Some(LeafIndex::new(987).unwrap()),
        administrative: false,
        envelope: Measured { digest: EnvelopeDigest::from_bytes([0x9f; 32]), length: 5312 },
        content: ContentDigest::from_bytes([0x77; 32]),
        record: Measured { digest: RecordDigest::from_bytes([0xc0; 32]), length: 1893 },
    }
}

const GOLDEN: &str = "\
custody/entry/v1
index 1042
time 2026-11-22T20:31:24.120394Z
previous sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
admin 987
envelope sha256:9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f 5312
content sha256:7777777777777777777777777777777777777777777777777777777777777777
record sha256:c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0 1893
";

const GOLDEN_DIGEST: &str = "504103b73c2b9d7049c34eedd393982379a0425c694314ac0e9fbfa891c1ec99";
const GOLDEN_LEAF: &str = "dd7f3cfe5bcefe2cffda498696e45335881b4ed88de65086b7fb385201da544d";

const FIRST: &str = "\
custody/entry/v1
index 0
time 1970-01-01T00:00:00.000000Z
previous none
admin none own
envelope sha256:9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f 0
content sha256:7777777777777777777777777777777777777777777777777777777777777777
record sha256:c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0 0
";

#[test]
fn the_bytes_are_these() {
    assert_eq!(String::from_utf8(entry().encode()).unwrap(), GOLDEN);
    assert_eq!(Entry::decode(GOLDEN.as_bytes()), Ok(entry()));
    // Computed with sha256sum, and with a 0x00 byte before.
    assert_eq!(EntryDigest::of(GOLDEN.as_bytes()).to_hex(), GOLDEN_DIGEST);
    assert_eq!(crate::NodeHash::leaf(GOLDEN.as_bytes()).to_hex(), GOLDEN_LEAF);
}

#[test]
fn the_first_entry_has_no_previous_and_no_admin() {
    let first = Entry::decode(FIRST.as_bytes()).unwrap();
    assert_eq!((first.previous, first.admin, first.administrative), (None, None, true));
    assert_eq!(first.time.as_micros(), 0);
    assert_eq!(first.encode(), FIRST.as_bytes());
}

/// The arithmetic of [`Entry::MAX_LEN`].
#[test]
fn the_longest_entry_has_467_bytes() {
    let largest = i64::MAX.unsigned_abs();
    let longest = Entry {
        index: LeafIndex::new(largest).unwrap(),
        time: "9999-12-30T21:59:59.999999Z".parse().unwrap(),
        admin: Some(LeafIndex::new(largest - 1).unwrap()),
        administrative: true,
        envelope: Measured { length: largest, ..entry().envelope },
        record: Measured { length: largest, ..entry().record },
        ..entry()
    };
    let bytes = longest.encode();
    assert_eq!(bytes.len(), 467);
    assert_eq!(Entry::decode(&bytes), Ok(longest));
}

fn refused(from: &str, to: &str) -> EntryError {
    assert!(GOLDEN.contains(from), "{from:?} is not in the golden entry");
    Entry::decode(GOLDEN.replacen(from, to, 1).as_bytes()).expect_err("must be refused")
}

#[test]
fn refuses_another_version() {
    for (from, to) in [("v1\n", "v2\n"), ("custody/", "Custody/"), ("v1\n", "v1 \n"), ("v1\n", "v1\r\n")] {
        assert_eq!(refused(from, to), EntryError::Version, "{to:?}");
    }
    assert_eq!(Entry::decode(b""), Err(EntryError::Version));
    assert_eq!(Entry::decode(b"custody/entry/v1"), Err(EntryError::Version));
}

#[test]
fn refuses_lines_missing_misspelt_or_out_of_order() {
    let lines: Vec<&str> = GOLDEN.split_inclusive('\n').collect();
    for at in 1..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        assert!(Entry::decode(without.concat().as_bytes()).is_err(), "without line {at}");
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        assert!(Entry::decode(twice.concat().as_bytes()).is_err(), "line {at} twice");
        for other in at + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            assert!(Entry::decode(swapped.concat().as_bytes()).is_err(), "lines {at} and {other} swapped");
        }
        let mut crlf = lines.clone();
        let line = lines[at].replace('\n', "\r\n");
        crlf[at] = &line;
        assert!(Entry::decode(crlf.concat().as_bytes()).is_err(), "carriage return in line {at}");
        let mut misspelt = lines.clone();
        let line = lines[at].replacen(' ', "  ", 1);
        misspelt[at] = &line;
        assert!(Entry::decode(misspelt.concat().as_bytes()).is_err(), "two spaces in line {at}");
    }
    assert_eq!(refused("index ", "Index "), EntryError::Line { line: 2, expected: "index " });
}

#[test]
fn refuses_what_follows_the_last_line() {
    for garbage in ["\n", " ", "x", "\0", GOLDEN] {
        let bytes = format!("{GOLDEN}{garbage}");
        let refused = Entry::decode(bytes.as_bytes()).expect_err("garbage");
        if bytes.len() <= Entry::MAX_LEN {
            assert_eq!(refused, EntryError::Line { line: 9, expected: "" }, "{garbage:?}");
        }
    }
    let unfinished = GOLDEN.trim_end();
    let missing = EntryError::Line { line: 8, expected: "record " };
    assert_eq!(Entry::decode(unfinished.as_bytes()), Err(missing));
}

#[test]
fn refuses_513_bytes_before_reading_them() {
    let bytes = vec![b'x'; 513];
    assert_eq!(Entry::decode(&bytes), Err(EntryError::TooLong { max: 512, found: 513 }));
    assert_eq!(Entry::decode(&bytes[..512]), Err(EntryError::Version));
}

#[test]
fn refuses_what_is_not_ascii() {
    assert_eq!(refused("987", "\u{667}"), EntryError::NotText);
    assert_eq!(Entry::decode(&[0xff]), Err(EntryError::NotText));
}

#[test]
fn refuses_numbers_in_any_other_form() {
    for index in ["01042", "+1042", "-1042", "1042 ", " 1042", "0x412", "", "1e3", "9223372036854775808"] {
        let refusal = refused("index 1042", &format!("index {index}"));
        assert!(matches!(refusal, EntryError::Number { line: 2, .. }), "{index:?}: {refusal}");
    }
    for admin in ["0987", "987 own own", "987  own", "987own", "987 OWN", "none none", ""] {
        let refusal = refused("admin 987", &format!("admin {admin}"));
        assert!(matches!(refusal, EntryError::Number { line: 5, .. }), "{admin:?}: {refusal}");
    }
    for length in ["05312", "5312 ", "", "9223372036854775808", "18446744073709551616"] {
        let refusal = refused(" 5312", &format!(" {length}"));
        assert!(matches!(refusal, EntryError::Number { line: 6, .. }), "{length:?}: {refusal}");
        let refusal = refused(" 1893", &format!(" {length}"));
        assert!(matches!(refusal, EntryError::Number { line: 8, .. }), "{length:?}: {refusal}");
    }
}

#[test]
fn refuses_digests_in_any_other_form() {
    for (line, start) in [(4, "sha256:5e"), (6, "sha256:9f"), (7, "sha256:77"), (8, "sha256:c0")] {
        for (from, to) in [
            ("sha256:", "sha512:"),
            ("sha256:", "SHA256:"),
            ("sha256:", ""),
            ("sha256:", "sha256:0"),
            (&start[7..], "5E"),
            (&start[7..], "g0"),
            (&start[7..], ""),
        ] {
            let refusal = refused(start, &start.replacen(from, to, 1));
            assert!(
                matches!(refusal, EntryError::Digest { line: at, .. } if at == line),
                "{to:?}: {refusal}"
            );
        }
    }
    let without_length = EntryError::Line { line: 6, expected: "sha256:<hex> <length>" };
    assert_eq!(refused(" 5312", ""), without_length);
}

#[test]
fn refuses_times_in_any_other_form() {
    for time in [
        "2026-11-22T20:31:24.12039Z",
        "2026-11-22T20:31:24.1203940Z",
        "2026-11-22T20:31:24Z",
        "2026-11-22 20:31:24.120394Z",
        "2026-11-22t20:31:24.120394z",
        "2026-11-22T20:31:24.120394+00:00",
        "2026-11-22T21:31:24.120394+01:00",
        "2026-11-22T20:31:24.120394Z[UTC]",
        "2026-02-30T20:31:24.120394Z",
        "2026-11-22T20:31:60.120394Z",
        "1969-12-31T23:59:59.999999Z",
        "+002026-11-22T20:31:24.120394Z",
        "",
    ] {
        let refusal = refused("2026-11-22T20:31:24.120394Z", time);
        assert!(matches!(refusal, EntryError::Time { line: 3, .. }), "{time:?}: {refusal}");
    }
}

#[test]
fn refuses_previous_none_but_at_index_0() {
    let text = FIRST.replace("index 0", "index 5").replace("admin none", "admin 0");
    let index = LeafIndex::new(5).unwrap();
    assert_eq!(Entry::decode(text.as_bytes()), Err(EntryError::Previous { index }));
    let digest = EntryDigest::from_bytes([1; 32]);
    let text = FIRST.replace("previous none", &format!("previous {digest}"));
    assert_eq!(Entry::decode(text.as_bytes()), Err(EntryError::Previous { index: LeafIndex::ZERO }));
}

#[test]
fn refuses_admin_at_or_after_the_entry() {
    let index = LeafIndex::new(1042).unwrap();
    for admin in [1042, 1043, i64::MAX.unsigned_abs()] {
        let refusal = refused("admin 987", &format!("admin {admin}"));
        assert_eq!(refusal, EntryError::Admin { admin: LeafIndex::new(admin).unwrap(), index });
    }
    let text = FIRST.replace("admin none", "admin 0");
    assert!(matches!(Entry::decode(text.as_bytes()), Err(EntryError::Admin { .. })));
}

#[test]
fn refuses_admin_none_but_at_index_0() {
    let index = LeafIndex::new(1042).unwrap();
    for none in ["none", "none own"] {
        assert_eq!(refused("admin 987", &format!("admin {none}")), EntryError::NoAdmin { index });
    }
}

#[test]
fn messages_say_where_and_what() {
    let messages = [
        refused("v1\n", "v2\n"),
        refused("index 1042", "index 01042"),
        refused("time 2026-11-22T20:31:24.120394Z", "time 2026-11-22"),
        refused("sha256:5e", "sha256:5E"),
        refused("admin 987", "admin 1042"),
    ];
    let expected = [
        "expected an entry, whose first line is custody/entry/v1",
        "line 2: expected a decimal number without leading zeros, found \"01042\"",
        "line 3: expected a time like 2026-11-22T20:31:24.120394Z, found \"2026-11-22\"",
        "line 4: expected 64 lower-case hex digits, found \
         \"5E5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\"",
        "expected `admin` to name an entry before index 1042, found 1042",
    ];
    assert_eq!(messages.map(|message| message.to_string()), expected);
}

prop_compose! {
    fn any_entry()(
        index in 0..=i64::MAX.unsigned_abs(),
        admin in 0..=i64::MAX.unsigned_abs(),
        micros in 0..253_402_207_200_000_000_i64,
        administrative in any::<bool>(),
        digests in any::<[[u8; 32]; 4]>(),
        lengths in (0..=i64::MAX.unsigned_abs(), 0..=i64::MAX.unsigned_abs()),
    ) -> Entry {
        Entry {
            index: LeafIndex::new(index).unwrap(),
            time: Timestamp::from_micros(micros).unwrap(),
            previous: (index > 0).then(|| EntryDigest::from_bytes(digests[0])),
            admin: (index > 0).then(|| LeafIndex::new(admin % index).unwrap()),
            administrative,
            envelope: Measured { digest: EnvelopeDigest::from_bytes(digests[1]), length: lengths.0 },
            content: ContentDigest::from_bytes(digests[2]),
            record: Measured { digest: RecordDigest::from_bytes(digests[3]), length: lengths.1 },
        }
    }
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_same_entry(entry in any_entry()) {
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    /// One byte changed anywhere: refused, or another entry with exactly those bytes.
    #[test]
    fn encode_of_decode_is_the_same_bytes(entry in any_entry(), at in any::<usize>(), byte in any::<u8>()) {
        let mut bytes = entry.encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(decoded) = Entry::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _unused = Entry::decode(&bytes);
    }
}
