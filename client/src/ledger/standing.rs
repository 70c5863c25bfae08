//! Whether a signature was there before its signer was distrusted.
//!
//! The same content is recorded again where it adds something: another authority, an earlier proof of time. A signature that an
//! earlier entry has is as old as that entry. What a server leaves out can only make evidence weaker here, never stronger:
//! whatever it names is verified.

use std::collections::BTreeSet;

use custody_evidence::fact::{Field, Term};
use custody_evidence::identity::Identity;
use custody_log::LeafIndex;
use custody_wire::limits::FIND_LIMIT_MAX;

use super::{Condition, Ledger, LedgerError, Moment, Query};
use crate::check::{Checked, Level, Logged};

/// For how many entries of a list earlier ones are looked for: 64, each a search. Behind them what is at hand decides.
const SEARCHED_MAX: usize = 64;

impl Ledger {
    /// Looks for earlier entries with the same content for those whose signers are distrusted, and notes in them whose signature
    /// was verified first where.
    pub async fn find_first_signed(&mut self, entries: &mut [Checked]) -> Result<(), LedgerError> {
        let mut searched = 0;
        for at in 0..entries.len() {
            let Some(logged) = entries.get(at).and_then(Checked::logged) else { continue };
            let (index, content) = (logged.entry().index, logged.entry().content);
            let subject = logged.record().subjects.first().cloned();
            for signer in self.distrusted_signers(logged) {
                let same = |other: &&Logged| {
                    other.entry().content == content && other.record().verified_identities().contains(&signer)
                };
                let here = entries.iter().filter_map(Checked::logged).filter(same);
                let mut first = here.map(|other| other.entry().index).min().unwrap_or(index);
                if searched < SEARCHED_MAX {
                    searched += 1;
                    first = self.first_signed(subject.clone(), &signer, content, first).await?;
                }
                let entry = entries.get_mut(at).and_then(Checked::logged_mut);
                if let Some(logged) = entry.filter(|_| first < index) {
                    logged.signed_before(signer, first);
                }
            }
        }
        Ok(())
    }

    /// Returns the signers of an entry whom administrators distrust, or once did, since it or before.
    fn distrusted_signers(&self, logged: &Logged) -> Vec<Identity> {
        let (index, signers) = (logged.entry().index, logged.record().verified_identities());
        let states: Vec<_> = self.trust.versions().iter().map(|version| &version.state).collect();
        let is = |signer: &Identity| {
            states.iter().rev().any(|state| state.distrusted_signer(signer, index).is_some())
        };
        signers.into_iter().filter(is).collect()
    }

    /// Returns the first entry before this one in which the signer's signature on a content is verified; this one if there is none.
    async fn first_signed(
        &mut self,
        subject: Option<String>,
        signer: &Identity,
        content: custody_log::ContentDigest,
        before: LeafIndex,
    ) -> Result<LeafIndex, LedgerError> {
        let subject = subject.and_then(|subject| Term::parse(Field::Subject, &subject).ok());
        let terms = subject.into_iter().chain([Term::of_identity(Field::Signer, signer)]);
        let query = Query {
            conditions: terms.map(Condition::from).collect(),
            recorded_until: Some(Moment::Index(before)),
            limit: FIND_LIMIT_MAX,
            ..Query::default()
        };
        let found = self.find(&query).await?;
        let mut same = BTreeSet::new();
        for some in found.indexes.chunks(64) {
            for entry in self.entries(some, Level::Logged, &|_| {}).await? {
                let Some(logged) = entry.logged() else { continue };
                let (entry, record) = (logged.entry(), logged.record());
                if entry.content == content && record.verified_identities().contains(signer) {
                    same.insert(entry.index);
                }
            }
        }
        let Some(first) = same.first() else { return Ok(before) };
        // The server's record is not enough: a signature that never verified would make later ones count.
        let checked = self.entry(*first).await?;
        let record = checked.verified().map(|verified| verified.logged().record());
        let has_signed = record.is_some_and(|record| record.verified_identities().contains(signer));
        Ok(if has_signed { *first } else { before })
    }
}
