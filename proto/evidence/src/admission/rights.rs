//! Whose signature holds, and which writer rules let them say it.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use custody_log::LeafIndex;

use super::builds::{BUILDS_MAX, Builds, NotOwn, SourceRepository};
use super::claims::SubmitterClaims;
use super::job::Job;
use super::record::Binding;
use super::refusal::{Refusal, RuleSummary};
use super::token::Caller;
use crate::envelope::Said;
use crate::identity::Identity;
use crate::key::KeyId;
use crate::sigstore::CertificateIdentity;
use crate::trust::{About, Distrusted, Target, TrustState, WriterRule};

/// Whose signature holds.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    /// The holder of a key of the trust document.
    Key(KeyId),
    /// The holder of a certificate, as the authorities of a trusted root say.
    Holder { root: &'a str, identity: &'a CertificateIdentity },
    /// Who showed a token, as its issuer says.
    Caller(&'a Caller),
}

/// What is said, and what is known of it beside the trust document.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    said: &'a Said<'a>,
    /// What the log has recorded of builds of the subjects.
    builds: &'a Builds,
    /// Read when the first one asks: a provenance may have megabytes, and a key needs none of it.
    job: OnceCell<Job>,
}

/// A rule that lets somebody say something.
#[derive(Debug, Clone)]
pub(super) struct Allowed<'a> {
    pub(super) rule: &'a WriterRule,
    /// The entries that it rests on.
    pub(super) builds: BTreeSet<LeafIndex>,
}

/// Why a rule that allows the type does not let somebody say this.
enum Outside {
    /// A subject whose name is not in the namespace.
    Name { subject: usize },
    /// What the statement says of its job is not what the issuer says.
    NotBound(Option<Binding>),
    /// Nobody gave the signer a repository, so nothing is its own build.
    NoRepository,
    /// A subject that is not the signer's own build.
    NotOwn { subject: usize, why: NotOwn },
    /// More builds than a statement may rest on.
    TooManyBuilds { found: usize },
}

impl<'a> Asked<'a> {
    pub(super) const fn new(said: &'a Said<'a>, builds: &'a Builds) -> Self {
        Self { said, builds, job: OnceCell::new() }
    }

    pub(super) const fn said(&self) -> &'a Said<'a> {
        self.said
    }

    /// Returns how what the statement says of its job compares with what an issuer says.
    pub(super) fn binding(&self, claims: &SubmitterClaims) -> Binding {
        self.job.get_or_init(|| Job::of(self.said)).binding(claims)
    }
}

