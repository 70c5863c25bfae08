mod images;

use super::*;

#[test]
fn takes_documents_apart_without_changing_a_byte() {
    let inner = r#"{ "b" : [1, 2],"a":"\u0061" }"#;
    let document =
        format!(r#"{{"attestations":[{{"predicateType":"t","bundle":{inner}}},{{"bundle":{{}}}}]}}"#);
    let found = npm_attestations(document.as_bytes()).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].label(), found[0].bundle()), ("t", Some(inner.as_bytes())));
    assert_eq!((found[1].label(), found[1].bundle()), ("", Some(b"{}".as_slice())));
    let document = format!(
        r#"{{"version":1,"attestation_bundles":[{{"publisher":{{}},"attestations":[{inner},{{}}]}}]}}"#
    );
    assert_eq!(pypi_provenance(document.as_bytes()).unwrap(), [inner.as_bytes(), b"{}"]);
}

#[test]
fn an_attestation_whose_bundle_is_elsewhere_has_an_address_and_no_bundle() {
    let document = r#"{"attestations":[{"bundle":null,"bundle_url":"https://blobs.example/1.json.sn?sig=secret","repository_id":1},
        {"bundle":{},"bundle_url":"https://blobs.example/2"},{"bundle_url":"https://blobs.example/3"}]}"#;
    let found = npm_attestations(document.as_bytes()).unwrap();
    let said: Vec<_> =
        found.iter().map(|attestation| (attestation.bundle(), attestation.address())).collect();
    let expected = [
        (None, Some("https://blobs.example/1.json.sn")),
        (Some(b"{}".as_slice()), None),
        (None, Some("https://blobs.example/3")),
    ];
    assert_eq!(said, expected);
    for nowhere in [
        r#"{"bundle":null}"#,
        r#"{"bundle":null,"bundle_url":""}"#,
        r#"{"bundle_url":null}"#,
        r#"{"bundle_url":7}"#,
    ] {
        let document = format!(r#"{{"attestations":[{nowhere}]}}"#);
        assert!(
            matches!(npm_attestations(document.as_bytes()), Err(DocumentError::Json { .. })),
            "{nowhere}"
        );
    }
}

#[test]
fn of_what_gcloud_prints_only_the_envelopes_are_taken() {
    let envelope = r#"{ "payload":"","payloadType":"t", "signatures":[] }"#;
    let provenance = format!(
        r#"[{{"build":{{"intotoStatement":{{"payload":"clear"}}}},"envelope":{envelope}}},{{"build":{{}}}},{{"envelope":null}}]"#
    );
    let document = format!(r#"{{"image_summary":{{}},"provenance_summary":{{"provenance":{provenance}}}}}"#);
    let found = cloud_build_envelopes(document.as_bytes()).unwrap();
    assert_eq!(found, [Some(envelope.as_bytes()), None, None]);
    assert_eq!(cloud_build_envelopes(br#"{"image_summary":{}}"#), Ok(Vec::new()));
    for text in ["", "[]", r#"{"provenance_summary":[]}"#, r#"{"provenance_summary":{"provenance":[1]}}"#] {
        assert!(matches!(cloud_build_envelopes(text.as_bytes()), Err(DocumentError::Json { .. })), "{text}");
    }
    let many = vec!["{}"; MAX_ATTESTATIONS + 1].join(",");
    let document = format!(r#"{{"provenance_summary":{{"provenance":[{many}]}}}}"#);
    let too_many = Err(DocumentError::TooMany { max: MAX_ATTESTATIONS, found: MAX_ATTESTATIONS + 1 });
    assert_eq!(cloud_build_envelopes(document.as_bytes()), too_many);
}

#[test]
fn refuses_documents_that_are_none_or_too_long() {
    for text in
        ["", "{}", "[]", r#"{"attestations":{}}"#, r#"{"attestations":[1]}"#, r#"{"attestations":[{}]}"#]
    {
        assert!(matches!(npm_attestations(text.as_bytes()), Err(DocumentError::Json { .. })), "{text}");
    }
    for text in ["{}", r#"{"version":1}"#, r#"{"version":"1","attestation_bundles":[]}"#] {
        assert!(matches!(pypi_provenance(text.as_bytes()), Err(DocumentError::Json { .. })), "{text}");
    }
    let two = r#"{"version":2,"attestation_bundles":[]}"#;
    assert_eq!(pypi_provenance(two.as_bytes()), Err(DocumentError::Version { found: 2 }));
    let many = |count: usize, item: &str| vec![item; count].join(",");
    let document = |count| format!(r#"{{"attestations":[{}]}}"#, many(count, r#"{"bundle":{}}"#));
    assert_eq!(npm_attestations(document(MAX_ATTESTATIONS).as_bytes()).unwrap().len(), MAX_ATTESTATIONS);
    let too_many = Err(DocumentError::TooMany { max: MAX_ATTESTATIONS, found: MAX_ATTESTATIONS + 1 });
    assert_eq!(npm_attestations(document(MAX_ATTESTATIONS + 1).as_bytes()), too_many);
    // Many lists of few count together.
    let list = format!(r#"{{"attestations":[{}]}}"#, many(MAX_ATTESTATIONS / 2 + 1, "{}"));
    let document = format!(r#"{{"version":1,"attestation_bundles":[{list},{list}]}}"#);
    let found = pypi_provenance(document.as_bytes());
    assert_eq!(found, Err(DocumentError::TooMany { max: MAX_ATTESTATIONS, found: MAX_ATTESTATIONS + 2 }));
}

#[test]
fn only_keys_for_attestations_verify_them() {
    let key = |usage: &str, bytes: &str| {
        format!(
            r#"{{"keyId":"k","keyUsage":"{usage}","publicKey":{{"rawBytes":"{bytes}","validFor":{{}}}}}}"#
        )
    };
    let ed25519 = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let list = |key: &str| format!(r#"{{"keys":[{key}]}}"#);
    assert!(npm_keys(list(&key("npm:signatures", "AA==")).as_bytes()).unwrap().is_empty());
    let found = npm_keys(list(&key("npm:attestations", ed25519)).as_bytes()).unwrap();
    assert_eq!((found[0].name(), *found[0].window()), ("k", crate::sigstore::Window::Never));
    let broken = npm_keys(list(&key("npm:attestations", "AA==")).as_bytes());
    assert!(matches!(broken, Err(DocumentError::Key { index: 0, .. })));
    let twice = r#"{"keys":[],"keys":[]}"#;
    assert!(matches!(npm_keys(twice.as_bytes()), Err(DocumentError::Json { .. })));
}
