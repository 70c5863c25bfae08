//! Why a trust document is refused.

use custody_log::{BlobDigest, ContentDigest, EntryDigest, LeafIndex, Timestamp, TreeSize};

use super::log_key::WindowError;
use super::{QuorumError, RoleName, Target};
use crate::admission::SubmitterClaims;
use crate::digest_set::Digest;
use crate::dsse::ThresholdError;
use crate::identity::Identity;
use crate::json::JsonError;
use crate::key::{KeyError, KeyId};
use crate::sigstore::TrustedRootError;
use crate::statement::StatementError;

/// Why a trust document is refused: its text, its meaning, or its signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The predicate is not JSON of the right shape.
    #[error("the trust document cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `format` is another one.
    #[error("expected the format {:?}, found {found:?}: is this software too old?", super::FORMAT)]
    Format {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// `crit` names a member that is not known here.
    #[error("the document says that {name:?} must be understood, and this version does not: use a newer one")]
    UnknownCritical {
        /// The member's name, cut to 80 characters.
        name: String,
    },
    /// The envelope does not hold a statement.
    #[error("the envelope holds no statement: {0}")]
    Statement(#[from] StatementError),
    /// The payload is of another type.
    #[error("expected the payload type {:?}, found {found:?}", crate::dsse::IN_TOTO)]
    PayloadType {
        /// The type, cut to 80 characters.
        found: String,
    },
    /// The statement is of another type.
    #[error("expected the predicate type {:?}, found {found:?}", super::PREDICATE_TYPE)]
    PredicateType {
        /// The type.
        found: String,
    },
    /// The statement has no predicate.
    #[error("the statement has no predicate, so it holds no trust document")]
    NoPredicate,
    /// The subject is not the origin.
    #[error("expected exactly one subject, with the name {origin:?} and the digest {expected}")]
    Subject {
        /// The document's origin.
        origin: String,
        /// The digest of that name.
        expected: Digest,
    },
    /// The document is about another log.
    #[error("the trust document is for the log {found:?}, expected {expected:?}")]
    Origin {
        /// The log that was asked for.
        expected: String,
        /// The document's origin.
        found: String,
    },
    /// Version 0.
    #[error("expected a version of 1 or more, found 0")]
    VersionZero,
    /// Not the version that follows.
    #[error("expected version {expected}, found {found}: propose again from the newest document")]
    Version {
        /// One more than that of the document before; 1 in entry 0.
        expected: u64,
        /// The document's version.
        found: u64,
    },
    /// Not placed after the document before.
    #[error("entry {found} does not come after entry {before}, which holds the version before")]
    Index {
        /// The entry of the document before.
        before: LeafIndex,
        /// The entry of this one.
        found: LeafIndex,
    },
    /// A list that is too long.
    #[error("{list} may have at most {max} items, found {found}")]
    TooMany {
        /// The member.
        list: &'static str,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// Base64 of a key that cannot be read.
    #[error("keys[{key}]: expected the key in standard base64 with padding")]
    KeyBase64 {
        /// The id it is listed under.
        key: KeyId,
    },
    /// A key that is not usable.
    #[error("keys[{key}]: {source}")]
    Key {
        /// The id it is listed under.
        key: KeyId,
        /// Why.
        source: KeyError,
    },
    /// A key under an id that is not its own.
    #[error("keys[{named}] holds a key whose id is {computed}: list it under that id")]
    KeyIdMismatch {
        /// The id it is listed under.
        named: KeyId,
        /// SHA-256 of the key.
        computed: KeyId,
    },
    /// A key id that `keys` does not hold.
    #[error("{place} names key {key}, which is not in `keys`: add it there")]
    UnknownKey {
        /// Where it is named.
        place: String,
        /// The id.
        key: KeyId,
    },
    /// A key id that is named twice in one list.
    #[error("{place} names key {key} twice: list each key once")]
    DuplicateKey {
        /// Where.
        place: String,
        /// The id.
        key: KeyId,
    },
    /// A threshold that nobody or everybody meets.
    #[error(
        "roles.{role} has the threshold {threshold} of {people} people with {keys} keys: it must be at least 1, and at most as many \
         as there are people"
    )]
    ThresholdRange {
        /// The role.
        role: RoleName,
        /// Its threshold.
        threshold: usize,
        /// How many keys it has.
        keys: usize,
        /// How many people hold them.
        people: usize,
    },
    /// More keys in a role than are tried for one signature.
    #[error("roles.{role} may have at most {max} keys, found {found}")]
    TooManyRoleKeys {
        /// The role.
        role: RoleName,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// Windows of log keys that do not fit together.
    #[error(transparent)]
    Windows(#[from] WindowError),
    /// The keys of sizes that are signed already would change.
    #[error(
        "the log keys would change from tree size {from}, but the log has {size} entries by then: start later"
    )]
    WindowsPast {
        /// The smallest size whose keys differ.
        from: TreeSize,
        /// The size of the tree that holds this document.
        size: TreeSize,
    },
    /// A vkey of another type.
    #[error("{list}: {vkey} must be of type {expected:#04x}")]
    KeyType {
        /// The member.
        list: &'static str,
        /// The key.
        vkey: String,
        /// The type byte.
        expected: u8,
    },
    /// A log key whose name is not the origin.
    #[error("log_keys: the name of {vkey} must be the origin, {origin}")]
    KeyName {
        /// The key.
        vkey: String,
        /// The origin.
        origin: String,
    },
    /// A key that serves in two places.
    #[error("{list}: {vkey} is used elsewhere in the document: make a key of its own for each purpose")]
    KeyReused {
        /// The member.
        list: &'static str,
        /// The key.
        vkey: String,
    },
    /// A name that is empty, too long, has control characters, or is taken.
    #[error("{place} needs a name of 1 to 100 characters that no other one has, found {found:?}")]
    Name {
        /// Where.
        place: String,
        /// The name, cut to 100 characters.
        found: String,
    },
    /// A key or identity that belongs to two people.
    #[error("{identity} belongs to {second:?} and to somebody before: it can be only one person's")]
    TwoPeople {
        /// The key or identity.
        identity: Identity,
        /// The second person's name.
        second: String,
    },
    /// A rule that holds for nobody, or allows nothing.
    #[error(
        "the writer rule {rule:?} has nothing in `{member}`, so it would allow nothing: fill it, or leave the rule out"
    )]
    EmptyRule {
        /// The rule's name.
        rule: String,
        /// The member.
        member: &'static str,
    },
    /// A rule whose demand an older reader would pass over.
    #[error(
        "the writer rule {rule:?} asks for `bound`, and `crit` does not name it: a reader that does not know it would let in more"
    )]
    BoundNotCritical {
        /// The rule's name.
        rule: String,
    },
    /// A rule that would let a writer administer.
    #[error("the writer rule {rule:?} names {found:?}: administration is for roles, never for writers")]
    Administrative {
        /// The rule's name.
        rule: String,
        /// The predicate type.
        found: String,
    },
    /// A trusted root whose base64 cannot be read.
    #[error("the trusted root {name:?}: expected the file in standard base64 with padding")]
    RootBase64 {
        /// Its name.
        name: String,
    },
    /// A trusted root that is not the one that its digest names.
    #[error("the trusted root {name:?} has the digest {found}, and says {expected}")]
    RootDigest {
        /// Its name.
        name: String,
        /// What the document says.
        expected: BlobDigest,
        /// The digest of the file in it.
        found: BlobDigest,
    },
    /// A trusted root that cannot be read.
    #[error("the trusted root {name:?}: {source}")]
    TrustedRoot {
        /// Its name.
        name: String,
        /// Why.
        source: Box<TrustedRootError>,
    },
    /// A key of a trusted root without a name, or whose window ends before it starts.
    #[error(
        "{place}: a key of a trusted root needs a hint, and `until` not before `from`; its hint is {hint:?}"
    )]
    RootKey {
        /// Where.
        place: String,
        /// Its hint, cut to 100 characters.
        hint: String,
    },
    /// An issuer that is no URL.
    #[error("the writer rule {rule:?}: expected the URL of an issuer, found {found:?}")]
    PatternIssuer {
        /// The rule's name.
        rule: String,
        /// The issuer, cut to 200 characters.
        found: String,
    },
    /// A trusted root that the document does not hold.
    #[error("the writer rule {rule:?} believes the trusted root {found:?}, which is not in `trusted_roots`")]
    UnknownRoot {
        /// The rule's name.
        rule: String,
        /// The root's name, cut to 200 characters.
        found: String,
    },
    /// A claim that there is not: the rule would hold for nobody.
    #[error(
        "the writer rule {rule:?} asks for the claim {found:?}: there are subject, {}",
        SubmitterClaims::NAMES.join(", ")
    )]
    UnknownClaim {
        /// The rule's name.
        rule: String,
        /// The claim, cut to 200 characters.
        found: String,
    },
    /// A value that says nothing, or whose `*` stands in the middle of a name.
    #[error(
        "the writer rule {rule:?}: {claim} may not be {found:?}: a `*` stands at the end, behind / : @ # ? or within a ref, \
         so that `acme*` does not let in `acme-evil`"
    )]
    ClaimValue {
        /// The rule's name.
        rule: String,
        /// The claim.
        claim: String,
        /// The value, cut to 200 characters.
        found: String,
    },
    /// A rule that lets anybody speak for the writer.
    #[error(
        "the writer rule {rule:?} lets people whom nobody chose record as their own word: of {issuer} name a claim that says \
         whose job it is ({}), or let it be `imported`",
        super::pattern::WHOSE.join(", ")
    )]
    OpenRule {
        /// The rule's name.
        rule: String,
        /// The issuer.
        issuer: String,
    },
    /// A key that was trusted in windows alone, and would be trusted at all times.
    #[error(
        "the writer rule {rule:?} names key {key}, which was trusted in the windows of a trusted root alone and would count at \
         all times: take it out of the rule, or keep its windows"
    )]
    WindowLost {
        /// The rule's name.
        rule: String,
        /// The key.
        key: KeyId,
    },
    /// An issuer that cannot be used.
    #[error("issuers[{position}].{member}: expected {expected}")]
    Issuer {
        /// Where it stands.
        position: usize,
        /// The member.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// Keys of an issuer that the document does not list, or whose keys it holds itself.
    #[error(
        "the trust document does not let the keys of {found:?} be fetched: it must list the issuer, without `jwks`"
    )]
    KeysOfStranger {
        /// The issuer, cut to 200 characters.
        found: String,
    },
    /// Keys of an issuer that say nothing new.
    #[error("the keys of {issuer} of {found} are not newer than those of {before}, or the same")]
    KeysNotNew {
        /// The issuer.
        issuer: String,
        /// When those in the log were fetched.
        before: Timestamp,
        /// When these were.
        found: Timestamp,
    },
    /// Keys of an issuer that the log key did not sign.
    #[error("the log's own key must sign what it saw of an issuer: {source}")]
    NotByLog {
        /// What came out for each signature.
        source: Box<ThresholdError>,
    },
    /// A target that cannot be distrusted.
    #[error(
        "{kind:?} {id:?} cannot be distrusted: expected a key by its id, an identity (<issuer>#<name>), a builder by its URI, \
         an artifact by a usable digest, or a commit (<repository>@<hex>)"
    )]
    Target {
        /// The kind, cut to 200 characters.
        kind: String,
        /// The id, cut to 200 characters.
        id: String,
    },
    /// A reason that says nothing, or too much.
    #[error("expected a reason of 1 to {max} bytes, found {found}")]
    Reason {
        /// [`super::REASON_MAX`].
        max: usize,
        /// Its length.
        found: usize,
    },
    /// A position that the log does not have yet.
    #[error("since: {found} is not the index of an entry that is there already")]
    Since {
        /// The number.
        found: u64,
    },
    /// A statement that does not follow the newest one about the same thing: it was made before that, or is sent again.
    #[error(
        "the newest statement about it is {}, and this one was made to follow {}: make it again, as what holds by now may need \
         another one",
        entry_or_none(.expected.as_ref()), entry_or_none(.found.as_ref())
    )]
    Follows {
        /// The newest entry about it.
        expected: Option<LeafIndex>,
        /// The entry that the statement names.
        found: Option<LeafIndex>,
    },
    /// A distrust from a later entry on than the one that holds. One responder must not take back what another said.
    #[error(
        "entry {by} says that it is not to be trusted since entry {since}, so not since entry {found} either: to trust it in \
         between, the role rules undoes that one first"
    )]
    Narrower {
        /// The entry of the distrust that holds.
        by: LeafIndex,
        /// Since when.
        since: LeafIndex,
        /// Since when by this one.
        found: LeafIndex,
    },
    /// Responders have said as much as they may alone.
    #[error(
        "the role responder has said {max} distrusts one after the other: before the next one, the role rules or root says something \
         (a policy, a trust document)"
    )]
    Alone {
        /// How many.
        max: u32,
    },
    /// An undo of what does not hold.
    #[error("there is no distrust of {target} to undo")]
    NotDistrusted {
        /// The target.
        target: Target,
    },
    /// A finding that no screen makes.
    #[error(
        "expected the id of a rule, and a fingerprint of 64 hex digits in lower case, found the rule {rule:?}"
    )]
    Finding {
        /// The rule, cut to 100 characters.
        rule: String,
    },
    /// An administrative statement of a type that came later than this program.
    #[error(
        "administration of the type {found:?} is not known to this version, nor is what it changes: use a newer one"
    )]
    UnknownAdministration {
        /// The type, cut to 200 characters.
        found: String,
    },
    /// A policy whose name cannot be one.
    #[error("expected a policy's name of 1 to 100 letters, digits and - _ . /, found {found:?}")]
    PolicyName {
        /// The name, cut to 100 characters.
        found: String,
    },
    /// A policy that says nothing, or too much.
    #[error("expected a policy of 1 to {max} bytes, found {found}")]
    PolicyLength {
        /// [`super::POLICY_BYTES_MAX`].
        max: usize,
        /// Its length.
        found: usize,
    },
    /// A policy that is not the next version of its name.
    #[error("the policy {name:?} is next of version {expected}, found {found}")]
    PolicyVersion {
        /// The name.
        name: String,
        /// The version that follows.
        expected: u64,
        /// What the statement says.
        found: u64,
    },
    /// A clock repair for another place in the log.
    #[error("the clock repair follows entry {found}, which is not the log's last: make it anew")]
    RepairPlace {
        /// The number of the entry that it names.
        found: u64,
    },
    /// A clock repair while the clock does not trail the log.
    #[error(
        "the server's clock shows {now} and the last entry was made at {last}: there is nothing to repair"
    )]
    ClockRight {
        /// What the clock shows.
        now: Timestamp,
        /// The last entry's time.
        last: Timestamp,
    },
    /// A clock repair while the clock is behind the time from which the repair holds.
    #[error(
        "the server's clock shows {now} and the clock repair holds from {not_before} on: set the clock right, or make it anew"
    )]
    RepairTime {
        /// What the clock shows.
        now: Timestamp,
        /// From when on the repair holds.
        not_before: Timestamp,
    },
    /// A redaction of an entry that the log does not have yet.
    #[error("there is no entry {found} yet: a redaction names an entry before its own")]
    NoSuchEntry {
        /// The number.
        found: u64,
    },
    /// A redaction that means another entry, perhaps one of another log.
    #[error("entry {index} has the digest {expected}, the redaction names {found}: is it of another log?")]
    OtherEntry {
        /// The entry.
        index: LeafIndex,
        /// Its digest.
        expected: EntryDigest,
        /// What the redaction names.
        found: EntryDigest,
    },
    /// A redaction that names another content than its entry has.
    #[error("entry {index} has the content {expected}, the redaction names {found}")]
    OtherContent {
        /// The entry.
        index: LeafIndex,
        /// Its content.
        expected: ContentDigest,
        /// What the redaction names.
        found: ContentDigest,
    },
    /// A redaction of administration.
    #[error("entry {index} administers the log, and such entries are never erased")]
    NeverErased {
        /// The entry.
        index: LeafIndex,
    },
    /// A redaction of what is erased already.
    #[error("what entry {index} held is erased already, by entry {by}")]
    ErasedAlready {
        /// The entry.
        index: LeafIndex,
        /// The redaction before.
        by: LeafIndex,
    },
    /// Too few people of the role that a statement needs signed it.
    #[error("it needs the role {role}: {source}")]
    Role {
        /// The role.
        role: RoleName,
        /// Who did sign.
        source: Box<QuorumError>,
    },
    /// Too few people of the root role signed.
    #[error("the root role of {whose} document: {source}; let more administrators run `custody trust sign`")]
    Root {
        /// `this` or `the previous`.
        whose: &'static str,
        /// Who did sign.
        source: Box<QuorumError>,
    },
    /// A log key that comes with this document did not sign it.
    #[error("the log key {vkey} did not sign the document: the server that holds it must")]
    LogKey {
        /// The key.
        vkey: String,
        /// What came out for each signature.
        source: Box<ThresholdError>,
    },
    /// It has expired before it was recorded.
    #[error("the document expired at {expires}, and it is {now}: propose a later expiry")]
    Expired {
        /// Its expiry.
        expires: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// There is no document at all.
    #[error("there is no trust document: entry 0 is missing")]
    Missing,
}

fn entry_or_none(index: Option<&LeafIndex>) -> String {
    index.map_or_else(|| "none".to_owned(), |index| format!("entry {index}"))
}
