//! Whose signature holds, and which writer rules let them say it.

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

impl Who<'_> {
    /// Returns the strongest rule that lets them say this; none if they are distrusted.
    pub(super) fn allowed<'a>(self, trust: &'a TrustState, said: &Said<'_>) -> Option<&'a WriterRule> {
        if self.distrusted(trust).is_some() {
            return None;
        }
        let rules = trust.document().writers().iter().filter(|rule| self.is_named_by(rule));
        let rules = rules.filter(|rule| rule.allows(said.predicate_type()) && outside(rule, said).is_none());
        rules.max_by_key(|rule| rule.authority)
    }

    /// Says why no rule lets them say this: the reason that is nearest to being admitted.
    pub(super) fn why_not(self, trust: &TrustState, said: &Said<'_>) -> Refusal {
        if let Some(Distrusted { distrust, index }) = self.distrusted(trust) {
            let reason = distrust.reason.chars().take(200).collect();
            return Refusal::Distrusted { signer: self.name(), index: *index, reason };
        }
        let mut theirs = trust.document().writers().iter().filter(|rule| self.is_named_by(rule));
        let near = theirs.clone().find(|rule| rule.allows(said.predicate_type()));
        if let Some((rule, subject)) = near.and_then(|rule| Some((rule, outside(rule, said)?))) {
            return self.out_of_bounds(rule, said, subject);
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

    fn out_of_bounds(self, rule: &WriterRule, said: &Said<'_>, subject: usize) -> Refusal {
        let (signer, rule_name) = (self.name(), rule.name.clone());
        match &rule.about {
            About::Namespace(namespace) => {
                let found = said.subject_name(subject).unwrap_or_default().chars().take(200).collect();
                Refusal::OutsideNamespace {
                    signer,
                    rule: rule_name,
                    namespace: namespace.clone(),
                    subject,
                    found,
                }
            }
            About::OwnBuilds | About::Anything => Refusal::OwnBuildsUndecided { signer, rule: rule_name },
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

/// Returns the first subject that the rule is not about. A file that was signed has no name, so a namespace never holds it; what
/// the signer of an image calls it is a name like that of a subject.
fn outside(rule: &WriterRule, said: &Said<'_>) -> Option<usize> {
    match said {
        Said::Statement(statement) => {
            statement.subjects().iter().position(|subject| !rule.about.covers(subject))
        }
        Said::Signed(_) => (rule.about != About::Anything).then_some(0),
        Said::Image(image) => (!rule.about.covers_name(Some(image.reference()))).then_some(0),
    }
}
