use serde_json::{Value, json};

use super::*;

const ED25519: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

fn sample() -> Value {
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "https://log.example.com",
            "publicKey": {"rawBytes": ED25519, "validFor": {"start": "2020-01-01T00:00:00Z"}},
            "logId": {"keyId": "AAAA"},
        }],
    })
}

fn parse(value: &Value) -> Result<TrustedRoot, TrustedRootError> {
    TrustedRoot::parse(&serde_json::to_vec(value).unwrap())
}

fn with(place: &str, value: Value) -> Result<TrustedRoot, TrustedRootError> {
    let mut sample = sample();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { Some(&mut sample) } else { sample.pointer_mut(parent) };
    parent.unwrap()[name] = value;
    parse(&sample)
}

#[test]
fn reads_both_spellings_of_both_versions() {
    for form in ["+json;version=0.1", "+json;version=0.2", ".v0.1+json", ".v0.2+json"] {
        let media_type = format!("application/vnd.dev.sigstore.trustedroot{form}");
        assert!(with("/mediaType", json!(media_type)).unwrap().needs_log(), "{form}");
    }
    for text in [
        "",
        "application/vnd.dev.sigstore.trustedroot+json",
        "application/vnd.dev.sigstore.trustedroot.v0.3+json",
    ] {
        assert!(matches!(with("/mediaType", json!(text)), Err(TrustedRootError::MediaType { .. })), "{text}");
    }
}

#[test]
fn refuses_what_says_two_things_or_nothing() {
    let twice = serde_json::to_string(&sample()).unwrap().replacen('{', r#"{"tlogs":[],"#, 1);
    assert!(matches!(TrustedRoot::parse(twice.as_bytes()), Err(TrustedRootError::Json(_))));
    assert_eq!(with("/tlogs", json!([])).unwrap_err(), TrustedRootError::Empty);
    for (place, missing) in [
        ("/tlogs/0/publicKey", "tlogs[0].publicKey"),
        ("/tlogs/0/logId", "tlogs[0].logId.keyId"),
        ("/tlogs/0/logId/keyId", "tlogs[0].logId.keyId"),
    ] {
        assert_eq!(
            with(place, Value::Null).unwrap_err(),
            TrustedRootError::Missing { place: missing.into() }
        );
    }
    let authority = json!([{"certChain": {"certificates": []}}]);
    let place = "certificateAuthorities[0].certChain.certificates".to_owned();
    assert_eq!(with("/certificateAuthorities", authority).unwrap_err(), TrustedRootError::Missing { place });
    let authority = json!([{"certChain": {"certificates": [{"rawBytes": "AAAA"}]}}]);
    assert!(matches!(with("/timestampAuthorities", authority), Err(TrustedRootError::Certificate { .. })));
    let window = json!({"start": "yesterday"});
    assert!(matches!(with("/tlogs/0/publicKey/validFor", window), Err(TrustedRootError::Window { .. })));
    let many = json!(vec![sample()["tlogs"][0].clone(); 65]);
    let too_many = TrustedRootError::TooMany { place: "ctlogs".into(), max: 64, found: 65 };
    assert_eq!(with("/ctlogs", many).unwrap_err(), too_many);
}

#[test]
fn a_key_that_is_not_supported_is_kept_with_its_reason() {
    let root = with("/tlogs/0/publicKey/rawBytes", json!("MAA=")).unwrap();
    assert!(root.logs[0].key.is_err());
    assert_eq!(root.logs[0].hint(), "000000");
    // A window without a start holds at no time.
    let root = with("/tlogs/0/publicKey/validFor", json!({"end": "2030-01-01T00:00:00Z"})).unwrap();
    assert_eq!(root.logs[0].window, Window::Never);
}

#[test]
fn reads_one_root_a_line_and_names_the_line_that_is_none() {
    let line = serde_json::to_string(&sample()).unwrap();
    let two = TrustedRoot::parse_lines(format!("{line}\n\n{line}\n").as_bytes()).unwrap();
    assert_eq!(two.len(), 2);
    let found = TrustedRoot::parse_lines(format!("{line}\n\n{{}}").as_bytes()).unwrap_err();
    assert!(matches!(found, TrustedRootError::Line { line: 3, .. }), "{found}");
    assert!(matches!(
        TrustedRoot::parse_lines(&vec![b'\n'; MAX_ROOT + 1]),
        Err(TrustedRootError::TooLong { .. })
    ));
}
