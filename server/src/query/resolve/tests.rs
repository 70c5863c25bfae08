use custody_evidence::fact::EdgeKind;

use super::*;
use crate::query::tests::memory::{Memory, artifact, node, sha256, size};

const API: &str = "https://github.com/acme/api";

fn memory() -> Memory {
    let mut memory = Memory::new();
    let commit = node(NodeKind::Commit, &format!("{API}@{}", "c".repeat(40)));
    let run = node(NodeKind::Run, "https://github.com/acme/api/actions/runs/4711");
    let subject = [(Field::Subject, sha256('a'))];
    let subject = subject.each_ref().map(|(field, value)| (*field, value.as_str()));
    memory.record(
        1,
        None,
        &[(artifact('a'), EdgeKind::BuiltBy, run.clone()), (run, EdgeKind::BuiltFrom, commit)],
        &subject,
    );
    let document = node(NodeKind::Document, &sha256('d'));
    let axios = |version: &str| node(NodeKind::Component, &format!("pkg:npm/axios@{version}"));
    memory.record(
        2,
        None,
        &[
            (artifact('a'), EdgeKind::DescribedBy, document),
            (artifact('a'), EdgeKind::Contains, axios("1.0.0")),
            (artifact('a'), EdgeKind::Contains, axios("1.1.0")),
        ],
        &[],
    );
    // Not interpreted: a subject without an edge, and a key that signed it.
    let (b, key) = (sha256('b'), format!("key:{}", "e".repeat(64)));
    memory.record(3, None, &[], &[(Field::Subject, &b), (Field::Signer, &key)]);
    let prod = node(NodeKind::Environment, "prod");
    memory.record(4, None, &[(artifact('a'), EdgeKind::RunsIn, prod)], &[]);
    memory
}

