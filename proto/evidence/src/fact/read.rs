//! From a statement to its facts: what every statement gives, then what its predicate says.

use super::gather::Gather;
use super::{
    EdgeKind, Facts, Field, Node, Problem, Term, custody, inventory, provenance, run, vulnerability,
};
use crate::digest_set::Digest;
use crate::envelope::{IMAGE_SIGNATURE, MESSAGE_SIGNATURE};
use crate::predicate::{
    Approval, CustodyPredicate as _, Deployment, Distribution, Exception, Expected, Promotion, Publication,
    Review, Run, Snapshot, Source, Tag, judgement, link, openvex, release, report, slsa_v1, slsa_v02,
    source_provenance, vulns,
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
    let Some(predicate) = statement.predicate_text() else {
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

/// Returns what a signature over a file asserts: that there is a signature, and no more.
#[must_use]
pub fn signed(file: Option<&Digest>) -> Facts {
    let mut gather = Gather::default();
    gather.term(Term::of(Field::Predicate, MESSAGE_SIGNATURE.to_owned()));
    if let Some(digest) = file {
        gather.term(Term::of(Field::Subject, digest.to_string()));
        gather.term_all(Node::artifact(digest).terms());
    }
    gather.done(true)
}

/// Returns what a signature of an image asserts: that the text that was signed is about the image. What the signer calls the image
/// is a name for people.
#[must_use]
pub fn signed_image(image: &Digest, text: &Digest, name: &str) -> Facts {
    let mut gather = Gather::default();
    gather.term(Term::of(Field::Predicate, IMAGE_SIGNATURE.to_owned()));
    gather.term(Term::of(Field::Subject, image.to_string()));
    let (image, text) = (Node::artifact(image), Node::document(text));
    gather.label(&image, name);
    gather.edge(&image, EdgeKind::DescribedBy, &text);
    gather.done(true)
}

type Reader = fn(&Statement<'_>, &str, &mut Gather) -> Result<(), Problem>;

/// A reader that decodes the predicate, and then gathers what it says.
macro_rules! reader {
    ($decode:expr, $gather:path) => {
        |statement, text, gather| {
            $gather(statement, &$decode(text.as_bytes())?, gather);
            Ok(())
        }
    };
}

/// The same by the text of the predicate, which is known to be strict JSON.
macro_rules! part_reader {
    ($decode:expr, $gather:path) => {
        |statement, text, gather| {
            $gather(statement, &$decode(text)?, gather);
            Ok(())
        }
    };
}

/// The same where what was decoded may still not be read.
macro_rules! checked_reader {
    ($decode:expr, $gather:path) => {
        |statement, text, gather| $gather(statement, &$decode(text.as_bytes())?, gather)
    };
}

fn reader_of(predicate_type: &str) -> Option<Reader> {
    reader_of_ours(predicate_type).or_else(|| reader_of_others(predicate_type))
}

fn reader_of_ours(predicate_type: &str) -> Option<Reader> {
    Some(match predicate_type {
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
        _ => return None,
    })
}

fn reader_of_others(predicate_type: &str) -> Option<Reader> {
    let is = |types: &[&str]| types.contains(&predicate_type);
    Some(match predicate_type {
        slsa_v1::TYPE => part_reader!(slsa_v1::decode_part, provenance::read),
        slsa_v02::TYPE => part_reader!(slsa_v02::decode_part, provenance::read),
        source_provenance::SOURCE_TYPE => {
            reader!(source_provenance::decode_source, super::source_provenance::read)
        }
        source_provenance::TAG_TYPE => {
            reader!(source_provenance::decode_tag, super::source_provenance::read)
        }
        judgement::VSA_TYPE => reader!(judgement::decode_vsa, super::judgement::read),
        report::TEST_RESULT_TYPE => reader!(report::decode_test_result, super::report::read),
        report::REFERENCE_TYPE => reader!(report::decode_reference, super::report::read),
        vulns::REPORT_TYPE => checked_reader!(vulns::decode_report, vulnerability::scan),
        release::NPM_PUBLISH_TYPE => checked_reader!(release::decode_npm, super::release::read),
        _ if is(&judgement::SVR_TYPES) => reader!(judgement::decode_svr, super::judgement::read),
        _ if is(&link::TYPES) => reader!(link::decode, provenance::read),
        _ if is(&release::RELEASE_TYPES) => checked_reader!(release::decode, super::release::read),
        _ if is(&report::COSIGN_TYPES) => reader!(report::decode_cosign, super::report::read),
        _ if is(&report::RUNTIME_TRACE_TYPES) => {
            reader!(report::decode_runtime_trace, super::report::read)
        }
        _ if is(&report::SCAI_TYPES) => reader!(report::decode_scai, super::report::read),
        _ if is(&vulns::TYPES) => checked_reader!(vulns::decode, vulnerability::scan),
        _ if is(&vulns::COSIGN_TYPES) => checked_reader!(vulns::decode_cosign, vulnerability::scan),
        other if openvex::is_type(other) => reader!(openvex::decode, vulnerability::vex),
        other if sbom::is_type(other) => {
            |statement, text, gather| inventory::read(statement, text.as_bytes(), gather)
        }
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
            && subject.usable().iter().any(|digest| digest.commit_hex().is_some())
        {
            gather.term(Term::of(Field::Repository, uri.repository().to_string()));
        }
        for node in gather.add_subject(subject) {
            gather.term_all(node.terms());
            gather.label(&node, subject.name().or(subject.uri()).unwrap_or_default());
        }
        gather.same(subject);
    }
}
