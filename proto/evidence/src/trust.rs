//! The trust document: who may record what, who administers, which keys speak for the log.
//!
//! It is the predicate of an in-toto statement about the log's origin, and each version of it is an entry of the
//! log. Entry 0 is signed by its own `root` role and by the log key. Every later version is signed by the `root`
//! role before it and by its own, so whoever holds entry 0 can walk to the newest version and needs to believe
//! nobody on the way. The digest of entry 0 is never in the document: clients pin it.
//!
//! The JSON is drawn in `docs/format.md`, "Trust document".

mod allow;
mod check;
mod clock_repair;
mod distrust;
mod document;
mod error;
mod history;
mod issuer;
mod jwks;
mod log_key;
mod members;
mod pattern;
mod people;
mod policy;
mod redaction;
mod root;
mod rule;
mod standing;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod timeline;
mod word;

pub use allow::{ALLOW_FORMAT, ALLOW_TYPE, Allow};
pub use check::MAX_ENTRIES;
pub use clock_repair::{CLOCK_REPAIR_FORMAT, CLOCK_REPAIR_TYPE, ClockRepair};
pub use distrust::{
    DISTRUST_FORMAT, DISTRUST_TYPE, DISTRUSTS_ALONE_MAX, Distrust, Distrusted, REASON_MAX, Target,
};
pub use document::{FORMAT, QuorumError, TrustDocument, statement_of};
pub use error::TrustError;
pub use issuer::{Issuer, MAX_ISSUERS, MAX_REQUIRED, is_fetchable};
pub use jwks::{IssuerKeys, JWKS_FORMAT, JWKS_TYPE, KeySetInUse};
pub use log_key::{LogKey, WindowError};
pub use members::{Person, Predecessor, Role, RoleName, Roles, Successor, TrustMembers};
pub use pattern::{IdentityPattern, SUBJECT};
pub use people::People;
pub use policy::{POLICY_BYTES_MAX, POLICY_FORMAT, POLICY_TYPE, Policy, PolicyVersion};
pub use redaction::{ERASED_KEYS_TYPE, REDACTION_FORMAT, REDACTION_TYPE, Redacted, Redaction};
pub use root::{KnownRoot, MAX_ROOT_KEYS, MAX_ROOTS, RootKey, TrustedRoot};
pub use rule::{About, Authority, WriterRule};
pub use standing::FirstSigned;
pub use state::TrustState;
pub use timeline::Timeline;

pub(crate) use text::base64::encode as base64;

use crate::dsse::{Envelope, IN_TOTO};
use crate::statement::Statement;

/// The predicate type of trust documents.
pub const PREDICATE_TYPE: &str = "urn:custody:trust:v1";

/// The names of the ledger's own administration: `urn:custody:<name>:v<N>`.
const ADMINISTRATIVE: [&str; 7] =
    ["allow", "clock-repair", "distrust", "jwks", "policy", "redaction", "trust"];

/// Whether statements of this type administer the ledger, whatever their version. Writer rules never allow them.
#[must_use]
pub fn is_administrative(predicate_type: &str) -> bool {
    let name = predicate_type.strip_prefix("urn:custody:").and_then(|rest| rest.split(':').next());
    name.is_some_and(|name| ADMINISTRATIVE.contains(&name))
}

/// Whether statements of this type can be true once only: said again, even in the same words, they are refused. The version of a
/// trust document or policy is the next one once, and an entry is erased once.
#[must_use]
pub fn is_said_once(predicate_type: &str) -> bool {
    [PREDICATE_TYPE, POLICY_TYPE, REDACTION_TYPE, CLOCK_REPAIR_TYPE].contains(&predicate_type)
}

/// Whether the envelope holds a statement that can be true once only ([`is_said_once`]), right or wrong.
#[must_use]
pub fn holds_said_once(envelope: &Envelope) -> bool {
    envelope.payload_type() == IN_TOTO
        && Statement::parse(envelope.payload())
            .is_ok_and(|statement| is_said_once(statement.predicate_type()))
}
