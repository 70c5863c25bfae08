//! Distrust: from an entry on, what somebody signed, or what is said of something, is not evidence any more.
//!
//! It is the predicate of an administrative statement. One `responder` may set it, at night and alone; a threshold of the
//! role `rules` undoes it. It erases nothing: an entry from a distrusted period is an authentic record, and never
//! "verified". Signatures on administrative entries are not touched by it: who administers is changed by a trust document.
//!
//! The JSON is drawn in `docs/format.md`, "Distrust".

use custody_log::LeafIndex;
use serde::{Deserialize, Serialize};

use super::check;
use super::error::TrustError;
use super::members::RoleName;
use crate::digest_set::Digest;
use crate::fact::{Node, NodeKind};
use crate::identity::Identity;
use crate::json;
use crate::key::KeyId;
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};
use crate::subject_name::{NameKind, digest_of_name};

/// How many distrusts responders may say one after the other, with nothing that `rules` or `root` signed in between: 1,024, so that who
/// has a responder's key alone does not write until clients cannot hold what administrators said.
pub const DISTRUSTS_ALONE_MAX: u32 = 1_024;

/// The predicate type.
pub const DISTRUST_TYPE: &str = "urn:custody:distrust:v1";

/// The value of the member `format`.
pub const DISTRUST_FORMAT: &str = "custody/distrust/v1";

/// The longest reason, in bytes.
pub const REASON_MAX: usize = 1024;

/// What an administrator says of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// What is not trusted.
    pub target: Target,
    /// The first entry that is not evidence any more; the first of the log if nobody knows since when.
    pub since: LeafIndex,
    /// Why.
    pub reason: String,
    /// The newest entry that says something of the target, if there is one. So no two statements are the same, and none can be
    /// sent again later: an undo that was signed once would undo the next distrust too.
    pub follows: Option<LeafIndex>,
    /// Whether an earlier distrust of the target ends.
    pub undo: bool,
}

/// What can be distrusted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A key, or the holder of certificates: what they signed.
    Signer(Identity),
    /// A builder, an artifact or a commit: what is said of it.
    Node(Node),
}

/// A distrust that holds, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrusted {
    /// What was said.
    pub distrust: Distrust,
    /// The entry.
    pub index: LeafIndex,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    kind: String,
    id: String,
    /// None if nobody knows.
    #[serde(default)]
    since: Option<u64>,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<u64>,
    #[serde(default)]
    undo: bool,
}

impl Target {
    /// Takes a node: a builder, an artifact or a commit. None for all other kinds: nothing rests on them.
    #[must_use]
    pub fn of_node(node: Node) -> Option<Self> {
        match node.kind() {
            NodeKind::Artifact | NodeKind::Builder | NodeKind::Commit => Some(Self::Node(node)),
            _ => None,
        }
    }

    /// Returns the word for what it is: `key`, `identity`, `builder`, `artifact` or `commit`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Signer(Identity::Key(_)) => "key",
            Self::Signer(Identity::Oidc(_)) => "identity",
            Self::Node(node) => node.kind().as_str(),
        }
    }

    /// Returns the text that identifies it among those of its kind; of a key the id alone.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Signer(Identity::Key(key)) => key.to_string(),
            Self::Signer(identity) => identity.to_string(),
            Self::Node(node) => node.id().to_owned(),
        }
    }

    fn read(kind: &str, id: &str) -> Option<Self> {
        let node = |kind| Node::named(kind, id).filter(|node| node.id() == id).map(Self::Node);
        match kind {
            "key" => id.parse::<KeyId>().ok().map(|key| Self::Signer(Identity::Key(key))),
            "identity" => match id.parse().ok()? {
                Identity::Key(_) => None,
                holder @ Identity::Oidc(_) => Some(Self::Signer(holder)),
            },
            "artifact" => id.parse().ok().filter(Digest::usable).and_then(|_| node(NodeKind::Artifact)),
            "builder" => node(NodeKind::Builder),
            "commit" => node(NodeKind::Commit).filter(|_| commit_digest(id).is_some()),
            _ => None,
        }
    }

    /// Returns name and digest of the statement's one subject: the thing itself where it has a digest.
    fn subject(&self) -> (String, Digest) {
        let named = |name: String| {
            let digest = digest_of_name(NameKind::Identity, &name);
            (name, digest)
        };
        match self {
            Self::Signer(identity) => named(identity.to_string()),
            Self::Node(node) => {
                let own = match node.kind() {
                    NodeKind::Artifact => node.id().parse().ok(),
                    NodeKind::Commit => commit_digest(node.id()),
                    _ => None,
                };
                match own {
                    Some(digest) => (node.id().to_owned(), digest),
                    None => named(node.id().to_owned()),
                }
            }
        }
    }
}

/// `<repository>@<hex>` or `gitCommit:<hex>`.
fn commit_digest(id: &str) -> Option<Digest> {
    let in_repository = || id.rsplit_once('@').filter(|(repository, _)| !repository.is_empty());
    let hex = id.strip_prefix("gitCommit:").or_else(|| in_repository().map(|(_, hex)| hex))?;
    Digest::read("gitCommit", hex).ok().filter(Digest::usable)
}

/// Writes `<kind> <id>`.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl Distrust {
    /// Returns the role whose threshold must sign it.
    #[must_use]
    pub const fn role(&self) -> RoleName {
        if self.undo { RoleName::Rules } else { RoleName::Responder }
    }

    /// Reads a statement of distrust: one subject, which is the target.
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != DISTRUST_FORMAT {
            return Err(TrustError::Format { found: cut(&members.format) });
        }
        check::crit_of(
            &members.crit,
            &["format", "crit", "kind", "id", "since", "reason", "follows", "undo"],
        )?;
        let target = Target::read(&members.kind, &members.id)
            .ok_or_else(|| TrustError::Target { kind: cut(&members.kind), id: cut(&members.id) })?;
        if members.reason.trim().is_empty() || members.reason.len() > REASON_MAX {
            return Err(TrustError::Reason { max: REASON_MAX, found: members.reason.len() });
        }
        let since = members.since.unwrap_or(0);
        let since = LeafIndex::new(since).map_err(|_| TrustError::Since { found: since })?;
        let follows = check::followed(members.follows)?;
        let (name, digest) = target.subject();
        match statement.subjects() {
            [subject] if subject.name() == Some(&name) && subject.digests().contains(&digest) => {
                Ok(Self { target, since, reason: members.reason, follows, undo: members.undo })
            }
            _ => Err(TrustError::Subject { origin: name, expected: digest }),
        }
    }

    /// Returns the statement to sign; the same distrust gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let members = Members {
            format: DISTRUST_FORMAT.to_owned(),
            crit: Vec::new(),
            kind: self.target.kind().to_owned(),
            id: self.target.id(),
            since: Some(self.since.get()),
            reason: self.reason.clone(),
            follows: self.follows.map(LeafIndex::get),
            undo: self.undo,
        };
        let (name, digest) = self.target.subject();
        let predicate = serde_json::to_vec(&members).expect("texts and numbers are always JSON");
        StatementBuilder::new(DISTRUST_TYPE)
            .subject(&name, [digest])
            .predicate(&predicate)
            .expect("texts and numbers make a statement")
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
