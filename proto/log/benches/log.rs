//! What the log's own work costs, one core: the tree and its proofs at three sizes, checkpoints, entries.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a measurement that meets the unexpected is none, and a panic says so"
)]
#![allow(missing_docs, reason = "criterion_group! makes public functions that nobody else calls")]

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use custody_log::{
    Checkpoint, ConsistencyProof, Entry, Frontier, InclusionProof, LeafIndex, Measured, NodeHash, NodeId,
    NodeSource, NoteSigner, Origin, RootHash, SignedCheckpoint, TreeSize,
};

/// The sizes of the trees, in leaves: 2 to the power of these.
const POWERS: [u32; 3] = [10, 16, 20];

/// How many positions a proof is made and verified for in turn, so that no single path is measured.
const POSITIONS: u64 = 64;

/// Every node of a tree, in memory, by level. 2^20 leaves are 64 MiB.
struct Tree {
    frontier: Frontier,
    levels: Vec<Vec<NodeHash>>,
}

impl Tree {
    /// Makes the tree of 2^power leaves, less three: a size whose right edge has many nodes, as most have.
    fn of(power: u32) -> Self {
        let mut tree = Self { frontier: Frontier::empty(), levels: vec![Vec::new(); 64] };
        for number in 0..(1_u64 << power) - 3 {
            let levels = &mut tree.levels;
            tree.frontier.append_with(leaf(number), |id, hash| levels[usize::from(id.level())].push(hash));
        }
        tree
    }

    fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// Returns positions spread over the tree.
    fn positions(&self) -> Vec<LeafIndex> {
        let step = self.size().get() / POSITIONS;
        (0..POSITIONS).map(|at| LeafIndex::new(at * step + at % step).unwrap()).collect()
    }

    fn root_at(&self, size: TreeSize) -> RootHash {
        custody_log::root_of(size, self).unwrap()
    }
}

impl NodeSource for Tree {
    type Error = Infallible;

    fn node(&self, id: NodeId) -> Result<NodeHash, Infallible> {
        Ok(self.levels[usize::from(id.level())][usize::try_from(id.index()).unwrap()])
    }
}

fn leaf(number: u64) -> NodeHash {
    NodeHash::leaf(&number.to_be_bytes())
}

fn tree(criterion: &mut Criterion) {
    for power in POWERS {
        let tree = Tree::of(power);
        append(&mut criterion.benchmark_group("append"), power, &tree);
        inclusion(criterion, power, &tree);
        consistency(criterion, power, &tree);
    }
}

fn append(group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>, power: u32, tree: &Tree) {
    let leaf = leaf(7);
    group.bench_function(BenchmarkId::new("tree append and root", format!("2^{power}")), |bencher| {
        let mut frontier = tree.frontier.clone();
        bencher.iter(|| {
            frontier.append(black_box(leaf));
            frontier.root()
        });
    });
}

fn inclusion(criterion: &mut Criterion, power: u32, tree: &Tree) {
    let mut group = criterion.benchmark_group("inclusion");
    let positions = tree.positions();
    let root = tree.frontier.root();
    let proofs: Vec<(NodeHash, InclusionProof)> = positions
        .iter()
        .map(|index| (leaf(index.get()), InclusionProof::make(*index, tree.size(), tree).unwrap()))
        .collect();
    group.bench_function(BenchmarkId::new("inclusion proof, make", format!("2^{power}")), |bencher| {
        let mut next = positions.iter().cycle();
        bencher.iter(|| InclusionProof::make(*next.next().unwrap(), tree.size(), tree).unwrap());
    });
    group.bench_function(BenchmarkId::new("inclusion proof, verify", format!("2^{power}")), |bencher| {
        let mut next = proofs.iter().cycle();
        bencher.iter(|| {
            let (leaf, proof) = next.next().unwrap();
            proof.verify(*leaf, black_box(&root)).unwrap();
        });
    });
}

fn consistency(criterion: &mut Criterion, power: u32, tree: &Tree) {
    let mut group = criterion.benchmark_group("consistency");
    let sizes: Vec<TreeSize> = tree.positions().iter().map(|index| index.size_through()).collect();
    let root = tree.frontier.root();
    let proofs: Vec<(RootHash, ConsistencyProof)> = sizes
        .iter()
        .map(|old| (tree.root_at(*old), ConsistencyProof::make(*old, tree.size(), tree).unwrap()))
        .collect();
    group.bench_function(BenchmarkId::new("consistency proof, make", format!("2^{power}")), |bencher| {
        let mut next = sizes.iter().cycle();
        bencher.iter(|| ConsistencyProof::make(*next.next().unwrap(), tree.size(), tree).unwrap());
    });
    group.bench_function(BenchmarkId::new("consistency proof, verify", format!("2^{power}")), |bencher| {
        let mut next = proofs.iter().cycle();
        bencher.iter(|| {
            let (old, proof) = next.next().unwrap();
            proof.verify(old, black_box(&root)).unwrap();
        });
    });
}

fn checkpoint(criterion: &mut Criterion) {
    let origin: Origin = "example.com/log".parse().unwrap();
    let log = NoteSigner::from_seed(origin.key_name().clone(), [7; 32]);
    let size = TreeSize::new(1 << 20).unwrap();
    let checkpoint = Checkpoint::new(origin.clone(), size, RootHash::from(leaf(1))).unwrap();
    let signed = SignedCheckpoint::sign(&checkpoint, &log).unwrap();
    let (bytes, keys) = (signed.bytes().to_vec(), [log.verifier()]);
    let mut group = criterion.benchmark_group("checkpoint");
    group.bench_function("checkpoint, sign", |bencher| {
        bencher.iter(|| SignedCheckpoint::sign(black_box(&checkpoint), &log).unwrap());
    });
    group.bench_function("checkpoint, read and verify", |bencher| {
        bencher.iter(|| SignedCheckpoint::parse(black_box(&bytes)).unwrap().verify(&origin, &keys).unwrap());
    });
}

fn entry(criterion: &mut Criterion) {
    let entry = Entry {
        index: LeafIndex::new(1_042).unwrap(),
        time: "2026-11-22T20:31:24.120394Z".parse().unwrap(),
        previous: Some(custody_log::EntryDigest::of(b"the entry before")),
        admin: Some(LeafIndex::new(987).unwrap()),
        administrative: false,
        envelope: Measured { digest: custody_log::EnvelopeDigest::of(b"envelope"), length: 5_312 },
        content: custody_log::ContentDigest::from_bytes([3; 32]),
        record: Measured { digest: custody_log::RecordDigest::of(b"record"), length: 1_893 },
    };
    let bytes = entry.encode();
    let mut group = criterion.benchmark_group("entry");
    group.bench_function("entry, encode", |bencher| bencher.iter(|| black_box(&entry).encode()));
    group.bench_function("entry, decode", |bencher| {
        bencher.iter_batched(|| bytes.clone(), |bytes| Entry::decode(&bytes).unwrap(), BatchSize::SmallInput);
    });
    group.bench_function("entry, leaf hash", |bencher| bencher.iter(|| NodeHash::leaf(black_box(&bytes))));
}

criterion_group!(benches, tree, checkpoint, entry);
criterion_main!(benches);
