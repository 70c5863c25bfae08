//! Who signed, and what gives them the right to say this.

use std::collections::BTreeSet;

use super::record::{Signer, SignerStatus};
use super::refusal::{Refusal, RuleSummary};
use crate::dsse::{Envelope, Failure, NotChecked, SignatureVerdict, verify_signatures};
use crate::key::{KeyId, PublicKey};
use crate::statement::Statement;
use crate::trust::{About, Authority, RoleName, TrustDocument, WriterRule};

/// A reason word for a signature that holds, by a key that no rule lets record this.
const NOT_ALLOWED: &str = "not_allowed";

/// Checks the signatures of a writer's statement. At least one must hold, by a key whose rule allows the type and
/// the subjects. Returns one signer a signature, and the strongest authority.
pub(super) fn of_writers(
    envelope: &Envelope,
    statement: &Statement<'_>,
    document: &TrustDocument,
) -> Result<(Vec<Signer>, Authority), Refusal> {
    let keys = candidates(document, statement.predicate_type());
    let verdicts = verify_signatures(envelope, &keys);
    let mut strongest: Option<Authority> = None;
    let mut signers = Vec::new();
    for (signature, verdict) in verdicts.iter().enumerate() {
        let mut signer = unverified(envelope, signature, verdict);
        if let SignatureVerdict::Verified(key) = verdict {
            name_key(&mut signer, document.public_key(key));
            signer.why = Some(NOT_ALLOWED.to_owned());
            let rule = allowing(document, *key, statement).into_iter().max_by_key(|rule| rule.authority);
            if let Some(rule) = rule {
                count(&mut signer, &rule.name);
                strongest = strongest.max(Some(rule.authority));
            }
        }
        signers.push(signer);
    }
    match strongest {
        Some(authority) => Ok((signers, authority)),
        None => Err(why_none(envelope, statement, document, &verdicts, keys.len())),
    }
}

/// Lists the signatures of a trust document that was found good: those of the root roles and the log keys count.
pub(super) fn of_trust_document(envelope: &Envelope, documents: &[&TrustDocument]) -> Vec<Signer> {
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

/// Returns the keys to try: those that may record this type first, then the other keys of the document, so that a
/// refusal can tell "may not" from "unknown". Each once.
fn candidates<'a>(document: &'a TrustDocument, predicate_type: &str) -> Vec<&'a PublicKey> {
    let allowed = document.writers().iter().filter(|rule| rule.allows(predicate_type));
    let first = allowed.flat_map(|rule| &rule.keys).filter_map(|id| document.public_key(id));
    let mut seen = BTreeSet::new();
    first.chain(document.public_keys()).filter(|key| seen.insert(key.id())).collect()
}

fn allowing<'a>(document: &'a TrustDocument, key: KeyId, statement: &Statement<'_>) -> Vec<&'a WriterRule> {
    let holds = |rule: &&WriterRule| {
        rule.keys.contains(&key)
            && rule.allows(statement.predicate_type())
            && statement.subjects().iter().all(|subject| rule.about.covers(subject))
    };
    document.writers().iter().filter(holds).collect()
}

fn unverified(envelope: &Envelope, signature: usize, verdict: &SignatureVerdict) -> Signer {
    let hint = envelope.signatures().get(signature).map_or("", |signature| signature.keyid());
    Signer {
        signature,
        status: SignerStatus::Unverified,
        key: None,
        spki: None,
        rule: None,
        hint: hint.chars().take(200).collect(),
        why: why(verdict),
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
fn why_none(
    envelope: &Envelope,
    statement: &Statement<'_>,
    document: &TrustDocument,
    verdicts: &[SignatureVerdict],
    tried: usize,
) -> Refusal {
    let known: Vec<KeyId> = verdicts.iter().filter_map(SignatureVerdict::signer).collect();
    if let Some(refusal) = known.iter().find_map(|key| out_of_bounds(document, *key, statement)) {
        return refusal;
    }
    if let Some(key) = known.first() {
        let rules = document.writers().iter().filter(|rule| rule.keys.contains(key));
        let rules =
            rules.map(|rule| RuleSummary { rule: rule.name.clone(), predicates: rule.predicates.clone() });
        let predicate_type = statement.predicate_type().to_owned();
        return Refusal::KeyNotAllowed { key: *key, predicate_type, rules: rules.collect() };
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

/// Says what the statement may not be about, if a rule lets the key record its type.
fn out_of_bounds(document: &TrustDocument, key: KeyId, statement: &Statement<'_>) -> Option<Refusal> {
    let mut rules = document.writers().iter();
    let rule = rules.find(|rule| rule.keys.contains(&key) && rule.allows(statement.predicate_type()))?;
    let subject = statement.subjects().iter().position(|subject| !rule.about.covers(subject))?;
    let rule_name = rule.name.clone();
    Some(match &rule.about {
        About::Namespace(namespace) => {
            let found =
                statement.subjects().get(subject).and_then(|subject| subject.uri().or(subject.name()));
            let found = found.unwrap_or_default().chars().take(200).collect();
            Refusal::OutsideNamespace { key, rule: rule_name, namespace: namespace.clone(), subject, found }
        }
        About::OwnBuilds | About::Anything => Refusal::OwnBuildsUndecided { key, rule: rule_name },
    })
}
