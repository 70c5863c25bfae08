//! `custody verify`: files checked against each other and the trust file, without a network.

mod files;
mod pack;
mod parts;
mod report;

use std::path::PathBuf;

use custody_client::check::{CheckError, Erased, Known};
use custody_client::memory::Memory;
use custody_client::pack::Pack;
use custody_client::{Checked, Level, Logged, Trust, Verified};
use custody_evidence::admission::{AdmissionRecord, Build};
use custody_evidence::digest_set::Digest;
use custody_log::checkpoint::SignedCheckpoint;
use custody_log::receipt::{Receipt, VerifiedReceipt};
use custody_log::{BlobDigest, EnvelopeDigest, RecordDigest};

use super::Context;
use super::failure::{Failure, Outcome};
use super::find::Verify;
use super::identity::{Submitter, Token};
use super::session::{self, Anchor};
use files::{Content, Given};
use parts::{Checking, Part};
use report::{Report, Verdict};

/// Check evidence packs, receipts, admission records and envelopes offline; files that are none of these are taken as
/// artifacts, and looked for among the subjects.
///
/// What belongs together is matched by digest. Verified is an entry of which receipt, admission record and
/// envelope are given: `custody show ENTRY --save DIR` writes these three, and the identity token of a job, which verifies who it was. A pack (`custody export`) has all of it, and its answer is compared with what its entries say. Nothing is needed but the trust file that `custody init` writes
/// and online commands extend.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How far entries must be checked: `logged` accepts a receipt with its admission record alone.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Verify::Full)]
    verify: Verify,
}

/// Verifies files.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let anchor = anchor(context)?;
    let given = args.files.iter().map(|path| files::read(path, context)).collect::<Result<Vec<_>, _>>()?;
    let trust = trust(anchor, &given, context)?;
    let seen = seen(context, &trust);
    let report = check(&given, &trust, seen.as_ref());
    if context.output.is_json() {
        context.output.print_json(&report.json(&trust))?;
    } else {
        context.output.print(report.text(&trust))?;
    }
    let outcome = report.outcome(args.verify);
    if outcome == Outcome::Unknown {
        context.output.note(format!("not verified: {}", report.lacking(args.verify)));
    }
    Ok(outcome)
}

/// Returns what `--trust` names.
fn anchor(context: &Context) -> Result<Anchor, Failure> {
    session::anchor(context)?.ok_or_else(|| {
        Failure::usage("no_trust_file", "offline verification needs the trust file, and no log is pinned")
            .hint("give it with --trust FILE; `custody trust show --out FILE` writes it where the log can be reached")
    })
}

/// Returns the trust that `--trust FILE` names, or that is remembered for the pin, or that a pack brings for it.
fn trust(anchor: Anchor, given: &[Given], context: &Context) -> Result<Trust, Failure> {
    let pin = match anchor {
        Anchor::Trust(trust) => {
            let newest = pack::newest_trust(Some((*trust).clone()), given, None);
            return Ok(newest.unwrap_or(*trust));
        }
        Anchor::Pin(pin) => pin,
    };
    let remembered = context.settings.state_dir().map(|dir| Memory::of(dir, &pin).trust_path());
    let remembered = match remembered {
        Ok(path) if path.exists() => Some(session::read_trust_file(&path)?),
        _ => None,
    };
    pack::newest_trust(remembered, given, Some(&pin)).ok_or_else(|| {
        Failure::usage(
            "no_trust_file",
            format!("a pin is not enough to verify offline: there is no trust file for {pin}"),
        )
        .hint("run `custody init` where the log can be reached, or give the file with --trust FILE")
    })
}

/// Returns the trust that a pack of the pinned log is checked with.
pub(in crate::cli) fn trust_for_pack(pack: &Pack, context: &Context) -> Result<Trust, Failure> {
    let given = [Given { path: PathBuf::new(), content: Content::Pack(Box::new(pack.clone())) }];
    let trust = trust(anchor(context)?, &given, context)?;
    if pack.trust().pin == *trust.pin() {
        return Ok(trust);
    }
    let message = format!("the pack is of the log {}, and {} is pinned here", pack.trust().pin, trust.pin());
    Err(Failure::no("wrong_log", message)
        .hint("export it from the pinned log, or pin the other one with --trust"))
}

/// Returns the largest checkpoint remembered for the log, to notice a fork. It was verified when it was kept.
fn seen(context: &Context, trust: &Trust) -> Option<SignedCheckpoint> {
    let memory = Memory::of(context.settings.state_dir().ok()?, trust.pin());
    let signed = SignedCheckpoint::parse(&memory.checkpoint().ok()??).ok()?;
    let keys = trust.log_keys_at(signed.unverified().size());
    signed.verify(&trust.pin().origin, &keys).is_ok().then_some(signed)
}

