//! Packages as bills of materials write them, and versions as their ecosystems order them.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, V1, artifact, digest, long};

/// Each package of a list in a bill of its own: `prefix0`, `prefix1`, ...
fn bills(place: &Place, prefix: &str, purls: &[&str]) {
    for (number, purl) in purls.iter().enumerate() {
        place.bill(&format!("{prefix}{number}"), &[purl]);
    }
}

/// A document of SPDX 2.3 as syft writes it.
fn spdx(place: &Place, name: &str, purls: &[&str]) {
    let package = |(number, purl): (usize, &&str)| {
        json!({
            "SPDXID": format!("SPDXRef-{number}"), "name": format!("n{number}"), "downloadLocation": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
        })
    };
    let root = json!({"SPDXID": "SPDXRef-root", "name": name, "downloadLocation": "NOASSERTION"});
    let packages: Vec<Value> = purls.iter().enumerate().map(package).chain([root]).collect();
    let document = json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": name, "dataLicense": "CC0-1.0",
        "documentNamespace": format!("https://spdx.test/{name}"), "packages": packages,
        "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: syft"]},
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"}],
    });
    place.say("https://spdx.dev/Document", &artifact(name), &document);
}

#[test]
fn scoped_names_qualifiers_and_case_are_those_of_one_package() {
    let place = Place::new();
    spdx(&place, "s", &["pkg:npm/%40acme/ui@1.2.3", "pkg:npm/left-pad@1.3.0"]);
    bills(
        &place,
        "n",
        &[
            "pkg:npm/@acme/ui@1.3.0",
            "pkg:npm/%40acme%2Fui@2.0.0-rc.1",
            "pkg:npm/%40acme/ui-kit@1.2.3",
            "pkg:npm/ui@1.2.3",
        ],
    );
    place.finds(&["--component", "pkg:npm/@acme/ui@1.2.3"], &["s"]);
    place.finds(&["--component", "pkg:npm/@acme/ui@>=1.2.0 <2"], &["s", "n0", "n1"]);
    place.finds(&["--component", "pkg:npm/%40acme/ui"], &["s", "n0", "n1"]);
    place.reaches("pkg:npm/@acme/ui@>1.2.3 <=1.3.0", &["n0"]);

    bills(
        &place,
        "d",
        &[
            "pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64&distro=debian-13",
            "pkg:deb/debian/xz-utils@5.6.1%2Breally5.4.5-1?arch=amd64",
            "pkg:deb/ubuntu/xz-utils@5.6.1-1",
            "pkg:deb/debian/xz-utils@5.5.1~alpha-1",
            "pkg:deb/debian/xz-utils@5.4.1-0.2",
        ],
    );
    place.finds(&["--component", "pkg:deb/debian/xz-utils@>=5.5.1~alpha <=5.6.1-1"], &["d0", "d3"]);
    place.finds(&["--component", "pkg:deb/debian/xz-utils@5.6.1-1"], &["d0"]);
    place.reaches("pkg:deb/debian/xz-utils@5.6.1-1?distro=debian-13&arch=amd64", &["d0"]);
    bills(
        &place,
        "e",
        &[
            "pkg:deb/debian/git@1%3A2.39.5-0?arch=amd64",
            "pkg:deb/debian/git@1:2.40.0-1",
            "pkg:deb/debian/git@2.50.0-1",
        ],
    );
    place.finds(&["--component", "pkg:deb/debian/git@>=1:2.39"], &["e0", "e1"]);
    place.finds(&["--component", "pkg:deb/debian/git@1:2.39.5-0"], &["e0"]);
    bills(
        &place,
        "o",
        &[&format!(
            "pkg:oci/debian@sha256%3A{}?repository_url=docker.io/library/debian&tag=12",
            artifact_hex("deb")
        )],
    );
    place.finds(&["--component", &format!("pkg:oci/debian@{}", digest("deb"))], &["o0"]);
    bills(&place, "r", &["pkg:rpm/fedora/xz@5.6.1-1.fc41?arch=x86_64&epoch=1"]);
    place.finds(&["--component", "pkg:rpm/fedora/xz@5.6.1-1.fc41"], &["r0"]);
}

