//! Digests as in-toto writes them: an algorithm's name and a value (in-toto `spec/v1/digest_set.md`).
//!
//! A digest is a node of its own: two digests are never taken for the same artifact. Digests that carry no evidence
//! (sha1, md5, unknown names, a sha256 of 40 digits) are kept and can be looked up, but nothing is proven by them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::repository::CommitId;

/// The longest algorithm name that is kept: `gitoid:sha256` has 13 characters, so this is room for five times that.
pub const ALGORITHM_MAX: usize = 64;
/// The longest value that is kept: SHA-512 has 128 hex digits, so this is room for twice that.
pub const VALUE_MAX: usize = 256;

/// Algorithms whose digests carry evidence, each with the numbers of hex digits that its values may have.
const USABLE: &[(&str, &[usize])] = &[
    ("blake2b", &[64, 96, 128]),
    ("blake2s", &[64]),
    ("gitBlob", &[40, 64]),
    ("gitCommit", &[40, 64]),
    ("gitTag", &[40, 64]),
    ("gitTree", &[40, 64]),
    ("sha256", &[64]),
    ("sha384", &[96]),
    ("sha3_224", &[56]),
    ("sha3_256", &[64]),
    ("sha3_384", &[96]),
    ("sha3_512", &[128]),
    ("sha512", &[128]),
    ("sha512_256", &[64]),
];

/// Algorithms that are known, but too weak or too unusual to carry evidence.
const WEAK: &[(&str, &[usize])] =
    &[("md5", &[32]), ("ripemd160", &[40]), ("sha1", &[40]), ("sha224", &[56]), ("sha512_224", &[56])];

/// An algorithm's name and a value of it, in the one form in which it is compared.
///
/// Hex values of known algorithms are lower case; everything else stands as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// Of a known algorithm the one text in the tables below.
    algorithm: Cow<'static, str>,
    value: String,
    /// It follows from the two: an SBOM has tens of thousands of digests, and each is asked for it more than once.
    standing: Standing,
}

/// What a digest is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A collision-resistant hash, or a git object id: carries evidence.
    Usable,
    /// A known algorithm that carries no evidence: sha1, md5.
    Weak,
    /// A name that Custody does not know: `foo`, `gce_image_id`, `gitoid:sha256`.
    Unknown,
    /// A known name, but the value is not hex of its length: carries no evidence.
    Malformed,
}

/// Why text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// No colon, or nothing on one side of it.
    #[error("expected <algorithm>:<value>, such as sha256:<64 hex digits>, found {found:?}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Longer than [`ALGORITHM_MAX`] or [`VALUE_MAX`], or not printable ASCII.
    #[error(
        "an algorithm is 1 to {ALGORITHM_MAX} and a value 1 to {VALUE_MAX} printable ASCII characters, found {found:?}"
    )]
    Text {
        /// The part that is not, cut to 80 characters.
        found: String,
    },
    /// The value does not have the length of its algorithm, or is not hex.
    #[error("{algorithm} has {} hex digits, found {found:?}", lengths(.algorithm))]
    Value {
        /// The algorithm.
        algorithm: String,
        /// The value, cut to 80 characters.
        found: String,
    },
}

impl Digest {
    /// Reads one pair of a digest set. A value that does not fit its algorithm is kept, as [`Standing::Malformed`].
    pub fn read(algorithm: &str, value: &str) -> Result<Self, DigestError> {
        for (text, max) in [(algorithm, ALGORITHM_MAX), (value, VALUE_MAX)] {
            let graphic = text.bytes().fold(true, |graphic, byte| graphic & byte.is_ascii_graphic());
            if text.is_empty() || text.len() > max || !graphic {
                return Err(DigestError::Text { found: cut(text) });
            }
        }
        let Some((name, lengths, fitting)) = known(algorithm) else {
            let algorithm = Cow::Owned(algorithm.to_owned());
            return Ok(Self { algorithm, value: value.to_owned(), standing: Standing::Unknown });
        };
        let hex = is_hex(value);
        let standing = if hex && lengths.contains(&value.len()) { fitting } else { Standing::Malformed };
        let value = if hex { value.to_ascii_lowercase() } else { value.to_owned() };
        Ok(Self { algorithm: Cow::Borrowed(name), value, standing })
    }

    /// Returns the `sha256` digest with this value.
    #[must_use]
    pub fn sha256(value: [u8; 32]) -> Self {
        Self { algorithm: Cow::Borrowed("sha256"), value: hex::encode(value), standing: Standing::Usable }
    }

    /// Returns the `sha256` digest of the bytes.
    #[must_use]
    pub fn sha256_of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::sha256(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the `gitCommit` digest of a commit.
    #[must_use]
    pub fn git_commit(commit: &CommitId) -> Self {
        let (value, standing) = (commit.to_string(), Standing::Usable);
        Self { algorithm: Cow::Borrowed("gitCommit"), value, standing }
    }

    /// Returns the algorithm's name, as in-toto spells it.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the value, without the algorithm.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns what the digest is good for.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether evidence about this digest counts.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.standing() == Standing::Usable
    }

    /// Whether this is the name of an algorithm that Custody knows, weak or not.
    #[must_use]
    pub fn knows(algorithm: &str) -> bool {
        lengths_of(algorithm).is_some()
    }

    /// Returns the hex of a git commit; none if this is another digest.
    #[must_use]
    pub fn commit_hex(&self) -> Option<&str> {
        (self.algorithm == "gitCommit" && self.usable()).then_some(self.value.as_str())
    }

