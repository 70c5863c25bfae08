//! Where something stands in a document.

use std::fmt;
use std::sync::Arc;

/// Where a component stands in its document, written `components[3].components[0]`. Those of one list share the text before the position:
/// it is wanted for warnings alone, and of ten thousand places few are ever written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    within: Arc<str>,
    /// 0-based; none of what is in no list.
    position: Option<usize>,
}

impl Place {
    /// The place of a member that is no list.
    pub(super) fn member(path: &str) -> Self {
        Self { within: path.into(), position: None }
    }

    /// The place in a list.
    pub(super) fn within(list: &Arc<str>, position: usize) -> Self {
        Self { within: Arc::clone(list), position: Some(position) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}[{position}]", self.within),
            None => f.write_str(&self.within),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}
