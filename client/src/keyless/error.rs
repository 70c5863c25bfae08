//! Why there is no identity token, and what to do.

use std::path::PathBuf;

use super::secret::IdTokenError;
use super::source::VARIABLE;
use crate::ci::System;

/// Why there is no token. No variant holds a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The CI system gives a job a token only if its definition asks for it, and this one does not.
    #[error("{system} gives this job no identity token")]
    NotGiven {
        /// The system.
        system: System,
    },
    /// A file cannot be read.
    #[error("cannot read the identity token in {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// What was given is no token.
    #[error("the identity token from {from}: {source}")]
    Token {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        source: IdTokenError,
    },
    /// The address to ask at is none, or leads elsewhere than to HTTPS.
    #[error("cannot ask for an identity token: expected an address with https://, found {found:?}")]
    Address {
        /// The address without its query, cut to 200 characters.
        found: String,
    },
    /// Nobody answered.
    #[error("cannot ask {host} for an identity token: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the network said.
        why: String,
    },
    /// There was another answer than a token.
    #[error("{host} answered with HTTP status {status}, expected an identity token with status 200")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The answer holds no token.
    #[error("{host} answered with {found}, expected JSON with the identity token as `value`")]
    Answer {
        /// The host.
        host: String,
        /// What it holds instead, without a part of it.
        found: &'static str,
    },
    /// The program that asks is not there.
    #[error("{program} is not on this machine's PATH, and asks for the identity token")]
    NoProgram {
        /// The program.
        program: &'static str,
    },
    /// The program that asks failed.
    #[error("{program} gave no identity token: {why}")]
    Program {
        /// The program.
        program: &'static str,
        /// How it ended, and the last line that it wrote to stderr.
        why: String,
    },
}

impl NoToken {
    /// Returns the stable word for machines.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotGiven { .. } => "no_id_token",
            Self::File { .. } | Self::Token { .. } => "bad_id_token",
            Self::Address { .. }
            | Self::Unreachable { .. }
            | Self::Status { .. }
            | Self::Answer { .. }
            | Self::NoProgram { .. }
            | Self::Program { .. } => "id_token_request",
        }
    }

    /// Whether trying again later may help.
    #[must_use]
    pub const fn goes_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Returns what the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotGiven { system } => ask_for(*system),
            Self::File { .. } => "check --id-token-file and that this user may read the file".to_owned(),
            Self::Token { .. } => {
                "give the token as the CI system made it: three parts with dots between them, and nothing else"
                    .to_owned()
            }
            Self::Address { .. } => {
                "the CI system sets ACTIONS_ID_TOKEN_REQUEST_URL; nothing else may set it".to_owned()
            }
            Self::Unreachable { .. } => "run the step again; the runner must reach this host".to_owned(),
            Self::Status { status: 401 | 403, .. } => {
                "the job's right to ask may have ended, or its definition does not have `permissions: id-token: write`"
                    .to_owned()
            }
            Self::Status { .. } | Self::Answer { .. } => {
                "run the step again; if it stays, ask whoever runs the CI system".to_owned()
            }
            Self::NoProgram { program } => format!(
                "run custody where {program} is: inside the job, not in a container that it starts; or put a token into \
                 {VARIABLE}"
            ),
            Self::Program { program, .. } => {
                format!("run the same {program} command in the job by hand: its own messages say more")
            }
        }
    }
}

/// Returns what a job's definition needs so that the CI system gives it a token.
#[must_use]
pub fn ask_for(system: System) -> String {
    let text = match system {
        System::GitHubActions => "add to the job: permissions: {id-token: write, contents: read}",
        System::GitLab => {
            "add to the job: id_tokens: {CUSTODY_ID_TOKEN: {aud: AUDIENCE}}, with the audience that the log's trust document \
             names for this issuer (custody trust show)"
        }
        System::Jenkins => {
            "bind a credential of the OpenID Connect Provider plugin: withCredentials([string(credentialsId: 'custody', \
             variable: 'CUSTODY_ID_TOKEN')])"
        }
        System::Buildkite | System::CircleCi | System::Generic => {
            return format!(
                "put the job's identity token into {VARIABLE}, or name its file with --id-token-file"
            );
        }
    };
    format!("{text}; or name a key: --key FILE")
}
