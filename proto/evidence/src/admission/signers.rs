//! Who signed, and what gives them the right to say this.

use std::collections::BTreeSet;

use custody_log::LeafIndex;

use super::bundle;
use super::job::together;
use super::record::{Binding, Signer, SignerStatus};
use super::refusal::Refusal;
use super::rights::{Allowed, Asked, Who};
use super::token::Caller;
use crate::dsse::{self, Failure, NotChecked, SignatureVerdict, verify_signatures};
use crate::envelope::Envelope;
use crate::identity::Identity;
use crate::key::{KeyId, PublicKey};
use crate::sigstore::certified;
use crate::trust::{Authority, RoleName, TrustDocument, TrustState};

/// A reason word for a signature that holds, by a key that no rule lets record this.
const NOT_ALLOWED: &str = "not_allowed";

/// Who signed, and what comes of it.
pub(super) struct Signed {
    /// One signer a signature.
    pub(super) signers: Vec<Signer>,
    /// The strongest of those that count.
    pub(super) authority: Authority,
    /// Of those that count, all together.
    pub(super) binding: Option<Binding>,
}

/// One signer that counts.
pub(super) struct Counted {
    pub(super) signer: Signer,
    pub(super) authority: Authority,
    /// None of a key.
    pub(super) binding: Option<Binding>,
}

impl Signed {
    /// Of those who administer: no issuer says anything of them.
    pub(super) const fn by_roles(signers: Vec<Signer>) -> Self {
        Self { signers, authority: Authority::Own, binding: None }
    }
}

/// Checks the signatures of a writer's envelope. At least one must hold, by someone whom a rule lets say this.
pub(super) fn of_writers(
    envelope: &Envelope,
    asked: &Asked<'_>,
    trust: &TrustState,
    caller: Option<&Caller>,
) -> Result<Signed, Refusal> {
    // What a bundle is signed with is used once, so nobody could show a token for it.
    if let Some(caller) = caller.filter(|_| envelope.dsse().is_none()) {
        return Err(Refusal::TokenNotBound { key: caller.key.id() });
    }
    match (envelope.dsse(), envelope.bundle()) {
        (Some(envelope), _) => of_dsse(envelope, asked, trust, caller),
        (None, Some(bundle)) => {
            let Counted { signer, authority, binding } = bundle::signer(bundle, asked, trust)?;
            Ok(Signed { signers: vec![signer], authority, binding })
        }
        // Unreachable: an envelope is one of them.
        (None, None) => Err(Refusal::NoTrustedRoot),
    }
}

fn of_dsse(
    envelope: &dsse::Envelope,
    asked: &Asked<'_>,
    trust: &TrustState,
    caller: Option<&Caller>,
) -> Result<Signed, Refusal> {
    let document = trust.document();
    let mut keys = candidates(document, asked.said().predicate_type(), false);
    if let Some(caller) = caller {
        // First, so that it is tried whatever the envelope calls it.
        keys.retain(|key| key.id() != caller.key.id());
        keys.insert(0, &caller.key);
    }
    let verdicts = verify_signatures(envelope, &keys);
    let (mut signers, mut bindings) = (Vec::new(), Vec::new());
    let mut certified = Certified { left: CERTIFIED_MAX, refusal: None };
    let mut bound = false;
    let mut authorities = Vec::new();
    for (signature, verdict) in verdicts.iter().enumerate() {
        let mut signer = unverified(envelope, signature, verdict);
        let mut authority = None;
        if let SignatureVerdict::Verified(key) = verdict {
            let shown = caller.filter(|caller| caller.key.id() == *key);
            name_key(&mut signer, shown.map(|caller| &caller.key).or_else(|| document.public_key(key)));
            signer.why = Some(NOT_ALLOWED.to_owned());
            bound |= shown.is_some();
            let by_token =
                shown.and_then(|caller| Some((caller, Who::Caller(caller).allowed(trust, asked)?)));
            if let Some((caller, Allowed { rule, builds })) = by_token {
                count(&mut signer, &rule.name);
                signer.identity = Some(Identity::Oidc(caller.identity.clone()));
                signer.builds = builds.into_iter().map(LeafIndex::get).collect();
                authority = Some(rule.authority);
                bindings.extend(Who::Caller(caller).binding(asked));
            } else if let Some(Allowed { rule, .. }) =
                by_key(*key, document).and_then(|who| who.allowed(trust, asked))
            {
                count(&mut signer, &rule.name);
                authority = Some(rule.authority);
            }
        } else if let Some(counted) = certified.look(envelope, asked, trust, &mut signer) {
            authority = Some(counted.authority);
            bindings.extend(counted.binding);
            signer = counted.signer;
        }
        authorities.push(authority);
        signers.push(signer);
    }
    let strongest = authorities.iter().copied().max().flatten();
    // Who signs beside somebody does not make the other's word more.
    for (signer, authority) in signers.iter_mut().zip(authorities) {
        signer.authority = authority.filter(|found| Some(*found) < strongest);
    }
    if let Some(caller) = caller.filter(|_| !bound) {
        return Err(Refusal::TokenNotBound { key: caller.key.id() });
    }
    if let Some(found) = caller.and_then(|caller| Who::Caller(caller).binding(asked)) {
        // A token that gives no right here does not bind what others say.
        if bindings.is_empty() || found == Binding::Conflict {
            bindings.push(found);
        }
    }
    match (strongest, caller) {
        (Some(authority), _) => Ok(Signed { signers, authority, binding: together(bindings) }),
        (None, Some(caller)) => Err(Who::Caller(caller).why_not(trust, asked)),
        (None, None) => Err(match why_none(envelope, asked, trust, &verdicts, keys.len()) {
            unsupported @ Refusal::UnsupportedSignature { .. } => certified.refusal.unwrap_or(unsupported),
            other => other,
        }),
    }
}

