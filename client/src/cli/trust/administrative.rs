//! Administrative statements other than trust documents: signed by a role, at once or one administrator after the other.

use std::path::PathBuf;
use std::sync::Arc;

use custody_client::Ledger;
use custody_client::memory::replace;
use custody_client::sign::{choose, sign_statement};
use custody_evidence::dsse::{Envelope, SignatureVerdict, verify_signatures};
use custody_evidence::statement::Statement;
use custody_evidence::trust::{
    ALLOW_TYPE, Allow, CLOCK_REPAIR_TYPE, ClockRepair, DISTRUST_TYPE, Distrust, POLICY_TYPE, Policy,
    REDACTION_TYPE, Redaction, RoleName, TrustDocument,
};
use custody_log::LeafIndex;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::key::{failure as key_failure, store, unsigned, variable};
use crate::cli::record::secrets;

/// How a statement is signed.
#[derive(Debug, clap::Args)]
pub(crate) struct Signing {
    /// The key to sign with: a file, a name in the key store, a key id, or `env://VARIABLE`.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write the statement for several administrators to sign (`custody trust sign FILE`, then `custody record envelope
    /// FILE`), and record nothing.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What became of a statement.
pub(crate) enum Settled {
    /// It is in the log, at this entry.
    Recorded(LeafIndex),
    /// It waits for signatures in this file.
    Written(PathBuf),
}

/// Signs and records a statement that one signature of the role is enough for, or writes it for several to sign.
pub(crate) async fn settle(
    ledger: &mut Ledger,
    statement: &[u8],
    role: RoleName,
    signing: &Signing,
    context: &Context,
) -> Result<Settled, Failure> {
    secrets::in_administration(statement, Some(&ledger.trust().current().state), context)?;
    if let Some(path) = &signing.out {
        replace(path, statement).map_err(|error| Failure::unwritable(error.to_string()))?;
        return Ok(Settled::Written(path.clone()));
    }
    let chosen = choose(signing.key.as_deref(), &store(context)?, |name| variable(context, name))
        .map_err(|error| key_failure(&error))?;
    let document = ledger.trust().current().state.document();
    check_role(document, role, chosen.key.id())?;
    let needed = document.role(role).threshold;
    if needed > 1 {
        let message = format!("the role {role} needs {needed} signatures, and one key makes one");
        return Err(Failure::usage("several_signatures", message)
            .hint("write the statement with --out FILE, let each administrator run `custody trust sign FILE`, then `custody record envelope FILE`"));
    }
    let envelope =
        sign_statement(statement, chosen.key.as_ref()).map_err(|error| unsigned(&error, "bad_statement"))?;
    let recorded = ledger.record(&envelope.into(), Arc::new(|_| {})).await?;
    Ok(Settled::Recorded(recorded.logged.entry().index))
}

/// A signature that counts for nothing is not worth making.
pub(super) fn check_role(
    document: &TrustDocument,
    role: RoleName,
    key: custody_evidence::key::KeyId,
) -> Result<(), Failure> {
    let keys = &document.role(role).keys;
    if keys.contains(&key) {
        return Ok(());
    }
    let listed: Vec<String> = keys.iter().map(|key| format!("key:{key}")).collect();
    Err(Failure::no(
        "unknown_key",
        format!("key:{key} is not in the role {role}, so its signature would count for nothing"),
    )
    .hint(format!("the role has {}; choose one with --key", listed.join(", "))))
}

/// A statement of another kind than a trust document, for `custody trust sign`.
pub(super) struct Proposal {
    /// The role whose threshold must sign it.
    pub(super) role: RoleName,
    /// What it says, in one line.
    pub(super) says: String,
}

impl Proposal {
    /// Reads a distrust, a permission or a redaction; none if the statement is of another type.
    pub(super) fn read(statement: &Statement<'_>, origin: Option<&str>) -> Option<Result<Self, String>> {
        match statement.predicate_type() {
            DISTRUST_TYPE => {
                Some(Distrust::from_statement(statement).map_err(|error| error.to_string()).map(|said| {
                    let verb = if said.undo { "trust again" } else { "distrust" };
                    let says = format!("{verb} {} since entry {}: {}", said.target, said.since, said.reason);
                    Self { role: said.role(), says }
                }))
            }
            ALLOW_TYPE => {
                // Without a log that is known here the subject is taken at its word; the server checks it.
                let named = statement.subjects().first().and_then(|subject| subject.name());
                let origin = origin.or(named).unwrap_or_default();
                Some(Allow::from_statement(statement, origin).map_err(|error| error.to_string()).map(
                    |said| {
                        let verb = if said.undo { "block again" } else { "allow" };
                        let says = format!(
                            "{verb} what {} finds with the fingerprint {}: {}",
                            said.rule, said.fingerprint, said.reason
                        );
                        Self { role: RoleName::Rules, says }
                    },
                ))
            }
            CLOCK_REPAIR_TYPE => {
                let named = statement.subjects().first().and_then(|subject| subject.name());
                let origin = origin.or(named).unwrap_or_default();
                Some(ClockRepair::from_statement(statement, origin).map_err(|error| error.to_string()).map(
                    |said| {
                        let says = format!(
                            "ledger time steps back after entry {}, not behind {}: {}",
                            said.after, said.not_before, said.reason
                        );
                        Self { role: RoleName::Rules, says }
                    },
                ))
            }
            POLICY_TYPE => {
                let named = statement.subjects().first().and_then(|subject| subject.name());
                let origin = origin.or(named).unwrap_or_default();
                Some(Policy::from_statement(statement, origin).map_err(|error| error.to_string()).map(
                    |said| {
                        let says =
                            format!("policy {} version {}, {}", said.name, said.version, said.digest());
                        Self { role: RoleName::Rules, says }
                    },
                ))
            }
            REDACTION_TYPE => {
                Some(Redaction::from_statement(statement).map_err(|error| error.to_string()).map(|said| {
                    let says =
                        format!("erase what entry {} holds ({}): {}", said.index, said.entry, said.reason);
                    Self { role: RoleName::Rules, says }
                }))
            }
            _ => None,
        }
    }

    /// Returns how many signatures of the role the envelope has, of how many that must.
    pub(super) fn signed(&self, document: &TrustDocument, envelope: &Envelope) -> (usize, usize) {
        let verdicts = verify_signatures(envelope, &document.role_keys(self.role));
        let signers: std::collections::BTreeSet<_> =
            verdicts.iter().filter_map(SignatureVerdict::signer).collect();
        (document.people_behind(&signers), document.role(self.role).threshold)
    }
}
