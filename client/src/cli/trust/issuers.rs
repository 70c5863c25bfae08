//! The flags of `custody trust propose` for issuers of identity tokens.

use std::path::PathBuf;
use std::time::Duration;

use custody_evidence::oidc::{IssuerKind, KeySet, MAX_KEY_SET, TokenAlgorithm};
use custody_evidence::trust::{Issuer, TrustMembers};

use crate::cli::failure::Failure;
use crate::cli::file;
use crate::cli::settings::duration;

/// The changes of the list of issuers.
#[derive(Debug, clap::Args)]
pub(super) struct IssuerEdits {
    /// Take identity tokens of this `OpenID` Connect issuer, as in the claim `iss`. One of this URL is replaced. Which of its
    /// jobs may record what is for --add-identity to say.
    #[arg(long, value_name = "URL")]
    add_issuer: Option<String>,
    /// The one audience of its tokens, where a job's definition fixes it (GitLab, Jenkins) [default: jobs ask for tokens whose
    /// audience names log and key].
    #[arg(long, value_name = "TEXT", requires = "add_issuer")]
    issuer_audience: Option<String>,
    /// Which CI system it is: `github`, `gitlab`, `buildkite`, `circleci`, `jenkins`, `spiffe`, `kubernetes` or `generic`
    /// [default: told by the URL].
    #[arg(long, value_name = "WORD", value_parser = kind, requires = "add_issuer")]
    issuer_kind: Option<IssuerKind>,
    /// Its keys, pinned: a JWKS file. Identities can then be verified by everybody, and nothing is fetched; administrators
    /// follow the issuer's changes of keys.
    #[arg(long, value_name = "FILE", requires = "add_issuer", conflicts_with = "issuer_jwks_url")]
    issuer_jwks: Option<PathBuf>,
    /// Where its keys are [default: its discovery document says it].
    #[arg(long, value_name = "URL", requires = "add_issuer")]
    issuer_jwks_url: Option<String>,
    /// What its tokens may be signed with: `RS256`, `ES256` or `EdDSA` [default: RS256]. Repeatable.
    #[arg(long, value_name = "ALGORITHM", value_parser = algorithm, requires = "add_issuer")]
    issuer_algorithm: Vec<TokenAlgorithm>,
    /// The longest time that its tokens may live, up to a day [default: 1h].
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "add_issuer")]
    issuer_lifetime: Option<Duration>,
    /// A claim that each of its tokens must have, by the issuer's own name, with this value, or with any. The same claim again:
    /// one of the values. Repeatable.
    #[arg(long, value_name = "CLAIM[=VALUE]", requires = "add_issuer")]
    issuer_claim: Vec<String>,
    /// Take no tokens of this issuer any more. Repeatable.
    #[arg(long, value_name = "URL")]
    remove_issuer: Vec<String>,
}

/// Removes first, then adds.
pub(super) fn apply(members: &mut TrustMembers, edits: &IssuerEdits) -> Result<(), Failure> {
    for url in &edits.remove_issuer {
        let before = members.issuers.len();
        members.issuers.retain(|issuer| issuer.url != *url);
        if members.issuers.len() == before {
            let known: Vec<&str> = members.issuers.iter().map(|issuer| issuer.url.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Failure::usage("no_such_issuer", format!("there is no issuer {url:?}"))
                .hint(format!("there are: {known}")));
        }
    }
    let Some(url) = &edits.add_issuer else { return Ok(()) };
    let issuer = issuer(url, edits)?;
    match members.issuers.iter_mut().find(|known| known.url == issuer.url) {
        Some(known) => *known = issuer,
        None => members.issuers.push(issuer),
    }
    Ok(())
}

fn issuer(url: &str, edits: &IssuerEdits) -> Result<Issuer, Failure> {
    let mut issuer = Issuer::new(url);
    issuer.audience.clone_from(&edits.issuer_audience);
    issuer.kind = edits.issuer_kind;
    issuer.jwks_url.clone_from(&edits.issuer_jwks_url);
    if !edits.issuer_algorithm.is_empty() {
        issuer.algorithms.clone_from(&edits.issuer_algorithm);
    }
    if let Some(lifetime) = edits.issuer_lifetime {
        issuer.longest_lifetime_seconds = lifetime.as_secs();
    }
    if let Some(path) = &edits.issuer_jwks {
        let max = u64::try_from(MAX_KEY_SET).unwrap_or(u64::MAX);
        let bytes = file::read(path, max)?;
        let keys = KeySet::read(&bytes).map_err(|error| {
            Failure::usage("bad_jwks", format!("{}: {error}", path.display())).hint(
                "give the JWKS that the issuer publishes: its discovery document names the place as jwks_uri",
            )
        })?;
        issuer.jwks = Some(keys);
    }
    for claim in &edits.issuer_claim {
        let (name, value) =
            claim.split_once('=').map_or((claim.as_str(), None), |(name, value)| (name, Some(value)));
        let values = issuer.required_claims.entry(name.to_owned()).or_default();
        values.extend(value.map(str::to_owned));
    }
    Ok(issuer)
}

fn kind(text: &str) -> Result<IssuerKind, String> {
    IssuerKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let words: Vec<&str> = IssuerKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("expected one of {}", words.join(", "))
    })
}

fn algorithm(text: &str) -> Result<TokenAlgorithm, String> {
    TokenAlgorithm::named(text).ok_or_else(|| "expected RS256, ES256 or EdDSA".to_owned())
}
