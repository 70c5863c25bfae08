//! [`Walks`]: answers to `Impact` of which another page may be asked for.
//!
//! Between two pages the walk is kept, so that the next one goes on from there. Who comes later than [`KEPT_FOR`], or when [`KEPT_MAX`]
//! others are further, is walked to his page from the start, and asks for it again as long as it is ahead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use custody_log::TreeSize;
use tokio::runtime::Handle;

use crate::query::impact::{Impacted, Walk};
use crate::query::{Evidence, Impact, QueryError};

/// When a page ends that is not full, or was not reached: after 8 s. A caller waits for 30 s.
const PAGE_AFTER: Duration = Duration::from_secs(8);

/// How many walks are kept: 4, each of some 80 MB at most.
const KEPT_MAX: usize = 4;

/// How long a walk is kept: 30 s. A client asks for the next page once it has checked the one before.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// The walks that are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Walks(Arc<Mutex<Vec<Kept>>>);

#[derive(Debug)]
struct Kept {
    since: Instant,
    walk: Walk,
}

impl Walks {
    /// Returns the page that a question asks for, as of this size: from where the page before it ended, if that walk is kept.
    pub(super) fn page<E: Evidence + ?Sized>(
        &self,
        evidence: &E,
        question: &Impact,
        size: TreeSize,
        runtime: &Handle,
    ) -> Result<Impacted, QueryError> {
        let walk = self.take(question, size).unwrap_or_else(|| Walk::begin(question, size));
        let begun = Instant::now();
        let (page, walk) = walk.page(evidence, || begun.elapsed() >= PAGE_AFTER)?;
        if let Some(walk) = walk {
            self.keep(walk, runtime);
        }
        Ok(page)
    }

    /// Takes the walk to the page that a question asks for, as of this size.
    fn take(&self, question: &Impact, size: TreeSize) -> Option<Walk> {
        let mut kept = self.kept();
        let place = kept.iter().position(|kept| kept.walk.leads_to(question, size))?;
        Some(kept.swap_remove(place).walk)
    }

