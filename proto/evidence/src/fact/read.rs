//! From a statement to its facts: what every statement gives, then what its predicate says.

use super::gather::Gather;
use super::{Facts, Field, Problem, Term, custody, inventory, provenance, run};
use crate::predicate::{
    Approval, CustodyPredicate as _, Deployment, Distribution, Exception, Expected, Promotion, Publication,
    Review, Run, Snapshot, Source, Tag, slsa_v1, slsa_v02,
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

/// A reader that decodes the predicate, and then gathers what it says.
macro_rules! reader {
    ($decode:expr, $gather:path) => {
        |statement, bytes, gather| {
            $gather(statement, &$decode(bytes)?, gather);
            Ok(())
        }
    };
}

fn reader_of(predicate_type: &str) -> Option<Reader> {
    Some(match predicate_type {
        slsa_v1::TYPE => reader!(slsa_v1::decode, provenance::read),
        slsa_v02::TYPE => reader!(slsa_v02::decode, provenance::read),
        Approval::TYPE => reader!(Approval::decode, custody::approval),
        Deployment::TYPE => reader!(Deployment::decode, custody::deployment),
        Distribution::TYPE => reader!(Distribution::decode, custody::distribution),
        Exception::TYPE => reader!(Exception::decode, custody::exception),
        Expected::TYPE => reader!(Expected::decode, custody::expected),
        Promotion::TYPE => reader!(Promotion::decode, custody::promotion),
        Publication::TYPE => reader!(Publication::decode, custody::publication),
        Review::TYPE => reader!(Review::decode, custody::review),
        Run::TYPE => reader!(Run::decode, run::read),
        Snapshot::TYPE => reader!(Snapshot::decode, custody::snapshot),
        Source::TYPE => reader!(Source::decode, custody::source),
        Tag::TYPE => reader!(Tag::decode, custody::tag),
        other if sbom::is_type(other) => inventory::read,
        _ => return None,
    })
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
