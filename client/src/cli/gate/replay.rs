//! `--replay`: a recorded verdict, asked for again. The same bytes, or what differs.

use std::fmt::Write as _;

use custody_client::ledger::At;
use custody_client::{Checked, Trust, Verified};
use custody_gate::difference::{Difference, differences};
use custody_gate::verdict::Recorded;
use custody_gate::{Given, Policy, Verdict};
use custody_log::LeafIndex;
use serde_json::{Value, json};

use super::asked::Subject;
use super::{Args, Gate};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{counted, escape_line};
use crate::cli::policy::{Text, in_log};
use crate::cli::session;

/// Judges again, at the same size and time, by the same policy and parameters.
pub(super) async fn run(index: LeafIndex, args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let recorded = recorded(&ledger.entry(index).await?)?;
    let circumstances = ledger
        .circumstances(At::Size(recorded.size()), Some(recorded.evaluated_at()), context.clock.now())
        .await?;
    let policy = policy(&recorded, args, ledger.trust())?;
    let environment = recorded.environment().map(str::parse).transpose();
    let environment = environment.map_err(|error| Failure::no("bad_verdict", format!("{error}")))?;
    let digest =
        recorded.subject().parse().map_err(|error| Failure::no("bad_verdict", format!("{error}")))?;
    let environment = environment.as_ref();
    let mut gate = Gate { ledger: &mut ledger, policy: &policy, circumstances: &circumstances, environment };
    let subject = Subject { called: recorded.subject().to_owned(), digests: vec![digest] };
    let gathered = gate.gather(&subject, context).await?;
    let verdict = gate.verdict(&gathered);
    let same = verdict.encode() == recorded.encode();
    let differences = differences(&recorded, &verdict);
    if context.output.is_json() {
        context.output.print_json(&json!({
            "entry": index.get(),
            "same": same,
            "recorded": recorded.decision().as_str(),
            "found": verdict.decision().as_str(),
            "differences": differences.iter().map(difference).collect::<Vec<_>>(),
        }))?;
    } else {
        context.output.print(text(index, &recorded, &verdict, (same, &differences)))?;
    }
    Ok(if same { Outcome::Yes } else { Outcome::Unknown })
}

/// Reads the verdict of an entry, whose signature was verified here.
fn recorded(checked: &Checked) -> Result<Recorded, Failure> {
    let index = checked.entry().index;
    if let Some(redacted) = checked.redacted() {
        return Err(Failure::unknown(
            "redacted",
            format!("entry {index} was erased by entry {}", redacted.by),
        )
        .hint("what the verdict said is not known any more"));
    }
    let statement = checked.verified().and_then(Verified::statement);
    let predicate = statement.and_then(custody_evidence::Statement::predicate_bytes);
    let none = || {
        Failure::usage("bad_verdict", format!("entry {index} holds no verdict"))
            .hint("`custody find --predicate vsa` lists those that were recorded")
    };
    Recorded::from_summary(predicate.ok_or_else(none)?).map_err(|error| {
        Failure::usage("bad_verdict", format!("entry {index} holds no verdict of a gate: {error}"))
            .hint("`custody find --predicate vsa` lists those that were recorded")
    })
}

/// Returns the policy that the verdict names by its digest: of the log, or of the file that is given.
fn policy(recorded: &Recorded, args: &Args, trust: &Trust) -> Result<Policy, Failure> {
    let expected = recorded.policy_digest();
    let text = if let Some(path) = &args.policy_file {
        Text::of_file(path)?
    } else {
        let asked = format!("{}@{expected}", recorded.policy());
        let (found, text) = in_log(trust, &trust.current().state, &asked).map_err(|failure| {
            super::misspelt(failure).hint("the policy was a file: give it with --policy-file FILE")
        })?;
        Text { called: format!("{}@{}", found.name, found.version), text }
    };
    let policy = text.load(&Given::of_json(recorded.parameters()))?;
    let found = policy.digest().to_string();
    if found == expected {
        return Ok(policy);
    }
    Err(Failure::usage(
        "other_policy",
        format!("{}: expected the policy {expected}, found {found}", text.called),
    )
    .hint("a verdict is replayed by the exact text that it was given by"))
}

fn text(
    index: LeafIndex,
    recorded: &Recorded,
    found: &Verdict,
    (same, differences): (bool, &[Difference]),
) -> String {
    let mut text = format!("{}  {}\n", found.decision(), found.subject());
    let about = format!("entry {index}, as of tree size {}, {}", recorded.size(), recorded.evaluated_at());
    if same {
        let _ = writeln!(text, "  the same as in {about}: byte for byte");
        return text;
    }
    let _ = writeln!(text, "  {} from {about}", counted(differences.len(), "difference", "differences"));
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), escape_line);
    for Difference { place, recorded, found } in differences {
        let place = escape_line(place);
        let _ = writeln!(text, "  {place}\n    recorded {}\n    found    {}", value(recorded), value(found));
    }
    text
}

fn difference(difference: &Difference) -> Value {
    json!({ "place": difference.place, "recorded": difference.recorded, "found": difference.found })
}