fn check(given: &[Given], trust: &Trust, seen: Option<&SignedCheckpoint>) -> Report {
    let mut report = Report::default();
    let mut receipts: Vec<Checking> = Vec::new();
    for (file, checking) in check_receipts(given, trust, seen) {
        report.add(file, checking.verdict, checking.index, checking.detail.clone());
        receipts.push(checking);
    }
    for file in given {
        if let Content::Pack(pack) = &file.content {
            receipts.extend(pack::add(file, pack, trust, &mut report));
        }
    }
    for file in given {
        match &file.content {
            Content::Receipt(_) | Content::Pack(_) => {}
            Content::Record(bytes) => parts::check(file, &Part::record(bytes), &receipts, &mut report),
            Content::Envelope(bytes) => parts::check(file, &Part::envelope(bytes), &receipts, &mut report),
            Content::Token(bytes) => check_token(file, bytes, &receipts, &mut report),
            Content::Artifact(digests) => check_artifact(file, digests, &receipts, &mut report),
        }
    }
    report
}

/// Checks each receipt with what was given of its entry, the older entries first: a younger one may rest on them. Returns them in the
/// order of the files.
fn check_receipts<'a>(
    given: &'a [Given],
    trust: &Trust,
    seen: Option<&SignedCheckpoint>,
) -> Vec<(&'a Given, Checking)> {
    let receipts = given.iter().enumerate().filter_map(|(place, file)| match &file.content {
        Content::Receipt(receipt) => Some((place, file, receipt)),
        Content::Record(_)
        | Content::Envelope(_)
        | Content::Token(_)
        | Content::Artifact(_)
        | Content::Pack(_) => None,
    });
    let mut receipts: Vec<_> = receipts.collect();
    receipts.sort_by_key(|(_, _, receipt)| receipt.unverified_entry().index);
    let mut known = Known::new();
    let mut checked = Vec::new();
    for (place, file, receipt) in receipts {
        let checking = match check_receipt(receipt, trust, seen) {
            Ok(verified) => check_entry(verified, given, trust, &known),
            Err(why) => Checking::failed(receipt, None, why),
        };
        if let Some(Checked::Verified(verified)) = &checking.checked {
            let (index, record) = (verified.logged().entry().index, verified.logged().record());
            if Build::of(index, record).is_some() {
                known.insert(index, record.clone());
            }
        }
        checked.push((place, file, checking));
    }
    checked.sort_by_key(|(place, ..)| *place);
    checked.into_iter().map(|(_, file, checking)| (file, checking)).collect()
}

fn check_receipt(
    receipt: &Receipt,
    trust: &Trust,
    seen: Option<&SignedCheckpoint>,
) -> Result<VerifiedReceipt, String> {
    let checkpoint = receipt.signed_checkpoint().unverified();
    let keys = trust.log_keys_at(checkpoint.size());
    let verified = receipt.verify(&trust.pin().origin, &keys).map_err(|error| error.to_string())?;
    let newest = trust.newest().checkpoint().signed();
    for known in [Some(newest), seen].into_iter().flatten() {
        let known = known.unverified();
        if known.size() == checkpoint.size() && known.root() != checkpoint.root() {
            return Err(format!(
                "the log was forked: for tree size {} it signed the root {} here, and {} before",
                known.size(),
                checkpoint.root(),
                known.root()
            ));
        }
    }
    Ok(verified)
}

/// Checks what was given of the entry of a receipt, as far as it goes.
fn check_entry(receipt: VerifiedReceipt, given: &[Given], trust: &Trust, known: &Known) -> Checking {
    let entry = receipt.entry().clone();
    let record = given.iter().find_map(|other| match &other.content {
        Content::Record(bytes) if RecordDigest::of(bytes) == entry.record.digest => Some(bytes),
        _ => None,
    });
    let envelope = given.iter().find_map(|other| match &other.content {
        Content::Envelope(bytes) if EnvelopeDigest::of(bytes) == entry.envelope.digest => Some(bytes),
        _ => None,
    });
    let size = receipt.checkpoint().checkpoint().size();
    let included = format!("in the tree of size {size}");
    let checking = |verdict, detail| Checking {
        entry: entry.clone(),
        index: Some(entry.index),
        lacks_record: record.is_none(),
        lacks_envelope: envelope.is_none(),
        verdict,
        detail,
        checked: None,
    };
    if let (None, Some(said)) = (record, trust.redaction_of(&entry)) {
        let (by, reason) = (said.by, &said.redaction.reason);
        let detail = format!("{included}; the rest was erased by entry {by}: {reason}");
        let redacted =
            Checking { lacks_record: false, lacks_envelope: false, ..checking(Verdict::Redacted, detail) };
        return match Erased::new(receipt, trust) {
            Ok(erased) => Checking { checked: Some(Checked::Redacted(Box::new(erased))), ..redacted },
            Err(error) => checking(Verdict::Failed, error.to_string()),
        };
    }
    let missing_envelope = format!("envelope {}", entry.envelope.digest);
    let Some(record) = record else {
        let more = if envelope.is_none() { format!(" and {missing_envelope}") } else { String::new() };
        let detail =
            format!("{included}; not checked: admission record {}{more} (not given)", entry.record.digest);
        return checking(Verdict::Included, detail);
    };
    let logged = match Logged::new(receipt, record.clone()) {
        Ok(logged) => logged,
        Err(error) => return checking(Verdict::Failed, error.to_string()),
    };
    let Some(envelope) = envelope else {
        let detail = format!("{included}; not checked: {missing_envelope} (not given)");
        let checked = Some(Checked::Logged(Box::new(logged)));
        return Checking { checked, ..checking(Verdict::Is(Level::Logged), detail) };
    };
    match logged.verify(envelope.clone(), trust, known) {
        Ok(verified) => {
            let erased = trust.redaction_of(&entry).map_or_else(String::new, |said| {
                format!("; the log erased it since, by entry {}: {}", said.by, said.redaction.reason)
            });
            let submitter = match identified(&verified, given, trust) {
                Ok(said) => said.map_or_else(String::new, |said| format!("; submitted by {said}")),
                Err(error) => return checking(Verdict::Failed, error.to_string()),
            };
            let detail =
                format!("{included}; signatures, statement and admission checked{submitter}{erased}");
            let checked = Some(Checked::Verified(Box::new(verified)));
            Checking { checked, ..checking(Verdict::Is(Level::Verified), detail) }
        }
        Err(error @ CheckError::UnknownTrust { .. }) => {
            checking(Verdict::NotChecked, format!("{error}: the trust file is too old"))
        }
        Err(error @ CheckError::RestsOn { on, .. }) => {
            let hint = format!("give receipt, record and envelope of entry {on} too");
            checking(Verdict::NotChecked, format!("{error}: {hint}"))
        }
        Err(error) => checking(Verdict::Failed, error.to_string()),
    }
}

