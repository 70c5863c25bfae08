//! What a person names on the command line: a THING, told apart by its shape alone.
//!
//! Nothing is looked up here. A [`Thing::Prefix`] or [`Thing::Name`] can still mean several things; whoever resolves
//! it says what it found, and refuses what is ambiguous.

use custody_log::LeafIndex;

use crate::digest_set::{Digest, DigestError, is_hex};
use crate::key::KeyId;
use crate::purl::{Purl, PurlError};
use crate::repository::{Repository, is_commit};

/// What a person named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// `gitCommit:<hex>`, `<repository>@<hex>`. The hex is whole: 40 or 64 digits.
    Commit {
        /// The repository; none means whichever has this commit.
        repository: Option<Repository>,
        /// Lower-case hex.
        hex: String,
    },
    /// `sha256:<hex>`, or another algorithm that Custody knows.
    Digest(Digest),
    /// `index:1042`
    Entry(LeafIndex),
    /// `ghcr.io/acme/app:1.2@sha256:<hex>`: the digest counts, the reference is for people.
    Image {
        /// What stands before the digest, without the `@`.
        reference: String,
        /// The digest.
        digest: Digest,
    },
    /// `key:<64 hex digits>`
    KeyId(KeyId),
    /// None of the other shapes: a file, or the name of an environment, identity or reference.
    Name(String),
    /// A file, by how it starts: `./`, `../`, `/`, `~/`.
    Path(String),
    /// At least five hex digits: the start of a digest, commit or key id.
    Prefix(HexPrefix),
    /// `pkg:npm/axios@1.14.1`
    Purl(Purl),
    /// `https://github.com/acme/api/actions/runs/4711`: a run, builder or reference.
    Url(String),
}

/// The first digits of a digest, commit or key id: 5 to 128 of them, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexPrefix(String);

/// Why text names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThingError {
    /// Empty, or with control characters.
    #[error("expected {SHAPES}, found {found:?}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Starts like a digest, and is none.
    #[error("{source}; expected {SHAPES}")]
    Digest {
        /// Why.
        source: DigestError,
    },
    /// `index:` without a number.
    #[error("expected index:<number of an entry>, such as index:1042, found {found:?}")]
    Index {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// `key:` without 64 hex digits.
    #[error("expected key:<64 hex digits>, as custody key list prints it, found {found:?}")]
    Key {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// `pkg:` without a package URL.
    #[error("{source}; expected pkg:<type>/<name>@<version>, such as pkg:npm/axios@1.14.1")]
    Purl {
        /// Why.
        source: PurlError,
    },
    /// Hex digits, but fewer or more than a prefix has.
    #[error(
        "a prefix has {} to {} hex digits, found {found}; write ./{found} for a file of that name",
        HexPrefix::MIN_LEN,
        HexPrefix::MAX_LEN
    )]
    Prefix {
        /// The digits, cut to 80 characters.
        found: String,
    },
}

/// The shapes, for messages.
const SHAPES: &str = "a digest (sha256:<hex>), an entry (index:1042), a commit (<repository>@<hex>), a package \
                      (pkg:<type>/<name>@<version>), an image with its digest, the URL of a run, a key (key:<hex>), \
                      5 hex digits or more, or a file";

impl HexPrefix {
    /// The fewest digits: with fewer, every log of a thousand entries would be ambiguous.
    pub const MIN_LEN: usize = 5;
    /// The most digits: those of a whole SHA-512.
    pub const MAX_LEN: usize = 128;

    /// Checks digits and length; upper case is accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (Self::MIN_LEN..=Self::MAX_LEN).contains(&text.len()) && is_hex(text);
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the digits in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key id that these digits are, if they are 64. They may as well be a SHA-256 digest or a commit.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.0.parse().ok()
    }

    /// Returns the SHA-256 digest that these digits are, if they are 64.
    #[must_use]
    pub fn sha256(&self) -> Option<Digest> {
        Digest::read("sha256", &self.0).ok().filter(Digest::usable)
    }

    /// Returns the hex of the commit that these digits are, if they are 40 or 64.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        is_commit(&self.0).then_some(self.0.as_str())
    }
}

impl std::fmt::Display for HexPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Thing {
    /// Tells what the text names. Text that starts like one shape and is not of it is refused, never taken for a file.
    pub fn parse(text: &str) -> Result<Self, ThingError> {
        let found = || cut(text);
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(ThingError::Form { found: found() });
        }
        if ["./", "../", "/", "~/"].iter().any(|start| text.starts_with(start)) || matches!(text, "." | "..")
        {
            return Ok(Self::Path(text.to_owned()));
        }
        if let Some(number) = text.strip_prefix("index:") {
            return number.parse().map(Self::Entry).map_err(|_| ThingError::Index { found: found() });
        }
        if let Some(hex) = text.strip_prefix("key:") {
            return hex.parse().map(Self::KeyId).map_err(|_| ThingError::Key { found: found() });
        }
        if Purl::is_written(text) {
            return text.trim_start().parse().map(Self::Purl).map_err(|source| ThingError::Purl { source });
        }
        if let Some(thing) = with_at(text)? {
            return Ok(thing);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Url(text.to_owned()));
        }
        if is_hex(text) {
            let prefix = HexPrefix::parse(text).map(Self::Prefix);
            return prefix.ok_or_else(|| ThingError::Prefix { found: found() });
        }
        digest_or_name(text)
    }
}

