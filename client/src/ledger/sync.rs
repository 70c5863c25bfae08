//! Opening a log: what is remembered, what the log shows now, and whether the two agree.

use std::collections::BTreeSet;

use custody_log::LeafIndex;
use custody_log::TreeSize;
use custody_log::checkpoint::{SignedCheckpoint, VerifiedCheckpoint, VerifiedCosignature};
use custody_log::receipt::Receipt;
use custody_log::tree::ConsistencyProof;
use custody_wire::convert::hashes;
use custody_wire::v1::{
    GetAdminChainRequest, GetCheckpointRequest, GetConsistencyRequest, GetEntriesRequest, GetLogRequest,
};
use custody_wire::{Reason, Refusal};

use super::answer::{AtMost, EntriesAnswer};
use super::{Ledger, LedgerError, Options, ProtocolError, Tree, log, parse_checkpoint};
use crate::check::Known;
use crate::connection::{CallError, Connection, Patience, request};
use crate::memory::Memory;
use crate::pin::{Pin, PinError};
use crate::tls::TlsSettings;
use crate::trust::{AdminEntry, Trust, TrustFile, TrustFileError, newest_admin};

/// Why a server does not say which log it keeps.
#[derive(Debug, thiserror::Error)]
pub enum PinOfError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] crate::connection::AddressError),
    /// The call has no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The answer is no pin.
    #[error("the server names a log that cannot be: {0}")]
    Pin(#[from] PinError),
}

/// Asks a server which log it keeps. Nothing proves the answer: a person must compare it.
pub async fn pin_of(server: &str, patience: Patience, tls: &TlsSettings) -> Result<Pin, PinOfError> {
    let connection = Connection::new(server, patience, tls)?;
    let call = |left| {
        let mut reader = connection.reader();
        async move { reader.get_log(request(GetLogRequest {}, left)).await }
    };
    let answer = connection.call(call).await?.into_inner();
    let digest = hex::encode(&answer.genesis);
    Ok(format!("{}+sha256:{digest}", answer.origin).parse()?)
}

impl Ledger {
    /// Opens a log: replays its trust from the pin, and checks that what it shows now contains what it showed
    /// before. What was learned is remembered.
    pub async fn open(options: Options) -> Result<Self, LedgerError> {
        Self::open_over(options.connection()?, options).await
    }

    /// Opens a log over this connection.
    pub(super) async fn open_over(connection: Connection, options: Options) -> Result<Self, LedgerError> {
        let memory = Memory::of(&options.state_dir, &options.pin);
        let remembered = remembered_trust(&memory, &options.pin)?;
        let given = options.trust.filter(|trust| *trust.pin() == options.pin);
        let in_files = [&remembered, &given].into_iter().flatten();
        let mut seen: Vec<VerifiedCheckpoint> =
            in_files.map(|trust| trust.newest().checkpoint().clone()).collect();
        let trust = longer(remembered, given);
        let kept = kept_checkpoint(&memory)?;
        let last_seen = largest(seen.iter().map(VerifiedCheckpoint::signed).chain(&kept)).cloned();
        let known = last_seen.as_ref().map_or(TreeSize::ZERO, |last| last.unverified().size());
        let opening = Opening { connection: &connection, pin: &options.pin, memory: &memory };
        let trust = match opening.newest_trust(trust.as_ref(), known).await {
            Err(LedgerError::Behind { expected, found }) => {
                return Err(opening.behind(trust.as_ref(), last_seen.as_ref(), expected, found).await);
            }
            other => other?,
        };
        if let Some(kept) = kept {
            let keys = trust.log_keys_at(kept.unverified().size());
            let kept = kept
                .verify(&options.pin.origin, &keys)
                .map_err(|source| LedgerError::Remembered { path: memory.checkpoint_path(), source })?;
            seen.push(kept);
        }
        // Not only the largest: two of the same size may have other roots.
        let mut compared = BTreeSet::new();
        for old in &seen {
            if compared.insert(tree(old.signed())) {
                opening.check_consistency(old, trust.newest().checkpoint()).await?;
            }
        }
        let newest = trust.newest().checkpoint().clone();
        let mut ledger =
            Self { connection, memory, trust, newest, compared, builds: Known::new(), warnings: Vec::new() };
        ledger.remember().await?;
        Ok(ledger)
    }

    /// Learns what the log has shown since it was opened: newer administrative entries, a newer checkpoint.
    pub async fn refresh(&mut self) -> Result<(), LedgerError> {
        let opening = self.opening();
        let known = self.newest.checkpoint().size();
        let trust = opening.newest_trust(Some(&self.trust), known).await?;
        self.adopt(trust).await.map(drop)
    }

