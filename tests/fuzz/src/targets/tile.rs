//! Tiles, bundles and their paths.

use custody_log::{EntryBundle, HashTile, TileKind, TilePath};

use super::text::strict;
use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const WORDS: &[&str] = &["tile/", "entries/", "x000/", ".p/", "/", "0", "255", "256", "7"];

pub(super) const TARGETS: &[Target] = &[
    Target { name: "tile.path", max: 120, rounds: 4000, words: WORDS, seeds: paths, run: strict::<TilePath> },
    Target { name: "tile.hashes", max: 1 + 32 * 257, rounds: 1500, words: &[], seeds: tiles, run: hashes },
    Target { name: "tile.bundle", max: 8 << 10, rounds: 3000, words: &[], seeds: bundles, run: bundle },
];

/// The first byte is the width less one.
fn width(bytes: &[u8]) -> (usize, &[u8]) {
    bytes.split_first().map_or((1, &[]), |(first, rest)| (usize::from(*first) + 1, rest))
}

fn hashes(bytes: &[u8]) -> Outcome {
    let (width, rest) = width(bytes);
    let path = TilePath::new(TileKind::Hashes { level: 0 }, 0, width as u64).unwrap();
    match HashTile::decode(&path, rest) {
        Ok(tile) => {
            same_bytes("tile", &tile.encode(), rest);
            assert_eq!(tile.hashes().len(), width);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn bundle(bytes: &[u8]) -> Outcome {
    let (width, rest) = width(bytes);
    match EntryBundle::decode(width, rest) {
        Ok(bundle) => {
            same_bytes("bundle", &bundle.encode(), rest);
            assert_eq!(bundle.entries().len(), width);
            bounded(rest.len(), &bundle, 6, 4096);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn paths(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "tile/0/000",
        "tile/3/x001/x234/067",
        "tile/0/x001/000.p/17",
        "tile/entries/x123/456.p/255",
        "tile/7/000.p/1",
    ])
}

fn tiles(_: &Corpus) -> Vec<Vec<u8>> {
    [1_usize, 3, 256].map(|width| [vec![(width - 1) as u8], vec![7; width * 32]].concat()).to_vec()
}

fn bundles(corpus: &Corpus) -> Vec<Vec<u8>> {
    let entries: Vec<Vec<u8>> = (0..3).map(|index| corpus.example(&format!("entry-{index}"))).collect();
    let of = |count: usize| {
        let bundle = EntryBundle::new(entries.iter().cycle().take(count).cloned().collect()).unwrap();
        [vec![(count - 1) as u8], bundle.encode()].concat()
    };
    vec![of(1), of(3), of(16), vec![255; 1].into_iter().chain([0; 512]).collect()]
}
