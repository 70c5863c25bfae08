use std::path::Path;

use custody_evidence::Digest;
use custody_evidence::fact::{self, EdgeKind, Node};
use custody_evidence::predicate::{Action, Approval, Deployment, Promotion, Review};
use custody_evidence::statement::Statement;
use custody_evidence::subject_name::NameKind;
use custody_log::Timestamp;

use super::*;
use crate::ci::{self, Variables};
use crate::file_digest::FileDigests;
use crate::git::{
    CommitId, CommitObject, CommitSignature, RepositoryUrl, SignatureKind, Unverified, Verdict,
};

mod kinds;
mod statements;

const SHA: &str = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";

fn repository() -> RepositoryUrl {
    "git@github.com:acme/api.git".parse().unwrap()
}

fn commit() -> CommitId {
    SHA.parse().unwrap()
}

fn at() -> Timestamp {
    "2026-11-20T13:00:05.000000Z".parse().unwrap()
}

fn app() -> Subject {
    Subject::of_file(Path::new("dist/app.tar.gz"), &FileDigests::of_bytes(b"abc"))
}

fn by_digest() -> Subject {
    let Given::Complete(subject) =
        Given::parse(&format!("ghcr.io/acme/api:1@sha256:{}", "a".repeat(64))).unwrap()
    else {
        panic!("an image with its digest is complete");
    };
    subject
}

/// Compares with a file of this folder: the exact bytes that are signed.
fn golden(name: &str, made: &Made) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/make/goldens").join(name);
    let found = String::from_utf8(made.payload.clone()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}: UPDATE_GOLDENS=1 writes it anew", path.display());
    let statement = Statement::parse(&made.payload).unwrap();
    assert_eq!(statement.subject_without_usable_digest(), None);
}

fn object() -> CommitObject {
    let text = format!(
        "tree {SHA}\nparent {}\nauthor Ann <ann@example.com> 1763643600 +0100\n\
         committer Bob <bob@example.com> 1763650800 +0000\ngpgsig -----BEGIN SSH SIGNATURE-----\n\nmessage\n",
        "b".repeat(40)
    );
    CommitObject::parse(text.as_bytes()).unwrap()
}

#[test]
fn source_golden() {
    let key = Some("SHA256:BbMVYDcXsZ/HPEvkqGHeYNmKAh6NRtwWBLXLr1hTYQw".to_owned());
    let with = |verdict| {
        let signature = CommitSignature { kind: SignatureKind::Ssh, key: key.clone(), verdict };
        let reference = "refs/heads/main".parse().unwrap();
        source(&repository(), &commit(), &object(), Some(&signature), reference).unwrap()
    };
    let predicate = with(Verdict::Verified { principals: "ann@example.com".to_owned() });
    let subject = Subject::of_commit(&repository(), &commit());
    golden("source.json", &custody(&predicate, &[subject]).unwrap());
    for verdict in [Verdict::Failed(Unverified::Revoked), Verdict::NotChecked(Unverified::NoSigners)] {
        let signature = with(verdict).signature.unwrap();
        assert_eq!((signature.verified, signature.key.is_some()), (false, true));
    }
}

#[test]
fn review_golden() {
    let predicate = Review {
        repo: repository().name().clone(),
        commit: commit(),
        reference: Some("refs/heads/main".parse().unwrap()),
        reviewers: vec!["alice@example.com".parse().unwrap(), "bob@example.com".parse().unwrap()],
        approved_at: at(),
        change_url: Some("https://github.com/acme/api/pull/7".parse().unwrap()),
    };
    let subject = Subject::of_commit(&repository(), &commit());
    golden("review.json", &custody(&predicate, &[subject]).unwrap());
}

