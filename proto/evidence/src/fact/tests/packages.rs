//! Packages as they are searched for.

use super::*;
use crate::fact::package::{Doubt, Package, PackageError};
use crate::purl::Purl;
use crate::version::Incomparable;

fn naming(purls: &[&str]) -> Facts {
    let mut facts = Facts::default();
    let image = Node::artifact(&format!("sha256:{}", "a".repeat(64)).parse().unwrap());
    for purl in purls {
        let to = Node::component(&purl.parse().unwrap());
        facts.edges.insert(Edge { from: image.clone(), kind: EdgeKind::Contains, to });
    }
    facts
}

fn may_be_in(asked: &str, named: &[&str]) -> bool {
    Package::parse(asked).unwrap().may_be_in(&naming(named))
}

#[test]
fn a_range_holds_the_versions_between_its_ends_by_the_order_of_the_ecosystem() {
    for (asked, inside, outside) in [
        ("pkg:npm/axios@>=1.14.1 <1.15", "pkg:npm/axios@1.14.9", "pkg:npm/axios@1.15.0"),
        ("pkg:npm/axios@>=1.9 <1.10", "pkg:npm/axios@1.9.10", "pkg:npm/axios@1.10.0"),
        ("pkg:pypi/django@>=4.2rc1 <4.2", "pkg:pypi/django@4.2rc2", "pkg:pypi/django@4.2.0"),
        (
            "pkg:deb/debian/curl@<7.74.0-1.3",
            "pkg:deb/debian/curl@7.74.0-1.3~deb11u1",
            "pkg:deb/debian/curl@7.74.0-1.3%2Bb1",
        ),
        ("pkg:maven/a/b@<1.0", "pkg:maven/a/b@1.0-alpha-1", "pkg:maven/a/b@1.0-sp"),
        (
            "pkg:golang/a.test/b@<v1.0.0",
            "pkg:golang/a.test/b@v0.0.0-20200101000000-abcdefabcdef",
            "pkg:golang/a.test/b@v1.0.0",
        ),
    ] {
        assert!(may_be_in(asked, &[outside, inside]), "{asked}: {inside}");
        assert!(!may_be_in(asked, &[outside]), "{asked}: {outside}");
        // Another package whose name starts like it.
        let other = inside.replacen('@', "-other@", 1);
        assert!(!may_be_in(asked, &[&other]), "{asked}: {other}");
    }
}

#[test]
fn what_cannot_be_compared_may_be_meant_and_is_told_unless_another_surely_is() {
    let package = Package::parse("pkg:npm/axios@>=1.14.1 <1.15").unwrap();
    let doubts = |named: &[&str]| package.doubts(&naming(named));
    let found = doubts(&["pkg:npm/axios@latest", "pkg:npm/axios", "pkg:npm/axios@2.0.0"]);
    let doubt = |package: &str, why| Doubt { package: package.to_owned(), why };
    assert_eq!(
        found,
        [
            doubt("pkg:npm/axios", Incomparable::NoVersion),
            doubt("pkg:npm/axios@latest", Incomparable::NotAVersion)
        ]
    );
    assert!(package.may_be_in(&naming(&["pkg:npm/axios@latest"])));
    assert!(doubts(&["pkg:npm/axios@latest", "pkg:npm/axios@1.14.1"]).is_empty(), "it surely is");
    assert!(
        doubts(&["pkg:npm/axios@2.0.0"]).is_empty() && !package.may_be_in(&naming(&["pkg:npm/axios@2.0.0"]))
    );
    assert!(doubts(&[]).is_empty() && !package.may_be_in(&naming(&[])));
}

#[test]
fn without_an_order_versions_are_compared_for_equality_and_an_order_is_refused() {
    assert!(may_be_in("pkg:gem/rails@=7.0", &["pkg:gem/rails@7.0"]));
    assert!(!may_be_in("pkg:gem/rails@=7.0", &["pkg:gem/rails@7.0.0"]));
    assert!(may_be_in("pkg:gem/rails@!=7.0", &["pkg:gem/rails@7.0.0"]));
    for range in [">=7.0", "<7.0 !=6", "=7 >6", "vers:gem/>=7.0|<8.0"] {
        let error = Package::parse(&format!("pkg:gem/rails@{range}")).unwrap_err();
        assert!(
            matches!(&error, PackageError::NotOrdered { package_type, .. } if package_type == "gem"),
            "{error}"
        );
        assert!(error.to_string().contains("only = and != are compared"));
    }
}

#[test]
fn a_package_is_written_as_it_is_read() {
    for (text, written) in [
        ("pkg:npm/axios", "pkg:npm/axios"),
        (" pkg:NPM/axios@1.14.1 ", "pkg:npm/axios@1.14.1"),
        ("pkg:npm/axios@>= 1.14.1,<1.15", "pkg:npm/axios@>=1.14.1 <1.15"),
        ("pkg:npm/%40angular/core@vers:npm/>=1.0.0", "pkg:npm/%40angular/core@vers:npm/>=1.0.0"),
    ] {
        let package = Package::parse(text).unwrap();
        assert_eq!(package.to_string(), written);
        assert_eq!(Package::parse(written), Ok(package.clone()));
        assert_eq!(package.term().field(), Field::Component);
        assert!(!package.term().value().contains("@1") && !package.term().value().contains('>'));
    }
    for text in
        ["", "axios", "pkg:npm/axios@^1", "pkg:npm/axios@>=1 @2", "pkg:npm/axios@1@>=1", "pkg:npm/a@>=1\n<2"]
    {
        assert!(Package::parse(text).is_err(), "{text}");
    }
    let long = format!("pkg:npm/axios@>=1.0.0 !={}", "1".repeat(Node::ID_MAX));
    assert!(matches!(Package::parse(&long), Err(PackageError::Term(_))));
}