fn ids(memory: &Memory, things: &[&str], at: u64) -> Vec<String> {
    let things: Vec<_> = things.iter().map(|text| Thing::parse(text).unwrap()).collect();
    resolve(memory, &things, size(at)).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn every_shape_of_text_finds_its_node() {
    let memory = memory();
    let hex = "c".repeat(40);
    for (text, expected) in [
        (sha256('a'), format!("artifact {}", sha256('a'))),
        (sha256('b'), format!("artifact {}", sha256('b'))),
        (sha256('d'), format!("document {}", sha256('d'))),
        (format!("ghcr.io/acme/api:1@{}", sha256('a')), format!("artifact {}", sha256('a'))),
        ("aaaaa".to_owned(), format!("artifact {}", sha256('a'))),
        ("bbbbbbb".to_owned(), format!("artifact {}", sha256('b'))),
        ("ddddd".to_owned(), format!("document {}", sha256('d'))),
        ("ccccc".to_owned(), format!("commit {API}@{hex}")),
        (hex.clone(), format!("commit {API}@{hex}")),
        (format!("gitCommit:{hex}"), format!("commit {API}@{hex}")),
        (format!("git+{API}.git@{hex}"), format!("commit {API}@{hex}")),
        ("eeeee".to_owned(), format!("identity key:{}", "e".repeat(64))),
        (format!("key:{}", "e".repeat(64)), format!("identity key:{}", "e".repeat(64))),
        ("pkg:npm/axios@1.1.0".to_owned(), "component pkg:npm/axios@1.1.0".to_owned()),
        (format!("{API}/actions/runs/4711"), format!("run {API}/actions/runs/4711")),
        ("prod".to_owned(), "environment prod".to_owned()),
        ("index:0".to_owned(), format!("artifact {}", sha256('a'))),
    ] {
        assert_eq!(ids(&memory, &[&text], 4), [expected], "{text}");
    }
}

#[test]
fn unknown_text_and_what_is_recorded_later_finds_nothing() {
    let memory = memory();
    for text in [&sha256('f'), "fffff", "staging", "pkg:npm/axios@2.0.0", "index:4", "./prod-file"] {
        assert_eq!(ids(&memory, &[text], 4), [""; 0], "{text}");
    }
    assert_eq!(ids(&memory, &["prod"], 3), [""; 0]);
    assert_eq!(ids(&memory, &["bbbbb"], 2), [""; 0]);
    assert_eq!(ids(&memory, &["index:2"], 2), [""; 0]);
}

#[test]
fn ambiguous_text_gives_the_candidates() {
    let mut memory = memory();
    assert_eq!(
        ids(&memory, &["pkg:npm/axios"], 4),
        ["component pkg:npm/axios@1.0.0", "component pkg:npm/axios@1.1.0"]
    );
    let close = format!("sha256:{}0", "a".repeat(63));
    memory.record(5, None, &[], &[(Field::Subject, &close)]);
    assert_eq!(ids(&memory, &["aaaaa"], 5).len(), 2);
    assert_eq!(ids(&memory, &["aaaaa"], 4).len(), 1);
    assert_eq!(ids(&memory, &[&"a".repeat(64)], 5).len(), 1);
    for number in 0..40 {
        let digest = format!("sha256:ababab{number:02}{}", "0".repeat(56));
        memory.record(6 + number, None, &[], &[(Field::Subject, &digest)]);
    }
    assert_eq!(ids(&memory, &["ababab"], 45).len(), NODES_MAX);
}

#[test]
fn spellings_of_a_reference_attempts_of_a_run_and_a_commit_without_repository_are_all_found() {
    let mut memory = Memory::new();
    let hex = "c".repeat(40);
    let run = node(NodeKind::Run, "https://ci.test/runs/7/attempts/1");
    let resolved = |kind, id: &str| (run.clone(), EdgeKind::Resolved, node(kind, id));
    memory.record(
        1,
        None,
        &[
            resolved(NodeKind::Ref, "actions/checkout@v4"),
            resolved(NodeKind::Ref, "https://github.com/actions/checkout@refs/tags/v4"),
            resolved(NodeKind::Ref, "https://github.com/acme/api@refs/heads/staging"),
            resolved(NodeKind::Commit, &format!("gitCommit:{hex}")),
            resolved(NodeKind::Commit, &format!("{API}@{hex}")),
            resolved(NodeKind::Commit, &format!("https://github.com/acme/web@{hex}")),
        ],
        &[],
    );
    let checkout = ["ref actions/checkout@v4", "ref https://github.com/actions/checkout@refs/tags/v4"];
    for text in ["actions/checkout@v4", "git+https://github.com/actions/checkout@refs/tags/v4"] {
        assert_eq!(ids(&memory, &[text], 1), checkout, "{text}");
    }
    assert_eq!(ids(&memory, &["actions/checkout@refs/heads/v4"], 1), [checkout[0]]);
    assert_eq!(ids(&memory, &["https://ci.test/runs/7"], 1), ["run https://ci.test/runs/7/attempts/1"]);
    assert_eq!(ids(&memory, &["https://ci.test/runs/7/attempts/2"], 1), [""; 0]);
    assert_eq!(ids(&memory, &[&hex], 1).len(), 3);
    let bare = format!("commit gitCommit:{hex}");
    let of_api = [bare, format!("commit {API}@{hex}")];
    for text in [format!("{API}@{hex}"), format!("acme/api@{hex}")] {
        assert_eq!(ids(&memory, &[&text], 1), of_api, "{text}");
    }
    // The name of an environment is meant before a branch of that name.
    assert_eq!(ids(&memory, &["staging"], 1), ["ref https://github.com/acme/api@refs/heads/staging"]);
    memory.record(2, None, &[(artifact('a'), EdgeKind::RunsIn, node(NodeKind::Environment, "staging"))], &[]);
    assert_eq!(ids(&memory, &["staging"], 2), ["environment staging"]);
}

#[test]
fn the_first_text_of_one_thing_that_fits_counts() {
    let memory = memory();
    let (other, a) = (sha256('9'), sha256('a'));
    assert_eq!(ids(&memory, &[&other, &a, "prod"], 4), [format!("artifact {a}")]);
}

/// Bills of materials of `bytes` each, the version of axios counting up.
fn bills(count: usize, bytes: u64) -> Memory {
    let mut memory = Memory::new();
    memory.envelope_bytes = bytes;
    for version in 0..count {
        let axios = node(NodeKind::Component, &format!("pkg:npm/axios@1.{version}.0"));
        memory.record(1, None, &[(artifact('a'), EdgeKind::Contains, axios)], &[]);
    }
    memory
}

#[test]
fn what_is_read_for_one_question_is_bounded_in_entries_and_bytes() {
    let large = bills(10, ENVELOPE_BYTES_MAX / 4);
    let newest: Vec<_> = (6..10).map(|version| format!("component pkg:npm/axios@1.{version}.0")).collect();
    assert_eq!(ids(&large, &["pkg:npm/axios"], 10), newest, "four of the newest");
    assert_eq!(ids(&bills(10, 1_000), &["pkg:npm/axios"], 10).len(), 10);
    // Not read is not unknown: a version that was asked for may stand in what was not read.
    assert_eq!(ids(&large, &["pkg:npm/axios@1.0.0"], 10), ["component pkg:npm/axios@1.0.0"]);
    let mut same = bills(1, 1_000);
    for _ in 0..ENTRIES_MAX {
        let axios = node(NodeKind::Component, "pkg:npm/axios@2.0.0");
        same.record(1, None, &[(artifact('a'), EdgeKind::Contains, axios)], &[]);
    }
    assert_eq!(ids(&same, &["pkg:npm/axios"], 1_025), ["component pkg:npm/axios@2.0.0"]);
}

#[test]
fn the_bound_is_for_all_texts_of_one_question_and_each_entry_counts_once() {
    let memory = bills(16, ENVELOPE_BYTES_MAX);
    // Each text reads the newest entry, and it alone.
    let things = [Thing::parse("nothing").unwrap(), Thing::parse("aaaaa").unwrap()];
    assert_eq!(resolve(&memory, &things, size(16)).unwrap(), [artifact('a')]);
    // Two entries offered for the same digits, of which the first alone fills the bound and does not fit.
    let mut memory = Memory::new();
    memory.envelope_bytes = ENVELOPE_BYTES_MAX;
    memory.record(1, None, &[], &[(Field::Subject, &sha256('a'))]);
    memory.collision = Some(memory.record(2, None, &[], &[]));
    let refused = resolve(&memory, &[Thing::parse(&sha256('a')).unwrap()], size(2)).unwrap_err();
    assert!(matches!(refused, QueryError::TooMuch { entries: 1, bytes: ENVELOPE_BYTES_MAX }), "{refused}");
    memory.collision = None;
    assert_eq!(ids(&memory, &[&sha256('a')], 2), [format!("artifact {}", sha256('a'))]);
}
