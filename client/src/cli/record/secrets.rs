//! Looks for secrets before anything is signed or sent: what is signed cannot be taken out again.

use custody_evidence::envelope::Envelope;
use custody_evidence::secret::{Allowed, Finding, Screened, screen, screen_statement};
use custody_evidence::trust::TrustState;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::session;

/// Refuses a statement with a secret in it, before it is signed.
pub(super) async fn in_statement(payload: &[u8], context: &Context, asks: bool) -> Result<(), Failure> {
    judge(context, asks, |origin, allowed| screen_statement(payload, origin, allowed)).await
}

/// Refuses an envelope with a secret in it, before it is sent.
pub(super) async fn in_envelope(envelope: &Envelope, context: &Context, asks: bool) -> Result<(), Failure> {
    judge(context, asks, |origin, allowed| screen(envelope, origin, allowed)).await
}

/// Refuses a statement with a secret in it, before an administrator signs it, under what is known to be allowed.
pub(crate) fn in_administration(
    statement: &[u8],
    state: Option<&TrustState>,
    context: &Context,
) -> Result<(), Failure> {
    judge_known(state, context, |origin, allowed| screen_statement(statement, origin, allowed))
}

/// Refuses an envelope that was kept, before it is sent: whoever kept it may have looked by other rules, or not at all.
pub(crate) fn in_kept(
    envelope: &Envelope,
    state: Option<&TrustState>,
    context: &Context,
) -> Result<(), Failure> {
    judge_known(state, context, |origin, allowed| screen(envelope, origin, allowed))
}

fn judge_known(
    state: Option<&TrustState>,
    context: &Context,
    look: impl FnOnce(&str, Allowed<'_>) -> Screened,
) -> Result<(), Failure> {
    let origin = state.map(|state| state.document().origin().to_string());
    let allows = |rule: &str, fingerprint: &str| state.is_some_and(|state| state.allows(rule, fingerprint));
    verdict(&look(origin.as_deref().unwrap_or_default(), &allows), origin.is_some(), context)
}

/// `asks`: whether the log may be asked what its administrators allow. It is asked only where something was found.
async fn judge(
    context: &Context,
    asks: bool,
    look: impl Fn(&str, Allowed<'_>) -> Screened,
) -> Result<(), Failure> {
    // A dry run needs no log: then a finding has no fingerprint that anybody could allow.
    let origin = session::anchor(context)?.map(|anchor| anchor.pin().origin.to_string());
    let name = origin.as_deref().unwrap_or_default();
    let mut found = look(name, &|_, _| false);
    if asks && !found.refused().is_empty() {
        // Without an answer nothing is allowed: the log would be asked to take it next, and is not there either.
        if let Ok(ledger) = session::open(context).await {
            let state = &ledger.trust().current().state;
            found = look(name, &|rule, fingerprint| state.allows(rule, fingerprint));
        }
    }
    verdict(&found, origin.is_some(), context)
}

/// Warns of what may be a secret, and refuses what is one. `named`: whether the log is known, for which findings have fingerprints.
fn verdict(found: &Screened, named: bool, context: &Context) -> Result<(), Failure> {
    for finding in found.suspected() {
        let (what, pointer, part) = (finding.what(), finding.pointer(), finding.part());
        context.output.warn(format!(
            "this may be a secret, and would be recorded for good: {what} at {pointer:?} in the {part}"
        ));
    }
    if !found.complete() {
        context.output.warn("more is encoded in it than is looked into for secrets");
    }
    if found.refused().is_empty() { Ok(()) } else { Err(refusal(found.refused(), named)) }
}

fn refusal(refused: &[Finding], named: bool) -> Failure {
    let told = |finding: &Finding| {
        let (what, part, pointer, rule) = (finding.what(), finding.part(), finding.pointer(), finding.rule());
        if named { finding.to_string() } else { format!("{what} in the {part} at {pointer:?} ({rule})") }
    };
    let places: Vec<String> = refused.iter().map(told).collect();
    Failure::no("secret", format!("nothing was sent: {}", places.join("; "))).hint(
        "take it out, and revoke it if others could read it; if it is no secret, an administrator can allow it: \
         custody trust allow RULE:FINGERPRINT --reason TEXT (docs/secrets.md)",
    )
}
