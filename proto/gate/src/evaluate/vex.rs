//! Answers to findings: who says that a vulnerability does not affect a product, and whether they say so still.

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::predicate::openvex::{self, Product, Status, VexStatement};
use custody_evidence::predicate::short_name::types_of;
use custody_evidence::purl::Purl;
use custody_evidence::trust::Authority;
use custody_log::{LeafIndex, Timestamp};

use super::Case;
use super::candidate::no_evidence;
use super::scan::{Finding, open};
use super::who::signers;
use super::why::Why;
use crate::evidence::{About, Ask, Entry, Standing};
use crate::policy::{Asks, EvidenceRule, Level, Rule, Vulnerabilities};

/// The most packages of one scan whose findings are looked up for answers. A scan with more open findings is no near miss.
pub(super) const COMPONENTS_ASKED_MAX: usize = 256;

/// What named authors say, in no order.
#[derive(Debug, Default)]
pub(super) struct Answers {
    said: Vec<Said>,
}

#[derive(Debug)]
struct Said {
    statement: VexStatement,
    /// When it was said, as claimed and capped by ledger time; then where.
    order: (Timestamp, LeafIndex, usize),
    /// Whether the statement's subject is the judged digest.
    of_subject: bool,
}

/// Returns the predicate types of VEX.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    types_of("openvex").unwrap_or_default().iter().copied()
}

/// Returns the question for answers about a package.
pub(super) fn ask_of_component(purl: &Purl) -> Ask {
    Ask::Statements {
        about: About::Component(purl.to_string()),
        types: types().map(ToOwned::to_owned).collect(),
    }
}

impl Case<'_> {
    /// Returns the packages whose open findings could be answered, at most one more than [`COMPONENTS_ASKED_MAX`].
    pub(super) fn components_to_ask(&self, rule: &EvidenceRule) -> BTreeSet<Purl> {
        let Some(asked) = rule.vulnerabilities.as_ref().filter(|asked| asked.answered_by.is_some()) else {
            return BTreeSet::new();
        };
        let ask = Ask::of_subject(&self.question.subject, rule.require.types.iter().map(String::as_str));
        let sound = |entry: &&Entry| no_evidence(entry).is_none() && entry.is_about(&self.question.subject);
        let findings = self.evidence.answer(&ask).filter(sound).flat_map(|entry| open(asked, entry));
        let mut components = BTreeSet::new();
        for component in findings.filter_map(|finding| finding.component) {
            if components.len() > COMPONENTS_ASKED_MAX {
                break;
            }
            components.insert(component);
        }
        components
    }

    /// Whether a rule has more open findings than are asked about.
    pub(super) fn too_many_answers(&self, rule: &Rule) -> bool {
        match &rule.asks {
            Asks::Evidence(rule) => self.components_to_ask(rule).len() > COMPONENTS_ASKED_MAX,
            Asks::Absent(_) | Asks::Approval(_) | Asks::VerdictOf(_) => false,
        }
    }

    /// Reads what the named authors say. One document of theirs that cannot be read could take an answer back.
    pub(super) fn answers(&self, asked: &Vulnerabilities) -> Result<Answers, Why> {
        let Some(who) = &asked.answered_by else { return Ok(Answers::default()) };
        let subject = &self.question.subject;
        let mut answers = Answers::default();
        for entry in self.evidence.statements_of(&types().collect()) {
            let named = no_evidence(entry).is_none()
                && entry.authority == Authority::Own
                && !signers(entry, Some(who)).is_empty();
            if !named {
                continue;
            }
            if entry.level == Level::Logged {
                return Err(Why::NotVerified { level: entry.level });
            }
            let vex = entry.predicate.as_deref().and_then(|bytes| openvex::decode(bytes).ok());
            let vex = vex.filter(|_| entry.standing == Standing::Sound).ok_or(Why::Malformed)?;
            for (position, statement) in vex.statements.into_iter().enumerate() {
                let claimed = statement.timestamp.or(vex.timestamp).unwrap_or(entry.time);
                let order = (claimed.min(entry.time), entry.index, position);
                answers.said.push(Said { statement, order, of_subject: entry.is_about(subject) });
            }
        }
        Ok(answers)
    }
}

impl Answers {
    /// Whether the last word on a finding in this product is that it is not affected, or repaired.
    pub(super) fn answer(&self, finding: &Finding, subject: &Digest) -> bool {
        let on = |said: &&Said| {
            let names = &said.statement.vulnerability;
            names.contains(&finding.id) && said.is_about(finding, subject)
        };
        let last = self.said.iter().filter(on).max_by_key(|said| said.order);
        last.is_some_and(|said| matches!(said.statement.status, Status::NotAffected | Status::Fixed))
    }
}

impl Said {
    /// Whether the statement is about the judged digest, or about the package that the finding is in.
    fn is_about(&self, finding: &Finding, subject: &Digest) -> bool {
        let products = &self.statement.products;
        if products.is_empty() {
            return self.of_subject;
        }
        products.iter().any(|product| is_digest(product, subject) || is_component(product, finding))
    }
}

fn is_digest(product: &Product, subject: &Digest) -> bool {
    let by_hash = product.hashes.iter().any(|(algorithm, value)| {
        let algorithm = algorithm.to_ascii_lowercase().replacen("sha-", "sha", 1);
        Digest::read(&algorithm, value).is_ok_and(|digest| digest == *subject)
    });
    let version = subject.to_string();
    let by_name = |name: &String| {
        name.parse::<Purl>().is_ok_and(|purl| {
            // Who encodes a colon that is encoded already wrote `%253A`.
            purl.version().is_some_and(|named| *named == version || *named == version.replace(':', "%3A"))
        }) || *name == version
            || name.strip_suffix(&version).is_some_and(|image| image.ends_with('@'))
    };
    by_hash || product.names.iter().any(by_name)
}

fn is_component(product: &Product, finding: &Finding) -> bool {
    let Some(component) = &finding.component else { return false };
    product.names.iter().any(|name| name.parse::<Purl>().is_ok_and(|purl| purl.includes(component)))
}
