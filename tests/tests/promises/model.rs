//! A random list of operations does what a naive model in memory says, restarts and crashes among them.

use std::collections::{BTreeMap, BTreeSet};

use custody_tests::dice::Dice;
use custody_tests::evidence::{content, envelope_of, signature, statement};
use custody_tests::oracle::{self, Hash};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, word};

/// Keys of writers; one more key is nobody's.
const WRITERS: usize = 3;

/// How many operations one list has.
const OPERATIONS: usize = 250;

/// How often the whole log is compared, in operations.
const COMPARED_EVERY: usize = 50;

/// What is known about one content.
#[derive(Debug, Clone)]
struct Said {
    payload: Vec<u8>,
    /// The entry that was first.
    first: u64,
    /// All envelopes sent so far that were admitted, the first one first.
    envelopes: Vec<Vec<u8>>,
    /// Everyone whose signature on it verified.
    signers: BTreeSet<usize>,
}

/// The log, as simple as it can be said.
#[derive(Debug, Default)]
struct Model {
    size: u64,
    said: BTreeMap<Hash, Said>,
    /// Where exactly these bytes are.
    kept: BTreeMap<Vec<u8>, u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Recorded { index: u64, duplicate: bool },
    Refused { word: String },
}

impl Model {
    /// What the log must answer to an envelope around `payload` that carries a good signature of each of `signers`.
    fn record(&mut self, payload: &[u8], envelope: &[u8], signers: &BTreeSet<usize>) -> Answer {
        let known: BTreeSet<usize> = signers.iter().copied().filter(|signer| *signer < WRITERS).collect();
        if known.is_empty() {
            return Answer::Refused { word: "unknown_key".to_owned() };
        }
        let next = self.size;
        let said = self.said.entry(content(payload)).or_insert_with(|| Said {
            payload: payload.to_vec(),
            first: next,
            envelopes: Vec::new(),
            signers: BTreeSet::new(),
        });
        said.envelopes.push(envelope.to_vec());
        // Who sends the same bytes again, because no answer came, gets the entry of those bytes.
        if let Some(index) = self.kept.get(envelope) {
            return Answer::Recorded { index: *index, duplicate: true };
        }
        if known.is_subset(&said.signers) {
            return Answer::Recorded { index: said.first, duplicate: true };
        }
        said.signers.extend(known);
        self.kept.insert(envelope.to_vec(), next);
        self.size += 1;
        Answer::Recorded { index: next, duplicate: false }
    }
}

struct Trial {
    ledger: Ledger,
    server: Option<Server>,
    model: Model,
    dice: Dice,
    made: usize,
}

impl Trial {
    fn new(dice: Dice) -> Self {
        let ledger = Ledger::new(u8::try_from(WRITERS).unwrap());
        let server = Some(ledger.serve());
        // Entry 0 is the trust document.
        let model = Model { size: 1, ..Model::default() };
        Self { ledger, server, model, dice, made: 0 }
    }

    fn caller(&self) -> Caller {
        Caller::of(self.server.as_ref().unwrap())
    }

    fn step(&mut self) {
        match self.dice.roll(100) {
            0..35 => self.something_new(),
            35..50 => self.the_same_bytes(),
            50..65 => self.the_same_content_in_other_json(),
            65..85 => self.one_more_signer(),
            85..94 => self.a_key_that_nobody_knows(),
            94..97 => self.restart(),
            _ => self.crash(),
        }
    }

    fn something_new(&mut self) {
        self.made += 1;
        let payload = statement(&format!("artifact-{}", self.made)).to_string().into_bytes();
        let signer = self.dice.roll(WRITERS);
        self.send(&payload, &[signer], "");
    }

    fn the_same_bytes(&mut self) {
        let Some(said) = self.something_said() else { return };
        let envelope = said.envelopes[self.dice.roll(said.envelopes.len())].clone();
        let (payload, signers) = (said.payload, signers_of(&envelope, &self.ledger));
        self.send_bytes(&payload, &envelope, &signers);
    }

