//! Sets of keys: read as they are published, kept in one form.

use super::*;
use crate::oidc::{KeySetError, MAX_KEY_SET, MAX_KEYS, MAX_LISTED};

fn read(value: &Value) -> Result<KeySet, KeySetError> {
    KeySet::read(value.to_string().as_bytes())
}

fn changed(change: impl FnOnce(&mut Vec<Value>)) -> Result<KeySet, KeySetError> {
    let mut set = issuer().jwks();
    change(set["keys"].as_array_mut().unwrap());
    read(&set)
}

#[test]
fn what_is_kept_of_a_set_reads_back_as_the_same_set() {
    let set = issuer().keys();
    assert_eq!(set.keys().len(), 3);
    let kept = serde_json::to_string(&set).unwrap();
    assert_eq!(KeySet::read(kept.as_bytes()).unwrap(), set);
    assert_eq!(serde_json::from_str::<KeySet>(&kept).unwrap(), set);
    assert!(!kept.contains("x5t"), "nothing that a check does not need");
    let reversed = changed(|keys| keys.reverse()).unwrap();
    assert_eq!(serde_json::to_string(&reversed).unwrap(), kept, "in whatever order they came");
}

#[test]
fn keys_that_check_nothing_here_are_passed_over() {
    let others = json!([
        {"kty": "oct", "kid": "a"},
        {"kty": "EC", "crv": "P-384", "x": "a", "y": "b"},
        {"kty": "EC", "crv": "secp256k1"},
        {"kty": "OKP", "crv": "X25519", "x": "a"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "a"},
        {"kty": 7},
        {},
    ]);
    let with = changed(|keys| keys.extend(others.as_array().unwrap().clone())).unwrap();
    assert_eq!(with, issuer().keys());
    for (name, value) in [("use", json!("enc")), ("alg", json!("RS512")), ("key_ops", json!(["sign"]))] {
        let fewer = changed(|keys| keys[0][name] = value.clone()).unwrap();
        assert_eq!(fewer.keys().len(), 2, "{name}");
    }
    for (name, value) in [("use", json!("jwt-svid")), ("key_ops", json!(["verify"]))] {
        assert_eq!(changed(|keys| keys[0][name] = value.clone()).unwrap(), issuer().keys(), "{name}");
    }
    assert_eq!(read(&json!({"keys": others})), Err(KeySetError::Empty));
}

#[test]
fn one_change_and_the_set_is_refused() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let refused = changed(|keys| keys[0][member] = json!("AQAB"));
        assert!(matches!(refused, Err(KeySetError::Private { position: 0, .. })), "{member}");
    }
    let unusable: [(usize, &str, Value); 12] = [
        (0, "n", json!("AQAB")),
        (0, "n", json!("not base64!")),
        (0, "n", json!(7)),
        (0, "e", json!("")),
        (0, "kid", json!("")),
        (0, "kid", json!(7)),
        (0, "kid", json!("k".repeat(257))),
        (1, "x", json!(text(&[1; 31]))),
        (1, "y", json!(text(&[1; 32]))),
        (2, "x", json!(text(&[0; 32]))),
        (2, "x", json!(text(&[1; 33]))),
        (2, "x", json!(format!("{}=", text(&[1; 32])))),
    ];
    for (at, member, value) in unusable {
        let refused = changed(|keys| keys[at][member] = value.clone());
        assert!(matches!(refused, Err(KeySetError::Unusable { .. })), "{at} {member} {value}: {refused:?}");
    }
    for text in ["", "[]", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":[7]}"#, "{}", "null"] {
        assert!(matches!(KeySet::read(text.as_bytes()), Err(KeySetError::Json(_))), "{text}");
    }
    assert!(matches!(KeySet::read(&vec![b' '; MAX_KEY_SET + 1]), Err(KeySetError::TooLong { .. })));
}

#[test]
fn a_set_has_bounds_and_one_key_twice_is_one() {
    let numbered = |count: usize, key: Value| {
        read(&json!({"keys": (0..count).map(|n| {
            let mut key = key.clone();
            key["kid"] = json!(format!("{n}"));
            key
        }).collect::<Vec<_>>()}))
    };
    let good = issuer().jwks()["keys"][2].clone();
    assert_eq!(numbered(MAX_KEYS, good.clone()).unwrap().keys().len(), MAX_KEYS);
    assert!(matches!(numbered(MAX_KEYS + 1, good.clone()), Err(KeySetError::TooMany { .. })));
    assert!(matches!(numbered(MAX_LISTED + 1, json!({"kty": "oct"})), Err(KeySetError::TooMany { .. })));
    assert_eq!(read(&json!({"keys": [good, good]})).unwrap().keys().len(), 1);
}

/// RFC 7517 section 4.5: ids should differ, and need not.
#[test]
fn of_several_keys_with_one_id_each_is_tried() {
    let mut other = issuer().jwks()["keys"][2].clone();
    other["x"] = json!(text(SigningKey::from_seed(&[78; 32]).public().ed25519_bytes().unwrap()));
    let set = changed(|keys| keys.push(other.clone())).unwrap();
    assert_eq!(set.candidates(TokenAlgorithm::EdDsa, Some("ed")).len(), 2);
    assert_eq!(set.candidates(TokenAlgorithm::EdDsa, None).len(), 0, "without an id nobody knows which");
    assert_eq!(
        set.candidates(TokenAlgorithm::EdDsa, Some("rsa")).len(),
        0,
        "the id of a key of another kind"
    );
    let token = Token::parse(&issuer().sign(&header("EdDSA"), &claims())).unwrap();
    let required = BTreeMap::new();
    let expected = Expected {
        issuer: ISSUER,
        kind: IssuerKind::GitHub,
        audience: &audience(&origin(), &job_key().id()),
        algorithms: &TokenAlgorithm::ALL,
        lifetime: 3600,
        required: &required,
    };
    assert!(verify(&token, &expected, &set, now()).is_ok());
    let only_other = read(&json!({"keys": [other]})).unwrap();
    assert_eq!(verify(&token, &expected, &only_other, now()).unwrap_err().word(), "token_signature");
}
