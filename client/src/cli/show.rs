//! `custody show`: one entry, and the checks made on it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use custody_client::check::Logged;
use custody_client::ledger::{At, Condition, Kept, Query, check_any};
use custody_client::memory::replace;
use custody_client::{Checked, Ledger, LedgerError, Trust, Verified};
use custody_evidence::admission::{
    AdmissionRecord, Binding, BundleCheck, BundleProof, CheckName, CheckResult, Mark,
};
use custody_evidence::envelope::Said;
use custody_evidence::fact::Node;
use custody_evidence::secret;
use custody_evidence::statement::Statement;
use custody_log::LeafIndex;
use serde_json::{Value, json};

mod erased;

use super::Context;
use super::entry_view::{authority, binding as binding_word, bundle_result, signer_status, signers};
use super::failure::{Failure, Outcome};
use super::identity::{Submitter, Token};
use super::output::{escape, escape_line};
use super::session;
use super::things::{Target, resolve};

/// Show one entry: its text, its statement, the checks made, and its receipt.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An entry (`index:1042`, or 1042), or a THING that one entry is about.
    #[arg(value_name = "ENTRY|DIGEST")]
    thing: OsString,
    /// Print the envelope's exact bytes and nothing else.
    #[arg(long)]
    raw: bool,
    /// Also write receipt, admission record, envelope and, where there is one, identity token into this directory, each in its
    /// exact bytes, for `custody verify`.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// How many candidates are listed when a THING has several entries.
const CANDIDATES: u32 = 20;

/// Shows one entry.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let (index, questions) = find_entry(&mut ledger, &args.thing, context).await?;
    let mut entry = [ledger.entry(index).await?];
    ledger.find_first_signed(&mut entry).await?;
    let [entry] = entry;
    check_any(&questions, &entry, entry.entry().time)?;
    let verified = match entry {
        Checked::Verified(verified) => verified,
        Checked::Redacted(erased) => return erased::show(&erased, &args, context),
        Checked::Logged(logged) => return Err(undecided(&logged)),
    };
    let (token, bytes) = token(&ledger, &verified).await?;
    if let Some(dir) = &args.save {
        save(&verified, bytes.as_deref(), dir, context)?;
    }
    if args.raw {
        context.output.print_bytes(verified.envelope().bytes())?;
    } else if context.output.is_json() {
        context.output.print_json(&document(&verified, token, ledger.trust()))?;
    } else {
        context.output.print(text(&verified, token, ledger.trust()))?;
    }
    Ok(Outcome::Yes)
}

/// Says why an entry is logged and no more: what it rests on was erased.
fn undecided(logged: &Logged) -> Failure {
    let builds: Vec<String> = logged.record().builds().iter().map(ToString::to_string).collect();
    let (index, builds) = (logged.entry().index, builds.join(", "));
    let message = format!(
        "entry {index} is logged, and cannot be verified any more: that it is about builds of its signer's own was said by entry {builds}, \
         and a redaction erased that"
    );
    Failure::unknown("undecided", message)
        .hint("`custody find` and `custody trace` show it as logged; record the provenance again, and what rests on it")
}

/// Gets the token that the entry was recorded with, if the log serves it, and checks it.
async fn token(ledger: &Ledger, verified: &Verified) -> Result<(Token, Option<Vec<u8>>), Failure> {
    let kept = ledger.token(verified).await?;
    let token = kept.as_ref().map_or(Token::NotAsked, Token::of);
    Ok((token, kept.and_then(|kept| if let Kept::Bytes(bytes) = kept { Some(bytes) } else { None })))
}

