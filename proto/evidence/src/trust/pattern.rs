//! Patterns of identities in writer rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::TrustError;
use super::issuer::Issuer;
use super::rule::{Authority, WriterRule};
use crate::admission::SubmitterClaims;
use crate::identity::OidcIdentity;
use crate::oidc::IssuerKind;
use crate::sigstore::CertificateIdentity;

/// The name of the claim that is a certificate's own name: its URI, mail address or Fulcio's kind.
pub const SUBJECT: &str = "subject";

/// The claims that say whose a job is.
pub(super) const WHOSE: [&str; 6] = [
    "token_subject",
    "source_repository_uri",
    "source_repository_identifier",
    "source_repository_owner_uri",
    "source_repository_owner_identifier",
    "build_config_uri",
];

/// The claims that nobody gets again.
const IDS: [&str; 2] = ["source_repository_identifier", "source_repository_owner_identifier"];

/// A trigger under which a job of a stranger's change has the identity of the project.
const STRANGERS_TRIGGER: &str = "pull_request_target";

/// What the subjects of all organisations of CircleCI, and of all service accounts of Kubernetes, start like.
const EVERYBODYS: [&str; 3] = ["org/", "system:", "system:serviceaccount:"];

/// The identities of an issuer whose claims have these values.
///
/// An issuer that the document lists says it in a token. Certificates say who an issuer knew. Any authority can write any issuer's name into one, so a pattern names the
/// trusted roots that it believes about it; without one no certificate fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityPattern {
    /// The issuer's URL.
    pub issuer: String,
    /// The trusted roots, by name, whose certificates are believed about this issuer.
    #[serde(default)]
    pub roots: Vec<String>,
    /// Claims by the names of Fulcio's extensions, such as `source_repository_identifier`, or [`SUBJECT`]; each must have
    /// one of the values. A value that ends in `*` stands for all that start like it.
    pub claims: BTreeMap<String, Vec<String>>,
}

impl IdentityPattern {
    /// Whether a certificate that was verified under the root of this name has such an identity.
    ///
    /// A job that runs for a stranger's change (`pull_request_target`) has the project's identity, so it fits only where
    /// the pattern asks for that trigger.
    #[must_use]
    pub fn fits(&self, root: &str, holder: &CertificateIdentity) -> bool {
        self.roots.iter().any(|name| name == root)
            && self.fits_claims(holder.issuer(), holder.name().as_str(), holder.claims())
    }

    /// Whether a token has such an identity, which its issuer signed itself: no root plays a part. The trust document must list
    /// the issuer, which was seen to before the token was verified.
    #[must_use]
    pub fn fits_token(&self, identity: &OidcIdentity, claims: &SubmitterClaims) -> bool {
        self.fits_claims(identity.issuer(), identity.subject(), claims)
    }

    fn fits_claims(&self, issuer: &str, subject: &str, claims: &SubmitterClaims) -> bool {
        let value = |name: &str| if name == SUBJECT { Some(subject) } else { claims.get(name) };
        let holds = |(name, allowed): (&String, &Vec<String>)| {
            value(name).is_some_and(|found| allowed.iter().any(|allowed| is(allowed, found)))
        };
        let strangers = claims.get("build_trigger") == Some(STRANGERS_TRIGGER)
            && !self.claims.contains_key("build_trigger");
        self.issuer == issuer && self.claims.iter().all(holds) && !strangers
    }

    /// Checks a pattern of a rule, in a document with roots of these names, and these issuers.
    pub(super) fn check(
        &self,
        rule: &WriterRule,
        roots: &[&str],
        issuers: &[Issuer],
    ) -> Result<(), TrustError> {
        let name = || rule.name.clone();
        if OidcIdentity::new(&self.issuer, "x").is_err() {
            return Err(TrustError::PatternIssuer { rule: name(), found: cut(&self.issuer) });
        }
        if let Some(found) = self.roots.iter().find(|root| !roots.contains(&root.as_str())) {
            return Err(TrustError::UnknownRoot { rule: name(), found: cut(found) });
        }
        for (claim, values) in &self.claims {
            if claim != SUBJECT && !SubmitterClaims::NAMES.contains(&claim.as_str()) {
                return Err(TrustError::UnknownClaim { rule: name(), found: cut(claim) });
            }
            if values.is_empty() {
                return Err(TrustError::EmptyRule { rule: name(), member: "identities.claims" });
            }
            if let Some(found) = values.iter().find(|value| !is_bounded(value)) {
                return Err(TrustError::ClaimValue { rule: name(), claim: claim.clone(), found: cut(found) });
            }
        }
        if rule.authority == Authority::Own && !self.says_whose(issuers) {
            return Err(TrustError::OpenRule { rule: name(), issuer: cut(&self.issuer) });
        }
        Ok(())
    }
}

