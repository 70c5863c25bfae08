//! What is said about a document: what it says, every check with what came of it, and what all of them together mean.

use custody_evidence::fact::Edge;
use custody_evidence::sigstore::ProvenTime;

use super::expected::Expectations;
use crate::document::Kind;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Checked, and it does not hold.
    Failed,
    /// Nothing here could tell.
    NotChecked,
    /// Made in a way that is not read yet, so not checked.
    Unsupported,
    /// Checked, and it holds.
    Verified,
}

impl Status {
    /// Returns the word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
            Self::Unsupported => "unsupported",
            Self::Verified => "verified",
        }
    }
}

/// What a check means for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is of the document: it must not fail.
    Document,
    /// The caller expects it: it must hold, and what could not be checked does not hold.
    Expected,
    /// The document does not need it: one that does not hold counts as absent.
    Optional,
}

/// A check and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked; with its position, if a document holds several: `timestamp[1]`.
    pub name: String,
    /// What came of it.
    pub status: Status,
    /// More about it; holds text from the file.
    pub detail: String,
    /// What it means for the whole.
    pub role: Role,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// What came of checking it.
    pub status: Status,
    /// The key that made it, when that was verified.
    pub key: Option<String>,
    /// Whom a certificate names, when that was verified: its subject alternative name.
    pub identity: Option<String>,
    /// Who vouched for that name to the certificate's authority: the issuer of the identity token.
    pub issuer: Option<String>,
    /// When it is proven to have been there, earliest first.
    pub times: Vec<ProvenTime>,
    /// What the file calls the key; nobody signed that.
    pub hint: String,
    /// Whom a certificate names of which nothing was verified: a claim.
    pub claimed: Option<String>,
    /// More about it.
    pub detail: String,
}

impl Signer {
    /// A signature of which only this is known.
    pub(super) fn of(status: Status, hint: impl Into<String>, detail: impl Into<String>) -> Self {
        let (hint, detail) = (hint.into(), detail.into());
        let times = Vec::new();
        Self { status, key: None, identity: None, issuer: None, times, hint, claimed: None, detail }
    }
}

/// What a document says, and what was verified.
#[derive(Debug, Clone)]
pub struct Report {
    /// The kind.
    pub kind: Kind,
    /// The predicate type of the statement in it.
    pub predicate: Option<String>,
    /// The digests of its subjects.
    pub subjects: Vec<String>,
    /// Its signatures.
    pub signers: Vec<Signer>,
    /// Every other check.
    pub checks: Vec<Check>,
    /// How many components the SBOM in it lists.
    pub components: Option<usize>,
    /// The facts that its statement asserts.
    pub facts: Vec<Edge>,
    /// What the reader left out of the facts, and why.
    pub warnings: Vec<String>,
    /// Whether a log could take it, if it trusts a signer: that it has the form that admission demands.
    pub admissible: bool,
    /// Why it could not.
    pub why: Option<String>,
}

/// What all checks together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Malformed, or a check or an expectation fails.
    Fails,
    /// Well formed, a signature verified, nothing failed, every expectation holds.
    Holds,
    /// Well formed, but nothing to verify it with.
    Undecided,
}

impl Report {
    /// Returns what all checks together say. Only a signature makes it [`Verdict::Holds`]: that an unsigned document
    /// names an artifact proves nothing about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let fails = |check: &Check| check.status == Status::Failed && check.role != Role::Optional;
        let open = |check: &Check| check.status != Status::Verified && check.role == Role::Expected;
        let signed = |status: Status| self.signers.iter().any(|signer| signer.status == status);
        if self.checks.iter().any(fails) || signed(Status::Failed) {
            Verdict::Fails
        } else if signed(Status::Verified) && !self.checks.iter().any(open) {
            Verdict::Holds
        } else {
            Verdict::Undecided
        }
    }

    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            predicate: None,
            subjects: Vec::new(),
            signers: Vec::new(),
            checks: Vec::new(),
            components: None,
            facts: Vec::new(),
            warnings: Vec::new(),
            admissible: false,
            why: None,
        }
    }

    /// Adds a check of the document.
    pub(super) fn check(&mut self, name: &str, status: Status, detail: impl Into<String>) {
        self.add(name, status, detail, Role::Document);
    }

    /// Adds what came of an expectation.
    pub(super) fn expect(&mut self, name: &str, status: Status, detail: impl Into<String>) {
        self.add(name, status, detail, Role::Expected);
    }

    pub(super) fn add(&mut self, name: &str, status: Status, detail: impl Into<String>, role: Role) {
        self.checks.push(Check { name: name.to_owned(), status, detail: detail.into(), role });
    }

    /// The document is not what its kind says.
    pub(super) fn malformed(mut self, why: impl Into<String>) -> Self {
        let why = why.into();
        self.check("form", Status::Failed, why.clone());
        self.why = Some(why);
        self
    }

    /// Says of expectations that nothing above has answered that they are open: none of them may look as if it held.
    pub(super) fn unanswered(mut self, expected: &Expectations) -> Self {
        let name = self.kind.name();
        for (check, given, why) in [
            ("artifact", expected.artifact.is_some(), "says nothing about artifacts"),
            ("key", expected.expects_key(), "carries no signature that this key could have made"),
            ("expected_identity", expected.identity.is_some(), "carries no certificate that was verified"),
            ("expected_issuer", expected.issuer.is_some(), "carries no certificate that was verified"),
        ] {
            if given && !self.checks.iter().any(|made| made.name == check && made.role == Role::Expected) {
                self.expect(check, Status::NotChecked, format!("{name} {why}"));
            }
        }
        self
    }
}
