//! What administrators said one after the other: grows at its end, and every state of the trust holds all of it up to itself.

use std::sync::Arc;

/// How many items are copied at most when one is added: 64.
const CHUNK: usize = 64;

/// A list that only grows. Copies share what they have in common, so that a client may hold the state after each of
/// 10,000 administrative entries: that is 160 pointers each, and not 10,000 items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> History<T> {
    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => Arc::make_mut(chunk).push(item),
            None => self.chunks.push(Arc::new(vec![item])),
        }
    }

    /// Returns the items, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().rev().flat_map(|chunk| chunk.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_keep_what_they_had_and_share_it() {
        let mut states = vec![History::default()];
        for number in 0..200 {
            let mut next = states[number].clone();
            next.push(number);
            states.push(next);
        }
        for (length, state) in states.iter().enumerate() {
            let expected: Vec<usize> = (0..length).rev().collect();
            assert_eq!(state.newest_first().copied().collect::<Vec<_>>(), expected);
        }
        assert!(Arc::ptr_eq(&states[100].chunks[0], &states[200].chunks[0]));
    }
}
