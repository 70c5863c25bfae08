//! What runs in an environment, and what is recorded of it.
//!
//! The server names the records from which an answer follows. Each is verified here, and what runs follows from what their
//! statements say, by the code that the server has run ([`custody_evidence::environment`]). A server that leaves out a record is not
//! noticed: that nothing is left out stays its claim.

mod distrusted;

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::digest_set::Digest;
use custody_evidence::environment::{Event, From, Said, Timeline, Window};
use custody_evidence::fact::{Field, Term};
use custody_evidence::predicate::{CustodyPredicate as _, Deployment, Name, Snapshot};
use custody_log::{LeafIndex, Timestamp, TreeSize};
use custody_wire::convert::{FieldError, leaf_index};
use custody_wire::limits::{
    ENVIRONMENT_ENTRIES_MAX, ENVIRONMENT_PARTS_MAX, ENVIRONMENTS_MAX, EVIDENCE_ARTIFACTS_MAX,
    EVIDENCE_LIMIT_MAX, FIND_LIMIT_MAX,
};
use custody_wire::v1;
use custody_wire::v1::environment_request;

use super::query::{at_fields, too_many};
use super::{AsOf, At, Condition, Ledger, LedgerError, ProtocolError, Query};
use crate::check::{Checked, Level, Verified};
use crate::connection::request;
use crate::trust::Trust;

/// Entries that are checked at once: only what they say of the environment is kept of them.
const AT_ONCE: usize = 64;

/// The most pages of records that are read where some are distrusted: 20 of 1,000, as many as a server reads.
const PAGES_MAX: usize = 20;

/// What is known of an environment, as far as a window needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The records, each verified here, and whether it is evidence. Replay it: of what ran before the window it has only what
    /// still ran then.
    pub timeline: Timeline,
    /// What started at this time or before may have started earlier; none: all records were read.
    pub known_from: Option<Timestamp>,
    /// Whether not all was read that the answer rests on.
    pub truncated: bool,
    /// Deployments and snapshots of it that were erased, in order: what they said is not known any more.
    pub redacted: Vec<LeafIndex>,
    /// Records that are no evidence, in order.
    pub distrusted: BTreeSet<LeafIndex>,
    /// Records that could not be read here: what they rest on was redacted.
    pub unread: BTreeSet<LeafIndex>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
}

/// The environments that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environments {
    /// In the order of their names.
    pub known: Vec<KnownEnvironment>,
    /// Whether there may be others.
    pub truncated: bool,
    /// The tree that the answer is about.
    pub as_of: AsOf,
}

/// An environment, and the newest record that tells what runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEnvironment {
    /// Its name.
    pub name: Name,
    /// The entry.
    pub entry: LeafIndex,
    /// When it happened: claimed, and never later than the ledger learned of it.
    pub time: Timestamp,
}

/// The entries about one artifact beside those of where it runs, as the server claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Newest first.
    pub indexes: Vec<LeafIndex>,
    /// Whether there are, or may be, older ones.
    pub more: bool,
}

/// The records that the server names.
struct Answer {
    whole: BTreeSet<LeafIndex>,
    parts: BTreeMap<LeafIndex, Vec<(Digest, Option<Name>)>>,
    redacted: Vec<LeafIndex>,
    known_from: Option<Timestamp>,
    truncated: bool,
    as_of: AsOf,
}

/// Records that were read here.
#[derive(Default)]
struct Records {
    events: Vec<Event>,
    distrusted: BTreeSet<LeafIndex>,
    unread: BTreeSet<LeafIndex>,
    /// Those that were erased.
    erased: BTreeSet<LeafIndex>,
}

