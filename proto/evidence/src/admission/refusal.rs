//! Why an envelope may not enter the log: each reason has a word that never changes.

use custody_log::{LeafIndex, Timestamp};

use super::record::Binding;
use crate::dsse::{self, Failure};
use crate::envelope::{EnvelopeError, SaidError};
use crate::json::{JsonError, JsonFault};
use crate::key::KeyId;
use crate::oidc::TokenError;
use crate::secret::Finding;
use crate::sigstore::{BundleError, Unverified};
use crate::statement::StatementError;
use crate::trust::TrustError;

/// Why an envelope may not enter the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not an envelope of a known kind within its limits.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What it says is not an in-toto statement within its limits.
    #[error(transparent)]
    Said(#[from] SaidError),
    /// A secret is in it. The value is told nowhere.
    #[error(
        "{finding}: take it out, sign again, and revoke it if others could read it; if it is no secret, an administrator can \
         allow it (custody trust allow RULE:FINGERPRINT)"
    )]
    Secret {
        /// Rule, place and fingerprint.
        finding: Box<Finding>,
    },
    /// The statement is about nothing.
    #[error("the statement has no subject: it must name at least one digest that it is about")]
    NoSubject,
    /// A subject that cannot be found again.
    #[error(
        "subject[{subject}] has no usable digest (it has {}): give it a sha256, or for git a gitCommit",
        listed(.found)
    )]
    NoUsableDigest {
        /// Position of the subject, 0-based.
        subject: usize,
        /// The algorithms that it does have.
        found: Vec<String>,
    },
    /// No signature is by a key of the trust document.
    #[error(
        "no known key made a signature of this envelope (tried {tried}; the envelope names {}): either an \
         administrator must add the key to the trust document, or the payload was changed after it was signed",
        listed(.hints)
    )]
    UnknownKey {
        /// The `keyid` of each signature, each cut to 200 characters.
        hints: Vec<String>,
        /// How many keys there are.
        tried: usize,
    },
    /// A signature by a known key does not hold, and no other one does.
    #[error("signatures[{signature}] does not hold: {why}")]
    BadSignature {
        /// Position of the signature, 0-based.
        signature: usize,
        /// Why.
        why: Failure,
    },
    /// A signature was made in a way that is not supported, and no other one holds.
    #[error(
        "signatures[{signature}] was not checked: {algorithm} is not supported, sign with Ed25519, ECDSA or RSA"
    )]
    UnsupportedSignature {
        /// Position of the signature, 0-based.
        signature: usize,
        /// Its name, such as `X.509 certificate`.
        algorithm: String,
    },
    /// The right key was not among those that are tried.
    #[error(
        "signatures[{signature}]: the first {tried} of {keys} keys did not make it, and more are not tried: sign \
         with `keyid` set to the key's id"
    )]
    TooManyKeys {
        /// Position of the signature, 0-based.
        signature: usize,
        /// How many were tried.
        tried: usize,
        /// How many there are.
        keys: usize,
    },
    /// The payload is so large that not every key was tried, and those that were did not make a signature.
    #[error(
        "signatures[{signature}]: {tried} of {keys} keys were tried and did not make it, and the payload is too large \
         to try them all: either its `keyid` must name the key, or the payload was changed after it was signed"
    )]
    TooMuchToHash {
        /// Position of the signature, 0-based.
        signature: usize,
        /// How many were tried.
        tried: usize,
        /// How many there are.
        keys: usize,
    },
    /// The key is known, but no rule lets it record this type.
    #[error("key {key} may not record {predicate_type:?}; {}", rules_text(.rules))]
    KeyNotAllowed {
        /// The key whose signature holds.
        key: KeyId,
        /// The statement's predicate type.
        predicate_type: String,
        /// The rules that the key has.
        rules: Vec<RuleSummary>,
    },
    /// A token is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is shown for a key that did not sign.
    #[error(
        "the identity token is shown for key {key}, which made no signature of this envelope: with a token, a DSSE envelope \
         is signed by that key; administration and bundles are recorded without one"
    )]
    TokenNotBound {
        /// The key.
        key: KeyId,
    },
    /// The token belongs to another key.
    #[error(
        "the identity token was used with another key before, and belongs to that one until {until}: sign everything of one \
         job with one key, or ask for a token of your own"
    )]
    TokenReused {
        /// When it ends.
        until: Timestamp,
    },
    /// A record that says of a token what cannot be.
    #[error(
        "the admission record says of the identity token for key {key} what does not follow from the trust document"
    )]
    TokenRecord {
        /// The key.
        key: KeyId,
    },
    /// The holder of the certificate is known, but no rule lets them record this type.
    #[error(
        "{identity} ({}) may not record {predicate_type:?}; {}",
        root.as_ref().map_or_else(
            || "an identity token".to_owned(),
            |root| format!("a certificate under the trusted root {root:?}")
        ),
        rules_text(.rules)
    )]
    IdentityNotAllowed {
        /// The issuer and the name, cut to 400 characters.
        identity: String,
        /// The trusted root, of a certificate; none: a token says who it is.
        root: Option<String>,
        /// The statement's predicate type.
        predicate_type: String,
        /// The rules that the identity has.
        rules: Vec<RuleSummary>,
    },
    /// Who signed is distrusted.
    #[error(
        "{signer} is distrusted (entry {index}: {reason:?}), so what it signs is no evidence: sign as somebody else"
    )]
    Distrusted {
        /// Whose signature holds: `key <hex>`, or an identity.
        signer: String,
        /// The entry that says so.
        index: LeafIndex,
        /// Why, cut to 200 characters.
        reason: String,
    },
    /// The content was erased, and is not kept again in whatever envelope.
    #[error(
        "this content was erased from the log by entry {index}, and is never recorded again, however it is wrapped"
    )]
    Redacted {
        /// The entry that says so.
        index: LeafIndex,
    },
    /// There is nobody to verify a bundle with.
    #[error(
        "the bundle is signed with a certificate, and the trust document holds no trusted root to verify it with: an \
         administrator must add one (custody trust propose --add-root NAME=trusted_root.json)"
    )]
    NoTrustedRoot,
    /// A bundle that does not hold under any trusted root.
    #[error(
        "{}{problem}{}",
        root.as_ref().map_or_else(String::new, |root| format!("under the trusted root {root:?}: ")),
        others_text(*others)
    )]
    BundleNotVerified {
        /// The root under which most checks hold; none if only keys were tried.
        root: Option<String>,
        /// How many other ways there were, that come to less.
        others: usize,
        /// What was checked under it.
        problem: Box<Unverified>,
    },
    /// Administration in a bundle.
    #[error(
        "{predicate_type:?} administers the ledger: it is recorded as a DSSE envelope that keys signed, not as a bundle"
    )]
    Administration {
        /// The statement's predicate type.
        predicate_type: String,
    },
    /// The rule lets the key record this type, but not about this subject.
    #[error(
        "{signer} may record this type only about {namespace:?} (rule {rule:?}); subject[{subject}] is {found:?}"
    )]
    OutsideNamespace {
        /// Whose signature holds: `key <hex>`, or an identity.
        signer: String,
        /// The rule.
        rule: String,
        /// The rule's namespace.
        namespace: String,
        /// Position of the subject, 0-based.
        subject: usize,
        /// The subject's `uri`, or `name`, cut to 200 characters.
        found: String,
    },
    /// The rule asks that the statement is bound to the job that signed it, and it is not.
    #[error(
        "{signer} may record this type only of its own job (rule {rule:?}), and {}",
        binding_text(*.binding)
    )]
    NotBound {
        /// Whose signature holds: `key <hex>`, or an identity.
        signer: String,
        /// The rule.
        rule: String,
        /// What was compared; none of a key, of which no issuer says anything.
        binding: Option<Binding>,
    },
    /// The rule is about own builds, and which those are is not known.
    #[error(
        "{signer} may record this type only about its own builds (rule {rule:?}), and which builds are its own cannot be told: \
         no issuer says the id of a repository; sign as a job of one, or let the rule be about \"anything\" or a namespace"
    )]
    OwnBuildsUndecided {
        /// Whose signature holds: `key <hex>`, or an identity.
        signer: String,
        /// The rule.
        rule: String,
    },
    /// The rule is about own builds, and this is none.
    #[error(
        "{signer} may record this type only about its own builds (rule {rule:?}), and the log has no provenance of subject[{subject}] \
         ({digest}) that is bound to a job of its repository: record the provenance of the build first"
    )]
    NotOwnBuild {
        /// Whose signature holds: `key <hex>`, or an identity.
        signer: String,
        /// The rule.
        rule: String,
        /// Position of the subject, 0-based.
        subject: usize,
        /// The digest.
        digest: String,
    },
    /// Two repositories say that they built it.
    #[error(
        "subject[{subject}] ({digest}): entry {own} says that it is a build of the signer's repository, and entry {other} that it is one \
         of {repository}, so it is nobody's own (rule {rule:?}): an administrator can distrust who signed the false one"
    )]
    DisputedBuild {
        /// The rule.
        rule: String,
        /// Position of the subject, 0-based.
        subject: usize,
        /// The digest.
        digest: String,
        /// The first provenance of the signer's repository.
        own: LeafIndex,
        /// The first provenance of another one.
        other: LeafIndex,
        /// The other repository: `<issuer>#<id>`, cut to 200 characters.
        repository: String,
    },
    /// The statement would rest on too many entries.
    #[error(
        "its subjects are builds by {found} entries, and a statement about own builds may rest on {max} (rule {rule:?}): split it"
    )]
    TooManyBuilds {
        /// The rule.
        rule: String,
        /// [`super::BUILDS_MAX`].
        max: usize,
        /// How many it would be.
        found: usize,
    },
    /// A claimed time lies too far ahead.
    #[error("{path} is {claimed}, more than 24 h ahead of ledger time {now}: is a clock wrong?")]
    FutureTime {
        /// The member.
        path: String,
        /// What it claims.
        claimed: Timestamp,
        /// Ledger time.
        now: Timestamp,
    },
    /// Administration that this version does not do.
    #[error("{predicate_type:?} administers the ledger, and this version does not support it yet")]
    NotYetSupported {
        /// The statement's predicate type.
        predicate_type: String,
    },
    /// A trust document that is wrong, or that too few signed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The record of it would be too large.
    #[error("the admission record would be {found} bytes, at most {max} are kept: split the statement")]
    RecordTooLarge {
        /// [`super::MAX_RECORD`].
        max: usize,
        /// What it would be.
        found: usize,
    },
}

