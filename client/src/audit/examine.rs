//! What can be checked in one entry without the others: this is the work that runs on all cores.

use std::collections::BTreeSet;

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::envelope::Envelope;
use custody_log::{Entry, EntryDigest, LeafIndex, NodeHash};
use prost::bytes::Bytes;

use super::{Finding, FindingKind};
use crate::check::{Known, admit_again, envelope_of, record_of, same_admission};
use crate::trust::Trust;

/// One entry as it came. Nothing in it has been checked.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) entry: Bytes,
    pub(super) record: Bytes,
    pub(super) envelope: Bytes,
    pub(super) record_erased: bool,
    pub(super) envelope_erased: bool,
}

/// What came out, and what the checks in order need.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) index: LeafIndex,
    /// None if the bytes are not an entry.
    pub(super) entry: Option<Entry>,
    pub(super) digest: EntryDigest,
    pub(super) leaf: NodeHash,
    /// None if it is erased or not the one of the entry.
    pub(super) record: Option<AdmissionRecord>,
    /// What is still to be checked, since earlier entries decide.
    pub(super) about_builds: Option<AboutBuilds>,
    /// Whether its record or its envelope is erased.
    pub(super) erased: bool,
    pub(super) findings: Vec<Finding>,
}

/// An entry of a type that a rule allows about own builds only.
#[derive(Debug)]
pub(super) struct AboutBuilds {
    /// The digests that it is about.
    pub(super) artifacts: BTreeSet<String>,
    /// Its envelope, unless it is so large that it is fetched again.
    pub(super) envelope: Option<Bytes>,
}

/// The largest envelope that waits until it is checked in order: 1 MiB. A scan of own builds has a few kilobytes.
const WAITS_MAX: usize = 1 << 20;

/// Examines entries that follow each other.
pub(super) fn batch(first: LeafIndex, raws: &[Raw], trust: &Trust) -> Vec<Examined> {
    let mut index = first;
    let mut examined = Vec::with_capacity(raws.len());
    for raw in raws {
        examined.push(one(index, raw, trust));
        index = index.next();
    }
    examined
}

fn one(index: LeafIndex, raw: &Raw, trust: &Trust) -> Examined {
    let mut examined = Examined {
        index,
        entry: None,
        digest: EntryDigest::of(&raw.entry),
        leaf: NodeHash::leaf(&raw.entry),
        record: None,
        about_builds: None,
        erased: false,
        findings: Vec::new(),
    };
    match Entry::decode(&raw.entry) {
        Ok(entry) => {
            check(&entry, raw, trust, &mut examined);
            examined.entry = Some(entry);
        }
        Err(error) => {
            examined.findings.push(Finding::of(index, FindingKind::BadEntry, "an entry", error));
        }
    }
    examined
}

fn check(entry: &Entry, raw: &Raw, trust: &Trust, examined: &mut Examined) {
    let index = examined.index;
    if entry.index != index {
        examined.findings.push(Finding::of(index, FindingKind::WrongIndex, index, entry.index));
    }
    let redaction = trust.redaction_of(entry);
    for (erased, what) in [(raw.record_erased, "admission record"), (raw.envelope_erased, "envelope")] {
        match (erased, redaction) {
            (false, None) => {}
            (true, Some(_)) => examined.erased = true,
            (true, None) => {
                examined.erased = true;
                let expected = format!("its {what}, or a redaction that names it");
                examined.findings.push(Finding::of(index, FindingKind::Erased, expected, "neither"));
            }
            (false, Some(redacted)) => {
                let expected = format!("no {what}, since entry {} erased it", redacted.by);
                let found = format!("an {what}, or a claim that there is one");
                examined.findings.push(Finding::of(index, FindingKind::NotErased, expected, found));
            }
        }
    }
    if redaction.is_some() {
        return;
    }
    if !raw.record_erased {
        match record_of(entry, &raw.record) {
            Ok(record) => examined.record = Some(record),
            Err(error) => examined.findings.push(Finding::of_check(index, error)),
        }
    }
    if raw.envelope_erased {
        return;
    }
    let envelope = match envelope_of(entry, &raw.envelope) {
        Ok(envelope) => envelope,
        Err(error) => return examined.findings.push(Finding::of_check(index, error)),
    };
    examined.about_builds = about_builds(entry, &envelope, trust);
    if let Some(about) = &mut examined.about_builds {
        about.envelope = Some(&raw.envelope).filter(|bytes| bytes.len() <= WAITS_MAX).cloned();
        return;
    }
    let admitted = admit_again(entry, &envelope, examined.record.as_ref(), trust, &Known::new());
    let same = admitted.and_then(|ours| match &examined.record {
        Some(theirs) => same_admission(entry, &ours, theirs),
        None => Ok(()),
    });
    if let Err(error) = same {
        examined.findings.push(Finding::of_check(index, error));
    }
}

/// Returns what an entry is about, if the rules that held let in statements of its type about own builds.
fn about_builds(entry: &Entry, envelope: &Envelope, trust: &Trust) -> Option<AboutBuilds> {
    let said = envelope.said().ok()?;
    let asked = trust.before(entry)?.state.document().asks_for_builds(said.predicate_type());
    let artifacts = || said.usable().iter().flatten().map(ToString::to_string).collect();
    asked.then(|| AboutBuilds { artifacts: artifacts(), envelope: None })
}
