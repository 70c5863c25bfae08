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

/// When a page ends that is not full, or was not reached: after 8 s of work. A caller waits for 30 s.
const PAGE_AFTER: Duration = Duration::from_secs(8);

/// When a page is given up that was not reached where its walk has no room: after 24 s. It would have to begin again.
const REACHED_AFTER: Duration = Duration::from_secs(24);

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
        let begun = Instant::now();
        let is_late = |has_room| begun.elapsed() >= if has_room { PAGE_AFTER } else { REACHED_AFTER };
        let (page, since) = self.page_before(evidence, question, size, is_late)?;
        if let Some(since) = since {
            self.forget_later(since, runtime);
        }
        Ok(page)
    }

    /// The same until it is late, which depends on whether the walk has room. Returns since when the walk is kept, if it is.
    fn page_before<E: Evidence + ?Sized>(
        &self,
        evidence: &E,
        question: &Impact,
        size: TreeSize,
        is_late: impl Fn(bool) -> bool,
    ) -> Result<(Impacted, Option<Instant>), QueryError> {
        let mut walk = self.take(question, size).unwrap_or_else(|| Walk::begin(question, size));
        let mut has_room = true;
        loop {
            let (page, further) = walk.page(evidence, || is_late(has_room))?;
            let Some(further) = further else { return Ok((page, None)) };
            let now = Instant::now();
            match self.keep(now, further) {
                None => return Ok((page, Some(now))),
                // What was walked so far would be lost with it.
                Some(given_up) if page.is_ahead && has_room => (walk, has_room) = (given_up, false),
                Some(_) => return Ok((page, None)),
            }
        }
    }

    /// Takes the walk to the page that a question asks for, as of this size.
    fn take(&self, question: &Impact, size: TreeSize) -> Option<Walk> {
        let mut kept = self.kept();
        let place = kept.iter().position(|kept| kept.walk.leads_to(question, size))?;
        Some(kept.swap_remove(place).walk)
    }

    /// Keeps a walk for the next page. Of two to the same page the longer one is kept, and where there is no room the one is given up that is
    /// done again soonest. Returns this walk if that is the one.
    fn keep(&self, since: Instant, walk: Walk) -> Option<Walk> {
        let mut kept = self.kept();
        let same = kept.iter().position(|kept| kept.walk.is_where(&walk));
        let same = same.map(|place| kept.swap_remove(place));
        let (walk, other) = match same {
            Some(same) if same.walk.read_so_far() > walk.read_so_far() => (same.walk, Some(walk)),
            same => (walk, same.map(|same| same.walk)),
        };
        kept.push(Kept { since, walk });
        let least = (0..kept.len()).min_by_key(|place| kept.get(*place).map(|kept| kept.walk.read_so_far()));
        let least = least.filter(|_| kept.len() > KEPT_MAX);
        let is_this = least.is_some_and(|place| place + 1 == kept.len());
        let least = least.map(|place| kept.swap_remove(place).walk);
        drop(kept);
        drop(other);
        least.filter(|_| is_this)
    }

    /// Gives up what is kept since then, once it is [`KEPT_FOR`] old.
    fn forget_later(&self, since: Instant, runtime: &Handle) {
        let kept = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(kept) = kept.upgrade() {
                // To give memory back takes a while.
                tokio::task::spawn_blocking(move || Self(kept).forget(since));
            }
        });
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
        assert!(walks.keep(Instant::now(), walk(&memory, 2)).is_none());
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
    fn a_page_that_is_not_reached_in_time_is_reached_by_who_asks_again() {
        let (memory, walks) = (log(), Walks::default());
        let ask = || walks.page_before(&memory, &question(5), size(8), |_| true).unwrap();
        let mut ahead = 0;
        let page = loop {
            let (page, since) = ask();
            if !page.is_ahead {
                break page;
            }
            assert_eq!((since.is_some(), kept(&walks)), (true, vec![5]));
            ahead += 1;
        };
        let (again, _) = Walk::begin(&question(5), size(8)).page(&memory, || false).unwrap();
        assert!(ahead > 2 && again.edges.starts_with(&page.edges), "{ahead}");
        assert_eq!(page.begins, again.begins);
    }

    #[test]
    fn who_is_ahead_takes_nothing_from_who_asks_for_the_same_page() {
        let (memory, walks) = (log(), Walks::default());
        for first in [true, false] {
            let (reached, behind) = (walk(&memory, 5), Walk::begin(&question(5), size(8)));
            let behind = behind.page(&memory, || true).unwrap().1.unwrap();
            let both = if first { [reached, behind] } else { [behind, reached] };
            for walk in both {
                assert!(walks.keep(Instant::now(), walk).is_none());
            }
            let (page, _) = walks.page_before(&memory, &question(5), size(8), |_| true).unwrap();
            assert!(!page.is_ahead, "{first}");
        }
    }

    #[test]
    fn a_walk_that_has_no_room_goes_on_to_its_page_in_one_answer() {
        let (memory, walks) = (log(), Walks::default());
        for after in [4, 5, 6, 7] {
            assert!(walks.keep(Instant::now(), walk(&memory, after)).is_none());
        }
        let ask =
            |is_late: fn(bool) -> bool| walks.page_before(&memory, &question(3), size(8), is_late).unwrap();
        let (page, since) = ask(|has_room| has_room);
        let (again, _) = Walk::begin(&question(3), size(8)).page(&memory, || false).unwrap();
        assert_eq!((page, since), (again, None));
        assert_eq!(kept(&walks), [4, 5, 6, 7]);
        let (page, since) = ask(|_| true);
        assert_eq!((page.is_ahead, page.next, since), (true, Some(3), None), "it took too long all the same");
    }

    #[test]
    fn where_there_is_no_room_the_shortest_walk_is_given_up_and_none_is_kept_twice() {
        let (memory, walks) = (log(), Walks::default());
        for after in [5, 2, 3, 2, 4, 2] {
            assert!(walks.keep(Instant::now(), walk(&memory, after)).is_none(), "{after}");
        }
        assert_eq!((kept(&walks), walks.kept().len()), (vec![2, 3, 4, 5], KEPT_MAX));
        let shortest = walks.keep(Instant::now(), walk(&memory, 1)).unwrap();
        assert!(shortest.leads_to(&question(1), size(8)), "it is the shortest itself");
        assert_eq!(kept(&walks), [2, 3, 4, 5]);
        assert!(walks.keep(Instant::now(), walk(&memory, 6)).is_none());
        assert_eq!(kept(&walks), [3, 4, 5, 6]);
    }

    #[test]
    fn who_does_not_come_back_leaves_nothing_behind() {
        let (memory, walks) = (log(), Walks::default());
        let first = Instant::now();
        assert!(walks.keep(first, walk(&memory, 2)).is_none());
        assert!(walks.keep(first + Duration::from_millis(1), walk(&memory, 3)).is_none());
        walks.forget(first);
        assert_eq!(kept(&walks), [3]);
        assert!(walks.keep(first, walk(&memory, 3)).is_none());
        walks.forget(first);
        assert!(kept(&walks).is_empty());
    }
}
