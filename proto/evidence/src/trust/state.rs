//! What holds as of a size: the newest trust document, and how it came to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use custody_log::{ContentDigest, LeafIndex, Origin, Timestamp, TreeSize, VerifierKey};

use super::PREDICATE_TYPE;
use super::allow::{ALLOW_TYPE, Allow, Allowed};
use super::check;
use super::clock_repair::{CLOCK_REPAIR_TYPE, ClockRepair};
use super::distrust::{DISTRUST_TYPE, DISTRUSTS_ALONE_MAX, Distrust, Distrusted, Target};
use super::document::TrustDocument;
use super::error::TrustError;
use super::history::History;
use super::jwks::{IssuerKeys, JWKS_TYPE, KeySetInUse};
use super::log_key::{self, LogKey};
use super::members::RoleName;
use super::people::People;
use super::policy::{POLICY_TYPE, Policy, PolicyVersion};
use super::redaction::{REDACTION_TYPE, Redacted, Redaction};
use crate::dsse::{Envelope, IN_TOTO, ThresholdError};
use crate::identity::Identity;
use crate::key::{KeyId, PublicKey};
use crate::statement::Statement;

/// The trust document that holds, and all else that administrators said, reached from entry 0 by checked steps only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustState {
    /// Shared: it holds trusted roots, and a client holds the state after each administrative entry.
    document: Arc<TrustDocument>,
    index: LeafIndex,
    /// The newest administrative entry.
    newest: LeafIndex,
    distrusts: History<Distrusted>,
    /// Distrusts since anything that another role signed.
    alone: u32,
    allows: History<Allowed>,
    redactions: History<Redacted>,
    policies: History<PolicyVersion>,
    /// The entries that repair the clock, with the earliest time that each may have.
    repairs: History<(LeafIndex, Timestamp)>,
    /// What the log saw of the keys of issuers, the newest of each.
    key_sets: Arc<BTreeMap<String, Arc<SeenKeys>>>,
    /// Whose keys and identities are, by this document and those before it.
    people: Arc<People>,
}

/// Keys of an issuer, and the entry that holds them.
#[derive(Debug, PartialEq, Eq)]
struct SeenKeys {
    keys: IssuerKeys,
    index: LeafIndex,
}

impl TrustState {
    /// Starts from entry 0 of the log that the caller expects. The caller has pinned the digest of entry 0.
    pub fn first(envelope: &Envelope, origin: &Origin) -> Result<Self, TrustError> {
        let state = Self::first_of_any(envelope)?;
        let found = state.document.origin();
        if found == origin {
            Ok(state)
        } else {
            Err(TrustError::Origin { expected: origin.to_string(), found: found.to_string() })
        }
    }

    /// Starts from entry 0 of whatever log it is: for a server that opens its own data, and nobody else.
    ///
    /// The document must be version 1, signed by the threshold of its own `root` role, and by its log key, so
    /// that nobody can make another log under a key that they do not hold.
    pub fn first_of_any(envelope: &Envelope) -> Result<Self, TrustError> {
        let document = document_in(envelope)?;
        if document.version() != 1 {
            return Err(TrustError::Version { expected: 1, found: document.version() });
        }
        require_root(envelope, &document, "this")?;
        require_log_keys(envelope, &document.members().log_keys)?;
        Ok(Self {
            people: Arc::new(People::default().with(&document.members().people)),
            document: Arc::new(document),
            index: LeafIndex::ZERO,
            newest: LeafIndex::ZERO,
            distrusts: History::default(),
            alone: 0,
            allows: History::default(),
            redactions: History::default(),
            policies: History::default(),
            repairs: History::default(),
            key_sets: Arc::default(),
        })
    }

