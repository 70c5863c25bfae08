use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tree::{Frontier, InclusionProof, NodeSource, root_of};
use crate::{LeafIndex, RootHash};

fn size(n: u64) -> TreeSize {
    TreeSize::new(n).unwrap()
}

fn path(text: &str) -> TilePath {
    text.parse().unwrap()
}

#[test]
fn paths_are_written_in_groups_of_three() {
    let hashes = |level, number, width| TilePath::new(TileKind::Hashes { level }, number, width).unwrap();
    let entries = |number, width| TilePath::new(TileKind::Entries, number, width).unwrap();
    for (tile, text) in [
        (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (hashes(0, 1000, 256), "tile/0/x001/000"),
        (hashes(1, 5, 256), "tile/1/005"),
        (hashes(7, 0, 1), "tile/7/000.p/1"),
        (hashes(0, 273, 112), "tile/0/273.p/112"),
        (entries(0, 255), "tile/entries/000.p/255"),
        (entries(1_234_067, 256), "tile/entries/x001/x234/067"),
        (entries((1 << 55) - 1, 255), "tile/entries/x036/x028/x797/x018/x963/967.p/255"),
    ] {
        assert_eq!(tile.to_string(), text);
        assert_eq!(text.parse(), Ok(tile));
    }
}

#[test]
fn refuses_paths_with_another_spelling() {
    for text in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/-1/000",
        "tile/x/000",
        "tile/Entries/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/X001/000",
        "tile/0/+01",
        "tile/0/..",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/65537",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/8/000",
        "tile/63/000",
        "tile/64/000",
        "tile/256/000",
        "tile/7/000.p/128",
        "tile/7/001.p/1",
        "tile/0/x036/x028/x797/x018/x963/967",
        "tile/0/x036/x028/x797/x018/x963/968.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(text.parse::<TilePath>().is_err(), "{text:?} is taken for a tile");
    }
}

