//! The errors of Sigstore bundles, trusted roots and the documents of registries.

use custody_evidence::dsse::{Base64Error, EnvelopeError};
use custody_evidence::json::{JsonError, JsonFault};
use custody_evidence::key::{Algorithm, HashAlgorithm, KeyError, KeyId, PrehashedError, SignatureError};
use custody_evidence::registry::{CosignError, DocumentError};
use custody_evidence::sigstore::{
    BodyError, BundleError, CertificateError, CheckName, DerError, Failure, IdentityProblem, LogError,
    NotChecked, PathError, SctError, SimpleSigningError, TimestampProblem, TrustedRootError,
};
use custody_log::{NoteError, PositionError, ProofError, Timestamp, TimestampError};
use custody_tests::every;
use custody_tests::words::lines;

const DER: DerError = DerError { expected: "a certificate" };

fn text(text: &str) -> String {
    text.to_owned()
}

fn json() -> JsonError {
    JsonError { fault: JsonFault::Truncated, line: 2, column: 7, path: text("verificationMaterial") }
}

fn time() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap()
}

fn window() -> String {
    text("from 2027-01-01T00:00:00.000000Z")
}

fn signature() -> SignatureError {
    SignatureError { algorithm: Algorithm::EcdsaP384, key: KeyId::from_bytes([1; 32]) }
}

fn proof() -> ProofError {
    ProofError::HashCount { expected: 3, found: 2 }
}

fn bad_time() -> TimestampError {
    TimestampError::Form { found: text("yesterday") }
}

#[test]
fn every_error_of_bundles_and_roots_has_its_words() {
    let list = "verificationMaterial.tlogEntries";
    let bundle = every!(BundleError {
        TooLong { max: 64 << 20, found: (64 << 20) + 1 },
        Json(json()),
        MediaType { found: text("application/json") },
        AttestationVersion { found: 2 },
        Missing { place: text("verificationMaterial.tlogEntries[0].canonicalizedBody") },
        Both { first: "dsseEnvelope", second: "messageSignature" },
        ChainInV03,
        TooMany { place: list, max: 32, found: 33 },
        TooLarge { place: text("verificationMaterial.certificate.rawBytes"), max: 65_536, found: 65_537 },
        Duplicate { place: list, index: 1 },
        Envelope(EnvelopeError::NoSignature),
        Signatures { found: 2 },
        KeyHint { hint: text("a"), keyid: text("b") },
        HashAlgorithm { found: text("SHA1") },
        DigestLength { algorithm: HashAlgorithm::Sha256, expected: 32, found: 20 },
        Proof { index: 0, problem: proof() },
        Position { index: 0, problem: PositionError::TooLarge { found: 1 << 63 } },
        ProofHash { index: 0, found: 20 },
        ImageFormat { found: text("custody/image-signature/v2") },
        ImageBundle { found: "a dsseEnvelope" },
        SimpleSigning(SimpleSigningError::Json(json())),
        OtherText,
    });
    let image = every!(SimpleSigningError {
        TooLong { max: 65_536, found: 65_537 },
        Json(json()),
        Type { found: text("atomic container signature") },
        Digest { found: text("sha1:00") },
    });
    let cosign = every!(CosignError {
        Layer { problem: json() },
        SimpleSigning { problem: SimpleSigningError::Type { found: text("atomic container signature") } },
        Signature { problem: Base64Error::LastCharacter },
        Pem { annotation: "dev.sigstore.cosign/certificate", expected: "one certificate" },
        Json { annotation: "dev.sigstore.cosign/bundle", problem: json() },
        LogId,
        Entry { problem: json() },
    });
    let root = every!(TrustedRootError {
        TooLong { max: 1 << 20, found: (1 << 20) + 1 },
        Json(json()),
        MediaType { found: text("application/json") },
        TooMany { place: text("tlogs"), max: 64, found: 65 },
        Missing { place: text("tlogs[0].publicKey") },
        Window { place: text("tlogs[0].publicKey"), problem: bad_time() },
        Certificate {
            place: text("certificateAuthorities[0].certChain.certificates[1]"),
            problem: CertificateError::Der(DER),
        },
        Empty,
        Line { line: 2, problem: Box::new(TrustedRootError::Empty) },
    });
    let document = every!(DocumentError {
        TooLong { max: 64 << 20, found: (64 << 20) + 1 },
        Json { kind: "an npm attestation document", problem: json() },
        Version { found: 2 },
        TooMany { max: 64, found: 65 },
        Window { index: 1, problem: bad_time() },
        Key { index: 1, problem: KeyError::Der },
    });
    let text = [
        lines("BundleError", &bundle),
        lines("SimpleSigningError", &image),
        lines("CosignError", &cosign),
        lines("TrustedRootError", &root),
        lines("DocumentError", &document),
    ];
    super::hold("bundle_readers", &text.concat());
}

