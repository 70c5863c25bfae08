//! Reads Rust sources just far enough to see which paths they use and how long they are.
//!
//! A compiler would know more, but these checks must also see code that is switched off, and must not depend on
//! one. Comments, strings and `#[cfg(test)]` items are left out; what is left is cut into words.

/// One word of Rust source: an identifier or number, or one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text; `::` is one word.
    pub text: String,
    /// 1-based.
    pub line: usize,
}

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

/// Returns how many lines hold code outside tests: not blank, not only a comment.
#[must_use]
pub fn code_lines(source: &str) -> usize {
    let mut lines: Vec<usize> = without_tests(&words(source)).into_iter().map(|word| word.line).collect();
    lines.dedup();
    lines.len()
}

/// Returns the modules that the source declares in other files (`mod name;`), tests included.
#[must_use]
pub fn declared_modules(source: &str) -> Vec<String> {
    let words = words(source);
    let declares = |three: &[Word]| three[0].text == "mod" && three[2].text == ";";
    words.windows(3).filter(|three| declares(three)).map(|three| three[1].text.clone()).collect()
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

/// Leaves out every item marked `#[cfg(test)]`.
fn without_tests(words: &[Word]) -> Vec<Word> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let marked = MARK
            .iter()
            .enumerate()
            .all(|(offset, text)| words.get(at + offset).is_some_and(|word| word.text == *text));
        if marked {
            at = end_of_item(words, at + MARK.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// Returns where the item that starts at `at` ends: behind its `;`, or behind its closing brace.
fn end_of_item(words: &[Word], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < words.len() {
        match words[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Cuts source into words, without comments and the contents of strings.
fn words(source: &str) -> Vec<Word> {
    let text: Vec<char> = source.chars().collect();
    let mut words = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < text.len() {
        let end = match text[at] {
            '/' if text.get(at + 1) == Some(&'/') => end_of_line(&text, at),
            '/' if text.get(at + 1) == Some(&'*') => end_of_block_comment(&text, at),
            '"' => end_of_string(&text, at),
            'r' | 'b' | 'c' if raw_string(&text, at).is_some() => raw_string(&text, at).unwrap_or(at + 1),
            '\'' => end_of_quote(&text, at),
            character if character.is_alphanumeric() || character == '_' => {
                let end = end_of_name(&text, at);
                words.push(Word { text: text[at..end].iter().collect(), line });
                end
            }
            ':' if text.get(at + 1) == Some(&':') => {
                words.push(Word { text: "::".to_owned(), line });
                at + 2
            }
            character if character.is_whitespace() => at + 1,
            sign => {
                words.push(Word { text: sign.to_string(), line });
                at + 1
            }
        };
        line += text[at..end].iter().filter(|character| **character == '\n').count();
        at = end;
    }
    words
}

fn end_of_line(text: &[char], mut at: usize) -> usize {
    while at < text.len() && text[at] != '\n' {
        at += 1;
    }
    at
}

fn end_of_name(text: &[char], mut at: usize) -> usize {
    while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
        at += 1;
    }
    at
}

/// Block comments nest in Rust.
fn end_of_block_comment(text: &[char], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < text.len() {
        let pair = (text[at], text.get(at + 1).copied());
        match pair {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn end_of_string(text: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// Returns where a raw string that starts at `at` ends; none if no raw string starts there.
fn raw_string(text: &[char], mut at: usize) -> Option<usize> {
    while matches!(text.get(at), Some('b' | 'c')) {
        at += 1;
    }
    if text.get(at) != Some(&'r') {
        return None;
    }
    at += 1;
    let hashes = text[at..].iter().take_while(|character| **character == '#').count();
    at += hashes;
    if text.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < text.len() {
        let closes = text[at] == '"'
            && text[at + 1..].iter().take(hashes).filter(|character| **character == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(at)
}

/// A quote starts a character or a lifetime; only the first has an end.
fn end_of_quote(text: &[char], at: usize) -> usize {
    match (text.get(at + 1), text.get(at + 2)) {
        (Some('\\'), _) => {
            let mut end = at + 3;
            while end < text.len() && text[end] != '\'' {
                end += 1;
            }
            (end + 1).min(text.len())
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        used_paths(source).into_iter().map(|path| path.parts.join("::")).collect()
    }

    #[test]
    fn writes_out_use_trees() {
        let source = "use std::{fs::{self, File}, net as n};\npub use crate::a::*;";
        assert_eq!(paths(source), ["std::fs::self", "std::fs::File", "std::net", "crate::a::*"]);
    }

    #[test]
    fn sees_paths_in_code_with_their_lines() {
        let used = used_paths("fn f() {\n    let x = std::time::SystemTime::now();\n}");
        assert_eq!(used[0].line, 2);
        assert!(used[0].starts_with("std::time"));
        assert!(!used[0].starts_with("std::tim"));
    }

    #[test]
    fn leaves_out_comments_strings_and_tests() {
        let source = "// use std::fs;\n/* std::fs /* nested */ */ fn f() { let _ = \"std::fs\"; let c = '\"'; }\n\
                      const RAW: &str = r#\"std::\"fs\"#;\nfn g<'a>(x: &'a str) {}\n\
                      #[cfg(test)]\nmod tests { use std::fs; fn t() { {} } }\nuse std::io;";
        assert_eq!(paths(source), ["std::io"]);
    }

    #[test]
    fn counts_lines_of_code() {
        let source =
            "//! Doc.\n\nfn f() {\n    // why\n    g();\n}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        assert_eq!(code_lines(source), 3);
    }

    #[test]
    fn finds_modules_in_other_files() {
        assert_eq!(declared_modules("pub mod a;\nmod b { }\n#[cfg(test)]\nmod tests;"), ["a", "tests"]);
    }
}
