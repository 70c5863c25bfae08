//! Runs are a function of the entries that they cover, however they came about.

use std::sync::Arc;

use custody_log::{ContentDigest, LeafIndex};

use super::super::build::Build;
use super::super::keys::{Prefix, SHORT_LEN};
use super::super::manifest::{Part, Record};
use super::super::memory::{Addition, Segment};
use super::super::reading::FactRows;
use super::super::seal::Works;
use super::super::span::Shape;
use super::super::{Index, Source};
use super::written::{Written, busy, index, size};
use super::{assert_answers_like_the_journal, caught_up, open, rebuilt, silent, small, source};

/// The runs of both indexes, without the numbers that they are kept under.
pub(super) fn runs(index: &Index) -> Vec<Record> {
    let runs = [&index.entries, &index.facts].into_iter().flat_map(|rows| rows.runs().to_vec());
    runs.map(|run| Record { run: 0, ..*run.record() }).collect()
}

#[test]
fn merged_rebuilt_and_made_at_once_are_the_same_runs() {
    let (dir, other, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Written::new());
    let merged = open(dir.path(), &written);
    for number in 1..96 {
        written.record("https://a.test/p", &[&format!("a{}", number % 5), "b"], false);
        merged.catch_up_entries(&mut silent).unwrap();
        if number % 7 == 0 {
            merged.catch_up_facts_once(number).unwrap();
        }
        merged.tidy_once().unwrap();
    }
    merged.catch_up_facts(&mut silent).unwrap();
    let spans: Vec<_> = merged
        .facts
        .runs()
        .iter()
        .map(|run| (run.record().span.first(), run.record().span.entries()))
        .collect();
    assert_eq!(spans, [(0, 64), (64, 32)], "as large as they can be");
    assert_eq!(runs(&merged), runs(&rebuilt(other.path(), &written)));

    let works = Works { database: &merged.database, source: merged.source.as_ref(), shape: small() };
    for run in [merged.entries.runs().to_vec(), merged.facts.runs().to_vec()].concat() {
        let record = *run.record();
        let mut build = Build::new(record.part, record.span);
        let made = std::iter::repeat_with(|| build.step(works).unwrap()).flatten().next().unwrap();
        assert_eq!(Record { run: 0, ..made }, Record { run: 0, ..record });

        // All rows in one segment, cut by a shape whose base runs are as large.
        let mut segment = Segment::behind(size(record.span.first()));
        for at in record.span.first()..record.span.end_number() {
            let rows = Addition::new(works.rows(record.part, index(at)).unwrap());
            segment.add(rows.merge(segment.layers()), index(at).size_through());
        }
        let works = Works { shape: Shape::new(1, record.span.level(), 1_000), ..works };
        let at_once = works.seal(record.part, &segment).unwrap();
        assert_eq!(at_once.len(), 1);
        assert_eq!(Record { run: 0, ..at_once[0] }, Record { run: 0, ..record });
    }
}

#[test]
fn entries_with_many_rows_are_sealed_early_and_the_runs_are_the_same() {
    let written = busy(70);
    let [early, usual] = [Shape::new(1, 4, 20), Shape::new(1, 4, 1_000)].map(|shape| {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open_in(shape, dir.path(), source(&written), &mut silent).unwrap();
        let mut most = 0;
        while index.catch_up_facts_once(3).unwrap() {
            let memory =
                index.facts.count() - index.facts.runs().iter().map(|run| run.record().rows).sum::<u64>();
            most = most.max(memory);
            index.tidy_once().unwrap();
        }
        index.tidy().unwrap();
        assert_answers_like_the_journal(&index, &written);
        let whole: Vec<_> = runs(&index).into_iter().filter(|run| run.span.end_number() <= 64).collect();
        (most, whole)
    });
    assert!(early.0 < 20 + 3 * 9 && usual.0 > 2 * early.0, "{} and {} rows in memory", early.0, usual.0);
    assert_eq!(early.1, usual.1);
}

#[test]
fn a_run_that_is_read_stays_until_nobody_reads_it() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(8));
    let index = open(dir.path(), &written);
    index.catch_up_facts_once(4).unwrap();
    index.tidy().unwrap();
    let held = index.facts.runs();
    index.catch_up_facts(&mut silent).unwrap();
    assert_eq!((held.len(), index.facts.runs().len()), (1, 1));
    assert_eq!(index.facts.runs()[0].record().span.entries(), 8);
    let pieces = || {
        let run = held[0].record().run;
        index.database.remove_some(run + 1_000, 1).unwrap();
        index.database.runs().unwrap().contains(&run)
    };
    assert!(pieces());
    let mut found = Vec::new();
    let term = Prefix::term(&super::subject("artifact 1"));
    held[0].newest(&index.database, &term, size(4), 9, &mut found).unwrap();
    assert_eq!(found, [self::index(1)]);
    let run = held[0].record().run;
    drop(held);
    index.tidy().unwrap();
    assert!(!index.database.runs().unwrap().contains(&run));
}

