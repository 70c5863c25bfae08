//! `custody find --clean`: the artifacts of what is found that nothing speaks against, the newest first.
//!
//! An artifact is clean if no entry about it is distrusted or shows a finding, and none names a component or a signer that is excepted.
//! What the run that built it says of itself counts as well: a failed run, an action that it used. Where it was seen running says
//! nothing of it. Every entry about it is verified here; that there is no other, and no other finding, is the server's word.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::connection::CallError;
use custody_client::ledger::{About, At, Condition, FindingsPage, FindingsQuery, Query, check_any};
use custody_client::{Checked, Ledger, LedgerError, Level, Verified};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{EdgeKind, Field, Node, Term};
use custody_evidence::predicate::{CustodyPredicate as _, Run, is_scan};
use custody_evidence::subject_name::{NameKind, digest_of_name};
use custody_evidence::trust::Target;
use custody_log::{LeafIndex, TreeSize};
use custody_wire::Reason;
use custody_wire::limits::{EVIDENCE_LIMIT_MAX, FIND_LIMIT_MAX, FINDINGS_ABOUT_MAX};
use serde_json::json;

use super::condition::conditions;
use super::{Args, table, views};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::identity::tokens;
use crate::cli::impact::artifacts_of;
use crate::cli::output::{counted, escape_line};
use crate::cli::session;

/// Artifacts that one call judges: 256. Each is a few questions and all entries about it; `next` says where to go on.
const JUDGED_MAX: usize = 256;

/// Entries about one artifact, or one run: 256. Of more it is not said that it is clean.
const ABOUT_MAX: usize = 256;

/// Entries that are verified at once.
const AT_ONCE: usize = 32;

/// Artifacts that are not clean and are told of on stderr; `-o json` has all.
const TOLD_MAX: usize = 10;

/// What entries about an artifact name besides it.
#[derive(Default)]
struct Said {
    /// The runs that built it.
    runs: BTreeSet<String>,
    /// Digests that are said to be the same thing.
    digests: BTreeSet<Digest>,
}

/// The digests of one artifact.
type Artifact = BTreeSet<Digest>;

/// What was judged, and what is clean.
struct Clean {
    /// What speaks against an artifact.
    excepted: Vec<Condition>,
    /// What came from something that is excepted: by digest, what and by which entry.
    came_from: BTreeMap<Digest, (String, Option<LeafIndex>)>,
    size: TreeSize,
    entries: Vec<Checked>,
    /// Why artifacts are left out, by their first digests; none for the clean ones.
    judged: BTreeMap<Artifact, Option<String>>,
    next: Option<u64>,
}

