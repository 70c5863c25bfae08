//! [`Walks`]: answers to `Impact` of which another page may be asked for.
//!
//! Between two pages the walk is kept, so that the next one goes on from there. Who comes later than [`KEPT_FOR`], or when [`KEPT_MAX`]
//! others are further, is walked to his page from the start.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use custody_log::TreeSize;
use tokio::runtime::Handle;

use crate::query::Impact;
use crate::query::impact::Walk;

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
    /// Takes the walk to the page that a question asks for, as of this size.
    pub(super) fn take(&self, question: &Impact, size: TreeSize) -> Option<Walk> {
        let mut kept = self.kept();
        let place = kept.iter().position(|kept| kept.walk.leads_to(question, size))?;
        Some(kept.swap_remove(place).walk)
    }

    /// Keeps a walk for the next page, for [`KEPT_FOR`]. Where there is no room, the one that is done again soonest is given up.
    pub(super) fn keep(&self, walk: Walk, runtime: &Handle) {
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
    use custody_evidence::fact::{EdgeKind, NodeKind};

    use super::*;
    use crate::query::impact::Of;
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

    /// Which pages are asked for next.
    fn kept(walks: &Walks) -> Vec<usize> {
        (0..10)
            .filter(|after| walks.kept().iter().any(|kept| kept.walk.leads_to(&question(*after), size(8))))
            .collect()
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
