//! OCI image layouts in tar archives. The checksums of headers are made right before the archive is read, and each blob gets the
//! digest that a descriptor asks for only where nothing was changed: what is in `index.json` is what is reached most.

use std::io::Cursor;

use custody_client::document::{Kind, Problem};
use custody_client::layout::{LAYERS_MAX, Layout, is_archive};
use custody_evidence::digest_set::Digest;
use serde_json::{Value, json};

use super::Target;
use super::note::example;
use crate::claim::{Outcome, refused};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "ustar\0",
    "oci-layout",
    "index.json",
    "blobs/sha256/",
    "../",
    "\"imageLayoutVersion\":\"1.0.0\"",
    "\"manifests\":",
    "\"layers\":",
    "\"subject\":",
    "\"digest\":\"sha256:",
    "\"size\":",
    "application/vnd.oci.image.manifest.v1+json",
    "00000000000\0",
    "77777777777\0",
];

pub(super) const TARGETS: &[Target] = &[Target {
    name: "layout.archive",
    max: 32 << 10,
    rounds: 1500,
    words: WORDS,
    seeds: archives,
    run: archive,
}];

const BLOCK: usize = 512;

fn archive(bytes: &[u8]) -> Outcome {
    let bytes = sealed(bytes);
    let max = bytes.len() as u64;
    let layers = Layout::in_archive(Box::new(Cursor::new(bytes.clone()))).layers(max);
    assert!(!layers.is_empty() && layers.len() <= LAYERS_MAX + 1);
    let mut refusals = Vec::new();
    let mut kept = 0;
    for layer in &layers {
        let item = layer.item();
        kept += item.bytes.len();
        match &item.problem {
            Some(problem) => {
                assert_eq!((item.kind, item.bytes), (Kind::OciLayout, &[][..]));
                assert!(is_archive(&bytes) || matches!(problem, Problem::Layout(_)), "{problem}");
                refusals.push(refused(problem));
            }
            // No annotation of these seeds makes a bundle, so what is read is the blob of that digest.
            None if item.kind != Kind::SigstoreBundle => {
                let name = item.place.member.clone().expect("a blob has a place");
                let digest = name.replace("blobs/sha256/", "sha256:").parse::<Digest>().unwrap();
                let found = custody_client::file_digest::FileDigests::of_bytes(item.bytes).sha256;
                let whole = [item.bytes, b"\n"].concat();
                let lined = custody_client::file_digest::FileDigests::of_bytes(&whole).sha256;
                assert!(digest == found || digest == lined, "{name} has other bytes");
            }
            None => {}
        }
    }
    assert!(kept as u64 <= max, "more is kept than there is");
    refusals.into_iter().next().unwrap_or(Outcome::Accepted)
}

/// Makes the checksum of each block that could be a header.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(BLOCK) {
        if &block[257..262] == b"ustar" {
            block[148..156].copy_from_slice(b"        ");
            let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    bytes
}

/// An image with an attestation, and a manifest beside it that refers to it.
fn archives(_: &Corpus) -> Vec<Vec<u8>> {
    let mut files: Vec<(String, Vec<u8>)> =
        vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let mut blob = |media_type: &str, bytes: &[u8]| {
        let digest = custody_client::file_digest::FileDigests::of_bytes(bytes).sha256.to_string();
        files.push((digest.replace("sha256:", "blobs/sha256/"), bytes.to_vec()));
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let (manifest, index) =
        ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json");
    let envelope = blob("application/vnd.dsse.envelope.v1+json", example("envelope-1.json"));
    let bundle = blob("application/vnd.dev.sigstore.bundle.v0.3+json", br#"{"verificationMaterial":{}}"#);
    let list = |name: &str, blobs: &[&Value]| json!({ "schemaVersion": 2, name: blobs }).to_string();
    let attested = blob(manifest, list("layers", &[&envelope]).as_bytes());
    let mut referring = json!({ "layers": [bundle] });
    referring["subject"] = attested.clone();
    blob(manifest, referring.to_string().as_bytes());
    let inner = blob(index, list("manifests", &[&attested]).as_bytes());
    files.push(("index.json".to_owned(), list("manifests", &[&inner]).into_bytes()));
    let whole: Vec<Vec<u8>> = files.iter().map(|(name, bytes)| entry(name, bytes)).collect();
    vec![sealed(&whole.concat())]
}

fn entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let filled = bytes.len().next_multiple_of(BLOCK) - bytes.len();
    [header.to_vec(), bytes.to_vec(), vec![0; filled]].concat()
}
