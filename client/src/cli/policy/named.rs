//! Where a policy comes from: a file, or the log.

use std::path::Path;

use custody_client::Trust;
use custody_evidence::statement::Statement;
use custody_evidence::trust::{POLICY_BYTES_MAX, Policy as Stored, PolicyVersion, TrustState};
use custody_gate::{Given, LoadError, Policy};
use custody_log::BlobDigest;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::{file, session};

/// The text of a policy, and what people call it.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The file, or NAME@VERSION.
    pub(crate) called: String,
    /// The exact text.
    pub(crate) text: String,
}

impl Text {
    /// Reads a file.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Failure> {
        let called = path.display().to_string();
        let bytes = file::read(path, u64::try_from(POLICY_BYTES_MAX).unwrap_or(u64::MAX))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            Failure::usage("bad_policy", format!("{called}: {error}")).hint("a policy is text in UTF-8")
        })?;
        Ok(Self { called, text })
    }

    /// Reads the file of this name; if there is none, the policy of the log.
    pub(super) async fn of(named: &str, context: &Context) -> Result<Self, Failure> {
        let path = Path::new(named);
        if path.exists() {
            return Self::of_file(path);
        }
        let ledger = session::open(context).await?;
        let (found, text) = in_log(ledger.trust(), &ledger.trust().current().state, named)?;
        Ok(Self { called: format!("{}@{}", found.name, found.version), text })
    }

    /// Reads what it says.
    pub(crate) fn load(&self, given: &Given) -> Result<Policy, Failure> {
        Policy::load_given(self.text.as_bytes(), given).map_err(|error| bad_policy(&self.called, &error))
    }
}

/// Says why a text is no policy.
pub(crate) fn bad_policy(called: &str, error: &LoadError) -> Failure {
    Failure::usage("bad_policy", format!("{called}: {error}"))
        .hint("nothing was judged; docs/policy.md says what a policy may say, and `custody policy explain FILE` what one means")
}

/// Returns a policy of the log, as administrators had said by this state.
pub(crate) fn in_log(
    trust: &Trust,
    state: &TrustState,
    asked: &str,
) -> Result<(PolicyVersion, String), Failure> {
    let found = find(state, asked)?;
    Ok((found.clone(), text_of(trust, found)?))
}

/// Finds a policy by NAME, which is the newest, NAME@VERSION, or NAME@sha256:DIGEST.
pub(super) fn find<'s>(state: &'s TrustState, asked: &str) -> Result<&'s PolicyVersion, Failure> {
    let (name, which) = asked.rsplit_once('@').map_or((asked, None), |(name, which)| (name, Some(which)));
    let which = which.map(Which::read).transpose()?;
    let fits =
        |policy: &&PolicyVersion| policy.name == name && which.as_ref().is_none_or(|which| which.is(policy));
    if let Some(found) = state.policies().find(fits) {
        return Ok(found);
    }
    let known: Vec<&str> = state.policies().map(|policy| policy.name.as_str()).collect();
    let hint = match custody_gate::policy::nearest_name(name, known.iter().copied()) {
        Some(nearest) if nearest != name => {
            format!("did you mean {nearest}? `custody policy list` lists those there are")
        }
        _ => "`custody policy list` lists those there are".to_owned(),
    };
    Err(Failure::no_record(format!("there is no policy {asked}")).hint(hint))
}

/// Returns the text of a policy: it is in the entry that was replayed here, signatures and all.
pub(super) fn text_of(trust: &Trust, found: &PolicyVersion) -> Result<String, Failure> {
    let entry = trust.versions().iter().find(|version| version.entry.index == found.index);
    let origin = trust.pin().origin.as_str();
    let policy = entry.and_then(|entry| {
        let statement = Statement::parse(entry.envelope.payload()).ok()?;
        Stored::from_statement(&statement, origin).ok()
    });
    let policy =
        policy.ok_or_else(|| Failure::no("bad_policy", format!("entry {} holds no policy", found.index)))?;
    Ok(policy.text)
}

/// Which of the versions.
enum Which {
    Digest(String),
    Version(u64),
}

impl Which {
    fn read(text: &str) -> Result<Self, Failure> {
        if let Some(hex) = text.strip_prefix("sha256:") {
            let whole = hex.len() == 2 * BlobDigest::of(b"").as_bytes().len();
            if whole && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Ok(Self::Digest(text.to_owned()));
            }
            return Err(Failure::usage("bad_policy", format!("{text:?} is no digest"))
                .hint("give NAME@sha256: and 64 hex digits, as `custody policy list` prints them"));
        }
        text.parse().map(Self::Version).map_err(|_| {
            Failure::usage("bad_policy", format!("{text:?} is no version"))
                .hint("give NAME, NAME@VERSION, or NAME@sha256:DIGEST")
        })
    }

    fn is(&self, policy: &PolicyVersion) -> bool {
        match self {
            Self::Digest(digest) => policy.digest.to_string() == *digest,
            Self::Version(version) => policy.version == *version,
        }
    }
}
