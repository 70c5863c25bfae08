//! `custody distrust`: from an entry on, something is no evidence any more; and the undo of that.

use custody_client::{Checked, Ledger, Level};
use custody_evidence::fact::{Node, NodeKind};
use custody_evidence::identity::Identity;
use custody_evidence::thing::Thing;
use custody_evidence::trust::{Distrust, Distrusted, Target};
use custody_log::{LeafIndex, Timestamp};
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::escape_line;
use super::session;
use super::times::{self, Bound};
use super::trust::administrative::{Settled, Signing, settle};

/// Distrust a key, an identity, a builder, an artifact or a commit from an entry on.
///
/// What it signed, or what is said of it, counts up to that entry and not after. Entries stay, as authentic records of a
/// distrusted period; nothing new of it is recorded. One responder may do it; a threshold of the rules role undoes it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `key:<hex>`, `<issuer>#<name>`, the URL of a builder, a whole digest, or a commit. No prefixes and no tags.
    thing: String,
    /// The first entry that is no evidence: `index:N`, a time (the first entry at or after it), or `unknown` (all entries).
    #[arg(long, value_name = "TIME|index:N|unknown", value_parser = since)]
    since: Option<Since>,
    /// Why, in a few words: whoever is woken at night reads it.
    #[arg(long)]
    reason: String,
    /// End an earlier distrust of it.
    #[arg(long, conflicts_with = "since")]
    undo: bool,
    #[command(flatten)]
    signing: Signing,
}

/// Since when.
#[derive(Debug, Clone, Copy)]
enum Since {
    Unknown,
    Bound(Bound),
}

fn since(text: &str) -> Result<Since, String> {
    if text == "unknown" { Ok(Since::Unknown) } else { times::moment(text).map(Since::Bound) }
}

/// Distrusts, or ends it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let target = target(&args.thing)?;
    let mut ledger = session::open(context).await?;
    let state = &ledger.trust().current().state;
    let (known, follows) = (state.distrusted(&target).cloned(), state.said_of(&target));
    let since = match (args.since, &known) {
        (Some(Since::Unknown), _) => LeafIndex::ZERO,
        (Some(Since::Bound(Bound::Index(index))), _) => index,
        (Some(Since::Bound(Bound::When(when))), _) => {
            first_at(&mut ledger, when.before(context.clock)).await?
        }
        (None, Some(known)) if args.undo => known.distrust.since,
        (None, _) if args.undo => {
            return Err(Failure::no("not_distrusted", format!("there is no distrust of {target} to undo"))
                .hint("`custody trust show` lists what is distrusted"));
        }
        (None, _) => {
            return Err(Failure::usage("missing_flag", "since when is it not to be trusted?")
                .hint("give --since TIME, --since index:N, or --since unknown: then nothing of it counts"));
        }
    };
    if let Some(known) = known.filter(|known| !args.undo && known.distrust.since <= since) {
        return there_already(&known, context);
    }
    let said = Distrust { target, since, reason: args.reason, follows, undo: args.undo };
    let settled = settle(&mut ledger, &said.statement(), said.role(), &args.signing, context).await?;
    print(&said, &settled, context)?;
    Ok(Outcome::Yes)
}

/// What is asked for holds already, and nothing is recorded: so the same command again is the same.
fn there_already(known: &Distrusted, context: &Context) -> Result<Outcome, Failure> {
    print(&known.distrust, &Settled::Recorded(known.index), context)?;
    context
        .output
        .note(format!("it was distrusted before, for this reason: {}", escape_line(&known.distrust.reason)));
    Ok(Outcome::Yes)
}

fn print(said: &Distrust, settled: &Settled, context: &Context) -> Result<(), Failure> {
    let (index, file) = match settled {
        Settled::Recorded(index) => (Some(index.get()), None),
        Settled::Written(path) => (None, Some(path.display().to_string())),
    };
    if context.output.is_json() {
        return context.output.print_json(&json!({
            "kind": said.target.kind(), "thing": said.target.id(), "since": said.since.get(), "reason": said.reason,
            "undo": said.undo, "index": index, "file": file,
        }));
    }
    let verb = if said.undo { "trusted again" } else { "distrusted" };
    let what = escape_line(&said.target.to_string());
    match settled {
        Settled::Recorded(index) => {
            context
                .output
                .print(format!("{verb}  {what}\n  since  index:{}\n  entry  index:{index}\n", said.since))?;
            if !said.undo {
                context.output.note("`custody find` and `custody trace` show what it touched as distrusted");
            }
        }
        Settled::Written(path) => {
            context.output.print(format!(
                "to be {verb}  {what}\n  since  index:{}\n  file   {}\n",
                said.since,
                path.display()
            ))?;
            context.output.note(format!(
                "next: administrators of the role {} sign it (custody trust sign {file}), then custody record envelope {file}",
                said.role(),
                file = path.display()
            ));
        }
    }
    Ok(())
}

/// What a person means: whole names only, since this decides.
pub(super) fn target(text: &str) -> Result<Target, Failure> {
    let wrong = |what: String| {
        Failure::usage("bad_thing", what).hint(
            "give key:<64 hex digits>, <issuer url>#<name>, the URL of a builder, sha256:<64 hex digits>, or <repository>@<commit>",
        )
    };
    if let Ok(holder @ Identity::Oidc(_)) = text.parse::<Identity>() {
        return Ok(Target::Signer(holder));
    }
    let thing = Thing::parse(text).map_err(|error| wrong(error.to_string()))?;
    let node = match thing {
        Thing::KeyId(key) => return Ok(Target::Signer(Identity::Key(key))),
        Thing::Digest(digest) | Thing::Image { digest, .. } => Some(Node::of_digest(&digest, None)),
        Thing::Commit { repository: Some(repository), hex } => {
            Node::named(NodeKind::Commit, &format!("{repository}@{hex}"))
        }
        Thing::Commit { repository: None, hex } => Node::named(NodeKind::Commit, &format!("gitCommit:{hex}")),
        Thing::Url(url) => Node::named(NodeKind::Builder, &url),
        Thing::Prefix(_) => {
            return Err(wrong(format!("{text} is the start of something: distrust takes no prefix")));
        }
        Thing::Entry(_) | Thing::Name(_) | Thing::Path(_) | Thing::Purl(_) => None,
    };
    node.and_then(Target::of_node).ok_or_else(|| wrong(format!("{text:?} cannot be distrusted")))
}

/// Returns the first entry at or after a time, by the times that entries are looked up by: these never step back, so it is found by
/// halves, and each entry that is looked at is proven.
pub(super) async fn first_at(ledger: &mut Ledger, time: Timestamp) -> Result<LeafIndex, Failure> {
    let size = ledger.checkpoint().checkpoint().size();
    let (mut low, mut high) = (0, size.get());
    while low < high {
        let middle = low + (high - low) / 2;
        let index = LeafIndex::new(middle).map_err(|error| Failure::usage("bad_index", error.to_string()))?;
        let checked = ledger.entries(&[index], Level::Logged, &|_| {}).await?;
        let earlier = |entry| ledger.trust().looked_up_by(entry, size) < time;
        if checked.first().map(Checked::entry).is_some_and(earlier) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    LeafIndex::new(low).map_err(|error| Failure::usage("bad_index", error.to_string()))
}