    /// Keeps a walk for the next page, for [`KEPT_FOR`]. Where there is no room, the one that is done again soonest is given up.
    fn keep(&self, walk: Walk, runtime: &Handle) {
        let now = Instant::now();
        self.keep_since(now, walk);
        let kept = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(kept) = kept.upgrade() {
                // To give memory back takes a while.
                tokio::task::spawn_blocking(move || Self(kept).forget(now));
            }
        });
    }

    fn keep_since(&self, since: Instant, walk: Walk) {
        let mut kept = self.kept();
        let same = kept.iter().position(|kept| kept.walk.is_where(&walk));
        let same = same.map(|place| kept.swap_remove(place));
        kept.push(Kept { since, walk });
        let least = (0..kept.len()).min_by_key(|place| kept.get(*place).map(|kept| kept.walk.read_so_far()));
        let least = least.filter(|_| kept.len() > KEPT_MAX).map(|place| kept.swap_remove(place));
        drop(kept);
        drop((same, least));
    }

    /// Gives up what was kept at a time or before.
    fn forget(&self, until: Instant) {
        let given_up: Vec<Kept> = self.kept().extract_if(.., |kept| kept.since <= until).collect();
        drop(given_up);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use custody_evidence::fact::{EdgeKind, NodeKind};

    use super::*;
    use crate::query::impact::{Of, PAGE_MAX};
    use crate::query::tests::memory::{Memory, artifact, node, size, time};

    /// Asks what came from something, for the page behind so many parts.
    fn question(after: usize) -> Impact {
        Impact { of: Of::Nodes(vec![artifact('a')]), since: None, until: None, after }
    }

    /// A log of eight runs that used something.
    fn log() -> Memory {
        let mut memory = Memory::new();
        for number in 0..8 {
            let run = node(NodeKind::Run, &format!("r{number}"));
            memory.record(number + 1, None, &[(run, EdgeKind::Resolved, artifact('a'))], &[]);
        }
        memory
    }

    /// A walk that stands in front of the page behind so many parts.
    fn walk(memory: &Memory, after: usize) -> Walk {
        let mut walk = Walk::begin(&question(0), size(8));
        while !walk.leads_to(&question(after), size(8)) {
            walk = walk.page(memory, || true).unwrap().1.unwrap();
        }
        walk
    }

    /// Which pages are asked for next, as of a size.
    fn places(walks: &Walks, size: TreeSize) -> Vec<usize> {
        let kept = walks.kept();
        let leads = |after: &usize| kept.iter().any(|kept| kept.walk.leads_to(&question(*after), size));
        (0..3 * PAGE_MAX).filter(leads).collect()
    }

    fn kept(walks: &Walks) -> Vec<usize> {
        places(walks, size(8))
    }

    #[test]
    fn a_walk_is_kept_for_the_next_page_of_the_same_question_and_taken_once() {
        let (memory, walks) = (log(), Walks::default());
        walks.keep_since(Instant::now(), walk(&memory, 2));
        let others = [
            (question(1), size(8)),
            (question(3), size(8)),
            (question(2), size(7)),
            (Impact { of: Of::Nodes(vec![artifact('b')]), ..question(2) }, size(8)),
            (Impact { since: Some(time(1)), ..question(2) }, size(8)),
            (Impact { until: Some(time(1)), ..question(2) }, size(8)),
        ];
        for (other, size) in &others {
            assert!(walks.take(other, *size).is_none(), "{other:?} as of {size}");
        }
        let (page, _) = walks.take(&question(2), size(8)).unwrap().page(&memory, || false).unwrap();
        let (again, _) = Walk::begin(&question(2), size(8)).page(&memory, || false).unwrap();
        assert_eq!(page, again);
        assert!(walks.take(&question(2), size(8)).is_none(), "it was taken");
    }

    #[tokio::test]
    async fn each_page_goes_on_where_the_one_before_ended() {
        let (mut memory, walks, runtime) = (Memory::new(), Walks::default(), Handle::current());
        let receives = |number| {
            let party = node(NodeKind::Identity, &format!("party {number:05}"));
            (artifact('a'), EdgeKind::Received, party)
        };
        let parts = 2 * PAGE_MAX + 1;
        memory.record(1, None, &(0..parts).map(receives).collect::<Vec<_>>(), &[]);
        let ask = |after| walks.page(&memory, &question(after), size(1), &runtime).unwrap();
        let mut found = ask(0).edges;
        assert_eq!(places(&walks, size(1)), [PAGE_MAX]);
        found.extend(ask(PAGE_MAX).edges);
        assert_eq!(places(&walks, size(1)), [2 * PAGE_MAX]);
        let last = ask(2 * PAGE_MAX);
        assert_eq!((last.next, places(&walks, size(1))), (None, Vec::new()));
        found.extend(last.edges);
        let whole: BTreeSet<_> = found.iter().map(|found| found.edge.to.clone()).collect();
        assert_eq!((found.len(), whole.len()), (parts, parts));
    }

    #[test]
    fn where_there_is_no_room_the_shortest_walk_is_given_up_and_none_is_kept_twice() {
        let (memory, walks) = (log(), Walks::default());
        for after in [5, 2, 3, 2, 4, 2] {
            walks.keep_since(Instant::now(), walk(&memory, after));
        }
        assert_eq!((kept(&walks), walks.kept().len()), (vec![2, 3, 4, 5], KEPT_MAX));
        walks.keep_since(Instant::now(), walk(&memory, 1));
        assert_eq!(kept(&walks), [2, 3, 4, 5], "it is the shortest itself");
        walks.keep_since(Instant::now(), walk(&memory, 6));
        assert_eq!(kept(&walks), [3, 4, 5, 6]);
    }

    #[test]
    fn who_does_not_come_back_leaves_nothing_behind() {
        let (memory, walks) = (log(), Walks::default());
        let first = Instant::now();
        walks.keep_since(first, walk(&memory, 2));
        walks.keep_since(first + Duration::from_millis(1), walk(&memory, 3));
        walks.forget(first);
        assert_eq!(kept(&walks), [3]);
        walks.keep_since(first, walk(&memory, 3));
        walks.forget(first);
        assert!(kept(&walks).is_empty());
    }
}
