//! `custody record envelope --dry-run`: files are told by their bytes and taken apart into what was signed, each as its exact
//! bytes, and what is no envelope is refused by its name with what to do about it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what went wrong by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use custody_evidence::dsse::{self, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_log::EnvelopeDigest;
use serde_json::Value;

/// Returns the corpus; none, with a message, when it is not there.
fn corpus() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let path = std::env::var_os("CUSTODY_CORPUS").map_or(default, PathBuf::from);
    if path.join("MANIFEST.json").is_file() {
        return Some(path);
    }
    let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
    assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", path.display());
    println!("skipped: no corpus at {}; set CUSTODY_CORPUS", path.display());
    None
}

/// Runs the command in a folder; returns its exit code, what it printed and what it said.
fn dry_run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
    command.env_clear().env("HOME", home.path()).current_dir(folder);
    let output = command.args(["record", "envelope", "--dry-run"]).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What `-o json` says of each item: its place, and its envelope's digest or the word of the refusal.
fn told(folder: &Path, file: &str) -> Vec<(String, String)> {
    let (_, printed, said) = dry_run(folder, &[file, "-o", "json"]);
    let line = |line: &str| {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line} {said}"));
        let what = value["envelope"].as_str().or(value["error"]["code"].as_str()).unwrap().to_owned();
        Some((value["file"].as_str()?.to_owned(), what))
    };
    printed.lines().filter_map(line).collect()
}

const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],"predicateType":"https://example.com/x","predicate":{}}"#;

fn envelope() -> String {
    let key = SigningKey::from_seed(&[5; 32]);
    let envelope = dsse::Envelope::sign(IN_TOTO, STATEMENT.as_bytes(), &[&key]).unwrap();
    String::from_utf8(envelope.bytes().to_vec()).unwrap()
}

fn digest(bytes: &str) -> String {
    EnvelopeDigest::of(bytes.as_bytes()).to_string()
}

#[test]
fn each_item_is_stored_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let one = envelope();
    let spaced = one.replace(',', ", ");
    let printed = one.replace(',', ",\n  ");
    let gcloud = format!(
        r#"{{"image_summary":{{}},"provenance_summary":{{"provenance":[{{"build":{{"intotoStatement":{STATEMENT}}}}},{{"envelope":{spaced}}}]}}}}"#
    );
    let files = [
        ("one.json", one.clone()),
        ("newline.json", format!("{one}\n")),
        ("newlines.json", format!("{one}\n\n")),
        ("printed.intoto.jsonl", printed.clone()),
        ("list.json", format!("[\n  {spaced},\n  {STATEMENT}\n]\n")),
        ("mixed.jsonl", format!("{one}\n\n{STATEMENT}\n{spaced}\nnonsense\n{gcloud}\n")),
    ];
    for (name, text) in &files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let at = |place: &str, what: &str| (place.to_owned(), what.to_owned());
    assert_eq!(told(folder.path(), "one.json"), [at("one.json", &digest(&one))]);
    assert_eq!(told(folder.path(), "newline.json"), [at("newline.json", &digest(&one))]);
    assert_eq!(told(folder.path(), "newlines.json"), [at("newlines.json", &digest(&format!("{one}\n")))]);
    assert_eq!(told(folder.path(), "printed.intoto.jsonl"), [at("printed.intoto.jsonl", &digest(&printed))]);
    let list = [at("list.json [0]", &digest(&spaced)), at("list.json [1]", "unsigned")];
    assert_eq!(told(folder.path(), "list.json"), list);
    let mixed = [
        at("mixed.jsonl:1", &digest(&one)),
        at("mixed.jsonl:3", "unsigned"),
        at("mixed.jsonl:4", &digest(&spaced)),
        at("mixed.jsonl:5", "not_an_envelope"),
        at("mixed.jsonl:6 provenance_summary.provenance[0]", "unsigned"),
        at("mixed.jsonl:6 provenance_summary.provenance[1]", &digest(&spaced)),
    ];
    assert_eq!(told(folder.path(), "mixed.jsonl"), mixed);
}

