//! What the files hold: envelopes, each with the place where it stands, and what is none, with what to do about it.

mod about;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use custody_client::document::{Item, Kind, Place, Problem, items};
use custody_client::inspect::ExpectedArtifact;
use custody_client::layout::LayoutProblem;
use custody_evidence::admission::Refusal;
use custody_evidence::dsse::MAX_ENVELOPE;
use custody_evidence::envelope::{Envelope, EnvelopeError};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::file::{self, Documents};
use crate::cli::record::secrets;

/// One envelope, and where it stood.
pub(super) struct Found {
    /// The file's name, with the place in it.
    pub(super) place: String,
    /// What it is.
    pub(super) kind: Kind,
    /// The envelope, or why there is none.
    pub(super) envelope: Result<Envelope, Failure>,
    /// Whether the file holds several things.
    inside: bool,
}

/// The most bytes of all files together: 1 GiB, several envelopes of the largest size there is. Envelopes are kept until the
/// last one is recorded: each as its bytes and, decoded, three quarters of that. A file that is one envelope is kept and not
/// copied: n bytes of such files take 1.75 n. A file that is taken apart is there as well until it is: at most 2.75 n.
const FILES_MAX: u64 = 1 << 30;

/// Reads the files and takes them apart; all of them are about the artifact, if one is given.
pub(super) fn read(files: &[PathBuf], artifact: Option<&ExpectedArtifact>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut left = FILES_MAX;
    for path in files {
        let name = path.display().to_string();
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match file::documents(path, left) {
            Ok(Documents::Bytes(bytes)) => {
                left = left.saturating_sub(length(&bytes));
                found.extend(in_file(bytes, &name, artifact));
            }
            Ok(Documents::Layout(layout)) => {
                for layer in layout.layers(left) {
                    let item = layer.item();
                    left = left.saturating_sub(length(item.bytes));
                    found.push(Found::of(&item, &name, artifact));
                }
            }
            Err(failure) => {
                let failure =
                    if left < FILES_MAX && failure.code == "too_large" { too_much(path) } else { failure };
                found.push(Found { place: name, kind: Kind::Unknown, envelope: Err(failure), inside: false });
            }
        }
    }
    found
}

/// Takes one file apart. What is one document as a whole is kept, but for what is no part of it at its end.
fn in_file(mut bytes: Vec<u8>, name: &str, artifact: Option<&ExpectedArtifact>) -> Vec<Found> {
    let items = items(&bytes);
    let whole = match items.as_slice() {
        [only] if only.place == Place::default() && only.problem.is_none() => {
            Some((only.kind, only.bytes.len()))
        }
        _ => None,
    };
    match whole {
        Some((kind, length)) if bytes.len().saturating_sub(length) <= 1 => {
            bytes.truncate(length);
            let envelope = parse(kind, Cow::Owned(bytes), artifact);
            vec![Found { place: name.to_owned(), kind, envelope, inside: false }]
        }
        _ => items.iter().map(|item| Found::of(item, name, artifact)).collect(),
    }
}

impl Found {
    fn of(item: &Item<'_>, name: &str, artifact: Option<&ExpectedArtifact>) -> Self {
        let envelope = match &item.problem {
            Some(problem) => Err(no_item(problem, item.kind)),
            None => parse(item.kind, Cow::Borrowed(item.bytes), artifact),
        };
        Self { place: item.named(name), kind: item.kind, envelope, inside: item.place != Place::default() }
    }

    /// Refuses the envelope if a secret is in it.
    pub(super) async fn screen(&mut self, context: &Context, asks: bool) {
        if let Ok(envelope) = &self.envelope
            && let Err(failure) = secrets::in_envelope(envelope, context, asks).await
        {
            self.envelope = Err(failure);
        }
    }

    /// Returns the envelope where it is the only one: the place is told only if the file holds more than it.
    pub(super) fn only(self) -> Result<Envelope, Failure> {
        let Self { place, envelope, inside, .. } = self;
        envelope.map_err(|failure| if inside { failure.prefixed(&place) } else { failure })
    }
}

/// Reads an envelope, and refuses one that is not about the artifact, if one is given.
fn parse(kind: Kind, bytes: Cow<'_, [u8]>, artifact: Option<&ExpectedArtifact>) -> Result<Envelope, Failure> {
    check_kind(kind, bytes.len())?;
    match artifact {
        None => Envelope::from_vec(bytes.into_owned()).map_err(refused),
        Some(artifact) => about::parse(kind, bytes.into_owned(), artifact),
    }
}

/// Refuses what is no envelope by its kind or length, before it is read.
fn check_kind(kind: Kind, found: usize) -> Result<(), Failure> {
    match kind {
        Kind::Dsse | Kind::SigstoreBundle | Kind::Pep740 | Kind::ImageSignature if found > MAX_ENVELOPE => {
            Err(Failure::no(
                "too_large",
                format!("an envelope is at most {MAX_ENVELOPE} bytes, found {found}"),
            )
            .hint("split the statement, or name large documents by their digest"))
        }
        Kind::Dsse | Kind::SigstoreBundle | Kind::Pep740 | Kind::ImageSignature => Ok(()),
        kind => Err(no_envelope(kind)),
    }
}

