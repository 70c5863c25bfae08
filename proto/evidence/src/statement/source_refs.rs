//! The one annotation of a descriptor that is read. Annotations may be anything, so whatever has another shape says
//! nothing here and is no error.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The most references that are kept of one descriptor: a commit is on a few branches, and gets a few tags.
pub(super) const SOURCE_REFS_MAX: usize = 64;

/// The texts of `{"sourceRefs": [..]}`, at most [`SOURCE_REFS_MAX`]; none of any other value.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceRefs {
    pub(super) texts: Vec<String>,
    /// Whether the annotation says more than these, or something else.
    pub(super) unread: bool,
}

/// The texts of a list; none of any other value, which is unread.
struct Texts {
    texts: Vec<String>,
    unread: bool,
}

/// A text; none of any other value.
struct Text(Option<String>);

/// Takes any value, and makes something of one shape of it.
struct Tolerant<T>(std::marker::PhantomData<T>);

/// What is made of a value that may be anything.
trait OfAny: Sized {
    fn nothing() -> Self;
    fn of_str(_: &str) -> Self {
        Self::nothing()
    }
    fn of_seq<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::nothing())
    }
    fn of_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::nothing())
    }
}

impl OfAny for Text {
    fn nothing() -> Self {
        Self(None)
    }

    fn of_str(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl OfAny for Texts {
    fn nothing() -> Self {
        Self { texts: Vec::new(), unread: true }
    }

    fn of_seq<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut found = Self { texts: Vec::new(), unread: false };
        while let Some(Text(text)) = list.next_element()? {
            match text.filter(|_| found.texts.len() < SOURCE_REFS_MAX) {
                Some(text) => found.texts.push(text),
                None => found.unread = true,
            }
        }
        Ok(found)
    }
}

impl OfAny for SourceRefs {
    fn nothing() -> Self {
        Self::default()
    }

    fn of_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut found = Self::default();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == "sourceRefs" {
                let Texts { texts, unread } = map.next_value()?;
                found = Self { texts, unread: unread || found.unread };
            } else {
                // As drafts of SLSA wrote it.
                found.unread |= name == "source_refs";
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl<'de, T: OfAny> Visitor<'de> for Tolerant<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_str(text))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::nothing())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::nothing())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::nothing())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::nothing())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::nothing())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::of_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::of_map(map)
    }
}

macro_rules! deserialize {
    ($($of_any:ty),+) => {
        $(impl<'de> Deserialize<'de> for $of_any {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Tolerant(std::marker::PhantomData::<Self>))
            }
        })+
    };
}

deserialize!(SourceRefs, Text, Texts);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Vec<String> {
        serde_json::from_str::<SourceRefs>(json).unwrap_or_else(|error| panic!("{json}: {error}")).texts
    }

    #[test]
    fn what_says_more_than_was_read_is_unread_and_what_says_nothing_is_not() {
        let unread = |json: &str| serde_json::from_str::<SourceRefs>(json).unwrap().unread;
        for read in [
            "null",
            "{}",
            r#"["refs/heads/main"]"#,
            r#"{"sourceRefs":[]}"#,
            r#"{"sourceRefs":["refs/heads/main"],"a":7}"#,
        ] {
            assert!(!unread(read), "{read}");
        }
        for other in ["7", "null", "\"refs/heads/main\"", "{}", "[\"refs/heads/main\",7]", "[[]]", "[null]"] {
            assert!(unread(&format!("{{\"sourceRefs\":{other}}}")), "{other}");
        }
        assert!(unread(r#"{"source_refs":["refs/heads/main"]}"#));
        let many = |count| unread(&format!(r#"{{"sourceRefs":{:?}}}"#, vec!["x"; count]));
        assert!(!many(SOURCE_REFS_MAX) && many(SOURCE_REFS_MAX + 1));
    }

    #[test]
    fn texts_of_the_list_are_read_and_every_other_shape_is_nothing() {
        let refs = r#"{"a":[{}],"source\u0052efs":["refs/heads/main",7,null,["x"],"refs/tags/v1"],"b":1.5}"#;
        assert_eq!(read(refs), ["refs/heads/main", "refs/tags/v1"]);
        for other in [
            "null",
            "1",
            "-1",
            "1.5",
            "true",
            "\"sourceRefs\"",
            "[\"refs/heads/main\"]",
            "{}",
            r#"{"sourceRefs":"refs/heads/main"}"#,
            r#"{"sourceRefs":{"x":["refs/heads/main"]}}"#,
            r#"{"source_refs":["refs/heads/main"]}"#,
        ] {
            assert!(read(other).is_empty(), "{other}");
        }
        let many = format!(r#"{{"sourceRefs":{:?}}}"#, vec!["x"; SOURCE_REFS_MAX + 1]);
        assert_eq!(read(&many).len(), SOURCE_REFS_MAX);
        assert!(serde_json::from_str::<SourceRefs>("{\"sourceRefs\":[").is_err());
    }
}
