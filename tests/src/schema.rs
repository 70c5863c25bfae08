//! The published schema of what `custody -o json` prints, and whether a document is valid by it: as much of JSON Schema 2020-12 as the
//! schema uses. A keyword or pattern that is not known here fails the test: it would be ignored.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::workspace;

/// Returns the schema.
///
/// # Panics
///
/// When the file is not there, or is no JSON.
pub fn published() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let path = workspace::root().join("docs/schema/output-v1.json");
        let text = std::fs::read_to_string(&path).expect("the schema can be read");
        serde_json::from_str(&text).expect("the schema is JSON")
    })
}

/// Returns the name of the definition for a command, by the words of a command line; none for a command that the schema does not have.
#[must_use]
pub fn definition(words: &[&str]) -> Option<String> {
    let definitions = published()["$defs"].as_object()?;
    let named = |words: &[&str]| Some(words.join("_")).filter(|name| definitions.contains_key(name));
    let [first, rest @ ..] = words else { return None };
    let with_sub = rest.first().and_then(|second| named(&[first, second]));
    with_sub.or_else(|| named(&[first]))
}

/// Checks that a document is what a command prints, or a failure.
///
/// # Errors
///
/// The place in the document, and what is wrong there.
pub fn check(definition: &str, document: &Value) -> Result<(), String> {
    let is_error =
        document.as_object().is_some_and(|members| members.len() == 1 && members.contains_key("error"));
    let name = if is_error { "error" } else { definition };
    holds(&published()["$defs"][name], document, "")
}

fn holds(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
    for (keyword, said) in keywords {
        keyword_holds(keywords, keyword, said, value, at)?;
    }
    Ok(())
}

fn keyword_holds(
    keywords: &Map<String, Value>,
    keyword: &str,
    said: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let wrong = |why: String| Err(format!("{at}: {why}, found {value}"));
    let list = || said.as_array().expect("a list").iter();
    match keyword {
        "$ref" => {
            let pointer = said.as_str().expect("a reference").trim_start_matches('#');
            holds(published().pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")), value, at)
        }
        "anyOf" => {
            let all: Vec<Result<(), String>> = list().map(|one| holds(one, value, at)).collect();
            let why: Vec<String> = all.iter().filter_map(|one| one.clone().err()).collect();
            if all.iter().any(Result::is_ok) { Ok(()) } else { Err(why.join("; or ")) }
        }
        "const" if said != value => wrong(format!("expected {said}")),
        "enum" if list().all(|one| one != value) => wrong(format!("expected one of {said}")),
        "type" if !is_of(said.as_str().expect("a type"), value) => wrong(format!("expected {said}")),
        "minimum" if value.as_i64() < said.as_i64() => wrong(format!("expected {said} or more")),
        "pattern" if !matches(said.as_str().expect("a pattern"), value.as_str().unwrap_or_default()) => {
            wrong(format!("expected {said}"))
        }
        // Those of the former that hold, and what tells of the schema.
        "const" | "enum" | "type" | "minimum" | "pattern" | "$schema" | "$id" | "title" | "description" => {
            Ok(())
        }
        "items" => {
            let mut elements = value.as_array().into_iter().flatten().enumerate();
            elements.try_for_each(|(place, element)| holds(said, element, &format!("{at}[{place}]")))
        }
        "required" => {
            let lacks = |name: &&Value| value.get(name.as_str().expect("a name")).is_none();
            list().find(lacks).map_or(Ok(()), |name| wrong(format!("{name} is missing")))
        }
        "properties" => {
            let mut members = value.as_object().into_iter().flatten();
            members.try_for_each(|(name, member)| {
                said.get(name).map_or(Ok(()), |schema| holds(schema, member, &format!("{at}.{name}")))
            })
        }
        "additionalProperties" => {
            assert_eq!(said, &Value::Bool(false), "objects are closed, or say nothing of their members");
            let known = |name: &String| keywords["properties"].get(name).is_some();
            let mut names = value.as_object().into_iter().flatten().map(|(name, _)| name);
            names.find(|name| !known(name)).map_or(Ok(()), |name| {
                Err(format!("{at}.{name} is not in docs/schema/output-v1.json: write what it means there"))
            })
        }
        other => panic!("the keyword {other:?} is not known here"),
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("no type {other}"),
    }
}

/// The two patterns of the schema.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[^:]+:.+$" => {
            text.split_once(':').is_some_and(|(before, after)| !before.is_empty() && !after.is_empty())
        }
        time if time.starts_with("^[0-9]{4}-") => {
            let form = "0000-00-00T00:00:00.000000Z";
            let fits = |(found, form): (char, char)| {
                if form == '0' { found.is_ascii_digit() } else { found == form }
            };
            text.len() == form.len() && text.chars().zip(form.chars()).all(fits)
        }
        other => panic!("the pattern {other:?} is not known here"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_in_the_schema_is_refused_by_its_place() {
        let diff = |added: Value| {
            json!({
                "from": "prod", "to": "staging", "added": added, "removed": [], "changed": [],
                "at": {"size": 3, "root": "sha256:00", "reader": "5"}, "complete": "claimed", "truncated": false,
            })
        };
        assert_eq!(check("env_diff", &diff(json!([]))), Ok(()));
        let mut more = diff(json!([]));
        more["new"] = json!(1);
        assert!(check("env_diff", &more).unwrap_err().contains(".new is not in docs/schema"));
        more.as_object_mut().unwrap().remove("new");
        more["at"]["size"] = json!(-1);
        assert!(check("env_diff", &more).unwrap_err().starts_with(".at.size: expected 0 or more"));
        more["at"].as_object_mut().unwrap().remove("size");
        assert!(check("env_diff", &more).unwrap_err().contains("\"size\" is missing"));
        assert!(check("env_diff", &diff(json!([{}]))).unwrap_err().starts_with(".added[0]"));
        for (member, wrong) in [("complete", json!("yes")), ("truncated", json!(0)), ("from", json!(null))] {
            let mut changed = diff(json!([]));
            changed[member] = wrong;
            assert!(check("env_diff", &changed).is_err(), "{member}");
        }
        let failed = json!({"error": {"code": "no_record", "message": "m", "hint": null}});
        assert_eq!(check("env_diff", &failed), Ok(()));
        assert!(check("env_diff", &json!({"error": {"code": "no_record"}})).is_err());
    }

    #[test]
    fn a_time_and_a_digest_have_their_forms() {
        let time = &published()["$defs"]["time"];
        assert!(holds(time, &json!("2026-11-20T10:00:00.000000Z"), "").is_ok());
        for other in
            ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00.000000Z", "", "2026-11-20T10:00:00.000000z"]
        {
            assert!(holds(time, &json!(other), "").is_err(), "{other}");
        }
        let digest = &published()["$defs"]["digest"];
        assert!(holds(digest, &json!("sha256:00"), "").is_ok() && holds(digest, &json!(":00"), "").is_err());
    }

    #[test]
    fn a_command_is_found_by_its_words() {
        for (words, name) in [
            (&["env", "show", "prod"][..], Some("env_show")),
            (&["find", "--limit", "3"], Some("find")),
            (&["record", "build"], Some("record")),
            (&["trust", "clock-repair"], Some("trust_clock-repair")),
            (&["nothing"], None),
            (&[], None),
        ] {
            assert_eq!(definition(words).as_deref(), name, "{words:?}");
        }
    }
}
