//! Reads Rust sources just far enough to see which paths they use and how long they are.
//!
//! A compiler would know more, but these checks must also see code that is switched off, and must not depend on
//! one. Comments, strings and `#[cfg(test)]` items are left out; what is left is cut into words.

mod paths;
mod place;
mod words;

pub use paths::{UsedPath, used_paths};
pub use place::{belongs, is_crate_root, is_test_file, may_declare, module_name};
use words::{Word, without_tests, words};

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
