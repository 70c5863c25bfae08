//! Fetching entries and checking them, one by one.

use std::collections::BTreeSet;

use custody_evidence::admission::{AdmissionRecord, BUILDS_MAX};
use custody_log::receipt::VerifiedReceipt;
use custody_log::{Entry, LeafIndex};
use custody_wire::limits::ENVELOPE_BYTES_MAX;
use custody_wire::v1::{EntryEvidence, GetEntriesRequest, GetEnvelopeRequest, GetReceiptRequest};

use prost::bytes::Bytes;

use super::answer::{AtMost, EntriesAnswer, receipt_of};
use super::{Ledger, LedgerError, ProtocolError};
use crate::check::{Checked, Erased, Known, Level, Logged, Verified};
use crate::connection::request;

/// How many entries are asked for at once without envelopes: each comes with an admission record of at most
/// 1 MiB, and an answer is held in memory as a whole.
const LOGGED_AT_ONCE: usize = 64;

/// How many entries are asked for at once with envelopes of at most 1 MiB each.
const VERIFIED_AT_ONCE: usize = 32;

/// The memory that checked entries may take together: 256 MiB. The largest entry takes 192 MiB of envelope
/// (three times 64 MiB), 2 MiB of admission record, and 31 MiB of facts (250,000 edges). What has come and is not
/// checked yet is counted as it is checked: at most 64 MiB more.
const HELD_BYTES_MAX: u64 = 256 << 20;

/// How often the bytes of an envelope are in memory once it is verified: its base64, its payload, its statement.
const ENVELOPE_TIMES: u64 = 3;

/// How often the bytes of an admission record are: as they came, and read.
const RECORD_TIMES: u64 = 2;

/// How many entries that others rest on are held: 16, each with a record of at most 1 MiB, as read.
const BUILDS_HELD: usize = 16;

/// What an edge of a statement takes: two nodes that share their texts with others (56), and the texts.
const EDGE_BYTES: u64 = 128;

/// An entry that is proven to be in the log, as it came.
enum Fetched {
    /// With its envelope, or nothing where that was not asked for or is large.
    Logged(Box<Logged>, Vec<u8>),
    Erased(Box<Erased>),
}

