//! Bills of materials: attached and as files, of one platform of several, with packages in packages; and lists of versions.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, artifact, digest, long};

#[test]
fn a_list_of_versions_and_several_ranges_mean_each_of_them() {
    let place = Place::new();
    for (number, version) in
        ["0.30.4", "1.14.0", "1.14.1", "1.15.0", "2.0.0-rc.1", "2.1.0", "3.0.0"].iter().enumerate()
    {
        place.bill(&format!("a{number}"), &[&format!("pkg:npm/axios@{version}"), "pkg:npm/other@1.14.1"]);
    }
    for (asked, names) in [
        ("vers:npm/0.30.4|1.14.1", &["a0", "a2"][..]),
        ("vers:npm/<1.0.0|>=2.0.0|<2.3.0", &["a0", "a5"]),
        ("vers:npm/>=1.14.0|!=1.14.1|<2", &["a1", "a3", "a4"]),
        ("vers:npm/*", &["a0", "a1", "a2", "a3", "a4", "a5", "a6"]),
        (">1.14.1", &["a3", "a4", "a5", "a6"]),
        ("!=1.14.1 <1.15", &["a0", "a1"]),
    ] {
        let asked = format!("pkg:npm/axios@{asked}");
        place.finds(&["--component", &asked], names);
        place.reaches(&asked, names);
    }
}

#[test]
fn versions_of_pypi_go_cargo_and_gem_are_those_of_their_ecosystems() {
    let place = Place::new();
    let mut number = 0;
    let mut check = |purls: &[&str], asked: &str, wanted: &[usize]| {
        let first = number;
        for purl in purls {
            place.bill(&format!("v{number}"), &[purl]);
            number += 1;
        }
        let names: Vec<String> = wanted.iter().map(|place| format!("v{}", first + place)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        place.finds(&["--component", asked], &names);
    };
    check(
        &[
            "pkg:pypi/Ultralytics@8.3.41",
            "pkg:pypi/ultralytics@8.3.42rc1",
            "pkg:pypi/ultralytics@8.3.46",
            "pkg:pypi/ultralytics@8.3.47.dev0",
            "pkg:pypi/ultralytics@8.3.46.post1",
        ],
        "pkg:pypi/ultralytics@>=8.3.41 <=8.3.46",
        &[0, 1, 2],
    );
    check(
        &[
            "pkg:golang/github.com/Acme/Lib@v1.2.3",
            "pkg:golang/github.com/acme/lib@v1.2.4-0.20260101000000-abcdefabcdef#sub/dir",
            "pkg:golang/github.com/acme/lib@v1.10.0%2Bincompatible",
            "pkg:golang/github.com/acme/lib/v2@v2.0.0",
        ],
        "pkg:golang/github.com/acme/lib@>v1.2.3",
        &[1, 2],
    );
    check(
        &[
            "pkg:cargo/serde@1.0.171",
            "pkg:cargo/serde@1.0.172%2Bbinary",
            "pkg:cargo/serde@1.0.184",
            "pkg:cargo/serde_derive@1.0.172",
        ],
        "pkg:cargo/serde@>=1.0.172 <1.0.184",
        &[1],
    );
    check(
        &[
            "pkg:maven/Org.Acme/Lib@1.0-SNAPSHOT?type=jar",
            "pkg:maven/org.acme/lib@1.0-SNAPSHOT?type=jar&repository_url=https:%2F%2Fr.test",
            "pkg:maven/org.acme/lib@1.0",
        ],
        "pkg:maven/org.acme/lib@<1.0",
        &[1],
    );
    check(
        &["pkg:docker/acme/base@sha256:244fd47e07d1", "pkg:oci/base@sha256:244fd47e07d1"],
        "pkg:docker/acme/base@sha256%3A244fd47e07d1",
        &[0],
    );
}

#[test]
fn a_package_in_a_package_is_shipped_too_and_what_is_left_out_is_not() {
    let place = Place::new();
    let package =
        |purl: &str, inner: Value| json!({"type": "library", "name": "x", "purl": purl, "components": inner});
    let bill = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": {"component": {"type": "container", "name": "app", "purl": format!("pkg:oci/app@{}", digest("app"))}},
        "components": [
            package("pkg:npm/outer@1.0.0", json!([package("pkg:npm/inner@2.0.0", json!([package("pkg:npm/innermost@3.0.0", json!([]))]))])),
            {"type": "library", "name": "y", "purl": "pkg:npm/excluded@1.0.0", "scope": "excluded"},
        ],
    });
    place.say("https://cyclonedx.org/bom/v1.6", &artifact("app"), &bill);
    for purl in ["pkg:npm/outer@1.0.0", "pkg:npm/inner@2.0.0", "pkg:npm/innermost"] {
        place.reaches(purl, &["app"]);
        place.finds(&["--component", purl], &["app"]);
    }
    place.reaches("pkg:npm/excluded@1.0.0", &[]);
}