    /// Goes on past the next administrative entry: a trust document, a distrust or its undo, a permission for the secret screen,
    /// a redaction, a policy, a clock repair, keys of an issuer. One of another type is refused: what it changes is not known here.
    ///
    /// A trust document must be for the same log, exactly one version higher, and signed by the thresholds of the `root`
    /// role before it and of its own. A log key that comes with it must sign it too. It cannot change who signs trees
    /// that exist already. Everything else is signed by the threshold of its role: `responder` for a distrust, `rules` for the
    /// undo of one, for permissions, redactions, policies and clock repairs; keys of an issuer by the log's own key. After
    /// 1,024 distrusts one after the other, something is due that another role than `responder` signs.
    pub fn next(&self, envelope: &Envelope, index: LeafIndex) -> Result<Self, TrustError> {
        if index <= self.newest {
            return Err(TrustError::Index { before: self.newest, found: index });
        }
        let statement = statement_in(envelope)?;
        let mut next = Self { newest: index, ..self.clone() };
        // The log says by itself which keys issuers have.
        if ![DISTRUST_TYPE, JWKS_TYPE].contains(&statement.predicate_type()) {
            next.alone = 0;
        }
        match statement.predicate_type() {
            DISTRUST_TYPE => next.after_distrust(envelope, Distrust::from_statement(&statement)?, index),
            JWKS_TYPE => {
                let origin = self.document.origin().as_str();
                next.after_keys(envelope, IssuerKeys::from_statement(&statement, origin)?, index)
            }
            ALLOW_TYPE => {
                let origin = self.document.origin().as_str();
                next.after_allow(envelope, Allow::from_statement(&statement, origin)?, index)
            }
            POLICY_TYPE => {
                let origin = self.document.origin().as_str();
                next.after_policy(envelope, &Policy::from_statement(&statement, origin)?, index)
            }
            CLOCK_REPAIR_TYPE => {
                let origin = self.document.origin().as_str();
                next.after_clock_repair(envelope, &ClockRepair::from_statement(&statement, origin)?, index)
            }
            REDACTION_TYPE => next.after_redaction(envelope, Redaction::from_statement(&statement)?, index),
            PREDICATE_TYPE => {
                next.after_document(envelope, TrustDocument::from_statement(&statement)?, index)
            }
            other => Err(TrustError::UnknownAdministration { found: other.chars().take(200).collect() }),
        }
    }

    fn after_document(
        mut self,
        envelope: &Envelope,
        document: TrustDocument,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        let (expected, found) = (self.document.origin(), document.origin());
        if found != expected {
            return Err(TrustError::Origin { expected: expected.to_string(), found: found.to_string() });
        }
        let expected = self.document.version().saturating_add(1);
        if document.version() != expected {
            return Err(TrustError::Version { expected, found: document.version() });
        }
        require_root(envelope, &self.document, "the previous")?;
        require_root(envelope, &document, "this")?;
        self.check_windows(envelope, &document, index)?;
        self.check_key_windows(&document)?;
        // Keys that were fetched from elsewhere, or are pinned since, are not those that the document means.
        let place = |document: &TrustDocument, url: &str| {
            let issuer = document.issuer(url).filter(|issuer| issuer.jwks.is_none());
            issuer.map(|issuer| issuer.jwks_url.clone())
        };
        let same = |url: &str| {
            let next = place(&document, url);
            next.is_some() && next == place(&self.document, url)
        };
        if !self.key_sets.keys().all(|url| same(url)) {
            let kept = self.key_sets.iter().filter(|(url, _)| same(url));
            self.key_sets = Arc::new(kept.map(|(url, seen)| (url.clone(), Arc::clone(seen))).collect());
        }
        if document.members().people != self.document.members().people {
            self.people = Arc::new(self.people.with(&document.members().people));
        }
        (self.document, self.index) = (Arc::new(document), index);
        Ok(self)
    }

    fn after_distrust(
        mut self,
        envelope: &Envelope,
        distrust: Distrust,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        self.require(envelope, distrust.role())?;
        // What is not written yet is distrusted from its own entry on, and no later.
        if distrust.since > index {
            return Err(TrustError::Since { found: distrust.since.get() });
        }
        let holds = self.distrusted(&distrust.target);
        if distrust.undo && holds.is_none() {
            return Err(TrustError::NotDistrusted { target: distrust.target });
        }
        check::follows(distrust.follows, self.said_of(&distrust.target))?;
        // A later start would take a part of it back, which is not for one responder.
        if let Some(holds) = holds.filter(|holds| !distrust.undo && distrust.since > holds.distrust.since) {
            let (by, since, found) = (holds.index, holds.distrust.since, distrust.since);
            return Err(TrustError::Narrower { by, since, found });
        }
        if distrust.undo {
            self.alone = 0;
        } else if self.alone < DISTRUSTS_ALONE_MAX {
            self.alone += 1;
        } else {
            return Err(TrustError::Alone { max: DISTRUSTS_ALONE_MAX });
        }
        self.distrusts.push(Distrusted { distrust, index });
        Ok(self)
    }

