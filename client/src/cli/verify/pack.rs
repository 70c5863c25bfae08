//! An evidence pack among the files given: what holds of it, a line an entry, and one for the answer.

use std::path::Path;

use custody_client::pack::{self, CheckedPack, Held, Pack};
use custody_client::{Checked, Level, Trust};
use custody_evidence::trust::TrustState;

use super::files::{Content, Given};
use super::parts::Checking;
use super::report::{Report, Verdict};
use crate::cli::failure::Failure;
use crate::cli::identity::{Submitter, Token};

/// Returns the trust to check with: what is trusted here, or the pack's own where that knows of more. Both begin with the same entry 0.
pub(super) fn newest_trust(
    trust: Option<Trust>,
    given: &[Given],
    pin: Option<&custody_client::Pin>,
) -> Option<Trust> {
    let packs = given.iter().filter_map(|file| match &file.content {
        Content::Pack(pack) => Some(pack),
        _ => None,
    });
    let pin = trust.as_ref().map(Trust::pin).or(pin).cloned()?;
    // One that is not to be believed is told of with its pack.
    let of_packs = packs.filter(|pack| pack.trust().pin == pin);
    let of_packs = of_packs.filter_map(|pack| Trust::verify(pack.trust().clone()).ok());
    trust.into_iter().chain(of_packs).max_by_key(Trust::complete_to)
}

/// Reads a pack. What begins like one and is none is an error, not an artifact.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Pack, Failure> {
    Pack::decode(bytes).map_err(|error| {
        Failure::no("bad_pack", format!("{} is not an evidence pack: {error}", path.display()))
            .hint("it begins like one, so it was cut or changed; nothing of it was used")
    })
}

/// Adds what holds of a pack, and returns its entries for the artifacts given beside it.
pub(super) fn add(file: &Given, pack: &Pack, trust: &Trust, report: &mut Report) -> Vec<Checking> {
    if pack.trust().pin != *trust.pin() {
        let why = format!("is of the log {}, and {} is pinned here", pack.trust().pin, trust.pin());
        report.add(file, Verdict::Failed, None, why);
        return Vec::new();
    }
    if let Err(error) = Trust::verify(pack.trust().clone()) {
        report.add(file, Verdict::Failed, None, format!("its administrative entries: {error}"));
        return Vec::new();
    }
    let checked = pack::check(pack, trust);
    let (verdict, said) = answer(pack, &checked);
    report.add(file, verdict, None, said);
    let state = &trust.current().state;
    let mut entries = Vec::with_capacity(checked.entries.len());
    for (entry, packed) in checked.entries.into_iter().zip(pack.entries()) {
        let (verdict, detail) = match &entry.outcome {
            Ok(held) => (of(&held.checked), detail(held, state)),
            Err(problem) => (Verdict::Failed, problem.to_string()),
        };
        report.add(file, verdict, Some(entry.index), detail.clone());
        entries.push(Checking {
            entry: packed.unverified().clone(),
            index: entry.outcome.is_ok().then_some(entry.index),
            lacks_record: false,
            lacks_envelope: false,
            verdict,
            detail,
            checked: entry.outcome.ok().map(|held| held.checked),
        });
    }
    entries
}

fn answer(pack: &Pack, checked: &CheckedPack) -> (Verdict, String) {
    let said = pack.answer();
    let about = format!("the answer about {}, as of tree size {}", said.thing, said.size);
    if let Some(why) = checked.contradicted.first() {
        return (Verdict::Failed, format!("{about}, does not follow from its entries: {why}"));
    }
    if checked.is_refused() {
        return (Verdict::Failed, format!("{about}, rests on an entry that does not hold"));
    }
    if let Some(why) = checked.unchecked.first() {
        return (Verdict::NotChecked, format!("{about}: {why}"));
    }
    let missing = if said.missing.is_empty() { "nothing".to_owned() } else { said.missing.join(", ") };
    let rest = if said.truncated { "; edges are missing, there were too many" } else { "" };
    let chain = if said.nodes.is_empty() {
        "is one entry".to_owned()
    } else {
        format!("follows from its entries: {} edges; missing: {missing}", said.edges.len())
    };
    let complete = "that nothing was left out is claimed by the server";
    (Verdict::Is(Level::Verified), format!("{about}, {chain}{rest}; {complete}"))
}

const fn of(checked: &Checked) -> Verdict {
    match checked {
        Checked::Logged(_) => Verdict::Is(Level::Logged),
        Checked::Redacted(_) => Verdict::Redacted,
        Checked::Verified(_) => Verdict::Is(Level::Verified),
    }
}

fn detail(held: &Held, trust: &TrustState) -> String {
    let receipt = match &held.checked {
        Checked::Logged(logged) => logged.receipt(),
        Checked::Redacted(erased) => erased.receipt(),
        Checked::Verified(verified) => verified.logged().receipt(),
    };
    let included = format!("in the tree of size {}", receipt.checkpoint().checkpoint().size());
    if let Some(said) = held.checked.redacted() {
        return format!("{included}; the rest was erased by entry {}: {}", said.by, said.redaction.reason);
    }
    let Some(verified) = held.checked.verified() else {
        let why = held.short_of.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        return format!("{included}; its envelope was not checked{why}");
    };
    let token = if held.token_checked { Token::Checked } else { Token::NotAsked };
    let record = verified.logged().record();
    let submitter = Submitter::of(record, token)
        .map_or_else(String::new, |said| format!("; submitted by {}", said.text()));
    let distrusted = match held.checked.distrust(trust) {
        Some(_) => "; an authentic record from a distrusted period",
        None => "",
    };
    format!("{included}; signatures, statement and admission checked{submitter}{distrusted}")
}
