//! `custody policy put`: the next version of a policy.

use std::path::Path;

use custody_client::Ledger;
use custody_evidence::trust::{Policy, RoleName};
use serde_json::json;

use super::{Text, session};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;
use crate::cli::trust::administrative::{Settled, Signing, settle};

/// Puts a policy that loads: one that does not would stop every gate that asks for it by name.
pub(super) async fn run(
    path: &Path,
    name: Option<&str>,
    signing: &Signing,
    context: &Context,
) -> Result<Outcome, Failure> {
    let text = Text::of_file(path)?;
    let own = text.load(&custody_gate::Given::default())?.name().to_owned();
    if let Some(other) = name.filter(|name| *name != own) {
        return Err(Failure::usage(
            "bad_policy",
            format!("{} is the policy {own}, not {other}", path.display()),
        )
        .hint("leave out --name, or change the name in the file: a gate finds a policy by one name"));
    }
    let mut ledger = session::open(context).await?;
    let Text { text, .. } = text;
    put(&mut ledger, own, text, signing, context).await
}

async fn put(
    ledger: &mut Ledger,
    name: String,
    text: String,
    signing: &Signing,
    context: &Context,
) -> Result<Outcome, Failure> {
    let before = ledger.trust().current().state.policy(&name).cloned();
    let version = before.as_ref().map_or(1, |before| before.version.saturating_add(1));
    let policy = Policy { name, version, text };
    if let Some(same) = before.filter(|before| before.digest == policy.digest()) {
        let message = format!("version {} of the policy {} has this text already", same.version, same.name);
        return Err(Failure::no("no_change", message).hint("there is nothing to put"));
    }
    let statement = policy.statement(ledger.trust().pin().origin.as_str());
    let settled = settle(ledger, &statement, RoleName::Rules, signing, context).await?;
    let (index, file) = match &settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    let (name, digest) = (&policy.name, policy.digest());
    if context.output.is_json() {
        context.output.print_json(&json!({
            "name": name, "version": version, "digest": digest.to_string(), "index": index, "file": file,
        }))?;
        return Ok(Outcome::Yes);
    }
    let name = escape_line(name);
    match settled {
        Settled::Recorded(index) => {
            context.output.print(format!(
                "policy {name} version {version}\n  digest {digest}\n  entry  index:{index}\n"
            ))?;
        }
        Settled::Written(path) => {
            let file = path.display();
            context.output.print(format!(
                "policy {name} version {version}, to be put\n  digest {digest}\n  file   {file}\n"
            ))?;
            context.output.note(format!(
                "next: administrators of the role rules sign it (custody trust sign {file}), then custody record envelope {file}"
            ));
        }
    }
    Ok(Outcome::Yes)
}
