//! Answers to findings: who says that a vulnerability does not affect a product, and whether they say so still.
//!
//! An answer is `OpenVEX`, or a vulnerability of a CycloneDX document about the judged digest that somebody analysed.

mod cyclonedx;

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
use super::who::{signers, with_authority};
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

/// What one of them says of one vulnerability.
#[derive(Debug)]
struct Said {
    /// All names of the vulnerability.
    names: Vec<String>,
    /// Whether it does not affect what this is about, or is repaired there.
    clears: bool,
    /// Whether this is about the judged digest as a whole.
    whole: bool,
    /// The packages that it is about, in whatever product.
    packages: Vec<Purl>,
    /// The parts of the product that it is about alone; none: all of it.
    parts: Option<Vec<Purl>>,
    /// When it was said, as claimed and capped by ledger time; then where.
    order: (Timestamp, LeafIndex, usize),
}

/// Returns the predicate types of `OpenVEX`, which answers for packages as well.
fn open_vex() -> impl Iterator<Item = &'static str> {
    types_of("openvex").unwrap_or_default().iter().copied()
}

/// Returns the predicate types of answers about the judged digest. CycloneDX is about a product, so it is not looked up by package.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    open_vex().chain(types_of("cyclonedx").unwrap_or_default().iter().copied())
}

/// Returns the question for answers about a package.
pub(super) fn ask_of_component(purl: &Purl) -> Ask {
    Ask::Statements {
        about: About::Component(purl.to_string()),
        types: open_vex().map(ToOwned::to_owned).collect(),
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
        let (open_vex, all): (BTreeSet<&str>, BTreeSet<&str>) = (open_vex().collect(), types().collect());
        let mut answers = Answers::default();
        let mut boms = Vec::new();
        for entry in self.evidence.statements_of(&all) {
            let is_open_vex = open_vex.contains(entry.predicate_type.as_str());
            let named = no_evidence(entry).is_none()
                && (is_open_vex || entry.is_about(subject))
                && with_authority(entry, signers(entry, Some(who)), &[Authority::Own]).is_ok();
            if !named {
                continue;
            }
            if entry.level == Level::Logged {
                return Err(Why::NotVerified { level: entry.level });
            }
            let bytes = entry.predicate.as_deref().filter(|_| entry.standing == Standing::Sound);
            let bytes = bytes.ok_or(Why::Malformed)?;
            if is_open_vex {
                answers.said.extend(of_open_vex(entry, bytes, subject).ok_or(Why::Malformed)?);
            } else {
                boms.push((entry, bytes));
            }
        }
        answers.said.extend(cyclonedx::said(&boms).ok_or(Why::Malformed)?);
        Ok(answers)
    }
}

impl Answers {
    /// Whether the last word on a finding in this product is that it is not affected, or repaired.
    pub(super) fn answer(&self, finding: &Finding) -> bool {
        let names = |said: &&Said| {
            let mut known = std::iter::once(&finding.id).chain(&finding.aliases);
            known.any(|name| said.names.contains(name))
        };
        let last = self.said.iter().filter(names).filter(|said| said.is_about(finding));
        last.max_by_key(|said| said.order).is_some_and(|said| said.clears)
    }
}

impl Said {
    /// Whether this is about the judged digest, or about the package that the finding is in. What is said of a part of a product is said
    /// of that part; where it is not told in which part a finding is, only what takes an answer back is about it.
    fn is_about(&self, finding: &Finding) -> bool {
        let package = finding.component.as_ref();
        let is_in =
            |purls: &[Purl]| package.is_some_and(|found| purls.iter().any(|purl| purl.includes(found)));
        match &self.parts {
            None => self.whole || is_in(&self.packages),
            Some(parts) if self.clears => self.whole && is_in(parts),
            Some(parts) => self.whole && package.is_none() || is_in(parts) || is_in(&self.packages),
        }
    }
}

/// Returns when it was said: as claimed, but not later than it was recorded.
fn order(entry: &Entry, claimed: Option<Timestamp>, position: usize) -> (Timestamp, LeafIndex, usize) {
    (claimed.unwrap_or(entry.time).min(entry.time), entry.index, position)
}

fn of_open_vex(entry: &Entry, bytes: &[u8], subject: &Digest) -> Option<Vec<Said>> {
    let vex = openvex::decode(bytes).ok()?;
    let said = |(position, statement): (usize, VexStatement)| {
        let products = &statement.products;
        let names = products.iter().flat_map(|product| &product.names);
        let whole = if products.is_empty() {
            entry.is_about(subject)
        } else {
            products.iter().any(|product| is_digest(product, subject))
        };
        let clears = matches!(statement.status, Status::NotAffected | Status::Fixed);
        Said {
            parts: parts(&statement.parts, clears),
            clears,
            whole,
            packages: names.filter_map(|name| name.parse().ok()).collect(),
            order: order(entry, statement.timestamp.or(vex.timestamp), position),
            names: statement.vulnerability,
        }
    };
    Some(vex.statements.into_iter().enumerate().map(said).collect())
}

/// Returns the parts that are named; none if none is, or if one of those that are affected is called by no package URL and may be any.
fn parts(names: &[String], clears: bool) -> Option<Vec<Purl>> {
    let purls: Vec<Purl> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let told = clears || purls.len() == names.len();
    (!names.is_empty() && told).then_some(purls)
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
