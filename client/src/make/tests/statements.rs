//! Statements that somebody else made.

use super::super::*;

const STATEMENT: &str = r#"{ "subject":[{"name":"pkg:docker/acme/api@1","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],
  "_type" : "https://in-toto.io/Statement/v0.1", "predicateType":"https://slsa.dev/provenance/v0.2","predicate":{"a":"\u0026"} }"#;

#[test]
fn a_statement_is_signed_exactly_as_it_stands() {
    for (before, after) in [("", ""), ("\n ", "\r\n\t ")] {
        let made = relayed(format!("{before}{STATEMENT}{after}").as_bytes()).unwrap();
        assert_eq!(made.payload, STATEMENT.as_bytes(), "no byte within it is changed");
        assert_eq!(made.predicate_type, "https://slsa.dev/provenance/v0.2");
    }
}

#[test]
fn what_is_no_strict_statement_is_not_relayed() {
    let change = |from: &str, to: &str| {
        assert!(STATEMENT.contains(from));
        relayed(STATEMENT.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    for error in [
        relayed(b"").unwrap_err(),
        relayed(b"{}").unwrap_err(),
        relayed(&[STATEMENT.as_bytes(), b"{}"].concat()).unwrap_err(),
        relayed(&[b"\xef\xbb\xbf", STATEMENT.as_bytes()].concat()).unwrap_err(),
        relayed(br#"{"payload":"","payloadType":"t","signatures":[]}"#).unwrap_err(),
        change("\"_type\"", "\"type\""),
        change("Statement/v0.1", "Statement/v9"),
        change("\"predicateType\"", "\"_type\""),
        change("{\"a\":\"\\u0026\"}", "{\"a\":1,\"a\":2}"),
        change("{\"a\":\"\\u0026\"}", "[]"),
        change("\\u0026", "\\ud800"),
    ] {
        assert!(matches!(error, MakeError::Relayed(_)), "{error}");
    }
    let subjects = &STATEMENT[STATEMENT.find('[').unwrap()..=STATEMENT.find(']').unwrap()];
    assert_eq!(change(subjects, "[]"), MakeError::NoSubject);
}

#[test]
fn what_administers_the_ledger_is_not_relayed() {
    for name in ["trust", "distrust", "redaction", "policy", "allow", "clock-repair", "jwks"] {
        let text = STATEMENT.replace("https://slsa.dev/provenance/v0.2", &format!("urn:custody:{name}:v7"));
        let error = relayed(text.as_bytes()).unwrap_err();
        assert!(matches!(error, MakeError::Administrative { .. }), "{name}: {error}");
    }
}
