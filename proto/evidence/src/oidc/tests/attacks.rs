//! A token that is believed, and tokens one change away from it.

use std::collections::BTreeMap;

use super::*;
use crate::oidc::{LEEWAY_MICROS, MAX_TOKEN};

#[test]
fn a_token_of_each_algorithm_is_believed() {
    for algorithm in TokenAlgorithm::ALL {
        let token = issuer().sign(&header(algorithm.as_str()), &claims());
        let verified = check(&token).unwrap();
        assert_eq!(verified.algorithm(), algorithm);
        assert_eq!(verified.identity().issuer(), ISSUER);
        assert_eq!(verified.expires().as_micros(), (ISSUED + 300) * 1_000_000);
    }
}

type Change = Box<dyn Fn(&mut Value, &mut Value)>;

/// Header and claims are changed, then signed: by the key that the header's `alg` says, or by RSA.
#[test]
fn one_change_and_the_token_is_not_believed() {
    let header_member = |name: &'static str, value: Value| -> Change {
        Box::new(move |header: &mut Value, _: &mut Value| header[name] = value.clone())
    };
    let claim = |name: &'static str, value: Value| -> Change {
        Box::new(move |_: &mut Value, claims: &mut Value| claims[name] = value.clone())
    };
    let without = |name: &'static str| -> Change {
        Box::new(move |_: &mut Value, claims: &mut Value| {
            claims.as_object_mut().unwrap().remove(name);
        })
    };
    let jwk = issuer().jwks()["keys"][0].clone();
    let cases: Vec<(Change, &str)> = vec![
        // The header decides nothing.
        (header_member("alg", json!("none")), "token_algorithm"),
        (header_member("alg", json!("None")), "token_algorithm"),
        (header_member("alg", json!("HS256")), "token_algorithm"),
        (header_member("alg", json!("RS512")), "token_algorithm"),
        (header_member("alg", json!("PS256")), "token_algorithm"),
        (header_member("alg", json!("rs256")), "token_algorithm"),
        (header_member("alg", json!("")), "token_algorithm"),
        (header_member("alg", json!(["RS256"])), "token_malformed"),
        (header_member("alg", json!(null)), "token_malformed"),
        (header_member("jwk", jwk), "token_header"),
        (header_member("jku", json!("https://evil.example/jwks")), "token_header"),
        (header_member("x5u", json!("https://evil.example/cert")), "token_header"),
        (header_member("x5c", json!(["MIIB"])), "token_header"),
        (header_member("crit", json!(["exp"])), "token_header"),
        (header_member("b64", json!(false)), "token_header"),
        (header_member("zip", json!("DEF")), "token_header"),
        (header_member("enc", json!("A256GCM")), "token_header"),
        (header_member("cty", json!("JWT")), "token_header"),
        (header_member("typ", json!("at+jwt")), "token_header"),
        (header_member("typ", json!(7)), "token_header"),
        (header_member("kid", json!("")), "token_header"),
        (header_member("kid", json!(7)), "token_header"),
        (header_member("kid", json!("k".repeat(257))), "token_header"),
        (header_member("kid", json!("rsb")), "token_key_unknown"),
        (header_member("kid", json!("p256")), "token_key_unknown"),
        (header_member("kid", json!("../rsa")), "token_key_unknown"),
        // Who, for whom.
        (claim("iss", json!("https://token.actions.githubusercontent.com/")), "token_issuer"),
        (claim("iss", json!("https://evil.example")), "token_issuer"),
        (claim("iss", json!([ISSUER])), "token_issuer"),
        (without("iss"), "token_issuer"),
        (claim("aud", json!("https://github.com/acme")), "token_audience"),
        (
            claim("aud", json!(audience(&"example.com/other".parse().unwrap(), &job_key().id()))),
            "token_audience",
        ),
        (claim("aud", json!(audience(&origin(), &SigningKey::from_seed(&[43; 32]).id()))), "token_audience"),
        (claim("aud", json!([audience(&origin(), &job_key().id()), "other"])), "token_audience"),
        (
            claim("aud", json!([audience(&origin(), &job_key().id()), audience(&origin(), &job_key().id())])),
            "token_audience",
        ),
        (claim("aud", json!([])), "token_audience"),
        (claim("aud", json!([7])), "token_claim"),
        (claim("aud", json!({})), "token_claim"),
        (without("aud"), "token_claim"),
        // When.
        (claim("exp", json!(ISSUED + 3601)), "token_lifetime"),
        (claim("exp", json!(ISSUED)), "token_lifetime"),
        (claim("exp", json!(ISSUED - 1)), "token_lifetime"),
        (claim("exp", json!("1795183500")), "token_claim"),
        (claim("exp", json!(1.5)), "token_claim"),
        (claim("exp", json!(i64::MAX)), "token_claim"),
        (claim("exp", json!(-1)), "token_claim"),
        (without("exp"), "token_claim"),
        (without("iat"), "token_claim"),
        (claim("iat", json!(ISSUED + 91)), "token_not_yet"),
        (claim("nbf", json!(ISSUED + 91)), "token_not_yet"),
        (claim("nbf", json!("soon")), "token_claim"),
        // Who it is.
        (claim("event_name", json!("pull_request_target")), "token_trigger"),
        (without("sub"), "token_claim"),
        (claim("sub", json!("")), "token_claim"),
        (without("repository_id"), "token_claim"),
        (without("repository_owner_id"), "token_claim"),
        (without("job_workflow_ref"), "token_claim"),
        (claim("repository", json!({"name": "acme/api"})), "token_claim"),
        (claim("repository", json!("acme/api\n")), "token_claim"),
        (claim("repository", json!("a".repeat(1025))), "token_claim"),
        (claim("jti", json!("")), "token_claim"),
        (claim("jti", json!(7)), "token_claim"),
        (claim("jti", json!("j".repeat(1025))), "token_claim"),
    ];
    for (change, expected) in cases {
        let (mut header, mut claims) = (header("RS256"), claims());
        change(&mut header, &mut claims);
        assert_eq!(word(check(&issuer().sign(&header, &claims))), expected, "{header} {claims}");
    }
}

