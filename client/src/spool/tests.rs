use std::sync::Barrier;

use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::key::SigningKey;

use super::*;

fn pin(name: &str) -> Pin {
    format!("example.com/{name}+sha256:{}", "ab".repeat(32)).parse().unwrap()
}

fn envelope(text: &str) -> Envelope {
    dsse::Envelope::sign(IN_TOTO, text.as_bytes(), &[&SigningKey::from_seed(&[4; 32])]).unwrap().into()
}

fn now() -> Timestamp {
    "2026-11-22T20:31:24.120394Z".parse().unwrap()
}

fn why(code: &str) -> Why {
    Why { code: code.to_owned(), message: "said".to_owned() }
}

fn digests(spool: &Spool) -> Vec<EnvelopeDigest> {
    spool.waiting().unwrap().iter().map(|waiting| waiting.envelope.digest()).collect()
}

#[test]
fn keeps_each_envelope_once_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("new/spool"), pin("test"));
    assert!(matches!(spool.waiting(), Err(SpoolError::Missing { .. })));
    for text in ["one", "two", "one"] {
        spool.keep(&envelope(text), now()).unwrap();
    }
    assert_eq!(digests(&spool), [envelope("one").digest(), envelope("two").digest()]);
}

#[test]
fn settling_keeps_what_failed_with_the_reason_and_removes_an_empty_spool() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"), pin("test"));
    let all = ["one", "two", "three", "four"].map(envelope);
    for envelope in &all {
        spool.keep(envelope, now()).unwrap();
    }
    let fates = [
        (all[0].digest(), Fate::Recorded),
        (all[1].digest(), Fate::Refused(why("no_right"))),
        (all[2].digest(), Fate::Failed(why("unreachable"))),
    ];
    spool.settle(&fates).unwrap();
    let left = spool.waiting().unwrap();
    assert_eq!(left.len(), 3);
    assert_eq!((left[0].refused.clone(), left[0].tried.clone()), (Some(why("no_right")), None));
    assert_eq!((left[1].refused.clone(), left[1].tried.clone()), (None, Some(why("unreachable"))));
    assert_eq!((left[2].refused.clone(), left[2].tried.clone()), (None, None));
    let recorded: Vec<_> = all.iter().map(|envelope| (envelope.digest(), Fate::Recorded)).collect();
    spool.settle(&recorded).unwrap();
    assert!(!spool.path().exists());
}

#[test]
fn a_line_cut_at_any_byte_loses_that_line_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = Spool::new(path.clone(), pin("test"));
    spool.keep(&envelope("one"), now()).unwrap();
    let first = fs::read(&path).unwrap().len();
    spool.keep(&envelope("two"), now()).unwrap();
    let both = fs::read(&path).unwrap();
    for cut in 0..both.len() {
        fs::write(&path, &both[..cut]).unwrap();
        let expected = usize::from(cut >= first);
        assert_eq!(spool.waiting().unwrap().len(), expected, "cut at {cut}");
        spool.keep(&envelope("three"), now()).unwrap();
        assert_eq!(digests(&spool).last(), Some(&envelope("three").digest()), "cut at {cut}");
        assert_eq!(spool.waiting().unwrap().len(), expected + 1, "cut at {cut}");
    }
}

#[test]
fn refuses_what_is_not_a_spool_of_this_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    let spool = Spool::new(path.clone(), pin("test"));
    spool.keep(&envelope("one"), now()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let other = Spool::new(path.clone(), pin("other"));
    assert!(matches!(other.keep(&envelope("two"), now()), Err(SpoolError::OtherLog { .. })));
    assert!(matches!(other.waiting(), Err(SpoolError::OtherLog { .. })));
    let digest = envelope("one").digest().to_string();
    for (name, text) in [
        ("another format", good.replace("spool/v1", "spool/v2")),
        ("no header", good.lines().nth(1).unwrap().to_owned() + "\n"),
        ("another digest", good.replace(&digest, &envelope("two").digest().to_string())),
        ("no base64", good.replace("\"envelope\":\"", "\"envelope\":\"?")),
        ("somebody's notes", "my notes".to_owned()),
        ("somebody's notes, and a line end", "my notes\n".to_owned()),
    ] {
        fs::write(&path, &text).unwrap();
        assert!(matches!(spool.waiting(), Err(SpoolError::Line { .. })), "{name}");
        if !text.contains("v1") {
            assert!(matches!(spool.keep(&envelope("two"), now()), Err(SpoolError::Line { .. })), "{name}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "{name}");
        }
    }
}

#[test]
fn many_at_once_lose_nothing_while_others_settle() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"), pin("test"));
    let start = Barrier::new(9);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (spool, start) = (&spool, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..10 {
                    spool.keep(&envelope(&format!("{writer}-{number}")), now()).unwrap();
                }
            });
        }
        start.wait();
        for _ in 0..20 {
            match spool.waiting() {
                Ok(waiting) => {
                    let fates: Vec<_> = waiting
                        .iter()
                        .map(|waiting| (waiting.envelope.digest(), Fate::Failed(why("unreachable"))))
                        .collect();
                    spool.settle(&fates).unwrap();
                }
                Err(SpoolError::Missing { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert_eq!(spool.waiting().unwrap().len(), 80);
}
