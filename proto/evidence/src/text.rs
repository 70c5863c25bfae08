//! A text member that may be anything: producers write numbers and nulls where a format says text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The text of a member; none if it is of another type. Whole numbers are taken as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<String>);

/// The same where the text is not copied, unless it has escapes: documents have tens of thousands of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TextIn<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text; none if it is empty.
    pub(crate) fn filled(self) -> Option<String> {
        self.0.filter(|text| !text.is_empty())
    }
}

impl<'a> TextIn<'a> {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The text; none if it is empty.
    pub(crate) fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = TextIn<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<TextIn<'de>, E> {
        Ok(TextIn(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<TextIn<'de>, E> {
        Ok(TextIn(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E>(self, number: u64) -> Result<TextIn<'de>, E> {
        Ok(TextIn(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<TextIn<'de>, E> {
        Ok(TextIn(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E>(self, _: f64) -> Result<TextIn<'de>, E> {
        Ok(TextIn(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<TextIn<'de>, E> {
        Ok(TextIn(None))
    }

    fn visit_unit<E>(self) -> Result<TextIn<'de>, E> {
        Ok(TextIn(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<TextIn<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(TextIn(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TextIn<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(TextIn(None))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TextIn<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(TextIn::deserialize(deserializer)?.0.map(Cow::into_owned)))
    }
}