#[test]
fn what_is_no_envelope_is_named_with_the_command_that_records_it() {
    let folder = tempfile::tempdir().unwrap();
    for (text, exit, name, hint) in [
        (STATEMENT, 2, "an in-toto statement without a signature", "record generic --statement FILE"),
        (
            r#"{"critical":{"image":{"docker-manifest-digest":"sha256:ab"}},"optional":null}"#,
            2,
            "what cosign signs of an image, without the signature",
            "cosign save --dir DIR IMAGE",
        ),
        (
            r#"{"bomFormat":"CycloneDX"}"#,
            2,
            "a CycloneDX document, which nobody signed",
            "custody record sbom FILE",
        ),
        (
            r#"{"spdxVersion":"SPDX-2.3"}"#,
            2,
            "an SPDX document, which nobody signed",
            "custody record sbom FILE",
        ),
        ("SPDXVersion: SPDX-2.3\n", 2, "tag-value text, which nobody signed", "if it is written as JSON"),
        (
            r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#,
            2,
            "an OpenVEX document",
            "custody record scan FILE",
        ),
        (
            r#"{"version":"2.1.0","runs":[]}"#,
            2,
            "a SARIF log, which nobody signed",
            "custody record scan FILE",
        ),
        (
            r#"{"base64Signature":"","cert":""}"#,
            2,
            "a cosign bundle of the old form, which is not supported",
            "--new-bundle-format",
        ),
        (
            r#"{"signed":{},"signatures":[]}"#,
            2,
            "an in-toto 0.9 link or layout, which is not supported",
            "DSSE envelopes",
        ),
        (
            r#"{"format":"custody/trust/v1"}"#,
            2,
            "a trust document without its envelope",
            "custody trust sign",
        ),
        ("c2sp.org/tlog-proof@v1\n", 2, "a receipt, not an envelope", "custody verify"),
        (r#"{"version":1,"attestation_bundles":[]}"#, 2, "holds no attestation", "nothing to record"),
        (
            r#"{"version":2,"attestation_bundles":[]}"#,
            1,
            "expected a provenance document of version 1",
            "say why",
        ),
        (r#"{"image_summary":{}}"#, 2, "holds no attestation", "nothing to record"),
        ("{}", 2, "JSON of no known kind, not an envelope", "verificationMaterial"),
    ] {
        std::fs::write(folder.path().join("file"), text).unwrap();
        let (found, printed, said) = dry_run(folder.path(), &["file"]);
        assert_eq!((found, printed.as_str()), (exit, ""), "{text}: {said}");
        assert!(said.contains(name) && said.contains(hint), "{text}:\n{said}");
    }
    std::fs::write(folder.path().join("file"), b"\xd2\x84\x43\xa1\x01\x26\xa0\x40\x40").unwrap();
    let (found, _, said) = dry_run(folder.path(), &["file"]);
    assert!(found == 2 && said.contains("a COSE message, which is not supported"), "{said}");
}

#[test]
fn reports_and_answers_without_an_envelope_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"attestations":[{"bundle":null,"bundle_url":"https://blobs.example/1.json.sn?sig=x","repository_id":1}]}"#;
    for (text, name, hint) in [
        (answer, "says only where it is: https://blobs.example/1.json.sn\n", "gh attestation download"),
        (r#"{"attestations":[]}"#, "holds no attestation", "nothing to record"),
        (
            r#"{"descriptor":{},"matches":[]}"#,
            "a scanner's report, which nobody signed",
            "custody record scan FILE",
        ),
        ("<testsuites/>", "JUnit XML, which nobody signed", "custody record test FILE"),
        (
            "# a comment\nSPDXVersion: SPDX-2.3\n",
            "tag-value text, which nobody signed",
            "if it is written as JSON",
        ),
    ] {
        std::fs::write(folder.path().join("file"), text).unwrap();
        let (found, printed, said) = dry_run(folder.path(), &["file"]);
        assert_eq!((found, printed.as_str()), (2, ""), "{text}: {said}");
        assert!(said.contains(name) && said.contains(hint) && !said.contains("sig=x"), "{text}:\n{said}");
    }
}

/// The bytes of every member of that name, as they stand in a document.
fn raw<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("\"{name}\":");
    let ends = |text: &'a str| {
        let text = text.trim_start();
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>();
        values.next().unwrap().unwrap().get()
    };
    document.match_indices(&start).map(|(at, found)| ends(&document[at + found.len()..])).collect()
}

