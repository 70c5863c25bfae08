//! `custody trust sign`: one administrator's signature.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use custody_client::Trust;
use custody_client::memory::{Memory, replace};
use custody_client::sign::{Signer, add_signature, choose, sign_statement as sign_first};
use custody_evidence::dsse::{Envelope, IN_TOTO, SignatureVerdict, verify_signatures};
use custody_evidence::statement::Statement;
use custody_evidence::trust::{RoleName, TrustDocument};
use custody_wire::limits::ENVELOPE_BYTES_MAX;
use serde_json::json;

use super::administrative::{self, Proposal};
use super::lines::{changes, summary};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::file;
use crate::cli::key::{failure as key_failure, store, unsigned, variable};
use crate::cli::output::escape_line;
use crate::cli::record::secrets;
use crate::cli::session::{self, Anchor};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A proposed trust document: a statement, or an envelope that others signed already. It is replaced by
    /// the envelope with one signature more.
    file: PathBuf,
    /// The key to sign with: a file, a name in the key store, a key id, or `env://VARIABLE`.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Sign without asking.
    #[arg(long, short)]
    yes: bool,
}

/// Signs a proposed document.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let bytes = file::read(&args.file, ENVELOPE_BYTES_MAX)?;
    if let Some(signed) = sign_statement(&bytes, args, context)? {
        return Ok(signed);
    }
    let proposed = Proposed::read(&bytes, &args.file).or_else(|failure| {
        // What cannot be read is quoted: not before it was looked at.
        let envelope = Envelope::parse(&bytes).ok();
        secrets::in_administration(envelope.as_ref().map_or(&bytes, Envelope::payload), None, context)?;
        Err(failure)
    })?;
    let before = remembered(&proposed.document, context);
    let state = before.as_ref().map(|trust| &trust.current().state);
    secrets::in_administration(&proposed.unsigned.statement, state, context)?;
    let chosen = choose(args.key.as_deref(), &store(context)?, |name| variable(context, name))
        .map_err(|error| key_failure(&error))?;
    let before = before.as_ref().map(|trust| trust.current().state.document());
    check_role(&proposed.document, before, chosen.key.as_ref(), context)?;
    confirm(args, &described(&proposed.document, before), context)?;
    let envelope = proposed.unsigned.sign(chosen.key.as_ref())?;
    let own = Signed::by_root_of(&proposed.document, &envelope);
    // While the root role stays the same, both thresholds are one.
    let previous =
        before.filter(|before| before.role(RoleName::Root) != proposed.document.role(RoleName::Root));
    let previous = previous.map(|before| Signed::by_root_of(before, &envelope));
    replace(&args.file, envelope.bytes()).map_err(|error| Failure::unwritable(error.to_string()))?;
    let (version, id) = (proposed.document.version(), chosen.key.id());
    if context.output.is_json() {
        context.output.print_json(&json!({
            "version": version, "signer": format!("key:{id}"), "signed": own.signed, "threshold": own.threshold,
            "previous": previous.map(|previous| json!({
                "signed": previous.signed, "threshold": previous.threshold,
            })),
            "file": args.file.display().to_string(),
        }))?;
    } else {
        let previous = previous
            .map_or_else(String::new, |signed| format!(", {signed} that the root role before it needs"));
        context.output.print(format!(
            "signed version {version} with key:{id}: {own} that its root role needs{previous}\n"
        ))?;
    }
    Ok(Outcome::Yes)
}

/// Signs a statement of another role than `root`; none if it is a trust document, or nothing that is known.
fn sign_statement(bytes: &[u8], args: &Args, context: &Context) -> Result<Option<Outcome>, Failure> {
    let envelope = Envelope::parse(bytes).ok();
    let statement = envelope.as_ref().map_or(bytes.trim_ascii_end(), Envelope::payload).to_vec();
    let Ok(parsed) = Statement::parse(&statement) else { return Ok(None) };
    let Some(trust) = remembered_trust(context) else { return Ok(None) };
    let document = trust.current().state.document();
    let Some(proposal) = Proposal::read(&parsed, Some(document.origin().as_str())) else { return Ok(None) };
    // What cannot be read is quoted: not before it was looked at.
    secrets::in_administration(&statement, Some(&trust.current().state), context)?;
    let proposal = proposal.map_err(|why| {
        Failure::usage("bad_statement", format!("{}: {why}", args.file.display()))
            .hint("`custody distrust`, `custody redact` and `custody trust allow` write with --out FILE what can be signed here")
    })?;
    let chosen = choose(args.key.as_deref(), &store(context)?, |name| variable(context, name))
        .map_err(|error| key_failure(&error))?;
    administrative::check_role(document, proposal.role, chosen.key.id())?;
    confirm(args, &proposal.says, context)?;
    let envelope = Unsigned { statement, envelope }.sign(chosen.key.as_ref())?;
    let (signed, threshold) = proposal.signed(document, &envelope);
    replace(&args.file, envelope.bytes()).map_err(|error| Failure::unwritable(error.to_string()))?;
    let id = chosen.key.id();
    if context.output.is_json() {
        context.output.print_json(&json!({
            "role": proposal.role.as_str(), "signer": format!("key:{id}"), "signed": signed, "threshold": threshold,
            "file": args.file.display().to_string(),
        }))?;
    } else {
        let (role, says) = (proposal.role, escape_line(&proposal.says));
        context.output.print(format!("signed with key:{id}: {signed} of the {threshold} signatures that the role {role} needs\n  {says}\n"))?;
    }
    Ok(Some(Outcome::Yes))
}

/// How many people of a root role signed, of how many that must.
struct Signed {
    signed: usize,
    threshold: usize,
}

