//! The published schema and the loader are two descriptions of one language: what loads is valid, and what is not valid does not load.

use custody_evidence::admission::SubmitterClaims;
use custody_evidence::finding::FindingKind;
use custody_evidence::predicate::short_name::SHORT_NAMES;
use serde_json::{Map, Value as Json, json};

use super::clauses::{ACCEPTED, REFUSED};
use super::validator::is_valid;
use super::{EXAMPLE, Policy, with_rule};
use crate::policy::tree::Tree;
use crate::verdict::parameters;

fn schema() -> Json {
    serde_json::from_str(crate::policy::SCHEMA).unwrap()
}

/// A policy's YAML as JSON.
fn json(text: &str) -> Json {
    let tree = Tree::read(text).unwrap();
    parameters(&[("policy".to_owned(), tree)].into())["policy"].take()
}

fn samples() -> Vec<Json> {
    let accepted = ACCEPTED.iter().map(|lines| json(&with_rule(lines)));
    accepted.chain([json(EXAMPLE)]).collect()
}

fn loads(policy: &Json) -> bool {
    Policy::load(policy.to_string().as_bytes()).is_ok()
}

#[test]
fn what_loads_is_valid() {
    let schema = schema();
    for sample in samples() {
        assert!(loads(&sample), "{sample}");
        assert!(is_valid(&schema, &sample), "{sample}");
    }
}

#[test]
fn most_of_what_is_refused_is_not_valid_either() {
    let schema = schema();
    // What no schema says: dates that do not exist, ids that are there twice, parameters, ranges, licences, one clause about another.
    let valid = REFUSED.iter().filter(|(lines, _)| is_valid(&schema, &json(&with_rule(lines))));
    let valid: Vec<&str> = valid.map(|(lines, _)| lines.trim()).collect();
    assert!(valid.len() <= 14, "{}", valid.join("\n"));
}

#[test]
fn the_schema_names_what_there_is() {
    let schema = schema();
    let names = |at: &str| -> Vec<String> {
        let list = schema.pointer(at).unwrap_or_else(|| panic!("{at}")).as_array().unwrap();
        list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let short: Vec<String> = SHORT_NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("/$defs/predicate/anyOf/0/enum"), short);
    assert_eq!(names("/$defs/pattern/properties/claims/propertyNames/enum"), SubmitterClaims::NAMES);
    assert_eq!(
        names("/$defs/findings/anyOf/0/items/anyOf/0/enum"),
        FindingKind::ALL.map(FindingKind::as_str)
    );
}

/// Every way to change one value somewhere in a policy.
fn mutations(of: &Json) -> Vec<Json> {
    let mut all = vec![
        json!(null),
        json!(true),
        json!(7),
        json!("nonsense value"),
        json!([]),
        json!({}),
        json!([of.clone()]),
    ];
    match of {
        Json::Object(members) => {
            for name in members.keys() {
                let mut without = members.clone();
                let value = without.remove(name).unwrap();
                all.push(Json::Object(without.clone()));
                without.insert(format!("{name}x"), value.clone());
                all.push(Json::Object(without));
                for value in mutations(&value) {
                    let mut changed: Map<String, Json> = members.clone();
                    changed.insert(name.clone(), value);
                    all.push(Json::Object(changed));
                }
            }
            let mut more = members.clone();
            more.insert("zzz".to_owned(), json!(1));
            all.push(Json::Object(more));
        }
        Json::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                for value in mutations(element) {
                    let mut changed = elements.clone();
                    changed[at] = value;
                    all.push(Json::Array(changed));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn nothing_that_loads_is_invalid_and_no_unknown_field_is_valid() {
    let schema = schema();
    let (mut loaded, mut refused) = (0, 0);
    for sample in samples() {
        for changed in mutations(&sample) {
            let (loads, valid) = (loads(&changed), is_valid(&schema, &changed));
            assert!(!loads || valid, "it loads, and the schema refuses it: {changed}");
            let unknown = has_unknown_field(&changed);
            assert!(!(unknown && (loads || valid)), "an unknown field: {changed}");
            loaded += usize::from(loads);
            refused += usize::from(!valid);
        }
    }
    assert!(loaded > 50 && refused > 1000, "{loaded} {refused}");
}

/// Whether a map has the field `zzz` where its author does not choose the names.
fn has_unknown_field(of: &Json) -> bool {
    match of {
        Json::Object(members) => members
            .iter()
            .any(|(name, value)| name == "zzz" || name != "parameters" && has_unknown_field(value)),
        Json::Array(elements) => elements.iter().any(has_unknown_field),
        _ => false,
    }
}
