//! SSH signatures over data (openssh, `PROTOCOL.sshsig`), as git makes them over commits, and the keys that may make them
//! (ssh-keygen(1), "ALLOWED SIGNERS").
//!
//! Who signed is believed in two steps. [`SshSignature::verify`] says that the key inside of the signature made it: anybody
//! can have a key. [`AllowedSigners`] says whose key it is, for what, and when. The signatures themselves are checked by
//! aws-lc-rs and ed25519-dalek; here is only how they are wrapped.

mod allowed;
mod key;
mod revoked;
mod signature;
#[cfg(test)]
mod tests;
mod wire;

pub use allowed::{ALLOWED_MAX, Allowed, AllowedSigners, AllowedSignersError, LineProblem};
pub use key::{SshKey, SshKeyError};
pub use revoked::{RevokedKeys, RevokedKeysError};
pub use signature::{ARMOUR_MAX, SshSignature, SshSignatureError};
