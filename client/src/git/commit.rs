//! The commit object: the bytes that a commit id hashes.

use custody_evidence::repository::CommitId;
use custody_log::Timestamp;

/// A name with a mail address, as commits carry them. Nobody has checked either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name; may be empty.
    pub name: String,
    /// The mail address; may be empty.
    pub email: String,
}

/// Writes `Name <address>`.
impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            write!(f, "<{}>", self.email)
        } else {
            write!(f, "{} <{}>", self.name, self.email)
        }
    }
}

/// What kind of signature a commit carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureKind {
    /// `OpenPGP`.
    Gpg,
    /// None at all.
    None,
    /// SSH.
    Ssh,
    /// A kind that is not known here.
    Unknown,
    /// X.509 (CMS), gitsign's among them.
    X509,
}

impl SignatureKind {
    /// Returns the word that statements use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gpg => "gpg",
            Self::None => "none",
            Self::Ssh => "ssh",
            Self::Unknown => "unknown",
            Self::X509 => "x509",
        }
    }
}

/// What a commit object says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitObject {
    /// The parents, in order.
    pub parents: Vec<CommitId>,
    /// Who wrote the change.
    pub author: Person,
    /// When it was written.
    pub author_date: Timestamp,
    /// Who made the commit.
    pub committer: Person,
    /// When the commit was made.
    pub commit_date: Timestamp,
    /// The signature that it carries, unverified.
    pub signature: SignatureKind,
}

/// What is wrong with a commit object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A header that every commit has is absent.
    #[error("it has no {header} line")]
    Missing {
        /// `author` or `committer`.
        header: &'static str,
    },
    /// A header does not have its form.
    #[error("its {header} line cannot be read: {found:?}")]
    Form {
        /// `parent`, `author` or `committer`.
        header: &'static str,
        /// The value, cut to 120 characters.
        found: String,
    },
}

impl CommitObject {
    /// Parses the object's bytes, as `git cat-file commit` prints them. Names that are not UTF-8 are read with
    /// replacement characters.
    pub fn parse(bytes: &[u8]) -> Result<Self, CommitError> {
        let object = String::from_utf8_lossy(bytes);
        let mut parents = Vec::new();
        let mut author = None;
        let mut committer = None;
        let mut signature = SignatureKind::None;
        // Headers end at the first empty line; the message behind it can hold anything.
        for line in object.lines().take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(' ') else { continue };
            match name {
                "parent" => parents.push(value.parse().map_err(|_| form("parent", value))?),
                "author" if author.is_none() => author = Some(person("author", value)?),
                "committer" if committer.is_none() => committer = Some(person("committer", value)?),
                "gpgsig" | "gpgsig-sha256" => signature = signature_kind(value),
                _ => {}
            }
        }
        let (author, author_date) = author.ok_or(CommitError::Missing { header: "author" })?;
        let (committer, commit_date) = committer.ok_or(CommitError::Missing { header: "committer" })?;
        Ok(Self { parents, author, author_date, committer, commit_date, signature })
    }
}

/// Reads `Name <address> <seconds> <zone>`. The zone is dropped: the seconds are since 1970 in UTC already.
fn person(header: &'static str, value: &str) -> Result<(Person, Timestamp), CommitError> {
    let bad = || form(header, value);
    let (name, rest) = value.split_once('<').ok_or_else(bad)?;
    let (email, date) = rest.rsplit_once('>').ok_or_else(bad)?;
    let seconds: i64 = date.split_whitespace().next().ok_or_else(bad)?.parse().map_err(|_| bad())?;
    let micros = seconds.checked_mul(1_000_000).ok_or_else(bad)?;
    let date = Timestamp::from_micros(micros).map_err(|_| bad())?;
    // A statement carries people as names, which have no control characters.
    let clean = |text: &str| text.trim().replace(char::is_control, "\u{fffd}");
    Ok((Person { name: clean(name), email: clean(email) }, date))
}

/// Tells the kind of a signature from the first line of its armour.
pub(super) fn signature_kind(first_line: &str) -> SignatureKind {
    match first_line.trim() {
        "-----BEGIN PGP SIGNATURE-----" | "-----BEGIN PGP MESSAGE-----" => SignatureKind::Gpg,
        "-----BEGIN SSH SIGNATURE-----" => SignatureKind::Ssh,
        "-----BEGIN SIGNED MESSAGE-----" | "-----BEGIN CMS-----" => SignatureKind::X509,
        _ => SignatureKind::Unknown,
    }
}

fn form(header: &'static str, value: &str) -> CommitError {
    CommitError::Form { header, found: value.chars().take(120).collect() }
}
