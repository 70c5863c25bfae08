//! Which entry of a broken frame is the broken one.

use custody_log::tree::Frontier;
use custody_log::{Entry, EntryDigest, LeafIndex, NodeHash};

use super::chain::Chain;
use super::damage::{Damage, DamageKind};
use super::scan::Scanned;

/// Finds out which entry of a frame is broken, when its checksum says that one part is. `behind` is the entry
/// after the frame; chain and frontier stand before it.
pub(super) fn pinpoint(
    frame: &Scanned,
    behind: Option<&Entry>,
    mut chain: Chain,
    mut frontier: Frontier,
    damage: Damage,
) -> Damage {
    let at =
        |offset: u64, entry: LeafIndex| Damage { offset: frame.offset + offset, entry, ..damage.clone() };
    let mut before = None;
    let entries: Vec<_> = frame.entries().collect();
    for (position, (parts, bytes)) in entries.iter().enumerate() {
        let index = chain.next();
        frontier.append(NodeHash::leaf(bytes));
        // Which one is broken is asked, and not whether it may step back.
        let entry = Entry::decode(bytes).map_err(DamageKind::Entry);
        match entry.and_then(|entry| chain.follow(&entry, bytes, entries.len(), true)) {
            Ok(()) => before = Some((parts.entry, index)),
            Err(DamageKind::Chain(_)) => {
                // Either this entry is broken, or the one before, whose digest it names. The next one tells
                // whether this one is intact; if there is none, the one before has more bytes that can break.
                let inside = entries.get(position + 1).map(|(_, next)| Entry::decode(next).ok());
                let next = inside.unwrap_or_else(|| behind.cloned());
                let intact = next.is_none_or(|next| next.previous == Some(EntryDigest::of(bytes)));
                return match before {
                    Some((offset, index)) if intact => at(offset, index),
                    Some(_) | None => at(parts.entry, index),
                };
            }
            Err(kind) => return Damage { kind, ..at(parts.entry, index) },
        }
    }
    match before {
        Some((offset, index)) if frontier.root() != frame.head.root => at(offset, index),
        Some(_) | None => damage,
    }
}
