//! Releases of packages as registries record them: who pushed, how fast, on which line, with which bytes, and who got them.

use custody_tests::evidence::artifact_hex;
use serde_json::{Value, json};

use super::{Place, artifact, digest, long};

impl Place {
    /// Records that somebody published a version of a package of npm. The digest is that of the package URL.
    fn npm(&self, writer: usize, version: &str, actor: &str, at: &str) -> u64 {
        let purl = format!("pkg:npm/%40acme/lib@{version}");
        let subject = json!({"name": purl, "digest": {"sha256": artifact_hex(&purl), "sha512": long(&purl)}});
        let said = json!({"registry": "https://registry.npmjs.org", "repository": "@acme/lib", "ref": format!("@acme/lib@{version}"), "actor": actor, "at": at});
        self.say_by(writer, "urn:custody:publication:v1", &subject, &said)
    }

    /// Three versions of last year, so that the name has a history. Returns the ledger time of the last one.
    fn published(&self, line: u32) -> String {
        let mut time = String::new();
        for number in 0..3 {
            let at = format!("2025-0{}-01T10:00:00Z", number + 1);
            time = self.time(self.npm(0, &format!("{line}.{number}.0"), "bot", &at));
        }
        time
    }
}

fn of(version: &str) -> String {
    digest(&format!("pkg:npm/%40acme/lib@{version}"))
}

#[test]
fn five_versions_in_an_hour_are_a_burst_and_four_are_none() {
    let place = Place::new();
    let now = place.published(1);
    let since = place.npm(0, "1.3.0", "bot", &now);
    for number in 4..7 {
        place.npm(0, &format!("1.{number}.0"), "bot", &now);
    }
    // The same again is no other version.
    place.npm(0, "1.6.0", "bot", &place.time(since));
    place.wrong(since, &[]);
    place.npm(0, "1.7.0", "bot", &now);
    place.npm(0, "1.8.0", "bot", &now);
    place.wrong(since, &[("burst", &of("1.7.0"))]);
}

#[test]
fn a_version_on_a_line_that_was_left_is_found_and_the_next_of_the_newest_is_not() {
    let place = Place::new();
    place.published(1);
    let mut at = String::new();
    for (number, month) in (0..5).zip(5..) {
        at = format!("2025-{month:02}-01T10:00:00Z");
        place.npm(0, &format!("2.{number}.0"), "bot", &at);
    }
    let now = place.ask(&["find", "--limit", "1"])["entries"][0]["time"].as_str().unwrap().to_owned();
    assert!(at < now);
    let since = place.npm(0, "2.5.0", "bot", &now);
    place.wrong(since, &[]);
    place.npm(0, "1.3.0", "bot", &now);
    place.wrong(since, &[("old_line", &of("1.3.0"))]);
}

#[test]
fn another_account_that_publishes_is_told_and_a_person_who_changes_nothing_is_not() {
    let place = Place::new();
    let now = place.published(1);
    let since = place.npm(0, "1.3.0", "bot", &now);
    place.wrong(since, &[]);
    let since = place.npm(0, "1.4.0", "mallory", &now);
    place.wrong(since, &[("signer_change", &of("1.4.0"))]);
    let since = place.npm(0, "1.5.0", "bot", &now);
    place.wrong(since, &[]);
}

#[test]
fn bytes_that_differ_from_those_released_are_found_in_a_document_of_spdx_too() {
    let place = Place::new();
    let released = json!({"name": "pkg:npm/left@1.0.0", "digest": {"sha512": long("left")}});
    let publish = json!({"name": "left", "version": "1.0.0", "registry": "https://registry.npmjs.org"});
    place.say("https://github.com/npm/attestation/tree/main/specs/publish/v0.1", &released, &publish);
    let bill = |name: &str, hex: &str| {
        let package = json!({
            "SPDXID": "SPDXRef-left", "name": "left", "versionInfo": "1.0.0", "downloadLocation": "https://mirror.test/left-1.0.0.tgz",
            "checksums": [{"algorithm": "SHA512", "checksumValue": hex}],
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/left@1.0.0"}],
        });
        let root = json!({"SPDXID": "SPDXRef-root", "name": name, "downloadLocation": "NOASSERTION"});
        let document = json!({
            "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": name, "dataLicense": "CC0-1.0", "documentNamespace": format!("https://spdx.test/{name}"),
            "packages": [package, root], "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: syft"]},
            "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-root"}],
        });
        place.say("https://spdx.dev/Document/v2.3", &artifact(name), &document)
    };
    let since = bill("good", &long("left"));
    place.wrong(since, &[]);
    let since = bill("bad", &long("evil"));
    place.wrong(since, &[("bytes_mismatch", "pkg:npm/left@1.0.0")]);
    place.reaches(&format!("sha512:{}", long("evil")), &["bad"]);
    place.reaches("https://mirror.test/left-1.0.0.tgz", &["good", "bad"]);
}

#[test]
fn who_received_an_artifact_is_told_by_each_channel_and_of_each_recipient_what() {
    let place = Place::new();
    let send = |name: &str, recipient: &str, channel: &str, at: &str| {
        let said = json!({"recipient": recipient, "channel": channel, "at": at});
        place.say("urn:custody:distribution:v1", &artifact(name), &said)
    };
    send("one", "Customer A", "https://downloads.test", "2026-11-20T10:00:00Z");
    send("one", "Customer B", "mirror", "2026-11-21T10:00:00+09:00");
    send("two", "Customer A", "mirror", "2026-11-22T10:00:00Z");
    let got = |name: &str| -> Vec<String> {
        let answer = place.ask(&["impact", &digest(name)]);
        let reached = answer["reached"].as_array().into_iter().flatten();
        let people = reached.filter(|reached| reached["kind"] == "identity");
        let mut people: Vec<String> =
            people.map(|reached| reached["id"].as_str().unwrap().to_owned()).collect();
        people.sort();
        people
    };
    assert_eq!(got("one"), ["Customer A", "Customer B"]);
    assert_eq!(got("two"), ["Customer A"]);
    place.finds(&["--identity", "Customer A", "--predicate", "distribution"], &["one", "two"]);
    place.finds(&["--identity", "Customer A", "--until", "2026-11-21T00:00:00Z"], &["one"]);
    place.finds(&["--identity", "Customer B", "--since", "2026-11-21T01:00:00Z"], &["one"]);
    assert_eq!(place.ask(&["find", "--identity", "customer a"])["entries"], Value::Array(Vec::new()));
}
