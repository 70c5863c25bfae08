//! [`Attended`]: evidence for an asker who may leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use custody_evidence::fact::{Field, Term};
use custody_evidence::finding::Wanted;
use custody_evidence::thing::HexPrefix;
use custody_evidence::trust::Timeline;
use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::versions::Version;
use crate::index::Reading;

/// Evidence as long as somebody waits for the answer. Once the asker has left, every look fails with
/// [`QueryError::Abandoned`], so that whatever query runs ends with its next look.
#[derive(Debug)]
pub struct Attended<'a, E: ?Sized> {
    evidence: &'a E,
    left: &'a AtomicBool,
    timeline: Timeline,
}

impl<'a, E: Evidence + ?Sized> Attended<'a, E> {
    /// Passes evidence on until `left` is set; entries are looked up by the times of this timeline.
    pub const fn new(evidence: &'a E, left: &'a AtomicBool, timeline: Timeline) -> Self {
        Self { evidence, left, timeline }
    }

    fn look(&self) -> Result<&'a E, QueryError> {
        if self.left.load(Ordering::Relaxed) { Err(QueryError::Abandoned) } else { Ok(self.evidence) }
    }
}

impl<E: Evidence + ?Sized> Evidence for Attended<'_, E> {
    fn committed(&self) -> TreeSize {
        self.evidence.committed()
    }

    fn indexed_to(&self) -> TreeSize {
        self.evidence.indexed_to()
    }

    fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        self.look()?.by_term(term, below, limit)
    }

    fn by_terms(
        &self,
        terms: &[Term],
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, QueryError> {
        self.look()?.by_terms(terms, below, limit)
    }

    fn by_digest_prefix(
        &self,
        prefix: &HexPrefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        self.look()?.by_digest_prefix(prefix, below, limit)
    }

    fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
        self.look()?.each_of(field, below, limit)
    }

    fn versions(
        &self,
        package: &Term,
        below: TreeSize,
        left: &mut u64,
    ) -> Result<Option<Vec<Version>>, QueryError> {
        self.look()?.versions(package, below, left)
    }

    fn by_version(
        &self,
        version: &Version,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, QueryError> {
        self.look()?.by_version(version, below, limit)
    }

    fn envelope_bytes(&self, index: LeafIndex) -> Result<u64, QueryError> {
        self.look()?.envelope_bytes(index)
    }

    fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
        self.look()?.reading(index)
    }

    fn reading_if(&self, index: LeafIndex, wanted: Wanted) -> Result<Option<Arc<Reading>>, QueryError> {
        self.look()?.reading_if(index, wanted)
    }

    fn erased(&self, below: TreeSize) -> Result<Vec<LeafIndex>, QueryError> {
        self.look()?.erased(below)
    }

    fn redactions(&self) -> usize {
        self.evidence.redactions()
    }

    fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
        self.look()?.time(index)
    }

    fn looked_up_by(&self, index: LeafIndex, time: Timestamp, tree: TreeSize) -> Timestamp {
        self.timeline.looked_up_by(index, time, tree)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use custody_evidence::fact::{EdgeKind, NodeKind};
    use custody_evidence::thing::Thing;

    use super::*;
    use crate::query::tests::memory::{Memory, artifact, node, sha256, size, time};
    use crate::query::{At, Find, Impact, environments, find, impact, resolve, size_at, trace};

    /// Counts the looks, and says that the asker leaves with the third.
    struct Leaving<'a> {
        memory: &'a Memory,
        looks: Cell<usize>,
        left: &'a AtomicBool,
    }

    impl Leaving<'_> {
        fn look(&self) -> &Memory {
            self.looks.set(self.looks.get() + 1);
            self.left.store(self.looks.get() >= 3, Ordering::Relaxed);
            self.memory
        }
    }

    impl Evidence for Leaving<'_> {
        fn committed(&self) -> TreeSize {
            self.memory.committed()
        }
        fn indexed_to(&self) -> TreeSize {
            self.memory.indexed_to()
        }
        fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
            self.look().by_term(term, below, limit)
        }
        fn by_digest_prefix(
            &self,
            prefix: &HexPrefix,
            below: TreeSize,
            limit: usize,
        ) -> Result<Vec<LeafIndex>, QueryError> {
            self.look().by_digest_prefix(prefix, below, limit)
        }
        fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
            self.look().each_of(field, below, limit)
        }
        fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
            self.look().reading(index)
        }
        fn redactions(&self) -> usize {
            self.memory.redactions()
        }
        fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
            self.look().time(index)
        }
    }

    type Query<'q> = &'q dyn Fn(&dyn Evidence) -> Result<(), QueryError>;

    #[test]
    fn every_query_ends_with_the_first_look_after_the_asker_left() {
        let mut memory = Memory::new();
        for number in 0..100 {
            let environment = node(NodeKind::Environment, &format!("e{number}"));
            memory.record(number + 1, None, &[(artifact('a'), EdgeKind::RunsIn, environment)], &[]);
        }
        let things: Vec<_> =
            ["nothing", &sha256('b')[7..], "aaaaa"].map(|text| Thing::parse(text).unwrap()).into();
        let at = At::Time(time(50));
        let of = impact::Of::Nodes(vec![artifact('a')]);
        let impacted = Impact { of, since: None, until: None, after: 0 };
        let queries: [(&str, Query<'_>); 6] = [
            ("impact", &|evidence| impact(evidence, &impacted, size(100)).map(drop)),
            ("environments", &|evidence| environments(evidence, size(100)).map(drop)),
            ("find", &|evidence| find(evidence, &Find::default(), size(100)).map(drop)),
            ("resolve", &|evidence| resolve(evidence, &things, size(100)).map(drop)),
            ("trace", &|evidence| trace(evidence, &artifact('a'), None, size(100)).map(drop)),
            ("size_at", &|evidence| size_at(evidence, at, size(100)).map(drop)),
        ];
        for (name, query) in queries {
            let left = AtomicBool::new(false);
            let leaving = Leaving { memory: &memory, looks: Cell::new(0), left: &left };
            query(&leaving).unwrap();
            assert!(leaving.looks.get() > 3, "{name} has more to look at");
            left.store(false, Ordering::Relaxed);
            leaving.looks.set(0);
            let refused = query(&Attended::new(&leaving, &left, Timeline::default())).unwrap_err();
            assert!(matches!(refused, QueryError::Abandoned), "{name}: {refused}");
            assert_eq!(leaving.looks.get(), 3, "{name}");
        }
    }
}
