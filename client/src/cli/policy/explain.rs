//! `custody policy explain`: what a policy asks, in words.

use custody_gate::Given;
use custody_gate::explain::{self, Explained};
use serde_json::{Value, json};

use super::Text;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::escape;

/// Explains a policy.
pub(super) async fn run(named: &str, context: &Context) -> Result<Outcome, Failure> {
    let policy = Text::of(named, context).await?.load(&Given::default())?;
    if context.output.is_json() {
        let rules: Vec<Value> = explain::rules(&policy).iter().map(view).collect();
        context.output.print_json(&json!({
            "policy": policy.name(),
            "version": policy.version(),
            "digest": policy.digest().to_string(),
            "rules": rules,
        }))?;
    } else {
        context.output.print(escape(&explain::explain(&policy)))?;
    }
    Ok(Outcome::Yes)
}

fn view(rule: &Explained) -> Value {
    json!({ "id": rule.id, "class": rule.class.as_str(), "asks": rule.asks, "looks_at": rule.looks_at })
}