/// The example of c2sp.org/tlog-tiles: 70,000 entries.
#[test]
fn a_tree_of_70000_has_the_tiles_of_the_specification() {
    let all: Vec<TilePath> = TilePath::grown(TreeSize::ZERO, size(70_000)).collect();
    let full =
        |level| all.iter().filter(|t| t.kind() == TileKind::Hashes { level } && !t.is_partial()).count();
    assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
    let partial: Vec<String> = all.iter().filter(|t| t.is_partial()).map(TilePath::to_string).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    let exact: Vec<String> = TilePath::grown(TreeSize::ZERO, size(256)).map(|t| t.to_string()).collect();
    assert_eq!(exact, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(TilePath::grown(TreeSize::ZERO, TreeSize::ZERO).count(), 0);
}

#[test]
fn growing_names_only_what_changed() {
    let grown = |old, new| TilePath::grown(size(old), size(new)).map(|t| t.to_string()).collect::<Vec<_>>();
    assert_eq!(grown(5, 7), ["tile/0/000.p/7"]);
    assert_eq!(grown(255, 257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
    assert_eq!(grown(256, 257), ["tile/0/001.p/1"]);
    assert!(grown(7, 7).is_empty());
    assert!(grown(7, 5).is_empty());
    let bundles: Vec<String> = TilePath::grown_bundles(size(250), size(600)).map(|t| t.to_string()).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/88"]);
}

/// Reads every node from tiles as a server or a client would.
struct Tiles {
    size: TreeSize,
    files: BTreeMap<String, Vec<u8>>,
}

impl NodeSource for Tiles {
    type Error = TileError;

    fn node(&self, id: NodeId) -> Result<NodeHash, TileError> {
        let slice = TileSlice::of(id, self.size).expect("the tree has the node");
        let bytes = &self.files[&slice.path().to_string()];
        HashTile::decode(slice.path(), bytes)?.node(&slice)
    }
}

/// Appends leaves and writes the tiles of the last size, as a publisher does.
fn tiles(count: u64) -> (Frontier, Tiles) {
    let (mut frontier, mut nodes) = (Frontier::empty(), BTreeMap::new());
    for leaf in 0..count {
        let leaf = NodeHash::leaf(&leaf.to_be_bytes());
        frontier.append_with(leaf, |id, hash| {
            nodes.insert(id, hash);
        });
    }
    let mut files = BTreeMap::new();
    for path in TilePath::grown(TreeSize::ZERO, size(count)) {
        let id = |at| NodeId::new(path.kind().level() * 8, path.first() + at).unwrap();
        let hashes = (0..u64::try_from(path.width()).unwrap()).map(|at| nodes[&id(at)]).collect();
        files.insert(path.to_string(), HashTile::from_hashes(hashes).encode());
    }
    (frontier, Tiles { size: size(count), files })
}

#[test]
fn roots_and_proofs_come_out_of_tiles() {
    for count in [1, 2, 255, 256, 257, 300, 70_000] {
        let (frontier, tiles) = tiles(count);
        assert_eq!(root_of(tiles.size, &tiles), Ok(frontier.root()), "size {count}");
        for index in [0, count / 2, count - 1] {
            let proof = InclusionProof::make(LeafIndex::new(index).unwrap(), tiles.size, &tiles).unwrap();
            let root: RootHash = frontier.root();
            assert_eq!(proof.verify(NodeHash::leaf(&index.to_be_bytes()), &root), Ok(()));
        }
    }
}

#[test]
fn refuses_tiles_of_another_length() {
    let tile = path("tile/0/000.p/2");
    for length in [0, 32, 63, 65, 96, 8192] {
        let refused = HashTile::decode(&tile, &vec![0; length]);
        assert_eq!(refused, Err(TileError::Length { path: tile, expected: 64, found: length }));
    }
    let bundle = path("tile/entries/000.p/2");
    assert_eq!(HashTile::decode(&bundle, &[0; 64]), Err(TileError::NotHashes { path: bundle }));
    let narrow = HashTile::decode(&tile, &[0; 64]).unwrap();
    let slice = TileSlice::of(NodeId::new(2, 0).unwrap(), size(4)).unwrap();
    assert_eq!(narrow.node(&slice), Err(TileError::TooNarrow { needed: 4, found: 2 }));
}

#[test]
fn a_node_outside_the_tree_is_in_no_tile() {
    assert_eq!(TileSlice::of(NodeId::new(0, 5).unwrap(), size(5)), None);
    assert_eq!(TileSlice::of(NodeId::new(3, 0).unwrap(), size(7)), None);
    let slice = TileSlice::of(NodeId::new(9, 1).unwrap(), size(1024)).unwrap();
    assert_eq!((slice.path().to_string(), slice.range().clone()), ("tile/1/000.p/4".into(), 2..4));
    assert_eq!(TilePath::of_entry(700, size(700)), None);
    assert_eq!(TilePath::of_entry(699, size(700)), Some(path("tile/entries/002.p/188")));
    assert_eq!(TilePath::of_entry(511, size(700)), Some(path("tile/entries/001")));
    assert_eq!(path("tile/0/002.p/188").full(), Some(path("tile/0/002")));
}

#[test]
fn bundles_are_lengths_and_bytes() {
    let bundle = EntryBundle::new(vec![b"one".to_vec(), vec![], b"two".to_vec()]).unwrap();
    assert_eq!(bundle.encode(), b"\x00\x03one\x00\x00\x00\x03two");
    assert_eq!(EntryBundle::decode(3, &bundle.encode()), Ok(bundle));
}

#[test]
fn refuses_bundles_with_one_thing_changed() {
    let bytes = b"\x00\x03one\x00\x03two";
    assert_eq!(EntryBundle::decode(3, bytes), Err(BundleError::Count { expected: 3, found: 2 }));
    assert_eq!(EntryBundle::decode(1, bytes), Err(BundleError::Count { expected: 1, found: 2 }));
    for (cut, at) in [(1, 0), (4, 0), (6, 1), (9, 1)] {
        assert_eq!(EntryBundle::decode(2, &bytes[..cut]), Err(BundleError::Cut { at }), "{cut} bytes");
    }
    let garbage = [bytes.as_slice(), b"\x00"].concat();
    assert_eq!(EntryBundle::decode(2, &garbage), Err(BundleError::Count { expected: 2, found: 3 }));
    assert_eq!(EntryBundle::decode(0, b"").map(|b| b.entries().len()), Ok(0));
    assert!(EntryBundle::new(vec![vec![0; 65_535]]).is_ok());
    let refused = EntryBundle::new(vec![vec![0; 65_536]]);
    assert_eq!(refused, Err(BundleError::TooLong { found: 65_536 }));
}

proptest! {
    #[test]
    fn every_tile_of_every_tree_has_one_path(n in 0..=i64::MAX.unsigned_abs(), shift in 0_u32..63, at: u64) {
        let n = n >> shift;
        for level in 0..8_u8 {
            let hashes = n >> (8 * u32::from(level));
            if hashes > 0 {
                let tile = TilePath::of_hash(level, at % hashes, size(n)).unwrap();
                prop_assert_eq!(tile.to_string().parse(), Ok(tile));
                prop_assert!(tile.first() <= at % hashes && at % hashes < tile.first() + u64::try_from(tile.width()).unwrap());
            }
        }
    }

    #[test]
    fn any_text_as_a_path_is_refused_or_kept(text in "(tile/)?[0-9a-z./]{0,30}") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn bundles_decode_to_what_was_encoded(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
        let width = entries.len();
        let bundle = EntryBundle::new(entries).unwrap();
        prop_assert_eq!(EntryBundle::decode(width, &bundle.encode()), Ok(bundle));
    }
}
