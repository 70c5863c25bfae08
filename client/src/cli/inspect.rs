//! `custody inspect`: what a file says, without a server.

use std::path::{Path, PathBuf};

use custody_client::document::{Item, Kind, items, kind};
use custody_client::inspect::{
    Check, Expectations, ExpectedKey, NamedRoot, Report, Signer, Status, Verdict, inspect,
};
use custody_evidence::key::{KeyError, PublicKey};
use custody_evidence::registry::npm_keys;
use custody_evidence::sigstore::{MAX_ROOT, ProvenTime, TimeSource, TrustedRoot};
use serde_json::json;

use super::Context;
use super::artifact;
use super::failure::{Failure, Outcome};
use super::file::{self, Documents};
use super::output::escape_line;

/// Show what a file says and what can be verified in it, without a server.
///
/// Reads DSSE envelopes, Sigstore bundles, PEP 740 attestations, documents of npm and PyPI, what gcloud prints, OCI image layouts,
/// statements, SBOMs, reports of scanners, receipts, and a .jsonl of any of them: each document of a file is reported by itself.
///
/// Ends with 0 when every document is well formed, a signature in it was verified, nothing failed and every expectation
/// holds; with 1 when one is malformed or something failed; with 3 when all are well formed, but there is nothing to verify
/// one of them with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file, or the folder of an OCI image layout; `-` is standard input.
    file: PathBuf,
    /// Expect it to be about this file or digest.
    #[arg(long, value_name = "FILE|DIGEST")]
    artifact: Option<String>,
    /// Expect it to be signed by this public key: a PEM file; for a receipt, a file with the log's verifier key. npm's
    /// `keys.json` makes the registry's keys known, and expects nothing. Can be given several times: one of them.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Believe the authorities and logs of this `trusted_root.json` (or `.jsonl`) about Sigstore bundles and PEP 740
    /// attestations. Can be given several times: one root must verify all of a bundle.
    #[arg(long = "trusted-root", value_name = "FILE")]
    trusted_roots: Vec<PathBuf>,
    /// Expect it to be signed by whom a verified certificate gives exactly this name: its subject alternative name.
    #[arg(long, value_name = "SAN")]
    identity: Option<String>,
    /// Expect that name to be vouched for by exactly this issuer of identity tokens.
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
}

/// The largest file, and of a layout the envelopes together: the largest envelope is 64 MiB. A report of each document is made
/// and printed before the next one.
const FILE_MAX: u64 = 64 << 20;

/// The largest key file: a PEM of an RSA key of 16,384 bits has less than 4 KiB, npm's list of four keys has 2 KiB.
const KEY_MAX: u64 = 64 << 10;

/// Runs `custody inspect`.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let expected = Expectations {
        artifact: args.artifact.as_deref().map(|text| artifact::read(text, context)).transpose()?,
        keys: args.keys.iter().map(|path| key(path)).collect::<Result<_, _>>()?,
        identity: args.identity,
        issuer: args.issuer,
        roots: roots(&args.trusted_roots)?,
    };
    let name = args.file.display().to_string();
    let show = |item: &Item<'_>| -> Result<Verdict, Failure> {
        let report = inspect(item, &expected);
        let place = item.named(&name);
        if context.output.is_json() {
            context.output.print_json(&document(&place, &report))?;
        } else {
            context.output.print(text(item, &place, &report))?;
        }
        Ok(report.verdict())
    };
    let verdicts: Vec<Verdict> = match file::documents(&args.file, FILE_MAX)? {
        Documents::Bytes(bytes) => items(&bytes).iter().map(show).collect::<Result<_, _>>()?,
        Documents::Layout(layout) => {
            layout.layers(FILE_MAX).iter().map(|layer| show(&layer.item())).collect::<Result<_, _>>()?
        }
    };
    Ok(if verdicts.contains(&Verdict::Fails) {
        Outcome::No
    } else if verdicts.iter().all(|verdict| *verdict == Verdict::Holds) {
        Outcome::Yes
    } else {
        Outcome::Unknown
    })
}

fn roots(paths: &[PathBuf]) -> Result<Vec<NamedRoot>, Failure> {
    let mut roots = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = file::read(path, u64::try_from(MAX_ROOT).unwrap_or(u64::MAX))?;
        let found = if kind(&bytes) == Kind::JsonLines {
            TrustedRoot::parse_lines(&bytes)
        } else {
            TrustedRoot::parse(&bytes).map(|root| vec![root])
        };
        let found = found.map_err(|error| {
            Failure::usage("bad_root", format!("{name}: {error}")).hint(
                "a trusted_root.json of Sigstore is expected, such as gh attestation trusted-root prints",
            )
        })?;
        roots.extend(found.into_iter().map(|root| NamedRoot { name: name.clone(), root }));
    }
    Ok(roots)
}