#[test]
fn only_live_runs_are_left_when_all_is_tidy() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(100));
    let index = caught_up(dir.path(), &written);
    let live = [index.entries.runs().to_vec(), index.facts.runs().to_vec()].concat();
    let mut live: Vec<u64> = live.iter().map(|run| run.record().run).collect();
    live.sort_unstable();
    assert_eq!(index.database.runs().unwrap(), live);
    let levels =
        index.facts.runs().windows(2).all(|two| two[0].record().span.level() > two[1].record().span.level());
    assert!(levels, "one run of each level, the oldest are the largest");
}

#[test]
fn an_index_of_another_shape_is_thrown_away() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(40));
    caught_up(dir.path(), &written).close().unwrap();
    let index = Index::open_in(Shape::new(2, 1, 1_000), dir.path(), source(&written), &mut silent).unwrap();
    assert_eq!(index.indexed_to(), size(0));
    index.catch_up_facts(&mut silent).unwrap();
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn rows_that_somebody_else_worked_out_are_those_that_are_read() {
    let (dir, other, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), busy(30));
    let (index, read) = (open(dir.path(), &written), caught_up(other.path(), &written));
    let facts: Vec<_> = written.readings_below(size(30)).iter().map(FactRows::of).collect();
    index.apply_facts(&facts[..20]).unwrap();
    index.apply_facts(&facts[10..]).unwrap();
    index.tidy().unwrap();
    assert_eq!(runs(&index), runs(&read));
    assert_answers_like_the_journal(&index, &written);
}

#[test]
fn rows_that_share_a_short_digest_are_told_apart_by_the_entry() {
    let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
    let (mut one, mut other) = ([7; 32], [7; 32]);
    (one[31], other[SHORT_LEN]) = (1, 2);
    let [one, other] = [one, other].map(ContentDigest::from_bytes);
    for (at, content) in [one, other, one, other, one].into_iter().enumerate() {
        written.record_bytes(vec![u8::try_from(at).unwrap()], content, false);
    }
    let index = open(dir.path(), &written);
    let found = index.entries.oldest(&index.database, &Prefix::content(&one), LeafIndex::ZERO).unwrap();
    assert_eq!(found.len(), 5, "rows do not tell them apart");
    assert_eq!(index.by_content(&one).unwrap(), [1, 3, 5].map(self::index));
    assert_eq!(index.by_content(&other).unwrap(), [2, 4].map(self::index));
}

#[test]
fn a_prefix_of_too_many_digests_is_no_empty_answer() {
    let (dir, written) = (tempfile::tempdir().unwrap(), Written::new());
    let index = open(dir.path(), &written);
    let leading = |byte| Prefix::leading([byte; SHORT_LEN]);
    for at in 1..6 {
        written.record("https://a.test/p", &[], false);
        let rows =
            if at == 5 { (0..10).map(|byte| leading(byte).row(self::index(5))).collect() } else { vec![] };
        let facts: Vec<_> = (at == 1)
            .then(|| FactRows { index: self::index(0), rows: vec![] })
            .into_iter()
            .chain([FactRows { index: self::index(at), rows }])
            .collect();
        index.apply_facts(&facts).unwrap();
    }
    let ask = |below, limit, steps| {
        let range = (&leading(0), &leading(9));
        let found = index.facts.each_newest(&index.database, range, size(below), limit, steps).unwrap();
        found.map(|found| found.len())
    };
    for sealed in [false, true] {
        assert_eq!((ask(6, 20, 20), ask(3, 20, 20)), (Some(10), Some(0)));
        assert_eq!(ask(6, 4, 4), None, "whether these are all is not known");
        assert_eq!(ask(6, 3, 4), Some(3));
        assert_eq!(ask(3, 20, 5), None, "later entries take all steps");
        if !sealed {
            index.facts.close_segment();
            index.tidy().unwrap();
            assert_eq!(index.facts.runs().last().unwrap().record().span.end(), size(6));
        }
    }
}

#[test]
fn each_part_of_the_index_has_its_own_runs() {
    let (dir, written) = (tempfile::tempdir().unwrap(), busy(16));
    let index = open(dir.path(), &written);
    index.tidy().unwrap();
    assert_eq!(index.entries.runs().len(), 1, "the entry index does not wait for the facts");
    assert_eq!(index.facts.runs().len(), 0);
    assert_eq!((index.entries.part(), index.facts.part()), (Part::Entries, Part::Facts));
    assert_eq!(written.size(), index.covered());
    drop(Arc::clone(&written));
}
