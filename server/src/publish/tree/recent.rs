//! The newest nodes of the tree, as they were made: proofs for new entries are looked up, not hashed again.

use std::collections::VecDeque;

use custody_log::NodeHash;
use custody_log::tree::NodeId;

/// Nodes that are kept of a level on the border between two levels of tiles: four tiles, more than a batch of 512
/// entries touches. Of each level above it half as many: 64 KiB for the leaves' tiles, 512 KiB for the tallest tree.
const KEPT: usize = 1_024;

/// For each level the newest nodes that are complete. What is not here is made from the tiles.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    levels: Vec<Row>,
}

/// Neighbours on one level.
#[derive(Debug, Clone, Default)]
struct Row {
    first: u64,
    hashes: VecDeque<NodeHash>,
}

impl Recent {
    /// Keeps a node: on each level they come one after the other.
    pub(super) fn push(&mut self, id: NodeId, hash: NodeHash) {
        let level = usize::from(id.level());
        if self.levels.len() <= level {
            self.levels.resize_with(level.saturating_add(1), Row::default);
        }
        let Some(row) = self.levels.get_mut(level) else { return };
        if row.end() != Some(id.index()) {
            *row = Row { first: id.index(), hashes: VecDeque::new() };
        }
        row.hashes.push_back(hash);
        if row.hashes.len() > KEPT >> (level % 8) {
            row.hashes.pop_front();
            row.first = row.first.saturating_add(1);
        }
    }

    /// Returns a node, if it is one of the newest.
    pub(super) fn get(&self, id: NodeId) -> Option<NodeHash> {
        let row = self.levels.get(usize::from(id.level()))?;
        let at = usize::try_from(id.index().checked_sub(row.first)?).ok()?;
        row.hashes.get(at).copied()
    }
}

impl Row {
    fn end(&self) -> Option<u64> {
        self.first.checked_add(u64::try_from(self.hashes.len()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(level: u8, index: u64) -> NodeId {
        NodeId::new(level, index).unwrap()
    }

    fn hash(number: u64) -> NodeHash {
        NodeHash::leaf(&number.to_be_bytes())
    }

    #[test]
    fn the_newest_of_each_level_are_kept_and_no_other_node_is_made_up() {
        let mut recent = Recent::default();
        for index in 0..3_000 {
            recent.push(id(0, index), hash(index));
        }
        recent.push(id(3, 7), hash(1));
        assert_eq!(recent.get(id(0, 2_999)), Some(hash(2_999)));
        assert_eq!(recent.get(id(0, 3_000 - 1_024)), Some(hash(3_000 - 1_024)));
        for missing in [id(0, 3_000 - 1_025), id(0, 3_000), id(3, 6), id(3, 8), id(1, 0), id(60, 0)] {
            assert_eq!(recent.get(missing), None, "{missing:?}");
        }
    }

    #[test]
    fn a_gap_begins_anew() {
        let mut recent = Recent::default();
        recent.push(id(0, 1), hash(1));
        recent.push(id(0, 5), hash(5));
        assert_eq!((recent.get(id(0, 1)), recent.get(id(0, 5))), (None, Some(hash(5))));
    }
}