/// Returns the holder of a key that counts without a proof of time. The key of a token is none of the document's, as a rule.
fn by_key(key: KeyId, document: &TrustDocument) -> Option<Who<'static>> {
    (document.public_key(&key).is_some() && !document.is_windowed(&key)).then_some(Who::Key(key))
}

/// The most signatures of one envelope whose certificates are looked at: each costs a copy of what was signed. Producers
/// make one.
const CERTIFIED_MAX: usize = 4;

/// Looks at signatures that carry a certificate.
struct Certified {
    left: usize,
    /// Why the first of them does not count.
    refusal: Option<Refusal>,
}

impl Certified {
    /// Returns what counts instead of a signer whose certificate lets it say this; of any other it fills in why not.
    fn look(
        &mut self,
        envelope: &dsse::Envelope,
        asked: &Asked<'_>,
        trust: &TrustState,
        signer: &mut Signer,
    ) -> Option<Counted> {
        if self.left == 0 {
            return None;
        }
        let bundle = certified(envelope, signer.signature)?;
        self.left -= 1;
        match bundle::signer(&bundle, asked, trust) {
            Ok(found) => {
                let (signature, hint) = (signer.signature, std::mem::take(&mut signer.hint));
                Some(Counted { signer: Signer { signature, hint, ..found.signer }, ..found })
            }
            Err(refusal) => {
                signer.why = Some(refusal.word().to_owned());
                self.refusal.get_or_insert(refusal);
                None
            }
        }
    }
}

/// Lists the signatures of a trust document that was found good: those of the root roles and the log keys count.
pub(super) fn of_trust_document(envelope: &dsse::Envelope, documents: &[&TrustDocument]) -> Vec<Signer> {
    let roots: Vec<PublicKey> =
        documents.iter().flat_map(|document| document.role_keys(RoleName::Root)).collect();
    let logs = documents.iter().flat_map(|document| &document.members().log_keys);
    let logs: Vec<PublicKey> =
        logs.filter_map(|key| PublicKey::from_ed25519(key.vkey.public_key()).ok()).collect();
    let by_root = verify_signatures(envelope, &roots);
    let by_log = verify_signatures(envelope, &logs);
    let mut signers = Vec::new();
    for (signature, (root, log)) in by_root.iter().zip(&by_log).enumerate() {
        let mut signer = unverified(envelope, signature, root);
        for (verdict, keys, rule) in [(log, &logs, "log_keys"), (root, &roots, "roles.root")] {
            if let Some(id) = verdict.signer() {
                name_key(&mut signer, keys.iter().find(|key| key.id() == id));
                count(&mut signer, rule);
            }
        }
        signers.push(signer);
    }
    signers
}

/// Lists the signatures of what the log itself says, which was found good: those of its own keys count.
pub(super) fn of_log(envelope: &dsse::Envelope, document: &TrustDocument) -> Vec<Signer> {
    let keys = document.members().log_keys.iter();
    let keys: Vec<PublicKey> =
        keys.filter_map(|key| PublicKey::from_ed25519(key.vkey.public_key()).ok()).collect();
    let verdicts = verify_signatures(envelope, &keys);
    let mut signers = Vec::new();
    for (signature, verdict) in verdicts.iter().enumerate() {
        let mut signer = unverified(envelope, signature, verdict);
        if let Some(id) = verdict.signer() {
            name_key(&mut signer, keys.iter().find(|key| key.id() == id));
            count(&mut signer, "log_keys");
        }
        signers.push(signer);
    }
    signers
}

/// Lists the signatures of another administrative statement that was found good: those of its role count.
pub(super) fn of_role(envelope: &dsse::Envelope, document: &TrustDocument, role: RoleName) -> Vec<Signer> {
    let others = [RoleName::Responder, RoleName::Rules, RoleName::Root];
    let mut seen = BTreeSet::new();
    let roles = [role].into_iter().chain(others);
    let mut keys: Vec<PublicKey> = roles.flat_map(|role| document.role_keys(role)).collect();
    keys.retain(|key| seen.insert(key.id()));
    let verdicts = verify_signatures(envelope, &keys);
    let mut signers = Vec::new();
    for (signature, verdict) in verdicts.iter().enumerate() {
        let mut signer = unverified(envelope, signature, verdict);
        if let Some(id) = verdict.signer() {
            name_key(&mut signer, keys.iter().find(|key| key.id() == id));
            if document.role(role).keys.contains(&id) {
                count(&mut signer, &format!("roles.{role}"));
            } else {
                signer.why = Some("not_allowed".to_owned());
            }
        }
        signers.push(signer);
    }
    signers
}

