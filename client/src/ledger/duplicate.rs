//! Checking that what a log calls a duplicate adds nothing to it.
//!
//! "Recorded already" must not hide a signature: who signs what another signed before is a new signer, and gets an
//! entry. So every signature that would count now must be found in an entry with the same content.

use custody_evidence::admission;
use custody_evidence::envelope::Envelope;
use custody_evidence::fact::{Field, Term};
use custody_evidence::identity::Identity;
use custody_log::{Entry, LeafIndex};
use custody_wire::limits::FIND_LIMIT_MAX;

use super::{Condition, Ledger, LedgerError, Query, RecordError};
use crate::check::Level;

/// The most answers of up to 1,000 entries that are searched for a signature: one key has said 16,000 things about
/// one subject by then.
const SEARCHES_MAX: usize = 16;

/// How many of the entries found are held in memory at once: with an admission record of at most 1 MiB each, as text and
/// as read, 128 MiB.
const HELD_AT_ONCE: usize = 64;

impl Ledger {
    /// Checks that every signature of the envelope that would be admitted now counts in the entry that the server
    /// named, or in others with the same content, which are returned.
    pub(super) async fn check_duplicate(
        &mut self,
        envelope: &Envelope,
        first: &Entry,
    ) -> Result<Vec<LeafIndex>, RecordError> {
        let known = self.entry(first.index).await?;
        // The content was admitted at this time once, so its claimed times are not what is refused here.
        let admission = admission::admit(&self.trust.current().state, envelope, first.time, [0; 32]);
        let admission = admission.map_err(|refusal| RecordError::Refused {
            word: refusal.word().to_owned(),
            message: refusal.to_string(),
        })?;
        let known = known.logged().record();
        let signed = known.verified_identities();
        let mut also = Vec::new();
        for signer in admission.record().verified_identities() {
            if signed.contains(&signer) {
                continue;
            }
            let subject = known.subjects.first().map_or("", String::as_str);
            match self.signed_in(first, &signer, subject).await? {
                Some(index) => also.push(index),
                None => return Err(RecordError::NotADuplicate { index: first.index, signer }),
            }
        }
        Ok(also)
    }

    /// Returns an entry with the content of this one in which a signature by this signer counts. The search takes no
    /// longer than the call that recorded may: who waits for `record` must not wait for a server that always has
    /// another page.
    async fn signed_in(
        &mut self,
        first: &Entry,
        signer: &Identity,
        subject: &str,
    ) -> Result<Option<LeafIndex>, LedgerError> {
        let subject = Term::parse(Field::Subject, subject).ok();
        let conditions = subject.into_iter().chain([Term::of_identity(Field::Signer, signer)]);
        let mut query = Query {
            conditions: conditions.map(Condition::from).collect(),
            limit: FIND_LIMIT_MAX,
            ..Query::default()
        };
        let most = self.connection.longest();
        let search = tokio::time::timeout(most, self.search_signed_in(first, signer, &mut query)).await;
        match (search, query.next) {
            (Ok(found), _) => found,
            // The server did answer.
            (Err(_), Some(below)) => Err(LedgerError::Unsearched { below }),
            (Err(_), None) => Err(self.connection.timed_out(most).into()),
        }
    }

    /// Searches from where the query starts, and moves that on.
    async fn search_signed_in(
        &mut self,
        first: &Entry,
        signer: &Identity,
        query: &mut Query,
    ) -> Result<Option<LeafIndex>, LedgerError> {
        for _ in 0..SEARCHES_MAX {
            let found = self.find(query).await?;
            for some in found.indexes.chunks(HELD_AT_ONCE) {
                for entry in self.entries(some, Level::Logged, &|_| {}).await? {
                    let entry = entry.logged().entry();
                    if entry.content != first.content {
                        continue;
                    }
                    let verified = self.entry(entry.index).await?;
                    if verified.logged().record().verified_identities().contains(signer) {
                        return Ok(Some(entry.index));
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