fn key(path: &Path) -> Result<ExpectedKey, Failure> {
    let bytes = file::read(path, KEY_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    if let Ok(key) = text.trim().parse() {
        return Ok(ExpectedKey::Log(key));
    }
    let bad = |error: &dyn std::fmt::Display| {
        Failure::usage("bad_key", format!("{}: {error}", path.display())).hint(
            "a public key in PEM is expected, such as custody key show --pem prints, or npm's keys.json",
        )
    };
    if bytes.trim_ascii_start().starts_with(b"{") {
        return npm_keys(&bytes).map(ExpectedKey::Registry).map_err(|error| bad(&error));
    }
    match PublicKey::from_pem(&text) {
        Ok(key) => Ok(ExpectedKey::Public(key)),
        Err(KeyError::Unsupported { algorithm }) => Ok(ExpectedKey::Unsupported(algorithm)),
        Err(error) => Err(bad(&error)),
    }
}

fn document(place: &str, report: &Report) -> serde_json::Value {
    let signers = report.signers.iter().map(|signer| {
        let time = |proven: &ProvenTime| json!({ "time": proven.time.to_string(), "by": source(proven.by) });
        json!({
            "status": signer.status.as_str(),
            "key": signer.key,
            "identity": signer.identity,
            "issuer": signer.issuer,
            "times": signer.times.iter().map(time).collect::<Vec<_>>(),
            "hint": signer.hint,
            "claimed": signer.claimed,
            "detail": signer.detail,
        })
    });
    let checks = report
        .checks
        .iter()
        .map(|check| json!({ "name": check.name, "status": check.status.as_str(), "detail": check.detail }));
    let facts = report
        .facts
        .iter()
        .map(|edge| json!({ "from": edge.from.id(), "kind": edge.kind.as_str(), "to": edge.to.id() }));
    json!({
        "file": place,
        "kind": report.kind.as_str(),
        "predicate": report.predicate,
        "subjects": report.subjects,
        "signers": signers.collect::<Vec<_>>(),
        "checks": checks.collect::<Vec<_>>(),
        "components": report.components,
        "facts": facts.collect::<Vec<_>>(),
        "warnings": report.warnings,
        "admissible": report.admissible,
        "why": report.why,
    })
}

/// Names who proves a time, as its check is named.
fn source(by: TimeSource) -> String {
    match by {
        TimeSource::LogPromise(item) => format!("log_promise[{item}]"),
        TimeSource::Timestamp(item) => format!("timestamp[{item}]"),
    }
}

/// The most lines of one section: an SBOM has thousands of facts. Checks are shown all: a bundle has at most 32 for its
/// time stamps, 3 x 32 for its log entries, and some ten others.
const LINES_MAX: usize = 12;

fn text(item: &Item<'_>, place: &str, report: &Report) -> String {
    let name = report.kind.name().trim_start_matches("a ").trim_start_matches("an ");
    let whole = item.place == custody_client::document::Place::default();
    let mut lines = vec![if whole { name.to_owned() } else { format!("{}: {name}", escape_line(place)) }];
    let mut section = |name: &str, texts: Vec<String>, max: usize| {
        let more = texts.len().saturating_sub(max);
        lines.extend(texts.iter().take(max).map(|text| format!("  {name:<10} {}", escape_line(text))));
        if more > 0 {
            lines.push(format!("  {name:<10} and {more} more (-o json prints all)"));
        }
    };
    section("predicate", report.predicate.iter().cloned().collect(), LINES_MAX);
    section("subject", report.subjects.clone(), LINES_MAX);
    section("components", report.components.iter().map(ToString::to_string).collect(), LINES_MAX);
    section("signature", report.signers.iter().map(signature).collect(), LINES_MAX);
    let times = report.signers.iter().flat_map(|signer| &signer.times);
    section("time", times.map(|time| format!("{} by {}", time.time, source(time.by))).collect(), LINES_MAX);
    section("check", report.checks.iter().map(check).collect(), usize::MAX);
    let facts = report.facts.iter().map(|edge| format!("{} {} {}", edge.from, edge.kind.as_str(), edge.to));
    section("fact", facts.collect(), LINES_MAX);
    section("warning", report.warnings.clone(), LINES_MAX);
    let admissible = match (&report.why, report.admissible) {
        (_, true) => "yes, by a log that trusts a signer of it".to_owned(),
        (Some(why), false) => format!("no: {why}"),
        (None, false) => "no".to_owned(),
    };
    section("recordable", vec![admissible], LINES_MAX);
    lines.push(match report.verdict() {
        Verdict::Holds => "verified: a signature holds, nothing failed, every expectation holds".to_owned(),
        Verdict::Fails => "NOT VERIFIED: something above failed".to_owned(),
        Verdict::Undecided => "not checked: well formed, but nothing here verifies it".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn signature(signer: &Signer) -> String {
    let who = match (&signer.identity, &signer.key, &signer.claimed) {
        (Some(identity), ..) => format!("{identity} ({})", signer.issuer.as_deref().unwrap_or_default()),
        (_, Some(key), _) => key.clone(),
        (_, _, Some(claimed)) => format!("{claimed:?}, as a certificate claims"),
        _ if signer.hint.is_empty() => "an unnamed key".to_owned(),
        _ => format!("a key called {:?}", signer.hint),
    };
    line(&who, signer.status, &signer.detail)
}

fn check(check: &Check) -> String {
    line(&check.name, check.status, &check.detail)
}

fn line(name: &str, status: Status, detail: &str) -> String {
    let status = match status {
        Status::Failed => "FAILED",
        Status::NotChecked => "not checked",
        Status::Unsupported => "unsupported",
        Status::Verified => "verified",
    };
    if detail.is_empty() { format!("{name}: {status}") } else { format!("{name}: {status}: {detail}") }
}
