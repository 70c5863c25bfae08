//! A file taken apart into the documents in it, each as its exact bytes.
//!
//! Nobody signed the documents around: what they say beside an item (npm's `predicateType`, `PyPI`'s `publisher`, the
//! statement that gcloud prints in clear text) is a label, and is not read.
//!
//! What a layout of images holds is read in [`crate::layout`].
//!
//! Nothing is copied: items are parts of the file, and there are at most [`ITEMS_MAX`].

use custody_evidence::json::without_mark;
use custody_evidence::registry::{
    DocumentError, NpmAttestation, cloud_build_envelopes, npm_attestations, pypi_provenance,
};

use super::{Kind, kind, list};
use crate::layout::LayoutProblem;

/// The most items of a file: one for each entry of a large `.jsonl`. An item is 120 bytes: 120 MiB together.
pub const ITEMS_MAX: usize = 1 << 20;

/// Where in a file an item stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, 1-based; none if the file is one document.
    pub line: Option<usize>,
    /// The path to it inside of the document; none if it is the document.
    pub member: Option<String>,
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its kind. Of a document that could not be taken apart, that of the document.
    pub kind: Kind,
    /// Its exact bytes.
    pub bytes: &'a [u8],
    /// Why the document could not be taken apart, or holds nothing at this place.
    pub problem: Option<Problem>,
}

/// Why there is no item where one should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The document around is malformed.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An image layout, or what is named in it, cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutProblem),
    /// The document around holds nothing.
    #[error("the document holds no attestation")]
    Empty,
    /// The file holds too many items: this one and those behind it are not read.
    #[error("a file holds at most {max} documents: split it")]
    TooMany {
        /// [`ITEMS_MAX`].
        max: usize,
    },
    /// What is printed there has no envelope around it.
    #[error("it has no envelope, so nobody signed it")]
    NoEnvelope,
    /// GitHub's answer says where the bundle is, and leaves it out.
    #[error("the answer leaves the bundle out, and says only where it is: {address}")]
    Elsewhere {
        /// The address, without its query.
        address: String,
    },
}

/// Takes a file apart: a single document is one item, a `.jsonl` one a line, a document of a registry one an
/// attestation, alone or on a line, and a list that holds envelopes one an element. There is at least one item, and
/// at most one more than [`ITEMS_MAX`], which says so.
///
/// A byte order mark in front of the file is no part of what is in it, and of a DSSE envelope neither is one newline at the end of the
/// file. Every other byte is.
#[must_use]
pub fn items(bytes: &[u8]) -> Vec<Item<'_>> {
    let bytes = without_mark(bytes);
    let found = kind(bytes);
    if found == Kind::OtherJson
        && let Some(items) = list::items(bytes)
    {
        return items;
    }
    if found != Kind::JsonLines {
        let whole = if found == Kind::Dsse { bytes.strip_suffix(b"\n").unwrap_or(bytes) } else { bytes };
        return parts(None, found, whole);
    }
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let filled = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let mut items = filled.flat_map(|(line, number)| parts(Some(number), kind(line), line));
    let mut found: Vec<Item<'_>> = items.by_ref().take(ITEMS_MAX).collect();
    found
        .extend(items.next().map(|next| Item { problem: Some(Problem::TooMany { max: ITEMS_MAX }), ..next }));
    found
}

impl Item<'_> {
    /// Returns the file's name with the place behind it: `file.jsonl:12`, `file.json attestations[1]`.
    #[must_use]
    pub fn named(&self, file: &str) -> String {
        format!("{file}{}", self.place)
    }
}

/// Writes what stands behind the file's name: nothing for the whole file, `:<line>`, ` <path>`, or both.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.member {
            Some(member) => write!(f, " {member}"),
            None => Ok(()),
        }
    }
}

/// The items of one document: itself, or what it holds.
fn parts(line: Option<usize>, kind: Kind, bytes: &[u8]) -> Vec<Item<'_>> {
    let (list, held) = match kind {
        Kind::NpmAttestations => ("attestations", npm(bytes)),
        Kind::Pep740Provenance => ("attestations", pypi(bytes)),
        Kind::CloudBuild => ("provenance_summary.provenance", cloud_build(bytes)),
        _ => {
            let place = Place { line, member: None };
            return vec![Item { place, kind, bytes, problem: None }];
        }
    };
    let broken = |problem| {
        let place = Place { line, member: None };
        vec![Item { place, kind, bytes, problem: Some(problem) }]
    };
    match held {
        Err(problem) => broken(problem.into()),
        Ok(held) if held.is_empty() => broken(Problem::Empty),
        Ok(held) => {
            let place = |index| Place { line, member: Some(format!("{list}[{index}]")) };
            let item = |(index, part)| match part {
                Ok(part) => Item { place: place(index), kind: super::kind(part), bytes: part, problem: None },
                Err(problem) => Item { place: place(index), kind, bytes: &[], problem: Some(problem) },
            };
            held.into_iter().enumerate().map(item).collect()
        }
    }
}

/// Each part, or why there is none.
type Held<'a> = Result<Vec<Result<&'a [u8], Problem>>, DocumentError>;

fn npm(bytes: &[u8]) -> Held<'_> {
    Ok(npm_attestations(bytes)?.iter().map(bundle).collect())
}

fn bundle<'a>(attestation: &NpmAttestation<'a>) -> Result<&'a [u8], Problem> {
    let address = || attestation.address().unwrap_or_default().to_owned();
    attestation.bundle().ok_or_else(|| Problem::Elsewhere { address: address() })
}

fn cloud_build(bytes: &[u8]) -> Held<'_> {
    let envelopes = cloud_build_envelopes(bytes)?.into_iter();
    Ok(envelopes.map(|envelope| envelope.ok_or(Problem::NoEnvelope)).collect())
}

fn pypi(bytes: &[u8]) -> Held<'_> {
    Ok(pypi_provenance(bytes)?.into_iter().map(Ok).collect())
}