impl IdentityPattern {
    /// Whether some claim says whose job it is. A branch, a trigger or a kind of runner is everybody's. The certificate's name
    /// does for people; for a job of GitHub's it is the file that ran, and a shared one runs for whoever calls it. All that start
    /// like `repo:` are everybody too.
    fn says_whose(&self, issuers: &[Issuer]) -> bool {
        let shared = self.kind(issuers).shares_names();
        let says = |claim: &str| WHOSE.contains(&claim) || claim == SUBJECT && !shared;
        self.claims
            .iter()
            .any(|(claim, values)| says(claim) && values.iter().all(|value| names_somebody(value)))
    }
}

impl IdentityPattern {
    /// Whether it knows a repository by names alone, though its issuer gives ids: who takes such a name once it is free is let in.
    #[must_use]
    pub fn goes_by_name(&self, issuers: &[Issuer]) -> bool {
        let by_id = self.claims.keys().any(|claim| IDS.contains(&claim.as_str()));
        self.kind(issuers).gives_ids() && self.says_whose(issuers) && !by_id
    }

    /// Returns which CI system the issuer is: as it is listed, or as its URL says.
    fn kind(&self, issuers: &[Issuer]) -> IssuerKind {
        let listed = issuers.iter().find(|issuer| issuer.url == self.issuer);
        listed.map_or_else(|| IssuerKind::of_url(&self.issuer), Issuer::kind)
    }
}

/// Whether a value of a rule stands for this one.
fn is(allowed: &str, found: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => found.starts_with(start),
        None => allowed == found,
    }
}

/// Whether the value says something, and what stands before its `*` ends at a boundary: `https://github.com/acme*` would
/// let in `https://github.com/acme-evil`. Within the name of a branch or tag any place is good.
fn is_bounded(value: &str) -> bool {
    match value.strip_suffix('*') {
        None => !value.is_empty(),
        Some(start) => {
            // A whole host, or all of them, is nobody in particular.
            let path = match start.split_once("://") {
                Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
                None => start,
            };
            let bounded = start.ends_with(['/', ':', '@', '#', '?'])
                || start.contains("@refs/")
                || start.starts_with("refs/");
            bounded && !path.is_empty()
        }
    }
}