    /// Returns the `gitCommit` of the same value if this is a `sha1` that can be one. Producers of SLSA v0.2 write
    /// commits as `sha1`; the caller must have seen a git URI beside it, since files have a sha1 too.
    #[must_use]
    pub fn as_git_commit(&self) -> Option<Self> {
        (self.algorithm == "sha1" && self.standing() == Standing::Weak).then(|| Self {
            algorithm: Cow::Borrowed("gitCommit"),
            value: self.value.clone(),
            standing: Standing::Usable,
        })
    }
}

/// Parses `<algorithm>:<value>`; a known algorithm's value must fit it.
impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digest = split(text)
            .ok_or_else(|| DigestError::Form { found: cut(text) })
            .and_then(|(algorithm, value)| Self::read(algorithm, value))?;
        if digest.standing() == Standing::Malformed {
            return Err(DigestError::Value {
                found: cut(&digest.value),
                algorithm: digest.algorithm.into_owned(),
            });
        }
        Ok(digest)
    }
}

/// Writes `<algorithm>:<value>`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.value)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Whether the text is one hex digit or more, in either case.
pub(crate) fn is_hex(text: &str) -> bool {
    // All bytes are looked at, and no branch is taken for each: an SBOM has tens of thousands of digests.
    !text.is_empty() && text.bytes().fold(true, |hex, byte| hex & byte.is_ascii_hexdigit())
}

/// Splits at the colon after the algorithm. The `gitoid:` algorithms have a colon of their own.
fn split(text: &str) -> Option<(&str, &str)> {
    let own = if text.starts_with("gitoid:") { "gitoid:".len() } else { 0 };
    let colon = own + text.get(own..)?.find(':')?;
    Some((text.get(..colon)?, text.get(colon + 1..)?))
}

fn find(
    table: &'static [(&'static str, &'static [usize])],
    algorithm: &str,
) -> Option<(&'static str, &'static [usize])> {
    table.iter().find(|(name, _)| *name == algorithm).copied()
}

/// Returns an algorithm's name and lengths as the tables have them, and what a digest that fits is good for; none if it is in neither.
fn known(algorithm: &str) -> Option<(&'static str, &'static [usize], Standing)> {
    let usable = find(USABLE, algorithm).map(|(name, lengths)| (name, lengths, Standing::Usable));
    usable.or_else(|| find(WEAK, algorithm).map(|(name, lengths)| (name, lengths, Standing::Weak)))
}

fn lengths_of(algorithm: &str) -> Option<&'static [usize]> {
    known(algorithm).map(|(_, lengths, _)| lengths)
}

fn lengths(algorithm: &str) -> String {
    let lengths = lengths_of(algorithm).unwrap_or_default();
    lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digits: usize) -> String {
        "a".repeat(digits)
    }

    #[test]
    fn each_known_algorithm_is_usable_at_its_lengths_and_no_other() {
        for (name, lengths) in USABLE {
            for digits in 1..=140 {
                let standing = Digest::read(name, &hex(digits)).unwrap().standing();
                let expected = if lengths.contains(&digits) { Standing::Usable } else { Standing::Malformed };
                assert_eq!(standing, expected, "{name} with {digits} digits");
            }
            assert!(!Digest::read(name, &"g".repeat(lengths[0])).unwrap().usable(), "{name} that is not hex");
        }
    }

    #[test]
    fn sha1_and_md5_are_kept_but_carry_no_evidence() {
        for (name, digits) in [("sha1", 40), ("md5", 32)] {
            let digest = Digest::read(name, &hex(digits)).unwrap();
            assert_eq!(digest.standing(), Standing::Weak);
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
    }

    #[test]
    fn unknown_algorithms_are_kept_as_written() {
        for (name, value) in [
            ("foo", "bar"),
            ("gce_image_id", "5455871037842061123"),
            ("gitoid:sha1", "gitoid:blob:sha1:ABCD"),
            ("SHA256", "Ab"),
        ] {
            let digest = Digest::read(name, value).unwrap();
            assert_eq!((digest.standing(), digest.value()), (Standing::Unknown, value));
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
    }

    #[test]
    fn upper_case_hex_is_the_same_digest() {
        let lower = Digest::read("sha256", &hex(64)).unwrap();
        assert_eq!(Digest::read("sha256", &hex(64).to_uppercase()).unwrap(), lower);
    }

    #[test]
    fn refuses_text_that_is_no_digest() {
        let long = "a".repeat(VALUE_MAX + 1);
        for text in
            ["", "sha256", "sha256:", ":aa", "sha256:zz", "sha256:aa", "a b:cc", "x:\u{7}", "x:\u{e9}"]
        {
            assert!(text.parse::<Digest>().is_err(), "{text:?}");
        }
        assert!(Digest::read("x", &long).is_err());
        assert!(Digest::read(&"a".repeat(ALGORITHM_MAX + 1), "x").is_err());
        assert_eq!(
            "sha256:abc".parse::<Digest>().unwrap_err().to_string(),
            "sha256 has 64 hex digits, found \"abc\""
        );
    }

    #[test]
    fn a_sha1_can_be_read_as_a_commit_and_nothing_else_can() {
        let sha1 = Digest::read("sha1", &hex(40)).unwrap();
        assert_eq!(sha1.as_git_commit().unwrap().to_string(), format!("gitCommit:{}", hex(40)));
        assert_eq!(Digest::read("sha256", &hex(64)).unwrap().as_git_commit(), None);
        assert_eq!(Digest::read("sha1", &hex(39)).unwrap().as_git_commit(), None);
    }
}
