//! What a search was given without its flag: which flag it belongs to, told by its shape.
//!
//! `trace` and `impact` take a THING as it is, so people give one to `find`, too. It searches by what a statement says of a thing, and
//! the same digits can be those of a subject, a commit or a key: so it has to be said.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use custody_evidence::fact::{Field, Package, Term};
use custody_evidence::identity::Identity;
use custody_evidence::purl::Purl;
use custody_evidence::thing::{HexPrefix, Thing};

use super::output::escape_line;

/// The commands that search by conditions.
const SEARCHES: [&str; 2] = ["find", "watch"];

/// Returns what to write instead of a word that no flag stands before; none for any other error, and for a word that may be anything.
pub(super) fn flag_for(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    let usage = usage.to_string();
    // Behind `Usage:` stands the program, whatever it is called, and its command.
    let command = usage.split_whitespace().nth(2)?;
    (SEARCHES.contains(&command) && !word.starts_with('-')).then(|| correction(word)).flatten()
}

fn correction(word: &str) -> Option<String> {
    // Another word would be printed than was meant.
    if escape_line(word) != word || word.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    if Purl::is_written(word) {
        // A range of versions is no THING.
        return Package::parse(word).ok().map(|_| write("--component", word.trim()));
    }
    Some(match Thing::parse(word).ok()? {
        Thing::Commit { .. } => write("--commit", word),
        Thing::Digest(_) => write("--subject", word),
        Thing::Path(path) if Path::new(&path).is_dir() => return None,
        Thing::Path(path) => write("--subject", &path),
        Thing::Image { digest, .. } => write("--subject", &digest.to_string()),
        Thing::KeyId(_) => write("--signer", word),
        Thing::Prefix(prefix) => of_digits(&prefix),
        Thing::Entry(_) => format!("an entry is shown by `custody show {}`", quoted(word)),
        Thing::Url(url) => of_url(&url),
        Thing::Name(name) => return of_name(&name),
        Thing::Purl(_) => return None,
    })
}

/// As many digits as a digest, a key and a commit have may be any of them.
fn of_digits(prefix: &HexPrefix) -> String {
    match (prefix.sha256(), prefix.commit()) {
        (Some(_), _) => {
            format!("say what it is: --subject sha256:{prefix}, --commit {prefix} or --signer key:{prefix}")
        }
        (None, Some(commit)) => write("--commit", commit),
        (None, None) => {
            format!(
                "{}; if it is a commit, --commit with all its digits",
                write("--subject", prefix.as_str())
            )
        }
    }
}

/// The page of a commit names it; of any other address only its reader knows what it is.
fn of_url(url: &str) -> String {
    let page = url.split(['?', '#']).next().unwrap_or_default();
    let commit = page.rsplit_once("/commit/").and_then(|(_, hex)| HexPrefix::parse(hex));
    if let Some(commit) = commit.as_ref().and_then(HexPrefix::commit) {
        return write("--commit", commit);
    }
    let flags = match url.parse::<Identity>() {
        Ok(_) => "--signer or --submitter",
        Err(_) => "--repo, --run, --builder, --ref or --predicate",
    };
    format!("say what it is, with {flags} in front of it")
}

fn of_name(name: &str) -> Option<String> {
    if Path::new(name).is_file() {
        return Some(write("--subject", name));
    }
    let is = |start: &str| name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let vulnerability = ["CVE-", "GHSA-"].iter().any(|start| is(start));
    let vulnerability = vulnerability && Term::parse(Field::Vulnerability, name).is_ok();
    vulnerability.then(|| write("--vulnerability", name))
}

fn write(flag: &str, value: &str) -> String {
    format!("write {flag} {}", quoted(value))
}

