//! Offline: the entries of an evidence pack, and the trust that is kept here.

use std::path::Path;

use custody_client::pack::{self, Pack};

use super::asked::{self, Subject};
use super::judged::Judged;
use super::{Args, report};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::verify::trust_for_pack;

/// Judges by a pack. Nothing in it may be false; what it lacks makes rules that need all evidence undecidable.
pub(super) fn run(
    path: &Path,
    subjects: &[Subject],
    args: &Args,
    context: &Context,
) -> Result<Outcome, Failure> {
    let bytes = crate::cli::file::read(path, pack::PACK_BYTES_MAX)?;
    let pack = Pack::decode(&bytes).map_err(|error| {
        Failure::no("bad_pack", format!("{} is not an evidence pack: {error}", path.display()))
            .hint("`custody export THING --out FILE` writes one; nothing of this one was used")
    })?;
    let trust = trust_for_pack(&pack, context)?;
    let checked = pack::check(&pack, &trust);
    if checked.is_refused() {
        let failed =
            checked.entries.iter().find_map(|entry| entry.outcome.as_ref().err().map(ToString::to_string));
        let why = failed.or_else(|| checked.contradicted.first().cloned()).unwrap_or_default();
        return Err(Failure::no("bad_pack", format!("{}: {why}", path.display()))
            .hint("nothing was judged: something in the pack is false; `custody verify` lists all of it"));
    }
    let effective = args.effective_time.map(|time| time.before(context.clock));
    let circumstances =
        pack::circumstances(&checked, &trust, effective, context.clock.now()).ok_or_else(|| {
            Failure::unknown("empty_pack", format!("{} holds no entry", path.display()))
                .hint("`custody export THING --out FILE` writes a pack about what is to be judged")
        })?;
    let (named, _) = args.words()?;
    let policy = args.policy(named, &trust, circumstances.at.size)?;
    let environment = args.environment.as_ref().map(ToString::to_string);
    let mut verdicts = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let mut chosen = None;
        for digest in &subject.digests {
            let question = circumstances.question(digest.clone(), environment.clone());
            let gathered = pack::gather(&checked, &trust, &policy, question);
            if asked::is_named(digest, &gathered.evidence) {
                chosen = Some(gathered);
                break;
            }
            chosen = chosen.or(Some(gathered));
        }
        if let Some(gathered) = chosen {
            verdicts.push(Judged::of(subject.called.clone(), &policy, gathered));
        }
    }
    report::print(&policy, &verdicts, verdicts.len() != 1, context)?;
    report::tell(&verdicts, context);
    Ok(report::outcome(&verdicts, true, context))
}
