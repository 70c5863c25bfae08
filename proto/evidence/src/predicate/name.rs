//! Names that identify something: an environment, a person, a reference.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fact::Node;

/// A name of 1 to [`Node::ID_MAX`] bytes, without control characters and without white space around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// Text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name of 1 to {} bytes without control characters or white space around it, found {found:?}",
    Node::ID_MAX
)]
pub struct NameError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl Name {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let fits = !text.is_empty() && text.len() <= Node::ID_MAX && text.trim() == text;
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(NameError { found: text.chars().take(80).collect() })
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
