//! `custody inspect`: what a file says, without a server.

use std::path::{Path, PathBuf};

use custody_client::file_digest::FileDigests;
use custody_client::inspect::{Expectations, ExpectedKey, Report, Status, Verdict, inspect};
use custody_evidence::digest_set::Digest;
use custody_evidence::key::{KeyError, PublicKey};
use custody_evidence::thing::Thing;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::file;
use super::output::escape_line;

/// Show what a file says and what can be verified in it, without a server.
///
/// Ends with 0 when it is well formed, a signature in it was verified, nothing failed and every expectation holds; with
/// 1 when it is malformed or something failed; with 3 when it is well formed, but there is nothing to verify it with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Expect it to be about this file or digest.
    #[arg(long, value_name = "FILE|DIGEST")]
    artifact: Option<String>,
    /// Expect it to be signed by this public key: a PEM file; for a receipt, a file with the log's verifier key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Expectations of Sigstore bundles, which are not verified yet.
    #[arg(long, value_name = "FILE", hide = true)]
    trusted_root: Option<PathBuf>,
    /// As `--trusted-root`.
    #[arg(long, value_name = "SAN", hide = true)]
    identity: Option<String>,
    /// As `--trusted-root`.
    #[arg(long, value_name = "URL", hide = true)]
    issuer: Option<String>,
}

/// The largest file: the largest envelope is 64 MiB.
const FILE_MAX: u64 = 64 << 20;

/// The largest key file: a PEM of an RSA key of 16,384 bits has less than 4 KiB.
const KEY_MAX: u64 = 16 << 10;

/// Runs `custody inspect`.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    refuse_later_flags(&args)?;
    let expected = Expectations {
        artifact: args.artifact.as_deref().map(|text| artifact(text, context)).transpose()?,
        key: args.key.as_deref().map(key).transpose()?,
    };
    let bytes = file::read(&args.file, FILE_MAX)?;
    let report = inspect(&bytes, &expected);
    if context.output.is_json() {
        context.output.print_json(&document(&report))?;
    } else {
        context.output.print(text(&report))?;
    }
    Ok(match report.verdict() {
        Verdict::Holds => Outcome::Yes,
        Verdict::Fails => Outcome::No,
        Verdict::Undecided => Outcome::Unknown,
    })
}

fn refuse_later_flags(args: &Args) -> Result<(), Failure> {
    let given = [
        ("--trusted-root", args.trusted_root.is_some()),
        ("--identity", args.identity.is_some()),
        ("--issuer", args.issuer.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        // An expectation that nothing checks must not look as if it held.
        Some((flag, _)) => Err(Failure::usage(
            "not_supported",
            format!("{flag} is an expectation of Sigstore bundles, which are not verified yet"),
        )
        .hint("--key FILE checks the signatures of DSSE envelopes")),
        None => Ok(()),
    }
}

fn artifact(text: &str, context: &Context) -> Result<Vec<Digest>, Failure> {
    let bad = |why: String| {
        Failure::usage("bad_artifact", why)
            .hint("give a file, or a whole digest such as sha256:<64 hex digits>")
    };
    match Thing::parse(text).map_err(|error| bad(format!("--artifact {text}: {error}")))? {
        Thing::Digest(digest) | Thing::Image { digest, .. } => Ok(vec![digest]),
        Thing::Commit { hex, .. } => {
            Digest::read("gitCommit", &hex).map(|digest| vec![digest]).map_err(|error| bad(error.to_string()))
        }
        Thing::Path(path) | Thing::Name(path) => {
            let path = Path::new(&path);
            let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            let bar = context.output.bytes_bar("hashing", length);
            let digests = FileDigests::of(path, |read| bar.inc(read))
                .map_err(|error| bad(format!("{error}: {}", error.source)))?;
            bar.finish_and_clear();
            Ok(vec![digests.sha256, digests.sha512])
        }
        Thing::Prefix(_) => {
            Err(bad(format!("--artifact {text}: the start of a digest could be of any artifact")))
        }
        Thing::Entry(_) | Thing::KeyId(_) | Thing::Purl(_) | Thing::Url(_) => {
            Err(bad(format!("--artifact {text} is neither a file nor a digest")))
        }
    }
}

fn key(path: &Path) -> Result<ExpectedKey, Failure> {
    let bytes = file::read(path, KEY_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    if let Ok(key) = text.trim().parse() {
        return Ok(ExpectedKey::Log(key));
    }
    match PublicKey::from_pem(&text) {
        Ok(key) => Ok(ExpectedKey::Public(key)),
        Err(KeyError::Unsupported { algorithm }) => Ok(ExpectedKey::Unsupported(algorithm)),
        Err(error) => Err(Failure::usage("bad_key", format!("{}: {error}", path.display()))
            .hint("a public key in PEM is expected, such as custody key show --pem prints")),
    }
}

fn document(report: &Report) -> serde_json::Value {
    let signers = report.signers.iter().map(|signer| {
        json!({ "status": signer.status.as_str(), "key": signer.key, "hint": signer.hint, "detail": signer.detail })
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

/// The most lines of one section: an SBOM has thousands of facts.
const LINES_MAX: usize = 12;

fn text(report: &Report) -> String {
    let mut lines = vec![report.kind.name().trim_start_matches("a ").trim_start_matches("an ").to_owned()];
    let mut section = |name: &str, texts: Vec<String>| {
        let more = texts.len().saturating_sub(LINES_MAX);
        lines.extend(texts.iter().take(LINES_MAX).map(|text| format!("  {name:<10} {}", escape_line(text))));
        if more > 0 {
            lines.push(format!("  {name:<10} and {more} more (-o json prints all)"));
        }
    };
    section("predicate", report.predicate.iter().cloned().collect());
    section("subject", report.subjects.clone());
    section("components", report.components.iter().map(ToString::to_string).collect());
    section("signature", report.signers.iter().map(signature).collect());
    section(
        "check",
        report.checks.iter().map(|check| line(check.name, check.status, &check.detail)).collect(),
    );
    let facts = report.facts.iter().map(|edge| format!("{} {} {}", edge.from, edge.kind.as_str(), edge.to));
    section("fact", facts.collect());
    section("warning", report.warnings.clone());
    let admissible = match (&report.why, report.admissible) {
        (_, true) => "yes, by a log that trusts a signer of it".to_owned(),
        (Some(why), false) => format!("no: {why}"),
        (None, false) => "no".to_owned(),
    };
    section("recordable", vec![admissible]);
    lines.push(match report.verdict() {
        Verdict::Holds => "verified: a signature holds, nothing failed, every expectation holds".to_owned(),
        Verdict::Fails => "NOT VERIFIED: something above failed".to_owned(),
        Verdict::Undecided => "not checked: well formed, but nothing here verifies it".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn signature(signer: &custody_client::inspect::Signer) -> String {
    let who = signer.key.clone().unwrap_or_else(|| {
        if signer.hint.is_empty() {
            "an unnamed key".to_owned()
        } else {
            format!("a key called {:?}", signer.hint)
        }
    });
    line(&who, signer.status, &signer.detail)
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
