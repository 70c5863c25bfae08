//! The errors of evidence: JSON, envelopes, keys, statements, facts, SBOMs, admission.

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::admission::{Binding, RecordError, Refusal, RuleSummary};
use custody_evidence::digest_set::DigestError;
use custody_evidence::dsse::{Base64Error, EnvelopeError, Failure, NotChecked, OtherKind, ThresholdError};
use custody_evidence::envelope::SaidError;
use custody_evidence::fact::{Field, NodeKind, PackageError, Problem, TermError};
use custody_evidence::identity::IdentityError;
use custody_evidence::json::{JsonError, JsonFault};
use custody_evidence::key::{Algorithm, KeyError, KeyId, KeyIdError, SignatureError, SigningKeyError};
use custody_evidence::oidc::{KeySetError, TokenAlgorithm, TokenError};
use custody_evidence::predicate::{NameError, UsableDigestError};
use custody_evidence::purl::{PurlError, PurlFault};
use custody_evidence::repository::{CommitIdError, RepositoryError};
use custody_evidence::sbom::{LeftOut, NotInterpreted, SbomError};
use custody_evidence::scan::junit::{JunitError, JunitFault};
use custody_evidence::scan::{Incomplete, ScanError};
use custody_evidence::secret::{Finding, screen_statement};
use custody_evidence::sigstore::{Artifact, Bundle, BundleError, TrustedRoot, Unverified, verify};
use custody_evidence::statement::{StatementBuildError, StatementError};
use custody_evidence::thing::ThingError;
use custody_evidence::trust::TrustError;
use custody_evidence::version::{
    Incomparable, Operator, PurlRangeError, RangeError, Scheme, VersError, VersionError,
};
use custody_log::TimestampError;
use custody_tests::every;
use custody_tests::words::lines;

fn found() -> String {
    "found".to_owned()
}

fn json() -> JsonError {
    JsonError {
        fault: JsonFault::Duplicate { name: "x".to_owned() },
        line: 2,
        column: 7,
        path: "predicate.x".to_owned(),
    }
}

fn key() -> KeyId {
    KeyId::from_bytes([1; 32])
}

fn digest() -> DigestError {
    DigestError::Value { algorithm: "sha256".to_owned(), found: "00".to_owned() }
}

fn purl() -> PurlError {
    PurlError::Form { found: "pkg:npm".to_owned(), fault: PurlFault::NoName }
}

#[test]
fn every_error_of_a_value_has_its_words() {
    let digest_error = every!(DigestError {
        Form { found: found() },
        Text { found: found() },
        Value { algorithm: "sha256".to_owned(), found: "00".to_owned() },
        Value { algorithm: "gitCommit".to_owned(), found: "00".to_owned() },
    });
    let purl_error = every!(PurlError {
        TooLong { found: 4097 },
        Control { found: "pkg:npm/a\nb".to_owned() },
        Form { found: "pkg:npm".to_owned(), fault: PurlFault::NoName },
    });
    let of = |package_type: &str| package_type.to_owned();
    let purl_fault = every!(PurlFault {
        Encoding,
        Slash { part: "namespace" },
        Name { package_type: of("cpan") },
        NamespaceProhibited { package_type: of("cargo") },
        NamespaceRequired { package_type: of("swift") },
        NoName,
        QualifierKey { key: "in production".to_owned() },
        QualifierTwice { key: "arch".to_owned() },
        QualifierRequired { package_type: of("julia"), key: "uuid" },
        Scheme,
        Separator { separator: '?' },
        Type { found: "n pm".to_owned() },
        Version { package_type: of("chrome-extension") },
    });
    let term = every!(TermError {
        Digest(digest()),
        Purl(purl()),
        Commit { found: found() },
        Text { field: Field::Builder, found: String::new() },
    });
    let identity = every!(IdentityError {
        Key(KeyIdError { found: found() }),
        Form { found: found() },
    });
    let thing = every!(ThingError {
        Form { found: String::new() },
        Digest { source: digest() },
        Index { found: "index:x".to_owned() },
        Key { found: "key:00".to_owned() },
        Purl { source: purl() },
        Prefix { found: "1234".to_owned() },
    });
    let text = [
        lines("DigestError", &digest_error),
        lines("PurlError", &purl_error),
        lines("PurlFault", &purl_fault),
        lines("TermError", &term),
        lines("IdentityError", &identity),
        lines("ThingError", &thing),
        lines("RepositoryError", &[("RepositoryError", RepositoryError { found: found() })]),
        lines("CommitIdError", &[("CommitIdError", CommitIdError { found: found() })]),
        lines("NameError", &[("NameError", NameError { found: String::new() })]),
        lines("UnknownWord", &[("UnknownWord", "found".parse::<NodeKind>().unwrap_err())]),
    ];
    super::hold("evidence_values", &text.concat());
}