/// Reads what speaks against an artifact.
pub(super) fn excepted(args: &Args) -> Result<Vec<Condition>, Failure> {
    let named = [(Field::Component, &args.except_component), (Field::Signer, &args.except_signer)];
    let each = named.into_iter().flat_map(|(field, values)| values.iter().map(move |value| (field, value)));
    Ok(each.map(|(field, value)| conditions(field, value)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Finds what came from each thing that is excepted.
async fn came_from(
    ledger: &mut Ledger,
    args: &Args,
    at: At,
    context: &Context,
) -> Result<BTreeMap<Digest, (String, Option<LeafIndex>)>, Failure> {
    let mut all = BTreeMap::new();
    for thing in &args.except {
        let typed = thing.to_string_lossy().into_owned();
        let (artifacts, truncated) = Box::pin(artifacts_of(ledger, thing, at, context)).await?;
        if truncated {
            let message =
                format!("more came from {typed} than is read for one question: what is clean cannot be said");
            return Err(Failure::unknown("too_much", message)
                .hint("except parts of it, such as each of the runs or builders"));
        }
        all.extend(artifacts.into_iter().map(|(digest, entry)| (digest, (typed.clone(), entry))));
    }
    Ok(all)
}

/// Finds clean artifacts, and prints the newest entry of each that was asked for.
pub(super) async fn run(
    ledger: &mut Ledger,
    questions: Vec<Query>,
    args: &Args,
    context: &Context,
) -> Result<Outcome, Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut page = questions.clone();
    let mut found = ledger.find_any(&page).await?;
    let as_of = found.as_of.clone();
    let came_from = came_from(ledger, args, At::Size(as_of.size), context).await?;
    let mut clean = Clean {
        excepted: excepted(args)?,
        came_from,
        size: as_of.size,
        entries: Vec::new(),
        judged: BTreeMap::new(),
        next: None,
    };
    let bar = context.output.count_bar("judging", u64::from(args.limit));
    loop {
        let all =
            clean.take(ledger, &questions, &found.indexes, limit, &|count| bar.set_position(count)).await?;
        if !all {
            break;
        }
        clean.next = found.next;
        let Some(next) = found.next.filter(|_| clean.entries.len() < limit) else { break };
        for question in &mut page {
            (question.next, question.at) = (Some(next), At::Size(as_of.size));
        }
        found = ledger.find_any(&page).await?;
    }
    bar.finish_and_clear();
    let trust = &ledger.trust().as_of(as_of.size).state;
    let left_out: Vec<(&Artifact, &str)> =
        clean.judged.iter().filter_map(|(artifact, why)| Some((artifact, why.as_deref()?))).collect();
    if context.output.is_json() {
        let entries = views(&clean.entries, trust, &tokens(ledger, &clean.entries).await?);
        let excluded =
            left_out.iter().map(|(artifact, why)| json!({ "artifact": shown(artifact), "why": why }));
        context.output.print_json(&json!({
            "entries": entries,
            "at": { "size": as_of.size.get(), "root": as_of.root.to_string(), "reader": as_of.reader },
            "trust": session::trust_view(ledger.trust()),
            "complete": "claimed",
            "excluded": excluded.collect::<Vec<_>>(),
            "next": clean.next,
        }))?;
    } else {
        context.output.print(table(&clean.entries, trust))?;
        for (artifact, why) in left_out.iter().take(TOLD_MAX) {
            context.output.note(format!("{} is left out: {}", shown(artifact), escape_line(why)));
        }
        if let Some(more @ 1..) = left_out.len().checked_sub(TOLD_MAX) {
            context.output.note(format!("{more} more are left out: -o json lists all"));
        }
        context.output.note(format!(
            "{} by what was verified here, as of tree size {}; that nothing else speaks against them is claimed by the server",
            counted(clean.entries.len(), "artifact is clean", "artifacts are clean"),
            as_of.size
        ));
        if let Some(next) = clean.next {
            context.output.note(format!("there may be more below {next}: --next {next}"));
        }
    }
    Ok(match (clean.entries.is_empty(), clean.next) {
        (false, _) => Outcome::Yes,
        (true, None) => Outcome::NoRecord,
        (true, Some(_)) => Outcome::Unknown,
    })
}

impl Clean {
    /// Judges the artifacts of these entries, until there are enough. False if it ended before the last of them; [`Self::next`]
    /// says where.
    async fn take(
        &mut self,
        ledger: &mut Ledger,
        questions: &[Query],
        indexes: &[LeafIndex],
        limit: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<bool, Failure> {
        for some in indexes.chunks(AT_ONCE) {
            for entry in verified(ledger, some).await? {
                let index = entry.entry().index;
                if self.entries.len() >= limit || self.judged.len() >= JUDGED_MAX {
                    self.next = Some(index.get().saturating_add(1));
                    return Ok(false);
                }
                let recorded = ledger.trust().looked_up_by(entry.entry(), self.size);
                check_any(questions, &entry, recorded)?;
                // What was erased is about nothing that anybody knows.
                let artifacts = entry.verified().map(artifacts).unwrap_or_default();
                if self.is_new_and_clean(ledger, artifacts).await? {
                    self.entries.push(entry);
                    progress(u64::try_from(self.entries.len()).unwrap_or(u64::MAX));
                }
            }
        }
        Ok(true)
    }

    /// Whether an entry is the first about its artifacts, and all of them are clean.
    async fn is_new_and_clean(
        &mut self,
        ledger: &mut Ledger,
        artifacts: BTreeSet<Artifact>,
    ) -> Result<bool, Failure> {
        let (mut any_new, mut all_clean) = (false, !artifacts.is_empty());
        for artifact in artifacts {
            // Told of under one of its digests, it is told of.
            let known = self.judged.iter().find(|(judged, _)| !judged.is_disjoint(&artifact));
            let why = if let Some((_, why)) = known {
                why.clone()
            } else {
                any_new = true;
                let why = self.judge(ledger, &artifact).await?;
                self.judged.insert(artifact, why.clone());
                why
            };
            all_clean = all_clean && why.is_none();
        }
        Ok(any_new && all_clean)
    }

    /// Returns what speaks against an artifact; none if it is clean.
    async fn judge(&self, ledger: &mut Ledger, artifact: &Artifact) -> Result<Option<String>, Failure> {
        let mut said = Said::default();
        let state = &ledger.trust().as_of(self.size).state;
        for digest in artifact {
            // Distrusted itself, also where its evidence is older.
            if let Some(said) = state.distrusted(&Target::Node(Node::artifact(digest))) {
                return Ok(Some(format!(
                    "it is distrusted by entry {}: {}",
                    said.index, said.distrust.reason
                )));
            }
        }
        if let Some((thing, entry)) = artifact.iter().find_map(|digest| self.came_from.get(digest)) {
            return Ok(Some(match entry {
                Some(entry) => format!("it came from {thing}, by entry {entry}"),
                None => format!("it is {thing}"),
            }));
        }
        let mut asked = BTreeSet::new();
        said.digests.extend(artifact.iter().cloned());
        // What is said of its other digests speaks against it, too: this follows who calls them one thing, once.
        for _ in 0..2 {
            let fresh: Vec<Digest> =
                said.digests.difference(&asked).take(FINDINGS_ABOUT_MAX).cloned().collect();
            let mut about = BTreeSet::new();
            for digest in fresh {
                about.extend(self.about(ledger, &digest).await?);
                asked.insert(digest);
            }
            if about.len() > ABOUT_MAX {
                return Ok(Some(format!("more than {ABOUT_MAX} entries are about it: it was not judged")));
            }
            if let Some(why) = self.against(ledger, &about, &mut said).await? {
                return Ok(Some(why));
            }
        }
        let mut of_runs = BTreeSet::new();
        for run in std::mem::take(&mut said.runs) {
            // What is said of a whole run is said of its attempts: by the whole of it both are found.
            let run = run.rsplit_once("/attempts/").map_or(run.as_str(), |(whole, _)| whole);
            let terms = vec![parse(Field::Run, run)?, parse(Field::Predicate, Run::TYPE)?];
            of_runs.extend(self.all(ledger, terms).await?);
        }
        if of_runs.len() > ABOUT_MAX {
            return Ok(Some(format!("more than {ABOUT_MAX} entries are about its runs: it was not judged")));
        }
        match self.against(ledger, &of_runs, &mut said).await? {
            Some(why) => Ok(Some(why)),
            None => self.finding(ledger, &asked).await,
        }
    }

    /// Returns what one of these entries says against it, and notes what they name.
    async fn against(
        &self,
        ledger: &mut Ledger,
        indexes: &BTreeSet<LeafIndex>,
        said: &mut Said,
    ) -> Result<Option<String>, Failure> {
        let indexes: Vec<LeafIndex> = indexes.iter().copied().collect();
        for some in indexes.chunks(AT_ONCE) {
            let mut entries = verified(ledger, some).await?;
            ledger.find_first_signed(&mut entries).await?;
            let state = &ledger.trust().as_of(self.size).state;
            // Snapshots may be among those that were asked for where there are many.
            let seen_running = |entry: &&Checked| {
                entry.verified().is_some_and(|verified| verified.facts().observation.is_some())
            };
            for entry in entries.iter().filter(|entry| !seen_running(entry)) {
                let index = entry.entry().index;
                if let Some(distrusted) = entry.distrust(state) {
                    return Ok(Some(format!("entry {index} is distrusted: {}", distrusted.distrust.reason)));
                }
                let Some(verified) = entry.verified() else {
                    return Ok(Some(format!("entry {index} cannot be read: it was not judged")));
                };
                said.note(verified);
                if let Some(met) = self.excepted.iter().find(|condition| names(condition, entry)) {
                    return Ok(Some(format!("entry {index} names {met}")));
                }
            }
        }
        Ok(None)
    }

    async fn finding(&self, ledger: &mut Ledger, artifact: &Artifact) -> Result<Option<String>, Failure> {
        let about: Vec<Digest> = artifact.iter().take(FINDINGS_ABOUT_MAX).cloned().collect();
        let mut question = FindingsQuery { at: At::Size(self.size), about, ..FindingsQuery::default() };
        let mut untold = None;
        loop {
            let page = match ledger.findings(&question).await {
                Ok(page) => page,
                Err(LedgerError::Call(CallError::Refused(refusal)))
                    if refusal.reason() == Some(Reason::TooMuch) =>
                {
                    return Ok(Some("too much is said about it: it was not judged".to_owned()));
                }
                Err(error) => return Err(error.into()),
            };
            let FindingsPage { findings, next, uncounted, erased, .. } = page;
            let checked = ledger.check_findings(&question, self.size, findings, &|_| {}).await?;
            if let Some(first) = checked.first() {
                let claimed = &first.claimed;
                let entry = claimed.entries.last().map_or_else(String::new, LeafIndex::to_string);
                let said = first.shown.as_ref().map_or("", |shown| shown.message.as_str());
                return Ok(Some(format!("{} in entry {entry}: {said}", claimed.kind)));
            }
            // A finding says more: it is looked for to the end.
            let uncounted =
                uncounted.first().map(|index| (index, "has more to compare it with than is read"));
            let erased = erased.first().map(|index| (index, "was erased, and could show something"));
            untold = untold.or_else(|| {
                let (index, why) = uncounted.or(erased)?;
                Some(format!("entry {index} {why}: it was not judged"))
            });
            match next {
                Some(next) => question.next = Some(next),
                None => return Ok(untold),
            }
        }
    }

    /// Returns the entries about a digest: but for those of where it runs, or where there are more than the server names at once, all.
    async fn about(&self, ledger: &mut Ledger, digest: &Digest) -> Result<Vec<LeafIndex>, Failure> {
        let digests = std::slice::from_ref(digest);
        let found = ledger.about(digests, EVIDENCE_LIMIT_MAX, At::Size(self.size)).await?;
        match found.into_iter().next() {
            Some(About { indexes, more: false }) => Ok(indexes),
            Some(About { more: true, .. }) | None => {
                self.all(ledger, vec![parse(Field::Subject, &digest.to_string())?]).await
            }
        }
    }

    /// Returns the entries with these terms: all, or more than are looked at.
    async fn all(&self, ledger: &mut Ledger, terms: Vec<Term>) -> Result<Vec<LeafIndex>, Failure> {
        let mut question = Query {
            conditions: terms.into_iter().map(Condition::from).collect(),
            at: At::Size(self.size),
            limit: FIND_LIMIT_MAX,
            ..Query::default()
        };
        let mut indexes = Vec::new();
        loop {
            let found = ledger.find(&question).await?;
            indexes.extend(found.indexes);
            match found.next.filter(|_| indexes.len() <= ABOUT_MAX) {
                Some(next) => question.next = Some(next),
                None => return Ok(indexes),
            }
        }
    }
}

impl Said {
    fn note(&mut self, verified: &Verified) {
        let facts = verified.facts();
        self.runs.extend(facts.told.run.as_ref().map(|told| told.run.id().to_owned()));
        for edge in facts.edges.iter().filter(|edge| edge.kind == EdgeKind::SameAs) {
            let pair = [&edge.from, &edge.to].map(|node| node.id().parse::<Digest>().ok());
            if pair.iter().flatten().any(|digest| self.digests.contains(digest)) {
                self.digests.extend(pair.into_iter().flatten());
            }
        }
    }
}

async fn verified(ledger: &mut Ledger, indexes: &[LeafIndex]) -> Result<Vec<Checked>, Failure> {
    match ledger.entries(indexes, Level::Verified, &|_| {}).await {
        // Each of them has room alone, and is looked at as a logged one if it has not.
        Err(LedgerError::TooMuch { .. }) => Ok(ledger.entries(indexes, Level::Logged, &|_| {}).await?),
        entries => Ok(entries?),
    }
}

/// Whether an entry names what is excepted. A scan or VEX names packages that it speaks about, and that need not be there.
fn names(condition: &Condition, entry: &Checked) -> bool {
    let predicate = entry.record().map_or("", |record| record.predicate_type.as_str());
    let speaks_about = condition.field() == Field::Component && is_scan(predicate);
    !speaks_about && condition.is_met_by(entry) == Some(true)
}

/// Returns the artifacts that a statement is about. What has no bytes (a run, an environment) has the digest of its name.
fn artifacts(verified: &Verified) -> BTreeSet<Artifact> {
    const NAMED: [NameKind; 6] = [
        NameKind::Environment,
        NameKind::Identity,
        NameKind::Origin,
        NameKind::Ref,
        NameKind::Run,
        NameKind::Secret,
    ];
    let Some(statement) = verified.statement() else {
        return verified.said().digests().into_iter().map(|digest| BTreeSet::from([digest])).collect();
    };
    let of = |subject: &custody_evidence::statement::Subject| -> Artifact {
        let name = subject.name().unwrap_or_default();
        let no_bytes: BTreeSet<Digest> = NAMED.map(|kind| digest_of_name(kind, name)).into();
        let usable = subject.usable().iter().filter(|digest| digest.commit_hex().is_none());
        usable.filter(|digest| !no_bytes.contains(digest)).cloned().collect()
    };
    statement.subjects().iter().map(of).filter(|artifact| !artifact.is_empty()).collect()
}

fn shown(artifact: &Artifact) -> String {
    artifact.first().map_or_else(String::new, ToString::to_string)
}

fn parse(field: Field, value: &str) -> Result<Term, Failure> {
    Term::parse(field, value).map_err(|error| Failure::usage("bad_condition", error.to_string()))
}