impl Ledger {
    /// Fetches entries and checks them to the level asked for, in the order given. `progress` is told how
    /// many are done. Entries that would take more than 256 MiB are refused before their envelopes are fetched.
    pub async fn entries(
        &mut self,
        indexes: &[LeafIndex],
        level: Level,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Checked>, LedgerError> {
        let at_once = if level == Level::Verified { VERIFIED_AT_ONCE } else { LOGGED_AT_ONCE };
        let mut checked = Vec::with_capacity(indexes.len());
        let mut held = 0;
        for some in indexes.chunks(at_once) {
            for fetched in self.fetch(some, level == Level::Verified).await? {
                let (logged, envelope) = match fetched {
                    Fetched::Erased(erased) => {
                        checked.push(Checked::Redacted(erased));
                        progress(checked.len());
                        continue;
                    }
                    Fetched::Logged(logged, envelope) => (*logged, envelope),
                };
                held = taken(held, logged.entry(), level);
                if held > HELD_BYTES_MAX {
                    return Err(LedgerError::TooMuch { checked: checked.len(), of: indexes.len() });
                }
                checked.push(match level {
                    Level::Logged => Checked::Logged(Box::new(logged)),
                    Level::Verified => {
                        let checked = self.verified(logged, envelope).await?;
                        if let Some(verified) = checked.verified() {
                            held = with_facts(held, verified);
                        }
                        checked
                    }
                });
                progress(checked.len());
            }
        }
        Ok(checked)
    }

    /// Fetches one entry and checks everything that can be checked in it: it is verified, or redacted; or logged, where what it rests
    /// on was redacted.
    pub async fn entry(&mut self, index: LeafIndex) -> Result<Checked, LedgerError> {
        let fetched = self.fetch(&[index], true).await?.pop();
        match fetched.ok_or(ProtocolError::Ended { expected: "the entry that was asked for" })? {
            Fetched::Erased(erased) => Ok(Checked::Redacted(erased)),
            Fetched::Logged(logged, envelope) => self.verified(*logged, envelope).await,
        }
    }

    /// Fetches a receipt against the newest checkpoint, and verifies it.
    pub async fn receipt(&mut self, index: LeafIndex) -> Result<VerifiedReceipt, LedgerError> {
        let message = GetReceiptRequest { log: Some(self.log()), index: index.get() };
        let call = |left| {
            let (mut reader, message) = (self.connection.reader(), message.clone());
            async move { reader.get_receipt(request(message, left)).await }
        };
        let answer = self.connection.call(call).await?.into_inner();
        self.check_receipt(index, &answer.receipt).await
    }

    /// Fetches entries without opening their envelopes, which come along where they are small.
    async fn fetch(&mut self, indexes: &[LeafIndex], envelopes: bool) -> Result<Vec<Fetched>, LedgerError> {
        let most = AtMost::entries(indexes.len());
        let message = GetEntriesRequest {
            log: Some(self.log()),
            indexes: indexes.iter().map(|index| index.get()).collect(),
            envelopes,
        };
        let call = |left| {
            let answer = self.connection.stream(request(message.clone(), left));
            async move { most.collect(answer.await?.into_inner()).await }
        };
        let parts = self.connection.call(call).await?;
        let answer = EntriesAnswer::read(parts)?.exactly(indexes)?;
        let checkpoint = self.accept(&answer.checkpoint).await?;
        let keys = self.trust.log_keys_at(checkpoint.checkpoint().size());
        let proven = |evidence: EntryEvidence| {
            let receipt = receipt_of(&evidence, &answer.checkpoint)?;
            let index = receipt.unverified_entry().index;
            let receipt = receipt
                .verify(&self.trust.pin().origin, &keys)
                .map_err(|source| ProtocolError::Receipt { index, source })?;
            Ok((receipt, evidence.record.to_vec(), evidence.envelope.to_vec()))
        };
        let proven = answer.entries.into_iter().map(proven).collect::<Result<Vec<_>, LedgerError>>()?;
        let unknown = proven.iter().any(|(receipt, record, _)| {
            record.is_empty() && self.trust.redaction_of(receipt.entry()).is_none()
        });
        if unknown {
            // It may have been erased since the checkpoint of this answer.
            self.refresh().await?;
        }
        let check = |(receipt, record, envelope): (VerifiedReceipt, Vec<u8>, Vec<u8>)| {
            if record.is_empty() {
                return Ok(Fetched::Erased(Box::new(Erased::new(receipt, &self.trust)?)));
            }
            Ok(Fetched::Logged(Box::new(Logged::new(receipt, record)?), envelope))
        };
        proven.into_iter().map(check).collect()
    }

    /// Checks everything in an entry. Where a provenance that it rests on was redacted, whose builds it is about cannot be decided
    /// again: then it is logged.
    async fn verified(&mut self, logged: Logged, envelope: Vec<u8>) -> Result<Checked, LedgerError> {
        let index = logged.entry().index;
        let envelope = if envelope.is_empty() {
            self.envelope(index, logged.entry().envelope.length).await?
        } else {
            envelope
        };
        // Rare, and large as a future.
        let Some(known) = Box::pin(self.rests_on(index, logged.record())).await? else {
            return Ok(Checked::Logged(Box::new(logged)));
        };
        Ok(Checked::Verified(Box::new(logged.verify(envelope, &self.trust, &known)?)))
    }

    /// Fetches and verifies the entries that one rests on: the provenance by which its subjects are its signer's own builds. These
    /// rest on none. None if one of them was redacted.
    pub(super) async fn rests_on(
        &mut self,
        index: LeafIndex,
        record: &AdmissionRecord,
    ) -> Result<Option<Known>, LedgerError> {
        let builds = record.builds();
        if builds.len() > BUILDS_MAX {
            return Err(ProtocolError::Unexpected { found: "an entry that rests on more than it may" }.into());
        }
        let mut known = Known::new();
        for on in builds.into_iter().filter(|on| *on < index.get()) {
            let Ok(on) = LeafIndex::new(on) else { continue };
            let Some(record) = self.build(on).await? else { return Ok(None) };
            known.insert(on, record);
        }
        Ok(Some(known))
    }

    /// Checks that an entry was admitted by the rules, with all that these entries before it say of builds. False if that cannot be
    /// decided, since one of them was redacted: it may have said more.
    pub(crate) async fn admitted_knowing(
        &mut self,
        index: LeafIndex,
        envelope: Option<Bytes>,
        before: BTreeSet<LeafIndex>,
    ) -> Result<bool, LedgerError> {
        let (mut known, mut erased) = (Known::new(), false);
        for on in before {
            // Of what is not believed of an entry itself the audit told when it was replayed.
            match self.build(on).await {
                Ok(Some(record)) => drop(known.insert(on, record)),
                Ok(None) => erased = true,
                Err(LedgerError::Check(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let fetched = self.fetch(&[index], envelope.is_none()).await?.pop();
        let Some(Fetched::Logged(logged, fetched)) = fetched else { return Ok(true) };
        if self.rests_on(index, logged.record()).await?.is_none() {
            return Ok(false);
        }
        let envelope = match envelope {
            Some(envelope) => envelope.into(),
            None if fetched.is_empty() => self.envelope(index, logged.entry().envelope.length).await?,
            None => fetched,
        };
        logged.verify(envelope, &self.trust, &known)?;
        Ok(!erased)
    }

    /// Fetches and verifies an entry that others rest on; none if it was redacted.
    async fn build(&mut self, index: LeafIndex) -> Result<Option<AdmissionRecord>, LedgerError> {
        if let Some(record) = self.builds.get(&index) {
            return Ok(Some(record.clone()));
        }
        let fetched = self.fetch(&[index], true).await?.pop();
        let fetched = fetched.ok_or(ProtocolError::Ended { expected: "the entry that another rests on" })?;
        let Fetched::Logged(logged, envelope) = fetched else { return Ok(None) };
        let envelope = if envelope.is_empty() {
            self.envelope(index, logged.entry().envelope.length).await?
        } else {
            envelope
        };
        let verified = logged.verify(envelope, &self.trust, &Known::new())?;
        let record = verified.logged().record().clone();
        // A release has several statements about one build; more than a few builds at a time are rare.
        if self.builds.len() >= BUILDS_HELD {
            self.builds.clear();
        }
        self.builds.insert(index, record.clone());
        Ok(Some(record))
    }

    /// Fetches the bytes of an envelope; more than the entry says are refused as they come.
    async fn envelope(&self, index: LeafIndex, length: u64) -> Result<Vec<u8>, LedgerError> {
        // An entry can say any length, and no honest log has a longer envelope than this.
        let length = length.min(ENVELOPE_BYTES_MAX);
        let message = GetEnvelopeRequest { log: Some(self.log()), index: index.get() };
        let call = |left| {
            let (mut reader, message) = (self.connection.reader(), message.clone());
            async move {
                let mut stream = reader.get_envelope(request(message, left)).await?.into_inner();
                let mut bytes = Vec::new();
                while let Some(piece) = stream.message().await? {
                    bytes.extend_from_slice(&piece.data);
                    if u64::try_from(bytes.len()).is_ok_and(|found| found > length) {
                        return Ok(None);
                    }
                }
                Ok(Some(bytes))
            }
        };
        let bytes = self.connection.call(call).await?;
        Ok(bytes.ok_or(ProtocolError::EnvelopeLength { index, expected: length })?)
    }
}

/// Adds what an entry takes once it is checked to this level. The log signed the lengths, and more than them is refused.
fn taken(held: u64, entry: &Entry, level: Level) -> u64 {
    let envelope = match level {
        Level::Logged => 0,
        // No honest log has a longer one.
        Level::Verified => entry.envelope.length.min(ENVELOPE_BYTES_MAX).saturating_mul(ENVELOPE_TIMES),
    };
    held.saturating_add(envelope).saturating_add(entry.record.length.saturating_mul(RECORD_TIMES))
}

fn with_facts(held: u64, verified: &Verified) -> u64 {
    let edges = u64::try_from(verified.facts().edges.len()).unwrap_or(u64::MAX);
    held.saturating_add(edges.saturating_mul(EDGE_BYTES))
}