#[test]
fn every_error_of_versions_and_ranges_has_its_words() {
    let version = |scheme: Scheme| VersionError { scheme, found: "latest".to_owned() };
    let schemes =
        [Scheme::Debian, Scheme::Go, Scheme::Maven, Scheme::Npm, Scheme::NuGet, Scheme::PyPi, Scheme::SemVer];
    let versions = schemes.map(|scheme| ("VersionError", version(scheme)));
    let vers_form = || VersError::Form { found: "=1.0.0".to_owned() };
    let vers = every!(VersError {
        Form { found: "=1.0.0".to_owned() },
        Order { found: "1.0.0".to_owned() },
        Turn { found: "2.0.0".to_owned() },
        Type { expected: "npm".to_owned(), found: "pypi".to_owned() },
    });
    let range = every!(RangeError {
        Control { found: ">=1\n<2".to_owned() },
        Empty,
        Operator { found: "^1.0.0".to_owned() },
        Short { operator: Operator::LessOrEqual, found: "1.15".to_owned() },
        TooLong { found: 2049 },
        TooMany,
        Vers(vers_form()),
        Version(version(Scheme::Npm)),
    });
    let purl_range = every!(PurlRangeError {
        Form { found: "pkg:npm/axios@1.14.1".to_owned() },
        Purl(purl()),
        Qualified { package: "pkg:deb/debian/curl?arch=i386".parse().unwrap() },
        Range(RangeError::Empty),
    });
    let incomparable = every!(Incomparable { NotOrdered, NotAVersion, NoVersion });
    let text = [
        lines("VersionError", &versions),
        lines("VersError", &vers),
        lines("RangeError", &range),
        lines("PurlRangeError", &purl_range),
        lines("Incomparable", &incomparable),
    ];
    super::hold("evidence_versions", &text.concat());
}

#[test]
fn every_error_of_scans_and_tests_has_its_words() {
    let scan = every!(ScanError {
        Json(json()),
        TooMany { path: "runs[0].results".to_owned(), max: 50_000, found: 50_001 },
        SarifVersion { version: "2.0.0".to_owned() },
        Unknown,
    });
    let incomplete = every!(Incomplete { Failed, NoResults, Elsewhere });
    let junit = every!(JunitFault {
        Attributes,
        Depth,
        DocumentType,
        Entity,
        Number { attribute: "failures", found: "-1".to_owned() },
        Root { found: "bom".to_owned() },
        TooManyTests,
        TooManyAttributes,
        Truncated,
        Utf8,
        Xml,
    });
    let error = JunitError { fault: JunitFault::DocumentType, line: 7 };
    let text = [
        lines("ScanError", &scan),
        lines("Incomplete", &incomplete),
        lines("JunitFault", &junit),
        lines("JunitError", &[("JunitError", error)]),
    ];
    super::hold("evidence_scans", &text.concat());
}