    /// Takes what was learned of a tree, if that tree extends the newest one known.
    async fn adopt(&mut self, trust: Trust) -> Result<VerifiedCheckpoint, LedgerError> {
        let newest = trust.newest().checkpoint().clone();
        self.opening().check_consistency(&self.newest, &newest).await?;
        self.newest = newest.clone();
        self.trust = trust;
        self.remember().await?;
        Ok(newest)
    }

    /// Checks that a tree that the log signed earlier is part of the newest one known.
    pub async fn contains(&self, old: &VerifiedCheckpoint) -> Result<(), LedgerError> {
        self.opening().check_consistency(old, &self.newest).await
    }

    /// Waits until the log shows a tree as large as one that it signed before. Lag and rollback are told apart.
    pub async fn reach(&mut self, seen: &VerifiedCheckpoint) -> Result<(), LedgerError> {
        let opening = self.opening();
        match opening.newest_trust(Some(&self.trust), seen.checkpoint().size()).await {
            Ok(trust) => self.adopt(trust).await.map(drop),
            Err(LedgerError::Behind { expected, found }) => {
                Err(opening.behind(Some(&self.trust), Some(seen.signed()), expected, found).await)
            }
            Err(error) => Err(error),
        }
    }

    /// Checks a checkpoint that came with an answer: signed by the log, and an extension of the newest one
    /// known. It is remembered.
    pub(super) async fn accept(
        &mut self,
        signed: &SignedCheckpoint,
    ) -> Result<VerifiedCheckpoint, LedgerError> {
        let size = signed.unverified().size();
        let known = self.newest.checkpoint().size();
        if size > known {
            // Nothing is answered as of a tree that may hold a trust document or distrust not known here.
            let trust = self.opening().trust_at(Some(&self.trust), signed).await?;
            return self.adopt(trust).await;
        }
        let keys = self.trust.log_keys_at(size);
        let verified = signed.verify(&self.trust.pin().origin, &keys).map_err(LedgerError::Checkpoint)?;
        if size < known {
            // The request named min_size: an answer from a smaller tree breaks that promise.
            let opening = self.opening();
            let last = self.newest.signed();
            return Err(opening.behind(Some(&self.trust), Some(last), known, size).await);
        }
        self.opening().check_consistency(&self.newest, &verified).await?;
        self.newest = verified.clone();
        self.remember().await?;
        Ok(verified)
    }

