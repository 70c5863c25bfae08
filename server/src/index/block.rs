//! Rows as the payload of a piece.
//!
//! ```text
//! rows(2)  then for each row:  shared(1)  rest
//! ```
//!
//! A row is 13 bytes of prefix and the distance of its entry from the first one of the run, big endian, in as many bytes as
//! the run needs (2 for 4,096 entries). `shared` leading bytes are those of the row before, `rest` are the others. Rows
//! are in ascending order. So a row whose prefix no other row has takes about 14 bytes, and one more entry with the
//! same prefix takes 2 or 3, where the row itself has 21.

use std::cmp::Ordering;

use custody_log::LeafIndex;

use super::keys::{PREFIX_LEN, Prefix, ROW_LEN, Row};
use super::piece::PAYLOAD_BYTES_MAX;
use super::span::Span;

const COUNT_LEN: usize = 2;
const INDEX_LEN: usize = ROW_LEN - PREFIX_LEN;

/// A block of rows while it is made.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    span: Span,
    payload: Vec<u8>,
    rows: u16,
    /// The row before, as it is kept; only its first bytes are used.
    before: [u8; ROW_LEN],
}

impl BlockBuilder {
    pub(crate) fn new(span: Span) -> Self {
        Self { span, payload: vec![0; COUNT_LEN], rows: 0, before: [0; ROW_LEN] }
    }

    /// Adds a row that is above all before it; false if the block is full, and the row is not in it.
    pub(crate) fn push(&mut self, row: &Row) -> bool {
        let (kept, len) = kept(self.span, row);
        let same = kept.iter().zip(&self.before).take(len).take_while(|(new, old)| new == old).count();
        let shared = if self.rows == 0 { 0 } else { same };
        let rest = kept.get(shared..len).unwrap_or_default();
        if self.payload.len() + 1 + rest.len() > PAYLOAD_BYTES_MAX {
            return false;
        }
        self.payload.push(u8::try_from(shared).unwrap_or(0));
        self.payload.extend(rest);
        self.rows = self.rows.saturating_add(1);
        self.before = kept;
        true
    }

    /// Returns the payload of the rows so far, and starts again.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let empty = Self::new(self.span);
        let Self { mut payload, rows, .. } = std::mem::replace(self, empty);
        if let Some(count) = payload.first_chunk_mut() {
            *count = rows.to_be_bytes();
        }
        payload
    }
}

/// Returns the rows of a block; none if the payload was not made by a [`BlockBuilder`] for this span.
pub(crate) fn decode(span: Span, payload: &[u8]) -> Option<Vec<Row>> {
    let (count, mut rest) = payload.split_first_chunk::<COUNT_LEN>()?;
    let count = u16::from_be_bytes(*count);
    let len = PREFIX_LEN + span.offset_len();
    let mut kept = [0; ROW_LEN];
    let mut rows = Vec::with_capacity(usize::from(count).min(PAYLOAD_BYTES_MAX));
    for _ in 0..count {
        let (shared, behind) = rest.split_first()?;
        let new = kept.get_mut(usize::from(*shared)..len)?;
        let (own, behind) = behind.split_at_checked(new.len())?;
        new.copy_from_slice(own);
        rest = behind;
        rows.push(row(span, &kept)?);
    }
    let ascending = rows.is_sorted_by(|one, next| one < next);
    (ascending && rest.is_empty()).then_some(rows)
}

/// Returns the entries of the rows of a block that have a prefix, in ascending order; none if the payload was not made by a
/// [`BlockBuilder`] for this span, as far as it was read: not behind the prefix.
///
/// A look wants a few of a thousand rows, and making all of them takes most of its time.
pub(crate) fn having(span: Span, payload: &[u8], prefix: &Prefix) -> Option<Vec<LeafIndex>> {
    let (count, mut rest) = payload.split_first_chunk::<COUNT_LEN>()?;
    let len = PREFIX_LEN + span.offset_len();
    let (mut kept, mut found) = ([0; ROW_LEN], Vec::new());
    let mut order = Ordering::Less;
    for _ in 0..u16::from_be_bytes(*count) {
        let (shared, behind) = rest.split_first()?;
        let shared = usize::from(*shared);
        let new = kept.get_mut(shared..len)?;
        let (own, behind) = behind.split_at_checked(new.len())?;
        new.copy_from_slice(own);
        rest = behind;
        if shared < PREFIX_LEN {
            order = kept.first_chunk::<PREFIX_LEN>()?.cmp(prefix.as_bytes());
        }
        match order {
            Ordering::Less => {}
            Ordering::Equal => found.push(row(span, &kept)?.index()?),
            Ordering::Greater => return Some(found),
        }
    }
    rest.is_empty().then_some(found)
}