impl Signed {
    fn by_root_of(document: &TrustDocument, envelope: &Envelope) -> Self {
        let verdicts = verify_signatures(envelope, &document.role_keys(RoleName::Root));
        let signers: BTreeSet<_> = verdicts.iter().filter_map(SignatureVerdict::signer).collect();
        Self { signed: document.people_behind(&signers), threshold: document.role(RoleName::Root).threshold }
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the {} signatures", self.signed, self.threshold)
    }
}

/// Asks the administrator, who is shown what is signed. A script cannot read it, so it must say that somebody did.
fn confirm(args: &Args, signed: &str, context: &Context) -> Result<(), Failure> {
    if args.yes {
        context.output.note(signed);
        return Ok(());
    }
    if !crate::cli::output::Output::can_ask() {
        context.output.note(signed);
        return Err(Failure::usage("not_confirmed", "not signed: there is no terminal to confirm it at")
            .hint("read the document, then give --yes"));
    }
    if context.output.ask(signed, "Sign this?") {
        return Ok(());
    }
    Err(Failure::no("not_confirmed", "not confirmed: the document was not signed")
        .hint("run it again once you know what the document changes"))
}

/// A document to sign, and the envelope that holds it, if somebody signed it already.
struct Proposed {
    document: TrustDocument,
    unsigned: Unsigned,
}

/// A statement to sign, and the envelope that holds it, if somebody signed it already.
struct Unsigned {
    statement: Vec<u8>,
    envelope: Option<Envelope>,
}

impl Proposed {
    fn read(bytes: &[u8], path: &Path) -> Result<Self, Failure> {
        let refused = |why: String| {
            Failure::usage("bad_trust_document", format!("{}: {why}", path.display()))
                .hint("`custody trust propose --out FILE` and `custodyd init` write what can be signed here")
        };
        let envelope = Envelope::parse(bytes).ok();
        let statement = match &envelope {
            Some(envelope) if envelope.payload_type() == IN_TOTO => envelope.payload().to_vec(),
            Some(envelope) => {
                return Err(refused(format!(
                    "expected the payload type {IN_TOTO}, found {:?}",
                    envelope.payload_type()
                )));
            }
            None => bytes.trim_ascii_end().to_vec(),
        };
        let parsed = Statement::parse(&statement).map_err(|error| refused(error.to_string()))?;
        let document = TrustDocument::from_statement(&parsed).map_err(|error| refused(error.to_string()))?;
        Ok(Self { document, unsigned: Unsigned { statement, envelope } })
    }
}

impl Unsigned {
    fn sign(&self, key: &dyn Signer) -> Result<Envelope, Failure> {
        let signed = match &self.envelope {
            Some(envelope) if signed_by(envelope, key) => {
                return Err(Failure::no("already_signed", format!("key:{} has signed it already", key.id()))
                    .hint("the signatures of distinct keys count: let another administrator sign"));
            }
            Some(envelope) => add_signature(envelope, key),
            None => sign_first(&self.statement, key),
        };
        signed.map_err(|error| unsigned(&error, "bad_trust_document"))
    }
}

fn signed_by(envelope: &Envelope, key: &dyn Signer) -> bool {
    verify_signatures(envelope, &[key.public().clone()]).iter().any(|verdict| verdict.signer().is_some())
}

/// Signatures of the root role before count as well as those of the new one: both thresholds must be met. The one
/// before is known where the log was opened once.
fn check_role(
    document: &TrustDocument,
    before: Option<&TrustDocument>,
    key: &dyn Signer,
    context: &Context,
) -> Result<(), Failure> {
    let id = key.id();
    let of = |document: &TrustDocument| document.role(RoleName::Root).keys.clone();
    if of(document).contains(&id) || before.is_some_and(|before| of(before).contains(&id)) {
        return Ok(());
    }
    let keys: Vec<String> = of(document).iter().map(|key| format!("key:{key}")).collect();
    if before.is_none() {
        context.output.warn(format!(
            "key:{id} is not in the root role of the document ({}); it counts only if it is in that of the version \
             before, which is not known here: `custody init` fetches it",
            keys.join(", ")
        ));
        return Ok(());
    }
    Err(Failure::no(
        "unknown_key",
        format!(
            "key:{id} is in the root role neither of the document nor of the version before, so its signature would \
             count for nothing"
        ),
    )
    .hint(format!("the root role has {}; choose one with --key", keys.join(", "))))
}

/// Returns the trust of this document's log that this machine remembers.
fn remembered(document: &TrustDocument, context: &Context) -> Option<Trust> {
    remembered_trust(context).filter(|trust| trust.current().state.document().origin() == document.origin())
}

/// Returns the trust that this machine remembers, without asking the server.
fn remembered_trust(context: &Context) -> Option<Trust> {
    let trust = match session::anchor(context).ok().flatten()? {
        Anchor::Trust(trust) => *trust,
        Anchor::Pin(pin) => {
            let memory = Memory::of(context.settings.state_dir().ok()?, &pin);
            session::read_trust_file(&memory.trust_path()).ok()?
        }
    };
    Some(trust)
}

/// Returns what is signed: what changes against the version that this machine remembers, or all of it.
fn described(document: &TrustDocument, before: Option<&TrustDocument>) -> String {
    let against =
        before.map_or_else(String::new, |before| format!("; changes against version {}:", before.version()));
    let lines: Vec<String> = if let Some(before) = before {
        changes(before, document)
    } else {
        summary(document).into_iter().map(|(name, value)| format!("{name:<10} {value}")).collect()
    };
    let lines = if lines.is_empty() { vec!["none".to_owned()] } else { lines };
    let (origin, version) = (document.origin(), document.version());
    format!("trust document of {origin}, version {version}{against}\n  {}", lines.join("\n  "))
}