#[test]
fn one_version_has_several_texts_by_the_rules_of_its_ecosystem() {
    let place = Place::new();
    bills(
        &place,
        "m",
        &[
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta9?type=jar",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.15.0-rc1",
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.15.0",
        ],
    );
    place.finds(
        &["--component", "pkg:maven/org.apache.logging.log4j/log4j-core@>=2.0-beta9 <2.15.0"],
        &["m0", "m1", "m2"],
    );
    for (prefix, purls, asked, names) in [
        (
            "a",
            &["pkg:maven/g/a@1.0", "pkg:maven/g/a@1.0.0.Final?classifier=sources", "pkg:maven/g/a@1.0.1"][..],
            "pkg:maven/g/a@1",
            &["a0", "a1"][..],
        ),
        (
            "p",
            &[
                "pkg:pypi/Ultra_Tools@8.3.41",
                "pkg:pypi/ultra.tools@8.3.41.0",
                "pkg:pypi/ultra-tools@8.3.41.post1",
            ],
            "pkg:pypi/ultra-tools@8.3.41",
            &["p0", "p1"],
        ),
        (
            "g",
            &["pkg:golang/stdlib@1.22.3", "pkg:golang/stdlib@v1.22.3", "pkg:golang/stdlib@v1.22.4"],
            "pkg:golang/stdlib@v1.22.3",
            &["g0", "g1"],
        ),
        ("j", &["pkg:npm/lodash@v4.17.20", "pkg:npm/lodash@4.17.21"], "pkg:npm/lodash@4.17.20", &["j0"]),
        (
            "z",
            &["pkg:deb/debian/z@0:2.50-1", "pkg:deb/debian/z@2.50-1", "pkg:deb/debian/z@1:2.50-1"],
            "pkg:deb/debian/z@2.50-1",
            &["z0", "z1"],
        ),
        (
            "u",
            &["pkg:nuget/Json@13.0.1", "pkg:nuget/Json@13.0.1.0", "pkg:nuget/Json@13.0.2"],
            "pkg:nuget/Json@13.0.1",
            &["u0", "u1"],
        ),
    ] {
        bills(&place, prefix, purls);
        place.finds(&["--component", asked], names);
        place.reaches(asked, names);
    }
    place.finds(&["--component", "pkg:golang/stdlib@>=1.22.0 <1.22.4"], &["g0", "g1"]);
}

#[test]
fn what_other_tools_take_for_several_versions_is_refused_and_never_found_nowhere() {
    let place = Place::new();
    place.bill("axios", &["pkg:npm/axios@1.14.1"]);
    for pattern in ["1.14.x", "1.*", "^1.2", "~1.2", "1.2 - 1.15", "1.2 || 1.14.1", "[1.2,1.15)"] {
        let purl = format!("pkg:npm/axios@{pattern}");
        for words in [["find", "--component", &purl], ["impact", &purl, "--quiet"]] {
            let (code, answer) = place.user.json(&words);
            assert_eq!(
                (code, &answer["error"]["code"]),
                (Some(2), &json!("bad_condition")),
                "{purl}: {answer}"
            );
        }
    }
    for range in [">=1.2,<1.15", ">=1.2 <1.15", "vers:npm/>=1.2|<1.15", "=1.14.1"] {
        place.finds(&["--component", &format!("pkg:npm/axios@{range}")], &["axios"]);
    }
}

#[test]
fn a_package_is_traced_to_its_own_provenance_and_its_bytes_to_who_ships_these() {
    let place = Place::new();
    // As npm attests it: the subject is the package, by SHA-512 alone.
    let subject = json!({"name": "pkg:npm/%40acme/lib@3.0.0", "digest": {"sha512": long("lib")}});
    let predicate = json!({
        "buildDefinition": {"buildType": "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}, "metadata": {"invocationId": "https://github.com/acme/lib/actions/runs/9/attempts/1"}},
    });
    place.say(V1, &subject, &predicate);
    let own = format!("sha512:{}", long("lib"));
    place.finds(&["--component", "pkg:npm/@acme/lib@3.0.0"], &[&own]);
    let traced = place.ask(&["trace", "pkg:npm/@acme/lib@3.0.0"]);
    assert_eq!(traced["edges"][0]["to"], own, "{traced}");
    let with = |name: &str, bytes: Option<&str>, from: &str| {
        let mut component = json!({"type": "library", "name": "lib", "purl": "pkg:npm/%40acme/lib@3.0.0", "externalReferences": [{"type": "distribution", "url": from}]});
        if let Some(bytes) = bytes {
            component["hashes"] = json!([{"alg": "SHA-512", "content": bytes.to_uppercase()}]);
        }
        let bill = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]});
        place.say("https://cyclonedx.org/bom", &artifact(name), &bill)
    };
    let (registry, mirror) =
        ("https://registry.npmjs.org/@acme/lib/-/lib-3.0.0.tgz", "https://mirror.test/lib-3.0.0.tgz");
    let since = with("good", Some(&long("lib")), registry);
    let bad = with("bad", Some(&long("evil")), mirror);
    with("unsaid", None, registry);
    // Whose bytes nobody lists may have either.
    place.reaches(&own, &["good", "unsaid"]);
    place.reaches(&format!("sha512:{}", long("evil")), &["bad", "unsaid"]);
    place.reaches(mirror, &["bad"]);
    place.reaches("pkg:npm/@acme/lib@3.0.0", &["good", "bad", "unsaid"]);
    place.wrong(since, &[("bytes_mismatch", "pkg:npm/%40acme/lib@3.0.0")]);
    let ended = place.user.json(&["findings", "--since", &format!("index:{bad}")]);
    assert_eq!(ended.1["check"], "verified", "{}", ended.1);
}
