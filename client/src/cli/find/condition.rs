//! One condition of `custody find`, from the text that was typed.
//!
//! Text that no entry can have would be answered with a false "no record", so it is refused here.

use custody_client::ledger::Condition;
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Node, NodeKind, Term, TermError};
use custody_evidence::identity::{Identity, IdentityError};
use custody_evidence::key::KeyId;
use custody_evidence::predicate::{Approval, CustodyPredicate as _, Deployment, Promotion, Review, Source};
use custody_evidence::purl::Purl;

use crate::cli::entry_view::predicate_name;
use crate::cli::failure::Failure;

const EXACT: &str = "conditions are exact: give the whole value, as `custody show` prints it";

/// The predicate types that have short names: our own.
const NAMED: [&str; 5] = [Approval::TYPE, Deployment::TYPE, Promotion::TYPE, Review::TYPE, Source::TYPE];

/// Reads a condition.
pub(super) fn condition(field: Field, value: &str) -> Result<Condition, Failure> {
    if field == Field::Component && value.contains(['<', '>']) {
        // A range would be taken for a version that nothing has, and the answer would be a false "no record".
        return Err(Failure::usage(
            "bad_condition",
            format!("--{field}: version ranges are not supported yet, found {value:?}"),
        )
        .hint("give one version, or none for any"));
    }
    let refused = |error: &dyn std::fmt::Display| {
        Failure::usage("bad_condition", format!("--{field}: {error}")).hint(EXACT)
    };
    let value = match field {
        Field::Signer | Field::Submitter => identity(value).map_err(|error| refused(&error))?,
        Field::Predicate => predicate_type(value)?,
        _ => value.to_owned(),
    };
    if field == Field::Component {
        let purl = value.parse::<Purl>().map_err(|error| refused(&error))?;
        return Condition::component(&purl).map_err(|error| refused(&error));
    }
    Term::parse(field, &value).map(Condition::from).map_err(|error| refused(&error))
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

/// Reads a predicate type, or the short name of one of ours.
fn predicate_type(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.contains(':') {
        return Ok(text.to_owned());
    }
    let found = NAMED.into_iter().find(|named| predicate_name(named) == text);
    found.map(str::to_owned).ok_or_else(|| {
        let names = NAMED.map(predicate_name).join(", ");
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
    fn a_predicate_type_is_a_uri_or_a_name_of_ours() {
        for name in ["approval", "deployment", "promotion", "review", "source"] {
            assert_eq!(value(Field::Predicate, name), format!("urn:custody:{name}:v1"));
        }
        let slsa = "https://slsa.dev/provenance/v1";
        assert_eq!(value(Field::Predicate, slsa), slsa);
        let refused = condition(Field::Predicate, "aproval").unwrap_err();
        assert!(refused.hint.unwrap().contains("approval, deployment"));
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