#[test]
fn what_differs_and_says_the_same_is_believed() {
    let same = |change: &dyn Fn(&mut Value, &mut Value)| {
        let (mut header, mut claims) = (header("RS256"), claims());
        change(&mut header, &mut claims);
        check(&issuer().sign(&header, &claims)).unwrap()
    };
    same(&|_, claims| claims["aud"] = json!([claims["aud"]]));
    same(&|header, _| header["typ"] = json!("jwt"));
    same(&|header, _| {
        header.as_object_mut().unwrap().remove("typ");
    });
    // The set has one key of RSA: there is no doubt.
    same(&|header, _| {
        header.as_object_mut().unwrap().remove("kid");
    });
    same(&|_, claims| {
        claims.as_object_mut().unwrap().remove("nbf");
    });
    assert_eq!(
        same(&|_, claims| claims["iat"] = json!(ISSUED + 90)).issued().as_micros(),
        (ISSUED + 90) * 1_000_000
    );
}

#[test]
fn a_byte_changed_anywhere_and_the_token_is_not_believed() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = issuer().sign(&header(algorithm), &claims());
        for at in (0..token.len()).step_by(7).chain(token.len() - 3..token.len()) {
            let mut changed = token.clone();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_ne!(word(check(&changed)), "believed", "{algorithm}, byte {at}");
        }
    }
}

/// A signature is believed in the one encoding of its algorithm, by a key of that algorithm.
#[test]
fn a_signature_in_another_encoding_or_of_another_key_is_refused() {
    let signed = |header: &Value| {
        format!("{}.{}", text(header.to_string().as_bytes()), text(claims().to_string().as_bytes()))
    };
    let with =
        |header: &Value, signature: &[u8]| format!("{}.{}", signed(header), text(signature)).into_bytes();
    let p256 = header("ES256");
    let der = issuer().sign_in_der(signed(&p256).as_bytes());
    let empty: &[u8] = &[];
    for (header, signature) in [
        (&p256, der.as_slice()),
        (&p256, &[0; 64]),
        (&p256, &[0; 63]),
        (&header("RS256"), &[0; 256]),
        (&header("EdDSA"), &[0; 64]),
        (&header("EdDSA"), &SigningKey::from_seed(&[78; 32]).sign(signed(&header("EdDSA")).as_bytes())),
    ] {
        assert_eq!(word(check(&with(header, signature))), "token_signature");
    }
    assert_eq!(word(check(&with(&p256, empty))), "token_signature");
    // A public key as the secret of an HMAC, the oldest trick: the algorithm is none that has a secret.
    let mut hs = header("RS256");
    hs["alg"] = json!("HS256");
    assert_eq!(word(check(&with(&hs, &[7; 32]))), "token_algorithm");
}

