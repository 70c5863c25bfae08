//! The JSON of bundles and PEP 740 attestations. Nobody signed it: what is not read may be anything.

use std::borrow::Cow;
use std::sync::OnceLock;

use custody_log::{InclusionProof, LeafIndex, NodeHash, RootHash, TreeSize};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Bundle, BundleError, BundleVersion, Content, IMAGE_SIGNATURE_FORMAT, ImageSignature, MAX_BUNDLE,
    MAX_CERTIFICATES, MAX_DER, MAX_HINT, MAX_PROOFS, Material, MessageDigest, MessageSignature,
};
use crate::capped::Capped;
use crate::dsse::{Envelope, IN_TOTO, Signature};
use crate::json;
use crate::key::HashAlgorithm;
use crate::object::Object;
use crate::sigstore::proto_json::{Bytes, Number};

/// An entry of a transparency log, with what shows that it is there.
#[derive(Debug, Clone)]
pub(in crate::sigstore) struct LogEntry {
    /// The position that the log promised, signed by the promise only.
    pub(in crate::sigstore) index: u64,
    /// Which log.
    pub(in crate::sigstore) log_id: Vec<u8>,
    pub(in crate::sigstore) kind: String,
    pub(in crate::sigstore) version: String,
    /// Seconds since 1970, signed by the promise only.
    pub(in crate::sigstore) integrated_time: u64,
    pub(in crate::sigstore) promise: Option<Vec<u8>>,
    pub(in crate::sigstore) proof: Option<LogProof>,
    /// The leaf of the log.
    pub(in crate::sigstore) body: Vec<u8>,
}