fn log() -> String {
    text("https://rekor.sigstore.dev")
}

fn of_logs() -> String {
    let entry = every!(LogError {
        UnknownLog { id: "ab".repeat(32) },
        Key { log: log(), why: KeyError::Der },
        OutsideWindow { log: log(), window: window(), time: time() },
        NeverTrusted { log: log() },
        NoPromise,
        Promise,
        PromisedTime { seconds: 0 },
        NoProof,
        NoCheckpoint,
        Note(NoteError::Unsigned),
        CheckpointLines,
        CheckpointUnsigned,
        CheckpointSignature,
        Origin { origin: text("a"), signer: text("b") },
        CheckpointTree,
        Proof(proof()),
    });
    lines("LogError", &entry)
}

#[test]
fn every_failure_of_a_check_has_its_words() {
    let certificate = every!(CertificateError {
        Der(DER),
        DuplicateExtension { oid: text("2.5.29.17") },
    });
    let path = every!(PathError {
        NoAuthority { why: text("UnknownIssuer") },
        Purpose { purpose: "code signing" },
        OutsideWindow { window: window(), time: time() },
    });
    let sct = every!(SctError {
        None,
        Malformed,
        UnknownLog { found: 1 },
        OutsideWindow { log: log(), window: window(), time: time() },
        Key { log: log(), why: KeyError::Der },
        Signature { log: log() },
    });
    let stamp = every!(TimestampProblem {
        Der(DER),
        Status { status: 2 },
        Form { what: "it has several signatures" },
        Certificate(CertificateError::Der(DER)),
        Unsupported { algorithm: text("1.3.14.3.2.26") },
        Imprint,
        Attributes { what: "they are of another content" },
        UnknownSigner,
        Signature,
        Path(PathError::Purpose { purpose: "time stamping alone" }),
        NoAuthorities,
    });
    let body = every!(BodyError {
        Json(json()),
        Kind { said: text("dsse/0.0.1"), found: text("intoto/0.0.2") },
        Unsupported { kind: text("rekord/0.0.1") },
        Content { kind: "dsse/0.0.1", content: "a message signature" },
        Differs { part: "signature" },
    });
    let identity = every!(IdentityProblem {
        Names { found: 2 },
        NameKind,
        Extension { number: 8, problem: DerError { expected: "a UTF8String" } },
        TwoIssuers { first: text("https://a"), second: text("https://b") },
    });
    let failure = every!(Failure {
        Base64(Base64Error::LastCharacter),
        Signature(signature()),
        NoKey { tried: 2 },
        Certificate(CertificateError::Der(DER)),
        Key(KeyError::Der),
        Path(PathError::Purpose { purpose: "code signing" }),
        CertificateLog(SctError::None),
        Identity(IdentityProblem::NameKind),
        Log(LogError::NoProof),
        Body(BodyError::Differs { part: "digest" }),
        NoEntry,
        Timestamp(TimestampProblem::Imprint),
        NoTime,
        KeyWindow { window: window(), time: time() },
        OtherArtifact,
        NoStatement,
    });
    let not_checked = every!(NotChecked {
        NotThere,
        NotListed,
        Stranger(TimestampProblem::UnknownSigner),
        NoArtifact,
        OtherDigest { algorithm: "sha384" },
        NeedsArtifact,
        NoKeyGiven { hint: text("SHA256:x") },
        BuildsOn { on: CheckName::Time },
        NoCheckpoint,
        NotCosigned,
    });
    let prehashed = every!(PrehashedError {
        NeedsMessage,
        Hash { algorithm: Algorithm::Rsa, expected: HashAlgorithm::Sha256, found: HashAlgorithm::Sha512 },
        Signature(signature()),
    });
    let text = [
        lines("CertificateError", &certificate),
        lines("PathError", &path),
        lines("SctError", &sct),
        lines("TimestampProblem", &stamp),
        lines("BodyError", &body),
        of_logs(),
        lines("IdentityProblem", &identity),
        lines("Failure", &failure),
        lines("NotChecked", &not_checked),
        lines("PrehashedError", &prehashed),
    ];
    super::hold("bundle_checks", &text.concat());
}
