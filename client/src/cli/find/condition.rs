//! One condition of `custody find`, from the text that was typed.
//!
//! Text that no entry can have would be answered with a false "no record", so it is refused here.

use std::collections::BTreeSet;

use custody_client::ledger::Condition;
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Node, NodeKind, Package, PackageError, Term, TermError};
use custody_evidence::identity::{Identity, IdentityError};
use custody_evidence::key::KeyId;
use custody_evidence::predicate::short_name::{SHORT_NAMES, types_of};
use custody_evidence::repository::Repository;
use custody_evidence::trust::{
    ALLOW_TYPE, CLOCK_REPAIR_TYPE, DISTRUST_TYPE, JWKS_TYPE, POLICY_TYPE, PREDICATE_TYPE as TRUST_TYPE,
    REDACTION_TYPE,
};

use crate::cli::failure::Failure;

/// Short names of the entries by which the ledger is administered: what was distrusted and erased is found like what was waived. No
/// policy asks for them.
const ADMINISTRATIVE: [(&str, &str); 7] = [
    ("allow", ALLOW_TYPE),
    ("clock-repair", CLOCK_REPAIR_TYPE),
    ("distrust", DISTRUST_TYPE),
    ("jwks", JWKS_TYPE),
    ("policy", POLICY_TYPE),
    ("redaction", REDACTION_TYPE),
    ("trust", TRUST_TYPE),
];

const EXACT: &str = "conditions are exact: give the whole value, as `custody show` prints it";

/// Reads a condition: any of those returned. One text may mean several, as a short name stands for all versions of a
/// predicate type.
pub(super) fn conditions(field: Field, value: &str) -> Result<Vec<Condition>, Failure> {
    if field == Field::Repository
        && let Some(repository) = Repository::parse(value)
    {
        return repository.spellings().map(|spelling| condition(field, spelling.as_str())).collect();
    }
    if field == Field::Commit
        && let Some((written, digits)) = value.rsplit_once('@')
        && let Some(repository) = Repository::parse(written)
    {
        let spelled = repository.spellings().map(|spelling| format!("{spelling}@{digits}"));
        return spelled.map(|commit| condition(field, &commit)).collect();
    }
    if field != Field::Predicate {
        return condition(field, value).map(|condition| vec![condition]);
    }
    let types = predicate_types(value)?;
    types.into_iter().map(|predicate_type| condition(field, predicate_type)).collect()
}

fn condition(field: Field, value: &str) -> Result<Condition, Failure> {
    if field == Field::Component {
        return package(value).map(Condition::component);
    }
    let refused = |error: &dyn std::fmt::Display| {
        Failure::usage("bad_condition", format!("--{field}: {error}")).hint(EXACT)
    };
    let value = match field {
        Field::Signer | Field::Submitter => identity(value).map_err(|error| refused(&error))?,
        _ => value.to_owned(),
    };
    Term::parse(field, &value).map(Condition::from).map_err(|error| refused(&error))
}

/// Reads a package: any version of it, one, or a range.
pub(crate) fn package(value: &str) -> Result<Package, Failure> {
    Package::parse(value).map_err(|error| {
        let hint = match &error {
            PackageError::Term(_) => EXACT,
            PackageError::Range(_) | PackageError::Pattern { .. } => {
                "a range is written as in 'pkg:npm/axios@>=1.14.1 <1.15', in quotes"
            }
            PackageError::NotOrdered { .. } => "leave the version out to find all, and compare what is found",
        };
        Failure::usage("bad_condition", format!("--component: {error}")).hint(hint)
    })
}

/// Reads `--subject` if it is a digest: of an artifact, or of a document that statements carry. None if it is some
/// other THING, or of an algorithm that is not known: `pkg:npm/axios` has the form of a digest, too.
pub(super) fn digest(text: &str) -> Result<Option<Vec<Condition>>, Failure> {
    let Some((algorithm, value)) = text.trim().split_once(':') else { return Ok(None) };
    let lower = algorithm.to_ascii_lowercase();
    let known = [algorithm, &lower].into_iter().find(|algorithm| Digest::knows(algorithm));
    let Some(known) = known else { return Ok(None) };
    let digest: Digest = format!("{known}:{value}")
        .parse()
        .map_err(|error| Failure::usage("bad_condition", format!("--subject: {error}")).hint(EXACT))?;
    let node = Node::of_digest(&digest, None);
    let mut conditions = vec![subject(&node)?];
    if node.kind() == NodeKind::Artifact {
        conditions.push(subject(&Node::document(&digest))?);
    }
    Ok(Some(conditions))
}

/// Returns the condition that an entry is about a node. A commit is a subject by its digest, whatever its repository.
pub(super) fn subject(node: &Node) -> Result<Condition, Failure> {
    let refused =
        |error: TermError| Failure::usage("bad_condition", format!("--subject: {error}")).hint(EXACT);
    if node.kind() == NodeKind::Commit {
        let hex = node.id().rsplit(['@', ':']).next().unwrap_or_default();
        return Term::parse(Field::Subject, &format!("gitCommit:{hex}"))
            .map(Condition::from)
            .map_err(refused);
    }
    Condition::about(node).map_err(refused)
}