#[test]
fn real_files_are_taken_apart_into_what_was_signed() {
    let Some(corpus) = corpus() else { return };
    let read = |file: &str| std::fs::read_to_string(corpus.join(file)).unwrap();
    let npm = "registry-provenance/npm/npm-attestations.json";
    let label = "registry-provenance/npm/npm-att-mismatch-prov-predicatetype.json";
    for file in [npm, label] {
        let text = read(file);
        let bundles = raw(&text, "bundle");
        let expected: Vec<_> = bundles
            .iter()
            .enumerate()
            .map(|(at, bundle)| (format!("{file} attestations[{at}]"), digest(bundle)))
            .collect();
        assert_eq!(expected.len(), 2);
        assert_eq!(told(&corpus, file), expected);
    }
    let pypi = "registry-provenance/pypi/pypi_attestations-0.0.19.tar.gz.provenance";
    let found = told(&corpus, pypi);
    assert_eq!(found[0].0, format!("{pypi} attestations[0]"));
    let text = read(pypi);
    let lists = raw(&text, "attestations");
    let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(lists[0]).unwrap();
    assert_eq!(found[0].1, digest(list[0].get()));
    for (file, whole) in [
        ("registry-provenance/pypi/rfc8785-0.1.2-py3-none-any.whl.publish.attestation", true),
        ("bundles/conformance/happy-path-v0.3.sigstore.json", true),
        ("bundles/gh/github_provenance_demo-bundle.jsonl", true),
        ("bundles/gh/sigstore-js-2.1.0_with_2_bundles.jsonl", false),
        ("dsse/slsa-annotated-tag.intoto.jsonl", true),
    ] {
        let text = read(file);
        let lines: Vec<String> =
            if whole { vec![text.clone()] } else { text.lines().map(ToOwned::to_owned).collect() };
        let found: Vec<String> = told(&corpus, file).into_iter().map(|(_, what)| what).collect();
        let kept = |line: &String| {
            let dsse = file.starts_with("dsse/");
            digest(if dsse { line.strip_suffix('\n').unwrap_or(line) } else { line })
        };
        assert_eq!(found, lines.iter().map(kept).collect::<Vec<_>>(), "{file}");
    }
}

/// Cloud Build prints the statement in clear text beside the envelope; in one file the two differ. Only what was signed is
/// taken.
#[test]
fn of_what_gcloud_prints_only_the_envelopes_are_recorded() {
    let Some(corpus) = corpus() else { return };
    let packed = std::fs::read_to_string(corpus.join("dsse/gcb-provenance.jsonl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut envelopes = 0;
    for line in packed.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (name, text) = (row["name"].as_str().unwrap(), row["raw"].as_str().unwrap());
        std::fs::write(folder.path().join(name), text).unwrap();
        let found = told(folder.path(), name);
        if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
            assert!(found.len() == 1 && !found[0].1.starts_with("sha256:"), "{name}: {found:?}");
            continue;
        }
        let held = raw(text, "envelope");
        let places: Vec<_> =
            (0..held.len()).map(|at| format!("{name} provenance_summary.provenance[{at}]")).collect();
        let told_places: Vec<_> = found.iter().map(|(place, _)| place.clone()).collect();
        assert_eq!(told_places, places);
        for ((_, what), envelope) in found.iter().zip(held) {
            // Not every envelope can be read: some have no payload, or one that is not base64.
            if what.starts_with("sha256:") {
                assert_eq!(*what, digest(envelope), "{name}");
                envelopes += 1;
            }
        }
    }
    println!("{envelopes} envelopes of {} files", packed.lines().count());
    assert!(envelopes >= 14, "{envelopes}");
}

#[test]
fn nothing_of_the_corpus_is_taken_for_an_envelope_that_is_none() {
    let Some(corpus) = corpus() else { return };
    let rows: Vec<Value> =
        serde_json::from_slice(&std::fs::read(corpus.join("MANIFEST.json")).unwrap()).unwrap();
    let parts = ["statements", "sbom", "vuln-vex", "other-envelopes", "json", "crypto", "k8s-oidc", "trust"];
    let mut refused = 0;
    for row in &rows {
        let file = row["file"].as_str().unwrap();
        if !parts.contains(&file.split('/').next().unwrap()) {
            continue;
        }
        let (exit, printed, said) = dry_run(&corpus, &[file]);
        assert!((exit == 1 || exit == 2) && printed.is_empty(), "{file}: exit {exit}: {printed}{said}");
        assert!(said.contains("hint: "), "{file}: {said}");
        refused += 1;
    }
    println!("{refused} files refused");
    assert!(refused > 100, "{refused}");
}
