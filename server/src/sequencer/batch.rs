//! One batch while it is made: entries get their places; what adds nothing is answered with what is there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use custody_evidence::admission::{
    Admission, AdmissionRecord, Attachment, BoundBy, Build, Refusal, TokenProof,
};
use custody_evidence::envelope::Envelope;
use custody_evidence::trust::{
    CLOCK_REPAIR_TYPE, ERASED_KEYS_TYPE, JWKS_TYPE, REDACTION_TYPE, Redaction, TrustError, TrustState,
};
use custody_log::{
    BlobDigest, ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, Measured, NodeHash,
    RecordDigest, Timestamp,
};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Answered, RecordError, Recorded, Submission, Written, tokens};
use crate::admission::{self, Admitted};
use crate::index::{self, EntryKeys, FactRows, IndexedEntry, Remains};
use crate::journal::{Batch, Erased, FirstUse, Journal, Staged, Stored, encode_erased};
use crate::ledger::{Head, Ledger, Position, newest_admin};
use crate::publish::{LogVerifiers, Tree};

type Answer = oneshot::Sender<Result<Answered, RecordError>>;

/// A batch that is being made: after it the log ends with its last entry.
pub(super) struct Draft<'a> {
    ledger: &'a Ledger,
    head: &'a Head,
    /// What this server signs with.
    keys: &'a LogVerifiers,
    before: &'a Entry,
    before_digest: EntryDigest,
    previous: EntryDigest,
    placed: Vec<Placed>,
    /// Where in the batch the bytes are, and who has the content: a batch is not searched for each that comes.
    by_envelope: HashMap<EnvelopeDigest, usize>,
    by_content: HashMap<ContentDigest, Vec<usize>>,
    /// What holds after this batch, if it brings a trust document.
    next_trust: Option<Arc<TrustState>>,
    /// Who is told what when the batch is committed.
    outcomes: Vec<(Answer, Recorded)>,
}

/// A new entry of the batch.
struct Placed {
    entry: Entry,
    bytes: Vec<u8>,
    leaf: NodeHash,
    /// What the entry index finds it by.
    keys: EntryKeys,
    /// Whether it says whose builds its subjects are.
    is_build: bool,
    /// As received; the batch takes it.
    envelope: Vec<u8>,
    admitted: Box<Admitted>,
    /// In the order of the record; the batch takes them.
    attachments: Vec<Vec<u8>>,
}

impl<'a> Draft<'a> {
    /// Starts a batch behind the entry `before`, whose digest is `previous`.
    pub(super) fn new(
        ledger: &'a Ledger,
        head: &'a Head,
        keys: &'a LogVerifiers,
        before: &'a Entry,
        previous: EntryDigest,
    ) -> Self {
        Self {
            ledger,
            head,
            keys,
            before,
            before_digest: previous,
            previous,
            placed: Vec::new(),
            by_envelope: HashMap::new(),
            by_content: HashMap::new(),
            next_trust: None,
            outcomes: Vec::new(),
        }
    }

