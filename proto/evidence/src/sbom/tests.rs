//! Documents that are odd, hostile or of another format.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(document: &serde_json::Value) -> Components<'static> {
    components(document.to_string().as_bytes()).unwrap().into_owned()
}

fn refused(document: &str) -> SbomError {
    components(document.as_bytes()).map(drop).expect_err(document)
}

#[test]
fn formats_that_are_not_read_are_named() {
    for (document, expected) in [
        (r#"{"bomFormat":"CycloneDX","specVersion":"1.1"}"#, "CycloneDX \"1.1\""),
        (r#"{"bomFormat":"CycloneDX","specVersion":"1.8"}"#, "CycloneDX \"1.8\""),
        (r#"{"bomFormat":"CycloneDX"}"#, "CycloneDX \"\""),
        (r#"{"bomFormat":"CycloneDX","specVersion":1.6}"#, "CycloneDX \"\""),
        (r#"{"bomFormat":"CDX","specVersion":"1.6"}"#, "neither CycloneDX"),
        (r#"{"spdxVersion":2}"#, "SPDX \"2\""),
        (r#"{"spdxVersion":""}"#, "SPDX \"\""),
        (r#"{"spdxVersion":"SPDX-2.1"}"#, "SPDX \"SPDX-2.1\""),
        (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#, "SPDX 3"),
        (
            r#"{"@context":["https://spdx.github.io/spdx-spec/v3.0.1/rdf/spdx-context.jsonld"],"@graph":[]}"#,
            "SPDX 3",
        ),
        ("<?xml version=\"1.0\"?><bom/>", "XML"),
        ("\u{feff}<bom/>", "XML"),
        ("# comment\nSPDXVersion: SPDX-2.2\n", "tag-value"),
        ("{}", "neither CycloneDX"),
    ] {
        let error = refused(document);
        assert!(matches!(error, SbomError::NotInterpreted(_)), "{document}: {error}");
        assert!(error.to_string().contains(expected), "{document}: {error}");
    }
    for document in ["", "[]", "{", "null", "\u{28}\u{b5}\u{2f}"] {
        assert!(matches!(refused(document), SbomError::Shape { .. }), "{document}");
    }
}

#[test]
fn a_list_in_place_of_an_object_is_no_document() {
    assert!(matches!(refused(r#"["CycloneDX","1.6",null,null,null]"#), SbomError::Shape { .. }));
    let document = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[["group","name"]]}"#;
    let found = components(document.as_bytes()).unwrap();
    assert!(found.components.is_empty() && matches!(found.left_out[0].1, LeftOut::Component { .. }));
}

#[test]
fn what_is_odd_costs_itself_alone() {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": null,
        "components": [
            7, null, {"name": ["x"], "version": 3, "purl": {}}, {"name": "good", "purl": "pkg:npm/good@1"},
            {"name": "h", "hashes": [{"alg": "SHA-256"}, {"content": "x"}, {"alg": "SHA-1", "content": ""}, {"alg": "SHA3-256", "content": "a".repeat(64)}]},
            {"name": "broken", "hashes": 1},
        ],
    });
    let found = read(&document);
    let names: Vec<&str> = found.components.iter().map(|component| component.name.as_ref()).collect();
    assert_eq!(names, ["", "good", "h"]);
    assert_eq!(found.components[0].version.as_deref(), Some("3"));
    assert_eq!(found.components[2].hashes[0].to_string(), format!("sha3_256:{}", "a".repeat(64)));
    let left_out: Vec<&str> = found.left_out.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(left_out, ["components[0]", "components[1]", "components[4].hashes", "components[5]"]);
}

#[test]
fn the_first_package_url_of_a_package_that_is_one_names_it() {
    let refers = |locator: &str| json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator});
    let document = json!({"spdxVersion": "SPDX-2.3", "packages": [
        {"name": "a", "externalRefs": [refers(""), refers("pkg:bad"), refers("pkg:npm/a@1"), refers("pkg:npm/b@1"), refers("pkg:worse")]},
        {"name": "b", "externalRefs": [refers("pkg:bad")]},
    ]});
    let found = read(&document);
    let purls: Vec<Option<&str>> =
        found.components.iter().map(|component| component.purl.as_ref().map(Purl::as_str)).collect();
    assert_eq!(purls, [Some("pkg:npm/a@1"), None]);
    let left_out: Vec<&str> = found.left_out.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(left_out, ["packages[0].purl", "packages[1].purl"]);
}

/// syft writes every CPE that a package could have before the URL that it has.
#[test]
fn a_package_url_counts_wherever_it_stands_among_references() {
    let cpe = json!({"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:*"});
    let mut references = vec![cpe; 10 * COMPONENT_DETAILS_MAX];
    references.push(json!({"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}));
    let found =
        read(&json!({"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "externalRefs": references}]}));
    assert_eq!(found.components[0].purl.as_ref().map(Purl::as_str), Some("pkg:npm/a@1"));
    let many = vec![json!({"referenceType": "purl", "referenceLocator": "bad"}); COMPONENT_DETAILS_MAX + 7];
    let found = read(&json!({"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "externalRefs": many}]}));
    assert_eq!((found.components[0].purl.as_ref(), found.left_out.len()), (None, COMPONENT_DETAILS_MAX));
}

#[test]
fn a_relationship_that_cannot_be_read_costs_itself_alone() {
    let package = |id: &str| json!({"SPDXID": id, "name": id});
    let described = |relationships: serde_json::Value| {
        let packages = [package("SPDXRef-a"), package("SPDXRef-b"), package("null")];
        let found =
            read(&json!({"spdxVersion": "SPDX-2.3", "packages": packages, "relationships": relationships}));
        assert_eq!(found.components.len(), 3, "{relationships}");
        let names: Vec<String> = found.described.iter().map(|component| component.name.to_string()).collect();
        let left_out: Vec<String> =
            found.left_out.iter().map(|(path, why)| format!("{path}: {why}")).collect();
        (names, left_out)
    };
    let says = |from: serde_json::Value, kind: serde_json::Value, to: serde_json::Value| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to, "comment": null});
    let good = says("SPDXRef-DOCUMENT".into(), "DESCRIBES".into(), "SPDXRef-a".into());
    let why = "relationships[0]: not a relationship that can be read";
    for (odd, expected) in [
        (says("SPDXRef-DOCUMENT".into(), "DESCRIBES".into(), json!(null)), Some(why)),
        (says(json!(null), "DESCRIBES".into(), "SPDXRef-b".into()), Some(why)),
        (says("SPDXRef-DOCUMENT".into(), json!(null), "SPDXRef-b".into()), Some(why)),
        (says(json!(["SPDXRef-b"]), "DESCRIBED_BY".into(), "SPDXRef-DOCUMENT".into()), Some(why)),
        (says("SPDXRef-b".into(), "DESCRIBED_BY".into(), json!({})), Some(why)),
        (json!(null), Some(why)),
        (json!([]), Some(why)),
        (json!("DESCRIBES"), Some(why)),
        (json!(7.5), Some(why)),
        (json!({}), Some(why)),
        // Of other kinds nothing is read, and nothing is lost.
        (says("SPDXRef-a".into(), "DEPENDS_ON".into(), json!(null)), None),
        (says("SPDXRef-a".into(), "DESCRIBES".into(), json!(null)), None),
    ] {
        let found = described(json!([odd, good]));
        assert_eq!(found.0, ["SPDXRef-a"], "{odd}");
        assert_eq!(found.1.first().map(String::as_str), expected, "{odd}");
    }
    let many = vec![json!(null); DESCRIBED_MAX + 10];
    assert_eq!(described(json!(many)).1.len(), DESCRIBED_MAX);
    assert!(matches!(
        refused(r#"{"spdxVersion":"SPDX-2.3","packages":[],"relationships":{}}"#),
        SbomError::Shape { .. }
    ));
}

/// A part of another shape costs the one pass, and nothing else: what is read is what is read of the parts alone.
#[test]
fn both_ways_through_a_document_read_the_same() {
    let component = json!({"bom-ref": "a", "group": "g", "name": "n\u{e9}\n", "version": "1", "purl": "pkg:npm/a@1",
        "hashes": [{"alg": "SHA-256", "content": "A".repeat(64)}, {"alg": "x", "content": ""}],
        "externalReferences": [{"type": "distribution", "url": "https://x.example/a"}],
        "components": [{"name": "inner", "components": [{"name": "innermost"}]}]});
    let cyclonedx = |last: serde_json::Value| {
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"timestamp": "t", "component": component},
            "components": [component, {"name": "b", "purl": "bad"}, last]})
    };
    let package = json!({"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": 1, "downloadLocation": "https://x.example/a",
        "checksums": [{"algorithm": "SHA256", "checksumValue": "a".repeat(64)}]});
    let spdx = |last: serde_json::Value| json!({"spdxVersion": "SPDX-2.3", "creationInfo": {"created": "t"}, "documentDescribes": ["SPDXRef-a"], "packages": [package, last]});
    for (whole, taken) in [
        (read(&cyclonedx(json!({}))), read(&cyclonedx(json!(7)))),
        (read(&spdx(json!({}))), read(&spdx(json!([])))),
    ] {
        let count = taken.components.len();
        assert_eq!((whole.components.len(), &whole.components[..count]), (count + 1, &taken.components[..]));
        assert_eq!((&whole.described, &whole.created), (&taken.described, &taken.created));
        assert_eq!(taken.left_out.len(), whole.left_out.len() + 1);
        assert_eq!(whole.left_out[..], taken.left_out[..whole.left_out.len()]);
        assert!(!whole.described.is_empty() && whole.created.is_some());
    }
}

#[test]
fn nested_components_come_in_the_documents_order() {
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.4",
        "components": [{"name": "a", "components": [{"name": "b", "components": [{"name": "c"}]}, {"name": "d"}]}, {"name": "e"}],
    });
    let found = read(&document);
    let list: Vec<(&str, String)> =
        found.components.iter().map(|c| (c.name.as_ref(), c.path.to_string())).collect();
    let list: Vec<(&str, &str)> = list.iter().map(|(name, path)| (*name, path.as_str())).collect();
    assert_eq!(
        list,
        [
            ("a", "components[0]"),
            ("b", "components[0].components[0]"),
            ("c", "components[0].components[0].components[0]"),
            ("d", "components[0].components[1]"),
            ("e", "components[1]"),
        ]
    );
}

/// Who depends on whom is not read, so a cycle cannot be followed and a dangling reference leads nowhere.
#[test]
fn dependencies_that_go_in_a_circle_or_nowhere_change_nothing() {
    let mut document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"component": {"bom-ref": "app", "name": "app", "purl": "pkg:npm/app@1"}},
        "components": [
            {"bom-ref": "a", "name": "a", "purl": "pkg:npm/a@1"},
            {"bom-ref": "a", "name": "b", "purl": "pkg:npm/b@1"},
            {"bom-ref": 7, "name": "c", "purl": "pkg:npm/c@1"},
        ],
    });
    let plain = read(&document);
    assert_eq!((plain.components.len(), plain.left_out.len()), (3, 0));
    for dependencies in [
        json!([{"ref": "a", "dependsOn": ["a"]}]),
        json!([{"ref": "app", "dependsOn": ["a"]}, {"ref": "a", "dependsOn": ["app"]}]),
        json!([{"ref": "gone", "dependsOn": ["nowhere", null, 7]}, {"ref": "a"}, {}]),
        json!({"ref": "a"}),
    ] {
        document["dependencies"] = dependencies;
        assert_eq!(read(&document), plain);
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "packages": [{"SPDXID": "SPDXRef-a", "name": "a"}, {"SPDXID": "SPDXRef-a", "name": "b"}],
    });
    let plain = read(&document);
    let relation = |from: &str, kind: &str, to: &str| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
    document["relationships"] = json!([
        relation("SPDXRef-a", "DEPENDS_ON", "SPDXRef-a"),
        relation("SPDXRef-a", "CONTAINS", "SPDXRef-DOCUMENT"),
        relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-gone"),
        relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DOCUMENT"),
        relation("SPDXRef-gone", "DESCRIBED_BY", "SPDXRef-DOCUMENT"),
    ]);
    assert_eq!(read(&document), plain);
}

#[test]
fn the_number_of_components_is_bounded_wherever_they_stand() {
    let list = |count: usize| vec!["{}"; count].join(",");
    let flat = |count: usize| {
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{}]}}"#, list(count))
    };
    assert_eq!(components(flat(COMPONENTS_MAX).as_bytes()).unwrap().components.len(), COMPONENTS_MAX);
    let nested = flat(COMPONENTS_MAX).replacen("{}", r#"{"components":[{}]}"#, 1);
    for document in [flat(COMPONENTS_MAX + 1), nested] {
        let error = components(document.as_bytes()).unwrap_err();
        assert_eq!(error, SbomError::TooManyComponents { max: COMPONENTS_MAX, found: COMPONENTS_MAX + 1 });
    }
    let packages = format!(r#"{{"spdxVersion":"SPDX-2.3","packages":[{}]}}"#, list(COMPONENTS_MAX + 1));
    assert!(matches!(components(packages.as_bytes()), Err(SbomError::TooManyComponents { .. })));
}

#[test]
fn the_old_wrapper_of_cosign_is_seen_through_once() {
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [{"name": "a"}]});
    for data in [bom.clone(), json!(bom.to_string())] {
        let wrapped = json!({"Data": data, "Timestamp": ""});
        assert_eq!(components(wrapped.to_string().as_bytes()).unwrap().components.len(), 1);
        let twice = json!({"Data": wrapped, "Timestamp": ""});
        assert!(components(twice.to_string().as_bytes()).is_err());
    }
}

#[test]
fn algorithms_get_the_names_of_in_toto() {
    for (written, name) in [
        ("SHA-1", "sha1"),
        ("SHA256", "sha256"),
        ("SHA-512", "sha512"),
        ("SHA3-384", "sha3_384"),
        ("BLAKE2b-256", "blake2b"),
        ("MD5", "md5"),
        ("BLAKE3", "blake3"),
        ("Streebog-256", "streebog-256"),
    ] {
        assert_eq!(algorithm_name(written), name);
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), text in "[{}\\[\\]\",:a-zA-Z0-9 ]{0,80}") {
        drop(components(&bytes));
        let document = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{text}]}}"#);
        drop(components(document.as_bytes()));
    }
}
