//! From a statement to its facts: what every statement gives, then what its predicate says.

use super::gather::Gather;
use super::{Facts, Field, Problem, Term, custody, inventory, provenance};
use crate::predicate::{
    Approval, CustodyPredicate as _, Deployment, Promotion, Review, Source, slsa_v1, slsa_v02,
};
use crate::sbom;
use crate::statement::Statement;

/// Returns what the statement asserts.
#[must_use]
pub fn read(statement: &Statement<'_>) -> Facts {
    let mut gather = Gather::default();
    subjects(statement, &mut gather);
    let predicate_type = statement.predicate_type();
    gather.term(Term::of(Field::Predicate, predicate_type.to_owned()));
    let Some(reader) = reader_of(predicate_type) else {
        gather.warn("predicate", Problem::NotInterpreted { predicate_type: predicate_type.to_owned() });
        return gather.done(false);
    };
    let Some(predicate) = statement.predicate_bytes() else {
        gather.warn("predicate", Problem::NoPredicate);
        return gather.done(false);
    };
    let outcome = reader(statement, predicate, &mut gather);
    let interpreted = outcome.is_ok();
    if let Err(problem) = outcome {
        gather.warn("predicate", problem);
    }
    gather.done(interpreted)
}

type Reader = fn(&Statement<'_>, &[u8], &mut Gather) -> Result<(), Problem>;

fn reader_of(predicate_type: &str) -> Option<Reader> {
    match predicate_type {
        slsa_v1::TYPE => Some(|statement, bytes, gather| {
            provenance::read(statement, &slsa_v1::decode(bytes)?, gather);
            Ok(())
        }),
        slsa_v02::TYPE => Some(|statement, bytes, gather| {
            provenance::read(statement, &slsa_v02::decode(bytes)?, gather);
            Ok(())
        }),
        Source::TYPE => Some(|statement, bytes, gather| {
            custody::source(statement, &Source::decode(bytes)?, gather);
            Ok(())
        }),
        Review::TYPE => Some(|statement, bytes, gather| {
            custody::review(statement, &Review::decode(bytes)?, gather);
            Ok(())
        }),
        Approval::TYPE => Some(|statement, bytes, gather| {
            custody::approval(statement, &Approval::decode(bytes)?, gather);
            Ok(())
        }),
        Promotion::TYPE => Some(|statement, bytes, gather| {
            custody::promotion(statement, &Promotion::decode(bytes)?, gather);
            Ok(())
        }),
        Deployment::TYPE => Some(|statement, bytes, gather| {
            custody::deployment(statement, &Deployment::decode(bytes)?, gather);
            Ok(())
        }),
        other if sbom::is_type(other) => Some(inventory::read),
        _ => None,
    }
}

/// What does not depend on the predicate: every digest finds the entry, and several digests of one subject are the
/// same thing.
fn subjects(statement: &Statement<'_>, gather: &mut Gather) {
    for (position, subject) in statement.subjects().iter().enumerate() {
        let path = format!("subject[{position}]");
        for digest in subject.digests() {
            gather.term(Term::of(Field::Subject, digest.to_string()));
        }
        gather.malformed(&path, subject);
        if let Some(uri) = subject.git_uri()
            && subject.usable().any(|digest| digest.commit_hex().is_some())
        {
            gather.term(Term::of(Field::Repository, uri.repository().to_string()));
        }
        for node in gather.nodes(subject, None) {
            gather.term_all(node.terms());
            gather.label(&node, subject.name().or(subject.uri()).unwrap_or_default());
        }
        gather.same(subject);
    }
}
