//! Keyless recording: who records is said by the identity token of the CI job, and shown by a one-time key.
//!
//! The job's CI system vouches for the job in a token ([`Source`]). The token alone would let everybody who reads it speak
//! for the job, so what is recorded is signed by a one-time key, which the log takes for one with the token. There are
//! two ways to tie them together:
//!
//! - The job asks for a token whose audience names log and key. Such a token is of no use to anybody else, and a new
//!   key is made in memory for each command.
//! - The token was given to the job, with an audience that is fixed. The log takes it from the first key that uses it and
//!   from no other until it ends, so all commands of a job have to sign with one key: [`OneTimeKeys`].
//!
//! Nothing is guessed: a token is taken where a user names it, or where the detected CI system gives one.

mod error;
mod github;
mod key;
mod program;
mod secret;
mod source;

pub use error::{NoToken, ask_for};
pub use key::{KeyForToken, OneTimeKeys, one_time_key};
pub use secret::{IdToken, IdTokenError, Secret, TOKEN_BYTES_MAX};
pub use source::{Source, VARIABLE};

#[cfg(test)]
mod tests;