impl Who<'_> {
    /// Returns the strongest rule that lets them say this; none if they are distrusted.
    pub(super) fn allowed<'a>(self, trust: &'a TrustState, asked: &Asked<'_>) -> Option<Allowed<'a>> {
        if self.distrusted(trust).is_some() {
            return None;
        }
        let rules = trust.document().writers().iter().filter(|rule| self.is_named_by(rule));
        let rules = rules.filter(|rule| rule.allows(asked.said.predicate_type()));
        let allowed = rules.filter_map(|rule| Some(Allowed { rule, builds: self.within(rule, asked).ok()? }));
        // One that rests on no other entry, where there is one as strong.
        allowed.max_by_key(|allowed| (allowed.rule.authority, allowed.builds.is_empty()))
    }

    /// Says why no rule lets them say this: the reason that is nearest to being admitted.
    pub(super) fn why_not(self, trust: &TrustState, asked: &Asked<'_>) -> Refusal {
        let said = asked.said;
        if let Some(Distrusted { distrust, index }) = self.distrusted(trust) {
            let reason = distrust.reason.chars().take(200).collect();
            return Refusal::Distrusted { signer: self.name(), index: *index, reason };
        }
        let mut theirs = trust.document().writers().iter().filter(|rule| self.is_named_by(rule));
        let near = theirs.clone().find(|rule| rule.allows(said.predicate_type()));
        if let Some((rule, outside)) = near.and_then(|rule| Some((rule, self.within(rule, asked).err()?))) {
            return self.out_of_bounds(rule, said, outside);
        }
        let predicate_type = said.predicate_type().to_owned();
        let summary =
            |rule: &WriterRule| RuleSummary { rule: rule.name.clone(), predicates: rule.predicates.clone() };
        let rules = theirs.by_ref().map(summary).collect();
        match self {
            Self::Key(key) => Refusal::KeyNotAllowed { key, predicate_type, rules },
            Self::Holder { .. } | Self::Caller(_) => {
                let root = if let Self::Holder { root, .. } = self { Some(root.to_owned()) } else { None };
                Refusal::IdentityNotAllowed { identity: self.name(), root, predicate_type, rules }
            }
        }
    }

    /// Returns how what the statement says of its job compares with what the issuer says of them; none of a key, of which no
    /// issuer says anything.
    pub(super) fn binding(self, asked: &Asked<'_>) -> Option<Binding> {
        self.claims().map(|claims| asked.binding(claims))
    }

    /// Checks that a rule which allows the type holds for this; returns the entries that it rests on then.
    fn within(self, rule: &WriterRule, asked: &Asked<'_>) -> Result<BTreeSet<LeafIndex>, Outside> {
        if let Some(subject) = outside(rule, asked.said) {
            return Err(Outside::Name { subject });
        }
        if rule.bound {
            let binding = self.binding(asked);
            if binding != Some(Binding::Bound) {
                return Err(Outside::NotBound(binding));
            }
        }
        if rule.about != About::OwnBuilds {
            return Ok(BTreeSet::new());
        }
        let repository = self.claims().and_then(SourceRepository::of).ok_or(Outside::NoRepository)?;
        let mut rests_on = BTreeSet::new();
        // Each digest of a subject carries evidence, so each must be its own: one of somebody else's beside it would be vouched for.
        for (subject, digests) in asked.said.usable().into_iter().enumerate() {
            let own = asked.builds.by_which_own(&repository, &digests);
            rests_on.extend(own.map_err(|why| Outside::NotOwn { subject, why })?);
        }
        match rests_on.len() {
            found if found > BUILDS_MAX => Err(Outside::TooManyBuilds { found }),
            _ => Ok(rests_on),
        }
    }

    fn out_of_bounds(self, rule: &WriterRule, said: &Said<'_>, outside: Outside) -> Refusal {
        let (signer, rule_name) = (self.name(), rule.name.clone());
        match outside {
            Outside::Name { subject } => {
                let found = said.subject_name(subject).unwrap_or_default().chars().take(200).collect();
                let namespace = match &rule.about {
                    About::Namespace(namespace) => namespace.clone(),
                    About::Anything | About::OwnBuilds => String::new(),
                };
                Refusal::OutsideNamespace { signer, rule: rule_name, namespace, subject, found }
            }
            Outside::NotBound(binding) => Refusal::NotBound { signer, rule: rule_name, binding },
            Outside::NoRepository => Refusal::OwnBuildsUndecided { signer, rule: rule_name },
            Outside::NotOwn { subject, why: NotOwn::Unknown { digest } } => {
                Refusal::NotOwnBuild { signer, rule: rule_name, subject, digest }
            }
            Outside::NotOwn { subject, why: NotOwn::Disputed { digest, own, other, repository } } => {
                let erased = || "another repository (its provenance was erased)".to_owned();
                let name = |repository: SourceRepository| repository.to_string().chars().take(200).collect();
                let repository = repository.map_or_else(erased, name);
                Refusal::DisputedBuild { rule: rule_name, subject, digest, own, other, repository }
            }
            Outside::TooManyBuilds { found } => {
                Refusal::TooManyBuilds { rule: rule_name, max: BUILDS_MAX, found }
            }
        }
    }

    /// Returns the distrust of them. It never begins later than its own entry, so it holds for all that are to come.
    fn distrusted(self, trust: &TrustState) -> Option<&Distrusted> {
        let identity = match self {
            Self::Key(key) => Identity::Key(key),
            Self::Holder { identity, .. } => identity.identity()?,
            Self::Caller(caller) => {
                let key = trust.distrusted(&Target::Signer(Identity::Key(caller.key.id())));
                if key.is_some() {
                    return key;
                }
                Identity::Oidc(caller.identity.clone())
            }
        };
        trust.distrusted(&Target::Signer(identity))
    }

    fn is_named_by(self, rule: &WriterRule) -> bool {
        match self {
            Self::Key(key) => rule.keys.contains(&key),
            Self::Holder { root, identity } => {
                rule.identities.iter().any(|pattern| pattern.fits(root, identity))
            }
            Self::Caller(Caller { identity, claims, .. }) => {
                rule.identities.iter().any(|pattern| pattern.fits_token(identity, claims))
            }
        }
    }

    fn name(self) -> String {
        match self {
            Self::Key(key) => format!("key {key}"),
            Self::Holder { identity, .. } => {
                let name = format!("{}#{}", identity.issuer(), identity.name().as_str());
                name.chars().take(400).collect()
            }
            Self::Caller(caller) => {
                let Caller { identity, .. } = caller;
                let name = format!("{}#{}", identity.issuer(), identity.subject());
                name.chars().take(400).collect()
            }
        }
    }
}

impl<'a> Who<'a> {
    /// Returns what an issuer says of them; none of a key.
    const fn claims(self) -> Option<&'a SubmitterClaims> {
        match self {
            Self::Key(_) => None,
            Self::Holder { identity, .. } => Some(identity.claims()),
            Self::Caller(caller) => Some(&caller.claims),
        }
    }
}

/// Returns the first subject whose name the rule is not about. A file that was signed has no name, so a namespace never holds it;
/// what the signer of an image calls it is a name like that of a subject.
fn outside(rule: &WriterRule, said: &Said<'_>) -> Option<usize> {
    match said {
        Said::Statement(statement) => {
            statement.subjects().iter().position(|subject| !rule.about.covers(subject))
        }
        Said::Signed(_) => matches!(rule.about, About::Namespace(_)).then_some(0),
        Said::Image(image) => (!rule.about.covers_name(Some(image.reference()))).then_some(0),
    }
}
