//! Parts of the filters of large runs that are kept in memory, within a number of bytes for all runs together.
//!
//! A filter answers for digests, which come in no order: each look needs another part, and to read one takes about as long as everything else
//! of the look. So parts stay once they were asked. Those of a run go with it, when it is merged into a larger one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::filter::{self, FilterPart};
use super::keys::{Prefix, Row};

/// Memory for parts: 64 MiB. At 1.3 bytes a prefix these are some 50 million, what a million entries and ten million components have
/// twice over. Behind that the parts that find no room are read for each look.
pub(crate) const PARTS_BYTES_MAX: usize = 64 << 20;

/// What a part takes beside its bits, at most.
const PART_BYTES: usize = 192;

/// How much memory is left for parts.
#[derive(Debug)]
pub(crate) struct Room(AtomicUsize);

/// The parts of one run that are in memory.
#[derive(Debug)]
pub(crate) struct Parts {
    /// By the first row that they answer for.
    held: RwLock<BTreeMap<Row, FilterPart>>,
    /// Where their memory is given back to, once some was taken.
    room: OnceLock<Arc<Room>>,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        self.0.try_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

impl Parts {
    pub(crate) const fn new() -> Self {
        Self { held: RwLock::new(BTreeMap::new()), room: OnceLock::new() }
    }

    /// Whether the run may have rows with this prefix, of which `row` is the first: false is certain. None if the part that knows is not here.
    pub(crate) fn may_have(&self, row: &Row, prefix: &Prefix) -> Option<bool> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (_, part) = held.range(..=row).next_back()?;
        (*row < part.end).then(|| filter::may_have(&part.bits, prefix))
    }

    /// Keeps a part, if there is room.
    pub(crate) fn keep(&self, room: &Arc<Room>, part: FilterPart) {
        let room = self.room.get_or_init(|| Arc::clone(room));
        let bytes = size(&part);
        if !room.take(bytes) {
            return;
        }
        let before = self.held.write().unwrap_or_else(PoisonError::into_inner).insert(part.first, part);
        // Whoever asked for it at the same time kept it, too.
        room.give_back(before.as_ref().map_or(0, size));
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = self.room.get() {
            room.give_back(held.values().map(size).sum());
        }
    }
}

fn size(part: &FilterPart) -> usize {
    part.bits.len().saturating_add(PART_BYTES)
}

#[cfg(test)]
mod tests {
    use custody_log::{ContentDigest, LeafIndex};

    use super::super::filter::FilterBuilder;
    use super::*;

    /// The parts of a filter of so many prefixes, and these.
    fn filter(count: usize) -> (Vec<FilterPart>, Vec<Prefix>) {
        let mut prefixes: Vec<_> =
            (0..count).map(|at| Prefix::content(&ContentDigest::of(at.to_string().as_bytes()))).collect();
        prefixes.sort_unstable();
        let mut builder = FilterBuilder::new();
        let mut parts: Vec<_> = prefixes.iter().filter_map(|prefix| builder.push(*prefix)).collect();
        parts.push(builder.finish());
        (parts, prefixes)
    }

    fn known(parts: &Parts, prefix: &Prefix) -> Option<bool> {
        parts.may_have(&prefix.row(LeafIndex::ZERO), prefix)
    }

    #[test]
    fn what_is_kept_answers_for_its_own_rows_and_for_no_others() {
        let (all, prefixes) = filter(10_000);
        let (room, parts) = (Room::new(PARTS_BYTES_MAX), Parts::new());
        assert!(prefixes.iter().all(|prefix| known(&parts, prefix).is_none()), "nothing is kept");
        let (first, end) = (all[1].first, all[1].end);
        parts.keep(&room, all.into_iter().nth(1).unwrap());
        for prefix in &prefixes {
            let row = prefix.row(LeafIndex::ZERO);
            let inside = row >= first && row < end;
            assert_eq!(known(&parts, prefix), inside.then_some(true), "{prefix:?}");
        }
        let others = (0..1_000).map(|at| Prefix::content(&ContentDigest::of(format!("no {at}").as_bytes())));
        let passed = others.filter_map(|other| known(&parts, &other)).collect::<Vec<_>>();
        assert!(passed.len() > 200 && passed.iter().filter(|has| **has).count() < 20);
    }

    #[test]
    fn what_finds_no_room_is_not_kept_until_a_run_goes() {
        let (all, _) = filter(10_000);
        let bytes = size(&all[0]);
        let room = Room::new(2 * bytes);
        let (one, other) = (Parts::new(), Parts::new());
        let part =
            |at: usize| FilterPart { first: all[at].first, end: all[at].end, bits: all[at].bits.clone() };
        let count = |parts: &Parts| parts.held.read().unwrap().len();
        for at in [0, 0, 1, 2] {
            one.keep(&room, part(at));
        }
        assert_eq!(count(&one), 2, "the one that came twice counts once, and the third has no room");
        other.keep(&room, part(0));
        assert_eq!(count(&other), 0);
        drop(one);
        other.keep(&room, part(0));
        other.keep(&room, part(1));
        assert_eq!(count(&other), 2);
    }
}
