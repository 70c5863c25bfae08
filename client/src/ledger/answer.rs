//! Entries as they come from the server: one checkpoint, then entries with proofs that lead to it.

use custody_log::checkpoint::SignedCheckpoint;
use custody_log::receipt::Receipt;
use custody_log::tree::InclusionProof;
use custody_log::{LeafIndex, TreeSize};
use custody_wire::convert::{hashes, leaf_index};
use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::{EntryEvidence, GetEntriesResponse};
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::{Status, Streaming};

use super::{LedgerError, ProtocolError, parse_checkpoint};
use crate::trust::AdminEntry;

/// The checkpoint and the entries of one answer. Nothing in it has been checked.
pub(super) struct EntriesAnswer {
    pub(super) checkpoint: SignedCheckpoint,
    pub(super) entries: Vec<EntryEvidence>,
}

/// The bytes of administrative entries that are read at most: more do not fit into a trust file.
const ADMIN_BYTES_MAX: u64 = crate::memory::FILE_BYTES_MAX;

/// The largest part of an answer: an admission record and an envelope of 1 MiB each, entry, proof and lengths; in memory
/// 32 bytes more for each of at most 64 hashes, and the part itself.
const PART_BYTES_MAX: u64 = (2 << 20) + 8_192;

/// How much of a stream is read before any of it is checked: a server must not be able to fill the memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtMost {
    parts: u64,
    bytes: u64,
}

impl AtMost {
    /// The checkpoint, and one part for each of these entries, each in a message of its own.
    pub(super) fn entries(asked: usize) -> Self {
        let parts = u64::try_from(asked).unwrap_or(u64::MAX).saturating_add(1);
        Self { parts, bytes: parts.saturating_mul(PART_BYTES_MAX) }
    }

    /// As many administrative entries as there can be in a tree: each is one of its entries.
    pub(super) const fn admin_entries(size: TreeSize) -> Self {
        Self { parts: size.get().saturating_add(1), bytes: ADMIN_BYTES_MAX }
    }

    /// Reads a whole stream, so that an answer that breaks off is asked for again as a whole; none if there is more
    /// than this.
    pub(super) async fn collect(
        self,
        mut stream: Streaming<GetEntriesResponse>,
    ) -> Result<Option<Vec<Part>>, Status> {
        let (mut parts, mut left) = (Vec::new(), self);
        while let Some(message) = stream.message().await? {
            match left.without(&message) {
                Some(less) => left = less,
                None => return Ok(None),
            }
            parts.extend(message.part);
        }
        Ok(Some(parts))
    }

    /// Returns what may come behind this message; none if it is too much already. What was read of it has memory of its
    /// own, so what else came in the message needs no count. It is counted as what it takes in
    /// memory: a part without content has two bytes.
    fn without(self, message: &GetEntriesResponse) -> Option<Self> {
        let hashes = match &message.part {
            Some(Part::Entry(evidence)) => evidence.proof.len(),
            Some(Part::Checkpoint(_)) | None => 0,
        };
        let around = size_of::<Part>().saturating_add(hashes.saturating_mul(size_of::<Bytes>()));
        let bytes = u64::try_from(message.encoded_len().saturating_add(around)).ok()?;
        Some(Self { parts: self.parts.checked_sub(1)?, bytes: self.bytes.checked_sub(bytes)? })
    }
}

impl EntriesAnswer {
    /// Splits the parts: the checkpoint comes first, and once.
    pub(super) fn read(parts: Option<Vec<Part>>) -> Result<Self, LedgerError> {
        let parts = parts.ok_or(ProtocolError::Unexpected { found: "more than was asked for" })?;
        let mut parts = parts.into_iter();
        let checkpoint = match parts.next() {
            Some(Part::Checkpoint(bytes)) => parse_checkpoint(&bytes)?,
            Some(Part::Entry(_)) => {
                return Err(ProtocolError::Unexpected { found: "an entry before its checkpoint" }.into());
            }
            None => return Err(ProtocolError::Ended { expected: "the checkpoint" }.into()),
        };
        let entry = |part| match part {
            Part::Entry(evidence) => Ok(evidence),
            Part::Checkpoint(_) => Err(ProtocolError::Unexpected { found: "a second checkpoint" }),
        };
        Ok(Self { checkpoint, entries: parts.map(entry).collect::<Result<_, _>>()? })
    }