/// A proof of inclusion, and the checkpoint that it leads to.
#[derive(Debug, Clone)]
pub(in crate::sigstore) struct LogProof {
    pub(in crate::sigstore) proof: InclusionProof,
    pub(in crate::sigstore) root: RootHash,
    pub(in crate::sigstore) checkpoint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleJson<'a> {
    #[serde(borrow, default)]
    media_type: Option<Cow<'a, str>>,
    #[serde(default)]
    verification_material: Option<Object<MaterialJson>>,
    #[serde(borrow, default)]
    dsse_envelope: Option<&'a RawValue>,
    #[serde(default)]
    message_signature: Option<Object<MessageJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaterialJson {
    #[serde(default)]
    certificate: Option<Object<Der>>,
    #[serde(default)]
    x509_certificate_chain: Option<Object<ChainJson>>,
    #[serde(default)]
    public_key: Option<Object<HintJson>>,
    #[serde(default)]
    tlog_entries: Option<Capped<Object<EntryJson>, MAX_PROOFS>>,
    #[serde(default)]
    timestamp_verification_data: Option<Object<TimestampsJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Der {
    #[serde(default)]
    raw_bytes: Option<Bytes>,
}

#[derive(Deserialize)]
struct ChainJson {
    #[serde(default)]
    certificates: Option<Capped<Object<Der>, MAX_CERTIFICATES>>,
}

#[derive(Deserialize)]
struct HintJson {
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Deserialize)]
struct TimestampsJson {
    #[serde(default, rename = "rfc3161Timestamps")]
    rfc3161: Option<Capped<Object<TimestampJson>, MAX_PROOFS>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampJson {
    #[serde(default)]
    signed_timestamp: Option<Bytes>,
}

/// A log entry as bundles and PEP 740 attestations have it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson {
    #[serde(default)]
    log_index: Option<Number>,
    #[serde(default)]
    log_id: Option<Object<LogIdJson>>,
    #[serde(default)]
    kind_version: Option<Object<KindJson>>,
    #[serde(default)]
    integrated_time: Option<Number>,
    #[serde(default)]
    inclusion_promise: Option<Object<PromiseJson>>,
    #[serde(default)]
    inclusion_proof: Option<Object<ProofJson>>,
    #[serde(default)]
    canonicalized_body: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogIdJson {
    #[serde(default)]
    key_id: Option<Bytes>,
}

#[derive(Deserialize)]
struct KindJson {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromiseJson {
    #[serde(default)]
    signed_entry_timestamp: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProofJson {
    #[serde(default)]
    log_index: Option<Number>,
    #[serde(default)]
    root_hash: Option<Bytes>,
    #[serde(default)]
    tree_size: Option<Number>,
    #[serde(default)]
    hashes: Option<Capped<Bytes, { InclusionProof::MAX_HASHES }>>,
    #[serde(default)]
    checkpoint: Option<Object<CheckpointJson>>,
}

#[derive(Deserialize)]
struct CheckpointJson {
    #[serde(default)]
    envelope: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageJson {
    #[serde(default)]
    message_digest: Option<Object<DigestJson>>,
    #[serde(default)]
    signature: Option<Bytes>,
}

#[derive(Deserialize)]
struct DigestJson {
    #[serde(default)]
    algorithm: Option<String>,
    #[serde(default)]
    digest: Option<Bytes>,
}

#[derive(Deserialize)]
struct Pep740Json {
    version: u64,
    verification_material: Object<Pep740Material>,
    envelope: Object<Pep740Envelope>,
}

#[derive(Deserialize)]
struct Pep740Material {
    certificate: Bytes,
    transparency_entries: Capped<Object<EntryJson>, MAX_PROOFS>,
}

#[derive(Deserialize)]
struct Pep740Envelope {
    statement: Bytes,
    signature: Bytes,
}

/// The form is ours, so there is one way to write it: a member more would be something that nobody reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImageSignatureJson<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    simple_signing: Bytes,
    #[serde(borrow)]
    bundle: &'a RawValue,
}

pub(super) fn bundle(bytes: Vec<u8>) -> Result<Bundle, BundleError> {
    let parts = parts(&bytes)?;
    Ok(parts.of(bytes))
}

pub(super) fn pep740(bytes: Vec<u8>) -> Result<Bundle, BundleError> {
    let parts = pep740_parts(&bytes)?;
    Ok(parts.of(bytes))
}

pub(super) fn image_signature(bytes: Vec<u8>) -> Result<Bundle, BundleError> {
    let parts = image_parts(&bytes)?;
    Ok(parts.of(bytes))
}

/// What is read from the bytes.
struct Parts {
    version: BundleVersion,
    material: Material,
    content: Content,
    entries: Vec<LogEntry>,
    timestamps: Vec<Vec<u8>>,
}

impl Parts {
    fn of(self, bytes: Vec<u8>) -> Bundle {
        let Self { version, material, content, entries, timestamps } = self;
        Bundle { bytes, digest: OnceLock::new(), version, material, content, entries, timestamps }
    }
}

fn parts(bytes: &[u8]) -> Result<Parts, BundleError> {
    check_length(bytes)?;
    let Object(outer): Object<BundleJson<'_>> = json::from_unsigned_slice(bytes)?;
    let media_type = outer.media_type.unwrap_or_default();
    let version = BundleVersion::of_media_type(&media_type)
        .ok_or_else(|| BundleError::MediaType { found: media_type.chars().take(200).collect() })?;
    let Object(found) = outer.verification_material.ok_or_else(|| missing("verificationMaterial"))?;
    let entries = entries(found.tlog_entries, "verificationMaterial.tlogEntries")?;
    let timestamps = timestamps(found.timestamp_verification_data)?;
    let material = material(version, found.certificate, found.x509_certificate_chain, found.public_key)?;
    let content = content(outer.dsse_envelope, outer.message_signature)?;
    check_hint(&material, &content)?;
    Ok(Parts { version, material, content, entries, timestamps })
}

fn pep740_parts(bytes: &[u8]) -> Result<Parts, BundleError> {
    check_length(bytes)?;
    let Object(outer): Object<Pep740Json> = json::from_unsigned_slice(bytes)?;
    if outer.version != 1 {
        return Err(BundleError::AttestationVersion { found: outer.version });
    }
    let (Object(material), Object(envelope)) = (outer.verification_material, outer.envelope);
    let entries = entries(Some(material.transparency_entries), "verification_material.transparency_entries")?;
    let certificate = bounded(material.certificate.0, || "verification_material.certificate".to_owned())?;
    let signature = (String::new(), envelope.signature.0);
    let envelope = Envelope::from_parts(IN_TOTO, &envelope.statement.0, &[signature])?;
    Ok(Parts {
        version: BundleVersion::Pep740,
        material: Material::Certificates(vec![certificate]),
        content: Content::Dsse(envelope),
        entries,
        timestamps: Vec::new(),
    })
}

fn image_parts(bytes: &[u8]) -> Result<Parts, BundleError> {
    check_length(bytes)?;
    let Object(outer): Object<ImageSignatureJson<'_>> = json::from_slice(bytes)?;
    if outer.format != IMAGE_SIGNATURE_FORMAT {
        return Err(BundleError::ImageFormat { found: outer.format.chars().take(80).collect() });
    }
    let payload = outer.simple_signing.0;
    let Parts { version, material, content, entries, timestamps } = parts(outer.bundle.get().as_bytes())?;
    let message = match (version, content) {
        (BundleVersion::V0_1, Content::Message(message)) => message,
        (BundleVersion::V0_1, _) => return Err(BundleError::ImageBundle { found: "a dsseEnvelope" }),
        (other, _) => return Err(BundleError::ImageBundle { found: other.as_str() }),
    };
    if message.digest != Some(MessageDigest::of(HashAlgorithm::Sha256, &payload)) {
        return Err(BundleError::OtherText);
    }
    let signature = ImageSignature::new(payload, message.signature)?;
    let content = Content::Image(Box::new(signature));
    Ok(Parts { version: BundleVersion::ImageSignature, material, content, entries, timestamps })
}

fn check_length(bytes: &[u8]) -> Result<(), BundleError> {
    let found = bytes.len();
    if found > MAX_BUNDLE { Err(BundleError::TooLong { max: MAX_BUNDLE, found }) } else { Ok(()) }
}

fn missing(place: &str) -> BundleError {
    BundleError::Missing { place: place.to_owned() }
}

fn bounded(bytes: Vec<u8>, place: impl Fn() -> String) -> Result<Vec<u8>, BundleError> {
    match bytes.len() {
        0 => Err(BundleError::Missing { place: place() }),
        found if found > MAX_DER => Err(BundleError::TooLarge { place: place(), max: MAX_DER, found }),
        _ => Ok(bytes),
    }
}

/// Takes a list that is not too long; absent and null are empty.
fn listed<T, const MAX: usize>(
    list: Option<Capped<T, MAX>>,
    place: &'static str,
) -> Result<Vec<T>, BundleError> {
    let list = list.unwrap_or_default();
    if list.total > MAX {
        return Err(BundleError::TooMany { place, max: MAX, found: list.total });
    }
    Ok(list.items)
}

fn material(
    version: BundleVersion,
    certificate: Option<Object<Der>>,
    chain: Option<Object<ChainJson>>,
    key: Option<Object<HintJson>>,
) -> Result<Material, BundleError> {
    const CERTIFICATE: &str = "verificationMaterial.certificate";
    const CHAIN: &str = "verificationMaterial.x509CertificateChain";
    const KEY: &str = "verificationMaterial.publicKey";
    let both = |first, second| Err(BundleError::Both { first, second });
    match (certificate, chain, key) {
        (Some(_), Some(_), _) => both(CERTIFICATE, CHAIN),
        (Some(_), _, Some(_)) => both(CERTIFICATE, KEY),
        (_, Some(_), Some(_)) => both(CHAIN, KEY),
        (Some(Object(certificate)), None, None) => {
            let bytes = certificate.raw_bytes.unwrap_or_default().0;
            let certificate = bounded(bytes, || format!("{CERTIFICATE}.rawBytes"))?;
            Ok(Material::Certificates(vec![certificate]))
        }
        (None, Some(_), None) if version == BundleVersion::V0_3 => Err(BundleError::ChainInV03),
        (None, Some(Object(chain)), None) => certificates(chain),
        (None, None, Some(Object(key))) => {
            let hint = key.hint.unwrap_or_default();
            if hint.len() > MAX_HINT {
                let place = format!("{KEY}.hint");
                return Err(BundleError::TooLarge { place, max: MAX_HINT, found: hint.len() });
            }
            Ok(Material::PublicKey { hint })
        }
        (None, None, None) => {
            Err(missing("verificationMaterial.certificate (or x509CertificateChain, or publicKey)"))
        }
    }
}

fn certificates(chain: ChainJson) -> Result<Material, BundleError> {
    const PLACE: &str = "verificationMaterial.x509CertificateChain.certificates";
    let chain = listed(chain.certificates, PLACE)?;
    if chain.is_empty() {
        return Err(missing(PLACE));
    }
    let der = |(index, Object(certificate)): (usize, Object<Der>)| {
        bounded(certificate.raw_bytes.unwrap_or_default().0, || format!("{PLACE}[{index}].rawBytes"))
    };
    Ok(Material::Certificates(chain.into_iter().enumerate().map(der).collect::<Result<_, _>>()?))
}

fn timestamps(data: Option<Object<TimestampsJson>>) -> Result<Vec<Vec<u8>>, BundleError> {
    const PLACE: &str = "verificationMaterial.timestampVerificationData.rfc3161Timestamps";
    let list = listed(data.and_then(|Object(data)| data.rfc3161), PLACE)?;
    let der = |(index, Object(timestamp)): (usize, Object<TimestampJson>)| {
        bounded(timestamp.signed_timestamp.unwrap_or_default().0, || {
            format!("{PLACE}[{index}].signedTimestamp")
        })
    };
    let timestamps: Vec<_> = list.into_iter().enumerate().map(der).collect::<Result<_, _>>()?;
    match second(&timestamps, |one, other| one == other) {
        Some(index) => Err(BundleError::Duplicate { place: PLACE, index }),
        None => Ok(timestamps),
    }
}

/// Returns the position of the first item that stands for the same as one before it.
fn second<T>(items: &[T], same: impl Fn(&T, &T) -> bool) -> Option<usize> {
    let is_second = |(index, item): &(usize, &T)| items.iter().take(*index).any(|before| same(before, item));
    items.iter().enumerate().find(is_second).map(|(index, _)| index)
}

fn entries(
    list: Option<Capped<Object<EntryJson>, MAX_PROOFS>>,
    place: &'static str,
) -> Result<Vec<LogEntry>, BundleError> {
    let list = listed(list, place)?;
    let entries: Vec<_> = list
        .into_iter()
        .enumerate()
        .map(|(index, Object(json))| entry(index, json))
        .collect::<Result<_, _>>()?;
    let same = |one: &LogEntry, other: &LogEntry| one.log_id == other.log_id && one.index == other.index;
    match second(&entries, same) {
        Some(index) => Err(BundleError::Duplicate { place, index }),
        None => Ok(entries),
    }
}

/// Reads the entry at this position of its list.
fn entry(index: usize, json: EntryJson) -> Result<LogEntry, BundleError> {
    let place = |member: &str| format!("verificationMaterial.tlogEntries[{index}].{member}");
    let need = |bytes: Option<Bytes>, member: &str| match bytes {
        Some(Bytes(bytes)) if !bytes.is_empty() => Ok(bytes),
        Some(_) | None => Err(BundleError::Missing { place: place(member) }),
    };
    let Object(kind) = json.kind_version.ok_or_else(|| missing(&place("kindVersion")))?;
    let promise = json.inclusion_promise.and_then(|Object(promise)| promise.signed_entry_timestamp);
    Ok(LogEntry {
        index: json.log_index.unwrap_or_default().0,
        log_id: need(json.log_id.and_then(|Object(id)| id.key_id), "logId.keyId")?,
        kind: kind.kind.unwrap_or_default(),
        version: kind.version.unwrap_or_default(),
        integrated_time: json.integrated_time.unwrap_or_default().0,
        promise: promise.map(|Bytes(bytes)| bytes).filter(|bytes| !bytes.is_empty()),
        proof: json.inclusion_proof.map(|Object(found)| proof(index, found)).transpose()?,
        body: need(json.canonicalized_body, "canonicalizedBody")?,
    })
}

fn proof(index: usize, json: ProofJson) -> Result<LogProof, BundleError> {
    let wrong = |problem| BundleError::Proof { index, problem };
    let list = json.hashes.unwrap_or_default();
    let place = "verificationMaterial.tlogEntries[].inclusionProof.hashes";
    let hashes = listed(Some(list), place)?.into_iter().map(|Bytes(hash)| node(index, &hash));
    let hashes: Vec<NodeHash> = hashes.collect::<Result<_, _>>()?;
    let root = node(index, &json.root_hash.unwrap_or_default().0)?;
    let position = |problem| BundleError::Position { index, problem };
    let leaf = LeafIndex::new(json.log_index.unwrap_or_default().0).map_err(position)?;
    let size = TreeSize::new(json.tree_size.unwrap_or_default().0).map_err(position)?;
    let proof = InclusionProof::from_hashes(leaf, size, hashes).map_err(wrong)?;
    let checkpoint = json.checkpoint.and_then(|Object(checkpoint)| checkpoint.envelope);
    Ok(LogProof { proof, root: root.into(), checkpoint: checkpoint.filter(|text| !text.is_empty()) })
}

fn node(index: usize, hash: &[u8]) -> Result<NodeHash, BundleError> {
    let found = hash.len();
    let hash = hash.try_into().map_err(|_| BundleError::ProofHash { index, found })?;
    Ok(NodeHash::from_bytes(hash))
}

fn content(
    envelope: Option<&RawValue>,
    message: Option<Object<MessageJson>>,
) -> Result<Content, BundleError> {
    match (envelope, message) {
        (Some(_), Some(_)) => Err(BundleError::Both { first: "dsseEnvelope", second: "messageSignature" }),
        (Some(envelope), None) => {
            let envelope = Envelope::inner(envelope.get().as_bytes())?;
            match envelope.signatures().len() {
                1 => Ok(Content::Dsse(envelope)),
                found => Err(BundleError::Signatures { found }),
            }
        }
        (None, Some(Object(message))) => {
            let signature = message.signature.unwrap_or_default().0;
            let signature = bounded(signature, || "messageSignature.signature".to_owned())?;
            let digest = message.message_digest.map(|Object(digest)| message_digest(digest)).transpose()?;
            Ok(Content::Message(MessageSignature { digest, signature }))
        }
        (None, None) => Err(missing("dsseEnvelope (or messageSignature)")),
    }
}

fn message_digest(json: DigestJson) -> Result<MessageDigest, BundleError> {
    let name = json.algorithm.unwrap_or_default();
    let algorithm = match name.as_str() {
        "SHA2_256" => HashAlgorithm::Sha256,
        "SHA2_384" => HashAlgorithm::Sha384,
        "SHA2_512" => HashAlgorithm::Sha512,
        other => return Err(BundleError::HashAlgorithm { found: other.chars().take(80).collect() }),
    };
    let bytes = json.digest.unwrap_or_default().0;
    let (expected, found) = (algorithm.digest_len(), bytes.len());
    if found != expected {
        return Err(BundleError::DigestLength { algorithm, expected, found });
    }
    Ok(MessageDigest { algorithm, bytes })
}

/// The envelope may name the key too; then with the same word.
fn check_hint(material: &Material, content: &Content) -> Result<(), BundleError> {
    let (Material::PublicKey { hint }, Content::Dsse(envelope)) = (material, content) else {
        return Ok(());
    };
    let keyid = envelope.signatures().first().map(Signature::keyid).unwrap_or_default();
    if hint.is_empty() || keyid.is_empty() || hint == keyid {
        return Ok(());
    }
    let cut = |text: &str| text.chars().take(200).collect();
    Err(BundleError::KeyHint { hint: cut(hint), keyid: cut(keyid) })
}
