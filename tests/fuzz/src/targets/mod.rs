//! The targets: one file a family, one target a decoder.

mod client;
mod envelope;
mod evidence;
mod gate;
mod journal;
mod json;
mod key;
mod layout;
mod log;
mod note;
mod oidc;
mod record;
mod sbom;
mod scan;
mod secret;
mod server;
mod sigstore;
mod statement;
mod text;
mod tile;
mod trust;
mod version;
mod wire;

use crate::claim::Outcome;
use crate::corpus::Corpus;

/// A decoder, and what it must hold to.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: `<family>.<format>`.
    pub name: &'static str,
    /// The longest input that is changed, in bytes; longer seeds are tried as they are.
    pub max: usize,
    /// How many changed inputs a short run tries.
    pub rounds: usize,
    /// Texts that the format knows.
    pub words: &'static [&'static str],
    /// Inputs to start from; at least one is of the format.
    pub seeds: fn(&Corpus) -> Vec<Vec<u8>>,
    /// Decodes the input, and panics when a claim about it is broken.
    pub run: fn(&[u8]) -> Outcome,
}

/// Returns every target.
#[must_use]
pub fn all() -> Vec<Target> {
    let families = [
        log::TARGETS,
        note::TARGETS,
        oidc::TARGETS,
        tile::TARGETS,
        text::TARGETS,
        json::TARGETS,
        envelope::TARGETS,
        evidence::TARGETS,
        gate::TARGETS,
        key::TARGETS,
        statement::TARGETS,
        sbom::TARGETS,
        scan::TARGETS,
        secret::TARGETS,
        trust::TARGETS,
        version::TARGETS,
        sigstore::TARGETS,
        journal::TARGETS,
        wire::TARGETS,
        server::TARGETS,
        client::TARGETS,
        layout::TARGETS,
        record::TARGETS,
    ];
    families.concat()
}

/// Texts as inputs.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
