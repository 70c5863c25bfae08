use super::*;

/// Leaves that are the hashes of their own positions.
struct Numbers;

impl LeafSource for Numbers {
    fn leaf(&self, index: LeafIndex) -> Result<NodeHash, ReadError> {
        Ok(leaf(index.get()))
    }
}

fn leaf(number: u64) -> NodeHash {
    NodeHash::leaf(&number.to_be_bytes())
}

fn leaves(range: std::ops::Range<u64>) -> Vec<NodeHash> {
    range.map(leaf).collect()
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

fn root(count: u64) -> RootHash {
    let mut frontier = Frontier::empty();
    for number in 0..count {
        frontier.append(leaf(number));
    }
    frontier.root()
}

fn open(dir: &Path, count: u64) -> Result<Tree, TreeError> {
    Tree::open(dir, size(count), root(count), &Numbers, &mut |_| {})
}

fn grown(dir: &Path, count: u64) -> Tree {
    let tree = open(dir, 0).unwrap();
    tree.append(&leaves(0..count));
    tree
}

fn check_proofs(tree: &Tree, count: u64) {
    for number in [0, 1, 255, 256, 257, 511, count / 2, count.saturating_sub(2), count - 1] {
        let number = number.min(count - 1);
        let proof = tree.inclusion(index(number), size(count), &root(count), &Numbers).unwrap();
        proof.verify(leaf(number), &root(count)).unwrap();
        let old = number.max(1);
        let (old_root, proof) = tree.consistency(size(old), size(count), &root(count), &Numbers).unwrap();
        assert_eq!(old_root, root(old));
        proof.unwrap().verify(&root(old), &root(count)).unwrap();
    }
}

/// The same, but one entry of the journal is damaged.
struct Damaged(u64);

impl LeafSource for Damaged {
    fn leaf(&self, index: LeafIndex) -> Result<NodeHash, ReadError> {
        Ok(leaf(if index.get() == self.0 { u64::MAX } else { index.get() }))
    }
}

#[test]
fn a_damaged_entry_is_not_proven_and_spoils_no_tile() {
    let dir = tempfile::tempdir().unwrap();
    let tree = grown(dir.path(), 300);
    let tile = fs::read(dir.path().join("tile/0/000")).unwrap();
    let refused = tree.inclusion(index(7), size(300), &root(300), &Damaged(7)).unwrap_err();
    assert!(matches!(refused, TreeError::Proof(ProofError::RootMismatch { .. })), "{refused}");
    assert_eq!(fs::read(dir.path().join("tile/0/000")).unwrap(), tile);
    tree.inclusion(index(8), size(300), &root(300), &Damaged(7)).unwrap();
}

#[test]
fn gives_every_proof_at_the_borders_of_tiles() {
    for count in [1, 2, 255, 256, 257, 511, 512, 700] {
        let dir = tempfile::tempdir().unwrap();
        let tree = grown(dir.path(), count);
        check_proofs(&tree, count);
    }
}

#[test]
fn a_second_level_of_tiles_begins_after_65_536_entries() {
    let dir = tempfile::tempdir().unwrap();
    let count = 65_536 + 300;
    let tree = grown(dir.path(), count);
    check_proofs(&tree, count);
    assert!(dir.path().join("tile/0/255").exists());
    assert!(dir.path().join("tile/1/000").exists());
    check_proofs(&open(dir.path(), count).unwrap(), count);
}

#[test]
fn opens_at_the_same_root_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path(), 600);
    let tree = open(dir.path(), 600).unwrap();
    assert_eq!(tree.with_appended(&leaves(600..900)), (size(900), root(900)));
    tree.append(&leaves(600..900));
    check_proofs(&tree, 900);
}

#[test]
fn a_tile_that_is_gone_short_or_wrong_is_made_again() {
    let spoil: [fn(&Path); 3] = [
        |tile| fs::remove_file(tile).unwrap(),
        |tile| fs::write(tile, b"short").unwrap(),
        |tile| fs::write(tile, [7; 8192]).unwrap(),
    ];
    for spoil in spoil {
        let dir = tempfile::tempdir().unwrap();
        // More than the nodes that are kept in memory.
        let tree = grown(dir.path(), 2_000);
        let tile = dir.path().join("tile/0/000");
        let good = fs::read(&tile).unwrap();
        spoil(&tile);
        check_proofs(&tree, 2_000);
        assert_eq!(fs::read(&tile).unwrap(), good);
        spoil(&tile);
        check_proofs(&open(dir.path(), 2_000).unwrap(), 2_000);
        assert_eq!(fs::read(&tile).unwrap(), good);
    }
}

#[test]
fn tiles_that_run_ahead_of_the_journal_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path(), 1_024);
    let tree = open(dir.path(), 300).unwrap();
    check_proofs(&tree, 300);
}

#[test]
fn refuses_entries_that_do_not_have_the_root_of_the_last_frame() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Tree::open(dir.path(), size(300), root(299), &Numbers, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, TreeError::Root { computed, .. } if computed == root(300)), "{refused}");
}

#[test]
fn refuses_a_proof_for_an_entry_beyond_the_tree_and_for_a_foreign_root() {
    let dir = tempfile::tempdir().unwrap();
    let tree = grown(dir.path(), 300);
    assert!(tree.inclusion(index(300), size(300), &root(300), &Numbers).is_err());
    assert!(tree.inclusion(index(3), size(300), &root(299), &Numbers).is_err());
}

#[test]
fn new_entries_are_proven_without_a_file_also_after_an_opening() {
    let dir = tempfile::tempdir().unwrap();
    for (before, after) in [(1, 2), (255, 257), (256, 300), (700, 701), (767, 1_100), (1_023, 1_025)] {
        grown(dir.path(), before);
        let tree = open(dir.path(), before).unwrap();
        tree.append(&leaves(before..after));
        fs::rename(dir.path().join("tile"), dir.path().join("aside")).unwrap_or_default();
        for number in before..after {
            let at_hand =
                tree.inclusion_at_hand(index(number), leaf(number), size(after), &root(after)).unwrap();
            at_hand.verify(leaf(number), &root(after)).unwrap();
            let foreign = leaf(number + 1);
            assert_eq!(tree.inclusion_at_hand(index(number), foreign, size(after), &root(after)), None);
            assert_eq!(tree.inclusion_at_hand(index(number), leaf(number), size(after), &root(1)), None);
        }
        fs::remove_dir_all(dir.path().join("aside")).unwrap_or_default();
        fs::remove_dir_all(dir.path().join("tile")).unwrap_or_default();
    }
}

#[test]
fn an_old_entry_is_not_at_hand_after_an_opening() {
    let dir = tempfile::tempdir().unwrap();
    grown(dir.path(), 700);
    let tree = open(dir.path(), 700).unwrap();
    assert_eq!(tree.inclusion_at_hand(index(3), leaf(3), size(700), &root(700)), None);
    tree.inclusion(index(3), size(700), &root(700), &Numbers).unwrap();
}