/// What a rule lets a key record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSummary {
    /// The rule's name.
    pub rule: String,
    /// The predicate types that it allows.
    pub predicates: Vec<String>,
}

/// Every reason word with its meaning, in the order in which things are checked.
pub const WORDS: [(&str, &str); 65] = [
    ("envelope_too_large", "the envelope is longer than 64 MiB"),
    (
        "unsupported_envelope",
        "something else that carries signatures or a statement, such as npm's document of several bundles",
    ),
    ("bad_bundle", "a Sigstore bundle or PEP 740 attestation that breaks the rules of its version"),
    ("no_message_digest", "a bundle that signs a file, and does not say which"),
    ("bad_utf8", "JSON with a byte that is not UTF-8"),
    ("bad_json", "not JSON, or a member is missing or of another type"),
    ("json_too_deep", "JSON nested deeper than 64 levels"),
    ("duplicate_member", "a JSON object that names a member twice"),
    ("bad_base64", "a payload that is not base64, standard or URL-safe, with padding"),
    ("no_signature", "the envelope carries no signature"),
    ("too_many_signatures", "the envelope carries more than 16 signatures"),
    ("keyid_too_long", "a keyid of more than 1,024 bytes"),
    ("redacted_content", "what it says was erased by a redaction, and is never recorded again"),
    ("secret", "a token, private key or password in it, by a rule of docs/secrets.md"),
    ("not_in_toto", "the payload type is not that of an in-toto statement"),
    ("no_type", "the statement has no member _type"),
    ("unknown_type", "the statement's _type is neither v1 nor v0.1"),
    ("no_predicate_type", "the statement has no predicateType"),
    ("bad_predicate_type", "a predicateType that is too long or has spaces or control characters"),
    ("bad_predicate", "a predicate that is no object"),
    ("too_many_subjects", "more than 1,024 subjects"),
    ("too_many_digests", "more than 4,096 digests, or more than 16 of one subject"),
    ("bad_digest", "a digest that is too long or not printable ASCII"),
    ("no_subject", "the statement has no subject"),
    ("no_usable_digest", "a subject without a digest that evidence can rest on"),
    ("unknown_key", "no signature is by a known key"),
    ("bad_signature", "the signature of a known key does not hold, or cannot be read"),
    ("unsupported_signature", "a signature of a kind that is not checked, such as by a certificate"),
    ("too_many_keys", "64 keys were tried for a signature, and there are more"),
    ("too_much_to_hash", "the payload is too large to try every key for a signature that names none"),
    ("distrusted", "who signed is distrusted"),
    ("no_trusted_root", "a certificate, and the trust document holds no trusted root"),
    ("bundle_not_verified", "a bundle that holds under no trusted root"),
    ("token_malformed", "what was sent as an identity token is no JWT, or longer than 16 KiB"),
    ("token_issuer", "an identity token of an issuer that the trust document does not list"),
    ("token_header", "an identity token that would decide how it is read, or with which key it is checked"),
    ("token_algorithm", "an identity token that is signed in a way that the issuer is not listed with"),
    ("token_key_unknown", "an identity token that is signed with a key that the issuer does not publish"),
    ("token_signature", "an identity token that the issuer's key did not sign"),
    ("token_audience", "an identity token for another audience, or for several"),
    ("token_lifetime", "an identity token that lives longer than the trust document allows"),
    ("token_expired", "an identity token that has ended"),
    ("token_not_yet", "an identity token that is not valid yet"),
    ("token_claim", "an identity token that lacks a claim, or has one with a value that is not accepted"),
    (
        "token_trigger",
        "an identity token of a job that acts for strangers (pull_request_target, an SSH session)",
    ),
    ("token_not_bound", "an identity token for a key that made no signature of the envelope"),
    ("token_reused", "an identity token that another key used first"),
    ("identity_not_allowed", "the holder of the certificate or token may not record statements of this type"),
    ("key_not_allowed", "the key may not record statements of this type"),
    ("outside_namespace", "the key may not record this about that subject"),
    (
        "not_bound",
        "the signer may record this only of its own job, and the statement says another one, or none",
    ),
    ("own_builds_undecided", "the key may record this only about its own builds, which cannot be told"),
    ("not_own_build", "a subject that is no build of the signer's repository"),
    ("disputed_build", "a subject that is a build of two repositories, by what the log has"),
    ("too_many_builds", "a statement about own builds that would rest on more than 64 entries"),
    ("administration_in_bundle", "a statement that administers the ledger, in a bundle"),
    ("future_time", "a claimed time more than 24 hours ahead"),
    ("not_yet_supported", "administration that this version does not do"),
    ("bad_trust_document", "an administrative statement that does not parse or contradicts itself"),
    ("trust_origin", "a trust document of another log"),
    ("trust_version", "a trust document or policy that is not the next version"),
    ("trust_threshold", "too few of the keys that must sign an administrative statement did"),
    ("trust_log_key_past", "a trust document that changes who signs trees that exist"),
    ("trust_expired", "a trust document that has expired already"),
    ("record_too_large", "the admission record would be longer than 1 MiB"),
];

