//! What differs between two verdicts, for whoever asks a recorded one again.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::verdict::{Recorded, Verdict};

/// The most differences that are told.
pub const DIFFERENCES_MAX: usize = 100;
/// The longest value that is told, in characters.
const VALUE_MAX: usize = 200;

/// A member that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, such as `rules[build.provenance].status`.
    pub place: String,
    /// What was recorded; none if there was nothing.
    pub recorded: Option<String>,
    /// What comes out; none if nothing does.
    pub found: Option<String>,
}

/// Returns the differences, in the order of the places; none if the bytes are the same.
#[must_use]
pub fn differences(recorded: &Recorded, found: &Verdict) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", recorded.json(), &found.json(), &mut differences);
    differences.truncate(DIFFERENCES_MAX);
    differences
}

fn compare(place: &str, recorded: &Json, found: &Json, differences: &mut Vec<Difference>) {
    match (recorded, found) {
        (Json::Object(a), Json::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                part(&place, a.get(name), b.get(name), differences);
            }
        }
        (Json::Array(a), Json::Array(b)) => {
            let keys: BTreeSet<String> = a.iter().chain(b).map(key).collect();
            let of = |list: &[Json], wanted: &str| list.iter().find(|json| key(json) == wanted).cloned();
            let before = differences.len();
            for name in keys {
                part(&format!("{place}[{name}]"), of(a, &name).as_ref(), of(b, &name).as_ref(), differences);
            }
            // The same elements in another order, or one of them twice.
            if differences.len() == before && a != b {
                differences.push(Difference {
                    place: place.to_owned(),
                    recorded: Some(shown(recorded)),
                    found: Some(shown(found)),
                });
            }
        }
        _ if recorded == found => {}
        _ => differences.push(Difference {
            place: place.to_owned(),
            recorded: Some(shown(recorded)),
            found: Some(shown(found)),
        }),
    }
}

fn part(place: &str, recorded: Option<&Json>, found: Option<&Json>, differences: &mut Vec<Difference>) {
    match (recorded, found) {
        (Some(recorded), Some(found)) => compare(place, recorded, found, differences),
        (None, None) => {}
        _ => differences.push(Difference {
            place: place.to_owned(),
            recorded: recorded.map(shown),
            found: found.map(shown),
        }),
    }
}

/// What an element is known by: a rule by its id, an entry by its index, anything else by itself.
fn key(json: &Json) -> String {
    match (json.get("id").and_then(Json::as_str), json.get("index")) {
        (Some(id), _) => id.to_owned(),
        (None, Some(index)) => index.to_string(),
        (None, None) => shown(json),
    }
}

fn shown(json: &Json) -> String {
    let text = json.as_str().map_or_else(|| json.to_string(), ToOwned::to_owned);
    text.chars().take(VALUE_MAX).collect()
}
