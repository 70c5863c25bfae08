//! Policies of the log, read once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use custody_evidence::dsse::Envelope;
use custody_evidence::statement::Statement;
use custody_evidence::trust::{Policy as Stored, PolicyVersion, TrustState};
use custody_gate::Policy;
use custody_gate::policy::nearest_name;
use custody_log::{BlobDigest, LeafIndex};

use super::{Asked, EvaluateError, Log};
use crate::ledger::LedgerError;

/// How many policies are kept as read: 16, each of at most 256 KiB of text and some times that in memory.
const KEPT_MAX: usize = 16;
/// How much of a name is quoted.
const QUOTED_MAX: usize = 200;

/// Policies that were asked by lately.
#[derive(Debug, Default)]
pub struct Policies {
    read: Mutex<BTreeMap<BlobDigest, Arc<Policy>>>,
}

impl Policies {
    /// Returns the policy that is asked for, as administrators had put it by the judged tree.
    pub(super) fn find<E: ?Sized>(
        &self,
        log: &Log<'_, E>,
        trust: &TrustState,
        asked: &Asked,
    ) -> Result<Arc<Policy>, EvaluateError> {
        let found = version(trust, &asked.policy).ok_or_else(|| no_such(log, trust, &asked.policy))?;
        let plain = asked.given == custody_gate::Given::default();
        let policy = if let Some(kept) = plain.then(|| self.kept(found.digest)).flatten() {
            kept
        } else {
            let read = Arc::new(Policy::load_given(text(log, found)?.as_bytes(), &asked.given)?);
            if plain {
                self.keep(found.digest, &read);
            }
            read
        };
        // Of a kept one too: one text may be put under two names.
        if policy.name() != found.name {
            let name = policy.name().to_owned();
            return Err(EvaluateError::OtherName { index: found.index, found: name });
        }
        Ok(policy)
    }

    fn kept(&self, digest: BlobDigest) -> Option<Arc<Policy>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned()
    }

    fn keep(&self, digest: BlobDigest, policy: &Arc<Policy>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= KEPT_MAX {
            read.clear();
        }
        read.insert(digest, Arc::clone(policy));
    }
}

/// Finds NAME, which is the newest, or NAME@sha256:DIGEST.
fn version<'s>(trust: &'s TrustState, asked: &str) -> Option<&'s PolicyVersion> {
    let (name, digest) = asked.split_once('@').map_or((asked, None), |(name, digest)| (name, Some(digest)));
    let is = |policy: &&PolicyVersion| {
        policy.name == name && digest.is_none_or(|digest| policy.digest.to_string() == digest)
    };
    trust.policies().find(is)
}

fn no_such<E: ?Sized>(log: &Log<'_, E>, trust: &TrustState, asked: &str) -> EvaluateError {
    let name = asked.split('@').next().unwrap_or(asked);
    let known: Vec<&str> = trust.policies().map(|policy| policy.name.as_str()).collect();
    EvaluateError::NoSuchPolicy {
        asked: asked.chars().take(QUOTED_MAX).collect(),
        size: log.size,
        nearest: nearest_name(name, known).filter(|nearest| nearest != name),
    }
}

fn text<E: ?Sized>(log: &Log<'_, E>, found: &PolicyVersion) -> Result<String, EvaluateError> {
    let index: LeafIndex = found.index;
    let none = || EvaluateError::NotAPolicy { index };
    let bytes = log.head.journal.envelope(index).map_err(LedgerError::from)?;
    let envelope = Envelope::parse(&bytes).map_err(|_| none())?;
    let statement = Statement::parse(envelope.payload()).map_err(|_| none())?;
    let origin = log.head.trust.document().origin().as_str();
    Ok(Stored::from_statement(&statement, origin).map_err(|_| none())?.text)
}
