//! The trust file: everything that offline verification needs, in one JSON document.
//!
//! ```json
//! {
//!   "format": "custody/trust-file/v1",
//!   "crit": [],
//!   "pin": "example.com/log+sha256:<digest of entry 0>",
//!   "entries": [
//!     { "receipt": "c2sp.org/tlog-proof@v1\n...", "record": "<base64>", "envelope": "<base64>" }
//!   ],
//!   "newest": "c2sp.org/tlog-proof@v1\n..."
//! }
//! ```
//!
//! `entries` are entry 0 and all later administrative entries, in order. `newest` is the receipt of the
//! newest entry that the client knows: its `admin` line says that no administrative entry before it is
//! missing. A receipt carries its own checkpoint, so entries that were fetched at different times need
//! nothing from each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::json::{self, JsonError};
use custody_log::receipt::{Receipt, ReceiptError};
use serde::{Deserialize, Serialize};

use super::ReplayError;
use crate::pin::{Pin, PinError};

const FORMAT: &str = "custody/trust-file/v1";

/// A trust file that is well formed, and that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustFile {
    /// The log that it is for.
    pub pin: Pin,
    /// Entry 0 and all later administrative entries, in order.
    pub entries: Vec<AdminEntry>,
    /// The receipt of the newest entry known.
    pub newest: Receipt,
}

/// One administrative entry with all bytes that it commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminEntry {
    /// Entry, inclusion proof and checkpoint.
    pub receipt: Receipt,
    /// The admission record's bytes.
    pub record: Vec<u8>,
    /// The envelope's bytes.
    pub envelope: Vec<u8>,
}

/// Why bytes are not a trust file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustFileError {
    /// Not the JSON of a trust file.
    #[error("not a trust file: {0}")]
    Json(#[from] JsonError),
    /// Another format or version.
    #[error("expected format {FORMAT}, found {found:?}")]
    Format {
        /// The format found, cut to 80 characters.
        found: String,
    },
    /// A member that a reader must understand, and this one does not.
    #[error("the file needs a reader that understands {name:?}")]
    Critical {
        /// The member's name, cut to 80 characters.
        name: String,
    },
    /// The pin is none.
    #[error("pin: {0}")]
    Pin(#[from] PinError),
    /// A receipt is none.
    #[error("{place}: {source}")]
    Receipt {
        /// `entries[3]` or `newest`.
        place: String,
        /// Why.
        source: ReceiptError,
    },
    /// The administrative entries in it do not lead from its pin to its newest entry.
    #[error("what is in it is not to be believed: {0}")]
    Replay(#[from] ReplayError),
    /// Not standard base64 with padding.
    #[error("entries[{at}].{member} is not standard base64 with padding")]
    Base64 {
        /// 0-based.
        at: usize,
        /// `record` or `envelope`.
        member: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    crit: Vec<String>,
    pin: String,
    entries: Vec<Member>,
    newest: String,
}

#[derive(Serialize, Deserialize)]
struct Member {
    receipt: String,
    record: String,
    envelope: String,
}

impl TrustFile {
    /// Decodes a trust file. Unknown members are ignored unless `crit` names them.
    pub fn decode(bytes: &[u8]) -> Result<Self, TrustFileError> {
        let document: Document = json::from_slice(bytes)?;
        if document.format != FORMAT {
            return Err(TrustFileError::Format { found: document.format.chars().take(80).collect() });
        }
        if let Some(name) = document.crit.first() {
            return Err(TrustFileError::Critical { name: name.chars().take(80).collect() });
        }
        let entries = document.entries.iter().enumerate().map(|(at, member)| member.decode(at));
        Ok(Self {
            pin: document.pin.parse()?,
            entries: entries.collect::<Result<_, _>>()?,
            newest: receipt("newest", &document.newest)?,
        })
    }

    /// Returns the file's bytes, with a final line feed.
    ///
    /// # Panics
    ///
    /// Never: texts and lists are always JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let text = |receipt: &Receipt| String::from_utf8_lossy(&receipt.encode()).into_owned();
        let member = |entry: &AdminEntry| Member {
            receipt: text(&entry.receipt),
            record: STANDARD.encode(&entry.record),
            envelope: STANDARD.encode(&entry.envelope),
        };
        let document = Document {
            format: FORMAT.to_owned(),
            crit: Vec::new(),
            pin: self.pin.to_string(),
            entries: self.entries.iter().map(member).collect(),
            newest: text(&self.newest),
        };
        let mut bytes = serde_json::to_vec_pretty(&document).expect("strings and lists are JSON");
        bytes.push(b'\n');
        bytes
    }
}

impl Member {
    fn decode(&self, at: usize) -> Result<AdminEntry, TrustFileError> {
        let base64 =
            |member, text: &str| STANDARD.decode(text).map_err(|_| TrustFileError::Base64 { at, member });
        Ok(AdminEntry {
            receipt: receipt(&format!("entries[{at}]"), &self.receipt)?,
            record: base64("record", &self.record)?,
            envelope: base64("envelope", &self.envelope)?,
        })
    }
}

fn receipt(place: &str, text: &str) -> Result<Receipt, TrustFileError> {
    Receipt::decode(text.as_bytes())
        .map_err(|source| TrustFileError::Receipt { place: place.to_owned(), source })
}
