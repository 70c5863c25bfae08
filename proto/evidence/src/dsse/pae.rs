//! The pre-authentication encoding, with the payload inside it (DSSE protocol, "Signature Definition").

use std::sync::OnceLock;

use custody_log::ContentDigest;

/// PAE bytes, and where in them the payload starts.
#[derive(Clone)]
pub(super) struct Pae {
    bytes: Vec<u8>,
    payload_at: usize,
    digest: OnceLock<ContentDigest>,
}

impl Pae {
    pub(super) fn of(payload_type: &str, payload: &[u8]) -> Self {
        let mut bytes = prefix(payload_type, payload.len());
        let payload_at = bytes.len();
        bytes.extend_from_slice(payload);
        Self { bytes, payload_at, digest: OnceLock::new() }
    }

    /// Makes room for a payload of this length and lets `fill` write all of it.
    pub(super) fn filled<E>(
        payload_type: &str,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = prefix(payload_type, length);
        let payload_at = bytes.len();
        bytes.resize(payload_at + length, 0);
        fill(bytes.get_mut(payload_at..).unwrap_or_default())?;
        Ok(Self { bytes, payload_at, digest: OnceLock::new() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes: hashed when it is first asked for.
    pub(super) fn digest(&self) -> ContentDigest {
        *self.digest.get_or_init(|| ContentDigest::of(&self.bytes))
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload_at..).unwrap_or_default()
    }
}

fn prefix(payload_type: &str, length: usize) -> Vec<u8> {
    let text = format!("DSSEv1 {} {payload_type} {length} ", payload_type.len());
    let mut bytes = Vec::with_capacity(text.len() + length);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
