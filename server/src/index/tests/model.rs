//! Random operations against a set of rows in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use custody_evidence::fact::Term;
use custody_log::LeafIndex;

use super::super::Index;
use super::super::keys::{Prefix, SHORT_LEN};
use super::super::reading::FactRows;
use super::super::span::Shape;
use super::super::state::StateFile;
use super::written::{Written, size};
use super::{assert_answers_like_the_journal, copy, predicate, silent, source, subject};

/// xorshift64*: repeatable, and good enough to choose operations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }

    fn limit(&mut self) -> usize {
        usize::try_from(self.below(6)).unwrap()
    }
}

/// The rows of the facts index, as pairs.
#[derive(Default)]
struct Model(BTreeSet<(Prefix, LeafIndex)>);

impl Model {
    fn newest(&self, prefix: Prefix, below: u64, limit: usize) -> Vec<LeafIndex> {
        let rows = self.0.iter().rev().filter(|(one, at)| *one == prefix && at.get() < below);
        rows.map(|(_, at)| *at).take(limit).collect()
    }

    /// For each leading bytes in the range the newest entry.
    fn each_newest(&self, low: Prefix, high: Prefix, below: u64, limit: usize) -> Vec<(Prefix, LeafIndex)> {
        let rows = self.0.iter().filter(|(one, at)| (low..=high).contains(one) && at.get() < below);
        let newest: BTreeMap<Prefix, LeafIndex> = rows.copied().collect();
        newest.into_iter().take(limit).collect()
    }
}

struct Trial {
    random: Random,
    shape: Shape,
    dir: tempfile::TempDir,
    written: Arc<Written>,
    model: Model,
    index: Option<Index>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let bits = u32::try_from(1 + random.below(2)).unwrap();
        let rows = [30, 10_000][usize::try_from(random.below(2)).unwrap()];
        let shape = Shape::new(bits, u32::try_from(1 + random.below(2)).unwrap(), rows);
        let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
        let mut trial = Self { random, shape, dir, written, model: Model::default(), index: None };
        trial.read(LeafIndex::ZERO);
        trial.reopen();
        trial
    }

    fn index(&self) -> &Index {
        self.index.as_ref().unwrap()
    }

    fn open(&self, dir: &Path) -> Index {
        Index::open_in(self.shape, dir, source(&self.written), &mut silent).unwrap()
    }

    fn reopen(&mut self) {
        self.index = None;
        self.index = Some(self.open(self.dir.path()));
    }

    /// Goes on with the files as a killed process leaves them.
    fn kill(&mut self) {
        let left = tempfile::tempdir().unwrap();
        copy(self.dir.path(), left.path());
        StateFile::new(left.path()).mark_open().unwrap();
        self.index = None;
        self.dir = left;
        self.reopen();
    }

    fn record(&mut self) {
        let about: Vec<_> =
            (0..=self.random.below(3)).map(|_| format!("a{}", self.random.below(20))).collect();
        let about: Vec<_> = about.iter().map(String::as_str).collect();
        let kind = format!("https://p.test/{}", self.random.below(3));
        let at = self.written.record(&kind, &about, self.random.below(9) == 0);
        self.index().apply_entries(&[self.written.indexed(at)]).unwrap();
        self.read(at);
    }

    fn read(&mut self, at: LeafIndex) {
        let rows = FactRows::of(&self.written.reading(at)).rows;
        self.model.0.extend(rows.into_iter().map(|row| (row.prefix(), row.index().unwrap())));
    }

    fn step(&mut self) {
        match self.random.below(60) {
            0 => {
                self.index.take().unwrap().close().unwrap();
                self.reopen();
            }
            1 => self.reopen(),
            2 => self.kill(),
            3..14 => drop(self.index().catch_up_facts_once(self.random.0 % 9).unwrap()),
            14..22 => drop(self.index().tidy_once().unwrap()),
            22..40 => self.record(),
            _ => self.ask(),
        }
    }

    fn ask(&mut self) {
        let below = self.random.below(self.index().indexed_to().get() + 1);
        let limit = self.random.limit();
        let term: Term = if self.random.below(2) == 0 {
            subject(&format!("a{}", self.random.below(20)))
        } else {
            predicate(&format!("https://p.test/{}", self.random.below(3)))
        };
        let found = self.index().by_term(&term, size(below), limit).unwrap();
        assert_eq!(found, self.model.newest(Prefix::term(&term), below, limit));

        let [one, other] =
            [0; 2].map(|_| Prefix::leading([u8::try_from(self.random.below(256)).unwrap(); SHORT_LEN]));
        let (low, high) = (one.min(other), one.max(other));
        let index = self.index();
        let found =
            index.facts.each_newest(&index.database, (&low, &high), size(below), limit, 1_000).unwrap();
        assert_eq!(found.unwrap(), self.model.each_newest(low, high, below, limit));
    }
}

#[test]
fn random_operations_answer_like_a_set_of_rows() {
    for seed in 1..=12 {
        println!("seed {seed}");
        let mut trial = Trial::new(seed);
        for _ in 0..250 {
            trial.step();
        }
        trial.index().catch_up_facts(&mut silent).unwrap();
        assert_answers_like_the_journal(trial.index(), &trial.written);
        for _ in 0..30 {
            trial.ask();
        }
    }
}