#[test]
fn what_is_no_jwt_is_refused_before_anything_is_looked_at() {
    let good = String::from_utf8(issuer().sign(&header("RS256"), &claims())).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let long = "a".repeat(MAX_TOKEN + 1);
    let duplicate =
        |header: &str, claims: &str| String::from_utf8(issuer().sign_text(header, claims, "RS256")).unwrap();
    let texts = [
        String::new(),
        "..".to_owned(),
        parts[..2].join("."),
        format!("{good}."),
        format!("{good}.x"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{}={}", &good[..10], &good[10..]),
        good.replacen('.', "=.", 1),
        format!("{}+.{}.{}", parts[0], parts[1], parts[2]),
        long,
        duplicate(r#"{"alg":"RS256","alg":"RS256","kid":"rsa"}"#, &claims().to_string()),
        duplicate(r#"{"alg":"RS256","kid":"rsa"}"#, r#"{"iss":"a","iss":"b"}"#),
        duplicate(r#"["RS256"]"#, "{}"),
        duplicate(r#"{"alg":"RS256","kid":"rsa"}"#, "[]"),
        duplicate(r#"{"alg":"RS256","kid":"rsa"}"#, &format!("{}{}", "[".repeat(65), "]".repeat(65))),
        duplicate(r#"{"alg":"RS256","kid":"rsa"} x"#, "{}"),
    ];
    for text in texts {
        assert_eq!(word(check(text.as_bytes())), "token_malformed", "{}", &text[..text.len().min(60)]);
    }
    // A last character with bits that no byte has would be a second spelling of the same token.
    let last = |c: char| format!("{}{c}", &good[..good.len() - 1]);
    let believed: Vec<char> =
        ('A'..='Z').chain('a'..='z').filter(|c| check(last(*c).as_bytes()).is_ok()).collect();
    assert!(believed.len() <= 1, "{believed:?}");
}

#[test]
fn half_a_minute_of_clocks_is_forgiven_and_no_more() {
    let token = issuer().sign(&header("RS256"), &claims());
    let at = |seconds: i64, micros: i64| {
        let now = Timestamp::from_micros((ISSUED + seconds) * 1_000_000 + micros).unwrap();
        word(check_as(&token, |_| (), now))
    };
    assert_eq!(LEEWAY_MICROS, 30_000_000);
    assert_eq!((at(-31, 0), at(-30, -1)), ("token_not_yet", "token_not_yet"));
    assert_eq!((at(-30, 0), at(0, 0)), ("believed", "believed"));
    assert_eq!((at(329, 999_999), at(330, 0)), ("believed", "token_expired"));
}

#[test]
fn the_document_says_algorithms_lifetime_and_claims() {
    let token = issuer().sign(&header("RS256"), &claims());
    let es256 = issuer().sign(&header("ES256"), &claims());
    let rs256 = |expected: &mut Expected<'_>| expected.algorithms = &[TokenAlgorithm::Rs256];
    assert_eq!(word(check_as(&token, rs256, now())), "believed");
    assert_eq!(word(check_as(&es256, rs256, now())), "token_algorithm");
    assert_eq!(word(check_as(&token, |expected| expected.lifetime = 300, now())), "believed");
    assert_eq!(word(check_as(&token, |expected| expected.lifetime = 299, now())), "token_lifetime");
    for (name, values, expected) in [
        ("repository_owner_id", &["65"][..], "believed"),
        ("repository_owner_id", &["64", "65"], "believed"),
        ("repository_owner_id", &[], "believed"),
        ("repository_owner_id", &["6"], "token_claim"),
        ("repository_owner_id", &["65*"], "token_claim"),
        ("iat", &["1795183200"], "believed"),
        ("environment", &[], "token_claim"),
        ("enterprise", &[], "token_claim"),
    ] {
        let values = values.iter().map(ToString::to_string).collect();
        let required = BTreeMap::from([(name.to_owned(), values)]);
        let checked = check_as(
            &token,
            |expected| {
                let required: &'static BTreeMap<_, _> = Box::leak(Box::new(required.clone()));
                expected.required = required;
            },
            now(),
        );
        assert_eq!(word(checked), expected, "{name} {required:?}");
    }
}

#[test]
fn a_token_has_one_id_however_its_signature_is_written() {
    let id =
        |claims: &Value, algorithm: &str| check(&issuer().sign(&header(algorithm), claims)).unwrap().id();
    let (mut other, mut without) = (claims(), claims());
    other["jti"] = json!("another");
    without.as_object_mut().unwrap().remove("jti");
    assert_eq!(id(&claims(), "ES256"), id(&claims(), "ES256"), "two signatures of the same claims");
    assert_eq!(id(&without, "ES256"), id(&without, "ES256"), "without an id, what was signed is it");
    assert_eq!(id(&claims(), "RS256"), id(&claims(), "EdDSA"));
    assert_ne!(id(&claims(), "RS256"), id(&other, "RS256"));
    assert_ne!(id(&without, "RS256"), id(&claims(), "RS256"));
    assert_eq!(id(&claims(), "RS256").to_string().parse(), Ok(id(&claims(), "RS256")));
}

#[test]
fn nothing_that_is_shown_of_a_token_is_a_part_of_it() {
    let token = issuer().sign(&header("RS256"), &claims());
    let parsed = Token::parse(&token).unwrap();
    let credential = crate::oidc::Credential::new(token.clone(), job_key().public().clone());
    let mut shown = format!("{parsed:?} {credential:?}");
    for text in [&token[..token.len() - 2], &token[1..], &[&token[..], b"x"].concat()] {
        shown.push_str(&check(text).map_or_else(|error| format!("{error} {error:?}"), |_| String::new()));
    }
    let token = String::from_utf8(token).unwrap();
    for part in token.split('.') {
        assert!(!shown.contains(&part[..20.min(part.len())]), "{shown}");
    }
}