    /// Adds a submission, or answers it at once if it is refused.
    pub(super) fn add(&mut self, submission: Submission, time: Timestamp) {
        let Submission { envelope, admitted, answer } = submission;
        match self.place(envelope, admitted, time) {
            Ok(recorded) => self.outcomes.push((answer, recorded)),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Returns the batch as the journal takes it, with the envelopes, which may be large and are not copied; none if
    /// nothing new came.
    pub(super) fn batch(&mut self, tree: &Tree) -> Option<Batch> {
        let first = self.placed.first()?.entry.index;
        let (size, root) = tree.with_appended(&self.leaves());
        let entries = self.placed.iter_mut().map(|placed| Staged {
            entry: placed.bytes.clone(),
            record: placed.admitted.admission.record_bytes().to_vec(),
            envelope: std::mem::take(&mut placed.envelope),
            attachments: std::mem::take(&mut placed.attachments),
            erased: false,
        });
        Some(Batch { entries: entries.collect(), first, size, root })
    }

    /// Returns the leaf hashes of the new entries, in order.
    pub(super) fn leaves(&self) -> Vec<NodeHash> {
        self.placed.iter().map(|placed| placed.leaf).collect()
    }

    /// Returns the log's last entry, this batch included.
    pub(super) fn last(&self) -> &Entry {
        self.placed.last().map_or(self.before, |placed| &placed.entry)
    }

    /// Returns the digest of the log's last entry, this batch included.
    pub(super) const fn last_digest(&self) -> EntryDigest {
        self.previous
    }

    /// Returns the place before this batch, for a journal that refused it.
    pub(super) fn position_before(&self, journal: Box<dyn Journal>) -> Position {
        Position { journal, last: self.before.clone(), last_digest: self.before_digest }
    }

    /// Returns what the entry index needs.
    pub(super) fn indexed(&self) -> Vec<EntryKeys> {
        self.placed.iter().map(|placed| placed.keys.clone()).collect()
    }

    /// Returns what the new entries can be found by, where that is known.
    pub(super) fn findable(&self) -> impl Iterator<Item = FactRows> {
        self.placed
            .iter()
            .filter_map(|placed| Some(placed.admitted.findable.as_ref()?.at(placed.entry.index)))
    }

    /// Returns the trust that holds after this batch.
    pub(super) fn trust(&self) -> Arc<TrustState> {
        Arc::clone(self.next_trust.as_ref().unwrap_or(&self.head.trust))
    }

    /// Tells everyone where their envelope is.
    ///
    /// Many are told by one task of the runtime: each that is told from here would wake one of its threads.
    pub(super) fn succeed(self, runtime: &Handle) {
        if self.placed.iter().any(Placed::repairs_clock) {
            // Tokens that had ended, and were not remembered any more, hold again.
            self.ledger.first_uses().forget();
        }
        self.ledger.first_uses().add(new_tokens(&self.placed), self.last());
        // In the order of the entries, one for each outcome that is no duplicate.
        let mut written = self.placed.into_iter().map(|Placed { bytes, admitted, .. }| Written {
            entry: bytes,
            record: admitted.admission.into_record_bytes(),
        });
        let answers = self.outcomes.into_iter().map(|(answer, recorded)| {
            let written = if recorded.duplicate { None } else { written.next() };
            (answer, Answered { recorded, written })
        });
        let answers: Vec<_> = answers.collect();
        let many = answers.len() > 1;
        let tell = || answers.into_iter().for_each(|(answer, answered)| drop(answer.send(Ok(answered))));
        if many {
            runtime.spawn(async move { tell() });
        } else {
            tell();
        }
    }

    /// Tells everyone whose envelope is new in this batch, or equal to one that is, that it failed. Who was
    /// answered from the log before is told so.
    pub(super) fn fail(self, error: &RecordError) {
        let end = self.before.index;
        for (answer, recorded) in self.outcomes {
            drop(answer.send(if recorded.index <= end { Ok(recorded.into()) } else { Err(error.clone()) }));
        }
    }

    fn place(
        &mut self,
        envelope: Envelope,
        admitted: Box<Admitted>,
        time: Timestamp,
    ) -> Result<Recorded, RecordError> {
        let earlier = self.earlier(&admitted)?;
        let first = earlier.first().map(|(index, _)| *index);
        // Who sends exactly the bytes of an entry gets that entry: it may be a retry whose answer was lost.
        let same = self.same_bytes(&envelope, &admitted)?;
        let there = |index| Ok(Recorded { index, duplicate: true });
        if let Some(index) = same.or(first).filter(|_| admitted.admission.is_said_once()) {
            // A version is the next one once, and an entry is erased once.
            return there(index);
        }
        // The rules that admitted it may be gone by now, but not what they let in.
        let admitted = match (self.admitted_now(admitted, &envelope, time), same) {
            (Err(RecordError::Refused(_)), Some(index)) => return there(index),
            (admitted, _) => admitted?,
        };
        if let Some(index) = same.or(first) {
            let records: Vec<&AdmissionRecord> = earlier.iter().map(|(_, record)| &**record).collect();
            if !admitted.admission.record().adds_to(&records) {
                return there(index);
            }
        }
        let (admitted, attachments) = self.attached(admitted, &envelope, time)?;
        let entry = self.entry(&envelope, &admitted.admission, time);
        let index = entry.index;
        if admitted.admission.administrative() {
            // Only here is the index known, and a log key may not be changed for trees that exist already.
            let next = next_trust(&self.head.trust, &envelope, index)?;
            if let Some(role) = self.keys.not_held(&next, index.size_through()) {
                return Err(RecordError::KeysNotHeld { role });
            }
            self.next_trust = Some(Arc::new(next));
        }
        // What was signed is not needed any more: up to 48 MiB.
        self.push(entry, envelope.into_bytes(), admitted, attachments);
        Ok(Recorded { index, duplicate: false })
    }

    fn push(&mut self, entry: Entry, envelope: Vec<u8>, admitted: Box<Admitted>, attachments: Vec<Vec<u8>>) {
        let (at, bytes) = (self.placed.len(), entry.encode());
        let (digest, leaf) = (EntryDigest::of(&bytes), NodeHash::leaf(&bytes));
        let build = Build::of(entry.index, admitted.admission.record());
        let keys = EntryKeys::of(&IndexedEntry::of(&entry, digest), build.as_ref());
        let is_build = build.is_some();
        self.previous = digest;
        // The same bytes may come twice, by another token: the first entry is theirs.
        self.by_envelope.entry(entry.envelope.digest).or_insert(at);
        self.by_content.entry(entry.content).or_default().push(at);
        self.placed.push(Placed { entry, bytes, leaf, keys, is_build, envelope, admitted, attachments });
    }

    /// Adds what is kept beside the envelope: the token of who showed one; of a redaction, under which keys the index has what it erases.
    fn attached(
        &self,
        mut admitted: Box<Admitted>,
        envelope: &Envelope,
        time: Timestamp,
    ) -> Result<(Box<Admitted>, Vec<Vec<u8>>), RecordError> {
        if admitted.admission.record().predicate_type != REDACTION_TYPE {
            let token = admitted.credential.take().map(|shown| shown.token().to_vec());
            return Ok((admitted, token.into_iter().collect()));
        }
        let redaction = Redaction::in_envelope(envelope.bytes()).ok_or(RecordError::Internal)?;
        let bytes = encode_erased(&self.erased(&redaction, time)?).ok_or(RecordError::Internal)?;
        let attachment = Attachment {
            digest: BlobDigest::of(&bytes),
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            media_type: ERASED_KEYS_TYPE.to_owned(),
        };
        admitted.admission = admitted.admission.with_attachment(attachment)?;
        Ok((admitted, vec![bytes]))
    }

    /// Looks for every entry with the content that is redacted: all of them are erased at this time.
    fn erased(&self, redaction: &Redaction, time: Timestamp) -> Result<Vec<Erased>, RecordError> {
        let index = redaction.index;
        if !self.head.size.contains(index) {
            return Err(Refusal::from(TrustError::NoSuchEntry { found: index.get() }).into());
        }
        let unread = |error| RecordError::Damaged(Arc::new(error));
        let bytes = self.head.journal.entry(index).map_err(unread)?;
        let entry = Entry::decode(&bytes).map_err(|_| RecordError::Internal)?;
        redaction.check(&entry, &bytes).map_err(Refusal::from)?;
        let failed = |error| RecordError::Index(Arc::new(error));
        let same = self.ledger.index().by_content(&redaction.content).map_err(failed)?;
        let erased = same.into_iter().map(|index| {
            let stored = self.head.journal.stored(index).map_err(unread)?;
            let first_use = first_use(index, &stored, time)?;
            let reading = index::read(index, stored.into()).map_err(failed)?;
            Ok(Erased { index, keys: Remains::of(&reading).keys(), first_use })
        });
        erased.collect()
    }

    /// Returns the admission under the rules that hold now, and of the builds that are there now: another repository may have
    /// claimed one since. One rule asks what only the sequencer knows: which key used a token first.
    fn admitted_now(
        &self,
        admitted: Box<Admitted>,
        envelope: &Envelope,
        time: Timestamp,
    ) -> Result<Box<Admitted>, RecordError> {
        let index = self.ledger.index();
        let brings = || self.placed.iter().any(|placed| placed.is_build);
        // A statement about keys does not say where they were fetched: a newer document may mean another place.
        let keys = admitted.admission.record().predicate_type == JWKS_TYPE;
        if keys && self.head.trust.index() > admitted.at {
            return Err(RecordError::KeysMoved);
        }
        // One that administers is admitted again in any case: a trust document may have expired while it waited, and its entry must
        // not say so.
        let stands = admitted.at == self.head.admin
            && !admitted.admission.administrative()
            && !admission::moved(index, &admitted.admission, admitted.builds_to, brings)?;
        let admitted = if stands {
            admitted
        } else {
            let Admitted { earlier, credential, .. } = *admitted;
            let again = admission::admit(self.head, index, envelope, credential, &self.builds(), time)?;
            again.knowing(earlier)
        };
        if let Some(proof) = &admitted.admission.record().token {
            tokens::check(self.ledger, proof, new_tokens(&self.placed), time)?;
        }
        Ok(admitted)
    }

    /// Returns what this batch has of builds.
    fn builds(&self) -> Vec<(LeafIndex, &AdmissionRecord)> {
        let builds = self.placed.iter().filter(|placed| placed.is_build);
        builds.map(|placed| (placed.entry.index, placed.admitted.admission.record())).collect()
    }

    /// Returns the first entry of exactly these bytes, which someone else may have recorded since they were admitted: that of the log is
    /// older than any of this batch.
    fn same_bytes(&self, envelope: &Envelope, admitted: &Admitted) -> Result<Option<LeafIndex>, RecordError> {
        let digest = envelope.digest();
        if let Some(index) = admitted.earlier.same(self.ledger.index(), &digest)? {
            return Ok(Some(index));
        }
        let placed = self.by_envelope.get(&digest).and_then(|at| self.placed.get(*at));
        Ok(placed.map(|placed| placed.entry.index))
    }

    /// Returns the entries of the same content, the oldest first: from the log, then from this batch.
    fn earlier(
        &self,
        admitted: &Admitted,
    ) -> Result<Vec<(LeafIndex, Cow<'_, AdmissionRecord>)>, RecordError> {
        let content = admitted.admission.content();
        let indexes = admitted.earlier.content(self.ledger.index(), &content)?.into_iter();
        let records = indexes.map(|index| Ok((index, Cow::Owned(admission::record_of(self.head, index)?))));
        let mut earlier = records.collect::<Result<Vec<_>, RecordError>>()?;
        let same = self.by_content.get(&content).into_iter().flatten();
        let same = same.filter_map(|at| self.placed.get(*at));
        earlier.extend(
            same.map(|placed| (placed.entry.index, Cow::Borrowed(placed.admitted.admission.record()))),
        );
        Ok(earlier)
    }

    fn entry(&self, envelope: &Envelope, admission: &Admission, time: Timestamp) -> Entry {
        let last = self.last();
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let record = admission.record_bytes();
        Entry {
            index: last.index.next(),
            time,
            previous: Some(self.previous),
            admin: Some(newest_admin(last)),
            administrative: admission.administrative(),
            envelope: Measured { digest: envelope.digest(), length: length(envelope.bytes()) },
            content: admission.content(),
            record: Measured { digest: RecordDigest::of(record), length: length(record) },
        }
    }
}

/// Returns which key used a token, as long as another one could: an erased entry must not make the token anybody's.
fn first_use(index: LeafIndex, stored: &Stored, time: Timestamp) -> Result<Option<FirstUse>, RecordError> {
    let record = AdmissionRecord::decode(&stored.record)
        .map_err(|source| RecordError::DamagedRecord { index, source: Arc::new(source) })?;
    let proof = record.token.filter(|proof| proof.bound_by == BoundBy::FirstUse && proof.ends() > time);
    Ok(proof.map(|proof| FirstUse { token: proof.id, key: proof.key, ends: proof.ends() }))
}

impl Placed {
    fn repairs_clock(&self) -> bool {
        self.admitted.admission.record().predicate_type == CLOCK_REPAIR_TYPE
    }
}

/// Returns the tokens that came with new entries.
fn new_tokens(placed: &[Placed]) -> impl Iterator<Item = &TokenProof> {
    placed.iter().filter_map(|placed| placed.admitted.admission.record().token.as_ref())
}

/// Returns the trust that holds from this entry on. An admitted administrative statement is a DSSE envelope.
fn next_trust(trust: &TrustState, envelope: &Envelope, index: LeafIndex) -> Result<TrustState, Refusal> {
    let document = envelope.dsse().ok_or_else(|| Refusal::Administration {
        predicate_type: custody_evidence::trust::PREDICATE_TYPE.to_owned(),
    })?;
    Ok(trust.next(document, index)?)
}
