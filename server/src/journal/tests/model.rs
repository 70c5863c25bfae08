//! Random operations against a list in memory.

use super::*;

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[test]
fn answers_like_a_list_in_memory_whatever_is_done() {
    for seed in 1..=8 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let (dir, mut log) = created();
        let mut opened = reopen(&dir);
        for _ in 0..60 {
            match random.below(10) {
                0 => {
                    opened.journal.seal().unwrap();
                    opened = reopen(&dir);
                }
                1 => {
                    drop(opened.journal);
                    opened = reopen(&dir);
                }
                2 => opened.journal.sync_checkpoint().unwrap(),
                3 => {
                    // Refused, and the journal goes on.
                    let mut other = log.clone();
                    let mut batch = other.batch(&[vec![0; 5]]);
                    batch.first = batch.first.next();
                    let Err(AppendError::Refused { journal, .. }) = opened.journal.append(&batch) else {
                        panic!("not refused")
                    };
                    opened.journal = journal;
                }
                _ => {
                    let envelopes: Vec<_> = (0..=random.below(4))
                        .map(|at| {
                            let bound = [20, 900, 3000][random.below(3) as usize];
                            envelope((random.below(1000) + at) as usize, random.below(bound) as usize)
                        })
                        .collect();
                    opened.journal = opened.journal.append(&log.batch(&envelopes)).unwrap();
                    if random.below(3) > 0 {
                        opened.journal.keep_checkpoint(&log.checkpoint()).unwrap();
                    }
                }
            }
            assert_eq!(opened.journal.size(), log.size());
        }
        log.check(&opened.reader, log.size());
        let report = fsck(dir.path(), &options().files, &mut |_| ()).unwrap();
        assert_eq!(report.findings, []);
        assert_eq!(report.sound, (log.size(), log.root()));
        assert_eq!(report.entries, log.size().get());
    }
}

#[test]
fn reads_a_thousand_entries_over_many_segments() {
    let (dir, mut log) = created();
    let mut journal = reopen(&dir).journal;
    for batch in 0..40 {
        let envelopes: Vec<_> = (0..25).map(|at| envelope(batch * 25 + at, 100)).collect();
        journal = journal.append(&log.batch(&envelopes)).unwrap();
    }
    drop(journal);
    let Opened { reader, size, .. } = reopen(&dir);
    assert_eq!(size.get(), 1001);
    log.check(&reader, size);
    assert_eq!(
        reader.leaf_hash(LeafIndex::new(777).unwrap()).unwrap(),
        NodeHash::leaf(&log.stored[777].entry)
    );
    let segments = std::fs::read_dir(dir.path().join("journal/segments")).unwrap().count();
    assert!(segments > 30, "{segments}");
    let mut last = None;
    let report = fsck(dir.path(), &options().files, &mut |progress| last = Some(progress)).unwrap();
    assert_eq!((report.findings.len(), report.sound), (0, (size, log.root())));
    let last = last.unwrap();
    assert_eq!((last.entries, last.bytes), (1001, last.bytes_total));
}