impl Refusal {
    /// Returns the reason word: one of [`WORDS`], and never another one for the same reason.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Envelope(error) => envelope_word(error),
            Self::Said(SaidError::Statement(error)) => statement_word(error),
            Self::Said(SaidError::NotInToto { .. }) => "not_in_toto",
            Self::Said(SaidError::NoMessageDigest) => "no_message_digest",
            Self::Said(SaidError::Reserved) => "bad_predicate_type",
            Self::Secret { .. } => "secret",
            Self::NoSubject => "no_subject",
            Self::NoUsableDigest { .. } => "no_usable_digest",
            Self::UnknownKey { .. } => "unknown_key",
            Self::BadSignature { .. } => "bad_signature",
            Self::UnsupportedSignature { .. } => "unsupported_signature",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::TooMuchToHash { .. } => "too_much_to_hash",
            Self::Distrusted { .. } => "distrusted",
            Self::Redacted { .. } => "redacted_content",
            Self::NoTrustedRoot => "no_trusted_root",
            Self::BundleNotVerified { .. } => "bundle_not_verified",
            Self::Token(error) => error.word(),
            Self::TokenNotBound { .. } | Self::TokenRecord { .. } => "token_not_bound",
            Self::TokenReused { .. } => "token_reused",
            Self::IdentityNotAllowed { .. } => "identity_not_allowed",
            Self::Administration { .. } => "administration_in_bundle",
            Self::KeyNotAllowed { .. } => "key_not_allowed",
            Self::OutsideNamespace { .. } => "outside_namespace",
            Self::NotBound { .. } => "not_bound",
            Self::OwnBuildsUndecided { .. } => "own_builds_undecided",
            Self::NotOwnBuild { .. } => "not_own_build",
            Self::DisputedBuild { .. } => "disputed_build",
            Self::TooManyBuilds { .. } => "too_many_builds",
            Self::FutureTime { .. } => "future_time",
            Self::NotYetSupported { .. } => "not_yet_supported",
            Self::Trust(error) => error.word(),
            Self::RecordTooLarge { .. } => "record_too_large",
        }
    }

    /// Whether the caller lacks a right, rather than having sent something wrong.
    #[must_use]
    pub const fn is_about_rights(&self) -> bool {
        match self {
            Self::Token(error) => error.is_about_rights(),
            Self::UnknownKey { .. }
            | Self::TokenNotBound { .. }
            | Self::TokenReused { .. }
            | Self::TokenRecord { .. }
            | Self::KeyNotAllowed { .. }
            | Self::IdentityNotAllowed { .. }
            | Self::Distrusted { .. }
            | Self::NoTrustedRoot
            | Self::OutsideNamespace { .. }
            | Self::NotBound { .. }
            | Self::OwnBuildsUndecided { .. }
            | Self::NotOwnBuild { .. }
            | Self::DisputedBuild { .. }
            | Self::TooManyKeys { .. }
            | Self::TooMuchToHash { .. }
            | Self::Trust(TrustError::Root { .. } | TrustError::LogKey { .. }) => true,
            Self::Envelope(_)
            | Self::Said(_)
            | Self::BundleNotVerified { .. }
            | Self::Administration { .. }
            | Self::Redacted { .. }
            | Self::Secret { .. }
            | Self::NoSubject
            | Self::NoUsableDigest { .. }
            | Self::BadSignature { .. }
            | Self::UnsupportedSignature { .. }
            | Self::FutureTime { .. }
            | Self::NotYetSupported { .. }
            | Self::Trust(_)
            | Self::TooManyBuilds { .. }
            | Self::RecordTooLarge { .. } => false,
        }
    }
}