#[test]
fn approval_promotion_and_deployment_goldens() {
    let approval = Approval {
        target: "prod".parse().unwrap(),
        approver: "alice@example.com".parse().unwrap(),
        at: at(),
        reason: Some("release 1.2".to_owned()),
        until: Some(at().plus_micros(3_600_000_000)),
    };
    golden("approval.json", &custody(&approval, &[app()]).unwrap());
    let promotion = Promotion {
        from: "staging".parse().unwrap(),
        to: "prod".parse().unwrap(),
        at: at(),
        ref_before: None,
        ref_after: Some("ghcr.io/acme/api:prod".parse().unwrap()),
    };
    golden("promotion.json", &custody(&promotion, &[by_digest()]).unwrap());
    let deployment = Deployment {
        environment: "prod/eu-1".parse().unwrap(),
        workload: Some("api".parse().unwrap()),
        cluster: None,
        action: Action::Start,
        at: at(),
        verdict: Some("1041".parse().unwrap()),
    };
    golden("deployment.json", &custody(&deployment, &[by_digest()]).unwrap());
}

fn github() -> Variables {
    [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REPOSITORY", "acme/api"),
        ("GITHUB_REPOSITORY_ID", "123456"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_RUN_ID", "4711"),
        ("GITHUB_SHA", SHA),
        ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .collect()
}

fn build(job: Option<ci::Job>) -> Build {
    let around = Surroundings { job, working_copy: None };
    Build {
        builder: around.builder(around.job.is_none().then_some("https://builder.example/1")).unwrap(),
        build_type: None,
        repository: around.repository(Some(&repository())).unwrap(),
        commit: commit(),
        reference: around.reference(None, &commit()),
        run: around.run(around.job.is_none().then_some("https://builder.example/1/runs/5")).unwrap(),
        started: None,
        finished: Some(at()),
        parameters: [("target".to_owned(), "release".to_owned())].into(),
        dependencies: vec![
            format!("pkg:npm/axios@1.14.1=sha512:{}", "d".repeat(128)).parse().unwrap(),
            "pkg:deb/debian/libc6@2.36?arch=amd64".parse().unwrap(),
        ],
        job: around.job,
    }
}

#[test]
fn build_goldens() {
    let job = ci::detect(&github());
    golden("build-github.json", &build(job).make(&[app()]).unwrap());
    golden("build-by-flags.json", &build(None).make(&[app()]).unwrap());
}

#[test]
fn sbom_golden_embeds_the_document_as_it_is() {
    let document = b"\n {\"bomFormat\" : \"CycloneDX\",  \"specVersion\": \"1.6\", \"components\": []}\n\n";
    let sbom = Sbom::detect(document).unwrap();
    let made = sbom.make(&[app()]).unwrap();
    golden("sbom.json", &made);
    let statement = Statement::parse(&made.payload).unwrap();
    assert_eq!(statement.predicate_bytes().unwrap(), document.trim_ascii());
}

#[test]
fn the_order_of_subjects_and_a_subject_named_twice_change_nothing() {
    let job = || ci::detect(&github());
    let once = build(job()).make(&[app(), by_digest()]).unwrap();
    assert_eq!(build(job()).make(&[by_digest(), app(), by_digest()]).unwrap(), once);
    let mut other = build(job());
    other.dependencies.reverse();
    assert_eq!(other.make(&[app(), by_digest()]).unwrap(), once);
}

#[test]
fn documents_tell_their_own_type() {
    for (document, expected) in [
        (r#"{"bomFormat":"CycloneDX"}"#, SbomKind::CycloneDx),
        (r#"{"spdxVersion":"SPDX-2.3"}"#, SbomKind::Spdx2),
        (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, SbomKind::Spdx3),
        ("\u{feff}{\"bomFormat\":\"CycloneDX\"}", SbomKind::CycloneDx),
    ] {
        assert_eq!(Sbom::detect(document.as_bytes()).unwrap().kind(), expected);
    }
    // What is around a document is no part of it: a byte order mark, white space, and the answer of GitHub's dependency graph.
    for (file, document) in [
        ("\u{feff}\r\n{\"spdxVersion\":\"SPDX-2.3\"}\r\n", "{\"spdxVersion\":\"SPDX-2.3\"}"),
        ("{\"sbom\": { \"spdxVersion\":\"SPDX-2.3\"} }\n", "{ \"spdxVersion\":\"SPDX-2.3\"}"),
    ] {
        let sbom = Sbom::detect(file.as_bytes()).unwrap();
        assert_eq!((sbom.kind(), sbom.length()), (SbomKind::Spdx2, document.len()), "{file}");
        let made = String::from_utf8(sbom.make(&[app()]).unwrap().payload).unwrap();
        assert!(made.ends_with(&format!("\"predicate\":{document}}}")), "{made}");
    }
    // Text that is no JSON stands in it as text, every byte of it: so the file's digest finds it.
    for (file, kind, predicate_type) in [
        (
            "\u{feff}<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>\n",
            SbomKind::CycloneDxXml,
            "https://cyclonedx.org/bom",
        ),
        ("# made by hand\r\nSPDXVersion: SPDX-2.2\r\n", SbomKind::SpdxTagValue, "https://spdx.dev/Document"),
    ] {
        let sbom = Sbom::detect(file.as_bytes()).unwrap();
        assert_eq!((sbom.kind(), sbom.length()), (kind, file.len()));
        let made = sbom.make(&[app()]).unwrap();
        assert_eq!(made.predicate_type, predicate_type);
        let statement = Statement::parse(&made.payload).unwrap();
        let facts = fact::read(&statement);
        let document = Node::document(&Digest::sha256_of(file.as_bytes()));
        assert!(
            facts.edges.iter().any(|edge| edge.kind == EdgeKind::DescribedBy && edge.to == document),
            "{file}"
        );
        let warning = facts.warnings[0].to_string();
        assert!(!facts.interpreted && warning.contains("not interpreted: "), "{warning}");
    }
    let latin = b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\">\xe9</bom>";
    assert!(matches!(Sbom::detect(latin).unwrap().make(&[app()]), Err(MakeError::NotAnSbom { .. })));
    for document in ["<bom/>", "{}", r#"{"bomFormat":"x"}"#, r#"{"spdxVersion":2}"#, "[]"] {
        assert!(matches!(Sbom::detect(document.as_bytes()), Err(MakeError::NotAnSbom { .. })), "{document}");
    }
    let twice = r#"{"bomFormat":"CycloneDX","bomFormat":"CycloneDX"}"#;
    for document in ["", "{", twice, "\u{feff}\u{feff}{}", "SPDX-2.2", "SPDX: SPDXVersion:"] {
        assert!(matches!(Sbom::detect(document.as_bytes()), Err(MakeError::Json(_))), "{document}");
    }
}

#[test]
fn refuses_predicates_that_must_not_be_signed_and_statements_about_nothing() {
    assert!(matches!(
        given("https://example.com/x", b"{\"a\":1,\"a\":2}", &[app()]),
        Err(MakeError::Json(_))
    ));
    assert_eq!(given("https://example.com/x", b"{}", &[]), Err(MakeError::NoSubject));
    assert!(matches!(given("https://example.com/x", b"[]", &[app()]), Err(MakeError::Statement(_))));
    assert!(matches!(given("", b"{}", &[app()]), Err(MakeError::Statement(_))));
    assert!(given("https://example.com/x", b" {\"a\":1}\n", &[app()]).is_ok());
}

#[test]
fn a_subject_is_told_by_its_shape() {
    let h64 = "a".repeat(64);
    let complete = |text: &str| match Given::parse(text) {
        Ok(Given::Complete(subject)) => (subject.name, subject.digests[0].to_string()),
        other => panic!("{text}: {other:?}"),
    };
    let digest = format!("sha256:{h64}");
    assert_eq!(complete(&digest), (String::new(), digest.clone()));
    assert_eq!(complete(&format!("ghcr.io/a/b:1@{digest}")), ("ghcr.io/a/b:1".to_owned(), digest.clone()));
    let package = format!("pkg:npm/axios@1.14.1@sha512:{}", "b".repeat(128));
    assert_eq!(complete(&package).0, "pkg:npm/axios@1.14.1");
    let oci = format!("pkg:oci/app@{digest}?repository_url=ghcr.io%2Facme%2Fapp");
    assert_eq!(complete(&oci), (oci.clone(), digest));
    let on = format!("https://github.com/acme/api@{SHA}");
    assert_eq!(complete(&on), ("https://github.com/acme/api".to_owned(), format!("gitCommit:{SHA}")));
    assert_eq!(complete(SHA).1, format!("gitCommit:{SHA}"));
    for file in ["app.tar.gz", "./app", "/tmp/app"] {
        assert!(matches!(Given::parse(file), Ok(Given::File(_))), "{file}");
    }
    for text in [
        "index:5",
        "abcde",
        &h64,
        "pkg:npm/axios@1.14.1",
        "https://a.example/run/1",
        "md5:aa",
        "",
        &format!("key:{h64}"),
    ] {
        assert!(Given::parse(text).is_err(), "{text}");
    }
    assert!(matches!(Given::parse(&format!("sha1:{SHA}")), Err(SubjectError::Unusable { .. })));
}

#[test]
fn names_without_bytes_have_the_digest_of_their_kind_and_name() {
    let subject = Subject::of_name(NameKind::Environment, "prod");
    assert_eq!(
        subject.digests[0].to_string(),
        "sha256:0fe4be9e9873f30fa2ac05ba73e1fecd2c916dbc7008a56aea31a1bfc4261ab0"
    );
}

#[test]
fn what_is_missing_names_the_flag_and_the_variables() {
    let nothing = Surroundings::default();
    let text = nothing.repository(None).unwrap_err().to_string();
    for part in ["no repository: give --repo", "GITHUB_REPOSITORY", "CI_PROJECT_URL", "a git remote"] {
        assert!(text.contains(part), "{text}");
    }
    let job = ci::detect(&[("GITHUB_ACTIONS".to_owned(), "true".to_owned())].into_iter().collect());
    let github = Surroundings { job, working_copy: None };
    assert_eq!(
        github.commit(None).unwrap_err().to_string(),
        "no commit: give --commit (looked for GITHUB_SHA, and git HEAD)"
    );
    assert_eq!(
        github.run(None).unwrap_err().to_string(),
        "no run: give --run-url (looked for GITHUB_RUN_ID)"
    );
}

#[test]
fn the_branch_of_another_commit_is_not_used() {
    let copy = WorkingCopy { head: commit(), branch: Some("refs/heads/main".to_owned()), remote: None };
    let around = Surroundings { job: ci::detect(&github()), working_copy: Some(copy) };
    assert_eq!(around.reference(None, &commit()).as_deref(), Some("refs/heads/main"));
    let other: CommitId = "b".repeat(40).parse().unwrap();
    assert_eq!(around.reference(None, &other), None);
    assert_eq!(around.reference(Some("refs/tags/v1"), &other).as_deref(), Some("refs/tags/v1"));
}

#[test]
fn a_folder_without_a_remote_is_the_repository_of_the_job() {
    let copy = |remote: Option<&str>| WorkingCopy {
        head: commit(),
        branch: Some("refs/heads/main".to_owned()),
        remote: remote.map(RepositoryUrl::parse),
    };
    let of = |job: bool, remote: Option<&str>, asked: &str| {
        let job = job.then(|| ci::detect(&github()).unwrap());
        let around = Surroundings { job, working_copy: Some(copy(remote)) };
        around.of(&asked.parse().unwrap()).working_copy.is_some()
    };
    let (ours, other) = ("https://github.com/acme/api", "https://github.com/other/project");
    // A path is no address that could be compared.
    for remote in [None, Some("../api")] {
        assert!(of(true, remote, ours), "{remote:?}");
        assert!(!of(true, remote, other), "{remote:?}: a commit of the job's repository is none of this one");
        assert!(of(false, remote, other), "{remote:?}: it may be this one");
    }
    assert!(of(true, Some(other), other), "its remote says so, whatever the job is for");
    assert!(!of(true, Some(other), ours));
    let around = Surroundings { job: ci::detect(&github()), working_copy: Some(copy(None)) };
    let missing = around.of(&other.parse().unwrap()).commit(None).unwrap_err();
    assert_eq!(missing.what, "commit");
}

#[test]
fn dependencies_are_uris_with_or_without_a_digest() {
    for text in ["pkg:npm/axios@1.14.1", "https://example.com/x.tar.gz", "docker://alpine:3"] {
        assert!(text.parse::<Dependency>().is_ok(), "{text}");
    }
    for text in ["", "axios", "pkg:npm", "pkg:npm/a@1=sha256:abc", "a b:c"] {
        assert!(text.parse::<Dependency>().is_err(), "{text}");
    }
}
