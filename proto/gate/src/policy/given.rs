//! Values that whoever asks gives to a policy's parameters, in place of those in its text.
//!
//! A verdict names every parameter with its value, so what was given is told, and can be given again.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::error::{LoadError, Named, cut};
use super::nearest::nearest;
use super::tree::{INTEGER_MAX, Tree};
use super::{LIST_MAX, is_plain_text};

/// Values of parameters, each of the kind that the policy declares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    values: BTreeMap<String, Value>,
}

/// A value that was given.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    /// As it was typed: what it is depends on what is declared.
    Typed(String),
    /// As a document has it.
    Read(Tree),
}

impl Given {
    /// Adds a value as people type it: a number, `true` or `false`, text as it is; the elements of a list with commas between them.
    pub fn typed(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), Value::Typed(value.into()));
    }

    /// Takes the parameters of a verdict ([`crate::verdict::Recorded::parameters`]).
    #[must_use]
    pub fn of_json(parameters: &Json) -> Self {
        let members = parameters.as_object().into_iter().flatten();
        let values = members.map(|(name, value)| (name.clone(), Value::Read(tree(value))));
        Self { values: values.collect() }
    }

    pub(crate) fn of_trees(trees: impl IntoIterator<Item = (String, Tree)>) -> Self {
        Self { values: trees.into_iter().map(|(name, tree)| (name, Value::Read(tree))).collect() }
    }

    /// Puts the values in place of the declared ones. None is new, and none is of another kind.
    pub(super) fn put_into(&self, declared: &mut BTreeMap<String, Tree>) -> Result<(), LoadError> {
        for (name, given) in &self.values {
            let nearest = nearest(name, declared.keys().map(String::as_str));
            let Some(value) = declared.get_mut(name) else {
                let place = "the given parameters".to_owned();
                let (what, found) = (Named::Parameter, cut(name));
                return Err(LoadError::UnknownName { place, what, found, nearest });
            };
            *value = as_declared(value, given).ok_or_else(|| LoadError::Value {
                place: format!("the given parameter {name}"),
                expected: expected(value),
                found: given.described(),
            })?;
        }
        Ok(())
    }
}

impl Value {
    fn described(&self) -> String {
        match self {
            Self::Typed(text) => format!("{:?}", cut(text)),
            Self::Read(tree) => tree.described(),
        }
    }
}

fn as_declared(declared: &Tree, given: &Value) -> Option<Tree> {
    let tree = match given {
        Value::Read(tree) => tree.clone(),
        Value::Typed(text) => match declared {
            Tree::Bool(_) => Tree::Bool(text.parse().ok()?),
            Tree::Integer(_) => Tree::Integer(text.parse().ok()?),
            Tree::Float(_) => Tree::Float(text.parse().ok()?),
            Tree::List(_) => Tree::List(text.split(',').map(|text| Tree::Text(text.to_owned())).collect()),
            Tree::Null | Tree::Map(_) | Tree::Text(_) => Tree::Text(text.clone()),
        },
    };
    match (declared, tree) {
        (Tree::Bool(_), tree @ Tree::Bool(_)) => Some(tree),
        (Tree::Integer(_), Tree::Integer(number)) => {
            (number.unsigned_abs() <= INTEGER_MAX.unsigned_abs()).then_some(Tree::Integer(number))
        }
        (Tree::Float(_), Tree::Float(number)) => number.is_finite().then_some(Tree::Float(number)),
        // The one form of JSON writes 7.0 as 7.
        (Tree::Float(_), Tree::Integer(number)) => number.to_string().parse().ok().map(Tree::Float),
        (Tree::Text(_), tree @ Tree::Text(_)) => is_plain_text(&tree).then_some(tree),
        (Tree::List(_), Tree::List(elements)) => {
            let fits = elements.len() <= LIST_MAX && elements.iter().all(is_plain_text);
            fits.then_some(Tree::List(elements))
        }
        _ => None,
    }
}

const fn expected(declared: &Tree) -> &'static str {
    match declared {
        Tree::Bool(_) => "true or false, as declared",
        Tree::Integer(_) => "a whole number, as declared",
        Tree::Float(_) => "a number, as declared",
        Tree::List(_) => "a list of texts, as declared",
        Tree::Null | Tree::Map(_) | Tree::Text(_) => "a text that does not start with $, as declared",
    }
}

fn tree(json: &Json) -> Tree {
    match json {
        Json::Null => Tree::Null,
        Json::Bool(value) => Tree::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Tree::Integer(number),
            (None, number) => Tree::Float(number.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Tree::Text(text.clone()),
        Json::Array(elements) => Tree::List(elements.iter().map(tree).collect()),
        Json::Object(members) => {
            Tree::Map(members.iter().map(|(name, value)| (name.clone(), tree(value))).collect())
        }
    }
}
