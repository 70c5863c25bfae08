//! Reading a tree field by field: each value with its place, every field known, parameters put in.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::error::{Combination, LoadError, Named, cut};
use super::nearest::nearest;
use super::tree::Tree;
use super::{LIST_MAX, TEXT_LINE_MAX};

/// The declared parameters, and how much of them was put in so far.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    values: BTreeMap<String, Tree>,
    put_in: Cell<usize>,
}

/// The most that parameters may put in, in bytes of text and 32 for each value, counted each time a value is looked at: 4 MiB. Without
/// it, a list of 128 KiB that is named 2,900 times in the rest of the text would be 370 MB.
pub const PUT_IN_MAX: usize = 4 << 20;

impl Parameters {
    pub(crate) fn new(values: BTreeMap<String, Tree>) -> Self {
        Self { values, put_in: Cell::new(0) }
    }

    /// Returns the names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(crate) fn into_values(self) -> BTreeMap<String, Tree> {
        self.values
    }

    fn count(&self, value: &Tree) -> Result<(), LoadError> {
        let size = match value {
            Tree::List(elements) => elements.iter().map(text_length).sum::<usize>() + 32 * elements.len(),
            _ => 32 + text_length(value),
        };
        self.put_in.set(self.put_in.get().saturating_add(size));
        if self.put_in.get() > PUT_IN_MAX { Err(LoadError::TooMuchPutIn) } else { Ok(()) }
    }
}

fn text_length(value: &Tree) -> usize {
    match value {
        Tree::Text(text) => text.len(),
        _ => 0,
    }
}

/// A value, where it stands, and the parameters that it may name.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) place: String,
    pub(crate) tree: &'a Tree,
    pub(crate) parameters: &'a Parameters,
}

/// The fields of a map, all of which are known.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) place: String,
    entries: &'a [(String, Tree)],
    parameters: &'a Parameters,
}

