//! From a statement to its facts.

use super::{Facts, Problem, Warning};
use crate::fact::term::{Field, Term};
use crate::statement::Statement;

/// Returns what the statement asserts.
#[must_use]
pub fn read(statement: &Statement) -> Facts {
    let mut facts = Facts::default();
    facts.terms.insert(Term::of(Field::Predicate, statement.predicate_type().to_owned()));
    for digest in statement.subjects().iter().flat_map(|subject| subject.digests()) {
        facts.terms.insert(Term::of(Field::Subject, digest.to_string()));
    }
    let predicate_type = statement.predicate_type().to_owned();
    facts
        .warnings
        .push(Warning { path: "predicate".to_owned(), problem: Problem::NotInterpreted { predicate_type } });
    facts
}
