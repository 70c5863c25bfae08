//! What an artifact is called: the name that stays over versions, and the version.
//!
//! A digest says nothing of the one that came before it. What was published, deployed or tagged under one name has a history, and
//! a finding is what differs from it. Names are claimed, and identify nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Node, NodeKind};
use crate::purl::Purl;

/// What a statement calls some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The name without a version: `pkg:npm/axios`, `ghcr.io/acme/api`, `workload api`.
    pub name: String,
    /// The version: `1.14.1`, an image's tag; none if none is named.
    pub version: Option<String>,
    /// The digests of the bytes; each is an artifact, and they are one thing.
    pub artifacts: BTreeSet<Node>,
}

impl Called {
    /// Reads the name of a subject. A bare file name is one of a thousand `app.tar.gz`: it is a name together with the repository
    /// that it was built in, and none without one.
    pub(super) fn subject(text: &str, repository: Option<&str>, artifacts: BTreeSet<Node>) -> Option<Self> {
        let (name, version) = named(text)?;
        let name = match (name.starts_with("pkg:") || name.contains('/'), repository) {
            (true, _) => name,
            (false, Some(repository)) => format!("{repository} {name}"),
            (false, None) => return None,
        };
        Self::of(&name, version, artifacts)
    }

    /// What an environment runs under the name of a workload.
    pub(super) fn workload(name: &str, artifacts: BTreeSet<Node>) -> Option<Self> {
        Self::of(&format!("workload {name}"), None, artifacts)
    }

    /// Returns none for a name that cannot be found by, or for nothing that is called so.
    pub(super) fn of(name: &str, version: Option<String>, artifacts: BTreeSet<Node>) -> Option<Self> {
        let artifacts: BTreeSet<Node> =
            artifacts.into_iter().filter(|node| node.kind() == NodeKind::Artifact).collect();
        let fits =
            name.len() <= Node::ID_MAX && !name.trim().is_empty() && !name.chars().any(char::is_control);
        (fits && !artifacts.is_empty()).then(|| Self { name: name.trim().to_owned(), version, artifacts })
    }
}

/// Splits a name from the version in it.
pub(super) fn named(text: &str) -> Option<(String, Option<String>)> {
    let text = text.trim();
    if text.is_empty() || text.contains("://") {
        return None;
    }
    if Purl::is_written(text) {
        let purl: Purl = text.parse().ok()?;
        // The version of an image is its digest there.
        let version = purl.version().filter(|version| !version.contains(':')).map(Cow::into_owned);
        return Some((purl.versionless().to_owned(), version));
    }
    let text = text.split_once('@').map_or(text, |(before, _)| before);
    let (path, last) = text.rsplit_once('/').map_or(("", text), |(path, last)| (path, last));
    let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    if let Some((name, tag)) = last.split_once(':') {
        return (!name.is_empty())
            .then(|| (joined(name), Some(tag.to_owned()).filter(|tag| !tag.is_empty())));
    }
    if path.is_empty() {
        let (name, version) = of_file(last);
        return Some((name.to_owned(), version.map(str::to_owned)));
    }
    Some((text.to_owned(), None))
}

/// `app-1.14.1.tgz` is version 1.14.1 of `app`; `app.tar.gz` is itself.
fn of_file(file: &str) -> (&str, Option<&str>) {
    let starts =
        |rest: &str| rest.strip_prefix('v').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit());
    for (at, _) in file.match_indices(['-', '_']) {
        let (Some(name), Some(rest)) = (file.get(..at), file.get(at.saturating_add(1)..)) else { continue };
        if name.is_empty() || !starts(rest) {
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != 'v').unwrap_or(rest.len());
        let version = rest.get(..end).unwrap_or_default().trim_end_matches('.');
        if version.contains('.') {
            return (name, Some(version));
        }
    }
    (file, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<(String, Option<String>)> {
        named(text)
    }

    #[test]
    fn a_name_and_its_version_are_told_apart() {
        for (text, name, version) in [
            ("pkg:npm/axios@1.14.1", "pkg:npm/axios", Some("1.14.1")),
            ("pkg:npm/%40acme/api@2.0.0?x=1", "pkg:npm/%40acme/api", Some("2.0.0")),
            ("ghcr.io/acme/api:1.2.3", "ghcr.io/acme/api", Some("1.2.3")),
            ("ghcr.io/acme/api", "ghcr.io/acme/api", None),
            ("localhost:5000/api:1.2", "localhost:5000/api", Some("1.2")),
            ("localhost:5000/api", "localhost:5000/api", None),
            ("ghcr.io/acme/api:1.2@sha256:00", "ghcr.io/acme/api", Some("1.2")),
            ("api:1.2", "api", Some("1.2")),
            ("app.tar.gz", "app.tar.gz", None),
            ("app-1.14.1.tgz", "app", Some("1.14.1")),
            ("my-app-v2.0.tar.gz", "my-app", Some("v2.0")),
            ("foo_bar-1.0-py3-none-any.whl", "foo_bar", Some("1.0")),
            ("app-2.bin", "app-2.bin", None),
            ("x86-64.bin", "x86-64.bin", None),
        ] {
            assert_eq!(split(text), Some((name.to_owned(), version.map(str::to_owned))), "{text}");
        }
        for nothing in ["", " ", "pkg:npm", "https://github.com/acme/api", ":1.2"] {
            assert_eq!(split(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_bare_file_name_is_a_name_in_its_repository_only() {
        let artifacts = || BTreeSet::from([Node::named(NodeKind::Artifact, "sha256:00").unwrap()]);
        assert_eq!(Called::subject("app.tar.gz", None, artifacts()), None);
        let called = Called::subject("app.tar.gz", Some("https://a.test/x"), artifacts()).unwrap();
        assert_eq!(called.name, "https://a.test/x app.tar.gz");
        assert_eq!(Called::subject("ghcr.io/a:1", None, artifacts()).unwrap().name, "ghcr.io/a");
        assert_eq!(Called::subject("ghcr.io/a:1", None, BTreeSet::new()), None, "nothing is called so");
    }
}
