//! Who signed a bundle, under the trusted roots of the trust document, and what gives them the right to say this.

use custody_log::LeafIndex;

use super::proof::BundleProof;
use super::record::{Signer, SignerStatus};
use super::refusal::Refusal;
use super::rights::{Allowed, Asked, Who};
use super::signers::{Counted, candidates, why_none};
use crate::dsse::{MAX_KEYS_TRIED, SignatureVerdict, verify_signatures};
use crate::key::PublicKey;
use crate::sigstore::{
    self, Artifact, Bundle, Content, KnownKey, Material, TrustedRoot, VerifiedBundle, verify,
};
use crate::trust::{KnownRoot, TrustDocument, TrustState};

/// Verifies a bundle under each trusted root in the order of the document, until the signer may say this. Returns the signer
/// and what comes of it.
///
/// A key that is trusted at all times needs no root: what it signed in a bundle is worth what it signed in a bare envelope.
pub(super) fn signer(bundle: &Bundle, asked: &Asked<'_>, trust: &TrustState) -> Result<Counted, Refusal> {
    let keys = keys(bundle, asked, trust)?;
    let all = trust.document().members().keys.len();
    let nobody = TrustedRoot::nobody();
    let roots = concerned(bundle, &keys, trust.document()).into_iter().map(|root| (Some(root), root.root()));
    let without = matches!(bundle.material(), Material::PublicKey { .. }).then_some((None, &nobody));
    let mut not_allowed = None;
    let mut not_verified = Vec::new();
    for (known, root) in roots.chain(without) {
        let name = known.map(KnownRoot::name);
        match verify(bundle, root, &known_keys(known, &keys, trust.document()), Artifact::Unknown) {
            Ok(verified) => match counted(&verified, name, asked, trust) {
                Ok(counted) => return Ok(counted),
                Err(refusal) => not_allowed = not_allowed.or(Some(refusal)),
            },
            Err(unverified) => not_verified.push((name.map(ToOwned::to_owned), Box::new(unverified))),
        }
    }
    Err(match not_allowed {
        Some(refusal) => refusal,
        None if keys.len() == MAX_KEYS_TRIED && all > MAX_KEYS_TRIED => {
            Refusal::TooManyKeys { signature: 0, tried: MAX_KEYS_TRIED, keys: all }
        }
        None if trust.document().roots().is_empty() && not_verified.is_empty() => Refusal::NoTrustedRoot,
        None => nearest(not_verified),
    })
}

/// Returns the roots under which the bundle may hold, in the order of the document; the first one, so that it can be told what
/// is wrong, if there are none. Verifying hashes all that was signed, so it is not done in vain.
fn concerned<'a>(bundle: &Bundle, keys: &[&PublicKey], document: &'a TrustDocument) -> Vec<&'a KnownRoot> {
    let has_key = |root: &KnownRoot| {
        root.keys().iter().any(|known| keys.iter().any(|key| key.id() == known.key().id()))
    };
    let fits = |root: &&KnownRoot| root.root().concerns(bundle) || has_key(root);
    let found: Vec<&KnownRoot> = document.roots().iter().filter(fits).collect();
    let keyed = matches!(bundle.material(), Material::PublicKey { .. });
    if found.is_empty() && !keyed { document.roots().first().into_iter().collect() } else { found }
}