    fn after_allow(
        mut self,
        envelope: &Envelope,
        allow: Allow,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        self.require(envelope, RoleName::Rules)?;
        check::follows(allow.follows, self.said_of_finding(&allow.rule, &allow.fingerprint))?;
        self.allows.push(Allowed { allow, index });
        Ok(self)
    }

    fn after_policy(
        mut self,
        envelope: &Envelope,
        policy: &Policy,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        self.require(envelope, RoleName::Rules)?;
        let expected = self.policy(&policy.name).map_or(1, |before| before.version.saturating_add(1));
        if policy.version != expected {
            let (name, found) = (policy.name.clone(), policy.version);
            return Err(TrustError::PolicyVersion { name, expected, found });
        }
        let (name, version, digest) = (policy.name.clone(), policy.version, policy.digest());
        self.policies.push(PolicyVersion { name, version, digest, index });
        Ok(self)
    }

    fn after_clock_repair(
        mut self,
        envelope: &Envelope,
        repair: &ClockRepair,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        self.require(envelope, RoleName::Rules)?;
        // Where it will stand is not known when it is admitted: then it is asked about the last place there is.
        if repair.after >= index || (index != LeafIndex::LAST && !repair.is_at(index)) {
            return Err(TrustError::RepairPlace { found: repair.after.get() });
        }
        self.repairs.push((index, repair.not_before));
        Ok(self)
    }

    fn after_redaction(
        mut self,
        envelope: &Envelope,
        redaction: Redaction,
        by: LeafIndex,
    ) -> Result<Self, TrustError> {
        self.require(envelope, RoleName::Rules)?;
        if redaction.index >= by {
            return Err(TrustError::NoSuchEntry { found: redaction.index.get() });
        }
        if let Some(before) = self.redacted(&redaction.content) {
            return Err(TrustError::ErasedAlready { index: redaction.index, by: before.by });
        }
        self.redactions.push(Redacted { redaction, by });
        Ok(self)
    }

    fn after_keys(
        mut self,
        envelope: &Envelope,
        keys: IssuerKeys,
        index: LeafIndex,
    ) -> Result<Self, TrustError> {
        let signers = self.log_keys_at(index.size_through()).into_iter();
        let signers: Vec<PublicKey> =
            signers.filter_map(|key| PublicKey::from_ed25519(key.public_key()).ok()).collect();
        envelope.require(&signers, 1).map_err(|source| TrustError::NotByLog { source: Box::new(source) })?;
        if self.document.issuer(&keys.issuer).is_none_or(|issuer| issuer.jwks.is_some()) {
            return Err(TrustError::KeysOfStranger { found: keys.issuer.chars().take(200).collect() });
        }
        if let Some(SeenKeys { keys: before, .. }) = self.key_sets.get(&keys.issuer).map(Arc::as_ref)
            && (keys.fetched <= before.fetched || keys.keys == before.keys)
        {
            let (before, found) = (before.fetched, keys.fetched);
            return Err(TrustError::KeysNotNew { issuer: keys.issuer, before, found });
        }
        let seen = Arc::new(SeenKeys { keys, index });
        Arc::make_mut(&mut self.key_sets).insert(seen.keys.issuer.clone(), seen);
        Ok(self)
    }

    fn require(&self, envelope: &Envelope, role: RoleName) -> Result<(), TrustError> {
        self.document
            .require(envelope, role)
            .map_err(|source| TrustError::Role { role, source: Box::new(source) })
    }

    /// Returns what would hold if a target were distrusted from this entry on, and nothing else were said.
    #[must_use]
    pub fn supposing(&self, target: Target, since: LeafIndex) -> Self {
        let mut supposed = self.clone();
        let follows = self.said_of(&target);
        let distrust = Distrust { target, since, reason: "supposed".to_owned(), follows, undo: false };
        supposed.distrusts.push(Distrusted { distrust, index: LeafIndex::LAST });
        supposed
    }

