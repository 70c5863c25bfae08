//! Where the parts of an answer belong: on a page before, on this one, or behind it.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// Parts of one page at most. Edges with ids of 100 bytes are 3 MB, more than [`PAGE_BYTES_MAX`].
pub const PAGE_MAX: usize = 8_192;
/// Bytes of one page at most: as of a trace.
pub const PAGE_BYTES_MAX: usize = 1_792 * 1024;
/// Parts of all pages at most: eight full pages.
pub const PARTS_MAX: usize = 65_536;
/// Bytes of all pages at most: 16 MiB, 256 a part. What a walk holds of the parts beside their ids is 42 MB.
pub const PARTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Counts the parts of an answer in the order in which they are found.
#[derive(Debug)]
pub(super) struct Page {
    /// How many are on the pages before.
    after: usize,
    /// How many were found.
    found: usize,
    bytes: usize,
    ended: Option<Ended>,
    /// Of all parts so far. It is compared with what this program made, and with nothing else.
    mark: DefaultHasher,
    /// What it was before this page.
    begins: u64,
}

/// Why nothing more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The page is full.
    Full,
    /// It took long enough to find what is on it, or to get to it.
    Early,
}

/// Where a part belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a page before.
    Before,
    /// On this page.
    Here,
    /// Behind it: the walk may end.
    Behind,
}

impl Page {
    /// The page behind so many parts.
    pub(super) fn after(after: usize) -> Self {
        let mark = DefaultHasher::new();
        Self { after, found: 0, bytes: 0, ended: None, begins: mark.finish(), mark }
    }

    /// Returns how many parts are on the pages before.
    pub(super) const fn after_parts(&self) -> usize {
        self.after
    }

    /// Counts one more part, which takes so many bytes.
    pub(super) fn place(&mut self, bytes: usize, part: impl Hash) -> Place {
        if self.ended.is_some() {
            return Place::Behind;
        }
        if self.found < self.after {
            self.found = self.found.saturating_add(1);
            part.hash(&mut self.mark);
            self.begins = self.mark.finish();
            return Place::Before;
        }
        let all = self.bytes.saturating_add(bytes);
        if all > PAGE_BYTES_MAX || self.found.saturating_sub(self.after) >= PAGE_MAX {
            self.ended = Some(Ended::Full);
            return Place::Behind;
        }
        self.bytes = all;
        self.found = self.found.saturating_add(1);
        part.hash(&mut self.mark);
        Place::Here
    }

    /// Returns what stands for all parts before this page, and for these with the page's own.
    pub(super) fn marks(&self) -> (u64, u64) {
        (self.begins, self.mark.finish())
    }

    /// Ends the page if it is late, also on the way to it. Nobody could ask for the page behind the first one if that were empty. Returns
    /// whether it has ended.
    pub(super) fn ends_early(&mut self, is_late: impl Fn() -> bool) -> bool {
        let is_asked_for_again = self.found > 0 || self.after > 0;
        if self.ended.is_none() && is_asked_for_again && is_late() {
            self.ended = Some(Ended::Early);
        }
        self.ended.is_some()
    }

    /// Returns how many parts are on this page and before, if there may be a page behind it, or this one was not reached.
    pub(super) fn next(&self) -> Option<usize> {
        self.ended.is_some().then_some(self.found.max(self.after))
    }

    /// Whether it ended before it began: the same page is to be asked for again.
    pub(super) fn is_ahead(&self) -> bool {
        self.ended.is_some() && self.found < self.after
    }

    /// Turns to the page behind this one, or goes on to this one if it was not reached. Behind the last there is none.
    pub(super) fn turn(&mut self) {
        if let Some(next) = self.next() {
            (self.after, self.bytes, self.ended) = (next, 0, None);
            self.begins = self.mark.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places parts of so many bytes each on the pages of an answer, and returns how many are on each.
    fn pages(parts: usize, bytes: usize) -> Vec<usize> {
        let (mut after, mut pages, mut ends) = (0, Vec::new(), Page::after(0).marks().1);
        loop {
            let mut page = Page::after(after);
            let places: Vec<_> = (0..parts).map(|part| page.place(bytes, part)).collect();
            assert_eq!(page.marks().0, std::mem::replace(&mut ends, page.marks().1));
            let here = places.iter().filter(|place| **place == Place::Here).count();
            let before = places.iter().take_while(|place| **place == Place::Before).count();
            assert_eq!(before, after.min(parts));
            pages.push(here);
            match page.next() {
                Some(next) => assert_eq!(next, std::mem::replace(&mut after, next) + here),
                None => return pages,
            }
        }
    }

    #[test]
    fn each_part_is_on_one_page_and_no_page_is_empty() {
        assert_eq!(pages(0, 100), [0]);
        assert_eq!(pages(PAGE_MAX, 100), [PAGE_MAX]);
        assert_eq!(pages(PAGE_MAX + 1, 100), [PAGE_MAX, 1]);
        let half = PAGE_BYTES_MAX / 2;
        assert_eq!(pages(5, half), [2, 2, 1]);
        assert_eq!(pages(3, PAGE_BYTES_MAX), [1, 1, 1]);
    }

    #[test]
    fn a_page_that_is_turned_is_the_one_behind_so_many_parts() {
        let mut turned = Page::after(0);
        assert!(!turned.ends_early(|| true), "the first has nothing yet");
        for part in 0..5 {
            assert!(!turned.ends_early(|| false));
            assert_eq!(turned.place(10, part), Place::Here);
        }
        assert!(turned.ends_early(|| true));
        assert_eq!((turned.place(10, 5), turned.next()), (Place::Behind, Some(5)));
        turned.turn();
        let mut walked = Page::after(5);
        assert!(walked.ends_early(|| true) && walked.is_ahead());
        assert_eq!(walked.next(), Some(5));
        walked.turn();
        for part in 0..5 {
            assert_eq!(walked.place(10, part), Place::Before);
            if part == 2 {
                assert!(walked.ends_early(|| true) && walked.is_ahead());
                assert_eq!((walked.place(10, part + 1), walked.next()), (Place::Behind, Some(5)));
                walked.turn();
            }
            assert!(!walked.is_ahead());
        }
        for page in [&mut turned, &mut walked] {
            assert_eq!(page.place(10, 5), Place::Here);
        }
        assert_eq!((turned.marks(), turned.next()), (walked.marks(), None));
        walked = Page::after(1);
        assert_eq!(walked.place(10, 0), Place::Before);
        assert!(walked.ends_early(|| true) && !walked.is_ahead(), "it may be empty");
        assert_eq!((walked.next(), walked.marks().0), (Some(1), walked.marks().1));
    }

    #[test]
    fn a_page_of_another_answer_begins_otherwise() {
        let begins = |parts: &[u8]| {
            let mut page = Page::after(2);
            for part in parts {
                page.place(10, part);
            }
            page.marks().0
        };
        assert_eq!(begins(&[1, 2, 3]), begins(&[1, 2, 4]));
        for other in [[1, 3, 3].as_slice(), &[2, 1, 3], &[1], &[]] {
            assert_ne!(begins(&[1, 2, 3]), begins(other), "{other:?}");
        }
    }
}