/// Returns a row as it is kept, and how many bytes of it.
fn kept(span: Span, row: &Row) -> ([u8; ROW_LEN], usize) {
    let mut kept = *row.as_bytes();
    let offset = row.number().wrapping_sub(span.first()).to_be_bytes();
    let len = span.offset_len();
    if let (Some(place), Some(offset)) =
        (kept.get_mut(PREFIX_LEN..PREFIX_LEN + len), offset.get(INDEX_LEN - len..))
    {
        place.copy_from_slice(offset);
    }
    (kept, PREFIX_LEN + len)
}

fn row(span: Span, kept: &[u8; ROW_LEN]) -> Option<Row> {
    let mut offset = [0; INDEX_LEN];
    let len = span.offset_len();
    offset.get_mut(INDEX_LEN - len..)?.copy_from_slice(kept.get(PREFIX_LEN..PREFIX_LEN + len)?);
    let offset = u64::from_be_bytes(offset);
    let mut row = *kept;
    row.get_mut(PREFIX_LEN..)?.copy_from_slice(&span.first().checked_add(offset)?.to_be_bytes());
    (offset < span.entries()).then_some(Row::from_bytes(row))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use custody_log::LeafIndex;
    use proptest::prelude::*;

    use super::super::keys::{Prefix, SHORT_LEN};
    use super::super::span::Shape;
    use super::*;

    fn span() -> Span {
        Shape::default().span(4_096, 4).unwrap()
    }

    fn built(rows: &BTreeSet<Row>) -> Vec<Vec<u8>> {
        let mut block = BlockBuilder::new(span());
        let mut payloads = Vec::new();
        for row in rows {
            if !block.push(row) {
                payloads.push(block.take());
                assert!(block.push(row));
            }
        }
        payloads.push(block.take());
        payloads
    }

    fn some_row() -> impl Strategy<Value = Row> {
        // Few values a byte, so that neighbours share some.
        (proptest::array::uniform::<_, SHORT_LEN>(0_u8..3), 4_096_u64..8_192)
            .prop_map(|(short, index)| Prefix::leading(short).row(LeafIndex::new(index).unwrap()))
    }

    proptest! {
        #[test]
        fn blocks_give_back_their_rows_and_are_small(rows in proptest::collection::btree_set(some_row(), 0..1_500)) {
            let payloads = built(&rows);
            let mut back = Vec::new();
            for payload in &payloads {
                prop_assert!(payload.len() <= PAYLOAD_BYTES_MAX);
                back.extend(decode(span(), payload).unwrap());
            }
            // Those at the ends of blocks, some between, and some that are not there.
            let blocks: Vec<_> = payloads.iter().map(|payload| decode(span(), payload).unwrap()).collect();
            let ends = blocks.iter().flat_map(|rows| rows.first().into_iter().chain(rows.last()));
            let looked_for = ends.chain(rows.iter().step_by(rows.len() / 64 + 1)).map(Row::prefix);
            let near = [0, 1, 2].map(|more| Prefix::leading([more; SHORT_LEN]));
            for prefix in looked_for.chain(near).collect::<BTreeSet<_>>() {
                let having = payloads.iter().flat_map(|payload| having(span(), payload, &prefix).unwrap());
                let wanted = rows.iter().filter(|row| row.prefix() == prefix).filter_map(Row::index);
                prop_assert_eq!(having.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
            }
            prop_assert_eq!(back, rows.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn noise_is_no_block_or_rows_in_order(payload in proptest::collection::vec(0_u8..4, 0..200)) {
            let prefix = Prefix::leading([1; SHORT_LEN]);
            let found = having(span(), &payload, &prefix);
            prop_assert!(found.iter().flatten().all(|index| span().contains(index.get())));
            if let Some(rows) = decode(span(), &payload) {
                let of_prefix = rows.iter().filter(|row| row.prefix() == prefix).filter_map(Row::index);
                prop_assert_eq!(found, Some(of_prefix.collect::<Vec<_>>()));
                prop_assert!(rows.is_sorted());
                prop_assert!(rows.iter().all(|row| span().contains(row.number())));
            }
        }
    }

    #[test]
    fn an_empty_block_has_no_rows_and_a_cut_one_is_refused() {
        assert_eq!(decode(span(), &built(&BTreeSet::new())[0]), Some(vec![]));
        let rows: BTreeSet<Row> =
            (0..20).map(|at| Prefix::leading([at; SHORT_LEN]).row(LeafIndex::new(5_000).unwrap())).collect();
        let payload = &built(&rows)[0];
        for at in 0..payload.len() {
            assert_eq!(decode(span(), &payload[..at]), None, "cut to {at}");
            let last = Prefix::leading([19; SHORT_LEN]);
            assert_eq!(having(span(), &payload[..at], &last), None, "cut to {at}");
        }
        assert_eq!(decode(span(), &[payload.as_slice(), b"x"].concat()), None);
    }
}
