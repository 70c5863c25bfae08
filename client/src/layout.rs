//! OCI image layouts (opencontainers/image-spec, `image-layout.md`): the envelopes and statements beside an image, as `cosign
//! save`, `crane pull --format=oci`, `oras` and `skopeo copy` write them into a folder or a tar archive.
//!
//! Indexes and manifests are walked from `index.json` on, and then what refers to an image (`subject`) and is named by nobody:
//! cosign 3 saves bundles so. Nothing is believed: each blob is read up to the length that its
//! descriptor says, and must have its digest. What an image itself is made of is not read, so it may be left out.

mod archive;
mod files;
mod problem;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use custody_evidence::registry::{BlobDigest, BlobKind, Descriptor, MAX_MANIFEST, Manifest, cosign_envelope};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use self::files::Files;
use crate::document::{Item, Kind, Place, Problem, kind};

pub use self::archive::{ARCHIVE_FILES_MAX, ArchiveError, is_archive};
pub use self::files::Source;
pub use self::problem::LayoutProblem;

/// How deep indexes and manifests may be nested below `index.json`. `cosign save` nests two, an image for many platforms two.
pub const DEPTH_MAX: usize = 8;

/// The most manifests and indexes that are named, and the most other JSON blobs that are looked into for referring manifests:
/// each is read once, however often it is named. At most [`DEPTH_MAX`] are in memory.
pub const MANIFESTS_MAX: usize = 4096;

/// The most envelopes and statements: at 300 bytes beside their own, 5 MiB.
pub const LAYERS_MAX: usize = 16_384;

/// The longest file `oci-layout`: the specification's has 30 bytes.
const MARK_MAX: u64 = 4096;

/// A layout that was found, and not read.
#[derive(Debug)]
pub struct Layout {
    files: Files,
}

/// An envelope or statement of a layout, or what is wrong at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    place: String,
    kind: Kind,
    bytes: Vec<u8>,
    problem: Option<Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkJson {
    image_layout_version: String,
}

impl Layout {
    /// Takes a folder.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { files: Files::Folder(folder) }
    }

    /// Takes a tar archive; see [`is_archive`]. It is read when the layers are.
    #[must_use]
    pub fn in_archive(archive: Box<dyn Source>) -> Self {
        Self { files: Files::Unread(archive) }
    }

    /// Reads the layout: each envelope and statement in the order of indexes and manifests, `max` bytes of them at most, those
    /// that fail included, and each place where something is wrong. There is at least one.
    #[must_use]
    pub fn layers(self, max: u64) -> Vec<Layer> {
        let mut walk = Walk::new(self.files, max);
        match walk.index() {
            Ok(index) => {
                // A walk that breaks off has said so in its last layer.
                if walk.all(index.blobs(), 0).is_continue() {
                    let _ended = walk.referrers();
                }
            }
            Err(problem) => walk.wrong(String::new(), problem),
        }
        if walk.layers.is_empty() {
            walk.layers.push(Layer::without_bytes(String::new(), Problem::Empty));
        }
        walk.layers
    }
}

impl Layer {
    /// Returns it as an item of a file, at the place of its blob in the layout.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        let member = Some(self.place.clone()).filter(|place| !place.is_empty());
        let place = Place { line: None, member };
        Item { place, kind: self.kind, bytes: &self.bytes, problem: self.problem.clone() }
    }

    const fn without_bytes(place: String, problem: Problem) -> Self {
        Self { place, kind: Kind::OciLayout, bytes: Vec::new(), problem: Some(problem) }
    }
}

struct Walk {
    files: Files,
    /// Manifests and indexes that were read: each once, so a layout that names one a thousand times costs one.
    read: BTreeSet<BlobDigest>,
    /// Blobs of layers that are not what their descriptors say, and the length said: each is read and told once.
    failed: BTreeSet<(BlobDigest, u64)>,
    layers: Vec<Layer>,
    /// Bytes of layers that may still be read. What fails is paid for, too: or one blob, named by every layer and always
    /// wrong, would be read [`LAYERS_MAX`] times.
    left: u64,
    max: u64,
}

impl Walk {
    fn new(files: Files, max: u64) -> Self {
        let (read, failed) = (BTreeSet::new(), BTreeSet::new());
        Self { files, read, failed, layers: Vec::new(), left: max, max }
    }

    /// Reads what a layout starts with.
    fn index(&mut self) -> Result<Manifest, LayoutProblem> {
        self.files.open()?;
        let missing = |missing| LayoutProblem::NoLayout { missing };
        let mark = self.files.read("oci-layout", MARK_MAX)?.ok_or_else(|| missing("oci-layout"))?;
        let mark = serde_json::from_slice::<MarkJson>(&mark).ok();
        if mark.is_none_or(|mark| mark.image_layout_version != "1.0.0") {
            return Err(LayoutProblem::Version);
        }
        let index = self.files.read("index.json", manifest_max())?.ok_or_else(|| missing("index.json"))?;
        Ok(Manifest::parse(&index)?)
    }

    /// Goes through a list, and everything below it.
    fn all(&mut self, descriptors: &[Descriptor], depth: usize) -> ControlFlow<()> {
        descriptors.iter().try_for_each(|descriptor| match descriptor.holds() {
            BlobKind::Manifest => self.manifest(descriptor, depth),
            BlobKind::Evidence => self.layer(descriptor),
            BlobKind::Other => ControlFlow::Continue(()),
        })
    }