impl Ledger {
    /// Returns the environments in which something was deployed or seen.
    pub async fn environments(&mut self, at: At) -> Result<Environments, LedgerError> {
        self.check_at(at).await?;
        let (size, micros) = at_fields(at);
        let message = v1::EnvironmentsRequest { log: Some(self.log()), at: size, at_micros: micros };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, at).await?;
        self.check_time(at, &as_of).await?;
        too_many("environments", answer.environments.len(), ENVIRONMENTS_MAX)?;
        let mut named = BTreeMap::new();
        for known in answer.environments {
            let name: Name = known.name.parse().map_err(|_| word("environments.name", &known.name))?;
            let entry = leaf_index("environments.entry", known.entry).map_err(ProtocolError::Field)?;
            within(entry, as_of.size)?;
            named.insert(name, entry);
        }
        let mut known = Vec::with_capacity(named.len());
        let indexes: Vec<LeafIndex> = named.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut times = BTreeMap::new();
        for some in indexes.chunks(AT_ONCE) {
            for entry in self.entries(some, Level::Verified, &|_| {}).await? {
                let tells = entry.verified().is_none_or(|verified| verified.facts().observation.is_some());
                let index = entry.entry().index;
                if !tells {
                    return Err(LedgerError::NotAsked {
                        entry: index,
                        condition: "an environment".to_owned(),
                    });
                }
                times.insert(index, (happened(&entry, &self.trust, as_of.size), environment_of(&entry)));
            }
        }
        for (name, entry) in named {
            let Some((time, environment)) = times.get(&entry) else { continue };
            if environment.as_ref().is_some_and(|found| *found != name) {
                return Err(not_asked(entry, &name));
            }
            known.push(KnownEnvironment { name, entry, time: *time });
        }
        Ok(Environments { known, truncated: answer.truncated, as_of })
    }

    /// Returns what is known of an environment: what ran at the start of a window, and what changed in it. Each record is
    /// verified. Where one is distrusted, named by the server or not, all are read that the answer may rest on: the server
    /// counts those too, so what it named may not be enough.
    pub async fn environment(
        &mut self,
        name: &Name,
        window: Window,
        at: At,
    ) -> Result<Environment, LedgerError> {
        let answer = self.ask_environment(name, window, at).await?;
        let indexes: BTreeSet<LeafIndex> = answer.whole.iter().chain(answer.parts.keys()).copied().collect();
        let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
        let mut records = Records::default();
        self.read_records(name, &indexes, answer.as_of.size, &mut records).await?;
        let (mut known_from, mut truncated) = (answer.known_from, answer.truncated);
        let counts = records.distrusted.is_empty() && records.erased.is_empty();
        if counts && !self.may_distrust(name, answer.as_of.size).await? {
            for event in &mut records.events {
                let Some(things) = answer.parts.get(&event.entry) else { continue };
                if answer.whole.contains(&event.entry) {
                    continue;
                }
                let part = event.observation.part(things);
                let part = part.ok_or_else(|| says_not(event.entry, things))?;
                event.observation = std::sync::Arc::new(part);
            }
        } else {
            records = Records::default();
            (known_from, truncated) = self.read_all(name, window, answer.as_of.size, &mut records).await?;
        }
        let redacted: BTreeSet<LeafIndex> = answer.redacted.into_iter().chain(records.erased).collect();
        let redacted: Vec<LeafIndex> = redacted.into_iter().collect();
        for entry in self.entries(&redacted, Level::Logged, &|_| {}).await? {
            if entry.redacted().is_none() {
                return Err(LedgerError::NotRedacted { entry: entry.entry().index });
            }
        }
        Ok(Environment {
            timeline: Timeline::of(records.events),
            known_from,
            truncated: truncated || !records.unread.is_empty(),
            redacted,
            distrusted: records.distrusted,
            unread: records.unread,
            as_of: answer.as_of,
        })
    }

    /// Returns which entries there are about each artifact beside those of where it runs, at most `limit` of each. They are
    /// the server's claim until they are checked.
    pub async fn about(
        &mut self,
        artifacts: &[Digest],
        limit: u32,
        at: At,
    ) -> Result<Vec<About>, LedgerError> {
        let limit = limit.min(EVIDENCE_LIMIT_MAX);
        let mut all = Vec::with_capacity(artifacts.len());
        for some in artifacts.chunks(EVIDENCE_ARTIFACTS_MAX) {
            self.check_at(at).await?;
            let (size, micros) = at_fields(at);
            let message = v1::EvidenceRequest {
                log: Some(self.log()),
                artifacts: some.iter().map(ToString::to_string).collect(),
                limit,
                at: size,
                at_micros: micros,
            };
            let call = |left| self.connection.one(request(message.clone(), left));
            let answer = self.connection.call(call).await?.into_inner();
            let as_of = self.check_as_of(answer.as_of, at).await?;
            if answer.artifacts.len() != some.len() {
                return Err(ProtocolError::Unexpected { found: "answers to other questions" }.into());
            }
            for of in answer.artifacts {
                too_many("indexes", of.indexes.len(), usize::try_from(limit).unwrap_or(usize::MAX))?;
                let indexes = of.indexes.iter().map(|index| leaf_index("indexes", *index));
                let indexes: Vec<LeafIndex> =
                    indexes.collect::<Result<_, _>>().map_err(ProtocolError::Field)?;
                let newest_first = indexes.windows(2).all(|pair| matches!(pair, [a, b] if a > b));
                if !newest_first || indexes.first().is_some_and(|index| !as_of.size.contains(*index)) {
                    return Err(ProtocolError::Unexpected { found: "entries out of order" }.into());
                }
                all.push(About { indexes, more: of.more });
            }
        }
        Ok(all)
    }

    async fn ask_environment(&mut self, name: &Name, window: Window, at: At) -> Result<Answer, LedgerError> {
        self.check_at(at).await?;
        let (size, micros) = at_fields(at);
        let message = v1::EnvironmentRequest {
            log: Some(self.log()),
            environment: name.to_string(),
            from: from_field(window.from),
            until_micros: window.until.map(Timestamp::as_micros),
            at: size,
            at_micros: micros,
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, at).await?;
        self.check_time(at, &as_of).await?;
        too_many("whole", answer.whole.len(), ENVIRONMENT_ENTRIES_MAX)?;
        too_many("parts", answer.parts.len(), ENVIRONMENT_PARTS_MAX)?;
        too_many("redacted", answer.redacted.len(), ENVIRONMENT_ENTRIES_MAX)?;
        let index = |field, index: u64| {
            let index = leaf_index(field, index).map_err(ProtocolError::Field)?;
            within(index, as_of.size).map(|()| index)
        };
        let whole = answer.whole.iter().map(|entry| index("whole", *entry)).collect::<Result<_, _>>()?;
        let redacted = answer.redacted.iter().map(|entry| index("redacted", *entry));
        let redacted = redacted.collect::<Result<_, _>>()?;
        let mut parts: BTreeMap<LeafIndex, Vec<(Digest, Option<Name>)>> = BTreeMap::new();
        for part in &answer.parts {
            let digest = part.digest.parse().map_err(|_| word("parts.digest", &part.digest))?;
            let workload = match part.workload.as_str() {
                "" => None,
                workload => Some(workload.parse().map_err(|_| word("parts.workload", workload))?),
            };
            parts.entry(index("parts.entry", part.entry)?).or_default().push((digest, workload));
        }
        let known_from = answer.known_from_micros.map(Timestamp::from_micros).transpose();
        let known_from = known_from.map_err(|_| word("known_from_micros", ""))?;
        Ok(Answer { whole, parts, redacted, known_from, truncated: answer.truncated, as_of })
    }

    /// Verifies records and takes from them what they say of the environment.
    async fn read_records(
        &mut self,
        name: &Name,
        indexes: &[LeafIndex],
        size: TreeSize,
        records: &mut Records,
    ) -> Result<(), LedgerError> {
        for some in indexes.chunks(AT_ONCE) {
            let mut entries = self.entries(some, Level::Verified, &|_| {}).await?;
            self.find_first_signed(&mut entries).await?;
            let state = &self.trust.as_of(size).state;
            for entry in &entries {
                let index = entry.entry().index;
                let observation = match entry {
                    Checked::Redacted(_) => {
                        records.erased.insert(index);
                        continue;
                    }
                    Checked::Logged(_) => {
                        records.unread.insert(index);
                        continue;
                    }
                    Checked::Verified(verified) => verified.facts().observation.clone(),
                };
                let observation = observation.filter(|observation| observation.environment == *name);
                let observation = observation.ok_or_else(|| not_asked(index, name))?;
                let counts = entry.distrust(state).is_none();
                if !counts {
                    records.distrusted.insert(index);
                }
                let time = happened(entry, &self.trust, size);
                records.events.push(Event { entry: index, time, counts, observation });
            }
        }
        Ok(())
    }

    /// Reads every record of an environment, newest first, until what ran at the start of the window is known by those that count.
    /// Returns since when all is known, and whether it ended before.
    async fn read_all(
        &mut self,
        name: &Name,
        window: Window,
        size: TreeSize,
        records: &mut Records,
    ) -> Result<(Option<Timestamp>, bool), LedgerError> {
        let mut questions = questions(name, size)?;
        for _ in 0..PAGES_MAX {
            let found = self.find_any(&questions).await?;
            self.read_records(name, &found.indexes, size, records).await?;
            let Some(next) = found.next else { return Ok((None, false)) };
            let last = found.indexes.last().copied();
            let horizon = match last {
                Some(last) => self
                    .entries(&[last], Level::Logged, &|_| {})
                    .await?
                    .first()
                    .map(|entry| self.trust.looked_up_by(entry.entry(), size)),
                None => None,
            };
            if let Some(horizon) = horizon.filter(|horizon| is_settled(&records.events, window, *horizon)) {
                // Of what happened before not all is known. What the first snapshot saw may have run then.
                records.events.retain(|event| event.time >= horizon);
                let first =
                    records.events.iter().filter(|event| is_whole(event)).map(|event| event.time).min();
                return Ok((first.or(Some(horizon)), false));
            }
            for question in &mut questions {
                question.next = Some(next);
            }
        }
        Ok((None, true))
    }
}

