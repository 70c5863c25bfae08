//! Proofs and roots of the RFC 6962 tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::{ConsistencyProof, Frontier, InclusionProof, LeafIndex, NodeHash, RootHash, TreeSize};
use serde_json::Value;

/// The cases of one file, each with its name and whether it must be refused.
fn cases(file: &str) -> Vec<(String, Value, bool)> {
    let text = crate::read_text(file).unwrap_or_default();
    let case = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let (name, vector) = (row["name"].as_str().unwrap().to_owned(), row["vector"].clone());
        let refused = vector["wantErr"].as_bool().unwrap();
        (name, vector, refused)
    };
    text.lines().map(case).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap()
}

fn hashes(value: &Value) -> Result<Vec<NodeHash>, String> {
    let rows = value.as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| NodeHash::try_from(bytes(row).as_slice()).map_err(text)).collect()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn size(value: &Value) -> Result<TreeSize, String> {
    TreeSize::new(value.as_u64().unwrap()).map_err(text)
}

fn root(value: &Value) -> Result<RootHash, String> {
    RootHash::try_from(bytes(value).as_slice()).map_err(text)
}

fn included(vector: &Value) -> Result<(), String> {
    let index = LeafIndex::new(vector["leafIdx"].as_u64().unwrap()).map_err(text)?;
    let proof = InclusionProof::from_hashes(index, size(&vector["treeSize"])?, hashes(&vector["proof"])?)
        .map_err(text)?;
    let leaf = NodeHash::try_from(bytes(&vector["leafHash"]).as_slice()).map_err(text)?;
    proof.verify(leaf, &root(&vector["root"])?).map_err(text)
}

fn consistent(vector: &Value) -> Result<(), String> {
    let (old, new) = (size(&vector["size1"])?, size(&vector["size2"])?);
    let proof = ConsistencyProof::from_hashes(old, new, hashes(&vector["proof"])?).map_err(text)?;
    proof.verify(&root(&vector["root1"])?, &root(&vector["root2"])?).map_err(text)
}

fn check(file: &str, expected: (usize, usize), verify: impl Fn(&Value) -> Result<(), String>) {
    let cases = cases(file);
    if crate::corpus().is_none() {
        return;
    }
    for (name, vector, refused) in &cases {
        let verdict = verify(vector);
        assert_eq!(verdict.is_err(), *refused, "{name}: {verdict:?}");
    }
    let refused = cases.iter().filter(|(_, _, refused)| *refused).count();
    assert_eq!((cases.len() - refused, refused), expected, "accepted and refused cases in {file}");
}

#[test]
fn inclusion_verdicts_are_those_of_the_vectors() {
    check("tlog/merkle-inclusion.jsonl", (4, 72), included);
}

#[test]
fn consistency_verdicts_are_those_of_the_vectors() {
    check("tlog/merkle-consistency.jsonl", (4, 59), consistent);
}

#[test]
fn the_reference_tree_has_the_reference_roots() {
    let Some(file) = crate::read("tlog/rfc6962-reference-tree.json") else { return };
    let file: Value = serde_json::from_slice(&file).unwrap();
    let strings = |name: &str| -> Vec<Vec<u8>> {
        let rows = file[name].as_array().unwrap();
        rows.iter().map(|row| hex::decode(row.as_str().unwrap()).unwrap()).collect()
    };
    let mut tree = Frontier::empty();
    let mut roots = vec![tree.root()];
    for leaf in strings("leaves_hex") {
        tree.append(NodeHash::leaf(&leaf));
        roots.push(tree.root());
    }
    let expected: Vec<RootHash> =
        strings("root_hex_by_size").iter().map(|root| root.as_slice().try_into().unwrap()).collect();
    assert_eq!(roots, expected);
    assert_eq!(roots.len(), 9);
}
