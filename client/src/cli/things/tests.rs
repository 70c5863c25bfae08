use super::*;

fn asked(text: &str) -> Asked {
    Asked { thing: Thing::parse(text).unwrap(), texts: vec![text.to_owned()], trimmed: None, file: None }
}

fn node(kind: NodeKind, id: &str) -> Node {
    Node::named(kind, id).unwrap()
}

fn fits(text: &str, kind: NodeKind, id: &str) -> bool {
    asked(text).fits(&node(kind, id))
}

#[test]
fn a_package_is_not_one_whose_name_starts_the_same() {
    let axios = |text, id| fits(text, NodeKind::Component, id);
    assert!(axios("pkg:npm/axios", "pkg:npm/axios@1.14.1"));
    assert!(axios("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.1"));
    assert!(axios("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.1?arch=x86"));
    assert!(!axios("pkg:npm/axios", "pkg:npm/axios-evil@9"));
    assert!(!axios("pkg:npm/axios", "pkg:npm/axios/evil@9"));
    assert!(!axios("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.2"));
    assert!(!axios("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.10"));
    assert!(!axios("pkg:npm/axios@1.14.1?arch=x86", "pkg:npm/axios@1.14.1?arch=arm"));
    assert!(!fits("pkg:npm/axios", NodeKind::Document, "pkg:npm/axios@1.14.1"));
}

#[test]
fn a_name_or_url_is_that_text_and_no_other() {
    let run = "https://ci.example/runs/4711";
    assert!(fits(run, NodeKind::Run, run));
    assert!(!fits(run, NodeKind::Run, "https://ci.example/runs/47110"));
    assert!(!fits(run, NodeKind::Run, "https://ci.evil/runs/4711"));
    assert!(fits("prod", NodeKind::Environment, "prod"));
    assert!(!fits("prod", NodeKind::Environment, "staging"));
}

#[test]
fn every_spelling_of_a_reference_a_run_and_a_commit_is_it_and_another_is_not() {
    let hex = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";
    let (bare, acme) = (format!("gitCommit:{hex}"), format!("https://github.com/acme/api@{hex}"));
    for (text, kind, id) in [
        ("actions/checkout@v4", NodeKind::Ref, "https://github.com/actions/checkout@refs/tags/v4"),
        ("alpine:3.20", NodeKind::Ref, "oci://docker.io/library/alpine:3.20"),
        ("https://ci.test/runs/7", NodeKind::Run, "https://ci.test/runs/7/attempts/2"),
        ("cve-2026-1", NodeKind::Vulnerability, "CVE-2026-1"),
        (&acme, NodeKind::Commit, &bare),
        (&format!("acme/api@{hex}"), NodeKind::Commit, &acme),
    ] {
        assert!(fits(text, kind, id), "{text} {id}");
    }
    for (text, kind, id) in [
        ("actions/checkout@v4", NodeKind::Ref, "evil/checkout@v4"),
        ("https://ci.test/runs/7/attempts/1", NodeKind::Run, "https://ci.test/runs/7/attempts/2"),
        ("https://ci.test/runs/7", NodeKind::Run, "https://ci.test/runs/70/attempts/1"),
        (&format!("https://github.com/acme/web@{hex}"), NodeKind::Commit, &acme),
    ] {
        assert!(!fits(text, kind, id), "{text} {id}");
    }
    let reference = |id| node(NodeKind::Ref, id);
    assert!(same_thing(&reference("a/b@v1"), &reference("https://github.com/a/b@refs/tags/v1")));
    assert!(!same_thing(&reference("https://a.test/x@main"), &reference("https://a.test/y@main")));
    assert!(same_thing(&node(NodeKind::Commit, &bare), &node(NodeKind::Commit, &acme)));
}

#[test]
fn what_has_the_text_of_a_digest_or_commit_is_of_no_other_kind() {
    let digest = Digest::sha256_of(b"bytes").to_string();
    let commit = "16d9990000000000000000000000000000000000";
    let key = format!("key:{}", "0a".repeat(32));
    let cases = [
        (digest.as_str(), digest.as_str(), vec![NodeKind::Artifact, NodeKind::Document]),
        ("sha256:277089d", "sha256:277089d", vec![]),
        // It may be the start of a longer digest.
        (commit, commit, vec![NodeKind::Artifact, NodeKind::Commit, NodeKind::Document]),
        (&format!("gitCommit:{commit}"), commit, vec![NodeKind::Commit]),
        (&digest[7..13], &digest, vec![NodeKind::Artifact, NodeKind::Commit, NodeKind::Document]),
        (&key, &key, vec![NodeKind::Identity]),
    ];
    for (text, id, expected) in cases {
        let Ok(thing) = Thing::parse(text) else {
            assert_eq!(expected, []);
            continue;
        };
        let asked = Asked { thing, texts: vec![text.to_owned()], trimmed: None, file: None };
        let fitting: Vec<_> = NodeKind::ALL.into_iter().filter(|kind| asked.fits(&node(*kind, id))).collect();
        assert_eq!(fitting, expected, "{text}");
    }
    let file = Asked { file: Some("app.tar.gz".into()), texts: vec![digest.clone()], ..asked("app.tar.gz") };
    assert!(file.fits(&node(NodeKind::Artifact, &digest)) && file.fits(&node(NodeKind::Document, &digest)));
    assert!(!file.fits(&node(NodeKind::Environment, &digest)));
}

#[test]
fn one_name_of_two_kinds_is_two_things_and_the_same_bytes_are_one() {
    let digest = Digest::sha256_of(b"bytes").to_string();
    let of = |kind| node(kind, &digest);
    assert!(same_thing(&of(NodeKind::Artifact), &of(NodeKind::Document)));
    assert!(!same_thing(&node(NodeKind::Environment, "prod"), &node(NodeKind::Ref, "prod")));
    assert!(!same_thing(&node(NodeKind::Environment, "prod"), &node(NodeKind::Environment, "dev")));
}

#[test]
fn a_file_with_more_white_space_is_another_artifact_and_the_same_document() {
    let (whole, trimmed) = (Digest::sha256_of(b"\n#!x\n").to_string(), Digest::sha256_of(b"#!x").to_string());
    let asked = Asked {
        thing: Thing::parse("./padded.sh").unwrap(),
        texts: vec![whole.clone(), trimmed.clone()],
        trimmed: Some(trimmed.clone()),
        file: Some(PathBuf::from("./padded.sh")),
    };
    assert!(asked.fits(&node(NodeKind::Artifact, &whole)));
    assert!(asked.fits(&node(NodeKind::Document, &whole)));
    assert!(asked.fits(&node(NodeKind::Document, &trimmed)));
    assert!(!asked.fits(&node(NodeKind::Artifact, &trimmed)));
}
