//! The environment variables, read once when the program starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables by name. An empty variable counts as unset, everywhere: CI systems set variables
/// to nothing where a user would leave them out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Returns the variables of this process; those that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let utf8 = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        utf8.collect()
    }

    /// Returns the variable; none when it is unset or empty.
    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns all variables that are set and not empty, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns `$XDG_<KIND>_HOME/custody`, else the place below `$HOME` that stands for it
    /// (XDG base directory specification); none without `$HOME`.
    pub(crate) fn directory(&self, xdg: &str, below_home: &str) -> Option<PathBuf> {
        let base = match self.var(xdg) {
            // The specification: a relative path is invalid and ignored.
            Some(path) if PathBuf::from(path).is_absolute() => PathBuf::from(path),
            Some(_) | None => PathBuf::from(self.var("HOME")?).join(below_home),
        };
        Some(base.join("custody"))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }
}