/// Whether what ran at the start of a window is known, when all that happened since this time is.
fn is_settled(events: &[Event], window: Window, horizon: Timestamp) -> bool {
    let before = |event: &&Event| match window.from {
        From::End => window.until.is_none_or(|until| event.time <= until),
        From::Time(from) => event.time < from,
        From::Steps(_) | From::First => false,
    };
    events.iter().filter(before).filter(|event| is_whole(event)).any(|event| event.time >= horizon)
}

/// Whether it is a snapshot that counts.
fn is_whole(event: &Event) -> bool {
    event.counts && matches!(event.observation.said, Said::Snapshot { .. })
}

/// Asks for deployments and for snapshots of an environment.
fn questions(name: &Name, size: TreeSize) -> Result<Vec<Query>, LedgerError> {
    let terms = |predicate: &str| -> Result<Vec<Condition>, LedgerError> {
        let terms =
            [Term::parse(Field::Environment, name.as_str()), Term::parse(Field::Predicate, predicate)];
        let terms = terms.into_iter().map(|term| term.map(Condition::from)).collect::<Result<_, _>>();
        terms.map_err(|_| word("environment", name.as_str()))
    };
    let question =
        |conditions| Query { conditions, at: At::Size(size), limit: FIND_LIMIT_MAX, ..Query::default() };
    [Deployment::TYPE, Snapshot::TYPE].into_iter().map(|of| terms(of).map(question)).collect()
}

