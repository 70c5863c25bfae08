//! What the files given to `custody verify` are, by their content.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use custody_client::file_digest::FileDigests;
use custody_client::pack::{MAGIC, PACK_BYTES_MAX, Pack};
use custody_evidence::admission::{MAX_RECORD, RECORD_FORMAT};
use custody_evidence::digest_set::Digest;
use custody_evidence::oidc::Token;
use custody_log::receipt::Receipt;
use custody_wire::limits::ENVELOPE_BYTES_MAX;
use serde::de::IgnoredAny;

use crate::cli::Context;
use crate::cli::failure::Failure;

/// A file, and what it is.
pub(super) struct Given {
    pub(super) path: PathBuf,
    pub(super) content: Content,
}

/// What a file is.
pub(super) enum Content {
    Receipt(Box<Receipt>),
    /// The exact bytes of an admission record.
    Record(Vec<u8>),
    /// The exact bytes of an envelope.
    Envelope(Vec<u8>),
    /// The exact bytes of an identity token.
    Token(Vec<u8>),
    /// An evidence pack.
    Pack(Box<Pack>),
    /// Anything else, by its digests.
    Artifact(Vec<Digest>),
}

impl Content {
    /// Returns the word for it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Receipt(_) => "receipt",
            Self::Record(_) => "record",
            Self::Envelope(_) => "envelope",
            Self::Token(_) => "token",
            Self::Pack(_) => "pack",
            Self::Artifact(_) => "artifact",
        }
    }
}

const RECEIPT_START: &[u8] = b"c2sp.org/tlog-proof@";

/// Reads a file and detects what it is. What starts like a receipt and is none is an error, not an artifact.
pub(super) fn read(path: &Path, context: &Context) -> Result<Given, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::usage("unreadable", format!("cannot read {}: {why}", path.display())).hint("check the path")
    };
    // Read once: a pipe gives its bytes no second time.
    let mut file: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| unreadable(&error))?)
    };
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut bytes = Vec::new();
    let most = ENVELOPE_BYTES_MAX.saturating_add(2);
    file.by_ref().take(most).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.starts_with(MAGIC) {
        // It may be larger than any other file of ours.
        let rest = PACK_BYTES_MAX.saturating_add(1).saturating_sub(most);
        file.take(rest).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        let pack = super::pack::read(path, &bytes)?;
        return Ok(Given { path: path.to_owned(), content: Content::Pack(Box::new(pack)) });
    }
    let whole = u64::try_from(bytes.len()).is_ok_and(|read| read < most);
    if let Some(content) = whole.then(|| detect(&bytes)).transpose().map(Option::flatten).map_err(|why| {
        Failure::no("bad_receipt", format!("{} is not a receipt: {why}", path.display()))
            .hint("it starts like one, so it was cut or changed")
    })? {
        return Ok(Given { path: path.to_owned(), content });
    }
    let bar = context.output.bytes_bar("hashing", length);
    let digests = FileDigests::of_reader(&bytes, &mut file, &mut |read| bar.inc(read));
    bar.finish_and_clear();
    let digests = digests.map_err(|error| unreadable(&error))?;
    Ok(Given { path: path.to_owned(), content: Content::Artifact(vec![digests.sha256, digests.sha512]) })
}

fn detect(bytes: &[u8]) -> Result<Option<Content>, custody_log::receipt::ReceiptError> {
    if bytes.starts_with(RECEIPT_START) {
        return Receipt::decode(bytes).map(|receipt| Some(Content::Receipt(Box::new(receipt))));
    }
    // The base64url of `{"`, with which each token begins.
    if bytes.starts_with(b"eyJ") && Token::parse(bytes.trim_ascii_end()).is_ok() {
        return Ok(Some(Content::Token(bytes.trim_ascii_end().to_vec())));
    }
    if bytes.first() != Some(&b'{') {
        return Ok(None);
    }
    // A file may have one line feed at its end that is no part of a record, and none of a DSSE envelope. Of a bundle it is one.
    let exact = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let head: Option<Head> = serde_json::from_slice(exact).ok();
    Ok(match head {
        Some(Head { format: Some(format), .. }) if format == RECORD_FORMAT && exact.len() <= MAX_RECORD => {
            Some(Content::Record(exact.to_vec()))
        }
        Some(head) if head.is_dsse() => Some(Content::Envelope(exact.to_vec())),
        Some(head) if head.is_bundle() => Some(Content::Envelope(bytes.to_vec())),
        _ => None,
    })
}

/// The members that tell an envelope from an admission record; the rest is read strictly later.
#[derive(serde::Deserialize)]
struct Head {
    format: Option<String>,
    #[serde(rename = "payloadType")]
    payload_type: Option<String>,
    payload: Option<IgnoredAny>,
    /// Of a Sigstore bundle.
    #[serde(rename = "verificationMaterial")]
    bundle_material: Option<IgnoredAny>,
    /// Of a PEP 740 attestation.
    verification_material: Option<IgnoredAny>,
    envelope: Option<IgnoredAny>,
}

impl Head {
    /// Whether it is a DSSE envelope.
    const fn is_dsse(&self) -> bool {
        self.payload_type.is_some() && self.payload.is_some()
    }

    /// Whether it is an envelope of another kind: a Sigstore bundle or a PEP 740 attestation.
    const fn is_bundle(&self) -> bool {
        self.bundle_material.is_some() || self.verification_material.is_some() && self.envelope.is_some()
    }
}
