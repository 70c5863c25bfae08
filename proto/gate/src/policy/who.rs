//! Who signed, or submitted: keys and identities, by exact values.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::admission::SubmitterClaims;
use custody_evidence::identity::OidcIdentity;
use custody_evidence::key::KeyId;

use super::LIST_MAX;
use super::error::{Combination, LoadError, Named};
use super::fields::{At, Fields};

/// Whoever fits one of the patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// At least one.
    pub(crate) patterns: Vec<Pattern>,
}

/// Whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signer {
    /// None: everybody that the log's own rules let record it.
    pub(crate) who: Option<Who>,
    pub(crate) not: BTreeSet<Excluded>,
}

/// A key, or an identity of an issuer: every condition holds. Values are compared whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    pub(crate) keys: Vec<KeyId>,
    pub(crate) issuer: Option<String>,
    /// The certificate's or token's own name.
    pub(crate) subject: Vec<String>,
    /// The file that the job ran: `build_signer_uri` up to its `@`.
    pub(crate) workflow: Vec<String>,
    /// The branch or tag of that file: `build_signer_uri` behind its `@`.
    pub(crate) reference: Vec<RefPattern>,
    pub(crate) hosted: Option<bool>,
    /// The builder that the statement must name.
    pub(crate) builder: Vec<String>,
    pub(crate) claims: BTreeMap<String, Vec<String>>,
}

/// A branch or tag, or all that start like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefPattern {
    start: String,
    open: bool,
}

crate::words::words! {
    /// Who must not be the signer.
    pub enum Excluded {
        /// Whoever wrote the commit that was built. One that is not known could be anybody.
        Author = "author",
        /// Whoever signed or submitted provenance of the judged digest.
        Submitter = "submitter",
    }
}

const PATTERN: &[&str] = &["key", "issuer", "subject", "workflow", "ref", "hosted", "builder", "claims"];
const SIGNER: &[&str] =
    &["key", "issuer", "subject", "workflow", "ref", "hosted", "builder", "claims", "not", "one_of"];

/// The claims that say whose a job is: an issuer vouches for everybody, and each of them for one.
const WHOSE: [&str; 7] = [
    "build_signer_uri",
    "token_subject",
    "source_repository_uri",
    "source_repository_identifier",
    "source_repository_owner_uri",
    "source_repository_owner_identifier",
    "build_config_uri",
];

impl Who {
    /// Reads one pattern, or `{one_of: [..]}`.
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields =
            at.fields(&SIGNER.iter().copied().filter(|field| *field != "not").collect::<Vec<_>>())?;
        Self::of(&fields)?.ok_or_else(|| fields.combination(Combination::Empty))
    }

    /// Reads who submits: an identity, since a token alone says who does. What was sent without one has no submitter.
    pub(super) fn read_submitter(at: &At<'_>) -> Result<Self, LoadError> {
        let who = Self::read(at)?;
        if who.patterns.iter().all(|pattern| pattern.keys.is_empty()) {
            return Ok(who);
        }
        Err(at.combination(Combination::SubmitterKey))
    }

    fn of(fields: &Fields<'_>) -> Result<Option<Self>, LoadError> {
        let own = PATTERN.iter().any(|field| fields.get(field).is_some());
        match fields.get("one_of") {
            Some(at) if own => Err(at.combination(Combination::BesideOneOf)),
            Some(at) => {
                let pattern = |at: At<'_>| Pattern::of(&at.fields(PATTERN)?);
                Ok(Some(Self {
                    patterns: at.filled_list()?.into_iter().map(pattern).collect::<Result<_, _>>()?,
                }))
            }
            None if own => Ok(Some(Self { patterns: vec![Pattern::of(fields)?] })),
            None => Ok(None),
        }
    }
}

impl Signer {
    /// Reads one pattern, or `{one_of: [..]}`, with who must not be it.
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(SIGNER)?;
        let signer =
            Self { who: Who::of(&fields)?, not: fields.may("not", |at| not(&at))?.unwrap_or_default() };
        if signer.who.is_none() && signer.not.is_empty() {
            return Err(fields.combination(Combination::Empty));
        }
        Ok(signer)
    }
}

/// Reads who is excluded: one word or a list; an empty list excludes nobody.
pub(super) fn not(at: &At<'_>) -> Result<BTreeSet<Excluded>, LoadError> {
    let word = |at: &At<'_>| {
        let word = at.word(Excluded::WORDS)?;
        Excluded::of(word).ok_or_else(|| at.expected("submitter or author"))
    };
    match at.value()? {
        super::Value::List(_) => at.list(LIST_MAX)?.iter().map(word).collect(),
        _ => Ok(BTreeSet::from([word(at)?])),
    }
}

