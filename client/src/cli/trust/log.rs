//! `custody trust log`: all versions.

use std::fmt::Write as _;

use custody_client::trust::Version;
use custody_evidence::dsse::{SignatureVerdict, verify_signatures};
use custody_evidence::key::PublicKey;
use custody_evidence::statement::Statement;
use serde_json::json;

use super::administrative::Proposal;
use super::lines::changes;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Lists all versions, newest first.
pub(crate) async fn run(_args: Args, context: &Context) -> Result<Outcome, Failure> {
    let ledger = session::open(context).await?;
    let versions = ledger.trust().versions();
    let mut text = String::new();
    let mut rows = Vec::new();
    for (at, version) in versions.iter().enumerate().rev() {
        let before = at.checked_sub(1).and_then(|before| versions.get(before));
        let signers = signers(version, before);
        let mut changes =
            before.map_or_else(Vec::new, |before| changes(before.state.document(), version.state.document()));
        changes.extend(said(version));
        let number = version.state.document().version();
        rows.push(json!({
            "version": number,
            "index": version.entry.index.get(),
            "time": version.entry.time.to_string(),
            "signers": signers,
            "changes": changes,
        }));
        let _ = writeln!(text, "version {number}  entry {}  {}", version.entry.index, version.entry.time);
        for signer in signers {
            let _ = writeln!(text, "  signed by {signer}");
        }
        for change in changes {
            let _ = writeln!(text, "  {change}");
        }
    }
    if context.output.is_json() {
        context.output.print_json(&json!({ "pin": ledger.trust().pin().to_string(), "versions": rows }))?;
    } else {
        context.output.print(text)?;
    }
    Ok(Outcome::Yes)
}

/// Returns what an entry says that is no trust document.
fn said(version: &Version) -> Option<String> {
    let statement = Statement::parse(version.envelope.payload()).ok()?;
    Proposal::read(&statement, None)?.ok().map(|proposal| escape_line(&proposal.says))
}

/// Returns the keys of this version and the one before that signed it.
fn signers(version: &Version, before: Option<&Version>) -> Vec<String> {
    let mut keys: Vec<PublicKey> = version.state.document().public_keys().cloned().collect();
    keys.extend(before.into_iter().flat_map(|before| before.state.document().public_keys().cloned()));
    for log_key in &version.state.document().members().log_keys {
        keys.extend(PublicKey::from_ed25519(log_key.vkey.public_key()));
    }
    let verdicts = verify_signatures(&version.envelope, &keys);
    let mut signers: Vec<String> =
        verdicts.iter().filter_map(SignatureVerdict::signer).map(|key| format!("key:{key}")).collect();
    signers.sort();
    signers.dedup();
    signers
}
