//! Trusted roots (sigstore/protobuf-specs, `sigstore_trustroot.proto`): who is believed, and when.
//!
//! A root is a value that is handed in. Nothing here fetches one, and none is built in.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use custody_log::VerifierKey;
use serde::Deserialize;

use super::certificate::{Certificate, CertificateError};
use super::proto_json::Bytes;
use super::window::{Window, WindowJson};
use crate::capped::Capped;
use crate::json::{self, JsonError};
use crate::key::{KeyError, PublicKey};
use crate::object::Object;

/// The largest trusted root: 1 MiB. The largest known one, with twelve generations of authorities, has 32 KB.
pub const MAX_ROOT: usize = 1024 * 1024;

/// The most logs, and the most authorities, of one kind.
pub const MAX_LISTED: usize = 64;

/// The most certificates of an authority's chain.
pub const MAX_CHAIN: usize = 10;

/// Why bytes are not a trusted root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustedRootError {
    /// Longer than [`MAX_ROOT`].
    #[error("a trusted root is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_ROOT`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not the JSON of a trusted root.
    #[error("not a Sigstore trusted root: {0}")]
    Json(#[from] JsonError),
    /// Of a version that is not known here.
    #[error("mediaType: expected a Sigstore trusted root of version 0.1 or 0.2, found {found:?}")]
    MediaType {
        /// The media type, cut to 200 characters.
        found: String,
    },
    /// A list that is too long.
    #[error("{place} has {found} items, at most {max} are allowed")]
    TooMany {
        /// The list.
        place: String,
        /// The most that are allowed.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A member that must be there is not.
    #[error("{place} is missing")]
    Missing {
        /// The path to the member.
        place: String,
    },
    /// A window whose times cannot be read.
    #[error("{place}.validFor: {problem}")]
    Window {
        /// The path to the item.
        place: String,
        /// What is wrong with it.
        problem: custody_log::TimestampError,
    },
    /// A certificate that cannot be read.
    #[error("{place}: {problem}")]
    Certificate {
        /// The path to the certificate.
        place: String,
        /// What is wrong with it.
        problem: CertificateError,
    },
    /// A root that believes nobody.
    #[error("the trusted root lists no certificate authority, log or time stamp authority")]
    Empty,
    /// One line of several.
    #[error("line {line}: {problem}")]
    Line {
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        problem: Box<Self>,
    },
}

/// Whom to believe: certificate authorities, logs of entries and of certificates, time stamp authorities.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    pub(super) logs: Vec<Log>,
    pub(super) ct_logs: Vec<Log>,
    pub(super) authorities: Vec<Authority>,
    pub(super) timestamp_authorities: Vec<Authority>,
    /// Who cosigns the checkpoints of the logs.
    pub(super) witnesses: Vec<VerifierKey>,
}

/// A log and its key. A key that is not supported is kept with its reason, so the rest of the root can be used.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) url: String,
    pub(super) id: Vec<u8>,
    pub(super) key: Result<PublicKey, KeyError>,
    pub(super) window: Window,
}

