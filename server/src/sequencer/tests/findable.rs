//! What admission hands over for the index, beside what the index would read itself.

use custody_log::{Measured, RecordDigest};

use super::*;
use crate::index::{FactRows, Stored};

/// Build provenance, a bill of materials, and a type that is not understood.
fn statements() -> [String; 3] {
    let of = |predicate_type: &str, predicate: &str| {
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"app","digest":{{"sha256":"{:064x}","sha1":"{:040x}"}}}}],"predicateType":"{predicate_type}","predicate":{predicate}}}"#,
            7, 8
        )
    };
    [
        of(
            "https://slsa.dev/provenance/v1",
            r#"{"buildDefinition":{"buildType":"https://example.com/build/v1","externalParameters":{},"resolvedDependencies":[{"uri":"git+https://git.example.com/acme/api@refs/heads/main","digest":{"gitCommit":"16d9990aa33d97b34da6bb0f2b1a4e4e4c07e7d3"}}]},"runDetails":{"builder":{"id":"https://ci.example.com/1"},"metadata":{"invocationId":"https://ci.example.com/runs/1"}}}"#,
        ),
        of(
            "https://cyclonedx.org/bom",
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"axios","version":"1.14.1","purl":"pkg:npm/axios@1.14.1"}]}"#,
        ),
        of("https://example.com/note/v1", "{}"),
    ]
}

#[test]
fn what_admission_hands_over_is_what_the_journal_says() {
    let log = Log::new();
    let (ledger, ..) = log.open();
    let (head, now) = (ledger.head(), log.clock.read().unwrap().wall);
    for (index, statement) in (1..).zip(statements()) {
        let index = LeafIndex::new(index).unwrap();
        let envelope = sign(statement.as_bytes(), &[&key(WRITER), &key(SECOND_WRITER)]);
        let Admitted { admission, findable, .. } =
            *admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let entry = Entry {
            index,
            time: now,
            previous: Some(EntryDigest::of(b"before")),
            admin: Some(LeafIndex::ZERO),
            administrative: false,
            envelope: Measured { digest: envelope.digest(), length: 0 },
            content: admission.content(),
            record: Measured { digest: RecordDigest::of(admission.record_bytes()), length: 0 },
        };
        let stored = Stored {
            entry: entry.encode(),
            record: Some(admission.record_bytes().to_vec()),
            envelope: Some(envelope.into_bytes()),
            erased: None,
        };
        let read = FactRows::of(&crate::index::read(index, stored).unwrap());
        assert_eq!(findable.unwrap().at(index), read, "{statement}");
    }
}

#[test]
fn what_can_be_found_by_too_much_is_left_to_the_journal() {
    let log = Log::new();
    let (ledger, ..) = log.open();
    let components: Vec<String> = (0..4_096)
        .map(|number| format!(r#"{{"type":"library","name":"n","purl":"pkg:npm/n{number}"}}"#))
        .collect();
    let [_, document, _] = statements();
    let listed = r#"{"type":"library","name":"axios","version":"1.14.1","purl":"pkg:npm/axios@1.14.1"}"#;
    let document = document.replace(listed, &components.join(","));
    let envelope = sign(document.as_bytes(), &[&key(WRITER)]);
    let now = log.clock.read().unwrap().wall;
    let admitted = admission::admit(&ledger.head(), ledger.index(), &envelope, None, &[], now).unwrap();
    assert_eq!(admitted.findable, None);
}