    /// Returns whose keys and identities are, by the trust document and those before it.
    #[must_use]
    pub const fn people(&self) -> &Arc<People> {
        &self.people
    }

    /// Returns the distrust of a target that holds. Looks at what was said newest first: some nanoseconds for each.
    #[must_use]
    pub fn distrusted(&self, target: &Target) -> Option<&Distrusted> {
        let newest = self.distrusts.newest_first().find(|said| said.distrust.target == *target);
        newest.filter(|said| !said.distrust.undo)
    }

    /// Returns the newest entry that distrusts a target or undoes that.
    #[must_use]
    pub fn said_of(&self, target: &Target) -> Option<LeafIndex> {
        let newest = self.distrusts.newest_first().find(|said| said.distrust.target == *target);
        newest.map(|said| said.index)
    }

    /// Returns the distrust by which what this signer signed is no evidence in an entry at this index.
    #[must_use]
    pub fn distrusted_signer(&self, signer: &Identity, index: LeafIndex) -> Option<&Distrusted> {
        let found = self.distrusted(&Target::Signer(signer.clone()))?;
        (found.distrust.since <= index).then_some(found)
    }

    /// Returns every distrust that holds, the newest first.
    #[must_use]
    pub fn distrusts(&self) -> Vec<&Distrusted> {
        let mut seen = BTreeSet::new();
        let newest = self.distrusts.newest_first().filter(|said| seen.insert(&said.distrust.target));
        newest.filter(|said| !said.distrust.undo).collect()
    }

    /// Whether administrators allow what a rule of the secret screen found.
    #[must_use]
    pub fn allows(&self, rule: &str, fingerprint: &str) -> bool {
        self.allowed(rule, fingerprint).is_some_and(|said| !said.allow.undo)
    }

    /// Returns the newest entry that allows a finding or takes that back.
    #[must_use]
    pub fn said_of_finding(&self, rule: &str, fingerprint: &str) -> Option<LeafIndex> {
        self.allowed(rule, fingerprint).map(|said| said.index)
    }

    fn allowed(&self, rule: &str, fingerprint: &str) -> Option<&Allowed> {
        let same = |said: &&Allowed| said.allow.rule == rule && said.allow.fingerprint == fingerprint;
        self.allows.newest_first().find(same)
    }

    /// Returns the redaction by which every entry with this content is erased. Looks at what was said newest first: some
    /// nanoseconds for each.
    #[must_use]
    pub fn redacted(&self, content: &ContentDigest) -> Option<&Redacted> {
        self.redactions.newest_first().find(|said| said.redaction.content == *content)
    }