impl<'a> At<'a> {
    /// Returns the value, with the parameter's in place of `$name`.
    pub(crate) fn value(&self) -> Result<&'a Tree, LoadError> {
        let Tree::Text(text) = self.tree else { return Ok(self.tree) };
        let Some(name) = text.strip_prefix('$') else { return Ok(self.tree) };
        let value = self.parameters.values.get(name);
        let value = value.ok_or_else(|| self.unknown(Named::Parameter, name, self.parameters.names()))?;
        self.parameters.count(value)?;
        Ok(value)
    }

    /// Reads a map that has no other fields than these.
    pub(crate) fn fields(&self, known: &[&str]) -> Result<Fields<'a>, LoadError> {
        let Tree::Map(entries) = self.value()? else { return Err(self.expected("a map")) };
        if let Some((field, _)) = entries.iter().find(|(field, _)| !known.contains(&field.as_str())) {
            return Err(LoadError::UnknownField {
                place: self.shown(),
                field: cut(field),
                nearest: nearest(field, known.iter().copied()),
            });
        }
        Ok(Fields { place: self.place.clone(), entries, parameters: self.parameters })
    }

    /// Reads a map whose keys its author chose.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Self)>, LoadError> {
        let Tree::Map(entries) = self.value()? else { return Err(self.expected("a map")) };
        self.few(entries.len(), LIST_MAX)?;
        Ok(entries.iter().map(|(name, tree)| (name.as_str(), self.below(name, tree))).collect())
    }

    /// Reads a list of at most so many elements.
    pub(crate) fn list(&self, max: usize) -> Result<Vec<Self>, LoadError> {
        let Tree::List(elements) = self.value()? else { return Err(self.expected("a list")) };
        self.few(elements.len(), max)?;
        let place = |at| format!("{}[{at}]", self.place);
        let elements = elements.iter().enumerate();
        Ok(elements.map(|(at, tree)| At { place: place(at), tree, parameters: self.parameters }).collect())
    }

    /// Reads a list of at least one element.
    pub(crate) fn filled_list(&self) -> Result<Vec<Self>, LoadError> {
        let list = self.list(LIST_MAX)?;
        if list.is_empty() { Err(self.combination(Combination::Empty)) } else { Ok(list) }
    }

    /// Reads a list of at least one element, or one value in its place.
    pub(crate) fn one_or_list(&self) -> Result<Vec<Self>, LoadError> {
        match self.value()? {
            Tree::List(_) => self.filled_list(),
            _ => Ok(vec![self.clone()]),
        }
    }

    /// Reads one value, or `{one_of: [..]}`.
    pub(crate) fn one_of(&self) -> Result<Vec<Self>, LoadError> {
        match self.value()? {
            Tree::Map(_) => self.fields(&["one_of"])?.must("one_of")?.filled_list(),
            _ => Ok(vec![self.clone()]),
        }
    }

    /// Reads text that says something, on one line.
    pub(crate) fn text(&self) -> Result<&'a str, LoadError> {
        match self.value()? {
            Tree::Text(text) => self.line(text),
            _ => Err(self.expected("a text")),
        }
    }

    /// Reads text for people, in which `$` is only a letter.
    pub(crate) fn prose(&self) -> Result<String, LoadError> {
        match self.tree {
            Tree::Text(text) => self.line(text.trim_end()).map(ToOwned::to_owned),
            _ => Err(self.expected("a text")),
        }
    }

    fn line<'t>(&self, text: &'t str) -> Result<&'t str, LoadError> {
        let fits =
            !text.trim().is_empty() && text.len() <= TEXT_LINE_MAX && !text.chars().any(char::is_control);
        if fits { Ok(text) } else { Err(self.expected("a text of 1 to 2048 bytes on one line")) }
    }

    /// Reads yes or no.
    pub(crate) fn yes(&self) -> Result<bool, LoadError> {
        match self.value()? {
            Tree::Bool(value) => Ok(*value),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Reads a whole number from 1 to this.
    pub(crate) fn count(&self, max: usize) -> Result<usize, LoadError> {
        let number = match self.value()? {
            Tree::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let fits = number.filter(|number| (1..=max).contains(number));
        fits.ok_or_else(|| self.expected("a whole number from 1 on, and not larger than makes sense here"))
    }

    /// Reads one of some words.
    pub(crate) fn word(&self, known: &[&str]) -> Result<&'a str, LoadError> {
        let word = self.text()?;
        if known.contains(&word) {
            return Ok(word);
        }
        Err(self.unknown(Named::Word, word, known.iter().copied()))
    }

    /// Says what was expected instead.
    pub(crate) fn expected(&self, expected: &'static str) -> LoadError {
        let named = match self.tree {
            Tree::Text(text) => text.strip_prefix('$').and_then(|name| self.parameters.values.get(name)),
            _ => None,
        };
        let found = named.unwrap_or(self.tree).described();
        LoadError::Value { place: self.shown(), expected, found }
    }

    /// Says what does not go together here.
    pub(crate) fn combination(&self, problem: Combination) -> LoadError {
        LoadError::Combination { place: self.shown(), problem }
    }

    /// Says that there is no such thing, and what is most like it.
    pub(crate) fn unknown<'n>(
        &self,
        what: Named,
        found: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> LoadError {
        LoadError::UnknownName {
            place: self.shown(),
            what,
            found: cut(found),
            nearest: nearest(found, known),
        }
    }

    fn few(&self, found: usize, max: usize) -> Result<(), LoadError> {
        if found > max { Err(LoadError::TooMany { place: self.shown(), max, found }) } else { Ok(()) }
    }

    fn below(&self, name: &str, tree: &'a Tree) -> Self {
        let name = cut(name);
        let place = if self.place.is_empty() { name } else { format!("{}.{name}", self.place) };
        At { place, tree, parameters: self.parameters }
    }

    fn shown(&self) -> String {
        shown(&self.place)
    }
}

impl<'a> Fields<'a> {
    /// Returns a field's value; none if it is not there.
    pub(crate) fn get(&self, field: &str) -> Option<At<'a>> {
        let (name, tree) = self.entries.iter().find(|(name, _)| name == field)?;
        let place = if self.place.is_empty() { name.clone() } else { format!("{}.{name}", self.place) };
        Some(At { place, tree, parameters: self.parameters })
    }

    /// Returns a field's value, which must be there.
    pub(crate) fn must(&self, field: &'static str) -> Result<At<'a>, LoadError> {
        self.get(field).ok_or_else(|| LoadError::MissingField { place: shown(&self.place), field })
    }

    /// Reads a field, if it is there.
    pub(crate) fn may<T>(
        &self,
        field: &str,
        read: impl FnOnce(At<'a>) -> Result<T, LoadError>,
    ) -> Result<Option<T>, LoadError> {
        self.get(field).map(read).transpose()
    }

    /// Says what does not go together here.
    pub(crate) fn combination(&self, problem: Combination) -> LoadError {
        LoadError::Combination { place: shown(&self.place), problem }
    }
}

fn shown(place: &str) -> String {
    if place.is_empty() { "the top".to_owned() } else { place.to_owned() }
}
