//! Looks for secrets before anything is signed or sent: what is signed cannot be taken out again.

use custody_evidence::envelope::Envelope;
use custody_evidence::secret::{Finding, Screened, screen, screen_statement};

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::session;

/// Refuses a statement with a secret in it, before it is signed.
pub(super) fn in_statement(payload: &[u8], context: &Context) -> Result<(), Failure> {
    judge(context, |origin| screen_statement(payload, origin, &nothing))
}

/// Refuses an envelope with a secret in it, before it is sent.
pub(super) fn in_envelope(envelope: &Envelope, context: &Context) -> Result<(), Failure> {
    judge(context, |origin| screen(envelope, origin, &nothing))
}

fn judge(context: &Context, look: impl FnOnce(&str) -> Screened) -> Result<(), Failure> {
    // A dry run needs no log: then a finding has no fingerprint that anybody could allow.
    let origin = session::anchor(context)?.map(|anchor| anchor.pin().origin.to_string());
    let found = look(origin.as_deref().unwrap_or_default());
    for finding in found.suspected() {
        context.output.warn(format!(
            "this may be a secret, and is recorded for good: {} at {:?} in the {}",
            finding.what(),
            finding.pointer(),
            finding.part()
        ));
    }
    if !found.complete() {
        context.output.warn("more is encoded in it than is looked into for secrets");
    }
    match found.refused() {
        [] => Ok(()),
        refused => Err(refusal(refused, origin.is_some())),
    }
}

fn refusal(refused: &[Finding], fingerprints: bool) -> Failure {
    let told = |finding: &Finding| {
        let (part, pointer, rule) = (finding.part(), finding.pointer(), finding.rule());
        let place = format!("{} in the {part} at {pointer:?} (rule {rule}", finding.what());
        if fingerprints {
            format!("{place}, fingerprint {})", finding.fingerprint())
        } else {
            format!("{place})")
        }
    };
    let places: Vec<String> = refused.iter().map(told).collect();
    Failure::no("secret", format!("nothing was sent: {}", places.join("; "))).hint(
        "take it out and revoke it if others could read it; if it is no secret, an administrator can allow its rule and \
         fingerprint (docs/secrets.md)",
    )
}

fn nothing(_: &str, _: &str) -> bool {
    false
}
