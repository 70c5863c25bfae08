//! The paths that Rust source uses.

use super::words::{Word, without_tests, words};

/// A path that source code uses, such as `std::fs::File`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPath {
    /// Its parts.
    pub parts: Vec<String>,
    /// The line it is on, 1-based.
    pub line: usize,
}

impl UsedPath {
    /// Returns whether the path is `prefix` (written `std::fs`) or goes on from it.
    #[must_use]
    pub fn starts_with(&self, prefix: &str) -> bool {
        let mut parts = self.parts.iter();
        prefix.split("::").all(|wanted| parts.next().is_some_and(|part| part == wanted))
    }
}

/// Returns every path of two parts or more that is used outside tests, those in `use` trees written out in full.
#[must_use]
pub fn used_paths(source: &str) -> Vec<UsedPath> {
    let words = without_tests(&words(source));
    let mut paths = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at].text == "use" {
            at = use_tree(&words, at + 1, &mut Vec::new(), &mut paths);
        } else if is_name(&words[at].text) && !follows_colons(&words, at) {
            at = plain_path(&words, at, &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

fn follows_colons(words: &[Word], at: usize) -> bool {
    at > 0 && words[at - 1].text == "::"
}

/// Reads `a::b::c` from `at`; returns where it ends.
fn plain_path(words: &[Word], mut at: usize, paths: &mut Vec<UsedPath>) -> usize {
    let line = words[at].line;
    let mut parts = vec![words[at].text.clone()];
    at += 1;
    while at + 1 < words.len() && words[at].text == "::" && is_name(&words[at + 1].text) {
        parts.push(words[at + 1].text.clone());
        at += 2;
    }
    if parts.len() > 1 {
        paths.push(UsedPath { parts, line });
    }
    at
}

/// Reads one branch of a `use` tree from `at` and adds every leaf, each behind `prefix`; returns where it ends.
fn use_tree(words: &[Word], mut at: usize, prefix: &mut Vec<String>, paths: &mut Vec<UsedPath>) -> usize {
    let depth = prefix.len();
    let mut line = words.get(at).map_or(0, |word| word.line);
    while at < words.len() {
        match words[at].text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while at < words.len() && words[at].text != "}" {
                    at = use_tree(words, at, prefix, paths);
                    if at < words.len() && words[at].text == "," {
                        at += 1;
                    }
                }
                prefix.truncate(depth);
                return at + 1;
            }
            "as" => at += 2,
            name if is_name(name) || name == "*" => {
                line = words[at].line;
                prefix.push(name.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    if prefix.len() > depth {
        paths.push(UsedPath { parts: prefix.clone(), line });
    }
    prefix.truncate(depth);
    at
}