/// Returns the keys that may have made the signature of a bundle that names a key; none for a certificate.
fn keys<'a>(
    bundle: &Bundle,
    asked: &Asked<'_>,
    trust: &'a TrustState,
) -> Result<Vec<&'a PublicKey>, Refusal> {
    let document = trust.document();
    let Material::PublicKey { hint } = bundle.material() else { return Ok(Vec::new()) };
    let candidates = candidates(document, asked.said().predicate_type(), true);
    match bundle.content() {
        // The one that made it, found within the limits that hold for bare envelopes.
        Content::Dsse(envelope) => {
            let verdicts = verify_signatures(envelope, &candidates);
            let signer = verdicts.iter().find_map(SignatureVerdict::signer);
            match signer.and_then(|id| document.public_key(&id)) {
                Some(key) => Ok(vec![key]),
                None => Err(why_none(envelope, asked, trust, &verdicts, candidates.len())),
            }
        }
        // Checked over a digest, or over a text of 64 KiB: 64 checks are some milliseconds. Those that the hint names come first.
        Content::Message(_) | Content::Image(_) => {
            let mut candidates = candidates;
            candidates.sort_by_key(|key| !is_hinted(hint, key, document));
            Ok(candidates.into_iter().take(MAX_KEYS_TRIED).collect())
        }
    }
}

/// Whether the hint names this key: by its id, or as a trusted root calls it.
fn is_hinted(hint: &str, key: &PublicKey, document: &TrustDocument) -> bool {
    let id = hint.strip_prefix("key:").unwrap_or(hint) == key.id().to_string();
    let called = |known: &KnownKey| known.name() == hint && known.key().id() == key.id();
    id || document.roots().iter().flat_map(KnownRoot::keys).any(called)
}

/// Returns these keys as they are trusted under a root: in its windows, or at all times if no root has a window for them.
fn known_keys(root: Option<&KnownRoot>, keys: &[&PublicKey], document: &TrustDocument) -> Vec<KnownKey> {
    let in_windows = root.map(KnownRoot::keys).unwrap_or_default().iter();
    let in_windows = in_windows.filter(|known| keys.iter().any(|key| key.id() == known.key().id())).cloned();
    let always = keys.iter().filter(|key| !document.is_windowed(&key.id()));
    in_windows.chain(always.map(|key| KnownKey::new((*key).clone()))).collect()
}

fn counted(
    verified: &VerifiedBundle<'_>,
    root: Option<&str>,
    asked: &Asked<'_>,
    trust: &TrustState,
) -> Result<Counted, Refusal> {
    let (who, key) = match verified.signer() {
        sigstore::Signer::Key(known) => (Who::Key(known.key().id()), Some(known.key())),
        sigstore::Signer::Certificate { identity, .. } => {
            (Who::Holder { root: root.unwrap_or_default(), identity }, None)
        }
    };
    let Allowed { rule, builds } = who.allowed(trust, asked).ok_or_else(|| who.why_not(trust, asked))?;
    let hint = match verified.bundle().material() {
        Material::PublicKey { hint } => hint.chars().take(200).collect(),
        Material::Certificates(_) => String::new(),
    };
    let signer = Signer {
        signature: 0,
        status: SignerStatus::Verified,
        key: key.map(PublicKey::id),
        spki: key.map(|key| crate::trust::base64(key.spki_der())),
        rule: Some(rule.name.clone()),
        hint,
        why: None,
        identity: None,
        builds: builds.into_iter().map(LeafIndex::get).collect(),
        authority: None,
        proof: Some(Box::new(BundleProof::of(verified, root))),
    };
    Ok(Counted { signer, authority: rule.authority, binding: who.binding(asked) })
}

/// Tells of the root under which most checks hold: of several that of the bundle's own authority.
fn nearest(mut not_verified: Vec<(Option<String>, Box<sigstore::Unverified>)>) -> Refusal {
    let held = |unverified: &sigstore::Unverified| {
        unverified.checks().iter().filter(|check| check.status == sigstore::Status::Verified).count()
    };
    let others = not_verified.len().saturating_sub(1);
    // The first of those with the most.
    let best =
        (0..not_verified.len()).rev().max_by_key(|at| not_verified.get(*at).map(|(_, found)| held(found)));
    match best {
        Some(at) => {
            let (root, problem) = not_verified.swap_remove(at);
            Refusal::BundleNotVerified { root, others, problem }
        }
        None => Refusal::NoTrustedRoot,
    }
}