const fn envelope_word(error: &EnvelopeError) -> &'static str {
    match error {
        EnvelopeError::OtherKind { .. } => "unsupported_envelope",
        EnvelopeError::Dsse(error) => dsse_word(error),
        EnvelopeError::Bundle(error) => bundle_word(error),
        EnvelopeError::NoMessageDigest => "no_message_digest",
    }
}

const fn bundle_word(error: &BundleError) -> &'static str {
    match error {
        BundleError::TooLong { .. } => "envelope_too_large",
        BundleError::Json(error) => json_word(error),
        BundleError::MediaType { .. } | BundleError::AttestationVersion { .. } => "unsupported_envelope",
        BundleError::Envelope(error) => dsse_word(error),
        _ => "bad_bundle",
    }
}

const fn dsse_word(error: &dsse::EnvelopeError) -> &'static str {
    use dsse::EnvelopeError;
    match error {
        EnvelopeError::TooLong { .. } => "envelope_too_large",
        EnvelopeError::Json(error) => json_word(error),
        EnvelopeError::OtherKind { .. } => "unsupported_envelope",
        EnvelopeError::Payload { .. } => "bad_base64",
        // No type of in-toto is as long.
        EnvelopeError::PayloadTypeTooLong { .. } => "not_in_toto",
        EnvelopeError::TooManySignatures { .. } => "too_many_signatures",
        EnvelopeError::NoSignature => "no_signature",
        EnvelopeError::KeyIdTooLong { .. } => "keyid_too_long",
    }
}

