//! Messages to values and back. Every field from the wire is checked here, and a refusal names the field.

use custody_evidence::{Node, NodeKind};
use custody_log::{BlobDigest, EnvelopeDigest, LeafIndex, NodeHash, PositionError, RootHash, TreeSize};

use crate::v1;

/// A field that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The field is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// A hash that is not 32 bytes long.
    #[error("{field}: expected 32 bytes, found {found}")]
    HashLength {
        /// The field's name.
        field: &'static str,
        /// The length found.
        found: usize,
    },
    /// A position above 2^63-1.
    #[error("{field}: {source}")]
    Position {
        /// The field's name.
        field: &'static str,
        /// Why.
        source: PositionError,
    },
    /// A word that is none of those expected.
    #[error("{field}: unknown word {found:?}")]
    Word {
        /// The field's name.
        field: &'static str,
        /// The word, cut to 80 characters.
        found: String,
    },
    /// More values than one message may carry.
    #[error("{field}: at most {max} values, found {found}")]
    TooMany {
        /// The field's name.
        field: &'static str,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
}

/// Reads a position.
pub fn leaf_index(field: &'static str, value: u64) -> Result<LeafIndex, FieldError> {
    LeafIndex::new(value).map_err(|source| FieldError::Position { field, source })
}

/// Reads a size.
pub fn tree_size(field: &'static str, value: u64) -> Result<TreeSize, FieldError> {
    TreeSize::new(value).map_err(|source| FieldError::Position { field, source })
}

/// Reads a size where 0 stands for "not said".
pub fn optional_size(field: &'static str, value: u64) -> Result<Option<TreeSize>, FieldError> {
    if value == 0 { Ok(None) } else { tree_size(field, value).map(Some) }
}

/// Reads the digest of an envelope.
pub fn envelope_digest(field: &'static str, bytes: &[u8]) -> Result<EnvelopeDigest, FieldError> {
    EnvelopeDigest::try_from(bytes).map_err(|_| FieldError::HashLength { field, found: bytes.len() })
}

/// Reads the digest of an attachment.
pub fn blob_digest(field: &'static str, bytes: &[u8]) -> Result<BlobDigest, FieldError> {
    BlobDigest::try_from(bytes).map_err(|_| FieldError::HashLength { field, found: bytes.len() })
}

/// Reads a root.
pub fn root_hash(field: &'static str, bytes: &[u8]) -> Result<RootHash, FieldError> {
    RootHash::try_from(bytes).map_err(|_| FieldError::HashLength { field, found: bytes.len() })
}

/// Reads the hashes of a proof: at most 126, which is two times the 63 levels of the largest tree.
pub fn hashes<B: AsRef<[u8]>>(field: &'static str, values: &[B]) -> Result<Vec<NodeHash>, FieldError> {
    const MAX: usize = 126;
    if values.len() > MAX {
        return Err(FieldError::TooMany { field, max: MAX, found: values.len() });
    }
    values
        .iter()
        .map(|value| {
            let bytes = value.as_ref();
            NodeHash::try_from(bytes).map_err(|_| FieldError::HashLength { field, found: bytes.len() })
        })
        .collect()
}

/// Writes the hashes of a proof.
#[must_use]
pub fn hashes_to_wire(hashes: &[NodeHash]) -> Vec<prost::bytes::Bytes> {
    hashes.iter().map(|hash| prost::bytes::Bytes::copy_from_slice(hash.as_bytes())).collect()
}

/// Reads a node.
pub fn node(field: &'static str, node: &v1::Node) -> Result<Node, FieldError> {
    let refused = |text: &str| FieldError::Word { field, found: text.chars().take(80).collect() };
    let kind: NodeKind = node.kind.parse().map_err(|_| refused(&node.kind))?;
    Node::named(kind, &node.id).ok_or_else(|| refused(&node.id))
}

/// Writes a node with its label.
#[must_use]
pub fn node_to_wire(node: &Node, label: Option<&str>) -> v1::Node {
    v1::Node {
        kind: node.kind().as_str().to_owned(),
        id: node.id().to_owned(),
        label: label.unwrap_or_default().to_owned(),
    }
}
