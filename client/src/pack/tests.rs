use std::collections::BTreeMap;

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind, READER_VERSION, Stage};
use custody_log::{EntryDigest, Frontier, InclusionProof, NodeHash, SignedCheckpoint, TreeSize};

use super::*;
use crate::trust::{AdminEntry, Trust};

const RECEIPT: &[u8] = include_bytes!("../../../docs/example/entry-1.tlog-proof");

fn node(kind: NodeKind, id: &str) -> Node {
    Node::named(kind, id).unwrap()
}

fn answer() -> Answer {
    let (app, prod) = (node(NodeKind::Artifact, "sha256:00"), node(NodeKind::Environment, "prod"));
    let edge = Edge { from: app.clone(), kind: EdgeKind::Approved, to: prod };
    let entry = LeafIndex::new(1).unwrap();
    let mut answer = Answer::new("app.tar.gz".to_owned(), &[app], TreeSize::new(3).unwrap(), "3".to_owned());
    answer.edges.push(PackedEdge::of(&edge, entry, false));
    answer.entries.push(1);
    answer.missing.push("review".to_owned());
    answer
}

fn receipt() -> Receipt {
    Receipt::decode(RECEIPT).unwrap()
}

fn trust() -> TrustFile {
    let pin = format!("example.com/log+sha256:{}", "0".repeat(64)).parse().unwrap();
    TrustFile { pin, entries: Vec::new(), newest: receipt() }
}

fn entry() -> PackedEntry {
    PackedEntry {
        receipt: receipt(),
        record: Some(b"a record\nof two lines".to_vec()),
        envelope: Some(b"\x00\xff an envelope\n".to_vec()),
        attachments: vec![b"eyJ".to_vec(), Vec::new()],
    }
}

/// Writes a pack as `custody export` does, and reads it.
fn made(answer: &Answer, trust: &TrustFile, entries: Vec<PackedEntry>) -> Result<Pack, PackError> {
    let mut making = Making::new(tempfile::tempfile().unwrap());
    let refused = |error| match error {
        MakingError::Pack(error) => error,
        other => panic!("{other}"),
    };
    for entry in entries {
        making.add(&entry).map_err(refused)?;
    }
    let mut bytes = Vec::new();
    let length = making.write(answer, trust, &mut bytes).map_err(refused)?;
    assert_eq!(length, u64::try_from(bytes.len()).unwrap());
    Pack::decode(&bytes)
}

