//! Where a secret lies although nobody meant to hide it, and texts that are dear to look at.

use super::{
    ASSIGNED_VALUE, Encode, Envelope, Finding, ORIGIN, Part, STANDARD, SigningKey, Value, decode, dsse,
    github, json, jwt, mixed, nothing, pem, refused, rule_of, screen, screen_statement, screened, suspected,
};
use base64::Engine as _;

/// Breaks a text into lines, as `base64 --wrap` does.
fn wrapped(text: &str, length: usize, end: &str) -> String {
    let lines = text.as_bytes().chunks(length).map(|line| std::str::from_utf8(line).unwrap().to_owned());
    lines.collect::<Vec<_>>().join(end)
}

#[test]
fn a_token_in_two_lines_of_base64_or_hex_is_found() {
    let encodings: [(&str, Encode<'_>); 2] =
        [("base64", &|text| STANDARD.encode(text)), ("hex", &|text| hex::encode(text))];
    for (name, encode) in encodings {
        for before in 0..60 {
            let text = encode(&format!("{} {} and some words behind it", "x".repeat(before), github()));
            for (length, end) in [(76, "\n"), (76, "\r\n"), (64, "\n"), (64, "\n      "), (28, "\n\t")] {
                let found = rule_of(&wrapped(&text, length, end));
                assert_eq!(
                    found.as_deref(),
                    Some("github-token"),
                    "{name}, {before} before, {length} {end:?}"
                );
            }
        }
    }
    // Behind a label, as PEM has one, and in a large document.
    let text = STANDARD.encode(format!("{}{}", "words of a document ".repeat(20_000), github()));
    let label = "-".repeat(5);
    let document =
        format!("{label}BEGIN MESSAGE{label}\n{}\n{label}END MESSAGE{label}", wrapped(&text, 64, "\n"));
    assert_eq!(rule_of(&document).as_deref(), Some("github-token"));
}

#[test]
fn lines_that_are_no_one_text_are_looked_at_one_by_one() {
    let one = STANDARD.encode(format!("{}  ", github()));
    for text in [
        format!("{}\n{one}", &one[..24]),
        format!("{one}\n\n{one}"),
        format!("abc\n{one}\nabc"),
        format!("{one}\n{one}x"),
    ] {
        assert_eq!(rule_of(&text).as_deref(), Some("github-token"), "{text}");
    }
    let digests = vec![super::hex(64); 40].join("\n");
    assert_eq!(rule_of(&digests), None);
}

#[test]
fn a_document_of_json_in_a_string_or_in_base64_is_read_without_its_escapes() {
    let line = json!({ "log": format!("done\n{}\nnext", github()) }).to_string();
    let url = json!({ "url": format!("https://ci:{}@git.example.com/x", mixed(20)) });
    let url = url.to_string().replace('/', "\\/");
    let escaped = super::each_byte(&github(), |byte| format!("\\u{:04x}", u32::from(byte)));
    let escaped = format!(r#"{{"a":"{escaped}"}}"#);
    for (document, rule) in [(line, "github-token"), (url, "url-password"), (escaped, "github-token")] {
        assert_eq!(rule_of(&document).as_deref(), Some(rule), "{document}");
        assert_eq!(rule_of(&STANDARD.encode(&document)).as_deref(), Some(rule), "{document}");
        let twice = json!({ "inner": document }).to_string();
        assert_eq!(rule_of(&twice).as_deref(), Some(rule), "{twice}");
    }
    // In pieces: an escape may lie at the end of one.
    for shift in 0..8 {
        let text = format!("{}{}", "x".repeat(shift), "words\n".repeat(20_000));
        let document = json!({ "log": format!("{text}{}\n{text}", github()) }).to_string();
        assert_eq!(rule_of(&document).as_deref(), Some("github-token"), "{shift}");
    }
}

#[test]
fn utf_16_in_base64_and_hex_is_read() {
    let text = format!("$env:T='{}'", github());
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        let base64 = STANDARD.encode(&utf_16);
        let command = format!("powershell -EncodedCommand {base64}");
        for hidden in [base64, command, hex::encode(&utf_16), hex::encode_upper(&utf_16)] {
            assert_eq!(rule_of(&hidden).as_deref(), Some("github-token"), "{hidden}");
        }
    }
}

/// Says whether the bytes are handed on in each encoding: as base64, as hex, and as hex of UTF-16.
fn read_in_each_encoding(bytes: &[u8]) -> [bool; 3] {
    let wide: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    [STANDARD.encode(bytes), hex::encode(bytes), hex::encode(wide)].map(|text| {
        let mut read = false;
        decode::all(text.as_bytes(), &mut |_| {
            read = true;
            true
        });
        read
    })
}

#[test]
fn twelve_readable_bytes_in_a_row_are_looked_at_in_every_encoding_and_eleven_are_not() {
    for readable in [b' ', b'0', b'A', b'~', b'\n', b'\r', b'\t'] {
        for before in 0..4 {
            let among = |count: usize| [vec![0x9d; before], vec![readable; count], vec![0x9d; 9]].concat();
            assert_eq!(read_in_each_encoding(&among(12)), [true; 3], "{readable:#x} behind {before}");
            assert_eq!(read_in_each_encoding(&among(11)), [false; 3], "{readable:#x} behind {before}");
        }
    }
}

#[test]
fn a_key_behind_a_certificate_is_found_whatever_the_member_is_called() {
    let combined = format!("{}{}", pem("CERTIFICATE"), pem("PRIVATE KEY"));
    for name in ["cert", "certificate", "hashes", "pem"] {
        assert_eq!(refused(&json!({ (name): combined })).len(), 1, "{name}");
        assert_eq!(refused(&json!({ (name): pem("CERTIFICATE").repeat(3) })), [], "{name}");
    }
}

#[test]
fn a_token_in_the_place_of_a_digest_or_signature_is_found() {
    let fine_grained = format!("github_pat_{}_{}", mixed(22), mixed(59));
    for token in [github(), fine_grained] {
        for name in ["sig", "digest", "cert", "canonicalizedBody"] {
            assert_eq!(refused(&json!({ (name): token })).len(), 1, "{name}");
            assert_eq!(refused(&json!({ (name): {"sha256": token} })).len(), 1, "{name}");
            // What only begins like one is as random as it should be.
            assert_eq!(refused(&json!({ (name): format!("{token}A") })), [], "{name}");
        }
    }
}

#[test]
fn only_the_payload_that_is_read_is_passed_over_around_it() {
    let key = SigningKey::from_seed(&[1; 32]);
    let clean = dsse::Envelope::sign(dsse::IN_TOTO, b"{}", &[&key]).unwrap();
    let hidden = STANDARD.encode(format!("words and {}", github()));
    for (member, value, pointer) in [
        ("dsseEnvelope", json!({"payload": hidden}), "/dsseEnvelope/payload"),
        ("envelope", json!({"statement": hidden}), "/envelope/statement"),
        ("more", json!({"payload": hidden}), "/more/payload"),
        ("list", json!([{"payload": hidden}]), "/list/0/payload"),
    ] {
        let mut outer: Value = serde_json::from_slice(clean.bytes()).unwrap();
        outer[member] = value;
        let envelope = Envelope::parse(outer.to_string().as_bytes()).unwrap();
        let found = screen(&envelope, ORIGIN, &nothing);
        let places: Vec<_> = found.refused().iter().map(|found| (found.part(), found.pointer())).collect();
        assert_eq!(places, [(Part::Envelope, pointer)]);
    }
}

#[test]
fn a_secret_in_the_payload_is_told_once_however_the_payload_is_written() {
    let key = SigningKey::from_seed(&[1; 32]);
    let payload = json!({ "a": github(), "b": "x".repeat(40) }).to_string();
    let signed = dsse::Envelope::sign(dsse::IN_TOTO, payload.as_bytes(), &[&key]).unwrap();
    let text = String::from_utf8(signed.bytes().to_vec()).unwrap();
    let encoded = STANDARD.encode(&payload);
    let escaped = text.replace(&encoded, &encoded.replace('=', "\\u003d"));
    for text in [text.clone(), text.replace("\"payload\":", "\n\"payload\" :\t"), escaped] {
        let envelope = Envelope::parse(text.as_bytes()).unwrap();
        let found = screen(&envelope, ORIGIN, &nothing);
        let first = found.refused().first().map(Finding::pointer);
        assert_eq!((found.refused()[0].part(), first), (Part::Payload, Some("/a")), "{text}");
    }
}

/// Not measured: were the name read for each of them, this would take hours.
#[test]
fn a_long_name_is_not_read_for_each_value_below_it() {
    let name = "n".repeat(4 << 20);
    let value = format!("a text of more than {}", "a".repeat(24));
    let values = vec![value; 100_000];
    assert_eq!(refused(&json!({ (name.as_str()): values })), []);
    // Those that are told have the place above it, and are told once.
    let value = mixed(24);
    let name = format!("{name}_token");
    let document = json!({"a": {(name.as_str()): vec![value; 100_000]}});
    assert_eq!(suspected(&document), [("named-value".to_owned(), "/a".to_owned())]);
    let name = "n".repeat(4 << 20);
    let document = json!({"a": {(name.as_str()): vec![github(); 100_000]}});
    assert_eq!(refused(&document), [("github-token".to_owned(), "/a".to_owned())]);
}

#[test]
fn what_begins_many_times_in_itself_is_read_once() {
    // A web token begins where nothing of its alphabet stands before it.
    assert_eq!(rule_of(&format!("Bearer {}", jwt())).as_deref(), Some("jwt"));
    assert_eq!(rule_of(&format!("x-{}", jwt())), None);
    // The value of a name ends before the next one is looked for.
    let inner = format!("token={}", mixed(24));
    let found = screened(&json!([format!("secret={inner}")]));
    assert_eq!(found.suspected().len(), 1);
    assert_eq!(found.suspected()[0].rule(), ASSIGNED_VALUE);
    let both = format!("secret={},token={}", mixed(24), super::lower(24));
    assert_eq!(screened(&json!([both])).suspected().len(), 2, "the next one has its own");
    let url = format!("https://a.example.com/?next=https://b.example.com/?token={}", mixed(20));
    assert_eq!(rule_of(&url).as_deref(), Some("url-token"));
}

#[test]
fn escapes_that_are_cut_or_wrong_are_left_as_they_are() {
    for text in ["\\", "\\u", "\\u12", "\\uzzzz", "\\x41", "%", "%4", "%zz", "\\u0041\\", "\\ud83d\\ude00"] {
        let text = format!("{text}{}", "a".repeat(30));
        let document = json!([text]).to_string();
        assert_eq!(screen_statement(document.as_bytes(), ORIGIN, &nothing).refused(), [], "{text}");
    }
}
