use super::*;

#[test]
fn the_shape_tells_the_kind() {
    for (text, kind_) in [
        (r#"{"payload":"","payloadType":"t","signatures":[]}"#, Kind::Dsse),
        ("{\n \"payload\": \"\",\n \"signatures\": []\n}\n", Kind::Dsse),
        (r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#, Kind::SigstoreBundle),
        (r#"{"verificationMaterial":{},"dsseEnvelope":{}}"#, Kind::SigstoreBundle),
        (r#"{"attestations":[{"predicateType":"x","bundle":{}}]}"#, Kind::NpmAttestations),
        (r#"{"version":1,"verification_material":{},"envelope":{}}"#, Kind::Pep740),
        (r#"{"version":1,"attestation_bundles":[]}"#, Kind::Pep740Provenance),
        (r#"{"base64Signature":"","cert":""}"#, Kind::CosignBundle),
        (
            r#"{"critical":{"image":{"docker-manifest-digest":"sha256:ab"},"type":"x"},"optional":null}"#,
            Kind::SimpleSigning,
        ),
        (r#"{"critical":{}}"#, Kind::OtherJson),
        (r#"{"image_summary":{},"provenance_summary":{}}"#, Kind::CloudBuild),
        (r#"{"signed":{},"signatures":[]}"#, Kind::Metablock),
        (r#"{"_type":"https://in-toto.io/Statement/v1"}"#, Kind::Statement),
        (r#"{"format":"custody/record/v1"}"#, Kind::AdmissionRecord),
        (r#"{"bomFormat":"CycloneDX"}"#, Kind::CycloneDx),
        (r#"{"spdxVersion":2}"#, Kind::Spdx),
        ("\u{feff}{\"spdxVersion\":\"SPDX-2.3\"}", Kind::Spdx),
        (r#"{"sbom":{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3"}}"#, Kind::Spdx),
        (r#"{"sbom":{}}"#, Kind::OtherJson),
        (r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}"#, Kind::Spdx),
        (r#"{"@context":"https://spdx.github.io/spdx-spec/v3.0.1/rdf/spdx-context.jsonld"}"#, Kind::Spdx),
        (r#"{"@context":"https://openvex.dev/ns/v0.2.0"}"#, Kind::OpenVex),
        (r#"{"version":"2.1.0","runs":[]}"#, Kind::Sarif),
        (r#"{"descriptor":{"name":"grype"},"matches":[]}"#, Kind::ScanReport),
        (r#"{"SchemaVersion":2,"Results":null}"#, Kind::ScanReport),
        (r#"{"results":[{"source":{},"packages":[]}]}"#, Kind::ScanReport),
        (r#"{"results":[],"experimental_config":{}}"#, Kind::ScanReport),
        (r#"{"results":[],"errors":[]}"#, Kind::OtherJson),
        (r#"{"matches":[]}"#, Kind::OtherJson),
        (r#"{"SchemaVersion":1}"#, Kind::OtherJson),
        (r#"{"payload":"","signatures":[],"verificationMaterial":{}}"#, Kind::Dsse),
        ("{}\n{}\n", Kind::JsonLines),
        ("{}\r\n\r\n{}", Kind::JsonLines),
        ("{}\nnonsense\n", Kind::JsonLines),
        ("{\"a\":\n{}\n", Kind::JsonLines),
        ("{\n\"a\": [\n{}\n]\n", Kind::Unknown),
        ("{}", Kind::OtherJson),
        ("[1]", Kind::OtherJson),
        ("c2sp.org/tlog-proof@v1\n", Kind::Receipt),
        ("custody/entry/v1\n", Kind::Entry),
        ("SPDXVersion: SPDX-2.2\n", Kind::OtherSbom),
        ("\r\n# a comment\r\n\r\nSPDXVersion: SPDX-2.3\r\n", Kind::OtherSbom),
        ("# SPDXVersion: SPDX-2.3\n", Kind::Unknown),
        ("text\nSPDXVersion: SPDX-2.3\n", Kind::Unknown),
        ("<rdf:RDF xmlns:spdx=\"http://spdx.org/rdf/terms#\"/>", Kind::OtherSbom),
        ("\u{feff}<testsuites/>", Kind::JUnit),
        ("<html/>", Kind::Unknown),
        ("<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>", Kind::OtherSbom),
        (r#"{"bomFormat":"CycloneDX","#, Kind::CycloneDx),
        (r#"{"payloadType":"t","#, Kind::Dsse),
        (r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","#, Kind::SigstoreBundle),
        (r#"{"attestation_bundles":["#, Kind::Pep740Provenance),
        ("log\n1\nAA==\n\n\u{2014} log AAAA\n", Kind::SignedNote),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln\n", Kind::IdentityToken),
        ("eyJ..", Kind::IdentityToken),
        ("eyJhbGciOiJSUzI1NiJ9.e30", Kind::Unknown),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln.x.y", Kind::Unknown),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2 ln", Kind::Unknown),
        ("hello", Kind::Unknown),
        ("", Kind::Unknown),
    ] {
        assert_eq!(kind(text.as_bytes()), kind_, "{text}");
    }
    assert_eq!(kind(b"\xff\xfe"), Kind::Unknown);
    assert_eq!(kind(b"\xd2\x84\x43\xa1\x01\x26\xa0"), Kind::Cose);
    assert_eq!(kind(b"\xd2\x83"), Kind::Unknown);
}

#[test]
fn members_that_tell_no_kind_are_not_kept() {
    // Every name that is asked for has a place, in order; others have none.
    let of = |text: &'static str| serde_json::from_str::<Outline<'_>>(text).unwrap();
    let outline =
        of(r#"{"a":1,"payload":[1, 2],"spdx\u0056ersion":"x","payload":{"b":3},"version":null,"b":[]}"#);
    let found = ["payload", "spdxVersion", "version", "a", "b", "runs"].map(|name| outline.text(name));
    assert_eq!(found, [Some("{\"b\":3}"), Some("\"x\""), Some("null"), None, None, None]);
    assert!(size_of::<Outline<'_>>() <= 512);
    for text in ["[]", "7", "{\"payload\"}", "{\"payload\":1,}", "{}{}", "{\"payload\":tru}"] {
        assert!(serde_json::from_str::<Outline<'_>>(text).is_err(), "{text}");
    }
}

#[test]
fn a_member_that_is_there_twice_changes_no_kind() {
    for (text, kind_) in [
        (r#"{"payload":"","payload":"","signatures":[]}"#, Kind::Dsse),
        (r#"{"format":"custody/trust/v1","format":"custody/record/v1"}"#, Kind::AdmissionRecord),
        (r#"{"x":1,"x":2}"#, Kind::OtherJson),
    ] {
        assert_eq!(kind(text.as_bytes()), kind_, "{text}");
    }
}

const DSSE: &str = r#"{"payload":"","payloadType":"t","signatures":[]}"#;
const BUNDLE: &str = r#"{ "verificationMaterial" : { } }"#;

/// The places of a file's items, their kinds and bytes.
fn found(text: &str) -> Vec<(String, Kind, &str)> {
    let found = items(text.as_bytes()).into_iter();
    found.map(|item| (item.named("f"), item.kind, std::str::from_utf8(item.bytes).unwrap())).collect()
}

#[test]
fn a_single_document_is_one_item_and_of_an_envelope_one_newline_is_no_part() {
    let whole =
        |text: &str| found(text).into_iter().map(|(_, _, bytes)| bytes.to_owned()).collect::<Vec<_>>();
    assert_eq!(whole(DSSE), [DSSE]);
    assert_eq!(whole(&format!("{DSSE}\n")), [DSSE]);
    assert_eq!(whole(&format!("{DSSE}\n\n")), [format!("{DSSE}\n")]);
    assert_eq!(whole(&format!("{BUNDLE}\n")), [format!("{BUNDLE}\n")]);
    let many_lines = DSSE.replace(',', ",\n  ").replace('{', "{\n  ");
    assert_eq!(whole(&many_lines), [many_lines]);
    assert_eq!(found("hello"), [("f".to_owned(), Kind::Unknown, "hello")]);
    assert_eq!(found(""), [("f".to_owned(), Kind::Unknown, "")]);
}

#[test]
fn a_byte_order_mark_in_front_of_a_file_is_no_part_of_what_is_in_it() {
    let marked = |text: &str| format!("\u{feff}{text}");
    assert_eq!(found(&marked(DSSE)), found(DSSE));
    assert_eq!(found(&marked(BUNDLE)), found(BUNDLE));
    let lines = format!("{DSSE}\r\n{BUNDLE}\r\n");
    assert_eq!(found(&marked(&lines)), found(&lines));
    // Anywhere else it is a part.
    assert_eq!(found(&format!("{DSSE}\n{}", marked(BUNDLE)))[1].2, marked(BUNDLE));
}

#[test]
fn each_line_is_of_its_own_kind_and_documents_on_lines_are_taken_apart() {
    let npm =
        format!(r#"{{"attestations":[{{"predicateType":"lie","bundle":{BUNDLE}}},{{"bundle":{BUNDLE}}}]}}"#);
    let pypi = r#"{"version":1,"attestation_bundles":[{"attestations":[{ "verification_material":{},"envelope":{}}]}]}"#;
    let gcloud =
        format!(r#"{{"provenance_summary":{{"provenance":[{{"build":{{}}}},{{"envelope":{DSSE}}}]}}}}"#);
    let text = format!("{DSSE}\n\n{npm}\r\n{pypi}\nnonsense\n{gcloud}\n{BUNDLE}\n");
    let at = |place: &str, kind, bytes| (place.to_owned(), kind, bytes);
    let attestation = r#"{ "verification_material":{},"envelope":{}}"#;
    let expected = [
        at("f:1", Kind::Dsse, DSSE),
        at("f:3 attestations[0]", Kind::SigstoreBundle, BUNDLE),
        at("f:3 attestations[1]", Kind::SigstoreBundle, BUNDLE),
        at("f:4 attestations[0]", Kind::Pep740, attestation),
        at("f:5", Kind::Unknown, "nonsense"),
        at("f:6 provenance_summary.provenance[0]", Kind::CloudBuild, ""),
        at("f:6 provenance_summary.provenance[1]", Kind::Dsse, DSSE),
        at("f:7", Kind::SigstoreBundle, BUNDLE),
    ];
    assert_eq!(found(&text), expected);
    assert_eq!(found(&npm)[1].0, "f attestations[1]");
}

#[test]
fn a_bundle_that_github_keeps_elsewhere_is_named_with_its_address() {
    let answer = format!(
        r#"{{"attestations":[{{"bundle":null,"bundle_url":"https://blobs.example/1?sig=x"}},{{"bundle":{BUNDLE},"bundle_url":""}}]}}"#
    );
    let found = items(answer.as_bytes());
    let problem = found[0].problem.clone().unwrap().to_string();
    assert!(
        problem.ends_with("leaves the bundle out, and says only where it is: https://blobs.example/1"),
        "{problem}"
    );
    assert_eq!((found[0].named("f"), found[1].bytes), ("f attestations[0]".to_owned(), BUNDLE.as_bytes()));
    assert_eq!((found[1].kind, &found[1].problem), (Kind::SigstoreBundle, &None));
}

#[test]
fn a_list_of_envelopes_is_taken_apart_and_a_list_of_other_things_is_not() {
    let at = |place: &str, kind, bytes| (place.to_owned(), kind, bytes);
    // As RubyGems gives them, printed over lines or not.
    let gems = format!("[\n  {BUNDLE},\n  {BUNDLE}\n]\n");
    let two = [at("f [0]", Kind::SigstoreBundle, BUNDLE), at("f [1]", Kind::SigstoreBundle, BUNDLE)];
    assert_eq!(found(&gems), two);
    // As gh prints what it verified.
    let gh = format!(
        r#"[{{"attestation":{{"bundle":{BUNDLE},"bundle_url":""}},"verificationResult":{{"mediaType":"x"}}}}]"#
    );
    assert_eq!(found(&gh), [at("f [0].attestation.bundle", Kind::SigstoreBundle, BUNDLE)]);
    // The list of an answer of npm, taken out of it.
    let npm =
        format!(r#"[{{"predicateType":"lie","bundle":{BUNDLE}}},{{"bundle":{BUNDLE},"bundle_url":""}}]"#);
    let two =
        [at("f [0].bundle", Kind::SigstoreBundle, BUNDLE), at("f [1].bundle", Kind::SigstoreBundle, BUNDLE)];
    assert_eq!(found(&npm), two);
    // What is no envelope is named in its place.
    let mixed = format!("[{DSSE},7]");
    assert_eq!(found(&mixed), [at("f [0]", Kind::Dsse, DSSE), at("f [1]", Kind::OtherJson, "7")]);
    for other in ["[]", "[1]", "[{}]", r#"[{"attestation":{"bundle":null}}]"#] {
        assert_eq!(found(other), [at("f", Kind::OtherJson, other)]);
    }
    let damaged = format!("[{BUNDLE}");
    assert_eq!(found(&damaged), [at("f", Kind::Unknown, damaged.as_str())]);
}

#[test]
fn a_document_that_cannot_be_taken_apart_is_one_item_that_says_why() {
    for (text, why) in [
        (r#"{"version":1,"attestation_bundles":[]}"#, "holds no attestation"),
        (r#"{"version":2,"attestation_bundles":[]}"#, "version 1"),
        (r#"{"attestations":[{"x":"bundle"}]}"#, "not an npm attestation document"),
        (r#"{"attestations":[ ]}"#, "holds no attestation"),
        (r#"{"image_summary":{}}"#, "holds no attestation"),
    ] {
        let found = items(text.as_bytes());
        let problem = found[0].problem.clone().unwrap().to_string();
        assert!(found.len() == 1 && problem.contains(why), "{text}: {problem}");
        assert_eq!(found[0].bytes, text.as_bytes());
    }
}

#[test]
fn a_file_of_too_many_documents_says_so() {
    let most = "{}\n".repeat(ITEMS_MAX);
    assert!(items(most.as_bytes()).iter().all(|item| item.problem.is_none()));
    let more = items_of(&(most + "{}\n{}\n"));
    assert_eq!((more.0, more.1), (ITEMS_MAX + 1, Some(Problem::TooMany { max: ITEMS_MAX })));
}

fn items_of(text: &str) -> (usize, Option<Problem>) {
    let found = items(text.as_bytes());
    (found.len(), found.last().and_then(|item| item.problem.clone()))
}