/// Whether all that the value stands for belong to somebody. What CI systems write first in a subject is the kind of name that
/// follows, which is the same for all: `repo:acme/api`, `project_path:acme/api`, `organization:acme`.
fn names_somebody(value: &str) -> bool {
    let Some(start) = value.strip_suffix('*') else { return true };
    let is_kind = start.strip_suffix(':').is_some_and(|label| !label.contains([':', '/', '@', '#', '?']));
    !(is_kind || EVERYBODYS.contains(&start))
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigstore::SubjectAlternativeName;

    const ISSUER: &str = "https://token.example";
    const NAME: &str = "https://github.com/acme/api/.github/workflows/release.yml@refs/tags/v1.2";

    fn holder(change: impl FnOnce(&mut SubmitterClaims)) -> CertificateIdentity {
        let mut claims = SubmitterClaims {
            issuer: ISSUER.to_owned(),
            source_repository_identifier: Some("42".to_owned()),
            ..SubmitterClaims::default()
        };
        change(&mut claims);
        CertificateIdentity::made(SubjectAlternativeName::Uri(NAME.to_owned()), claims)
    }

    fn pattern(claims: &[(&str, &[&str])]) -> IdentityPattern {
        let values = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        IdentityPattern {
            issuer: ISSUER.to_owned(),
            roots: vec!["sigstore".to_owned()],
            claims: claims.iter().map(|(name, texts)| ((*name).to_owned(), values(texts))).collect(),
        }
    }

    #[test]
    fn a_pattern_fits_what_it_says_and_nothing_one_change_away() {
        let good = pattern(&[
            ("source_repository_identifier", &["7", "42"]),
            (SUBJECT, &["https://github.com/acme/api/.github/workflows/release.yml@refs/tags/*"]),
        ]);
        assert!(good.fits("sigstore", &holder(|_| ())));
        assert!(!good.fits("staging", &holder(|_| ())), "another root");
        for (changed, what) in [
            (holder(|claims| claims.issuer.push('x')), "another issuer"),
            (
                holder(|claims| claims.source_repository_identifier = Some("421".to_owned())),
                "another repository",
            ),
            (holder(|claims| claims.source_repository_identifier = None), "no repository"),
            (
                holder(|claims| claims.build_trigger = Some(STRANGERS_TRIGGER.to_owned())),
                "a stranger's change",
            ),
        ] {
            assert!(!good.fits("sigstore", &changed), "{what}");
        }
        for subject in [
            "https://github.com/acme/api/.github/workflows/release.yml@refs/heads/*",
            "https://github.com/acme/api/.github/workflows/release.yml@refs/tags/v1",
            "",
        ] {
            assert!(!pattern(&[(SUBJECT, &[subject])]).fits("sigstore", &holder(|_| ())), "{subject}");
        }
        let without_root = IdentityPattern { roots: Vec::new(), ..good };
        assert!(!without_root.fits("sigstore", &holder(|_| ())), "no root is believed");
    }

    #[test]
    fn a_pattern_without_an_id_goes_by_names_where_there_are_ids() {
        let github = "https://token.actions.githubusercontent.com";
        let named = |issuer: &str, names: &[&str]| {
            let claims = names.iter().map(|name| ((*name).to_owned(), vec!["x".to_owned()])).collect();
            IdentityPattern { issuer: issuer.to_owned(), roots: Vec::new(), claims }
        };
        let own = Issuer { kind: Some(IssuerKind::GitLab), ..Issuer::new("https://git.acme.example") };
        for (issuer, claims, expected) in [
            (github, &["source_repository_uri"][..], true),
            (github, &["build_config_uri", "source_repository_ref"], true),
            (github, &["token_subject"], true),
            (github, &["source_repository_uri", "source_repository_identifier"], false),
            (github, &["build_config_uri", "source_repository_owner_identifier"], false),
            // Everybody's branch is nobody's name.
            (github, &["source_repository_ref"], false),
            ("https://git.acme.example", &[SUBJECT], true),
            ("https://accounts.example", &[SUBJECT], false),
        ] {
            let found = named(issuer, claims).goes_by_name(std::slice::from_ref(&own));
            assert_eq!(found, expected, "{issuer} {claims:?}");
        }
    }

    #[test]
    fn all_subjects_of_one_kind_are_nobodys() {
        for (value, somebodys) in [
            ("repo:*", false),
            ("project_path:*", false),
            ("organization:*", false),
            ("org/*", false),
            ("system:*", false),
            ("system:serviceaccount:*", false),
            ("repo:acme/*", true),
            ("repo:acme@42/*", true),
            ("repo:acme/api:*", true),
            ("repo:acme/api:ref:refs/heads/main", true),
            ("project_path:acme/*", true),
            ("organization:acme:*", true),
            ("org/1111/*", true),
            ("system:serviceaccount:ci:*", true),
            ("https://ci.example/job/*", true),
            ("spiffe://example.org/ci/*", true),
            ("acme/*", true),
            ("42", true),
        ] {
            assert_eq!(names_somebody(value), somebodys, "{value}");
            for claim in ["token_subject", SUBJECT] {
                assert_eq!(pattern(&[(claim, &[value])]).says_whose(&[]), somebodys, "{claim} {value}");
                let beside = pattern(&[(claim, &["repo:acme/api:*", value])]);
                assert_eq!(beside.says_whose(&[]), somebodys, "{claim} {value} beside another");
            }
        }
        assert!(
            pattern(&[("token_subject", &["repo:*"]), ("build_config_uri", &["https://x.example/a/*"])])
                .says_whose(&[])
        );
    }

    #[test]
    fn a_job_for_a_strangers_change_fits_only_who_asks_for_it() {
        let job = holder(|claims| claims.build_trigger = Some(STRANGERS_TRIGGER.to_owned()));
        let by_repository: (&str, &[&str]) = ("source_repository_identifier", &["42"]);
        assert!(!pattern(&[by_repository]).fits("sigstore", &job));
        assert!(pattern(&[by_repository, ("build_trigger", &[STRANGERS_TRIGGER])]).fits("sigstore", &job));
        assert!(!pattern(&[by_repository, ("build_trigger", &["push"])]).fits("sigstore", &job));
    }
}
