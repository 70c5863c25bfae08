//! `custodyd init --predecessor`: a new log that continues one which can no longer be written.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::dsse::Envelope;
use custody_evidence::json;
use custody_evidence::trust::{Predecessor, TrustState};
use custody_log::{Origin, Receipt, VerifierKey};
use serde::Deserialize;

use super::{Exit, Failure};
use crate::newest::{self, NewestError};

/// The longest trust file that is read: 64 MiB, as the client writes them.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The flags that name the log before.
#[derive(Debug, clap::Args)]
pub(super) struct Before {
    /// File with the newest checkpoint of the log that this one continues: a signed note or a receipt
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    predecessor: Option<PathBuf>,
    /// The key that signed it, as `custody trust show` prints it after `log key`
    #[arg(long, value_name = "KEY", requires = "predecessor")]
    predecessor_key: Option<VerifierKey>,
    /// The old log's trust file, which `custody trust show --out` wrote, in the place of the key
    #[arg(long, value_name = "FILE", requires = "predecessor", conflicts_with = "predecessor_key")]
    predecessor_trust: Option<PathBuf>,
}

impl Before {
    /// Returns the log before, if one is named: its checkpoint is signed by its own key.
    pub(super) fn of(&self, origin: &Origin) -> Result<Option<Predecessor>, Failure> {
        let Some(path) = &self.predecessor else { return Ok(None) };
        let given = newest::read(path)?;
        let body = given.signed.unverified();
        let keys = match (&self.predecessor_key, &self.predecessor_trust) {
            (Some(key), _) => vec![key.clone()],
            (None, Some(trust)) => trusted(trust)?.log_keys_at(body.size()),
            (None, None) => {
                return Err(Failure::usage("the key of the log before is not named")
                    .hint("give --predecessor-key KEY or --predecessor-trust FILE"));
            }
        };
        let not_ours = |why| NewestError::NotOurs { path: path.clone(), origin: body.origin().clone(), why };
        given.signed.verify(body.origin(), &keys).map_err(not_ours)?;
        if body.origin() == origin {
            return Err(Failure::usage("a log that continues another one has another origin")
                .hint("name a new one with --origin: two logs of one name would be a fork"));
        }
        let (origin, size, root) = (body.origin().clone(), body.size(), *body.root());
        Ok(Some(Predecessor { origin, size, root }))
    }
}

#[derive(Deserialize)]
struct TrustFile {
    entries: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    receipt: String,
    envelope: String,
}

/// Replays the trust documents of a trust file.
fn trusted(path: &Path) -> Result<TrustState, Failure> {
    let shown = path.display();
    let unread = |error: std::io::Error| Failure::usage(format!("cannot read {shown}: {error}"));
    let hint = "give the file that `custody trust show --out FILE` wrote";
    let malformed = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("{shown} is not a trust file that holds: {why}")).hint(hint)
    };
    if fs::metadata(path).map_err(unread)?.len() > FILE_BYTES_MAX {
        return Err(malformed(&"it is too long"));
    }
    let bytes = fs::read(path).map_err(unread)?;
    let file: TrustFile = json::from_slice(&bytes).map_err(|error| malformed(&error))?;
    let mut state: Option<TrustState> = None;
    for member in &file.entries {
        let receipt = Receipt::decode(member.receipt.as_bytes()).map_err(|error| malformed(&error))?;
        let bytes = STANDARD.decode(&member.envelope).map_err(|error| malformed(&error))?;
        let envelope = Envelope::parse(&bytes).map_err(|error| malformed(&error))?;
        let index = receipt.unverified_entry().index;
        state = Some(match state {
            None => TrustState::first_of_any(&envelope).map_err(|error| malformed(&error))?,
            Some(state) => state.next(&envelope, index).map_err(|error| malformed(&error))?,
        });
    }
    state.ok_or_else(|| Failure::new(Exit::Usage, &custody_evidence::trust::TrustError::Missing).hint(hint))
}
