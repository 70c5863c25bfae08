//! Readings that were read lately, within a number of bytes.

use std::collections::{BTreeMap, HashMap};
use std::ptr;
use std::sync::Arc;

use custody_log::LeafIndex;

use crate::index::{Findable, Reading};

/// A reading that takes more than this is a large one: 32 KiB, a document with some fifty components.
const SMALL_BYTES: usize = 32 * 1024;

/// The readings used last. What an entry says never changes; that it was erased is asked by whoever takes it.
///
/// Documents have room of their own: the dozens that a question reads once would push out thousands of the small statements that it reads
/// again and again.
#[derive(Debug)]
pub(super) struct Cache {
    small: Part,
    large: Part,
}

#[derive(Debug)]
struct Part {
    bytes_max: usize,
    bytes: usize,
    clock: u64,
    held: HashMap<LeafIndex, Held>,
    /// By the last use: the first is dropped first.
    order: BTreeMap<u64, LeafIndex>,
}

#[derive(Debug)]
struct Held {
    reading: Arc<Reading>,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// Has room for so many bytes of small readings, and of large ones.
    pub(super) fn new(small_max: usize, large_max: usize) -> Self {
        Self { small: Part::new(small_max), large: Part::new(large_max) }
    }

    pub(super) fn take(&mut self, index: LeafIndex) -> Option<Arc<Reading>> {
        self.small.take(index).or_else(|| self.large.take(index))
    }

    /// Keeps a reading and drops the oldest ones beyond the bound. One that is larger than the bound alone is not
    /// kept.
    pub(super) fn keep(&mut self, index: LeafIndex, reading: &Arc<Reading>) {
        // An entry that was erased is read again, and replaces what was kept of it.
        self.small.remove(index);
        self.large.remove(index);
        let bytes = weight(reading);
        let part = if bytes > SMALL_BYTES { &mut self.large } else { &mut self.small };
        part.keep(index, reading, bytes);
    }
}

impl Part {
    fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, clock: 0, held: HashMap::new(), order: BTreeMap::new() }
    }

    fn take(&mut self, index: LeafIndex) -> Option<Arc<Reading>> {
        let held = self.held.get_mut(&index)?;
        self.clock = self.clock.saturating_add(1);
        self.order.remove(&held.used);
        held.used = self.clock;
        self.order.insert(self.clock, index);
        Some(Arc::clone(&held.reading))
    }

    fn keep(&mut self, index: LeafIndex, reading: &Arc<Reading>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        self.clock = self.clock.saturating_add(1);
        let used = self.clock;
        self.held.insert(index, Held { reading: Arc::clone(reading), bytes, used });
        self.order.insert(used, index);
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.first_key_value() else { return };
            self.remove(*oldest);
        }
    }

    fn remove(&mut self, index: LeafIndex) {
        if let Some(held) = self.held.remove(&index) {
            self.order.remove(&held.used);
            self.bytes = self.bytes.saturating_sub(held.bytes);
        }
    }
}

/// About the bytes of memory that a reading takes: its texts, and 64 bytes for each of them (a `String` and its
/// place in a tree). Edges share the texts of their nodes: each counts once.
fn weight(reading: &Reading) -> usize {
    const EACH: usize = 64;
    let text = |text: &str| text.len().saturating_add(EACH);
    let facts = &reading.facts;
    let ends = || facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    // By where they are, which is faster to compare than what they are.
    let texts: BTreeMap<*const str, usize> =
        ends().map(|node| (ptr::from_ref(node.id()), text(node.id()))).collect();
    let edges = texts.into_values().chain(ends().map(|_| EACH));
    let terms = reading.terms.iter().map(|term| text(term.value()));
    let labels = facts.labels.iter().flat_map(|(node, label)| [text(node.id()), text(label)]);
    let times = facts.times.iter().map(|(path, _)| text(path));
    let leading = reading.leading.iter().map(|_| EACH);
    let erased = reading.erased.iter().map(Findable::bytes);
    let observed = facts.observation.iter().map(|observation| observation.weight());
    let leading = leading.chain(erased).chain(observed);
    let all = edges.chain(terms).chain(labels).chain(times).chain(leading);
    all.fold(size_of::<Reading>(), usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::query::tests::memory::{Memory, index};

    fn small(number: usize) -> Arc<Reading> {
        Memory::with_times(&[1, 2, 3]).readings[number].clone()
    }

    /// The same with what takes at least so many bytes.
    fn large(number: usize, bytes: usize) -> Arc<Reading> {
        let texts = 0_u32..u32::try_from(bytes / 64).unwrap();
        let leading = texts.map(|text| u128::from(text).to_be_bytes().last_chunk().copied().unwrap());
        let leading: BTreeSet<_> = leading.collect();
        Arc::new(Reading { leading, ..small(number).as_ref().clone() })
    }

    #[test]
    fn stays_within_its_bytes_and_drops_what_was_used_longest_ago() {
        let bytes = weight(&small(0));
        let mut cache = Cache::new(bytes * 2 + bytes / 2, 0);
        cache.keep(index(0), &small(0));
        cache.keep(index(1), &small(1));
        assert!(cache.take(index(0)).is_some());
        cache.keep(index(2), &small(2));
        assert!(cache.small.bytes <= bytes * 2 + bytes / 2);
        assert!(cache.take(index(1)).is_none());
        assert!(cache.take(index(0)).is_some() && cache.take(index(2)).is_some());
    }

    #[test]
    fn what_is_large_drops_nothing_small_and_nothing_larger_than_all_of_it_is_kept() {
        let room = SMALL_BYTES * 3;
        let mut cache = Cache::new(weight(&small(0)), room);
        cache.keep(index(0), &small(0));
        for number in 1..=2 {
            cache.keep(index(number), &large(1, SMALL_BYTES * 2));
        }
        assert!(cache.take(index(0)).is_some(), "two large ones came by");
        assert!(
            cache.take(index(1)).is_none() && cache.take(index(2)).is_some() && cache.large.bytes <= room
        );
        cache.keep(index(2), &large(1, room));
        assert!(cache.take(index(2)).is_none() && cache.large.bytes == 0, "it takes more than all of it");
    }

    #[test]
    fn what_is_kept_again_replaces_what_was_kept_whatever_its_size() {
        let mut cache = Cache::new(SMALL_BYTES, SMALL_BYTES * 3);
        cache.keep(index(0), &large(0, SMALL_BYTES * 2));
        cache.keep(index(0), &small(0));
        assert_eq!((cache.take(index(0)), cache.large.bytes), (Some(small(0)), 0));
        cache.keep(index(0), &large(0, SMALL_BYTES * 2));
        assert_eq!(
            (cache.take(index(0)).map(|kept| kept.leading.len() > 1), cache.small.bytes),
            (Some(true), 0)
        );
    }
}