    fn the_same_content_in_other_json(&mut self) {
        let Some(said) = self.something_said() else { return };
        let signers: Vec<usize> = said.signers.iter().copied().collect();
        let signer = signers[self.dice.roll(signers.len())];
        let blanks = " ".repeat(1 + self.dice.roll(50));
        self.send(&said.payload, &[signer], &blanks);
    }

    fn one_more_signer(&mut self) {
        let Some(said) = self.something_said() else { return };
        let signers = [self.dice.roll(WRITERS), self.dice.roll(WRITERS + 1)];
        self.send(&said.payload, &signers, "");
    }

    fn a_key_that_nobody_knows(&mut self) {
        self.made += 1;
        let payload = statement(&format!("artifact-{}", self.made)).to_string().into_bytes();
        self.send(&payload, &[WRITERS], "");
    }

    fn restart(&mut self) {
        self.server.take().unwrap().stop();
        self.server = Some(self.ledger.serve());
    }

    fn crash(&mut self) {
        self.server.take().unwrap().kill();
        self.server = Some(self.ledger.serve());
    }

    fn something_said(&mut self) -> Option<Said> {
        let choices: Vec<&Said> = self.model.said.values().collect();
        if choices.is_empty() {
            return None;
        }
        let choice = self.dice.roll(choices.len());
        Some(choices[choice].clone())
    }

    fn send(&mut self, payload: &[u8], signers: &[usize], blanks: &str) {
        let signers: BTreeSet<usize> = signers.iter().copied().collect();
        let signatures: Vec<_> =
            signers.iter().map(|signer| signature(payload, &key(&self.ledger, *signer))).collect();
        let mut envelope = blanks.as_bytes().to_vec();
        envelope.extend(envelope_of(payload, &signatures));
        self.send_bytes(payload, &envelope, &signers);
    }

    fn send_bytes(&mut self, payload: &[u8], envelope: &[u8], signers: &BTreeSet<usize>) {
        let expected = self.model.record(payload, envelope, signers);
        let answer = match self.caller().record(envelope) {
            Ok(answer) => Answer::Recorded { index: answer.index, duplicate: answer.duplicate },
            Err(status) => Answer::Refused { word: word(&status) },
        };
        assert_eq!(answer, expected, "{}", String::from_utf8_lossy(envelope));
    }

    /// Compares size, root, chain and contents with what the naive log says.
    fn compare(&self) {
        let caller = self.caller();
        let (size, root) = caller.tree();
        assert_eq!(size, self.model.size);
        let entries = caller.entries(size);
        assert_eq!(oracle::root(&entries), root, "the root of {size} entries");
        assert_eq!(oracle::broken_link(&entries), None);
        for (content, said) in &self.model.said {
            let entry = String::from_utf8(entries[usize::try_from(said.first).unwrap()].clone()).unwrap();
            let hex = content.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            assert_eq!(oracle::entry_line(&entry, "content"), Some(format!("sha256:{hex}").as_str()));
            let digest = oracle::digest_text(&said.envelopes[0]);
            let line = format!("{digest} {}", said.envelopes[0].len());
            assert_eq!(oracle::entry_line(&entry, "envelope"), Some(line.as_str()));
        }
    }
}

/// The writers' keys, and behind them one that the trust document does not name.
fn key(ledger: &Ledger, number: usize) -> custody_evidence::key::SigningKey {
    match ledger.writers.get(number) {
        Some(_) => custody_evidence::key::SigningKey::from_seed(&[u8::try_from(number + 1).unwrap(); 32]),
        None => custody_evidence::key::SigningKey::from_seed(&[0xee; 32]),
    }
}

fn signers_of(envelope: &[u8], ledger: &Ledger) -> BTreeSet<usize> {
    let envelope = String::from_utf8_lossy(envelope).into_owned();
    (0..=WRITERS)
        .filter(|number| envelope.contains(&key(ledger, *number).public().id().to_string()))
        .collect()
}

#[test]
fn a_random_list_of_operations_does_what_the_model_says() {
    let mut trial = Trial::new(Dice::seeded());
    for operation in 1..=OPERATIONS {
        trial.step();
        if operation % COMPARED_EVERY == 0 {
            trial.compare();
        }
    }
}
