//! `--without`: what would flip if a key, identity, builder, artifact or commit were distrusted.

use std::ffi::OsString;
use std::fmt::Write as _;

use custody_client::ledger::{At, Moment};
use custody_evidence::fact::{Node, NodeKind};
use custody_evidence::identity::Identity;
use custody_gate::{Entry, Verdict, judge};
use serde_json::{Value, json};

use super::asked::Subject;
use super::{Args, Context, Gate};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{counted, escape_line};
use crate::cli::things::{Target, resolve};

/// Judges each subject as it is and without the thing: a no if a verdict flips.
pub(super) async fn run(
    gate: &mut Gate<'_>,
    subjects: &[Subject],
    thing: &OsString,
    args: &Args,
    context: &Context,
) -> Result<Outcome, Failure> {
    let node = named(gate, thing, context).await?;
    let since = args.since.map(|bound| bound.moment(context.clock));
    let mut pairs = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let gathered = gate.gather(subject, context).await?;
        let left = gathered.evidence.without(|entry| left_of(entry, &node, since));
        let with = gate.verdict(&gathered);
        pairs.push((with, judge(gate.policy, &left, &gathered.question)));
    }
    let flips: Vec<&(Verdict, Verdict)> =
        pairs.iter().filter(|(with, without)| with.decision() != without.decision()).collect();
    if context.output.is_json() {
        let verdict =
            |verdict: &Verdict| serde_json::from_slice::<Value>(&verdict.encode()).unwrap_or_default();
        context.output.print_json(&json!({
            "verdicts": pairs.iter().map(|(with, _)| verdict(with)).collect::<Vec<_>>(),
            "without": pairs.iter().map(|(_, without)| verdict(without)).collect::<Vec<_>>(),
            "flips": flips.iter().map(|(with, _)| with.subject()).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut text = String::new();
        for (with, without) in &pairs {
            let (before, after) = (with.decision(), without.decision());
            let _ = writeln!(text, "{before} -> {after}  {}", with.subject());
            for rule in without.rules() {
                let known = with.rules().iter().find(|known| known.id == rule.id);
                if known.is_some_and(|known| known.status != rule.status) {
                    let message = escape_line(&rule.message);
                    let _ = writeln!(text, "  {}  {}: {message}", rule.status, rule.id);
                }
            }
        }
        let named = escape_line(&thing.to_string_lossy());
        let _ = writeln!(text, "{} without {named}", counted(flips.len(), "verdict flips", "verdicts flip"));
        context.output.print(text)?;
    }
    Ok(if flips.is_empty() { Outcome::Yes } else { Outcome::No })
}

async fn named(gate: &mut Gate<'_>, thing: &OsString, context: &Context) -> Result<Node, Failure> {
    match resolve(gate.ledger, thing, At::Size(gate.circumstances.at.size), context).await? {
        Target::Nodes(nodes) => nodes.into_iter().next().ok_or_else(|| nothing(thing)),
        Target::Entry(_) => Err(nothing(thing)),
    }
}

fn nothing(thing: &OsString) -> Failure {
    Failure::usage("bad_thing", format!("{} cannot be distrusted", thing.to_string_lossy()))
        .hint("name a key, an identity, a builder, an artifact or a commit")
}

/// What is left of an entry if a thing counts for nothing since then; none if nothing is.
fn left_of(entry: &Entry, node: &Node, since: Option<Moment>) -> Option<Entry> {
    let before = match since {
        None => false,
        Some(Moment::Index(first)) => entry.index < first,
        Some(Moment::Time(time)) => entry.time < time,
    };
    if before {
        return Some(entry.clone());
    }
    match node.kind() {
        NodeKind::Identity => {
            let mut left = entry.clone();
            left.signers.retain(|signer| !is(&signer.identity, node));
            (!left.signers.is_empty() || entry.signers.is_empty()).then_some(left)
        }
        NodeKind::Artifact | NodeKind::Document => {
            (!entry.subjects.iter().any(|subject| subject == node.id())).then(|| entry.clone())
        }
        NodeKind::Commit => {
            let hex = node.id().rsplit(['@', ':']).next().unwrap_or_default();
            let of = |subject: &String| subject.strip_prefix("gitCommit:") == Some(hex);
            (!entry.subjects.iter().any(of)).then(|| entry.clone())
        }
        _ => {
            let bytes = entry.predicate.as_deref().unwrap_or_default();
            let named = serde_json::from_slice::<Value>(bytes).is_ok_and(|json| mentions(&json, node.id()));
            (!named).then(|| entry.clone())
        }
    }
}

fn is(identity: &Identity, node: &Node) -> bool {
    identity.to_string() == node.id()
}

/// Whether a value of a document is this text.
fn mentions(json: &Value, text: &str) -> bool {
    match json {
        Value::String(value) => value == text,
        Value::Array(elements) => elements.iter().any(|element| mentions(element, text)),
        Value::Object(members) => members.values().any(|member| mentions(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