/// Says who submitted the entry, with the token if it was given; none without an identity.
fn identified(verified: &Verified, given: &[Given], trust: &Trust) -> Result<Option<String>, CheckError> {
    let record = verified.logged().record();
    let token = given.iter().find_map(|other| match &other.content {
        Content::Token(bytes) if names(record, bytes) => Some(bytes),
        _ => None,
    });
    let known = match token {
        Some(token) => {
            verified.check_token(token, trust)?;
            Token::Checked
        }
        None => Token::NotAsked,
    };
    Ok(Submitter::of(record, known).map(|submitter| submitter.text()))
}

/// Whether an admission record names this token.
fn names(record: &AdmissionRecord, token: &[u8]) -> bool {
    let digest = BlobDigest::of(token);
    record.token.is_some() && record.attachments.iter().any(|kept| kept.digest == digest)
}

/// Adds the verdict on a token: that of the entry whose record names it.
fn check_token(file: &Given, token: &[u8], receipts: &[Checking], report: &mut Report) {
    let own = receipts.iter().find(|receipt| {
        let record = receipt.checked.as_ref().and_then(Checked::record);
        record.is_some_and(|record| names(record, token))
    });
    match own {
        Some(receipt) if receipt.verdict == Verdict::Is(Level::Verified) => {
            report.add(file, receipt.verdict, receipt.index, "belongs to it, and was checked".to_owned());
        }
        Some(receipt) => {
            let detail = "belongs to it; not checked, as its envelope is not given".to_owned();
            report.add(file, Verdict::NotChecked, receipt.index, detail);
        }
        None => {
            let detail = "no admission record given names this token".to_owned();
            report.add(file, Verdict::NotChecked, None, detail);
        }
    }
}

fn check_artifact(file: &Given, digests: &[Digest], receipts: &[Checking], report: &mut Report) {
    let whole = receipts.iter().filter_map(|receipt| receipt.checked.as_ref());
    let entries: Vec<&Checked> = whole.filter(|checked| checked.record().is_some()).collect();
    let names = |checked: &&&Checked| {
        let subjects = checked.record().map_or(&[][..], |record| record.subjects.as_slice());
        digests.iter().any(|digest| subjects.contains(&digest.to_string()))
    };
    let about: Vec<&Checked> = entries.iter().filter(names).copied().collect();
    // The admission record's subjects are the log's word until the statement was read here.
    let strongest = about.iter().max_by_key(|checked| checked.verified().is_some());
    match strongest {
        Some(checked) => {
            let level = if checked.verified().is_some() { Level::Verified } else { Level::Logged };
            let list: Vec<String> = about.iter().map(|checked| checked.entry().index.to_string()).collect();
            let index = Some(checked.entry().index);
            report.add(file, Verdict::Is(level), index, format!("subject of entry {}", list.join(", ")));
        }
        None if entries.is_empty() => {
            report.add(
                file,
                Verdict::NotChecked,
                None,
                "no entry was checked that could be about it".to_owned(),
            );
        }
        None => {
            let digest = digests.first().map_or_else(String::new, ToString::to_string);
            let why = format!("no entry given is about this artifact ({digest})");
            report.add(file, Verdict::Failed, None, why);
        }
    }
}