    /// Checks that these are the entries asked for, in this order: an answer with another entry in the place
    /// of the one asked for would carry a valid proof.
    pub(super) fn exactly(self, indexes: &[LeafIndex]) -> Result<Self, ProtocolError> {
        if self.entries.len() > indexes.len() {
            return Err(ProtocolError::Unexpected { found: "an entry that was not asked for" });
        }
        if self.entries.len() < indexes.len() {
            return Err(ProtocolError::Ended { expected: "all entries asked for" });
        }
        for (evidence, expected) in self.entries.iter().zip(indexes) {
            let found = leaf_index("index", evidence.index)?;
            if found != *expected {
                return Err(ProtocolError::WrongEntry { expected: *expected, found });
            }
        }
        Ok(self)
    }

    /// Puts the entry at this place of the answer, its proof and the checkpoint together.
    pub(super) fn receipt(&self, at: usize) -> Result<Receipt, ProtocolError> {
        let evidence = self.entries.get(at).ok_or(ProtocolError::Ended { expected: "the entry" })?;
        receipt_of(evidence, &self.checkpoint)
    }

    /// Puts the first entry of the answer together with the checkpoint of the smallest tree that holds it. The
    /// answer's own checkpoint may be of a larger tree by now: nobody has to wait until the log stands still.
    pub(super) fn last_of(&self, checkpoint: &SignedCheckpoint) -> Result<Receipt, ProtocolError> {
        let receipt = self.receipt(0)?;
        let index = receipt.unverified_entry().index;
        let (entry, proof) = (receipt.unverified_entry().encode(), receipt.proof().in_smallest_tree());
        Receipt::new(entry, proof, checkpoint.clone())
            .map_err(|source| ProtocolError::Receipt { index, source })
    }

    /// Returns administrative entries as the trust file keeps them.
    pub(super) fn admin_entries(&self) -> Result<Vec<AdminEntry>, ProtocolError> {
        let admin = |evidence: &EntryEvidence| {
            Ok(AdminEntry {
                receipt: receipt_of(evidence, &self.checkpoint)?,
                record: evidence.record.to_vec(),
                envelope: evidence.envelope.to_vec(),
            })
        };
        self.entries.iter().map(admin).collect()
    }
}

/// Makes a receipt that nobody has verified. The index that the message names must be the entry's own.
pub(super) fn receipt_of(
    evidence: &EntryEvidence,
    checkpoint: &SignedCheckpoint,
) -> Result<Receipt, ProtocolError> {
    let index = leaf_index("index", evidence.index)?;
    let proof = hashes("proof", &evidence.proof)?;
    let proof = InclusionProof::from_hashes(index, checkpoint.unverified().size(), proof);
    let receipt = proof
        .map_err(Into::into)
        .and_then(|proof| Receipt::new(evidence.entry.to_vec(), proof, checkpoint.clone()));
    receipt.map_err(|source| ProtocolError::Receipt { index, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bytes: usize, hashes: usize) -> GetEntriesResponse {
        let evidence = EntryEvidence {
            entry: Bytes::from(vec![1; 512]),
            record: Bytes::from(vec![1; bytes]),
            envelope: Bytes::from(vec![1; bytes]),
            proof: vec![Bytes::from(vec![1; 32]); hashes],
            index: u64::MAX,
        };
        GetEntriesResponse { part: Some(Part::Entry(evidence)) }
    }

    #[test]
    fn the_largest_entries_asked_for_have_room_and_one_more_has_none() {
        let mut left = AtMost::entries(2);
        for _ in 0..2 {
            left = left.without(&entry(1 << 20, 64)).unwrap();
        }
        left = left.without(&entry(0, 0)).unwrap();
        assert!(left.without(&GetEntriesResponse { part: None }).is_none());
    }

    #[test]
    fn parts_without_content_are_counted_as_what_they_take_in_memory() {
        let empty = GetEntriesResponse { part: Some(Part::Entry(EntryEvidence::default())) };
        let mut left = AtMost::admin_entries(TreeSize::new(u64::MAX >> 1).unwrap());
        let mut taken = 0_usize;
        while let Some(less) = left.without(&empty) {
            (left, taken) = (less, taken + 1);
        }
        assert!(taken * size_of::<Part>() <= 64 << 20, "{taken}");
        assert!(taken > 100_000, "{taken}");
    }
}
