mod hidden;
mod near_misses;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::checksum::{base62, crc32};
use super::table::{OTHERS, RULES};
use super::{
    ASSIGNED_VALUE, FINDINGS_MAX, Finding, NAMED_VALUE, POINTER_MAX, Part, Screened, VERSION, decode, rules,
    screen, screen_statement,
};
use crate::dsse;
use crate::envelope::Envelope;
use crate::key::SigningKey;

const ORIGIN: &str = "example.com/log";

fn nothing(_: &str, _: &str) -> bool {
    false
}

/// Screens a document that is not a statement: what is looked at does not depend on that.
fn screened(document: &Value) -> Screened {
    screen_statement(document.to_string().as_bytes(), ORIGIN, &nothing)
}

/// Returns rule and pointer of what is refused.
fn refused(document: &Value) -> Vec<(String, String)> {
    let found = screened(document);
    found.refused().iter().map(|found| (found.rule().to_owned(), found.pointer().to_owned())).collect()
}

/// Returns rule and pointer of what is suspected, where nothing is refused.
fn suspected(document: &Value) -> Vec<(String, String)> {
    let found = screened(document);
    assert_eq!(found.refused(), [], "{document}");
    found.suspected().iter().map(|found| (found.rule().to_owned(), found.pointer().to_owned())).collect()
}

fn rule_of(text: &str) -> Option<String> {
    refused(&json!({ "a": text })).into_iter().next().map(|(rule, pointer)| {
        assert_eq!(pointer, "/a");
        rule
    })
}

/// A token of GitHub or npm with its checksum.
fn checksummed(prefix: &str, length: usize) -> String {
    let body = mixed(length - 6);
    let checksum = String::from_utf8(base62(crc32(body.as_bytes())).to_vec()).unwrap();
    format!("{prefix}{body}{checksum}")
}

