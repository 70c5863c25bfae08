//! One condition of `custody find`, from the text that was typed.
//!
//! Text that no entry can have would be answered with a false "no record", so it is refused here.

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_evidence::identity::{Identity, IdentityError};
use custody_evidence::key::KeyId;
use custody_evidence::predicate::{Approval, CustodyPredicate as _, Deployment, Promotion, Review, Source};
use custody_evidence::purl::Purl;

use crate::cli::entry_view::predicate_name;
use crate::cli::failure::Failure;

/// The predicate types that have short names: our own.
const NAMED: [&str; 5] = [Approval::TYPE, Deployment::TYPE, Promotion::TYPE, Review::TYPE, Source::TYPE];

/// Reads a condition; the second member is what the server is asked for.
pub(super) fn condition(field: Field, value: &str) -> Result<(Term, String), Failure> {
    if field == Field::Component && value.contains(['<', '>']) {
        // A range would be taken for a version that nothing has, and the answer would be a false "no record".
        return Err(Failure::usage(
            "bad_condition",
            format!("--{field}: version ranges are not supported yet, found {value:?}"),
        )
        .hint("give one version, or none for any"));
    }
    let refused =
        |error: &dyn std::fmt::Display| Failure::usage("bad_condition", format!("--{field}: {error}"));
    let value = match field {
        Field::Signer | Field::Submitter => identity(value).map_err(|error| refused(&error))?,
        Field::Predicate => predicate_type(value)?,
        Field::Subject => digest(value),
        _ => value.to_owned(),
    };
    let value = value.as_str();
    let term = Term::parse(field, value).map_err(|error| refused(&error))?;
    // The term has no version; the server compares it, so it is sent along.
    let sent = match field {
        Field::Component => value.parse::<Purl>().map_err(|error| refused(&error))?.to_string(),
        _ => term.value().to_owned(),
    };
    Ok((term, sent))
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

/// Writes the algorithm of a digest as digests are written; text that is none stays.
fn digest(text: &str) -> String {
    let lower = |(algorithm, value): (&str, &str)| {
        let algorithm = algorithm.to_ascii_lowercase();
        Digest::knows(&algorithm).then(|| format!("{algorithm}:{value}"))
    };
    text.split_once(':').and_then(lower).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(field: Field, text: &str) -> String {
        condition(field, text).unwrap().1
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

    #[test]
    fn a_digest_is_found_however_its_algorithm_is_written() {
        let hex = "ab".repeat(32);
        for text in [format!("SHA256:{hex}"), format!("sha256:{}", hex.to_uppercase())] {
            assert_eq!(value(Field::Subject, &text), format!("sha256:{hex}"));
        }
        let commit = format!("gitCommit:{}", "ab".repeat(20));
        assert_eq!(value(Field::Subject, &commit), commit);
    }
}