fn from_field(from: From) -> Option<environment_request::From> {
    Some(match from {
        From::End => return None,
        From::Time(time) => environment_request::From::FromMicros(time.as_micros()),
        From::Steps(steps) => environment_request::From::FromSteps(u32::try_from(steps).unwrap_or(u32::MAX)),
        From::First => environment_request::From::FromFirst(true),
    })
}

/// When it happened: claimed, and never later than the ledger learned of it, by what is known in this tree of clocks that were
/// ahead.
fn happened(entry: &Checked, trust: &Trust, size: TreeSize) -> Timestamp {
    let claimed = entry.verified().and_then(|verified| verified.facts().happened);
    let learned = trust.looked_up_by(entry.entry(), size);
    claimed.map_or(learned, |claimed| claimed.min(learned))
}

fn environment_of(entry: &Checked) -> Option<Name> {
    let observation = entry.verified().map(Verified::facts)?.observation.as_ref()?;
    Some(observation.environment.clone())
}

fn within(index: LeafIndex, size: TreeSize) -> Result<(), LedgerError> {
    if size.contains(index) {
        return Ok(());
    }
    Err(ProtocolError::Unexpected { found: "an entry beyond the tree asked about" }.into())
}

fn not_asked(entry: LeafIndex, name: &Name) -> LedgerError {
    LedgerError::NotAsked { entry, condition: format!("environment {name}") }
}

fn says_not(entry: LeafIndex, things: &[(Digest, Option<Name>)]) -> LedgerError {
    let thing = |(digest, workload): &(Digest, Option<Name>)| match workload {
        Some(workload) => format!("{digest} runs as {workload}"),
        None => format!("{digest} runs"),
    };
    LedgerError::NotAsked {
        entry,
        condition: things.iter().take(4).map(thing).collect::<Vec<_>>().join(", "),
    }
}

fn word(field: &'static str, found: &str) -> LedgerError {
    ProtocolError::Field(FieldError::Word { field, found: found.chars().take(80).collect() }).into()
}