    fn manifest(&mut self, descriptor: &Descriptor, depth: usize) -> ControlFlow<()> {
        if self.read.contains(descriptor.digest()) {
            return ControlFlow::Continue(());
        }
        let place = files::blob(descriptor.digest());
        if self.read.len() >= MANIFESTS_MAX {
            self.wrong(place, LayoutProblem::TooManyManifests { max: MANIFESTS_MAX });
            return ControlFlow::Break(());
        }
        if depth >= DEPTH_MAX {
            self.wrong(place, LayoutProblem::TooDeep { max: DEPTH_MAX });
            return ControlFlow::Break(());
        }
        self.read.insert(descriptor.digest().clone());
        let bytes = self.blob(descriptor, manifest_max());
        match bytes.and_then(|bytes| Ok(Manifest::parse(&bytes)?)) {
            Ok(below) => self.all(below.blobs(), depth.saturating_add(1)),
            Err(problem) => {
                self.wrong(place, problem);
                ControlFlow::Continue(())
            }
        }
    }

    /// Goes through the manifests that nobody named and that refer to others. Other blobs are passed over.
    fn referrers(&mut self) -> ControlFlow<()> {
        let mut looked = 0_usize;
        for digest in self.files.blobs() {
            let name = files::blob(&digest);
            if self.read.contains(&digest) || !self.files.starts_as_object(&name) {
                continue;
            }
            looked = looked.saturating_add(1);
            if looked > MANIFESTS_MAX {
                self.wrong(name, LayoutProblem::TooManyManifests { max: MANIFESTS_MAX });
                return ControlFlow::Break(());
            }
            let Ok(Some(bytes)) = self.files.read(&name, manifest_max()) else { continue };
            let Some(manifest) = Manifest::parse(&bytes).ok().filter(Manifest::refers) else { continue };
            match proven(&digest, &bytes) {
                Ok(()) => self.all(manifest.blobs(), 1)?,
                Err(problem) => self.wrong(name, problem),
            }
        }
        ControlFlow::Continue(())
    }

    fn layer(&mut self, descriptor: &Descriptor) -> ControlFlow<()> {
        let named = (descriptor.digest().clone(), descriptor.size());
        if self.failed.contains(&named) {
            return ControlFlow::Continue(());
        }
        let place = files::blob(descriptor.digest());
        if self.layers.len() >= LAYERS_MAX {
            self.wrong(place, LayoutProblem::TooManyLayers { max: LAYERS_MAX });
            return ControlFlow::Break(());
        }
        // Before it is read: a file is read no further than its descriptor says.
        let Some(left) = self.left.checked_sub(descriptor.size()) else { return self.full(place) };
        self.left = left;
        let layer = match self.blob(descriptor, descriptor.size()) {
            Ok(layer) => layer,
            Err(problem) => {
                self.failed.insert(named);
                self.wrong(place, problem);
                return ControlFlow::Continue(());
            }
        };
        // The same blob may stand beside other annotations that are right.
        match cosign_envelope(&layer, descriptor.annotations()) {
            Ok(None) => self.keep(place, exact(layer)),
            Ok(Some(bundle)) => {
                let more = u64::try_from(bundle.len().saturating_sub(layer.len())).unwrap_or(u64::MAX);
                let Some(left) = self.left.checked_sub(more) else { return self.full(place) };
                self.left = left;
                self.keep(place, bundle);
            }
            Err(problem) => self.wrong(place, problem.into()),
        }
        ControlFlow::Continue(())
    }

    fn keep(&mut self, place: String, bytes: Vec<u8>) {
        self.layers.push(Layer { place, kind: kind(&bytes), bytes, problem: None });
    }

    fn full(&mut self, place: String) -> ControlFlow<()> {
        self.wrong(place, LayoutProblem::TooMuch { max: self.max });
        ControlFlow::Break(())
    }

    fn wrong(&mut self, place: String, problem: LayoutProblem) {
        self.layers.push(Layer::without_bytes(place, problem.into()));
    }

    /// Reads a blob, and proves that it is the one that was named.
    fn blob(&mut self, descriptor: &Descriptor, max: u64) -> Result<Vec<u8>, LayoutProblem> {
        let (digest, expected) = (descriptor.digest(), descriptor.size());
        let name = files::blob(digest);
        if expected > max {
            return Err(LayoutProblem::TooLarge { name, max, found: expected });
        }
        let length = || LayoutProblem::Length { digest: digest.clone(), expected };
        let bytes = match self.files.read(&name, expected) {
            Err(LayoutProblem::TooLarge { .. }) => return Err(length()),
            found => found?.ok_or_else(|| LayoutProblem::Missing { digest: digest.clone() })?,
        };
        if u64::try_from(bytes.len()).ok() != Some(expected) {
            return Err(length());
        }
        proven(digest, &bytes)?;
        Ok(bytes)
    }
}

fn proven(digest: &BlobDigest, bytes: &[u8]) -> Result<(), LayoutProblem> {
    let found = hex::encode(Sha256::digest(bytes));
    if found == digest.hex() {
        return Ok(());
    }
    Err(LayoutProblem::OtherBytes { expected: digest.clone(), found: format!("sha256:{found}") })
}

/// Of a DSSE envelope one newline at the end is no part, as in a file: so the blob, recorded by itself, is the same envelope.
fn exact(mut layer: Vec<u8>) -> Vec<u8> {
    if layer.ends_with(b"\n") && kind(&layer) == Kind::Dsse {
        layer.pop();
    }
    layer
}

fn manifest_max() -> u64 {
    u64::try_from(MAX_MANIFEST).unwrap_or(u64::MAX)
}