/// Returns the entry that a THING names; with the questions that it must meet, if the server chose it.
async fn find_entry(
    ledger: &mut Ledger,
    typed: &OsStr,
    context: &Context,
) -> Result<(LeafIndex, Vec<Query>), Failure> {
    let thing: &str = &typed.to_string_lossy();
    // A number of fewer than 5 digits can be nothing else; a longer one may be the start of a digest.
    if thing.len() < 5
        && let Ok(index) = thing.parse()
    {
        return Ok((index, Vec::new()));
    }
    let nodes = match resolve(ledger, typed, At::Newest, context).await? {
        Target::Entry(index) => return Ok((index, Vec::new())),
        Target::Nodes(nodes) => nodes,
    };
    let about = |node: &Node| {
        let condition =
            Condition::about(node).map_err(|error| Failure::usage("bad_thing", error.to_string()))?;
        Ok(Query { conditions: vec![condition], limit: CANDIDATES, ..Query::default() })
    };
    let questions = nodes.iter().map(about).collect::<Result<Vec<_>, Failure>>()?;
    let found = nodes.first().map_or_else(String::new, ToString::to_string);
    let entries = ledger.find_any(&questions).await?;
    match entries.indexes.as_slice() {
        // The server has more to read, so that no other is there cannot even be claimed.
        [] | [_] if let Some(below) = entries.next => Err(LedgerError::Unsearched { below }.into()),
        [] => Err(Failure::no_record(format!("no entry is about {found}"))
            .hint(format!("`custody trace {thing}` shows what is connected with it"))),
        [only] => Ok((*only, questions)),
        several => {
            let more = if entries.next.is_some() { " and perhaps more" } else { "" };
            let list: Vec<String> = several.iter().map(|index| format!("index:{index}")).collect();
            Err(Failure::usage(
                "ambiguous",
                format!("several entries are about {found}: {}{more}", list.join(" ")),
            )
            .hint(format!("show one of them, or all together with `custody trace {thing}`")))
        }
    }
}

/// Writes `<index>.receipt`, `<index>.record.json`, `<index>.envelope.json` and, if there is one, `<index>.token.jwt`.
fn save(verified: &Verified, token: Option<&[u8]>, dir: &Path, context: &Context) -> Result<(), Failure> {
    let logged = verified.logged();
    let receipt = logged.receipt().receipt().encode();
    let parts = [
        ("receipt", receipt.as_slice()),
        ("record.json", logged.record_bytes()),
        ("envelope.json", verified.envelope().bytes()),
    ];
    let files: Vec<(&str, &[u8])> =
        parts.into_iter().chain(token.map(|token| ("token.jwt", token))).collect();
    write(logged.entry().index, &files, dir, context)
}

fn write(index: LeafIndex, files: &[(&str, &[u8])], dir: &Path, context: &Context) -> Result<(), Failure> {
    let unwritable = |why: String| Failure::unwritable(why);
    std::fs::create_dir_all(dir)
        .map_err(|error| unwritable(format!("cannot make {}: {error}", dir.display())))?;
    for (kind, bytes) in files {
        let path = dir.join(format!("{index}.{kind}"));
        replace(&path, bytes).map_err(|error| unwritable(error.to_string()))?;
        context.output.note(format!("wrote {}", path.display()));
    }
    Ok(())
}

/// One check: name, status, detail.
type Row = (&'static str, &'static str, String);

/// Returns the checks that were made here, and those that the log says were not made at all.
fn checks(verified: &Verified, token: Token) -> Vec<Row> {
    let logged = verified.logged();
    let (entry, record) = (logged.entry(), logged.record());
    let size = logged.receipt().checkpoint().checkpoint().size();
    let passed = "verified";
    let mut rows = vec![
        ("inclusion", passed, format!("in the tree of size {size} that the log signed")),
        ("record", passed, format!("is the {} bytes that the entry commits to", entry.record.length)),
        ("envelope", passed, format!("is the {} bytes that the entry commits to", entry.envelope.length)),
        ("content", passed, "what was signed is what the entry commits to".to_owned()),
        (
            "statement",
            passed,
            match verified.said() {
                Said::Statement(_) => "is an in-toto statement with usable digests".to_owned(),
                Said::Signed(_) => "is the signature of a file, by its digest".to_owned(),
                Said::Image(_) => "is what cosign signs of an image, by its digest".to_owned(),
            },
        ),
        (
            "admission",
            passed,
            format!(
                "admitted again here under trust document version {}, with the same record",
                record.trust.version
            ),
        ),
    ];
    for signer in &record.signers {
        let who = signer.identity();
        let who = who.map_or_else(|| "a key that is not known".to_owned(), |who| who.to_string());
        let detail = match (&signer.rule, &signer.why) {
            (Some(rule), _) => format!("{who}, by the rule {rule}"),
            (None, Some(why)) => format!("{who}: {why}"),
            (None, None) => who,
        };
        let detail = match authority(record, signer) {
            Some(authority) => format!("{detail}, as {authority} evidence"),
            None => detail,
        };
        rows.push(("signature", signer_status(signer.status), detail));
        rows.extend(signer.proof.iter().flat_map(|proof| proved(proof)));
    }
    if let Some(submitter) = Submitter::of(record, token) {
        rows.push(("identity", submitter.word(), submitter.text()));
    }
    rows.extend(claimed_checks(record));
    rows.extend(record.marks.iter().filter_map(unknown_mark));
    rows
}

