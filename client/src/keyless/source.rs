//! Where a job's identity token is.

use std::path::PathBuf;

use super::Secret;
use super::error::NoToken;
use crate::ci::{System, Variables};

/// The variable that holds a token wherever it is set: GitLab's `id_tokens` and Jenkins' credentials put it there.
pub const VARIABLE: &str = "CUSTODY_ID_TOKEN";

/// Where GitHub says that a job may ask for a token, and with what.
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_BEARER: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Tokens that `CircleCI` gives each job, the newer form first. Their audience is the organisation.
const CIRCLECI: [&str; 2] = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that the user named.
    File(PathBuf),
    /// A variable of the environment, with what it holds.
    Variable(&'static str, Secret),
    /// GitHub's endpoint, asked over HTTPS.
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        bearer: Secret,
    },
    /// The program `buildkite-agent`.
    Buildkite,
    /// The program `circleci`; where it is not there, the token that each job has.
    CircleCi(Option<(&'static str, Secret)>),
}

impl Source {
    /// Finds where the job that runs this program has its token; none outside of CI, and in CI systems that are not known.
    ///
    /// [`VARIABLE`] counts everywhere: somebody set it for this program.
    pub fn find(system: Option<System>, variables: &Variables) -> Result<Option<Self>, NoToken> {
        let held =
            |name: &'static str| variables.get(name).map(|text| Self::Variable(name, Secret::new(text)));
        if let Some(given) = held(VARIABLE) {
            return Ok(Some(given));
        }
        let lacks = |system| Err(NoToken::NotGiven { system });
        match system {
            None | Some(System::Generic) => Ok(None),
            Some(system @ (System::GitLab | System::Jenkins)) => lacks(system),
            Some(System::Buildkite) => Ok(Some(Self::Buildkite)),
            Some(System::CircleCi) => {
                let held = CIRCLECI.into_iter().find_map(|name| Some((name, variables.get(name)?)));
                Ok(Some(Self::CircleCi(held.map(|(name, text)| (name, Secret::new(text))))))
            }
            Some(system @ System::GitHubActions) => {
                match (variables.get(GITHUB_URL), variables.get(GITHUB_BEARER)) {
                    (Some(url), Some(bearer)) => {
                        Ok(Some(Self::GitHub { url: url.to_owned(), bearer: Secret::new(bearer) }))
                    }
                    _ => lacks(system),
                }
            }
        }
    }

    /// Whether somebody named the token for this program: with a flag, or in [`VARIABLE`].
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(self, Self::File(_)) || matches!(self, Self::Variable(name, _) if *name == VARIABLE)
    }

    /// Whether the job chooses the audience, and can have a token for each key.
    #[must_use]
    pub const fn asks(&self) -> bool {
        matches!(self, Self::GitHub { .. } | Self::Buildkite | Self::CircleCi(_))
    }
}

/// Names the place as a user knows it.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name, _) => f.write_str(name),
            Self::GitHub { .. } => write!(f, "GitHub Actions, {GITHUB_URL}"),
            Self::Buildkite => f.write_str("buildkite-agent oidc request-token"),
            Self::CircleCi(_) => f.write_str("circleci run oidc get"),
        }
    }
}