#[test]
fn a_node_is_taken_apart_into_a_package_and_its_version() {
    for (purl, name, version) in [
        ("pkg:npm/axios@1.14.1", "pkg:npm/axios", "1.14.1"),
        ("pkg:npm/axios", "pkg:npm/axios", ""),
        ("pkg:npm/%40angular/core@1.0.0?arch=x#lib", "pkg:npm/%40angular/core", "1.0.0"),
        ("pkg:deb/debian/curl?arch=amd64", "pkg:deb/debian/curl", ""),
        ("pkg:deb/debian/curl@7.74.0-1.3%2Bb1?arch=amd64", "pkg:deb/debian/curl", "7.74.0-1.3%2Bb1"),
    ] {
        let node = Node::component(&purl.parse().unwrap());
        assert_eq!(node.package(), Some((name, version)), "{purl}");
        assert_eq!(Node::named(NodeKind::Component, node.id()).unwrap().package(), Some((name, version)));
        let facts = naming(&[purl]);
        assert_eq!(facts.packages().into_iter().collect::<Vec<_>>(), [(name, version)]);
    }
    assert_eq!(Node::named(NodeKind::Ref, "pkg:npm/axios@1.14.1").unwrap().package(), None);
}

#[test]
fn a_version_alone_is_meant_as_the_statement_that_names_it_is() {
    for asked in
        ["pkg:npm/axios@>=1.14.1 <1.15", "pkg:npm/axios@1.14.1", "pkg:npm/axios", "pkg:pypi/django@1.0"]
    {
        let package = Package::parse(asked).unwrap();
        assert_eq!(package.is_any_version(), !asked.contains('@'), "{asked}");
        for version in ["", "1.14.1", "1.14.9", "1.15.0", "1.0", "1.0.0", "latest", "%%"] {
            let named = match version {
                "" => package.term().value().to_owned(),
                version => format!("{}@{version}", package.term().value()),
            };
            let meant = named.parse::<Purl>().is_ok() && may_be_in(asked, &[&named]);
            assert_eq!(package.may_mean(version), meant, "{asked}: {version}");
        }
    }
}

#[test]
fn a_package_that_is_a_repository_is_that_repository_at_its_reference() {
    let uri = json!([{"uri": "pkg:github/Actions/Checkout@v4", "digest": {"gitCommit": COMMIT}}]);
    let provenance = facts(slsa_v1::TYPE, &app(), &dependencies(&uri));
    let name = "https://ci.example/1";
    let hex = crate::subject_name::digest_of_name(crate::subject_name::NameKind::Run, name);
    let used = json!({"run": name, "resolved": [{"ref": "pkg:githubactions/actions/checkout@v4", "digest": format!("gitCommit:{COMMIT}")}]});
    let run = facts("urn:custody:run:v1", &json!([{"name": name, "digest": {"sha256": hex.value()}}]), &used);
    let reference = Term::parse(Field::Ref, "actions/checkout@v4").unwrap();
    for facts in [&provenance, &run] {
        assert!(facts.terms().contains(&reference), "{:?}", edges(facts));
        let meant: Vec<String> = facts.told.meant.iter().map(|meant| meant.bytes.id().to_owned()).collect();
        assert_eq!(meant, [format!("gitCommit:{COMMIT}")]);
    }
    let commit = format!("https://github.com/actions/checkout@{COMMIT}");
    assert!(provenance.terms().contains(&Term::parse(Field::Commit, &commit).unwrap()));
}

#[test]
fn a_snapshot_that_pairs_digests_is_found_by_them_and_no_other_statement_is() {
    let both = json!([{"name": "app", "digest": {"sha256": HEX, "sha512": HEX.repeat(2)}}, {"name": "b", "digest": {"sha256": "a".repeat(64)}}]);
    let running =
        json!([{"digest": format!("sha256:{HEX}")}, {"digest": format!("sha256:{}", "a".repeat(64))}]);
    let seen = json!({"environment": "prod", "at": "2026-11-20T10:00:00Z", "running": running});
    let pairs = |facts: &Facts| -> Vec<String> {
        let terms = facts.terms().into_iter().filter(|term| term.field() == Field::Pair);
        terms.map(|term| term.value().to_owned()).collect()
    };
    let snapshot = facts("urn:custody:snapshot:v1", &both, &seen);
    assert_eq!(pairs(&snapshot), [format!("sha256:{HEX}"), format!("sha512:{}", HEX.repeat(2))]);
    let build = facts(slsa_v1::TYPE, &both, &dependencies(&json!([])));
    assert_eq!(pairs(&build), [""; 0]);
}
