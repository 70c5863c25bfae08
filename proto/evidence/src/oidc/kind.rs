//! Which CI system an issuer is: it decides what its claims are called in the one vocabulary.

use serde::{Deserialize, Serialize};

/// The kind of an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssuerKind {
    /// Buildkite.
    Buildkite,
    /// `CircleCI`.
    CircleCi,
    /// None of the others: the identity is the token's `sub`.
    Generic,
    /// GitHub Actions, of github.com, ghe.com or an own server.
    GitHub,
    /// GitLab CI, of gitlab.com or an own server.
    GitLab,
    /// The `OpenID` Connect provider plugin of Jenkins.
    Jenkins,
    /// Service accounts of a Kubernetes cluster.
    Kubernetes,
    /// SPIFFE JWT-SVIDs.
    Spiffe,
}

impl IssuerKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Buildkite,
        Self::CircleCi,
        Self::Generic,
        Self::GitHub,
        Self::GitLab,
        Self::Jenkins,
        Self::Kubernetes,
        Self::Spiffe,
    ];

    /// Returns the word in the trust document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buildkite => "buildkite",
            Self::CircleCi => "circleci",
            Self::Generic => "generic",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Jenkins => "jenkins",
            Self::Kubernetes => "kubernetes",
            Self::Spiffe => "spiffe",
        }
    }

    /// Returns the kind of an issuer by its URL alone. Servers of one's own say it in the trust document.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let is = |host: &str| {
            let rest = url.strip_prefix("https://").and_then(|rest| rest.strip_prefix(host));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if is("token.actions.githubusercontent.com") || is_ghe(url) {
            Self::GitHub
        } else if is("gitlab.com") {
            Self::GitLab
        } else if is("agent.buildkite.com") {
            Self::Buildkite
        } else if is("oidc.circleci.com") {
            Self::CircleCi
        } else {
            Self::Generic
        }
    }

    /// Whether it gives repositories and their owners ids that nobody gets again.
    #[must_use]
    pub const fn gives_ids(self) -> bool {
        matches!(self, Self::GitHub | Self::GitLab | Self::Buildkite | Self::CircleCi)
    }

    /// Whether the name of an identity is that of a file which jobs of others may run too.
    #[must_use]
    pub const fn shares_names(self) -> bool {
        matches!(self, Self::GitHub)
    }
}

/// Whether it is the issuer of an enterprise at ghe.com: `https://token.actions.<NAME>.ghe.com`.
fn is_ghe(url: &str) -> bool {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let name = host.strip_prefix("token.actions.").and_then(|rest| rest.strip_suffix(".ghe.com"));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

impl std::fmt::Display for IssuerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
