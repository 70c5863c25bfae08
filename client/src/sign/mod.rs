//! Keys that sign: what a key does ([`Signer`]), a folder of private keys, and how a key is chosen.
//!
//! ```text
//! <config>/keys/            mode 0700
//!   release.pem             mode 0600, PKCS#8 in PEM: OpenSSL reads it
//!   release.pub             the public half, for the administrators of a log
//! ```
//!
//! A private key that others can read is refused, as OpenSSH does: whoever copied it signs in our name, and nothing
//! in the log can tell.

mod choice;
mod error;
mod name;
mod signer;
mod store;

pub use choice::{Choice, choose, private_key};
pub use error::KeyStoreError;
pub use name::{KeyName, KeyNameError};
pub use signer::{SignError, Signer, add_signature, sign_statement};
pub use store::{KeyStore, StoredKey, load_private_key, public_path, write_key};

#[cfg(test)]
mod tests;