    fn opening(&self) -> Opening<'_> {
        Opening { connection: &self.connection, pin: self.trust.pin(), memory: &self.memory }
    }

    /// Writes the memory, after what another process remembered meanwhile was compared with it. That it cannot be
    /// written does not undo what was checked or recorded, so it is a warning: the next run cannot tell a rollback.
    async fn remember(&mut self) -> Result<(), LedgerError> {
        self.compared.insert(tree(self.newest.signed()));
        let mut compared = self.compared.clone();
        let kept = loop {
            let known = |other: &SignedCheckpoint| compared.contains(&tree(other));
            match self.memory.keep_checkpoint(self.newest.signed(), known) {
                Ok(Some(other)) => {
                    self.compare(&other).await?;
                    // A larger tree holds what is the newest now, and is compared anew with every later one.
                    if other.unverified().size() <= self.newest.checkpoint().size() {
                        self.compared.insert(tree(&other));
                    }
                    compared.insert(tree(&other));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let file = self.trust.file();
        if let Err(error) = kept.and_then(|()| self.memory.keep_trust(&file.encode(), file.entries.len())) {
            let warning = format!("{error}; a rollback of the log cannot be noticed next time");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        Ok(())
    }

    /// Compares the newest tree with one that another process remembered.
    async fn compare(&self, other: &SignedCheckpoint) -> Result<(), LedgerError> {
        let size = other.unverified().size();
        let verified = other
            .verify(&self.trust.pin().origin, &self.trust.log_keys_at(size))
            .map_err(|source| LedgerError::Remembered { path: self.memory.checkpoint_path(), source });
        let compared = match verified {
            Ok(other) => self.opening().check_consistency(&other, &self.newest).await,
            Err(error) => Err(error),
        };
        match compared {
            // It stays remembered, and the next run compares it with what that one is shown.
            Err(error)
                if size > self.newest.checkpoint().size() && !matches!(error, LedgerError::Fork { .. }) =>
            {
                Ok(())
            }
            compared => compared,
        }
    }
}

/// Returns what tells a tree from every other.
fn tree(signed: &SignedCheckpoint) -> Tree {
    (signed.unverified().size(), signed.unverified().root().to_hex())
}

/// What is needed to ask a log for its newest state.
struct Opening<'a> {
    connection: &'a Connection,
    pin: &'a Pin,
    memory: &'a Memory,
}

impl Opening<'_> {
    /// Fetches the newest checkpoint, and learns what it says of the administrative entries.
    async fn newest_trust(&self, before: Option<&Trust>, known: TreeSize) -> Result<Trust, LedgerError> {
        let signed = self.checkpoint(known).await?;
        let size = signed.unverified().size();
        if size < known {
            return Err(LedgerError::Behind { expected: known, found: size });
        }
        self.trust_at(before, &signed).await
    }

    /// Fetches the last entry of a tree, and the administrative entries that it says there are. All of it is
    /// proven by this one checkpoint: another one, however new, would say nothing about the entries in between.
    async fn trust_at(
        &self,
        before: Option<&Trust>,
        signed: &SignedCheckpoint,
    ) -> Result<Trust, LedgerError> {
        let size = signed.unverified().size();
        let Some(last) = size.last_index() else {
            return Err(ProtocolError::Ended { expected: "entry 0" }.into());
        };
        let newest = self.last_entry(last, signed).await?;
        let have = before.map(|trust| trust.current().entry.index);
        if let Some(before) = before
            && newest_admin(newest.unverified_entry()) == have
        {
            return Ok(before.extended_to(newest)?);
        }
        let mut entries = before.map_or_else(Vec::new, |trust| trust.file().entries.clone());
        let later = self.admin_chain(have.map_or(LeafIndex::ZERO, LeafIndex::next), size).await?;
        // What was appended after this tree is for the next time.
        entries.extend(later.into_iter().filter(|admin| admin.receipt.unverified_entry().index <= last));
        Ok(Trust::verify(TrustFile { pin: self.pin.clone(), entries, newest })?)
    }

    async fn checkpoint(&self, known: TreeSize) -> Result<SignedCheckpoint, LedgerError> {
        let message = GetCheckpointRequest { log: Some(log(self.pin, known)) };
        let call = |left| {
            let (mut reader, message) = (self.connection.reader(), message.clone());
            async move { reader.get_checkpoint(request(message, left)).await }
        };
        let answer = self.connection.call(call).await.map_err(|error| or_behind(error, known))?;
        parse_checkpoint(&answer.into_inner().checkpoint)
    }

    async fn last_entry(&self, index: LeafIndex, signed: &SignedCheckpoint) -> Result<Receipt, LedgerError> {
        let size = signed.unverified().size();
        let message = GetEntriesRequest {
            log: Some(log(self.pin, size)),
            indexes: vec![index.get()],
            envelopes: false,
        };
        let call = |left| {
            let answer = self.connection.stream(request(message.clone(), left));
            let most = AtMost::entries(1);
            async move { most.collect(answer.await?.into_inner()).await }
        };
        let parts = self.connection.call(call).await.map_err(|error| or_behind(error, size))?;
        Ok(EntriesAnswer::read(parts)?.exactly(&[index])?.last_of(signed)?)
    }

    async fn admin_chain(&self, since: LeafIndex, size: TreeSize) -> Result<Vec<AdminEntry>, LedgerError> {
        let message = GetAdminChainRequest { log: Some(log(self.pin, size)), since: since.get() };
        let call = |left| {
            let answer = self.connection.stream(request(message.clone(), left));
            let most = AtMost::admin_entries(size);
            async move { most.collect(answer.await?.into_inner()).await }
        };
        let parts = self.connection.call(call).await.map_err(|error| or_behind(error, size))?;
        Ok(EntriesAnswer::read(parts)?.admin_entries()?)
    }

    /// Checks that the smaller of two trees is a prefix of the larger one.
    async fn check_consistency(
        &self,
        old: &VerifiedCheckpoint,
        new: &VerifiedCheckpoint,
    ) -> Result<(), LedgerError> {
        let (old, new) =
            if old.checkpoint().size() <= new.checkpoint().size() { (old, new) } else { (new, old) };
        let (a, b) = (old.checkpoint(), new.checkpoint());
        if a.size() == b.size() {
            return if a.root() == b.root() { Ok(()) } else { Err(self.fork(old, new)) };
        }
        let message = GetConsistencyRequest {
            log: Some(log(self.pin, b.size())),
            old_size: a.size().get(),
            new_size: b.size().get(),
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await.map_err(|error| or_behind(error, b.size()))?;
        let hashes = hashes("proof", &answer.into_inner().proof).map_err(ProtocolError::Field)?;
        // A proof of another form cannot be told from one that fails: the log owes a proof, and has none.
        let proven = ConsistencyProof::from_hashes(a.size(), b.size(), hashes)
            .and_then(|proof| proof.verify(a.root(), b.root()));
        proven.map_err(|_| self.fork(old, new))
    }

    fn fork(&self, old: &VerifiedCheckpoint, new: &VerifiedCheckpoint) -> LedgerError {
        let evidence = self.keep_evidence(old.signed(), new.signed());
        LedgerError::Fork { old: old.checkpoint().size(), new: new.checkpoint().size(), evidence }
    }

    /// Tells lag from rollback, when the server stayed below the largest tree seen until the deadline.
    ///
    /// A lagging server can only show checkpoints from the past. A freshness cosignature over a smaller tree
    /// that is later than the one over the larger tree says: this is the log today. So does a smaller
    /// checkpoint without any time, once the deadline has passed.
    async fn behind(
        &self,
        trust: Option<&Trust>,
        last: Option<&SignedCheckpoint>,
        expected: TreeSize,
        found: TreeSize,
    ) -> LedgerError {
        let lag = LedgerError::Behind { expected, found };
        let (Some(trust), Some(last)) = (trust, last) else { return lag };
        let Ok(shown) = self.checkpoint(TreeSize::ZERO).await else { return lag };
        let size = shown.unverified().size();
        if size >= expected || shown.verify(&self.pin.origin, &trust.log_keys_at(size)).is_err() {
            return lag;
        }
        let keys = trust.current().state.freshness_keys();
        let time = |signed: &SignedCheckpoint| {
            signed.cosignatures(&keys).iter().map(VerifiedCosignature::seconds).max()
        };
        if let (Some(shown), Some(last)) = (time(&shown), time(last))
            && shown <= last
        {
            return LedgerError::Behind { expected, found: size };
        }
        LedgerError::Rollback { expected, found: size, evidence: self.keep_evidence(last, &shown) }
    }

    /// Saves two checkpoints; what cannot be written is left out, as the finding itself matters more.
    fn keep_evidence(&self, one: &SignedCheckpoint, two: &SignedCheckpoint) -> Vec<std::path::PathBuf> {
        [one, two].into_iter().filter_map(|signed| self.memory.keep_evidence(signed).ok()).collect()
    }
}

/// Reads `behind` out of a refusal, with the size that the server is at.
fn or_behind(error: CallError, expected: TreeSize) -> LedgerError {
    match &error {
        CallError::Refused(refusal) if refusal.reason() == Some(Reason::Behind) => {
            LedgerError::Behind { expected, found: size_of(refusal) }
        }
        _ => error.into(),
    }
}

fn size_of(refusal: &Refusal) -> TreeSize {
    refusal.metadata("size").and_then(|size| size.parse().ok()).unwrap_or(TreeSize::ZERO)
}

fn remembered_trust(memory: &Memory, pin: &Pin) -> Result<Option<Trust>, LedgerError> {
    let Some(bytes) = memory.trust()? else { return Ok(None) };
    let unusable = |source: TrustFileError| LedgerError::TrustFile {
        path: memory.trust_path(),
        source: Box::new(source),
    };
    let file = TrustFile::decode(&bytes).map_err(unusable)?;
    // The directory's name holds only a part of the pin.
    if file.pin != *pin {
        return Ok(None);
    }
    Trust::verify(file).map(Some).map_err(|error| unusable(error.into()))
}

fn longer(one: Option<Trust>, two: Option<Trust>) -> Option<Trust> {
    match (one, two) {
        (Some(one), Some(two)) => Some(if two.complete_to() > one.complete_to() { two } else { one }),
        (one, two) => one.or(two),
    }
}

/// Returns the remembered checkpoint; nobody has verified it yet.
fn kept_checkpoint(memory: &Memory) -> Result<Option<SignedCheckpoint>, LedgerError> {
    let Some(bytes) = memory.checkpoint()? else { return Ok(None) };
    SignedCheckpoint::parse(&bytes)
        .map(Some)
        .map_err(|source| LedgerError::Remembered { path: memory.checkpoint_path(), source })
}

fn largest<'a>(checkpoints: impl Iterator<Item = &'a SignedCheckpoint>) -> Option<&'a SignedCheckpoint> {
    checkpoints.max_by_key(|signed| signed.unverified().size())
}