/// Reads a key or identity; a key's 64 digits may stand alone, as other tools print them.
fn identity(text: &str) -> Result<String, IdentityError> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if let Ok(key) = lower.strip_prefix("key:").unwrap_or(&lower).parse::<KeyId>() {
        return Ok(Identity::Key(key).to_string());
    }
    text.parse::<Identity>().map(|identity| identity.to_string())
}

/// Reads a predicate type, or a short name.
fn predicate_types(text: &str) -> Result<Vec<&str>, Failure> {
    let text = text.trim();
    // Types of cosign's first versions have no scheme, so they have no colon.
    let is_type = |types: &&[&str]| types.contains(&text);
    if text.contains(':') || SHORT_NAMES.iter().any(|(_, types)| is_type(types)) {
        return Ok(vec![text]);
    }
    if let Some((_, of)) = ADMINISTRATIVE.iter().find(|(name, _)| *name == text) {
        return Ok(vec![*of]);
    }
    types_of(text).map(<[&str]>::to_vec).ok_or_else(|| {
        let names: BTreeSet<&str> =
            SHORT_NAMES.iter().map(|(name, _)| *name).chain(ADMINISTRATIVE.map(|(name, _)| name)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        Failure::usage("bad_condition", format!("--predicate: expected a URI, found {text:?}"))
            .hint(format!("short names are there for {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(field: Field, text: &str) -> String {
        condition(field, text).unwrap().value().to_owned()
    }

    #[test]
    fn a_signer_is_a_key_or_an_identity() {
        let hex = "0af1".repeat(16);
        let key = format!("key:{hex}");
        assert_eq!(value(Field::Signer, &key), key);
        assert_eq!(value(Field::Signer, &hex), key);
        assert_eq!(value(Field::Signer, &hex.to_uppercase()), key);
        assert_eq!(
            value(Field::Signer, "https://token.test#repo:acme/api"),
            "https://token.test#repo:acme/api"
        );
        for wrong in ["ci", "key:0af1", &hex[1..], "alice@example.com"] {
            for field in [Field::Signer, Field::Submitter] {
                let refused = condition(field, wrong).unwrap_err();
                assert_eq!(refused.code, "bad_condition", "{wrong}");
            }
        }
    }

    #[test]
    fn a_predicate_type_is_a_uri_or_a_short_name_of_all_its_versions() {
        let types = |text: &str| {
            let conditions = conditions(Field::Predicate, text).unwrap();
            conditions.iter().map(|condition| condition.value().to_owned()).collect::<Vec<_>>()
        };
        for name in ["approval", "distrust", "expected", "redaction", "scan", "snapshot", "tag"] {
            assert_eq!(types(name), [format!("urn:custody:{name}:v1")]);
        }
        let slsa = "https://slsa.dev/provenance/v1";
        assert_eq!(types(slsa), [slsa]);
        assert_eq!(types(" provenance "), [slsa, "https://slsa.dev/provenance/v0.2"]);
        let early = "cosign.sigstore.dev/attestation/vuln/v1";
        assert_eq!(types(early), [early]);
        for wrong in ["aproval", "", "Scan", "slsa.dev/provenance/v1"] {
            let refused = conditions(Field::Predicate, wrong).unwrap_err();
            assert_eq!(refused.code, "bad_condition", "{wrong}");
            assert!(refused.hint.unwrap().contains("allow, approval, clock-repair, cosign, "));
        }
    }

    fn subjects(text: &str) -> Vec<String> {
        digest(text).unwrap().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_digest_is_found_however_its_algorithm_is_written_as_artifact_and_document() {
        let hex = "ab".repeat(32);
        for text in [format!("SHA256:{hex}"), format!("sha256:{}", hex.to_uppercase())] {
            assert_eq!(subjects(&text), [format!("subject sha256:{hex}"), format!("document sha256:{hex}")]);
        }
        let commit = format!("gitCommit:{}", "ab".repeat(20));
        assert_eq!(subjects(&commit), [format!("subject {commit}")]);
        assert_eq!(digest("sha256:ab").unwrap_err().code, "bad_condition");
    }

    #[test]
    fn what_is_no_digest_is_never_searched_as_one() {
        let hex = "ab".repeat(20);
        for text in ["pkg:npm/axios@1.14.1", &hex, "key:0af1", "https://ci.example/runs/1", "s.cdx.json"] {
            assert_eq!(digest(text).unwrap(), None, "{text}");
        }
        let about = |kind, id: &str| subject(&Node::named(kind, id).unwrap()).unwrap().to_string();
        assert_eq!(
            about(NodeKind::Commit, &format!("https://github.com/acme/api@{hex}")),
            format!("subject gitCommit:{hex}")
        );
        assert_eq!(about(NodeKind::Component, "pkg:npm/axios@1.14.1"), "component pkg:npm/axios@1.14.1");
        assert_eq!(about(NodeKind::Environment, "prod"), "environment prod");
    }
}