fn pack() -> Pack {
    made(&answer(), &trust(), vec![entry()]).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Puts other bytes where these stand once.
fn with(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[test]
fn a_pack_is_what_was_put_into_it_and_has_one_form() {
    let pack = pack();
    let bytes = pack.encode();
    assert_eq!(Pack::decode(&bytes).unwrap(), pack);
    assert_eq!(Pack::decode(&bytes).unwrap().encode(), bytes);
    assert_eq!((pack.answer(), pack.trust(), pack.entries()), (&answer(), &trust(), &[entry()][..]));
    // Order and repetition of what is given make no difference.
    let twice = made(&answer(), &trust(), vec![entry(), entry()]).unwrap();
    assert_eq!(twice.encode(), bytes);
    assert!(text(&bytes).starts_with("custody/pack/v1\nanswer "));
    assert!(text(&bytes).contains("\nrecord 21\na record\nof two lines\nenvelope 15\n"));
    assert!(bytes.ends_with(b"\nattachment 3\neyJ\nattachment 0\n\nend\n"));
}

#[test]
fn a_pack_that_is_cut_anywhere_is_refused() {
    let bytes = pack().encode();
    for length in 0..bytes.len() {
        assert!(Pack::decode(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn each_change_of_the_frame_is_refused_at_its_place() {
    let bytes = pack().encode();
    let at = |word: &str| text(&bytes).find(&format!("\n{word} ")).unwrap() + 1;
    let refused = |from: &str, to: &str| Pack::decode(&with(&bytes, from, to)).unwrap_err();
    assert_eq!(refused("custody/pack/v1\n", "custody/pack/v2\n"), PackError::Magic);
    assert!(matches!(refused("\nanswer ", "\nreply "), PackError::Line { at: 16, expected: "answer", .. }));
    assert!(matches!(refused("\ntrust ", "\ntruth "), PackError::Line { expected: "trust", .. }));
    for length in ["021", "+21", "-1", "2 1", "", "21 ", "99999999999999999999"] {
        let error = refused("\nrecord 21\n", &format!("\nrecord {length}\n"));
        assert!(
            matches!(error, PackError::Line { at: found, .. } if found == at("record")),
            "{length}: {error}"
        );
    }
    for length in ["20", "22"] {
        let error = refused("\nrecord 21\n", &format!("\nrecord {length}\n"));
        assert!(matches!(error, PackError::Cut { name: "record", .. }), "{length}: {error}");
    }
    let large = refused("\nrecord 21\n", "\nrecord 1048577\n");
    assert!(matches!(large, PackError::TooLarge { name: "record", found: 1_048_577, .. }), "{large}");
    assert!(matches!(refused("\nend\n", "\nfin\n"), PackError::Line { .. }));
    assert!(matches!(refused("\nend\n", "\nend\n\n"), PackError::Trailing { at } if at == bytes.len()));
    // An attachment has no place before its envelope, and a record none behind it.
    assert!(matches!(refused("\nrecord 21\n", "\nattachment 21\n"), PackError::Line { .. }));
    assert!(matches!(refused("\nattachment 3\n", "\nrecord 3\n"), PackError::Line { .. }));
}

#[test]
fn an_entry_stands_once_and_in_the_order_of_the_log() {
    let bytes = pack().encode();
    let one = text(&RECEIPT[..0]) + &format!("receipt {}\n{}\n", RECEIPT.len(), text(RECEIPT));
    let again = with(&bytes, "end\n", &format!("{one}end\n"));
    let error = Pack::decode(&again).unwrap_err();
    assert!(matches!(error, PackError::Order { before, found, .. } if before == found), "{error}");
    let garbled = with(&bytes, "c2sp.org/tlog-proof@v1\nextra", "c2sp.org/tlog-proof@v1\nExtra");
    // The first receipt is in the trust file, as JSON; the one that is a part of its own has line feeds.
    assert!(matches!(Pack::decode(&garbled).unwrap_err(), PackError::Receipt { .. }));
}

#[test]
fn more_attachments_than_there_may_be_are_refused() {
    let many = PackedEntry { attachments: vec![Vec::new(); ATTACHMENTS_MAX + 1], ..entry() };
    let error = made(&answer(), &trust(), vec![many]).unwrap_err();
    assert!(matches!(error, PackError::TooMany { what: "attachments", .. }), "{error}");
    let large = PackedEntry { attachments: vec![vec![b'a'; MAX_TOKEN + 1]], ..entry() };
    let error = made(&answer(), &trust(), vec![large]).unwrap_err();
    assert!(matches!(error, PackError::TooLarge { name: "attachment", .. }), "{error}");
}

#[test]
fn entries_stand_in_the_order_of_the_log_whatever_the_order_they_came_in() {
    let entry = |number: usize| PackedEntry { receipt: example_receipt(number), ..entry() };
    let ordered = made(&answer(), &trust(), vec![entry(0), entry(1), entry(2)]).unwrap();
    let turned = made(&answer(), &trust(), vec![entry(2), entry(0), entry(1), entry(0)]).unwrap();
    assert_eq!(turned.encode(), ordered.encode());
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let refuses = |entry: PackedEntry| made(&answer(), &trust(), vec![entry]).unwrap_err();
    // An envelope has no place without its record, and an attachment none without its envelope.
    for entry in [PackedEntry { record: None, ..entry() }, PackedEntry { envelope: None, ..entry() }] {
        assert!(matches!(refuses(entry), PackError::Line { .. }));
    }
    let mut other = answer();
    other.edges[0].kind = "liked".to_owned();
    assert!(matches!(made(&other, &trust(), vec![entry()]), Err(PackError::Answer(_))));
    let mut written = Vec::new();
    let making = Making::new(tempfile::tempfile().unwrap());
    making.write(&other, &trust(), &mut written).unwrap_err();
    assert!(written.is_empty());
}

#[test]
fn a_pack_of_more_bytes_than_are_read_is_refused_before_it_is_written() {
    let mut making = Making::new(tempfile::tempfile().unwrap());
    making.length = PACK_BYTES_MAX;
    let error = making.add(&entry()).unwrap_err();
    assert!(matches!(error, MakingError::Pack(PackError::TooLarge { name: "pack", .. })), "{error}");
    let mut making = Making::new(tempfile::tempfile().unwrap());
    making.length = PACK_BYTES_MAX - 10;
    let mut written = Vec::new();
    making.write(&answer(), &trust(), &mut written).unwrap_err();
    assert!(written.is_empty());
}

#[test]
fn an_answer_with_other_words_is_refused() {
    let good = answer().encode();
    assert_eq!(Answer::decode(&good).unwrap(), answer());
    for (from, to) in [
        ("custody/pack-answer/v1", "custody/pack-answer/v2"),
        (r#""crit":[]"#, r#""crit":["new"]"#),
        (r#""kind":"artifact""#, r#""kind":"thing""#),
        (r#""kind":"approved""#, r#""kind":"liked""#),
        (r#""id":"sha256:00""#, r#""id":""#),
        (r#""id":"sha256:00""#, r#""id":" sha256:00""#),
        (r#""entry":1"#, r#""entry":9223372036854775808"#),
        (r#""size":3"#, r#""size":9223372036854775808"#),
        (r#""size":3"#, r#""size":-3"#),
    ] {
        assert!(Answer::decode(&with(&good, from, to)).is_err(), "{to}");
    }
    let mut many = answer();
    many.entries = vec![1; PACK_ENTRIES_MAX + 1];
    assert!(matches!(Answer::decode(&many.encode()), Err(AnswerError::TooMany { what: "entries", .. })));
    // A later version may say more.
    let more = with(&good, r#""crit":[]"#, r#""crit":[],"note":"more""#);
    assert_eq!(Answer::decode(&more).unwrap(), answer());
}

const DOCUMENT: &str = include_str!("../../../docs/format.md");

/// The three entries of docs/example, with what is kept beside them.
const EXAMPLE: [(&[u8], &[u8], &[u8]); 3] = [
    (
        include_bytes!("../../../docs/example/entry-0"),
        include_bytes!("../../../docs/example/record-0.json"),
        include_bytes!("../../../docs/example/envelope-0.json"),
    ),
    (
        include_bytes!("../../../docs/example/entry-1"),
        include_bytes!("../../../docs/example/record-1.json"),
        include_bytes!("../../../docs/example/envelope-1.json"),
    ),
    (
        include_bytes!("../../../docs/example/entry-2"),
        include_bytes!("../../../docs/example/record-2.json"),
        include_bytes!("../../../docs/example/envelope-2.json"),
    ),
];

/// The receipt of an entry of the example.
fn example_receipt(number: usize) -> Receipt {
    let checkpoint = SignedCheckpoint::parse(include_bytes!("../../../docs/example/checkpoint")).unwrap();
    let (mut frontier, mut nodes) = (Frontier::empty(), BTreeMap::new());
    for (entry, ..) in EXAMPLE {
        frontier.append_with(NodeHash::leaf(entry), |id, hash| {
            nodes.insert(id, hash);
        });
    }
    let index = LeafIndex::new(u64::try_from(number).unwrap()).unwrap();
    let proof = InclusionProof::make(index, frontier.size(), &nodes).unwrap();
    Receipt::new(EXAMPLE[number].0.to_vec(), proof, checkpoint).unwrap()
}

/// A pack about the artifact of entry 1.
fn example() -> Pack {
    let (genesis, record, envelope) = EXAMPLE[0];
    let pin = format!("example.com/log+{}", EntryDigest::of(genesis)).parse().unwrap();
    let admin =
        AdminEntry { receipt: example_receipt(0), record: record.to_vec(), envelope: envelope.to_vec() };
    let trust = TrustFile { pin, entries: vec![admin], newest: example_receipt(2) };
    let (_, record, envelope) = EXAMPLE[1];
    let said = AdmissionRecord::decode(record).unwrap();
    let about = node(NodeKind::Artifact, &said.subjects[0]);
    let mut answer =
        Answer::new(said.subjects[0].clone(), &[about], TreeSize::new(3).unwrap(), READER_VERSION.to_owned());
    answer.entries.push(1);
    answer.missing = Stage::ALL[..8].iter().map(ToString::to_string).collect();
    let entry = PackedEntry {
        receipt: example_receipt(1),
        record: Some(record.to_vec()),
        envelope: Some(envelope.to_vec()),
        attachments: Vec::new(),
    };
    made(&answer, &trust, vec![entry]).unwrap()
}

#[test]
fn the_worked_example_of_the_document_holds() {
    let pack = example();
    let checked = check(&pack, &Trust::verify(pack.trust().clone()).unwrap());
    assert!(checked.is_verified(), "{checked:?}");
    let bytes = pack.encode();
    let part = |line: &&str| {
        ["answer", "trust", "receipt", "record", "envelope", "end"].contains(&line.split(' ').next().unwrap())
    };
    let text = text(&bytes);
    let frame: Vec<&str> = text.lines().filter(part).collect();
    let digest = format!("SHA-256: `{}`", Digest::sha256_of(&bytes).value());
    let shown = format!("custody/pack/v1\n{}\n", frame.join("\n<bytes>\n").replace("end\n<bytes>", "end"));
    assert!(
        DOCUMENT.contains(&shown) && DOCUMENT.contains(&digest),
        "docs/format.md should have:\n{shown}\n{digest}"
    );
    let answer = String::from_utf8(pack.answer().encode()).unwrap();
    assert!(DOCUMENT.contains(&answer), "docs/format.md should have:\n{answer}");
}

#[test]
fn one_change_of_the_example_is_refused_or_not_checked() {
    let pack = example();
    let trust = Trust::verify(pack.trust().clone()).unwrap();
    let with = |change: &dyn Fn(&mut PackedEntry), answer: &dyn Fn(&mut Answer)| {
        let (mut entry, mut said) = (pack.entries()[0].clone(), pack.answer().clone());
        change(&mut entry);
        answer(&mut said);
        check(&made(&said, pack.trust(), vec![entry]).unwrap(), &trust)
    };
    let same_entry = |_: &mut PackedEntry| {};
    let same_answer = |_: &mut Answer| {};
    assert!(with(&same_entry, &same_answer).is_verified());
    let refused = [
        with(&|entry| entry.receipt = example_receipt(2), &same_answer),
        with(&|entry| entry.record = Some(EXAMPLE[2].1.to_vec()), &same_answer),
        with(&|entry| entry.envelope = Some(EXAMPLE[2].2.to_vec()), &same_answer),
        with(&|entry| (entry.record, entry.envelope) = (None, None), &same_answer),
        with(&|entry| entry.attachments.push(b"eyJ".to_vec()), &same_answer),
        with(&same_entry, &|answer| answer.size = 1),
        with(&same_entry, &|answer| drop(answer.missing.pop())),
        with(&same_entry, &|answer| answer.edges = self::answer().edges),
    ];
    for (number, checked) in refused.iter().enumerate() {
        assert!(checked.is_refused() && !checked.is_verified(), "{number}: {checked:?}");
    }
    let unchecked = [
        with(&|entry| entry.envelope = None, &same_answer),
        with(&same_entry, &|answer| answer.reader = "0".to_owned()),
        with(&same_entry, &|answer| answer.entries.push(2)),
    ];
    for (number, checked) in unchecked.iter().enumerate() {
        assert!(!checked.is_refused() && !checked.is_verified(), "{number}: {checked:?}");
    }
}