#[test]
fn every_error_of_json_envelopes_and_keys_has_its_words() {
    let fault = every!(JsonFault {
        Utf8,
        ByteOrderMark,
        Truncated,
        Unexpected { expected: "a value", found: '}' },
        Trailing,
        Depth { max: 64 },
        Duplicate { name: "x".to_owned() },
        Control,
        Escape,
        Reserved { name: "x".to_owned() },
        Shape { problem: "missing field `payload`".to_owned() },
    });
    let base64 = every!(Base64Error { Character { at: 7 }, Padding { length: 7 }, LastCharacter });
    let envelope = every!(EnvelopeError {
        TooLong { max: 64 << 20, found: (64 << 20) + 1 },
        Json(json()),
        OtherKind { kind: OtherKind::Bundle },
        Payload { problem: Base64Error::LastCharacter },
        PayloadTypeTooLong { max: 1024, found: 1025 },
        TooManySignatures { max: 16, found: 17 },
        NoSignature,
        KeyIdTooLong { index: 1, max: 1024, found: 1025 },
    });
    let failed = every!(Failure {
        Undecodable(Base64Error::Padding { length: 7 }),
        NotByHintedKey { key: key() },
        NoKey { tried: 3 },
    });
    let not_checked = every!(NotChecked {
        NoKeys,
        TooManyKeys { tried: 64, keys: 65 },
        TooMuchToHash { tried: 2, keys: 3 },
    });
    let threshold = ThresholdError { needed: 2, signed: BTreeSet::from([key()]), verdicts: Vec::new() };
    let public = every!(KeyError {
        Pem,
        Label { label: "CERTIFICATE".to_owned() },
        Private,
        Der,
        Unsupported { algorithm: "Ed448".to_owned() },
        NotCanonical { algorithm: Algorithm::EcdsaP256 },
        RsaSize { min: 2048, max: 8192, found: 1024 },
        Unusable { algorithm: Algorithm::Ed25519 },
    });
    let private = every!(SigningKeyError {
        Pem,
        Label { label: "CERTIFICATE".to_owned() },
        Encrypted,
        OldForm { form: "SEC 1".to_owned() },
        Pkcs8,
        Unsupported { algorithm: "RSA".to_owned() },
        Public(KeyError::Unusable { algorithm: Algorithm::Ed25519 }),
    });
    let text = [
        lines("JsonFault", &fault),
        lines("JsonError", &[("JsonError", json())]),
        lines("Base64Error", &base64),
        lines("EnvelopeError", &envelope),
        lines("Failure", &failed),
        lines("NotChecked", &not_checked),
        lines("ThresholdError", &[("ThresholdError", threshold)]),
        lines("KeyIdError", &[("KeyIdError", KeyIdError { found: found() })]),
        lines("KeyError", &public),
        lines("SigningKeyError", &private),
        lines(
            "SignatureError",
            &[("SignatureError", SignatureError { algorithm: Algorithm::Ed25519, key: key() })],
        ),
    ];
    super::hold("evidence_envelopes", &text.concat());
}

#[test]
fn every_error_of_statements_and_facts_has_its_words() {
    let statement = every!(StatementError {
        Json(json()),
        NoType,
        Type { found: "https://in-toto.io/Statement/v9".to_owned() },
        NoPredicateType,
        PredicateType { found: "a b".to_owned() },
        Predicate { found: "[1]".to_owned() },
        TooManySubjects { max: 1024, found: 1025 },
        TooManyDigests { max: 4096, found: 4097 },
        TooManySubjectDigests { subject: 1, max: 16, found: 17 },
        Digest { subject: 1, source: digest() },
    });
    let build = every!(StatementBuildError {
        Statement(StatementError::NoType),
        Predicate { why: "expected value at line 1 column 1".to_owned() },
    });
    let package = every!(PackageError {
        Term(TermError::Purl(purl())),
        Range(PurlRangeError::Form { found: "pkg:npm/axios".to_owned() }),
        Pattern { found: "pkg:npm/axios@1.x".to_owned() },
        NotOrdered { package_type: "gem".to_owned(), range: ">=7.0".to_owned() },
    });
    let not_read = every!(NotInterpreted {
        CycloneDxVersion { version: "1.1".to_owned() },
        SpdxVersion { version: "SPDX-2.1".to_owned() },
        Spdx3,
        SpdxTagValue,
        Xml,
        Unknown,
    });
    let sbom = every!(SbomError {
        Shape { why: "components is not a list".to_owned() },
        TooManyComponents { max: 100_000, found: 100_001 },
        NotInterpreted(NotInterpreted::Xml),
    });
    let left_out = every!(LeftOut {
        Component { why: "missing field `name`".to_owned() },
        Vulnerability { why: "it has no id".to_owned() },
        Relationship,
        Digest(digest()),
        Purl(purl()),
    });
    let usable = every!(UsableDigestError {
        Digest(digest()),
        NoEvidence { found: Digest::read("sha1", &"1".repeat(40)).unwrap() },
    });
    let problem = every!(Problem {
        Digest(digest()),
        MalformedDigest { digest: Digest::read("sha256", "00").unwrap() },
        Purl(purl()),
        Time(TimestampError::Form { found: found() }),
        Name { found: String::new() },
        Predicate(json()),
        Sbom(SbomError::NotInterpreted(NotInterpreted::Xml)),
        Component { why: "missing field `name`".to_owned() },
        Vulnerability { why: "it has no id".to_owned() },
        Relationship,
        TooManyDependencies { max: 1000 },
        CommitNotSubject { named: "16d9990".to_owned() },
        NotSubject { named: "the run https://ci.example/7".to_owned() },
        NoProduct { named: "nginx".to_owned() },
        NoVersion { found: "pkg:npm/axios".to_owned() },
        ScannerReport(Box::new(ScanError::Unknown)),
        IncompleteScan { path: "scanner.result.runs[0]".to_owned(), why: Incomplete::Failed },
        NamelessFinding { path: "runs[0].results[3]".to_owned() },
        NotInterpreted { predicate_type: "urn:example".to_owned() },
        NoPredicate,
        TooManyEdges,
        TooManyWarnings,
    });
    let text = [
        lines("StatementError", &statement),
        lines("StatementBuildError", &build),
        lines("NotInterpreted", &not_read),
        lines("SbomError", &sbom),
        lines("LeftOut", &left_out),
        lines("Problem", &problem),
        lines("PackageError", &package),
        lines("UsableDigestError", &usable),
    ];
    super::hold("evidence_statements", &text.concat());
}

