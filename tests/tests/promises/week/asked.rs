//! A log with everything that a company recorded, and who asks it.

use std::collections::{BTreeMap, BTreeSet};

use custody_tests::client::User;
use custody_tests::company::World;
use custody_tests::company::statements::SIGNERS;
use custody_tests::company::world::{HOUR, Time};
use custody_tests::evidence::envelope;
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, answer_word};
use custody_wire::v1::record_bulk_response::Answer;
use serde_json::Value;

/// What happened within so long goes into the log at once. In one stream what takes longer to check comes later, and no rule looks
/// at an order of hours.
const AT_ONCE: Time = 6 * HOUR;

/// A log, and a responder with a command line.
pub(super) struct Asked {
    pub(super) user: User,
    /// Who may say what is not to be trusted.
    pub(super) administrator: User,
    /// Kept: it serves as long as it is there.
    _server: Server,
    /// Kept: the folder goes with it.
    pub(super) ledger: Ledger,
    /// Where each statement is in the log, in the order of the statements.
    pub(super) indexes: Vec<u64>,
}

impl Asked {
    /// Records everything that happened.
    pub(super) fn recorded(world: &World) -> Self {
        let ledger = Ledger::new(SIGNERS);
        let server = ledger.serve();
        let caller = Caller::of(&server);
        let mut indexes = Vec::new();
        for part in world.statements().chunk_by(|one, next| one.at / AT_ONCE == next.at / AT_ONCE) {
            let signed = |said: &custody_tests::company::statements::Said| {
                envelope(&said.statement, &[&ledger.writers[said.signer]])
            };
            let part: BTreeMap<u64, Vec<u8>> = (0..).zip(part.iter().map(signed)).collect();
            let mut stream = caller.bulk();
            stream.header();
            let (answers, ended) = stream.exchange(&part);
            assert!(ended.is_none(), "{ended:?}");
            assert_eq!(answers.len(), part.len());
            for (tag, answer) in answers {
                let Answer::Recorded(recorded) = &answer else { panic!("{tag}: {}", answer_word(&answer)) };
                indexes.push(recorded.index);
            }
        }
        let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
        let administrator = User::of(&server.url(), &caller.pin(), &ledger.home().join("admin.key"));
        Self { user, administrator, _server: server, ledger, indexes }
    }

    /// Runs a command and returns its one document; it must say yes.
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.user.json(arguments);
        assert!(matches!(code, Some(0 | 4)), "{arguments:?}: {code:?} {answer}");
        answer
    }

    /// Returns all entries that `find` lists, page by page.
    pub(super) fn find(&self, conditions: &[&str]) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = String::new();
        loop {
            let mut arguments = [&["find", "--limit", "1000"], conditions].concat();
            if !next.is_empty() {
                arguments.extend(["--next", &next]);
            }
            // A page that took too long says where to go on, also where it found nothing.
            let (code, answer) = self.user.json(&arguments);
            let goes_on = code == Some(3) && answer["next"].is_u64();
            assert!(matches!(code, Some(0 | 4)) || goes_on, "{arguments:?}: {code:?} {answer}");
            all.extend(answer["entries"].as_array().expect("entries").iter().cloned());
            let Some(more) = answer["next"].as_u64() else { return all };
            next = more.to_string();
        }
    }

    /// Returns the subjects of what `find` lists.
    pub(super) fn subjects(&self, conditions: &[&str]) -> BTreeSet<String> {
        let entries = self.find(conditions);
        let subjects =
            entries.iter().flat_map(|entry| entry["subjects"].as_array().expect("subjects").iter());
        subjects.map(|subject| subject.as_str().expect("a digest").to_owned()).collect()
    }

    /// Runs a command of an administrator, and returns its one document.
    pub(super) fn administer(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.administrator.json(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {answer}");
        answer
    }

    /// Returns the entries of the statements that `wanted` holds of.
    pub(super) fn entries(&self, world: &World, wanted: impl Fn(&Value) -> bool) -> BTreeSet<u64> {
        let statements = world.statements();
        let both = statements.iter().zip(&self.indexes);
        both.filter(|(said, _)| wanted(&said.statement)).map(|(_, index)| *index).collect()
    }

    /// Returns the artifacts that an answer of `impact` reached.
    pub(super) fn artifacts(&self, arguments: &[&str]) -> BTreeSet<String> {
        let answer = self.json(arguments);
        let reached = answer["reached"].as_array().into_iter().flatten();
        let artifacts = reached.filter(|reached| reached["kind"] == "artifact");
        artifacts.map(|reached| reached["id"].as_str().expect("a digest").to_owned()).collect()
    }

    /// Returns the size of the log when everything before a time was recorded.
    pub(super) fn size_at(&self, world: &World, at: Time) -> u64 {
        let before = world.statements().iter().take_while(|said| said.at < at / AT_ONCE * AT_ONCE).count();
        // Entry 0 is the trust document. Within a part the order is the server's, so all of the part must be there.
        self.indexes[..before].iter().max().map_or(1, |index| index + 1)
    }

    /// Returns what looks wrong in the entries from one size of the log to another, as of the latter.
    pub(super) fn findings(&self, since: u64, at: u64) -> BTreeSet<(String, String)> {
        let since = format!("index:{since}");
        let ended =
            self.user.custody(&["findings", "--since", &since, "--at", &at.to_string(), "-o", "json"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let found = ended.stdout.lines().map(|line| {
            let found: Value = serde_json::from_str(line).expect("a finding is JSON");
            println!("{found}");
            let text = |member: &str| found[member].as_str().expect("a text").to_owned();
            (text("kind"), text("thing"))
        });
        found.collect()
    }
}
