//! Readings that were read lately, within a number of bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use custody_evidence::fact::Node;
use custody_log::LeafIndex;

use crate::index::{Findable, Reading};

/// The readings used last. What an entry says never changes; that it was erased is asked by whoever takes it.
#[derive(Debug)]
pub(super) struct Cache {
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
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, clock: 0, held: HashMap::new(), order: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, index: LeafIndex) -> Option<Arc<Reading>> {
        self.clock = self.clock.saturating_add(1);
        let held = self.held.get_mut(&index)?;
        self.order.remove(&held.used);
        held.used = self.clock;
        self.order.insert(self.clock, index);
        Some(Arc::clone(&held.reading))
    }

    /// Keeps a reading and drops the oldest ones beyond the bound. One that is larger than the bound alone is not
    /// kept.
    pub(super) fn keep(&mut self, index: LeafIndex, reading: &Arc<Reading>) {
        let bytes = weight(reading);
        if bytes > self.bytes_max {
            return;
        }
        // An entry that was erased is read again, and replaces what was kept of it.
        if let Some(before) = self.held.remove(&index) {
            self.order.remove(&before.used);
            self.bytes = self.bytes.saturating_sub(before.bytes);
        }
        self.clock = self.clock.saturating_add(1);
        let used = self.clock;
        self.held.insert(index, Held { reading: Arc::clone(reading), bytes, used });
        self.order.insert(used, index);
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            if let Some(held) = self.held.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(held.bytes);
            }
        }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// About the bytes of memory that a reading takes: its texts, and 64 bytes for each of them (a `String` and its
/// place in a tree). Edges share the texts of their nodes: each counts once.
fn weight(reading: &Reading) -> usize {
    const EACH: usize = 64;
    let text = |text: &str| text.len().saturating_add(EACH);
    let facts = &reading.facts;
    let ends = || facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
    let nodes: BTreeSet<&Node> = ends().collect();
    let edges = nodes.into_iter().map(|node| text(node.id())).chain(ends().map(|_| EACH));
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
    use super::*;
    use crate::query::tests::memory::{Memory, index};

    #[test]
    fn stays_within_its_bytes_and_drops_what_was_used_longest_ago() {
        let memory = Memory::with_times(&[1, 2, 3]);
        let reading = |number: usize| memory.readings[number].clone();
        let bytes = weight(&reading(0));
        let mut cache = Cache::new(bytes * 2 + bytes / 2);
        cache.keep(index(0), &reading(0));
        cache.keep(index(1), &reading(1));
        assert!(cache.take(index(0)).is_some());
        cache.keep(index(2), &reading(2));
        assert!(cache.bytes() <= bytes * 2 + bytes / 2);
        assert!(cache.take(index(1)).is_none());
        assert!(cache.take(index(0)).is_some() && cache.take(index(2)).is_some());
    }

    #[test]
    fn does_not_keep_what_is_larger_than_all_of_it() {
        let memory = Memory::with_times(&[1]);
        let mut cache = Cache::new(10);
        cache.keep(index(0), &memory.readings[0]);
        assert!(cache.take(index(0)).is_none() && cache.bytes() == 0);
    }
}
