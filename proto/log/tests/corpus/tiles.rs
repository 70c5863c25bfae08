//! Whole logs in the layout of c2sp.org/tlog-tiles.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{
    ConsistencyProof, EntryBundle, Frontier, HashTile, InclusionProof, LeafIndex, NodeHash, NodeId,
    NodeSource, SignedCheckpoint, TileError, TileKind, TilePath, TileSlice, TreeSize, VerifierKey, root_of,
};

use crate::notes::{check_cosignature, key_in};
use crate::tar;

const TESSERA_KEY: &str = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";

/// Nodes of a tree of one size, read from files.
struct Tiles<'a> {
    size: TreeSize,
    prefix: &'a str,
    files: &'a BTreeMap<String, Vec<u8>>,
}

impl NodeSource for Tiles<'_> {
    type Error = TileError;

    fn node(&self, id: NodeId) -> Result<NodeHash, TileError> {
        let slice = TileSlice::of(id, self.size).expect("the tree has the node");
        let bytes = &self.files[&format!("{}{}", self.prefix, slice.path())];
        HashTile::decode(slice.path(), bytes)?.node(&slice)
    }
}

#[test]
fn every_checkpoint_tile_and_bundle_of_the_tessera_log_is_confirmed() {
    let Some(tar) = crate::read("tlog/tessera-log.tar") else { return };
    let files = tar::files(&tar);
    let key: VerifierKey = TESSERA_KEY.parse().unwrap();
    let origin = key.name().as_str().parse().unwrap();
    let bundle = EntryBundle::decode(15, &files["log/tile/entries/000.p/15"]).unwrap();

    // Tiles and bundles: each is what its own leaves make, byte for byte.
    let mut tree = Frontier::empty();
    let mut roots = vec![tree.root()];
    let mut seen = BTreeSet::new();
    for (at, entry) in bundle.entries().iter().enumerate() {
        tree.append(NodeHash::leaf(entry));
        roots.push(tree.root());
        let size = tree.size();
        let hashes: Vec<_> = bundle.entries()[..=at].iter().map(|entry| NodeHash::leaf(entry)).collect();
        for path in TilePath::grown(TreeSize::ZERO, size) {
            let file = format!("log/{path}");
            assert_eq!(HashTile::from_hashes(hashes.clone()).encode(), files[&file], "{file}");
            assert_eq!(HashTile::decode(&path, &files[&file]).unwrap().hashes(), hashes, "{file}");
            seen.insert(file);
        }
        for path in TilePath::grown_bundles(TreeSize::ZERO, size) {
            let file = format!("log/{path}");
            let expected = EntryBundle::new(bundle.entries()[..=at].to_vec()).unwrap();
            assert_eq!(expected.encode(), files[&file], "{file}");
            assert_eq!(EntryBundle::decode(path.width(), &files[&file]), Ok(expected), "{file}");
            seen.insert(file);
        }
    }

    // Checkpoints: signature, origin, root; and proofs between all of them, made from the tiles.
    for (file, bytes) in files.iter().filter(|(file, _)| file.starts_with("log/checkpoint")) {
        let signed = SignedCheckpoint::parse(bytes).unwrap();
        let verified = signed.verify(&origin, std::slice::from_ref(&key)).unwrap();
        let (size, root) = (verified.checkpoint().size(), verified.checkpoint().root());
        let position = usize::try_from(size.get()).unwrap();
        assert_eq!(*root, roots[position], "{file}");
        let tiles = Tiles { size, prefix: "log/", files: &files };
        assert_eq!(root_of(size, &tiles).as_ref(), Ok(root), "{file}");
        for (at, entry) in bundle.entries()[..position].iter().enumerate() {
            let index = LeafIndex::new(at.try_into().unwrap()).unwrap();
            let proof = InclusionProof::make(index, size, &tiles).unwrap();
            assert_eq!(proof.verify(NodeHash::leaf(entry), root), Ok(()), "{file}, entry {at}");
            let proof = ConsistencyProof::make(index.size_through(), size, &tiles).unwrap();
            assert_eq!(proof.verify(&roots[at + 1], root), Ok(()), "{file}, from {}", at + 1);
        }
        seen.insert(file.clone());
    }
    assert_eq!(seen, files.keys().cloned().collect(), "seen (left) and in the tar (right)");
    assert_eq!(seen.len(), 47);
}

#[test]
fn the_tiles_of_the_sunlight_mirror_lead_to_its_cosigned_root() {
    let Some(tar) = crate::read("tlog/sunlight-mirror.tar") else { return };
    let files = tar::files(&tar);
    let key = key_in(&files["mirror.v0.json"]);
    let (checkpoint, bytes) = files.iter().find(|(file, _)| file.ends_with("/checkpoint")).unwrap();
    let signed = SignedCheckpoint::parse(bytes).unwrap();
    let size = signed.unverified().size();
    assert_eq!(size.get(), 300);
    check_cosignature(&signed, &key, 0x6954_6780);

    let prefix = checkpoint.strip_suffix("checkpoint").unwrap();
    let tiles = Tiles { size, prefix, files: &files };
    assert_eq!(root_of(size, &tiles).as_ref(), Ok(signed.unverified().root()));
    let paths: BTreeSet<String> =
        TilePath::grown(TreeSize::ZERO, size).map(|path| format!("{prefix}{path}")).collect();
    let others = [checkpoint.clone(), "mirror.v0.json".to_owned()];
    assert_eq!(
        paths.union(&BTreeSet::from(others)).cloned().collect::<BTreeSet<_>>(),
        files.keys().cloned().collect()
    );

    // The hash in the level 1 tile is the root of the full tile below it.
    let full: TilePath = "tile/0/000".parse().unwrap();
    assert_eq!(full.kind(), TileKind::Hashes { level: 0 });
    let below = HashTile::decode(&full, &files[&format!("{prefix}{full}")]).unwrap();
    let slice = TileSlice::of(NodeId::new(7, 1).unwrap(), size).unwrap();
    let left = TileSlice::of(NodeId::new(7, 0).unwrap(), size).unwrap();
    let top = NodeHash::inner(&below.node(&left).unwrap(), &below.node(&slice).unwrap());
    assert_eq!(tiles.node(NodeId::new(8, 0).unwrap()), Ok(top));
    for (index, leaf) in below.hashes().iter().enumerate() {
        let index = LeafIndex::new(index.try_into().unwrap()).unwrap();
        let proof = InclusionProof::make(index, size, &tiles).unwrap();
        assert_eq!(proof.verify(*leaf, signed.unverified().root()), Ok(()));
    }
}