/// The word as a shell takes it: in quotes where it has anything that one could read.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    if word.bytes().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;
    use crate::cli::find::Filter;

    fn hint_of(program: &str, words: &[&str]) -> Option<String> {
        let error = Cli::command().try_get_matches_from([program].iter().chain(words)).unwrap_err();
        flag_for(&error)
    }

    fn hint(words: &[&str]) -> Option<String> {
        hint_of("custody", words)
    }

    #[test]
    fn what_is_given_to_a_search_without_a_flag_is_told_its_flag() {
        let (h40, h64) = ("ab".repeat(20), "cd".repeat(32));
        let (digest, image) = (format!("sha256:{h64}"), format!("ghcr.io/acme/app:1.2@sha256:{h64}"));
        let (commit, key) = (format!("gitCommit:{h40}"), format!("key:{h64}"));
        let page = format!("https://gitlab.com/acme/api/-/commit/{h40}?view=inline#note_7");
        for search in ["find", "watch"] {
            for (word, written) in [
                (digest.as_str(), format!("--subject {digest}")),
                (&image, format!("--subject {digest}")),
                ("./my app.gz", "--subject './my app.gz'".to_owned()),
                ("Cargo.toml", "--subject Cargo.toml".to_owned()),
                (&commit, format!("--commit {commit}")),
                (&h40, format!("--commit {h40}")),
                (&page, format!("--commit {h40}")),
                (&key, format!("--signer {key}")),
                ("pkg:npm/axios ", "--component pkg:npm/axios".to_owned()),
                ("GHSA-xxxx-yyyy-zzzz", "--vulnerability GHSA-xxxx-yyyy-zzzz".to_owned()),
                ("pkg:npm/axios@1.14.1", "--component pkg:npm/axios@1.14.1".to_owned()),
                ("pkg:npm/axios@>=1.14.1 <1.15", "--component 'pkg:npm/axios@>=1.14.1 <1.15'".to_owned()),
                ("PKG:npm/a?b=$(c)&d='e", r"--component 'PKG:npm/a?b=$(c)&d='\''e'".to_owned()),
            ] {
                assert_eq!(hint(&[search, word]), Some(format!("write {written}")), "{search} {word}");
            }
            let said = hint(&[search, &h64]).unwrap();
            for flag in
                [format!("--subject sha256:{h64},"), format!("--commit {h64} "), format!("--signer {key}")]
            {
                assert!(said.contains(&flag), "{said}");
            }
            let said = hint(&[search, "AB12CD"]).unwrap();
            assert_eq!(said, "write --subject ab12cd; if it is a commit, --commit with all its digits");
            assert_eq!(hint(&[search, "index:7"]).unwrap(), "an entry is shown by `custody show index:7`");
            for (url, flag) in [("https://ci.test/1", "--repo"), ("https://idp.test#alice", "--signer")] {
                let said = hint(&[search, url]).unwrap();
                assert!(said.starts_with(&format!("say what it is, with {flag}")), "{said}");
            }
        }
        assert!(hint_of("custody-1.2", &["find", &digest]).is_some(), "whatever the program is called");
    }

    #[derive(Debug, clap::Parser)]
    struct Only {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn what_is_advised_is_taken() {
        let (h40, h64) = ("ab".repeat(20), "cd".repeat(32));
        for word in [
            &format!("sha256:{h64}"),
            &format!("ghcr.io/acme/app@sha256:{h64}"),
            &h40,
            &format!("https://github.com/acme/api@{h40}"),
            &format!("https://gitlab.com/acme/api/-/commit/{h40}"),
            "pkg:npm/axios@>=1 <2",
            " pkg:npm/axios",
            "CVE-2026-1",
            &format!("key:{h64}"),
        ] {
            let said = hint(&["find", word]).unwrap();
            let (flag, value) = said.strip_prefix("write ").unwrap().split_once(' ').unwrap();
            let taken = Only::try_parse_from(["custody", flag, value.trim_matches('\'')]).unwrap();
            assert!(taken.filter.check().is_ok(), "{said}");
        }
    }

    #[test]
    fn other_errors_words_and_commands_get_no_such_hint() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for words in [
            &["find", "prod"][..],
            &["find", "--nothing"],
            &["find", "--limit", "x"],
            &["find", "pkg:npm"],
            &["find", "pkg:npm/axios@1.x"],
            &["find", "pkg:npm/a\nhint: b"],
            &["find", "pkg:npm/a\u{200d}b"],
            &["find", "a\u{fffd}.tgz"],
            &["find", "src"],
            &["find", "./src"],
            &["find", ".."],
            &["trace", "a", &digest],
            &["trace", "a", "./Usage: custody find x"],
            &["findings", &digest],
            &[&digest],
        ] {
            assert_eq!(hint(words), None, "{words:?}");
        }
    }
}