/// A mark of a later version than this one: that there is something is all that is known.
fn unknown_mark(mark: &Mark) -> Option<Row> {
    matches!(mark, Mark::Unknown(_)).then(|| {
        ("mark", "unknown", format!("{mark}: the log noted something that this version does not know"))
    })
}

/// What a bundle proved of its signature: checked again here, with the same results.
fn proved(proof: &BundleProof) -> Vec<Row> {
    let root = proof.root.as_ref();
    let under =
        root.map_or_else(|| "without a trusted root".to_owned(), |root| format!("under the root {root:?}"));
    let mut rows = vec![("bundle", "verified", under)];
    rows.extend(
        proof.times.iter().map(|proven| ("time", "verified", format!("{} by {}", proven.time, proven.by))),
    );
    let check = |check: &BundleCheck| ("bundle", bundle_result(check.result), check.check.clone());
    rows.extend(proof.checks.iter().map(check));
    rows
}

/// Checks whose result is the log's word: what depends on its clock, and what it did not check.
fn claimed_checks(record: &AdmissionRecord) -> Vec<Row> {
    let mut rows = Vec::new();
    for check in &record.checks {
        match (check.check, check.result) {
            (CheckName::Time, CheckResult::Marked) => {
                rows.push(("time", "marked", "a claimed time lies ahead of ledger time".to_owned()));
            }
            (CheckName::Binding, _) => rows.push(bound(record.binding)),
            (CheckName::Secrets, CheckResult::NotChecked) => {
                rows.push(("secrets", "not_checked", "the log did not look for secrets".to_owned()));
            }
            (CheckName::Secrets, result) => rows.push(found_secrets(result, record.screen.as_deref())),
            _ => {}
        }
    }
    rows
}

/// How what the statement says of its job compares with what issuers say: found again here.
fn bound(binding: Option<Binding>) -> Row {
    let (status, detail) = match binding {
        Some(found @ Binding::Bound) => {
            (binding_word(found), "the statement says of its job what the issuer says")
        }
        Some(found @ Binding::Conflict) => (
            binding_word(found),
            "the statement says another repository, commit or run than the issuer says of the job",
        ),
        Some(found @ Binding::Unbound) => {
            (binding_word(found), "the statement and the issuer do not both say a repository")
        }
        None => ("not_checked", "the submitter has no identity to compare claims with"),
    };
    ("binding", status, detail.to_owned())
}

/// What the secret screen found: the same here, if this version has the rules that the log had.
fn found_secrets(result: CheckResult, version: Option<&str>) -> Row {
    let version = version.unwrap_or("unknown");
    let here = if version == secret::VERSION { "here too" } else { "by rules that are not known here" };
    let word = if result == CheckResult::Marked { "marked" } else { "passed" };
    let found = if result == CheckResult::Marked { "a value may be a secret" } else { "none was found" };
    ("secrets", word, format!("{found}, {here} (rules {version})"))
}

fn statement(verified: &Verified) -> Value {
    let payload = verified.envelope().payload();
    payload.and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or(Value::Null)
}

