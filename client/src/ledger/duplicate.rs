//! Checking that what a log calls a duplicate adds nothing to it.
//!
//! "Recorded already" must not hide a signature: who signs what another signed before is a new signer, and gets an
//! entry. Nor may it hide an earlier proof of time, or a stronger authority. So the entries with the same content that are
//! found must leave nothing to add.

use std::collections::BTreeMap;

use custody_evidence::admission::{self, Addition, AdmissionRecord, Builds, Refusal};
use custody_evidence::envelope::Envelope;
use custody_evidence::fact::{Field, Term};
use custody_evidence::oidc::{Credential, Token};
use custody_log::{Entry, LeafIndex, Timestamp};
use custody_wire::limits::FIND_LIMIT_MAX;

use super::{Condition, Ledger, LedgerError, Query, RecordError};
use crate::check::{CheckError, Level};

/// The most answers of up to 1,000 entries that are searched for what an envelope adds: one key has said 16,000
/// things about one subject by then, or all of them as many of one predicate type.
const SEARCHES_MAX: usize = 16;

/// How many of the entries found are held in memory at once: with an admission record of at most 1 MiB each, as text and
/// as read, 128 MiB.
const HELD_AT_ONCE: usize = 64;

/// Entries with the same content, by the admission records that are believed of them.
type Known = BTreeMap<LeafIndex, AdmissionRecord>;

impl Ledger {
    /// Checks that the envelope, if it were admitted now, adds nothing to the entry that the server named and to others with
    /// the same content, which are returned.
    pub(super) async fn check_duplicate(
        &mut self,
        envelope: &Envelope,
        credential: Option<&Credential>,
        first: &Entry,
    ) -> Result<Vec<LeafIndex>, RecordError> {
        let named = self.entry(first.index).await?;
        // Of builds, what the first entry rests on is enough: the same content is about the same ones.
        let mut builds = Builds::default();
        if let Some(record) = named.record() {
            let about = record.subjects.iter().cloned().collect();
            for (index, known) in self.rests_on(first.index, record).await?.unwrap_or_default() {
                builds.add(&self.trust.current().state, index, &known, &about);
            }
        }
        let state = &self.trust.current().state;
        let refused = |refusal: Refusal| RecordError::Refused {
            word: refusal.word().to_owned(),
            message: refusal.to_string(),
        };
        if let Some(said) = state.redacted(&envelope.content()) {
            return Err(refused(Refusal::Redacted { index: said.by }));
        }
        let of_first = named.record();
        let of_first =
            of_first.ok_or(LedgerError::Check(CheckError::RecordMissing { index: first.index }))?;
        // The content was admitted at this time once, so its claimed times are not what is refused here; nor are secrets in it.
        let admission = match credential {
            None => admission::admit_duplicate(state, envelope, &builds, first.time, of_first),
            // The log has just taken the token; that it is good now is not what is asked here.
            Some(credential) => {
                let now = good_at(credential).unwrap_or(first.time);
                admission::admit_duplicate_as(state, envelope, credential, &builds, now, of_first)
            }
        };
        let admission = admission.map_err(refused)?;
        let record = admission.record();
        let mut known = Known::from([(first.index, of_first.clone())]);
        // Each round finds what one more thing is in, and there are no more than signers, a time and an authority.
        while let Some(adds) = added(record, &known) {
            let Some((index, found)) = self.with_addition(first, record, &adds, &known).await? else {
                return Err(RecordError::NotADuplicate { index: first.index, adds });
            };
            known.insert(index, found);
        }
        Ok(known.into_keys().filter(|index| *index != first.index).collect())
    }

    /// Returns an entry with the content of this one that has what the known ones lack. The search takes no
    /// longer than the call that recorded may: who waits for `record` must not wait for a server that always has
    /// another page.
    async fn with_addition(
        &mut self,
        first: &Entry,
        record: &AdmissionRecord,
        adds: &Addition,
        known: &Known,
    ) -> Result<Option<(LeafIndex, AdmissionRecord)>, LedgerError> {
        let subject = record.subjects.first().and_then(|subject| Term::parse(Field::Subject, subject).ok());
        let further = match adds {
            Addition::Signer(signer) => Some(Term::of_identity(Field::Signer, signer)),
            // What another signed can have it, too.
            Addition::Authority(_) | Addition::Time(_) | Addition::Binding => {
                Term::parse(Field::Predicate, &record.predicate_type).ok()
            }
        };
        let conditions = subject.into_iter().chain(further);
        let mut query = Query {
            conditions: conditions.map(Condition::from).collect(),
            limit: FIND_LIMIT_MAX,
            ..Query::default()
        };
        let has = |found: &AdmissionRecord| {
            let records: Vec<_> = known.values().chain([found]).collect();
            record.addition(&records).as_ref() != Some(adds)
        };
        let most = self.connection.longest();
        let search = tokio::time::timeout(most, self.search_addition(first, &has, &mut query)).await;
        match (search, query.next) {
            (Ok(found), _) => found,
            // The server did answer.
            (Err(_), Some(below)) => Err(LedgerError::Unsearched { below }),
            (Err(_), None) => Err(self.connection.timed_out(most).into()),
        }
    }

    /// Searches from where the query starts for an entry whose record has what is lacking, and moves the query on.
    async fn search_addition(
        &mut self,
        first: &Entry,
        has: &(impl Fn(&AdmissionRecord) -> bool + Sync),
        query: &mut Query,
    ) -> Result<Option<(LeafIndex, AdmissionRecord)>, LedgerError> {
        for _ in 0..SEARCHES_MAX {
            let found = self.find(query).await?;
            for some in found.indexes.chunks(HELD_AT_ONCE) {
                for entry in self.entries(some, Level::Logged, &|_| {}).await? {
                    let entry = entry.entry();
                    if entry.content != first.content {
                        continue;
                    }
                    let verified = self.entry(entry.index).await?;
                    if let Some(record) = verified.record().filter(|record| has(record)) {
                        return Ok(Some((entry.index, record.clone())));
                    }
                }
            }
            let Some(next) = found.next else { return Ok(None) };
            query.next = Some(next);
            if found.indexes.is_empty() {
                break;
            }
        }
        Err(LedgerError::Unsearched { below: query.next.unwrap_or_default() })
    }
}

/// Returns a time at which the token of a credential is good: when it was issued.
fn good_at(credential: &Credential) -> Option<Timestamp> {
    let seconds = Token::parse(credential.token()).ok()?.issued()?;
    Timestamp::from_micros(seconds.checked_mul(1_000_000)?).ok()
}

fn added(record: &AdmissionRecord, known: &Known) -> Option<Addition> {
    record.addition(&known.values().collect::<Vec<_>>())
}