fn identity() -> String {
    "https://token.example#https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main"
        .to_owned()
}

/// A keyed bundle that nobody knows the key of.
fn unverified() -> Unverified {
    let bundle = br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"ci"}},
        "messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"signature":"AAAA"}}"#;
    let bundle = Bundle::parse(bundle).unwrap();
    verify(&bundle, &TrustedRoot::nobody(), &[], Artifact::Unknown).unwrap_err()
}

#[test]
fn every_way_to_be_no_envelope_has_its_words() {
    let envelope = every!(custody_evidence::envelope::EnvelopeError {
        OtherKind { kind: OtherKind::NpmDocument },
        OtherKind { kind: OtherKind::Statement },
        Dsse(EnvelopeError::NoSignature),
        Bundle(BundleError::ChainInV03),
        NoMessageDigest,
    });
    let said = every!(SaidError {
        NotInToto { payload_type: "text/plain".to_owned() },
        NoMessageDigest,
        Reserved,
        Statement(StatementError::NoType),
    });
    super::hold("envelope", &[lines("EnvelopeError", &envelope), lines("SaidError", &said)].concat());
}

#[test]
fn every_error_of_an_identity_token_has_its_words() {
    let at = |text: &str| text.parse().unwrap();
    let issuer = || "https://token.example".to_owned();
    let token = every!(TokenError {
        TooLong { max: 16384, found: 16385 },
        Form,
        Json { part: "claims", source: json() },
        Header { member: "jwk".to_owned() },
        Algorithm { found: "none".to_owned(), allowed: vec![TokenAlgorithm::Rs256, TokenAlgorithm::EdDsa] },
        Algorithm { found: "HS256".to_owned(), allowed: Vec::new() },
        Issuer { found: issuer() },
        Audience { expected: "custody:example.com/log:00".to_owned(), found: vec!["a".to_owned(), "b".to_owned()] },
        Audience { expected: "a".to_owned(), found: Vec::new() },
        Expired { expires: at("2026-11-20T14:00:00.000000Z"), now: at("2026-11-21T14:00:00.000000Z") },
        NotYet { claim: "nbf", begins: at("2026-11-21T14:00:00.000000Z"), now: at("2026-11-20T14:00:00.000000Z") },
        Lifetime { max: 3600, found: 3601 },
        Claim { claim: "repository_id".to_owned(), expected: "a text" },
        ClaimValue { claim: "repository_owner_id".to_owned(), found: "7".to_owned() },
        Trigger { found: "pull_request_target".to_owned() },
        UnknownKey { issuer: issuer(), algorithm: TokenAlgorithm::Rs256, kid: Some("k".to_owned()) },
        UnknownKey { issuer: issuer(), algorithm: TokenAlgorithm::Rs256, kid: None },
        Signature { kid: "k".to_owned() },
    });
    let keys = every!(KeySetError {
        TooLong { max: 262_144, found: 262_145 },
        Json(json()),
        TooMany { max: 32, found: 33 },
        Private { position: 1, member: "d" },
        Unusable { position: 1, kind: "RSA" },
        Empty,
    });
    super::hold("token", &[lines("TokenError", &token), lines("KeySetError", &keys)].concat());
}

