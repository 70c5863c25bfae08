//! From settings to an open log: what every command that talks to the server starts with.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use custody_client::freshness::Freshness;
use custody_client::trust::TrustFileError;
use custody_client::{Ledger, OnRetry, Options, Patience, Pin, RecordError, Recorded, Trust, TrustFile};
use custody_evidence::envelope::Envelope;
use custody_evidence::oidc::Credential;
use custody_wire::Reason;
use serde_json::{Value, json};

use super::Context;
use super::failure::Failure;

/// How long commands that read try a server that cannot be reached: a wrong address should be reported soon.
const READING_RETRY: Duration = Duration::from_secs(3);

/// What `--trust` names.
#[derive(Debug)]
pub(crate) enum Anchor {
    /// Origin and digest of entry 0.
    Pin(Pin),
    /// A verified trust file.
    Trust(Box<Trust>),
}

impl Anchor {
    /// Returns the pin.
    pub(crate) fn pin(&self) -> &Pin {
        match self {
            Self::Pin(pin) => pin,
            Self::Trust(trust) => trust.pin(),
        }
    }
}

/// Opens the log for reading.
pub(crate) async fn open(context: &Context) -> Result<Ledger, Failure> {
    open_with(context, patience(context)).await
}

/// Returns how long commands try that are no CI job's.
pub(crate) fn patience(context: &Context) -> Patience {
    context.settings.patience(None, READING_RETRY)
}

/// Opens the log with this patience for each call.
pub(crate) async fn open_with(context: &Context, patience: Patience) -> Result<Ledger, Failure> {
    let options = options(context, patience)?;
    warn_of_plaintext(&options.server, context);
    // Large as a future, and part of that of nearly every command.
    let mut ledger = Box::pin(Ledger::open(options)).await?;
    tell(&mut ledger, context);
    Ok(ledger)
}

/// Opens the log with this patience, and says nothing of how it stands: a command that opens it again does.
pub(crate) async fn open_silently(context: &Context, patience: Patience) -> Result<Ledger, Failure> {
    Ok(Box::pin(Ledger::open(options(context, patience)?)).await?)
}