impl Pattern {
    fn of(fields: &Fields<'_>) -> Result<Self, LoadError> {
        let pattern = Self {
            keys: fields.may("key", |at| at.one_of()?.iter().map(key).collect())?.unwrap_or_default(),
            issuer: fields.may("issuer", |at| issuer(&at))?,
            subject: fields.may("subject", |at| texts(&at))?.unwrap_or_default(),
            workflow: fields.may("workflow", |at| texts(&at))?.unwrap_or_default(),
            reference: fields.may("ref", |at| RefPattern::read_all(&at))?.unwrap_or_default(),
            hosted: fields.may("hosted", |at| at.yes())?,
            builder: fields.may("builder", |at| texts(&at))?.unwrap_or_default(),
            claims: fields.may("claims", |at| claims(&at))?.unwrap_or_default(),
        };
        pattern.checked(fields)
    }

    /// A pattern that fits whoever an issuer knows, or whoever can have an issuer, fits strangers.
    fn checked(self, fields: &Fields<'_>) -> Result<Self, LoadError> {
        let claims = !self.subject.is_empty()
            || !self.workflow.is_empty()
            || !self.reference.is_empty()
            || self.hosted.is_some()
            || !self.claims.is_empty();
        let whose = !self.subject.is_empty()
            || !self.workflow.is_empty()
            || self.claims.keys().any(|claim| WHOSE.contains(&claim.as_str()));
        let problem = match (self.keys.is_empty(), &self.issuer) {
            (false, Some(_)) => Some(Combination::KeyWithClaims),
            (false, None) if claims => Some(Combination::KeyWithClaims),
            (true, None) if claims => Some(Combination::WithoutIssuer),
            (true, None) => Some(Combination::OpenPattern),
            (true, Some(_)) if !whose => Some(Combination::OpenPattern),
            _ => None,
        };
        problem.map_or(Ok(self), |problem| Err(fields.combination(problem)))
    }
}

impl RefPattern {
    pub(super) fn read_all(at: &At<'_>) -> Result<Vec<Self>, LoadError> {
        at.one_of()?.iter().map(Self::read).collect()
    }

    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let text = at.text()?;
        let (start, open) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        let kinds = ["refs/heads/", "refs/tags/"];
        let named =
            kinds.iter().any(|kind| start.strip_prefix(kind).is_some_and(|name| open || !name.is_empty()));
        if !named || start.contains('*') {
            return Err(at.expected(
                "a whole ref such as refs/heads/main or refs/tags/v*, with at most one * at its end",
            ));
        }
        Ok(Self { start: start.to_owned(), open })
    }

    /// Whether a ref is one of those.
    pub(crate) fn fits(&self, reference: &str) -> bool {
        if self.open { reference.starts_with(&self.start) } else { reference == self.start }
    }
}

impl std::fmt::Display for RefPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.start, if self.open { "*" } else { "" })
    }
}

pub(super) fn texts(at: &At<'_>) -> Result<Vec<String>, LoadError> {
    at.one_of()?.iter().map(exact).collect()
}

/// A value that stands for itself: a `*` in it would be taken for more than it is.
fn exact(at: &At<'_>) -> Result<String, LoadError> {
    let text = at.text()?;
    if text.contains('*') {
        Err(at.expected("a whole value: only refs take a *"))
    } else {
        Ok(text.to_owned())
    }
}

fn key(at: &At<'_>) -> Result<KeyId, LoadError> {
    let text = at.text()?;
    let hex = text.strip_prefix("key:").unwrap_or(text);
    hex.parse().map_err(|_| at.expected("a key id of 64 hex digits"))
}

fn issuer(at: &At<'_>) -> Result<String, LoadError> {
    let text = exact(at)?;
    if OidcIdentity::new(&text, "x").is_err() {
        return Err(at.expected("the URL of an issuer"));
    }
    Ok(text)
}

pub(crate) fn claims(at: &At<'_>) -> Result<BTreeMap<String, Vec<String>>, LoadError> {
    let mut claims = BTreeMap::new();
    for (name, at) in at.entries()? {
        if !SubmitterClaims::NAMES.contains(&name) {
            return Err(at.unknown(Named::Claim, name, SubmitterClaims::NAMES.iter().copied()));
        }
        claims.insert(name.to_owned(), texts(&at)?);
    }
    if claims.is_empty() { Err(at.combination(Combination::Empty)) } else { Ok(claims) }
}
