//! `custody policy show` and `list`: policies of the log.

use std::fmt::Write as _;

use custody_client::Ledger;
use custody_evidence::trust::PolicyVersion;
use serde_json::{Value, json};

use super::named::{find, text_of};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape_line;

/// Prints the exact text of a policy.
pub(super) fn show(ledger: &Ledger, asked: &str, context: &Context) -> Result<Outcome, Failure> {
    let state = &ledger.trust().current().state;
    let found = find(state, asked)?;
    let text = text_of(ledger.trust(), found)?;
    if context.output.is_json() {
        let mut document = view(found);
        if let Some(members) = document.as_object_mut() {
            members.insert("text".to_owned(), Value::String(text));
        }
        context.output.print_json(&document)?;
    } else {
        context.output.print_bytes(text.as_bytes())?;
    }
    Ok(Outcome::Yes)
}

/// Lists all policies with their versions.
pub(super) fn list(ledger: &Ledger, context: &Context) -> Result<Outcome, Failure> {
    let policies: Vec<&PolicyVersion> = ledger.trust().current().state.policies().collect();
    if context.output.is_json() {
        let policies: Vec<Value> = policies.iter().map(|policy| view(policy)).collect();
        context.output.print_json(&json!({ "policies": policies }))?;
    } else {
        let mut text = String::new();
        for policy in &policies {
            let name = format!("{}@{}", escape_line(&policy.name), policy.version);
            let _ = writeln!(text, "{name:<24}  {}  entry {}", policy.digest, policy.index);
        }
        context.output.print(text)?;
    }
    Ok(if policies.is_empty() { Outcome::NoRecord } else { Outcome::Yes })
}

fn view(policy: &PolicyVersion) -> Value {
    json!({
        "name": policy.name, "version": policy.version, "digest": policy.digest.to_string(), "index": policy.index.get(),
    })
}