#[test]
fn a_bill_is_of_each_digest_of_its_subject_and_of_those_that_others_pair_with_it() {
    let place = Place::new();
    let both = json!({"name": "app.tgz", "digest": {"sha256": artifact_hex("app"), "sha512": long("app")}});
    let only = json!({"name": "app.tgz", "digest": {"sha512": long("app")}});
    let bill = |purl: &str| json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"type": "library", "name": "x", "purl": purl}]});
    place.say("https://cyclonedx.org/bom", &both, &bill("pkg:npm/axios@1.14.1"));
    place.say("https://cyclonedx.org/bom", &only, &bill("pkg:npm/left@1.0.0"));
    let sha512 = format!("sha512:{}", long("app"));
    place.reaches("pkg:npm/axios@1.14.1", &["app", &sha512]);
    place.finds(&["--component", "pkg:npm/left@1.0.0"], &[&sha512]);
    // By whichever digest it is deployed, what it ships is live there.
    place.deploy("prod", &artifact("app"), "start", "2026-11-20T10:00:00Z");
    for purl in ["pkg:npm/axios@1.14.1", "pkg:npm/left@1.0.0"] {
        let answer = place.ask(&["impact", purl]);
        let live =
            answer["reached"].as_array().unwrap().iter().filter(|reached| reached["live"] != json!([]));
        assert!(live.count() > 0, "{purl}: {answer}");
    }
    // Who wants to know whether it has a bill asks by either.
    for thing in [digest("app"), sha512] {
        let traced = place.ask(&["trace", &thing]);
        assert!(!super::texts(&traced["missing"]).contains(&"sbom".to_owned()), "{thing}: {traced}");
    }
}

#[test]
fn one_platform_of_an_image_ships_what_its_own_bill_says() {
    let place = Place::new();
    let platform =
        |name: &str| json!({"name": "ghcr.io/acme/multi", "digest": {"sha256": artifact_hex(name)}});
    let subjects = json!([platform("index"), platform("amd"), platform("arm")]);
    let predicate = json!({
        "buildDefinition": {"buildType": "https://ci.test/build", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://ci.test"}, "metadata": {"invocationId": "https://ci.test/m/1x"}},
    });
    place.say(super::V1, &subjects, &predicate);
    place.bill("amd", &["pkg:deb/debian/xz-utils@5.6.1-1?arch=amd64"]);
    place.bill("arm", &["pkg:deb/debian/xz-utils@5.4.1-1?arch=arm64"]);
    place.reaches("pkg:deb/debian/xz-utils@>=5.6.0", &["amd"]);
    place.reaches("https://ci.test/m/1x", &["index", "amd", "arm"]);
    place.see(1, "prod", "2026-11-20T12:00:00Z", &["amd", "index"]);
    let covered = place.ask(&["coverage", "--environment", "prod"]);
    let mut with: Vec<&str> = covered["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| super::texts(&one["have"]).contains(&"sbom".to_owned()))
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    with.sort_unstable();
    assert_eq!(with, [digest("amd")]);
}

#[test]
fn what_another_author_says_of_a_vulnerability_is_told_beside_what_a_scan_says() {
    let place = Place::new();
    let scan = json!({"scanner": {"uri": "pkg:github/aquasecurity/trivy@0.69.3", "version": "0.69.3", "db": {}, "result": [{"id": "CVE-2026-0001"}, {"id": "CVE-2026-0002"}]}, "metadata": {"scanStartedOn": "2026-11-20T10:00:00Z", "scanFinishedOn": "2026-11-20T10:00:09Z"}});
    place.say("https://in-toto.io/attestation/vulns/v0.2", &artifact("app"), &scan);
    let vex = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://vex.test/1", "author": "Vendor", "timestamp": "2026-11-20T12:00:00Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2026-0001"}, "products": [{"@id": format!("pkg:oci/app@{}", digest("app")), "hashes": {"sha-256": artifact_hex("app")}}], "status": "not_affected", "justification": "vulnerable_code_not_present"}],
    });
    place.say_by(1, "https://openvex.dev/ns/v0.2.0", &artifact("app"), &vex);
    for id in ["CVE-2026-0001", "cve-2026-0002"] {
        place.finds(&["--vulnerability", id], &["app"]);
    }
    let traced = place.ask(&["trace", &digest("app")]);
    let said = |kind: &str| -> Vec<&str> {
        let edges = traced["edges"].as_array().unwrap().iter().filter(|edge| edge["kind"] == kind);
        edges.map(|edge| edge["to"].as_str().unwrap()).collect()
    };
    assert_eq!(said("affected-by"), ["CVE-2026-0001", "CVE-2026-0002"]);
    assert_eq!(said("not-affected-by"), ["CVE-2026-0001"]);
    let authors = place.ask(&["find", "--identity", "Vendor"]);
    assert_eq!(authors["entries"].as_array().unwrap().len(), 1, "{authors}");
    // What is affected as a scan says is found, whatever another says.
    place.reaches("CVE-2026-0001", &["app"]);
}
