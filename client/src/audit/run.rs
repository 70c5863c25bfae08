//! One audit from its start to its end.

use std::collections::VecDeque;
use std::sync::Arc;

use custody_evidence::admission::{AdmissionRecord, Build};
use custody_log::checkpoint::VerifiedCheckpoint;
use custody_log::{HashTile, LeafIndex, TreeSize};
use custody_wire::Reason;
use custody_wire::v1::{GetTileRequest, Log};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::examine::{self, AboutBuilds, Examined};
use super::seen::Seen;
use super::state::State;
use super::stream::{self, Batch, Batches};
use super::tree::Tile;
use super::{AuditError, Finding, FindingKind, Options, Report, SAVE_EVERY};
use crate::check::{Checked, Level};
use crate::connection::{CallError, Connection, request};
use crate::ledger::{Ledger, LedgerError};
use crate::trust::Trust;

/// How many tiles are asked for at once.
const TILES_AT_ONCE: usize = 8;

impl Ledger {
    /// Replays the log up to the newest checkpoint and checks everything, from where the last audit ended. What is
    /// wrong is in the report; an error says that the audit could not be done, and it can be taken up again.
    pub async fn audit(&mut self, options: Options<'_>) -> Result<Report, AuditError> {
        let _lock = self
            .memory()
            .lock_audit()?
            .ok_or_else(|| AuditError::Running { path: self.memory().audit_lock_path() })?;
        let pin = self.trust().pin().clone();
        let saved = if options.from_scratch { None } else { State::load(self.memory(), &pin)? };
        let mut state = saved.unwrap_or_else(|| State::empty(self.memory()));
        let from = state.tree.size();
        let seen = Seen::gather(self, options.checkpoints, &mut state, from).await?;
        let target = self.checkpoint().clone();
        let audit = Audit {
            trust: Arc::new(self.trust().clone()),
            log: self.log(),
            connection: self.connection().clone(),
            ledger: self,
            from,
            target,
            state,
            seen,
            tiles: JoinSet::new(),
            compared_tiles: 0,
        };
        audit.run(options).await
    }
}

struct Audit<'a> {
    ledger: &'a mut Ledger,
    connection: Connection,
    log: Log,
    trust: Arc<Trust>,
    from: TreeSize,
    target: VerifiedCheckpoint,
    state: State,
    seen: Seen,
    /// Tiles that are being compared.
    tiles: JoinSet<Result<Option<Finding>, CallError>>,
    compared_tiles: u64,
}

