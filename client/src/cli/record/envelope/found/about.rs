//! Envelopes that must be about an artifact (`--artifact`).

use custody_client::document::Kind;
use custody_client::inspect::ExpectedArtifact;
use custody_evidence::digest_set::Digest;
use custody_evidence::envelope::Envelope;
use custody_evidence::key::HashAlgorithm;
use custody_evidence::sigstore::{Bundle, MessageDigest};

use super::refused;
use crate::cli::failure::Failure;

/// Reads the envelope, and refuses one that is about something else. A bundle that signs a file and does not say which is told
/// that it is the artifact: whether it is, its signature says.
pub(super) fn parse(kind: Kind, bytes: Vec<u8>, artifact: &ExpectedArtifact) -> Result<Envelope, Failure> {
    let envelope = match kind {
        Kind::SigstoreBundle => {
            let bundle = Bundle::from_vec(bytes).map_err(|error| refused(error.into()))?;
            let bundle = if bundle.is_nameless() { named(bundle, artifact)? } else { bundle };
            Envelope::of_bundle(bundle)
        }
        _ => Envelope::from_vec(bytes),
    };
    let envelope = envelope.map_err(refused)?;
    // What cannot be read is refused by the server, with its reason.
    let Ok(said) = envelope.said() else { return Ok(envelope) };
    let subjects = said.digests();
    if subjects.iter().any(|subject| subject.usable() && artifact.digests.contains(subject)) {
        return Ok(envelope);
    }
    let (expected, found) = (listed(&artifact.digests), listed(&subjects));
    Err(Failure::no("other_artifact", format!("expected {expected} among the subjects, found {found}"))
        .hint("leave --artifact out to record it all the same"))
}

/// Writes into the bundle which file it signs: by the hash that its certificate's key is used with, or else by the one given.
fn named(bundle: Bundle, artifact: &ExpectedArtifact) -> Result<Bundle, Failure> {
    let file = match (bundle.signed_hash(), &artifact.bytes) {
        (Some(hash), Some(bytes)) => Some(MessageDigest::of(hash, bytes)),
        (hash, _) => {
            let wanted = hash.unwrap_or(HashAlgorithm::Sha256);
            let of = |digest: &Digest| MessageDigest::of_artifact(digest);
            let mut known: Vec<MessageDigest> = artifact.digests.iter().filter_map(of).collect();
            known.sort_by_key(|digest| digest.algorithm() != wanted);
            known.into_iter().next()
        }
    };
    let file = file.ok_or_else(|| {
        Failure::usage("bad_artifact", format!("signatures are not made over {}", listed(&artifact.digests)))
            .hint("give the file, or its sha256, sha384 or sha512")
    })?;
    bundle.naming(&file).map_err(|error| refused(error.into()))
}

/// The most digests that are told one by one.
const LISTED_MAX: usize = 3;

fn listed(digests: &[Digest]) -> String {
    let shown: Vec<String> = digests.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    match digests.len().saturating_sub(LISTED_MAX) {
        _ if digests.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
