//! As much of JSON Schema 2020-12 as the published schema uses, and of the regular expressions in it. A keyword that is not known here
//! fails the test: it would be ignored.

use serde_json::{Map, Value as Json};

pub(super) fn is_valid(schema: &Json, value: &Json) -> bool {
    holds(schema, schema, value)
}

fn holds(root: &Json, schema: &Json, value: &Json) -> bool {
    match schema {
        Json::Bool(holds) => *holds,
        Json::Object(keywords) => {
            keywords.iter().all(|(keyword, said)| keyword_holds(root, keywords, keyword, said, value))
        }
        _ => panic!("no schema: {schema}"),
    }
}

fn keyword_holds(
    root: &Json,
    keywords: &Map<String, Json>,
    keyword: &str,
    said: &Json,
    value: &Json,
) -> bool {
    let number = || usize::try_from(said.as_u64().unwrap()).unwrap();
    let each = || said.as_array().unwrap().iter();
    let object = value.as_object();
    let has = |name: &Json| object.is_none_or(|members| members.contains_key(name.as_str().unwrap()));
    match keyword {
        "$schema" | "$id" | "title" | "description" | "$defs" => true,
        "$ref" => holds(root, root.pointer(said.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
        "anyOf" => each().any(|one| holds(root, one, value)),
        "oneOf" => each().filter(|one| holds(root, one, value)).count() == 1,
        "not" => !holds(root, said, value),
        "const" => said == value,
        "enum" => each().any(|one| one == value),
        "type" => match said.as_str().unwrap() {
            "array" => value.is_array(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "object" => value.is_object(),
            "string" => value.is_string(),
            other => panic!("no type {other}"),
        },
        "minimum" => value.as_i64().is_none_or(|found| found >= said.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|found| found <= said.as_i64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= number()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= number()),
        "pattern" => value.as_str().is_none_or(|text| matches(said.as_str().unwrap(), text)),
        "minItems" => value.as_array().is_none_or(|list| list.len() >= number()),
        "maxItems" => value.as_array().is_none_or(|list| list.len() <= number()),
        "items" => value.as_array().is_none_or(|list| list.iter().all(|element| holds(root, said, element))),
        "minProperties" => object.is_none_or(|members| members.len() >= number()),
        "maxProperties" => object.is_none_or(|members| members.len() <= number()),
        "required" => each().all(has),
        "propertyNames" => object
            .is_none_or(|members| members.keys().all(|name| holds(root, said, &Json::from(name.as_str())))),
        "properties" => object.is_none_or(|members| {
            members
                .iter()
                .all(|(name, member)| said.get(name).is_none_or(|schema| holds(root, schema, member)))
        }),
        "additionalProperties" => object.is_none_or(|members| {
            let known =
                |name: &String| keywords.get("properties").is_some_and(|known| known.get(name).is_some());
            members.iter().all(|(name, member)| known(name) || holds(root, said, member))
        }),
        "dependentRequired" => object.is_none_or(|members| {
            let there = said.as_object().unwrap().iter().filter(|(name, _)| members.contains_key(*name));
            there
                .flat_map(|(_, names)| names.as_array().unwrap())
                .all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "dependentSchemas" => object.is_none_or(|members| {
            let there = said.as_object().unwrap().iter().filter(|(name, _)| members.contains_key(*name));
            there.map(|(_, schema)| schema).all(|schema| holds(root, schema, value))
        }),
        other => panic!("the keyword {other:?} is not known here"),
    }
}

/// A part of a pattern: which letters, how often.
enum Part {
    Letters(Vec<(char, char)>, bool),
    Group(Vec<Vec<(Part, usize, usize)>>),
    Start,
    End,
}

type Sequence = Vec<(Part, usize, usize)>;

fn matches(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars().peekable();
    let choices = choices(&mut letters);
    let text: Vec<char> = text.chars().collect();
    (0..=text.len()).any(|start| choices.iter().any(|sequence| ends(sequence, &text, start).next().is_some()))
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn choices(letters: &mut Letters<'_>) -> Vec<Sequence> {
    let mut choices = vec![Vec::new()];
    while let Some(letter) = letters.next_if(|letter| *letter != ')') {
        let part = match letter {
            '|' => {
                choices.push(Vec::new());
                continue;
            }
            '^' => Part::Start,
            '$' => Part::End,
            '.' => Part::Letters(Vec::new(), true),
            '(' => {
                let group = Part::Group(self::choices(letters));
                assert_eq!(letters.next(), Some(')'));
                group
            }
            '[' => class(letters),
            '\\' => {
                let letter = letters.next().unwrap();
                Part::Letters(vec![(letter, letter)], false)
            }
            letter => Part::Letters(vec![(letter, letter)], false),
        };
        let (least, most) = times(letters);
        choices.last_mut().unwrap().push((part, least, most));
    }
    choices
}

fn class(letters: &mut Letters<'_>) -> Part {
    let except = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    while let Some(first) = letters.next().filter(|letter| *letter != ']') {
        let is_range = letters.peek() == Some(&'-') && letters.clone().nth(1) != Some(']');
        let last = if is_range { letters.nth(1).unwrap() } else { first };
        ranges.push((first, last));
    }
    Part::Letters(ranges, except)
}

fn times(letters: &mut Letters<'_>) -> (usize, usize) {
    match letters.peek() {
        Some('*') => letters.next().map_or((1, 1), |_| (0, usize::MAX)),
        Some('+') => letters.next().map_or((1, 1), |_| (1, usize::MAX)),
        Some('?') => letters.next().map_or((1, 1), |_| (0, 1)),
        Some('{') => {
            letters.next();
            let inside: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
            let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
            (least.parse().unwrap(), most.parse().unwrap())
        }
        _ => (1, 1),
    }
}

/// Returns where a sequence that starts here may end, the longest first.
fn ends<'a>(
    sequence: &'a [(Part, usize, usize)],
    text: &'a [char],
    at: usize,
) -> Box<dyn Iterator<Item = usize> + 'a> {
    let Some(((part, least, most), rest)) = sequence.split_first() else {
        return Box::new(std::iter::once(at));
    };
    let mut reached = vec![vec![at]];
    while reached.len() <= *most && reached.len() <= text.len() + 1 {
        let next: Vec<usize> = reached.last().unwrap().iter().flat_map(|at| once(part, text, *at)).collect();
        if next.is_empty() {
            break;
        }
        reached.push(next);
    }
    let enough: Vec<usize> = reached.into_iter().skip(*least).rev().flatten().collect();
    Box::new(enough.into_iter().flat_map(move |at| ends(rest, text, at)))
}

fn once(part: &Part, text: &[char], at: usize) -> Vec<usize> {
    match part {
        Part::Start => (at == 0).then_some(at).into_iter().collect(),
        Part::End => (at == text.len()).then_some(at).into_iter().collect(),
        Part::Letters(ranges, except) => {
            let found = text.get(at).is_some_and(|letter| {
                ranges.iter().any(|(first, last)| (first..=last).contains(&letter)) != *except
            });
            found.then_some(at + 1).into_iter().collect()
        }
        Part::Group(choices) => choices.iter().flat_map(|sequence| ends(sequence, text, at)).collect(),
    }
}

#[test]
fn patterns_mean_what_they_mean_elsewhere() {
    for (pattern, text, expected) in [
        ("^[a-z][a-z0-9._-]{0,3}$", "ab-1", true),
        ("^[a-z][a-z0-9._-]{0,3}$", "ab-12", false),
        ("^(key:)?[0-9]+$", "key:12", true),
        ("^(key:)?[0-9]+$", "kez:12", false),
        ("^refs/(heads|tags)/([^*]+|[^*]*\\*)$", "refs/tags/v*", true),
        ("^refs/(heads|tags)/([^*]+|[^*]*\\*)$", "refs/tags/*v", false),
        ("^([^$]|$)", "", true),
        ("^([^$]|$)", "$x", false),
        ("^pkg:", "pkg:npm/x", true),
        ("^\\$[a-z]+$", "$a", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
