//! `custody record source`: a commit and its place.

use std::path::{Path, PathBuf};

use custody_client::git::{
    CommitId, CommitObject, CommitSignature, OPENPGP_KEYS_MAX, Repository, Signers, Verdict, check_signature,
};
use custody_client::make::{custody, source};
use custody_client::ssh::{ALLOWED_MAX, AllowedSigners, RevokedKeys};
use custody_evidence::predicate::{CustodyPredicate as _, Source};

use super::flags::{Common, name, unmade};
use super::send;
use super::surroundings::{self, Found, Place, git_failure};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::file;

/// A commit and its place: parents, branch, author, and whether its signature holds. The subject is the commit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Whose SSH keys may sign commits: a file as ssh-keygen(1) has it [default: git's `gpg.ssh.allowedSignersFile`].
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Whose `OpenPGP` keys may sign commits: public keys as `gpg --export` writes them, with or without --armor. They are
    /// checked with the gpg of this machine.
    #[arg(long, value_name = "FILE")]
    openpgp_keys: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record source`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let found = args.place.find(context)?;
    let subjects = found.subjects(&args.common, context)?;
    let made = if let Some(made) = args.common.given(Source::TYPE, &subjects)? {
        made
    } else {
        let Found { around, repository, commit } = found;
        let reference = around
            .required_reference(args.place.reference.as_deref(), &commit)
            .map_err(|error| surroundings::missing(&error))?;
        let (object, signature) = read(&commit, &args)?;
        if let Some(signature) = &signature {
            tell(signature, context);
        }
        let reference = name("--ref", &reference)?;
        let predicate = source(&repository, &commit, &object, signature.as_ref(), reference)
            .map_err(|error| Failure::usage("git", format!("commit {commit}: {error}")))?;
        custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?
    };
    send::statement(&made, &args.common.sending, context).await
}

/// Reads the commit from the working copy, and checks the signature that it carries.
fn read(commit: &CommitId, args: &Args) -> Result<(CommitObject, Option<CommitSignature>), Failure> {
    let git = |error| git_failure(&error);
    let repository = Repository::find(Path::new(".")).map_err(git)?;
    let bytes = repository.commit_bytes(commit).map_err(git)?;
    let object = CommitObject::parse(&bytes)
        .map_err(|source| git(custody_client::git::GitError::Commit { id: commit.clone(), source }))?;
    let signers = signers(&repository, args.allowed_signers.as_deref())?;
    let max = u64::try_from(OPENPGP_KEYS_MAX).unwrap_or(u64::MAX);
    let keys = args.openpgp_keys.as_deref().map(|path| file::read(path, max)).transpose()?;
    let signature = check_signature(commit, &bytes, &object, &signers, keys.as_deref());
    Ok((object, signature))
}

/// A file that was named by the flag must be usable. What git's settings name may not be there: then nobody is known.
fn signers(repository: &Repository, given: Option<&Path>) -> Result<Signers, Failure> {
    let setting = |name| repository.file_setting(name).map_err(|error| git_failure(&error));
    let max = u64::try_from(ALLOWED_MAX).unwrap_or(u64::MAX);
    let unreadable = |failure: Failure| Signers::Unreadable { why: failure.message };
    let allowed = if let Some(path) = given {
        let text = file::read(path, max)?;
        AllowedSigners::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
            Failure::usage("bad_signers", format!("{}: {error}", path.display()))
                .hint("one line for a key, such as: ann@example.com namespaces=\"git\" ssh-ed25519 AAAA...")
        })?
    } else {
        let Some(path) = setting("gpg.ssh.allowedSignersFile")? else { return Ok(Signers::Unknown) };
        let text = match file::read(&path, max) {
            Ok(text) => text,
            Err(failure) => return Ok(unreadable(failure)),
        };
        match AllowedSigners::parse(&String::from_utf8_lossy(&text)) {
            Ok(allowed) => allowed,
            Err(problem) => return Ok(Signers::UnusableAllowed(problem)),
        }
    };
    let revoked = match setting("gpg.ssh.revocationFile")? {
        None => RevokedKeys::default(),
        Some(path) => match file::read(&path, max).map(|bytes| RevokedKeys::parse(&bytes)) {
            Ok(Ok(revoked)) => revoked,
            Ok(Err(problem)) => return Ok(Signers::UnusableRevoked(problem)),
            Err(failure) => return Ok(unreadable(failure)),
        },
    };
    Ok(Signers::Known { allowed, revoked })
}

/// Says what came of the signature: loudly if it does not hold.
fn tell(signature: &CommitSignature, context: &Context) {
    let kind = signature.kind.as_str();
    let by = signature.key.as_ref().map_or_else(String::new, |key| format!(" by {key}"));
    let what = format!("the commit's {kind} signature{by}");
    match &signature.verdict {
        Verdict::Verified { principals } => context.output.note(format!("{what} is verified: {principals}")),
        Verdict::NotChecked(why) => context.output.note(format!("{what} is NOT CHECKED: {why}")),
        Verdict::Failed(why) => {
            context.output.warn(format!("{what} DOES NOT HOLD, and is recorded as not verified: {why}"));
        }
    }
}
