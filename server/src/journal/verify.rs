//! The check of everything in a segment, in order: what a copy must pass before it is believed.

use std::sync::Arc;

use custody_log::tree::Frontier;
use custody_log::{Entry, NodeHash, TreeSize};

use super::chain::Chain;
use super::damage::DamageKind;
use super::fields::wide;
use super::redactions::Redactions;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::{HEADER_LEN, Location};

/// Where a check of all entries in order stands.
#[derive(Debug, Clone)]
pub(super) struct Verifier {
    chain: Chain,
    frontier: Frontier,
    /// What may be erased.
    redactions: Arc<Redactions>,
}

/// What a segment turned out to hold.
#[derive(Debug)]
pub(super) struct Passed {
    /// Where the checked frames end.
    pub(super) end: u64,
    /// Where the entries are.
    pub(super) locations: Vec<Location>,
}

impl Verifier {
    /// Before entry 0 of a log with these redactions.
    pub(super) fn start(redactions: Redactions) -> Self {
        Self { chain: Chain::start(), frontier: Frontier::empty(), redactions: Arc::new(redactions) }
    }

    /// After other entries, which were checked before or are taken as they are.
    pub(super) fn after(&self, chain: Chain, frontier: Frontier) -> Self {
        Self { chain, frontier, redactions: Arc::clone(&self.redactions) }
    }

    /// What may be erased.
    pub(super) fn redactions(&self) -> &Redactions {
        &self.redactions
    }

    /// How many entries were passed.
    pub(super) const fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// The right edge of the tree over them.
    pub(super) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Checks one frame: checksum, entries, chain, records, inline envelopes, root. Steps over it only if all holds.
    pub(super) fn frame(&mut self, file: &SegmentFile, offset: u64, end: u64) -> Result<Scanned, Broken> {
        let frame = file.frame(offset, end, self.chain.next())?;
        if frame.head.first != self.chain.next() {
            let kind = frame.head.position(self.chain.next());
            return Err(file.damage(offset, self.chain.next(), kind).into());
        }
        let mut passed = self.clone();
        for (parts, bytes) in frame.entries() {
            let index = passed.chain.next();
            let damage = |kind| file.damage(offset + parts.entry, index, kind);
            let entry = Entry::decode(bytes).map_err(DamageKind::Entry).map_err(damage)?;
            let repairs = passed.chain.needs_repair(&entry)
                && file.repairs_clock(parts.envelope.map(|at| offset + at), &entry)?;
            passed.chain.follow(&entry, bytes, frame.head.count, repairs).map_err(damage)?;
            file.check_blobs(offset, parts, &entry, &passed.redactions)?;
            passed.frontier.append(NodeHash::leaf(bytes));
        }
        let (expected, found) = (passed.frontier.root(), frame.head.root);
        if expected != found {
            let kind = DamageKind::Root { what: "the frame", size: frame.head.size, expected, found };
            return Err(file.damage(offset, self.chain.next(), kind).into());
        }
        *self = passed;
        Ok(frame)
    }

    /// Checks the frames of a segment up to a tree size that one of them ends at, and hands out each of them. If the
    /// segment is sealed at that size, its table and footer are checked too.
    pub(super) fn segment(
        &mut self,
        file: &SegmentFile,
        until: TreeSize,
        each: &mut dyn FnMut(&Self, &Scanned) -> Result<(), Broken>,
    ) -> Result<Passed, Broken> {
        let mut passed = Passed { end: wide(HEADER_LEN), locations: Vec::new() };
        while self.size() < until {
            let frame = self.frame(file, passed.end, file.len)?;
            passed.locations.extend(frame.locations());
            passed.end = frame.end();
            each(self, &frame)?;
        }
        Ok(passed)
    }

    /// Checks the frames of a segment up to a tree size, or up to where the frames end if that comes first.
    pub(super) fn segment_to_end(
        &mut self,
        file: &SegmentFile,
        until: Option<TreeSize>,
        each: &mut dyn FnMut(&Scanned),
    ) -> Result<Passed, Broken> {
        let mut passed = Passed { end: wide(HEADER_LEN), locations: Vec::new() };
        while until.is_none_or(|until| self.size() < until) && passed.end < file.len {
            if file.ends_at(passed.end, file.len)? {
                break;
            }
            let frame = self.frame(file, passed.end, file.len)?;
            passed.locations.extend(frame.locations());
            passed.end = frame.end();
            each(&frame);
        }
        Ok(passed)
    }

    /// Checks the seal of a segment whose frames were passed.
    pub(super) fn seal(&self, file: &SegmentFile, passed: &Passed) -> Result<(), Broken> {
        let footer = file.footer()?;
        let at = footer.table + footer.table_len();
        if footer.size != self.size() || footer.table != passed.end {
            let (expected, found) = (self.size(), footer.size);
            let kind = DamageKind::Shorter { what: "the footer", expected: found, found: expected };
            return Err(file.damage(at, footer.first, kind).into());
        }
        let expected = self.frontier.root();
        if footer.root != expected {
            let kind =
                DamageKind::Root { what: "the footer", size: footer.size, expected, found: footer.root };
            return Err(file.damage(at, footer.first, kind).into());
        }
        if file.table(&footer)? == passed.locations {
            Ok(())
        } else {
            Err(file.damage(footer.table, footer.first, DamageKind::Row).into())
        }
    }
}

/// The entries of a frame whose envelopes are files, and not erased.
pub(super) fn large(frame: &Scanned, redactions: &Redactions) -> impl Iterator<Item = Entry> {
    in_files(frame).filter(|entry| redactions.of(entry).is_none())
}

/// The entries of a frame whose envelopes were files, and are erased.
pub(super) fn erased(frame: &Scanned, redactions: &Redactions) -> impl Iterator<Item = Entry> {
    in_files(frame).filter(|entry| redactions.of(entry).is_some())
}

fn in_files(frame: &Scanned) -> impl Iterator<Item = Entry> {
    let entries = frame.entries().filter(|(parts, _)| parts.envelope.is_none());
    entries.filter_map(|(_, bytes)| Entry::decode(bytes).ok())
}
