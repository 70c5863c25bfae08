//! What a search was given without its flag: which flag it belongs to, told by its shape.
//!
//! `trace` and `impact` take a THING as it is, so people give one to `find`, too. It searches by what a statement says of a thing, and a
//! digest can be a subject, a commit or a document: so it has to be said.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use custody_evidence::thing::Thing;

/// The commands that search by conditions, as usage errors name them.
const SEARCHES: [&str; 2] = ["Usage: custody find ", "Usage: custody watch "];

/// So many hex digits are a whole commit.
const COMMIT_LEN: usize = 40;

/// Returns what to write instead of a word that no flag stands before; none for any other error, and for a word that may be anything.
pub(super) fn flag_for(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let usage = error.render().to_string();
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    if word.starts_with('-') || !SEARCHES.iter().any(|search| usage.contains(search)) {
        return None;
    }
    if word.starts_with("pkg:") {
        // A range of versions is no THING.
        return Some(format!("did you mean --component '{word}'?"));
    }
    let flag = match Thing::parse(word).ok()? {
        Thing::Commit { .. } => "--commit",
        Thing::Digest(digest) if digest.commit_hex().is_some() => "--commit",
        Thing::Prefix(prefix) if prefix.as_str().len() == COMMIT_LEN => "--commit",
        Thing::Digest(_) | Thing::Image { .. } | Thing::Path(_) | Thing::Prefix(_) => "--subject",
        Thing::KeyId(_) => "--signer",
        Thing::Purl(_) => "--component",
        Thing::Entry(_) => return Some(format!("an entry is shown by `custody show {word}`")),
        Thing::Url(_) => {
            return Some("say what it is, with --run, --builder, --repo or --ref in front of it".to_owned());
        }
        Thing::Name(_) => return None,
    };
    Some(format!("did you mean {flag} {word}?"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn hint(words: &[&str]) -> Option<String> {
        let error = Cli::command().try_get_matches_from(["custody"].iter().chain(words)).unwrap_err();
        flag_for(&error)
    }

    #[test]
    fn what_is_given_to_a_search_without_a_flag_is_told_its_flag() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let commit = format!("gitCommit:{}", "ab".repeat(20));
        let key = format!("key:{}", "ab".repeat(32));
        for search in ["find", "watch"] {
            for (word, flag) in [
                (digest.as_str(), "--subject"),
                ("./app.tar.gz", "--subject"),
                ("ab12cd", "--subject"),
                (&commit, "--commit"),
                (&"ab".repeat(20), "--commit"),
                (&key, "--signer"),
            ] {
                assert_eq!(hint(&[search, word]), Some(format!("did you mean {flag} {word}?")), "{search}");
            }
            for package in ["pkg:npm/axios@1.14.1", "pkg:npm/axios@>=1.14.1 <1.15"] {
                assert_eq!(hint(&[search, package]), Some(format!("did you mean --component '{package}'?")));
            }
            assert_eq!(hint(&[search, "index:7"]).unwrap(), "an entry is shown by `custody show index:7`");
            assert!(hint(&[search, "https://ci.test/1"]).unwrap().contains("--run, --builder"));
        }
    }

    #[test]
    fn other_errors_and_other_commands_get_no_such_hint() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for words in [
            &["find", "prod"][..],
            &["find", "--nothing"],
            &["find", "--limit", "x"],
            &["trace", "a", &digest],
            &["findings", &digest],
            &[&digest],
        ] {
            assert_eq!(hint(words), None, "{words:?}");
        }
    }
}