/// Opens the log to record something; none if it is not read by everybody, and not by us: then [`open_by_recording`] opens it.
pub(crate) async fn open_to_record(context: &Context, patience: Patience) -> Result<Option<Ledger>, Failure> {
    match open_with(context, patience).await {
        Ok(ledger) => Ok(Some(ledger)),
        Err(failure) if may_not_read(&failure) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Records an envelope and opens the log by that: to one who may not read it tells what proves a receipt once something was
/// recorded over the connection.
pub(crate) async fn open_by_recording(
    context: &Context,
    patience: Patience,
    envelope: &Envelope,
    credential: Option<&Credential>,
) -> Result<Result<(Ledger, Recorded), RecordError>, Failure> {
    let options = options(context, patience)?;
    let mut opened =
        Box::pin(Ledger::open_by_recording(options, envelope, credential, Arc::new(|_| {}))).await;
    if let Ok((ledger, _)) = &mut opened {
        tell(ledger, context);
    }
    Ok(opened)
}

/// Whether the log is not read by everybody, and not by us.
fn may_not_read(failure: &Failure) -> bool {
    let reason = Reason::from_word(&failure.code);
    matches!(reason, Some(Reason::NoCertificate | Reason::BadCertificate | Reason::NotAReader))
}

fn options(context: &Context, patience: Patience) -> Result<Options, Failure> {
    let server = server(context)?.to_owned();
    let anchor = anchor(context)?.ok_or_else(|| no_pin(&server))?;
    Ok(Options {
        server,
        tls: context.settings.tls()?,
        patience,
        pin: anchor.pin().clone(),
        state_dir: context.settings.state_dir()?.to_owned(),
        trust: match anchor {
            Anchor::Pin(_) => None,
            Anchor::Trust(trust) => Some(*trust),
        },
        on_retry: Some(tell_retries(context)),
    })
}

/// How long a call is tried again before the user is told, and how often they are told after that. Most servers are
/// back before.
const FIRST_NOTICE: Duration = Duration::from_secs(2);
const NEXT_NOTICE: Duration = Duration::from_secs(15);

/// Says on stderr that a call is tried again, why, and for how long.
fn tell_retries(context: &Context) -> OnRetry {
    let (output, next) = (context.output, Mutex::new(FIRST_NOTICE));
    OnRetry::new(move |retry| {
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        if retry.waited < FIRST_NOTICE {
            // Another call.
            *next = FIRST_NOTICE;
        } else if retry.waited >= *next {
            *next = retry.waited + NEXT_NOTICE;
            output.note(format!("{}; trying again for {} s", retry.error, retry.left.as_secs()));
        }
    })
}

/// Tells the user what the log's state means for them: warnings, expiry, staleness.
pub(crate) fn tell(ledger: &mut Ledger, context: &Context) {
    for warning in ledger.take_warnings() {
        context.output.warn(warning);
    }
    let now = context.clock.now();
    if ledger.trust().current().state.expired(now) {
        context.output.warn("the log's trust document has expired; ask its administrators for a new version");
    }
    let size = ledger.checkpoint().checkpoint().size();
    match Freshness::of(ledger.checkpoint(), ledger.trust(), now) {
        Freshness::Fresh { .. } => {}
        Freshness::Stale { age } => context.output.warn(format!(
            "the newest checkpoint (tree size {size}) was cosigned {} ago: the log may be frozen, and newer entries hidden",
            age_text(age)
        )),
        Freshness::Ahead { seconds } => context.output.warn(format!(
            "the newest checkpoint (tree size {size}) was cosigned {} ahead of this machine's clock: one of the two \
             clocks is wrong, and its age is not known",
            age_text(seconds)
        )),
        Freshness::Unknown => context.output.warn(format!(
            "the newest checkpoint (tree size {size}) has no freshness cosignature: its age is not known"
        )),
    }
}

/// Returns which trust documents the answer was checked under: the newest version, and up to which tree size it is
/// known that no later one is withheld.
pub(crate) fn trust_view(trust: &Trust) -> Value {
    json!({
        "version": trust.current().state.document().version(),
        "complete_to": trust.complete_to().get(),
    })
}

/// Returns how long ago something was, in the largest unit that is not zero.
pub(crate) fn age_text(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Says that others may read along, unless the user knows.
pub(crate) fn warn_of_plaintext(server: &str, context: &Context) {
    if !context.settings.allow_plaintext && leaves_machine(server) {
        context.output.warn(format!(
            "nothing hides what is sent to and asked of {server}, though every answer is verified: use https://, or \
             --allow-plaintext where the network is private"
        ));
    }
}

/// Whether what is sent to this address without TLS can be seen by other machines.
fn leaves_machine(server: &str) -> bool {
    let Some(address) = server.strip_prefix("http://") else { return false };
    let authority = address.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    !loopback && host != "localhost"
}

/// Returns the server's address.
pub(crate) fn server(context: &Context) -> Result<&str, Failure> {
    context.settings.server.as_deref().ok_or_else(|| {
        Failure::usage("no_server", "no server is set")
            .hint("give --server URL, set CUSTODY_SERVER, or run `custody init --server URL`")
    })
}

/// Reads what `--trust` names; none if it is not set.
pub(crate) fn anchor(context: &Context) -> Result<Option<Anchor>, Failure> {
    let Some(text) = context.settings.trust.as_deref() else { return Ok(None) };
    if text.contains("+sha256:") {
        let pin = text.parse().map_err(|error| {
            Failure::usage("bad_pin", format!("{error}")).hint(
                "a pin is ORIGIN+sha256:<digest of entry 0>, as `custodyd init` and `custody init` print it",
            )
        })?;
        return Ok(Some(Anchor::Pin(pin)));
    }
    Ok(Some(Anchor::Trust(Box::new(read_trust_file(Path::new(text))?))))
}

/// Reads and verifies a trust file.
pub(crate) fn read_trust_file(path: &Path) -> Result<Trust, Failure> {
    let bytes = super::file::read(path, custody_client::memory::FILE_BYTES_MAX).map_err(|failure| {
        Failure::usage("trust_file", format!("the trust file: {}", failure.message)).hint(
            "a pin has the form ORIGIN+sha256:<hex>; `custody trust show --out FILE` writes a trust file",
        )
    })?;
    let file = TrustFile::decode(&bytes)
        .map_err(|error| Failure::from(error).prefixed(&format!("{}", path.display())))?;
    Trust::verify(file).map_err(|error| {
        Failure::from(TrustFileError::Replay(error)).prefixed(&format!("{}", path.display()))
    })
}

pub(crate) fn no_pin(server: &str) -> Failure {
    Failure::usage("no_trust_pin", "no log is pinned: without a pin no answer can be checked").hint(format!(
        "run `custody init --server {server} --trust ORIGIN+DIGEST`, or set CUSTODY_TRUST, with the pin that the log's \
         operator gave you"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_is_told_of_where_other_machines_see_it() {
        for address in
            ["http://127.0.0.1:4600", "http://[::1]:4600/", "http://localhost:1", "https://example.com"]
        {
            assert!(!leaves_machine(address), "{address}");
        }
        for address in [
            "http://example.com:4600",
            "http://10.0.0.1",
            "http://[2001:db8::1]:1",
            "http://localhost.example.com",
        ] {
            assert!(leaves_machine(address), "{address}");
        }
    }
}