#[test]
fn every_refusal_of_admission_has_its_words() {
    let rule = |name: &str| RuleSummary {
        rule: name.to_owned(),
        predicates: vec!["https://slsa.dev/provenance/v1".to_owned(), "urn:custody:review:v1".to_owned()],
    };
    let at = |text: &str| text.parse().unwrap();
    let predicate_type = || "urn:custody:approval:v1".to_owned();
    let refusal = every!(Refusal {
        Envelope(EnvelopeError::NoSignature.into()),
        Said(StatementError::NoType.into()),
        Secret { finding: Box::new(finding()) },
        NoSubject,
        NoUsableDigest { subject: 1, found: vec!["md5".to_owned(), "sha1".to_owned()] },
        NoUsableDigest { subject: 0, found: Vec::new() },
        UnknownKey { hints: vec!["a".to_owned(), "b".to_owned()], tried: 3 },
        UnknownKey { hints: Vec::new(), tried: 1 },
        BadSignature { signature: 1, why: Failure::NoKey { tried: 3 } },
        UnsupportedSignature { signature: 1, algorithm: "RSA".to_owned() },
        TooManyKeys { signature: 1, tried: 64, keys: 65 },
        TooMuchToHash { signature: 1, tried: 2, keys: 3 },
        KeyNotAllowed { key: key(), predicate_type: predicate_type(), rules: vec![rule("ci"), rule("build")] },
        KeyNotAllowed { key: key(), predicate_type: predicate_type(), rules: Vec::new() },
        IdentityNotAllowed {
            identity: identity(),
            root: Some("sigstore".to_owned()),
            predicate_type: predicate_type(),
            rules: vec![rule("release")],
        },
        IdentityNotAllowed {
            identity: identity(),
            root: None,
            predicate_type: predicate_type(),
            rules: Vec::new(),
        },
        Token(TokenError::Form),
        TokenNotBound { key: key() },
        TokenReused { until: at("2026-11-20T14:00:00.000000Z") },
        TokenRecord { key: key() },
        Distrusted { signer: format!("key {}", key()), index: "1042".parse().unwrap(), reason: "it leaked".to_owned() },
        Redacted { index: "1042".parse().unwrap() },
        NoTrustedRoot,
        BundleNotVerified { root: Some("sigstore".to_owned()), others: 2, problem: Box::new(unverified()) },
        BundleNotVerified { root: None, others: 0, problem: Box::new(unverified()) },
        Administration { predicate_type: "urn:custody:trust:v1".to_owned() },
        OutsideNamespace {
            signer: format!("key {}", key()),
            rule: "ci".to_owned(),
            namespace: "https://github.com/acme/".to_owned(),
            subject: 1,
            found: "https://github.com/other/api".to_owned(),
        },
        NotBound { signer: identity(), rule: "ci".to_owned(), binding: Some(Binding::Conflict) },
        OwnBuildsUndecided { signer: identity(), rule: "ci".to_owned() },
        NotOwnBuild { signer: identity(), rule: "ci".to_owned(), subject: 1, digest: "sha256:00".to_owned() },
        DisputedBuild {
            rule: "ci".to_owned(),
            subject: 1,
            digest: "sha256:00".to_owned(),
            own: "7".parse().unwrap(),
            other: "9".parse().unwrap(),
            repository: "https://issuer.example#43".to_owned(),
        },
        TooManyBuilds { rule: "ci".to_owned(), max: 64, found: 65 },
        FutureTime {
            path: "predicate.at".to_owned(),
            claimed: at("2026-11-22T14:00:00.000000Z"),
            now: at("2026-11-20T14:00:00.000000Z"),
        },
        NotYetSupported { predicate_type: "urn:custody:distrust:v1".to_owned() },
        Trust(TrustError::VersionZero),
        RecordTooLarge { max: 1 << 20, found: (1 << 20) + 1 },
    });
    let record = every!(RecordError {
        TooLong { max: 1 << 20, found: (1 << 20) + 1 },
        Json(json()),
        Format { found: found() },
        UnknownCritical { name: "quorum".to_owned() },
    });
    super::hold("admission", &[lines("Refusal", &refusal), lines("RecordError", &record)].concat());
}

/// A finding of the secret screen, with the example of the documentation of AWS.
fn finding() -> Finding {
    let statement = format!(r#"{{"predicate":{{"KEY":"{}{}"}}}}"#, "AKIA", "IOSFODNN7EXAMPLE");
    screen_statement(statement.as_bytes(), "example.com/log", &|_, _| false).refused()[0].clone()
}