/// Letters and digits that look random, the same each time.
fn mixed(length: usize) -> String {
    picked(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn hex(length: usize) -> String {
    picked(b"0123456789abcdef", length)
}

fn digits(length: usize) -> String {
    picked(b"0123456789", length)
}

fn upper(length: usize) -> String {
    picked(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
}

fn lower(length: usize) -> String {
    picked(b"abcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn letters(length: usize) -> String {
    picked(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", length)
}

fn picked(alphabet: &[u8], length: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).unwrap() % alphabet.len();
        char::from(alphabet[at])
    };
    (0..length).map(step).collect()
}

type Encode<'a> = &'a dyn Fn(&str) -> String;

fn each_byte(text: &str, encoded: impl Fn(u8) -> String) -> String {
    text.bytes().map(encoded).collect::<Vec<_>>().concat()
}

fn github() -> String {
    checksummed("ghp_", 36)
}

fn pem(label: &str) -> String {
    let lines: String = (0..6).map(|_| mixed(64) + "\n").collect();
    let dashes = "-".repeat(5);
    format!("{dashes}BEGIN {label}{dashes}\n{lines}{dashes}END {label}{dashes}\n")
}

fn jwt() -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(json!({"sub": "1234567890", "name": "John Doe"}).to_string());
    format!("{header}.{claims}.{}", mixed(43))
}

#[test]
fn checksum_is_that_of_a_token_that_was_published() {
    // The check value of CRC-32 (IEEE 802.3), and a revoked token of GitHub that is all over the web.
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(base62(0), *b"000000");
    let published = ["ghp", "_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"].concat();
    assert_eq!(rule_of(&published).as_deref(), Some("github-token"));
}

#[test]
fn pointer_leads_to_the_member_and_names_no_secret() {
    let token = github();
    let found = |document: &Value, pointer: &str| {
        let found = refused(document);
        assert_eq!(found, [("github-token".to_owned(), pointer.to_owned())], "{document}");
        if !pointer.is_empty() {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    };
    found(&json!({"a": {"b/c": [1, {"d~e": token}]}}), "/a/b~1c/1/d~0e");
    found(&json!([[], {}, "x", [token]]), "/3/0");
    found(&json!({ "a\u{e9}\n": format!("export T={token}") }), "/a\u{e9}\n");
    // A name that is a secret is not repeated, for itself and for what is below it.
    found(&json!({"a": {(token.as_str()): 1}}), "/a");
    let both = refused(&json!({"a": {(token.as_str()): {"b": jwt()}}}));
    assert_eq!(both, [("github-token".into(), "/a".into()), ("jwt".into(), "/a".into())]);
    // Nor is one that an administrator allows.
    let allowed = |rule: &str, _: &str| rule == "github-token";
    let document = json!({"a": {(token.as_str()): {"b": jwt()}}}).to_string();
    let found = screen_statement(document.as_bytes(), ORIGIN, &allowed);
    assert_eq!(found.refused().iter().map(Finding::pointer).collect::<Vec<_>>(), ["/a"]);
}

#[test]
fn pointer_that_would_be_too_long_ends_above() {
    let name = "n".repeat(POINTER_MAX);
    let found = refused(&json!({"a": {(name.as_str()): {"b": github()}}}));
    assert_eq!(found, [("github-token".to_owned(), "/a".to_owned())]);
}

#[test]
fn secret_is_found_through_escapes_and_two_layers_of_every_encoding() {
    let token = github();
    let percent = |text: &str| each_byte(text, |byte| format!("%{byte:02x}"));
    let encodings: [(&str, Encode<'_>); 5] = [
        ("base64", &|text| STANDARD.encode(text)),
        ("base64url", &|text| URL_SAFE_NO_PAD.encode(text)),
        ("hex", &|text| hex::encode(text)),
        ("HEX", &|text| hex::encode_upper(text)),
        ("percent", &percent),
    ];
    for (inner, encode) in encodings {
        for padding in ["", "x", "xy", "xyz>>>???"] {
            let one = encode(&format!("{padding} {token} {padding}"));
            assert_eq!(rule_of(&one).as_deref(), Some("github-token"), "{inner}");
            for (outer, again) in encodings {
                let two = again(&format!("{padding}{one}{padding}"));
                // What is not encoded beside what is makes hex of odd length or another word.
                if padding.is_empty() || !inner.eq_ignore_ascii_case("hex") {
                    let found = rule_of(&two);
                    let glued = padding.starts_with("xy") && !padding.contains('>') || padding == "x";
                    assert!(
                        glued || found.as_deref() == Some("github-token"),
                        "{inner} in {outer}: {padding}"
                    );
                }
            }
        }
        let three = STANDARD.encode(STANDARD.encode(encode(&token)));
        assert_eq!(rule_of(&three), None, "{inner}: a third layer is not looked into");
    }
    let escaped = each_byte(&token, |byte| format!("\\u{:04x}", u32::from(byte)));
    let document = format!(r#"{{"a":"{escaped}"}}"#);
    assert_eq!(screen_statement(document.as_bytes(), ORIGIN, &nothing).refused().len(), 1);
    // Base64 behind a word of its own alphabet, at each offset.
    for path in ["/", "/v1/", "/ab/", "/abc/", "a/b-c_"] {
        let text = format!("{path}{}", STANDARD.encode(format!("password {token}")));
        assert_eq!(rule_of(&text).as_deref(), Some("github-token"), "{path}");
    }
}

#[test]
fn secret_in_a_large_document_in_base64_is_found_wherever_it_lies() {
    let filler = "words of a document ".repeat(20_000);
    for at in [0, 49_000, 49_140, 49_152, 60_000, 399_000] {
        let text = format!("{} {} {}", &filler[..at], github(), &filler[at..]);
        assert_eq!(rule_of(&STANDARD.encode(text)).as_deref(), Some("github-token"), "{at}");
    }
}

#[test]
fn digests_signatures_and_certificates_are_passed_over_where_they_have_the_shape_of_one() {
    // The bytes of these would be a token, decoded.
    let hidden = STANDARD.encode(github());
    let in_hex = hex::encode(github());
    for name in ["sig", "rawBytes", "canonicalizedBody", "digest"] {
        assert_eq!(refused(&json!({ (name): hidden })), [], "{name}");
        assert_eq!(refused(&json!({ (name): {"sha256": in_hex} })), [], "{name}");
        assert_eq!(refused(&json!({ (name): pem("PRIVATE KEY") })).len(), 1, "{name}");
        assert_eq!(refused(&json!({ (name): format!("token {}", github()) })).len(), 1, "{name}");
    }
    assert_eq!(refused(&json!({ "body": hidden })).len(), 1);
}

#[test]
fn envelope_is_looked_at_around_its_payload_and_each_secret_once() {
    let key = SigningKey::from_seed(&[1; 32]);
    let payload = json!({ "a": github() }).to_string();
    let signed = dsse::Envelope::sign(dsse::IN_TOTO, payload.as_bytes(), &[&key]).unwrap();
    let places = |envelope: &Envelope| {
        let found = screen(envelope, ORIGIN, &nothing);
        let place = |found: &Finding| (found.part(), found.pointer().to_owned());
        found.refused().iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(places(&signed.clone().into()), [(Part::Payload, "/a".to_owned())]);
    let clean = dsse::Envelope::sign(dsse::IN_TOTO, b"{}", &[&key]).unwrap();
    let mut outer: Value = serde_json::from_slice(clean.bytes()).unwrap();
    outer["signatures"][0]["keyid"] = json!(jwt());
    outer["note"] = json!([github()]);
    let envelope = Envelope::parse(outer.to_string().as_bytes()).unwrap();
    let expected = ["/note/0", "/signatures/0/keyid"].map(|pointer| (Part::Envelope, pointer.to_owned()));
    assert_eq!(places(&envelope), expected);
}

#[test]
fn values_with_names_of_secrets_are_suspected_and_never_refused() {
    let value = mixed(24);
    for name in ["DB_PASSWORD", "apiKey", "NPM_TOKEN", "client_secret", "Authorization-Token", "sshKey"] {
        assert_eq!(suspected(&json!({ (name): value })), [(NAMED_VALUE.into(), format!("/{name}"))]);
        assert_eq!(suspected(&json!({ (name): [1, value] })), [(NAMED_VALUE.into(), format!("/{name}/1"))]);
        let pair = json!([{"name": name, "value": value}]);
        assert_eq!(suspected(&pair), [(NAMED_VALUE.into(), "/0/value".into())]);
    }
    let line = format!("docker build --build-arg NPM_TOKEN_CI={value} .");
    assert_eq!(suspected(&json!([line])), [(ASSIGNED_VALUE.into(), "/0".into())]);
    for (name, value) in [
        ("branch", value.as_str()),
        ("token", "${{ secrets.NPM_TOKEN1 }}"),
        ("token", "NPM_TOKEN"),
        ("password", "short1"),
        ("token_subject", "repo:acme/api:ref:refs/heads/v2"),
        ("secret", "aaaaaaaaaaaaaaaaaaaaaaaa1"),
        ("password", "two words and 1 digit more"),
    ] {
        assert_eq!(suspected(&json!({ (name): value })), [], "{name}: {value}");
    }
}

#[test]
fn wrong_checksum_is_suspected() {
    let mut token = github();
    token.replace_range(39..40, if token.ends_with('0') { "1" } else { "0" });
    assert_eq!(suspected(&json!([token])), [("github-token".into(), "/0".into())]);
}

#[test]
fn fingerprint_is_of_the_value_in_this_log_and_an_administrator_can_allow_it() {
    let document = json!({"a": github(), "b": format!("T={}", github())}).to_string();
    let screened = |origin: &str| screen_statement(document.as_bytes(), origin, &nothing);
    let here = screened(ORIGIN);
    let [first, second] = here.refused() else { panic!("{here:?}") };
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert_eq!(first.fingerprint().as_str().len(), 64);
    assert_ne!(first.fingerprint(), screened("example.com/other").refused()[0].fingerprint());
    let theirs = first.fingerprint().as_str();
    let allowed = |rule: &str, fingerprint: &str| rule == "github-token" && fingerprint == theirs;
    assert_eq!(screen_statement(document.as_bytes(), ORIGIN, &allowed).refused(), []);
    let other_rule = |rule: &str, fingerprint: &str| rule == "npm-token" && fingerprint == theirs;
    assert_eq!(screen_statement(document.as_bytes(), ORIGIN, &other_rule).refused().len(), 2);
    assert!(!format!("{first} {first:?}").contains(&github()[8..20]));
}

#[test]
fn findings_are_counted_up_to_a_limit_and_told_once() {
    let many: Vec<String> = (0..100).map(|at| format!("{} {at}", github())).collect();
    assert_eq!(screened(&json!(many)).refused().len(), FINDINGS_MAX);
    let twice = format!("{} {}", github(), github());
    assert_eq!(refused(&json!([twice])).len(), 1);
}

#[test]
fn text_that_is_no_json_is_looked_at_without_a_panic() {
    for text in ["", "\"", "{\"", "\\", "{\"a\\", "]]]]", "{{{{", ":,:,", "\u{fffd}\"\\u12"] {
        assert_eq!(screen_statement(text.as_bytes(), ORIGIN, &nothing).refused(), [], "{text}");
    }
    let broken = format!("{{\"a\":\"{}", github());
    assert_eq!(screen_statement(broken.as_bytes(), ORIGIN, &nothing).refused(), []);
    assert_eq!(screen_statement(&[0xff, b'"'], ORIGIN, &nothing).refused(), []);
    let deep = format!("{}{:?}", "[".repeat(100_000), github());
    assert_eq!(screen_statement(deep.as_bytes(), ORIGIN, &nothing).refused(), []);
}

#[test]
fn more_than_may_be_decoded_is_said() {
    let readable = STANDARD.encode("words that can be read, and more of them ".repeat(1 << 20));
    let found = screen_statement(json!([readable, readable]).to_string().as_bytes(), ORIGIN, &nothing);
    assert!(!found.complete());
    assert!(screened(&json!([&readable[..1 << 20]])).complete());
}

/// Admission records name the version of the rules: what a client finds by other rules is no fault of the log. Before the first
/// release nobody has such a record, and version 1 is what is released: until then the digests here may change, and behind it only
/// together with the version.
#[test]
fn rules_change_only_with_the_version() {
    use sha2::{Digest as _, Sha256};
    let digest = |text: &str| hex::encode(&Sha256::digest(text.as_bytes())[..8]);
    let table = digest(&format!("{RULES:?} {OTHERS:?}"));
    assert_eq!((VERSION, table.as_str()), ("1", "14f1dcc9307b498f"));
    // The table says nothing of what is decoded, of lines, masks and names: these are tried.
    let verdicts = digest(&verdicts());
    assert_eq!((VERSION, verdicts.as_str()), ("1", "d4e6ca8be7f0488a"));
}

/// Returns what is found in each example of a token, as it is and hidden in every way that is looked into, and in what only looks
/// like one.
fn verdicts() -> String {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let lines = |text: &str| {
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
        lines.collect::<Vec<_>>().join("\n")
    };
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let hidden = |token: &str| {
        let base64 = STANDARD.encode(format!("some words and {token}"));
        vec![
            token.to_owned(),
            token[..token.len() - 1].to_owned(),
            format!("{token}_"),
            STANDARD.encode(token),
            lines(&base64),
            STANDARD.encode(&base64),
            STANDARD.encode(STANDARD.encode(&base64)),
            STANDARD.encode(utf16(token)),
            URL_SAFE_NO_PAD.encode(token),
            hex::encode(token),
            percent(token),
            json!({ "token": token }).to_string(),
            format!("PASSWORD={token}"),
            format!("https://user:{token}@git.example.com/acme?token={token}"),
        ]
    };
    let masks = [
        "***", "xxx", "xxxx1234", "a***", "...", "<token>", "$TOKEN", "${TOKEN}", "password", "hunter22",
        "%s",
    ];
    let masks = masks.map(|mask| format!("https://user:{mask}@git.example.com/acme?token={mask}"));
    let texts = tokens::all().into_iter().flat_map(|(_, token)| hidden(&token)).chain(masks);
    let found = texts.map(|text| {
        let documents =
            [json!({ "note": text }), json!({ "api_key": text }), json!({ "digest": { "sha256": text } })];
        let found = documents.map(|document| {
            let found = screened(&document);
            let ids = |findings: &[Finding]| {
                findings
                    .iter()
                    .map(|found| format!("{}@{}", found.rule(), found.pointer()))
                    .collect::<Vec<_>>()
            };
            format!("{:?} {:?} {}", ids(found.refused()), ids(found.suspected()), found.complete())
        });
        found.join(" ")
    });
    found.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_rule_is_in_the_document() {
    let document = include_str!("../../../../docs/secrets.md");
    for (rule, what) in rules() {
        assert!(document.contains(&format!("| `{rule}` | {what}")), "{rule}");
    }
    for rule in [NAMED_VALUE, ASSIGNED_VALUE] {
        assert!(document.contains(&format!("| `{rule}` |")), "{rule}");
    }
}

#[test]
fn every_rule_has_a_name_of_its_own_and_a_token_that_it_finds() {
    let mut ids: Vec<&str> = rules().into_iter().map(|(id, _)| id).collect();
    let tokens = tokens::all();
    for id in &ids {
        assert!(tokens.iter().any(|(rule, _)| rule == id), "no example for {id}");
    }
    assert!(ids.len() >= 40, "{}", ids.len());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules().len());
}