impl Audit<'_> {
    async fn run(mut self, options: Options<'_>) -> Result<Report, AuditError> {
        let size = self.target.checkpoint().size();
        self.count_erased_since().await?;
        self.state.target = Some(self.target.signed().bytes().to_vec());
        let done = self.replay(size, options).await;
        // What was replayed before an error is kept, if its tiles can still be compared.
        if let Err(error) = done {
            drop(self.save().await);
            return Err(error);
        }
        if self.state.tree.size() == size {
            self.finish().await?;
        }
        self.save().await?;
        self.seen.end();
        let state = self.state;
        Ok(Report {
            from: self.from,
            to: state.tree.size(),
            root: state.tree.root(),
            target: self.target,
            administrative: state.chain.administrative,
            erased: state.erased,
            undecided: state.undecided,
            builds_undecided: state.builds_undecided,
            tiles: self.compared_tiles,
            compared: self.seen.compared,
            findings: state.findings,
            more: state.more,
        })
    }

    /// Fetches, examines on all cores, and takes what came out in order.
    async fn replay(&mut self, size: TreeSize, options: Options<'_>) -> Result<(), AuditError> {
        if self.state.tree.size() >= size {
            return Ok(());
        }
        let first = self.state.tree.size().next_index();
        let mut batches = stream::fetch(self.connection.clone(), self.log.clone(), first, size);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut examining: VecDeque<JoinHandle<Vec<Examined>>> = VecDeque::new();
        let mut saved = self.state.tree.size().get();
        (options.progress)(self.from, self.state.tree.size(), size);
        while !*options.stop.borrow() {
            while examining.len() < cores * 2 {
                let Some(batch) = next_batch(&mut batches, examining.is_empty(), options.stop).await? else {
                    break;
                };
                let trust = Arc::clone(&self.trust);
                examining.push_back(tokio::task::spawn_blocking(move || {
                    let Batch { first, raws, memory } = batch;
                    let examined = examine::batch(first, &raws, &trust);
                    drop(memory);
                    examined
                }));
            }
            let Some(front) = examining.pop_front() else { break };
            for examined in front.await.map_err(|_| AuditError::Thread)? {
                self.take(examined).await?;
            }
            let now = self.state.tree.size();
            (options.progress)(self.from, now, size);
            if now.get() - saved >= SAVE_EVERY {
                self.save().await?;
                saved = now.get();
            }
        }
        Ok(())
    }

    /// Takes the next entry in order.
    async fn take(&mut self, mut examined: Examined) -> Result<(), AuditError> {
        let findings = std::mem::take(&mut examined.findings);
        for finding in findings.into_iter().chain(self.state.chain.follow(&examined, &self.trust)) {
            self.state.found(finding);
        }
        self.state.erased += u64::from(examined.erased);
        self.check_builds(&mut examined).await?;
        for tile in self.state.tree.append(examined.leaf) {
            self.compare_tile(tile).await?;
        }
        self.seen.compare(self.ledger, &self.target, &mut self.state);
        if examined.entry.as_ref().is_some_and(|entry| entry.administrative) {
            self.check_redaction(examined.index).await?;
        }
        self.check_duplicate(&examined).await
    }

    /// Counts the entries that were erased after an earlier audit had replayed them. Those that were erased before it, it counted.
    async fn count_erased_since(&mut self) -> Result<(), AuditError> {
        let (aimed_at, size) = (self.state.aimed_at(), self.target.checkpoint().size());
        let trust = Arc::clone(&self.trust);
        let since = |by: LeafIndex| !aimed_at.contains(by) && size.contains(by);
        for said in trust.current().state.redactions().filter(|said| since(said.by)) {
            let mut replayed = self.state.contents.of(&said.redaction.content);
            replayed.push(said.redaction.index);
            replayed.retain(|index| self.from.contains(*index));
            replayed.sort_unstable();
            replayed.dedup();
            match self.ledger.entries(&replayed, Level::Logged, &|_| {}).await {
                Ok(entries) => {
                    let same = entries.iter().filter(|entry| entry.entry().content == said.redaction.content);
                    self.state.erased += u64::try_from(same.count()).unwrap_or(u64::MAX);
                }
                // What is wrong with one of them was found when it was replayed.
                Err(LedgerError::Check(_) | LedgerError::Protocol(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Looks at the entry that a redaction names: what was erased must be what those who signed it looked at.
    async fn check_redaction(&mut self, by: LeafIndex) -> Result<(), AuditError> {
        let mut said = self.trust.current().state.redactions();
        let Some(redaction) = said.find(|said| said.by == by).map(|said| said.redaction.clone()) else {
            return Ok(());
        };
        match self.ledger.entries(&[redaction.index], Level::Logged, &|_| {}).await {
            Ok(named) => {
                // Encoding gives back the exact bytes that were decoded.
                let mut checked =
                    named.iter().map(|named| redaction.check(named.entry(), &named.entry().encode()));
                if let Some(error) = checked.find_map(Result::err) {
                    let found = format!("an entry, though {error}");
                    self.state.found(Finding::of(by, FindingKind::NotAdmissible, "a refusal", found));
                }
                Ok(())
            }
            // What is wrong with that entry was found when it was replayed.
            Err(LedgerError::Check(_) | LedgerError::Protocol(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at what the entries before say of the builds that an entry is about, and keeps what it says of builds itself.
    async fn check_builds(&mut self, examined: &mut Examined) -> Result<(), AuditError> {
        let index = examined.index;
        if let Some(AboutBuilds { artifacts, envelope }) = examined.about_builds.take() {
            match self.state.builds.about(&artifacts) {
                Some(before) => match self.ledger.admitted_knowing(index, envelope, before).await {
                    Ok(true) => {}
                    Ok(false) => self.state.builds_undecided += 1,
                    Err(LedgerError::Check(error)) => self.state.found(Finding::of_check(index, error)),
                    Err(error) => return Err(error.into()),
                },
                None => self.state.builds_undecided += 1,
            }
        }
        let build = examined.record.as_ref().and_then(|record| Build::of(index, record));
        if let Some(build) = build {
            self.state.builds.add(index, &build);
        }
        Ok(())
    }

    /// Looks at the earlier entries with the same content, of which there are hardly ever any.
    async fn check_duplicate(&mut self, examined: &Examined) -> Result<(), AuditError> {
        let content = examined.entry.as_ref().map(|entry| &entry.content);
        let Some(earlier) = self.state.contents.add(content) else {
            self.state.undecided += 1;
            return Ok(());
        };
        let Some(entry) = examined.entry.as_ref().filter(|_| !earlier.is_empty()) else { return Ok(()) };
        let Some(record) = &examined.record else {
            self.state.undecided += 1;
            return Ok(());
        };
        let earlier = match self.ledger.entries(&earlier, Level::Logged, &|_| {}).await {
            Ok(earlier) => earlier,
            // What is wrong with the earlier entry was found when it was replayed.
            Err(LedgerError::Check(_) | LedgerError::Protocol(_)) => {
                self.state.undecided += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let same: Vec<&Checked> = earlier.iter().filter(|e| e.entry().content == entry.content).collect();
        let records: Vec<&AdmissionRecord> = same.iter().filter_map(|e| e.record()).collect();
        if records.len() < same.len() {
            // Of what was erased nobody can say what it lacked.
            self.state.undecided += 1;
            return Ok(());
        }
        let bytes = same.iter().any(|e| e.entry().envelope.digest == entry.envelope.digest);
        if let Some(first) = same.first()
            && (bytes || !record.adds_to(&records))
        {
            let first = first.entry().index;
            let expected = format!("an answer with entry {first}");
            let finding =
                Finding::of(examined.index, FindingKind::Duplicate, expected, "an entry of its own");
            self.state.found(finding);
        }
        Ok(())
    }

    async fn compare_tile(&mut self, tile: Tile) -> Result<(), AuditError> {
        while self.tiles.len() >= TILES_AT_ONCE {
            self.one_tile_done().await?;
        }
        self.tiles.spawn(compare(self.connection.clone(), self.log.clone(), tile));
        Ok(())
    }

    async fn one_tile_done(&mut self) -> Result<(), AuditError> {
        let Some(done) = self.tiles.join_next().await else { return Ok(()) };
        let finding = done.map_err(|_| AuditError::Thread)?.map_err(LedgerError::from)?;
        self.compared_tiles += 1;
        if let Some(finding) = finding {
            self.state.found(finding);
        }
        Ok(())
    }

    /// Compares the root with the signed one, and the tiles at the right edge.
    async fn finish(&mut self) -> Result<(), AuditError> {
        let (expected, found) = (*self.target.checkpoint().root(), self.state.tree.root());
        if expected != found {
            let size = self.target.checkpoint().size();
            let evidence = self.ledger.memory().keep_evidence(self.target.signed()).ok();
            let expected = format!("root {expected} at tree size {size}");
            let finding = Finding::of_tree(FindingKind::RootDiffers, expected, format!("root {found}"));
            self.state.found(Finding { evidence: evidence.into_iter().collect(), ..finding });
        }
        for tile in self.state.tree.edge() {
            self.compare_tile(tile).await?;
        }
        Ok(())
    }

    /// Saves the state once everything up to it was compared.
    async fn save(&mut self) -> Result<(), AuditError> {
        while !self.tiles.is_empty() {
            self.one_tile_done().await?;
        }
        self.state.save(self.ledger.memory(), self.trust.pin())
    }
}

/// Returns the next batch; none when there is no more, when the audit is stopped, or when there is none yet and
/// `wait` is false.
async fn next_batch(
    batches: &mut Batches,
    wait: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Option<Batch>, LedgerError> {
    if wait {
        let mut stop = stop.clone();
        return tokio::select! {
            batch = batches.recv() => batch.transpose(),
            Ok(_) = stop.wait_for(|stop| *stop) => Ok(None),
        };
    }
    match batches.try_recv() {
        Ok(batch) => batch.map(Some),
        Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(None),
    }
}

/// Compares a tile with the one that the server publishes.
async fn compare(connection: Connection, log: Log, tile: Tile) -> Result<Option<Finding>, CallError> {
    let Tile { path, hashes } = tile;
    let message = GetTileRequest { log: Some(log), path: path.to_string() };
    let call = |left| {
        let (mut reader, message) = (connection.reader(), message.clone());
        async move { reader.get_tile(request(message, left)).await }
    };
    let expected = HashTile::from_hashes(hashes).encode();
    let found = match connection.call(call).await {
        Ok(response) => response.into_inner().data,
        Err(CallError::Refused(refusal)) if refusal.reason() == Some(Reason::NoSuchEntry) => {
            let expected = format!("{path}");
            return Ok(Some(Finding::of_tree(FindingKind::TileDiffers, expected, "no such tile")));
        }
        Err(error) => return Err(error),
    };
    if found == expected {
        return Ok(None);
    }
    let digest = |bytes: &[u8]| format!("{path} with {}", custody_log::BlobDigest::of(bytes));
    Ok(Some(Finding::of_tree(FindingKind::TileDiffers, digest(&expected), digest(&found))))
}
