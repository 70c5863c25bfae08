//! `--artifact`: a file or a digest that something should be about.

use std::path::Path;

use custody_client::file_digest::FileDigests;
use custody_client::inspect::ExpectedArtifact;
use custody_evidence::digest_set::Digest;
use custody_evidence::thing::Thing;

use super::Context;
use super::failure::Failure;
use super::file;

/// Up to this size, an artifact is read whole: signatures over files by Ed25519 are checked over all of it.
const ARTIFACT_READ_MAX: u64 = 64 << 20;

/// Reads the file, or takes the digest.
pub(super) fn read(text: &str, context: &Context) -> Result<ExpectedArtifact, Failure> {
    let bad = |why: String| {
        Failure::usage("bad_artifact", why)
            .hint("give a file, or a whole digest such as sha256:<64 hex digits>")
    };
    let of = |digest| ExpectedArtifact { digests: vec![digest], bytes: None };
    match Thing::parse(text).map_err(|error| bad(format!("--artifact {text}: {error}")))? {
        Thing::Digest(digest) | Thing::Image { digest, .. } => Ok(of(digest)),
        Thing::Commit { hex, .. } => {
            Digest::read("gitCommit", &hex).map(of).map_err(|error| bad(error.to_string()))
        }
        Thing::Path(path) | Thing::Name(path) => {
            let path = Path::new(&path);
            let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            if length <= ARTIFACT_READ_MAX {
                let bytes = file::read(path, ARTIFACT_READ_MAX).map_err(|failure| bad(failure.message))?;
                let FileDigests { sha256, sha512, .. } = FileDigests::of_bytes(&bytes);
                return Ok(ExpectedArtifact { digests: vec![sha256, sha512], bytes: Some(bytes) });
            }
            let bar = context.output.bytes_bar("hashing", length);
            let digests = FileDigests::of(path, |read| bar.inc(read))
                .map_err(|error| bad(format!("{error}: {}", error.source)))?;
            bar.finish_and_clear();
            Ok(ExpectedArtifact { digests: vec![digests.sha256, digests.sha512], bytes: None })
        }
        Thing::Prefix(_) => {
            Err(bad(format!("--artifact {text}: the start of a digest could be of any artifact")))
        }
        Thing::Entry(_) | Thing::KeyId(_) | Thing::Purl(_) | Thing::Url(_) => {
            Err(bad(format!("--artifact {text} is neither a file nor a digest")))
        }
    }
}