/// Returns the keys to try: those that may record this type first, then the other keys of the document, so that a
/// refusal can tell "may not" from "unknown". Each once. Keys that are trusted in windows alone need a proof of time, so
/// they are tried only where there can be one.
pub(super) fn candidates<'a>(
    document: &'a TrustDocument,
    predicate_type: &str,
    timed: bool,
) -> Vec<&'a PublicKey> {
    let allowed = document.writers().iter().filter(|rule| rule.allows(predicate_type));
    let first = allowed.flat_map(|rule| &rule.keys).filter_map(|id| document.public_key(id));
    let mut seen = BTreeSet::new();
    let keys = first.chain(document.public_keys()).filter(|key| seen.insert(key.id()));
    keys.filter(|key| timed || !document.is_windowed(&key.id())).collect()
}

fn unverified(envelope: &dsse::Envelope, signature: usize, verdict: &SignatureVerdict) -> Signer {
    let hint = envelope.signatures().get(signature).map_or("", |signature| signature.keyid());
    Signer {
        signature,
        status: SignerStatus::Unverified,
        key: None,
        spki: None,
        rule: None,
        hint: hint.chars().take(200).collect(),
        why: why(verdict),
        identity: None,
        builds: Vec::new(),
        authority: None,
        proof: None,
    }
}

fn why(verdict: &SignatureVerdict) -> Option<String> {
    let word = match verdict {
        SignatureVerdict::Verified(_) => return None,
        SignatureVerdict::Failed(Failure::NoKey { .. }) => "unknown_key",
        SignatureVerdict::Failed(Failure::NotByHintedKey { .. }) => "bad_signature",
        SignatureVerdict::Failed(Failure::Undecodable(_)) => "bad_base64",
        SignatureVerdict::NotChecked(_) => "not_checked",
        SignatureVerdict::Unsupported { algorithm } => return Some(format!("unsupported: {algorithm}")),
    };
    Some(word.to_owned())
}

fn name_key(signer: &mut Signer, key: Option<&PublicKey>) {
    signer.key = key.map(PublicKey::id);
    signer.spki = key.map(|key| crate::trust::base64(key.spki_der()));
}

fn count(signer: &mut Signer, rule: &str) {
    signer.status = SignerStatus::Verified;
    signer.rule = Some(rule.to_owned());
    signer.why = None;
}

/// Says why no signature counts: the reason that is nearest to being admitted comes first.
pub(super) fn why_none(
    envelope: &dsse::Envelope,
    asked: &Asked<'_>,
    trust: &TrustState,
    verdicts: &[SignatureVerdict],
    tried: usize,
) -> Refusal {
    let refusals = verdicts.iter().filter_map(SignatureVerdict::signer);
    let refusals = refusals.map(|key| Who::Key(key).why_not(trust, asked));
    let near = |refusal: &Refusal| !matches!(refusal, Refusal::KeyNotAllowed { .. });
    let mut refusals: Vec<Refusal> = refusals.collect();
    if let Some(nearest) = refusals.iter().position(near).or((!refusals.is_empty()).then_some(0)) {
        return refusals.swap_remove(nearest);
    }
    let hints =
        || envelope.signatures().iter().map(|signature| signature.keyid().chars().take(200).collect());
    let nearest = verdicts.iter().enumerate().find_map(|(signature, verdict)| match verdict {
        SignatureVerdict::Failed(why @ (Failure::NotByHintedKey { .. } | Failure::Undecodable(_))) => {
            Some(Refusal::BadSignature { signature, why: why.clone() })
        }
        SignatureVerdict::NotChecked(NotChecked::TooManyKeys { tried, keys }) => {
            Some(Refusal::TooManyKeys { signature, tried: *tried, keys: *keys })
        }
        SignatureVerdict::NotChecked(NotChecked::TooMuchToHash { tried, keys }) => {
            Some(Refusal::TooMuchToHash { signature, tried: *tried, keys: *keys })
        }
        SignatureVerdict::Unsupported { algorithm } => {
            Some(Refusal::UnsupportedSignature { signature, algorithm: algorithm.clone() })
        }
        SignatureVerdict::Failed(Failure::NoKey { .. })
        | SignatureVerdict::NotChecked(NotChecked::NoKeys)
        | SignatureVerdict::Verified(_) => None,
    });
    nearest.unwrap_or_else(|| Refusal::UnknownKey { hints: hints().collect(), tried })
}
