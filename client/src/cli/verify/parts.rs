//! Which receipt an admission record or envelope belongs to.
//!
//! A part is matched by digest to the entries of the receipts that hold. The entry in a receipt that does not
//! hold is anyone's text: it can make a part fail, and nothing else.

use custody_client::Checked;
use custody_log::receipt::Receipt;
use custody_log::{Entry, EnvelopeDigest, LeafIndex, RecordDigest};

use super::files::Given;
use super::report::{Report, Verdict};

/// What is known about a receipt and its entry.
pub(super) struct Checking {
    pub(super) entry: Entry,
    /// The index that is proven; none if the receipt does not hold.
    pub(super) index: Option<LeafIndex>,
    pub(super) lacks_record: bool,
    pub(super) lacks_envelope: bool,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    pub(super) checked: Option<Checked>,
}

impl Checking {
    /// A receipt that does not hold.
    pub(super) fn failed(receipt: &Receipt, index: Option<LeafIndex>, detail: String) -> Self {
        Self {
            entry: receipt.unverified_entry().clone(),
            index,
            lacks_record: false,
            lacks_envelope: false,
            verdict: Verdict::Failed,
            detail,
            checked: None,
        }
    }
}

/// An admission record or an envelope.
pub(super) enum Part {
    Record(RecordDigest),
    Envelope(EnvelopeDigest),
}

impl Part {
    pub(super) fn record(bytes: &[u8]) -> Self {
        Self::Record(RecordDigest::of(bytes))
    }

    pub(super) fn envelope(bytes: &[u8]) -> Self {
        Self::Envelope(EnvelopeDigest::of(bytes))
    }

    /// Whether this entry commits to it.
    fn is_of(&self, entry: &Entry) -> bool {
        match self {
            Self::Record(digest) => entry.record.digest == *digest,
            Self::Envelope(digest) => entry.envelope.digest == *digest,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Record(_) => "admission record",
            Self::Envelope(_) => "envelope",
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Record(digest) => digest.to_string(),
            Self::Envelope(digest) => digest.to_string(),
        }
    }

    /// Returns what the entry commits to in the place of this part.
    fn expected(&self, entry: &Entry) -> String {
        match self {
            Self::Record(_) => entry.record.digest.to_string(),
            Self::Envelope(_) => entry.envelope.digest.to_string(),
        }
    }

    /// Whether the receipt holds, and no part of this kind was given for it.
    const fn is_lacked_by(&self, receipt: &Checking) -> bool {
        match self {
            Self::Record(_) => receipt.lacks_record,
            Self::Envelope(_) => receipt.lacks_envelope,
        }
    }
}

/// Adds the verdict on a part: that of the receipt it belongs to. Without one, nothing says that it is in the
/// log; if exactly one entry lacks such a part, it is the wrong one.
pub(super) fn check(file: &Given, part: &Part, receipts: &[Checking], report: &mut Report) {
    let own = receipts.iter().filter(|receipt| part.is_of(&receipt.entry));
    // Of several receipts for one entry, each has a row of its own, so that a failure is not lost.
    let best = own.max_by_key(|receipt| receipt.verdict.strength());
    if let Some(receipt) = best {
        let (verdict, detail) = match (receipt.verdict, receipt.index) {
            (verdict, None) => (verdict, "belongs to a receipt that failed".to_owned()),
            (Verdict::Included, Some(index)) => (
                Verdict::NotChecked,
                format!("belongs to entry {index}, whose admission record is not given"),
            ),
            (verdict, Some(index)) => (verdict, format!("belongs to entry {index}")),
        };
        report.add(file, verdict, receipt.index, detail);
        return;
    }
    let mut lacking = receipts.iter().filter(|receipt| part.is_lacked_by(receipt));
    let only = lacking.next().filter(|first| lacking.all(|other| other.entry == first.entry));
    let (kind, found) = (part.kind(), part.found());
    match only {
        Some(receipt) => {
            let expected = part.expected(&receipt.entry);
            report.add(
                file,
                Verdict::Failed,
                receipt.index,
                format!("is not its {kind}: expected {expected}, found {found}"),
            );
        }
        None => report.add(
            file,
            Verdict::NotChecked,
            None,
            format!("no receipt given is for this {kind} ({found})"),
        ),
    }
}
