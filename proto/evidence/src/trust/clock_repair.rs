//! Clock repairs: ledger time was ahead, and steps back to the server's clock.
//!
//! A repair is the predicate of an administrative statement, signed by a threshold of the role `rules`. It names the entry it
//! follows, so that it is good once and nowhere else, and the time that it may not step behind: else who runs the server could
//! step back to any time with it. The JSON is drawn in `docs/format.md`, "Clock repair".

use custody_log::{Entry, LeafIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::check;
use super::distrust::REASON_MAX;
use super::error::TrustError;
use super::text;
use crate::dsse::{Envelope, IN_TOTO};
use crate::json;
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// The predicate type.
pub const CLOCK_REPAIR_TYPE: &str = "urn:custody:clock-repair:v1";

/// The value of the member `format`.
pub const CLOCK_REPAIR_FORMAT: &str = "custody/clock-repair/v1";

/// What an administrator says of the log's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRepair {
    /// The entry that it follows: the last one with a time that is wrong.
    pub after: LeafIndex,
    /// The earliest time that its own entry may have.
    pub not_before: Timestamp,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    after: u64,
    #[serde(with = "text::time")]
    not_before: Timestamp,
    reason: String,
}

impl ClockRepair {
    /// Reads a statement: one subject, which is the origin of the log.
    pub fn from_statement(statement: &Statement<'_>, origin: &str) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != CLOCK_REPAIR_FORMAT {
            return Err(TrustError::Format { found: members.format.chars().take(80).collect() });
        }
        check::crit_of(&members.crit, &["format", "crit", "after", "not_before", "reason"])?;
        if members.reason.trim().is_empty() || members.reason.len() > REASON_MAX {
            return Err(TrustError::Reason { max: REASON_MAX, found: members.reason.len() });
        }
        let place = |_| TrustError::RepairPlace { found: members.after };
        let after = LeafIndex::new(members.after).map_err(place)?;
        let expected = digest_of_name(NameKind::Origin, origin);
        match statement.subjects() {
            [subject] if subject.name() == Some(origin) && subject.digests().contains(&expected) => {
                Ok(Self { after, not_before: members.not_before, reason: members.reason })
            }
            _ => Err(TrustError::Subject { origin: origin.to_owned(), expected }),
        }
    }

    /// Reads the clock repair in an envelope that is in a log as an administrative entry; none if it holds none. Its signatures are
    /// not looked at: the log let it in.
    #[must_use]
    pub fn in_envelope(bytes: &[u8]) -> Option<Self> {
        let envelope = Envelope::parse(bytes).ok().filter(|envelope| envelope.payload_type() == IN_TOTO)?;
        let statement = Statement::parse(envelope.payload()).ok()?;
        let origin = statement.subjects().first().and_then(|subject| subject.name())?;
        (statement.predicate_type() == CLOCK_REPAIR_TYPE)
            .then(|| Self::from_statement(&statement, origin).ok())
            .flatten()
    }

    /// Whether it is for the entry at this index: it follows the one that the repair names.
    #[must_use]
    pub fn is_at(&self, index: LeafIndex) -> bool {
        self.after < index && self.after.next() == index
    }

    /// Whether this entry may step back by it: it is where the repair says, and no earlier than that says.
    #[must_use]
    pub fn lets(&self, entry: &Entry) -> bool {
        self.is_at(entry.index) && entry.time >= self.not_before
    }

    /// Returns the statement to sign, for the log of this name; the same repair gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn statement(&self, origin: &str) -> Vec<u8> {
        let members = Members {
            format: CLOCK_REPAIR_FORMAT.to_owned(),
            crit: Vec::new(),
            after: self.after.get(),
            not_before: self.not_before,
            reason: self.reason.clone(),
        };
        let predicate = serde_json::to_vec(&members).expect("texts and numbers are always JSON");
        StatementBuilder::new(CLOCK_REPAIR_TYPE)
            .subject(origin, [digest_of_name(NameKind::Origin, origin)])
            .predicate(&predicate)
            .expect("texts and numbers make a statement")
    }
}