/// The same rules with the same words as the server has, before anything is sent to it.
fn refused(error: EnvelopeError) -> Failure {
    let hint = match &error {
        EnvelopeError::NoMessageDigest => "--artifact FILE|DIGEST says it",
        _ => "custody inspect FILE says more about it",
    };
    let refusal = Refusal::from(error);
    Failure::no(refusal.word(), refusal.to_string()).hint(hint)
}

/// Names what is no envelope, and the command that records it.
fn no_envelope(kind: Kind) -> Failure {
    let name = kind.name();
    let unsigned =
        |hint: String| Failure::usage("unsigned", format!("this is {name}, which nobody signed")).hint(hint);
    let unsupported = |hint: &str| {
        Failure::usage("unsupported_envelope", format!("this is {name}, which is not supported")).hint(hint)
    };
    match kind {
        Kind::Statement => Failure::usage("unsigned", format!("this is {name}"))
            .hint("custody record generic --statement FILE signs it as it stands, and records it"),
        Kind::CycloneDx | Kind::Spdx => {
            unsigned("custody record sbom FILE --subject THING signs and records it".to_owned())
        }
        Kind::OtherSbom => unsigned(
            "custody record sbom FILE --subject THING signs and records it; its components are read if it is written as JSON".to_owned(),
        ),
        Kind::OpenVex | Kind::Sarif | Kind::ScanReport => {
            unsigned("custody record scan FILE --subject THING signs and records it".to_owned())
        }
        Kind::JUnit => unsigned("custody record test FILE --subject THING signs and records it".to_owned()),
        Kind::TrustDocument => unsigned("custody trust sign FILE signs it".to_owned()),
        Kind::SimpleSigning => unsigned(
            "its signature stands beside it in the image's manifest: cosign save --dir DIR IMAGE, then custody record envelope DIR"
                .to_owned(),
        ),
        Kind::CosignBundle => unsupported(
            "cosign sign-blob --new-bundle-format writes a Sigstore bundle, which is; or sign the statement again",
        ),
        Kind::Cose | Kind::Metablock => {
            unsupported("DSSE envelopes, Sigstore bundles and PEP 740 attestations are; sign what it says again")
        }
        Kind::IdentityToken => not_an_envelope(name).hint(
            "it says who records: name its file with --id-token-file beside what is to be recorded; others must not read it until it ends",
        ),
        Kind::Receipt | Kind::Entry | Kind::AdmissionRecord => {
            not_an_envelope(name).hint("it comes from a log: custody verify FILE checks it")
        }
        _ => not_an_envelope(name).hint(
            "a DSSE envelope is JSON with payload, payloadType and signatures; a Sigstore bundle has verificationMaterial",
        ),
    }
}

fn not_an_envelope(name: &str) -> Failure {
    Failure::usage("not_an_envelope", format!("this is {name}, not an envelope"))
}

fn no_item(problem: &Problem, kind: Kind) -> Failure {
    let message = match problem {
        Problem::Document(_) | Problem::Layout(_) | Problem::TooMany { .. } => problem.to_string(),
        Problem::Elsewhere { .. } | Problem::Empty | Problem::NoEnvelope => {
            format!("{}: {problem}", kind.name())
        }
    };
    match problem {
        Problem::Document(_) => {
            Failure::no("bad_document", message).hint("custody inspect FILE says more about it")
        }
        Problem::Layout(problem) => no_layer(problem, message),
        Problem::TooMany { .. } => {
            Failure::usage("too_many", message).hint("record the parts one after the other")
        }
        Problem::Empty => Failure::usage("no_attestation", message).hint("there is nothing to record"),
        Problem::NoEnvelope => Failure::usage("unsigned", message).hint("there is nothing to record"),
        Problem::Elsewhere { .. } => Failure::usage("no_bundle", message).hint(
            "gh attestation download FILE --repo OWNER/REPO fetches it, and writes a file that can be recorded",
        ),
    }
}

/// Says what is wrong with a layout: with what it holds, or with how it was given.
fn no_layer(problem: &LayoutProblem, message: String) -> Failure {
    match problem {
        LayoutProblem::NoLayout { .. } | LayoutProblem::Version => Failure::usage("not_a_layout", message)
            .hint("cosign save --dir DIR IMAGE writes a layout, and crane pull --format=oci IMAGE DIR"),
        LayoutProblem::Archive(_) => {
            Failure::no("bad_layout", message).hint("the folder of a layout can be recorded, too")
        }
        LayoutProblem::Missing { .. } => {
            Failure::no("missing_blob", message).hint("save the image again, with all that belongs to it")
        }
        LayoutProblem::Unreadable { .. } | LayoutProblem::NoFile { .. } => {
            Failure::usage("no_file", message).hint("check who may read the files of the layout")
        }
        LayoutProblem::TooDeep { .. }
        | LayoutProblem::TooManyManifests { .. }
        | LayoutProblem::TooManyLayers { .. }
        | LayoutProblem::TooMuch { .. } => {
            Failure::usage("too_many", message).hint("save the images in several layouts, and record each")
        }
        LayoutProblem::TooLarge { .. }
        | LayoutProblem::Length { .. }
        | LayoutProblem::OtherBytes { .. }
        | LayoutProblem::Manifest(_)
        | LayoutProblem::Cosign(_) => Failure::no("bad_layout", message).hint("save the image again"),
    }
}

fn too_much(path: &Path) -> Failure {
    let message = format!("{}: all files together are larger than {FILES_MAX} bytes", path.display());
    Failure::usage("too_large", message).hint("record some of the files first, and the others after them")
}