/// An authority: its certificates from the one that issues (or stamps) to the root.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    pub(super) chain: Vec<Certificate>,
    pub(super) window: Window,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RootJson<'a> {
    #[serde(borrow, default)]
    media_type: Option<Cow<'a, str>>,
    #[serde(default)]
    tlogs: Option<Capped<Object<LogJson>, MAX_LISTED>>,
    #[serde(default)]
    ctlogs: Option<Capped<Object<LogJson>, MAX_LISTED>>,
    #[serde(default)]
    certificate_authorities: Option<Capped<Object<AuthorityJson>, MAX_LISTED>>,
    #[serde(default)]
    timestamp_authorities: Option<Capped<Object<AuthorityJson>, MAX_LISTED>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogJson {
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    public_key: Option<Object<KeyJson>>,
    #[serde(default)]
    log_id: Option<Object<IdJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    #[serde(default)]
    raw_bytes: Option<Bytes>,
    #[serde(default)]
    key_details: Option<String>,
    #[serde(default)]
    valid_for: Option<Object<WindowJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdJson {
    #[serde(default)]
    key_id: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityJson {
    #[serde(default)]
    cert_chain: Option<Object<ChainJson>>,
    #[serde(default)]
    valid_for: Option<Object<WindowJson>>,
}

#[derive(Deserialize)]
struct ChainJson {
    #[serde(default)]
    certificates: Option<Capped<Object<CertificateJson>, MAX_CHAIN>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateJson {
    #[serde(default)]
    raw_bytes: Option<Bytes>,
}

impl TrustedRoot {
    /// Parses a `trusted_root.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustedRootError> {
        let found = bytes.len();
        if found > MAX_ROOT {
            return Err(TrustedRootError::TooLong { max: MAX_ROOT, found });
        }
        // A member that is there twice would be a second opinion on whom to believe.
        let Object(json): Object<RootJson<'_>> = json::from_slice(bytes)?;
        check_media_type(&json.media_type.unwrap_or_default())?;
        let root = Self {
            logs: items(json.tlogs, "tlogs", log)?,
            ct_logs: items(json.ctlogs, "ctlogs", log)?,
            authorities: items(json.certificate_authorities, "certificateAuthorities", authority)?,
            timestamp_authorities: items(json.timestamp_authorities, "timestampAuthorities", authority)?,
            witnesses: Vec::new(),
        };
        let empty = root.logs.is_empty() && root.authorities.is_empty();
        if empty && root.timestamp_authorities.is_empty() { Err(TrustedRootError::Empty) } else { Ok(root) }
    }

    /// The root that believes nobody: a key that the verifier knows is all there is.
    #[must_use]
    pub const fn nobody() -> Self {
        Self {
            logs: Vec::new(),
            ct_logs: Vec::new(),
            authorities: Vec::new(),
            timestamp_authorities: Vec::new(),
            witnesses: Vec::new(),
        }
    }

    /// Looks for cosignatures by these witnesses (c2sp.org/tlog-cosignature) on the checkpoints of logs: the file of a root has no
    /// place for them. Nothing depends on what is found, and it is told.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: &[VerifierKey]) -> Self {
        self.witnesses = witnesses.to_vec();
        self
    }

    /// Parses a `trusted_root.jsonl`: one root a line, as `gh attestation trusted-root` writes it. Empty lines are passed
    /// over. All lines together have at most [`MAX_ROOT`] bytes.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, TrustedRootError> {
        let found = bytes.len();
        if found > MAX_ROOT {
            return Err(TrustedRootError::TooLong { max: MAX_ROOT, found });
        }
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let at = |(index, line): (usize, &[u8])| {
            Self::parse(line)
                .map_err(|problem| TrustedRootError::Line { line: index + 1, problem: Box::new(problem) })
        };
        lines.map(at).collect()
    }

    /// Whether the root lists somebody who can prove a time: a log, or a time stamp authority.
    #[must_use]
    pub const fn proves_times(&self) -> bool {
        !self.logs.is_empty() || !self.timestamp_authorities.is_empty()
    }

    /// Whether signatures must be in a transparency log: whether the root lists one.
    #[must_use]
    pub const fn needs_log(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Whether certificates must be in a certificate log: whether the root lists one.
    #[must_use]
    pub const fn needs_certificate_log(&self) -> bool {
        !self.ct_logs.is_empty()
    }
}

fn check_media_type(media_type: &str) -> Result<(), TrustedRootError> {
    match media_type {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
        | "application/vnd.dev.sigstore.trustedroot+json;version=0.2"
        | "application/vnd.dev.sigstore.trustedroot.v0.1+json"
        | "application/vnd.dev.sigstore.trustedroot.v0.2+json" => Ok(()),
        other => Err(TrustedRootError::MediaType { found: other.chars().take(200).collect() }),
    }
}

fn items<J, T, const MAX: usize>(
    list: Option<Capped<Object<J>, MAX>>,
    name: &str,
    read: impl Fn(J, &str) -> Result<T, TrustedRootError>,
) -> Result<Vec<T>, TrustedRootError> {
    let list = list.unwrap_or_default();
    if list.total > MAX {
        return Err(TrustedRootError::TooMany { place: name.to_owned(), max: MAX, found: list.total });
    }
    let at = |(index, Object(json)): (usize, Object<J>)| read(json, &format!("{name}[{index}]"));
    list.items.into_iter().enumerate().map(at).collect()
}

fn missing(place: String) -> TrustedRootError {
    TrustedRootError::Missing { place }
}

fn window(json: Option<Object<WindowJson>>, place: &str) -> Result<Window, TrustedRootError> {
    Window::read(json.map(|Object(json)| json).as_ref())
        .map_err(|problem| TrustedRootError::Window { place: place.to_owned(), problem })
}

fn log(json: LogJson, place: &str) -> Result<Log, TrustedRootError> {
    let Object(key) = json.public_key.ok_or_else(|| missing(format!("{place}.publicKey")))?;
    let bytes = key.raw_bytes.unwrap_or_default().0;
    let id = json.log_id.and_then(|Object(id)| id.key_id).unwrap_or_default().0;
    if id.is_empty() {
        return Err(missing(format!("{place}.logId.keyId")));
    }
    let bare = key.key_details.as_deref().is_some_and(|details| details.starts_with("PKCS1_"));
    let key_of = if bare { PublicKey::from_pkcs1_der } else { PublicKey::from_spki_der };
    Ok(Log {
        url: json.base_url.unwrap_or_default().chars().take(200).collect(),
        id,
        key: key_of(&bytes),
        window: window(key.valid_for, &format!("{place}.publicKey"))?,
    })
}

fn authority(json: AuthorityJson, place: &str) -> Result<Authority, TrustedRootError> {
    let place = format!("{place}.certChain.certificates");
    let chain = json.cert_chain.and_then(|Object(chain)| chain.certificates);
    let chain = items(chain, &place, |json: CertificateJson, place| {
        Certificate::parse(&json.raw_bytes.unwrap_or_default().0)
            .map_err(|problem| TrustedRootError::Certificate { place: place.to_owned(), problem })
    })?;
    let window = window(json.valid_for, &place)?;
    if chain.is_empty() { Err(missing(place)) } else { Ok(Authority { chain, window }) }
}

impl Log {
    /// Returns the first bytes of its id, which signature lines of checkpoints carry, as hex.
    pub(super) fn hint(&self) -> String {
        hex::encode(self.id.iter().take(4).copied().collect::<Vec<_>>())
    }
}