/// Says that it is no evidence any more, and who said so.
fn distrust(verified: &Verified, trust: &Trust) -> Option<Row> {
    let checked = Checked::Verified(Box::new(verified.clone()));
    let found = checked.distrust(&trust.current().state)?;
    let (said, since) = (&found.distrust, found.distrust.since);
    let detail = format!(
        "an authentic record from a distrusted period: {} since entry {since}, by entry {}: {}",
        said.target, found.index, said.reason
    );
    Some(("distrust", "distrusted", detail))
}

fn document(verified: &Verified, token: Token, trust: &Trust) -> Value {
    let logged = verified.logged();
    let (entry, record) = (logged.entry(), logged.record());
    let checkpoint = logged.receipt().checkpoint().checkpoint();
    let found = distrust(verified, trust);
    let word = if found.is_some() { "distrusted" } else { "verified" };
    let checks: Vec<Value> = checks(verified, token)
        .into_iter()
        .chain(found)
        .map(|(name, status, detail)| json!({ "name": name, "status": status, "detail": detail }))
        .collect();
    let facts: Vec<Value> = verified
        .facts()
        .edges
        .iter()
        .map(|edge| json!({ "from": edge.from.id(), "kind": edge.kind.as_str(), "to": edge.to.id() }))
        .collect();
    json!({
        "index": entry.index.get(),
        "entry": custody_log::EntryDigest::of(logged.receipt().entry_bytes()).to_string(),
        "text": String::from_utf8_lossy(logged.receipt().entry_bytes()),
        "time": entry.time.to_string(),
        "envelope": entry.envelope.digest.to_string(),
        "content": entry.content.to_string(),
        "predicate": record.predicate_type,
        "subjects": record.subjects,
        "signers": signers(record),
        "submitter": record.submitter,
        "identity": Submitter::of(record, token).map(|submitter| submitter.json()),
        "binding": record.binding.map(binding_word),
        "authority": record.authority.as_str(),
        "check": word,
        "checks": checks,
        "interpreted": verified.facts().interpreted,
        "facts": facts,
        "statement": statement(verified),
        "record": serde_json::from_slice::<Value>(logged.record_bytes()).unwrap_or(Value::Null),
        "receipt": String::from_utf8_lossy(&logged.receipt().receipt().encode()),
        "checkpoint": {
            "origin": checkpoint.origin().to_string(),
            "size": checkpoint.size().get(),
            "root": checkpoint.root().to_string(),
        },
    })
}

fn text(verified: &Verified, token: Token, trust: &Trust) -> String {
    let logged = verified.logged();
    let record = logged.record();
    let mut out = String::new();
    out += &escape(&String::from_utf8_lossy(logged.receipt().entry_bytes()));
    let _ = writeln!(out, "\npredicate  {}", escape_line(&record.predicate_type));
    if !verified.facts().interpreted {
        out += "           not interpreted: found by subject, type, signer and time\n";
    }
    match verified.said() {
        Said::Statement(_) => {}
        Said::Signed(file) => {
            let _ = writeln!(out, "subject    {file}  a file that was signed, without a statement");
        }
        Said::Image(image) => {
            let name = format!("{:?}", image.reference());
            let _ = writeln!(
                out,
                "subject    {}  an image that the signer calls {}",
                image.digest(),
                escape_line(&name)
            );
        }
    }
    for subject in verified.statement().map(Statement::subjects).unwrap_or_default() {
        let name = subject.name().or_else(|| subject.uri()).unwrap_or("-");
        for digest in subject.digests() {
            let _ = writeln!(out, "subject    {}  {}", escape_line(&digest.to_string()), escape_line(name));
        }
    }
    let _ = writeln!(out, "authority  {}\n\nchecks", record.authority);
    for (name, status, detail) in checks(verified, token).into_iter().chain(distrust(verified, trust)) {
        let _ = writeln!(out, "  {name:<10} {status:<11}  {}", escape_line(&detail));
    }
    let pretty = serde_json::to_string_pretty(&statement(verified)).unwrap_or_default();
    let _ = writeln!(out, "\nstatement\n{}\n\nreceipt", escape(&pretty));
    out += &escape(&String::from_utf8_lossy(&logged.receipt().receipt().encode()));
    out
}