    /// Returns the newest version of a policy.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&PolicyVersion> {
        self.policies.newest_first().find(|policy| policy.name == name)
    }

    /// Returns every version of every policy, the newest first.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyVersion> {
        self.policies.newest_first()
    }

    /// Whether the entry at this index and time repairs the clock: it alone may have a time that is not later than that of the entry
    /// before. One with a time before that from which its repair holds does not.
    #[must_use]
    pub fn repairs_clock(&self, index: LeafIndex, time: Timestamp) -> bool {
        self.repairs.newest_first().any(|(repair, not_before)| *repair == index && *not_before <= time)
    }

    /// Returns the entries that repair the clock, in order: with their times they make a [`super::Timeline`].
    #[must_use]
    pub fn clock_repairs(&self) -> Vec<LeafIndex> {
        let mut repairs: Vec<LeafIndex> = self.repairs.newest_first().map(|(repair, _)| *repair).collect();
        repairs.reverse();
        repairs
    }

    /// Returns every redaction, the newest first.
    pub fn redactions(&self) -> impl Iterator<Item = &Redacted> {
        self.redactions.newest_first()
    }

    /// Returns the keys that tokens of this issuer are checked with: those of the trust document, or those that the log saw last.
    /// None: the issuer is not listed, or nothing was fetched from it yet.
    #[must_use]
    pub fn key_set(&self, issuer: &str) -> Option<KeySetInUse<'_>> {
        if let Some(keys) = self.document.issuer(issuer)?.jwks.as_ref() {
            return Some(KeySetInUse { keys, index: None, fetched: None });
        }
        let seen = self.key_sets.get(issuer)?;
        let (index, fetched) = (Some(seen.index), Some(seen.keys.fetched));
        Some(KeySetInUse { keys: &seen.keys.keys, index, fetched })
    }

    /// Returns the newest administrative entry.
    #[must_use]
    pub const fn newest(&self) -> LeafIndex {
        self.newest
    }

    /// Returns the document that holds.
    #[must_use]
    pub fn document(&self) -> &TrustDocument {
        &self.document
    }

    /// Returns the entry that holds the document.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Returns the keys that sign checkpoints of this size: one, or two during a change.
    #[must_use]
    pub fn log_keys_at(&self, size: TreeSize) -> Vec<VerifierKey> {
        let keys = self.document.members().log_keys.iter();
        keys.filter(|key| key.signs(size)).map(|key| key.vkey.clone()).collect()
    }

    /// Returns the keys that cosign the newest checkpoint.
    #[must_use]
    pub fn freshness_keys(&self) -> Vec<VerifierKey> {
        self.document.members().freshness_keys.clone()
    }

    /// Whether administrators should have signed a newer document by now.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.document.members().expires <= now
    }

    /// A key that counts with a proof of time alone must not come to count without one because its root was taken out.
    fn check_key_windows(&self, next: &TrustDocument) -> Result<(), TrustError> {
        let widened = |key: &&KeyId| self.document.is_windowed(key) && !next.is_windowed(key);
        for rule in next.writers() {
            if let Some(key) = rule.keys.iter().find(widened) {
                return Err(TrustError::WindowLost { rule: rule.name.clone(), key: *key });
            }
        }
        Ok(())
    }

    fn check_windows(
        &self,
        envelope: &Envelope,
        next: &TrustDocument,
        index: LeafIndex,
    ) -> Result<(), TrustError> {
        let (old, new) = (&self.document.members().log_keys, &next.members().log_keys);
        // The tree that ends with this entry is the first that its readers see: who signs the trees before it is
        // settled. Otherwise checkpoints that clients hold would turn invalid, or forged ones valid.
        let size = index.size_through();
        if let Some(from) = log_key::first_change(old, new).filter(|from| *from <= size) {
            return Err(TrustError::WindowsPast { from, size });
        }
        let known = |key: &&LogKey| !old.iter().any(|other| other.vkey == key.vkey);
        let added: Vec<LogKey> = new.iter().filter(known).cloned().collect();
        require_log_keys(envelope, &added)
    }
}

fn document_in(envelope: &Envelope) -> Result<TrustDocument, TrustError> {
    TrustDocument::from_statement(&statement_in(envelope)?)
}

fn statement_in(envelope: &Envelope) -> Result<Statement<'_>, TrustError> {
    if envelope.payload_type() != IN_TOTO {
        return Err(TrustError::PayloadType { found: envelope.payload_type().chars().take(80).collect() });
    }
    Ok(Statement::parse(envelope.payload())?)
}

fn require_root(
    envelope: &Envelope,
    document: &TrustDocument,
    whose: &'static str,
) -> Result<(), TrustError> {
    // Who is one person is told by the document whose threshold it is: a new one cannot make two of one for the old.
    document
        .require(envelope, RoleName::Root)
        .map_err(|source| TrustError::Root { whose, source: Box::new(source) })
}

/// Each of these keys signed: whoever brings in a log key holds it.
fn require_log_keys(envelope: &Envelope, keys: &[LogKey]) -> Result<(), TrustError> {
    for LogKey { vkey, .. } in keys {
        let unsigned =
            |source: ThresholdError| TrustError::LogKey { vkey: vkey.to_string(), source: Box::new(source) };
        let key = PublicKey::from_ed25519(vkey.public_key()).map_err(|_| TrustError::KeyType {
            list: "log_keys",
            vkey: vkey.to_string(),
            expected: 0x01,
        })?;
        envelope.require(&[key], 1).map_err(unsigned)?;
    }
    Ok(())
}
