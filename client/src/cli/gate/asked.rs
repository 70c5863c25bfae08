//! What is to be judged: digests, and files by theirs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use custody_client::make::Given;
use custody_evidence::Digest;
use custody_gate::Evidence;

use super::Context;
use crate::cli::failure::Failure;
use crate::cli::record::bad_subject;
use crate::cli::things::file_digests;

/// A thing, as it was typed, with its digests: one, or those of a file.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) called: String,
    /// The first that entries name is judged.
    pub(super) digests: Vec<Digest>,
}

/// Reads what is to be judged. A tag and the start of a digest decide nothing: what they mean tomorrow is another thing.
pub(super) fn subjects(things: &[OsString], context: &Context) -> Result<Vec<Subject>, Failure> {
    things.iter().map(|thing| subject(thing, context)).collect()
}

fn subject(typed: &OsString, context: &Context) -> Result<Subject, Failure> {
    let called = typed.to_string_lossy().into_owned();
    let given = match typed.to_str() {
        Some(text) if !Path::new(text).exists() => {
            Given::parse(text).map_err(|error| bad_subject("THING", text, &error))?
        }
        _ => Given::File(PathBuf::from(typed)),
    };
    let digests = match given {
        Given::Complete(subject) => subject.digests,
        Given::File(path) => {
            let texts = file_digests(path.as_os_str(), context)?.unwrap_or_default();
            // Without the white space around it a file is another one.
            texts.iter().take(2).filter_map(|text| text.parse().ok()).collect()
        }
    };
    Ok(Subject { called, digests })
}

/// Whether an entry is about a digest: its own statement lists it, or it was erased and the index has it there.
pub(super) fn is_named(digest: &Digest, evidence: &Evidence) -> bool {
    let text = digest.to_string();
    evidence.entries().any(|entry| entry.subjects.contains(&text) || entry.subjects.is_empty())
}
