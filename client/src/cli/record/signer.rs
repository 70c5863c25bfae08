//! Who signs: a key that lasts, or the job that runs this program.

use custody_client::ci;
use custody_client::keyless::{NoToken, Source};
use custody_client::sign::{Choice, KeyStoreError, choose};
use custody_evidence::identity::Identity;
use custody_evidence::predicate::Name;

use super::flags::{Sending, name};
use super::surroundings::variables;
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::key;

/// Who signs.
pub(super) enum Signer {
    /// The holder of a key.
    Key(Box<Choice>),
    /// The job whose token comes from here, with a one-time key.
    Job(Source),
}

impl Signer {
    /// Finds who signs: the key that is named; else the job, by the token that is named or that the CI system gives; else
    /// a stored key.
    pub(super) fn of(sending: &Sending, context: &Context) -> Result<Self, Failure> {
        let store = key::store(context)?;
        let stored = |asked: Option<&str>| choose(asked, &store, |name| key::variable(context, name));
        let named = sending.key.as_deref().filter(|key| !gives_way(key, sending, context));
        if named.is_some() {
            return stored(named).map(Self::key).map_err(|error| key::failure(&error));
        }
        if let Some(path) = &sending.id_token_file {
            return Ok(Self::Job(Source::File(path.clone())));
        }
        let variables = variables(context);
        let system = ci::detect(&variables).map(|job| job.system);
        let lacks = match Source::find(system, &variables) {
            Ok(Some(source)) => return Ok(Self::Job(source)),
            Ok(None) => None,
            Err(lacks) => Some(lacks),
        };
        stored(None).map(Self::key).map_err(|error| without(&error, lacks.as_ref()))
    }

    fn key(chosen: Choice) -> Self {
        Self::Key(Box::new(chosen))
    }

    /// Returns the name of the key, for a statement that says who its author is. A job has none: its one-time key says nothing
    /// to a reader.
    pub(super) fn author(flag: &str, sending: &Sending, context: &Context) -> Result<Name, Failure> {
        match Self::of(sending, context)? {
            Self::Key(chosen) => name(flag, &Identity::from(chosen.key.id()).to_string()),
            Self::Job(_) => Err(Failure::usage(
                "missing_flag",
                format!("{flag} is not given, and a one-time key names nobody"),
            )
            .hint(format!("say who it is with {flag} WHO, or sign with a key: --key KEY"))),
        }
    }
}

/// Whether a key that a setting names gives way to the token that was named for this call.
fn gives_way(key: &str, sending: &Sending, context: &Context) -> bool {
    let set = |flag| context.layers.value(flag).and_then(|(values, _)| values.last());
    sending.id_token_file.is_some()
        && set("id-token-file").is_none()
        && set("key").is_some_and(|value| value == key)
}

/// Says what lacks for both ways, where there is neither a key nor a token.
fn without(error: &KeyStoreError, lacks: Option<&NoToken>) -> Failure {
    match (error, lacks) {
        (KeyStoreError::None { .. }, Some(lacks)) => {
            Failure::usage(lacks.word(), format!("no key to sign with, and {lacks}")).hint(lacks.hint())
        }
        _ => key::failure(error),
    }
}
