//! `custody trust sign`: one administrator's signature.

use std::path::{Path, PathBuf};

use custody_client::memory::{Memory, replace};
use custody_client::sign::choose;
use custody_evidence::dsse::{Envelope, IN_TOTO, verify_signatures};
use custody_evidence::key::SigningKey;
use custody_evidence::statement::Statement;
use custody_evidence::trust::{RoleName, TrustDocument};
use serde_json::json;

use super::show::changes;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::key::{failure as key_failure, store, variable};
use crate::cli::session;

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
    let bytes = std::fs::read(&args.file).map_err(|error| {
        Failure::usage("unreadable", format!("cannot read {}: {error}", args.file.display()))
    })?;
    let proposed = Proposed::read(&bytes, &args.file)?;
    let chosen = choose(args.key.as_deref(), &store(context)?, |name| variable(context, name))
        .map_err(|error| key_failure(&error))?;
    check_role(&proposed.document, &chosen.key)?;
    describe(&proposed.document, context);
    if !args.yes && crate::cli::output::Output::can_ask() && !context.output.ask("Sign this?") {
        return Err(Failure::no("not_confirmed", "not signed"));
    }
    let envelope = proposed.sign(&chosen.key)?;
    let root = proposed.document.role(RoleName::Root);
    let keys = proposed.document.role_keys(RoleName::Root);
    let signed =
        verify_signatures(&envelope, &keys).iter().filter(|verdict| verdict.signer().is_some()).count();
    replace(&args.file, envelope.bytes()).map_err(|error| Failure::usage("unwritable", error.to_string()))?;
    let (version, threshold, id) = (proposed.document.version(), root.threshold, chosen.key.id());
    if context.output.is_json() {
        context.output.print_json(&json!({
            "version": version, "signer": format!("key:{id}"), "signed": signed, "threshold": threshold,
            "file": args.file.display().to_string(),
        }))?;
    } else {
        context.output.print(format!(
            "signed version {version} with key:{id}: {signed} of the {threshold} signatures that its root role needs\n"
        ))?;
    }
    Ok(Outcome::Yes)
}

/// A document to sign, and the envelope that holds it, if somebody signed it already.
struct Proposed {
    document: TrustDocument,
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
        Ok(Self { document, statement, envelope })
    }

    fn sign(&self, key: &SigningKey) -> Result<Envelope, Failure> {
        let signed = match &self.envelope {
            Some(envelope) if signed_by(envelope, key) => {
                return Err(Failure::no("already_signed", format!("key:{} has signed it already", key.id()))
                    .hint("the signatures of distinct keys count: let another administrator sign"));
            }
            Some(envelope) => envelope.add_signature(key),
            None => Envelope::sign(IN_TOTO, &self.statement, &[key]),
        };
        signed.map_err(|error| Failure::usage("bad_trust_document", error.to_string()))
    }
}

fn signed_by(envelope: &Envelope, key: &SigningKey) -> bool {
    verify_signatures(envelope, &[key.public().clone()]).iter().any(|verdict| verdict.signer().is_some())
}

/// A key outside the root role of the new document may be one of the role before, which counts as well; it
/// cannot be known here without the log, so only a key that the document does not know at all is refused.
fn check_role(document: &TrustDocument, key: &SigningKey) -> Result<(), Failure> {
    let id = key.id();
    if document.public_key(&id).is_some() {
        return Ok(());
    }
    let keys: Vec<String> =
        document.role(RoleName::Root).keys.iter().map(|key| format!("key:{key}")).collect();
    Err(Failure::no(
        "unknown_key",
        format!("key:{id} is not in the document, so its signature would count for nothing"),
    )
    .hint(format!("the root role has {}; choose one with --key", keys.join(", "))))
}

/// Says what changes against the version that this machine remembers, without asking the server.
fn describe(document: &TrustDocument, context: &Context) {
    let members = document.members();
    context.output.note(format!("trust document of {}, version {}", members.origin, document.version()));
    let remembered = session::anchor(context).ok().flatten().and_then(|anchor| {
        let memory = Memory::of(context.settings.state_dir().ok()?, anchor.pin());
        session::read_trust_file(&memory.trust_path()).ok()
    });
    let Some(trust) = remembered else { return };
    let before = trust.current().state.document();
    if before.origin() == document.origin() {
        for change in changes(before, document) {
            context.output.note(format!("  {change}"));
        }
    }
}
