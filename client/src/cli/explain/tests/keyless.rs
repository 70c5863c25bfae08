//! Identity tokens: where they are looked for, and how asking for one fails.

use custody_client::ci::System;
use custody_client::keyless::{IdTokenError, NoToken};

use super::*;
use crate::cli::record::no_token;

#[test]
fn every_token_that_is_not_there_has_its_words() {
    let host = || "pipelines.actions.githubusercontent.com".to_owned();
    let errors = every!(NoToken {
        NotGiven { system: System::GitHubActions },
        NotGiven { system: System::GitLab },
        NotGiven { system: System::Jenkins },
        File { path: "token".into(), why: "No such file or directory (os error 2)".to_owned() },
        Token { from: "CUSTODY_ID_TOKEN".to_owned(), source: IdTokenError::Empty },
        Token { from: "token".to_owned(), source: IdTokenError::TooLong { max: 16384, found: 20000 } },
        Token { from: "CUSTODY_ID_TOKEN".to_owned(), source: IdTokenError::Form { found: "two parts" } },
        Address { found: "http://example.com/token".to_owned() },
        Unreachable { host: host(), why: "Connection refused (os error 111)".to_owned() },
        Status { host: host(), status: 401 },
        Status { host: host(), status: 503 },
        Answer { host: host(), found: "something else" },
        NoProgram { program: "buildkite-agent" },
        Program { program: "circleci", why: "exit status: 1: not logged in".to_owned() },
    });
    golden("tokens", &texts("NoToken", errors, |error| no_token(&error)));
}