/// `<reference>@<algorithm>:<hex>` and `<repository>@<hex>`; none if the text is neither.
fn with_at(text: &str) -> Result<Option<Thing>, ThingError> {
    let Some((before, after)) = text.rsplit_once('@').filter(|(before, _)| !before.is_empty()) else {
        return Ok(None);
    };
    if is_commit(after) {
        let repository = Repository::parse(before).ok_or_else(|| ThingError::Form { found: cut(text) })?;
        return Ok(Some(Thing::Commit { repository: Some(repository), hex: after.to_ascii_lowercase() }));
    }
    if !starts_like_digest(after) {
        return Ok(None);
    }
    let digest = after.parse().map_err(|source| ThingError::Digest { source })?;
    Ok(Some(Thing::Image { reference: before.to_owned(), digest }))
}

fn digest_or_name(text: &str) -> Result<Thing, ThingError> {
    if !starts_like_digest(text) {
        return Ok(Thing::Name(text.to_owned()));
    }
    let digest: Digest = text.parse().map_err(|source| ThingError::Digest { source })?;
    Ok(match digest.commit_hex() {
        Some(hex) => Thing::Commit { repository: None, hex: hex.to_owned() },
        None => Thing::Digest(digest),
    })
}

/// Whether the part before the colon is an algorithm that Custody knows. An image `alpine:latest` is no digest.
fn starts_like_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, _)| Digest::knows(algorithm)) || text.starts_with("gitoid:")
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Thing {
        Thing::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn each_shape_is_told_from_the_others() {
        let (h40, h64) = ("c".repeat(40), "d".repeat(64));
        let digest: Digest = format!("sha256:{h64}").parse().unwrap();
        let repository = Repository::parse("https://github.com/acme/api");
        let commit = |repository| Thing::Commit { repository, hex: h40.clone() };
        let prefix = |text: &str| Thing::Prefix(HexPrefix::parse(text).unwrap());
        for (text, expected) in [
            (format!("sha256:{h64}"), Thing::Digest(digest.clone())),
            (format!("sha256:{}", h64.to_uppercase()), Thing::Digest(digest.clone())),
            ("index:1042".to_owned(), Thing::Entry(LeafIndex::new(1042).unwrap())),
            (format!("gitCommit:{h40}"), commit(None)),
            (format!("https://github.com/acme/api@{h40}"), commit(repository.clone())),
            (format!("git+https://github.com/acme/api.git@{h40}"), commit(repository.clone())),
            (format!("github.com/acme/api@{h40}"), commit(repository)),
            ("pkg:npm/axios@1.14.1".to_owned(), Thing::Purl("pkg:npm/axios@1.14.1".parse().unwrap())),
            (
                format!("pkg:oci/app@sha256:{h64}"),
                Thing::Purl(format!("pkg:oci/app@sha256:{h64}").parse().unwrap()),
            ),
            (
                format!("ghcr.io/acme/app:1.2@sha256:{h64}"),
                Thing::Image { reference: "ghcr.io/acme/app:1.2".to_owned(), digest },
            ),
            (
                "https://github.com/acme/api/actions/runs/4711".to_owned(),
                Thing::Url("https://github.com/acme/api/actions/runs/4711".to_owned()),
            ),
            (format!("key:{h64}"), Thing::KeyId(h64.parse().unwrap())),
            (h40.clone(), prefix(&h40)),
            ("ABCDE".to_owned(), prefix("abcde")),
            ("./abcde".to_owned(), Thing::Path("./abcde".to_owned())),
            ("/tmp/x".to_owned(), Thing::Path("/tmp/x".to_owned())),
            ("app.tar.gz".to_owned(), Thing::Name("app.tar.gz".to_owned())),
            ("target/app".to_owned(), Thing::Name("target/app".to_owned())),
            ("alpine:latest".to_owned(), Thing::Name("alpine:latest".to_owned())),
            ("actions/checkout@v4".to_owned(), Thing::Name("actions/checkout@v4".to_owned())),
        ] {
            assert_eq!(parse(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_starts_like_a_shape_and_is_not_is_refused_with_the_shape() {
        let short = "d".repeat(63);
        for (text, expected) in [
            (String::new(), "a digest (sha256:<hex>)"),
            ("  ".to_owned(), "a digest (sha256:<hex>)"),
            ("a\nb".to_owned(), "found \"a\\nb\""),
            (format!("sha256:{short}"), "sha256 has 64 hex digits"),
            ("sha256:".to_owned(), "printable ASCII"),
            (format!("app@sha256:{short}"), "sha256 has 64 hex digits"),
            ("gitCommit:abc".to_owned(), "gitCommit has 40 or 64 hex digits"),
            ("index:".to_owned(), "index:1042"),
            ("index:01".to_owned(), "index:1042"),
            ("index:-1".to_owned(), "index:1042"),
            (format!("key:{short}"), "key:<64 hex digits>"),
            ("key:".to_owned(), "key:<64 hex digits>"),
            ("pkg:npm".to_owned(), "pkg:npm/axios@1.14.1"),
            ("abcd".to_owned(), "5 to 128 hex digits, found abcd; write ./abcd"),
            ("a".repeat(129), "5 to 128 hex digits"),
        ] {
            let error = Thing::parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn sixty_four_digits_may_be_a_digest_a_commit_or_a_key() {
        let prefix = HexPrefix::parse(&"e".repeat(64)).unwrap();
        assert!(prefix.key_id().is_some() && prefix.sha256().is_some() && prefix.commit().is_some());
        let prefix = HexPrefix::parse(&"e".repeat(63)).unwrap();
        assert!(prefix.key_id().is_none() && prefix.sha256().is_none() && prefix.commit().is_none());
        assert_eq!(HexPrefix::parse(&"e".repeat(40)).unwrap().commit().unwrap().len(), 40);
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,40}|(sha256|index|key|pkg|gitoid|https)?[:/@a-f0-9]{0,80}") {
            drop(Thing::parse(&text));
        }
    }
}