const fn statement_word(error: &StatementError) -> &'static str {
    match error {
        StatementError::Json(error) => json_word(error),
        StatementError::NoType => "no_type",
        StatementError::Type { .. } => "unknown_type",
        StatementError::NoPredicateType => "no_predicate_type",
        StatementError::PredicateType { .. } => "bad_predicate_type",
        StatementError::Predicate { .. } => "bad_predicate",
        StatementError::TooManySubjects { .. } => "too_many_subjects",
        StatementError::TooManyDigests { .. } | StatementError::TooManySubjectDigests { .. } => {
            "too_many_digests"
        }
        StatementError::Digest { .. } => "bad_digest",
    }
}

const fn json_word(error: &JsonError) -> &'static str {
    match error.fault {
        JsonFault::Utf8 => "bad_utf8",
        JsonFault::Depth { .. } => "json_too_deep",
        JsonFault::Duplicate { .. } => "duplicate_member",
        JsonFault::ByteOrderMark
        | JsonFault::Truncated
        | JsonFault::Unexpected { .. }
        | JsonFault::Trailing
        | JsonFault::Control
        | JsonFault::Escape
        | JsonFault::Reserved { .. }
        | JsonFault::Shape { .. } => "bad_json",
    }
}

/// Returns texts of an envelope as they are told: quoted, since anybody may have written them.
fn listed(texts: &[String]) -> String {
    if texts.is_empty() {
        return "none".to_owned();
    }
    texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
}

const fn binding_text(binding: Option<Binding>) -> &'static str {
    match binding {
        Some(Binding::Conflict) => {
            "the statement says another repository, commit or run than the issuer says of the job: make it in the job that it is about"
        }
        Some(Binding::Bound | Binding::Unbound) => {
            "the statement does not say the repository that the issuer says of the job, or names other commits of it beside the job's: \
             let it name its source, at one commit"
        }
        None => "no issuer says anything of a key: sign as a job",
    }
}

fn others_text(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and not under {others} more either)") }
}

fn rules_text(rules: &[RuleSummary]) -> String {
    if rules.is_empty() {
        return "the trust document has no writer rule for it: an administrator must add one".to_owned();
    }
    let rule = |summary: &RuleSummary| {
        format!("rule {:?} lets it record {}", summary.rule, summary.predicates.join(", "))
    };
    rules.iter().map(rule).collect::<Vec<_>>().join("; ")
}
