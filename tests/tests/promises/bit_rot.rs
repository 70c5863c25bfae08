//! One flipped bit anywhere in the data directory is found, or changes no answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use custody_tests::client::User;
use custody_tests::dice::{Dice, number_from};
use custody_tests::evidence::{UNKNOWN_TYPE, artifact_hex, envelope, envelope_of_length, statement};
use custody_tests::oracle::digest_text;
use custody_tests::server::{Ledger, Server, copy_folder, custodyd};
use custody_tests::threads::for_all;
use custody_tests::wire::{Caller, word};
use serde_json::Value;

/// How many bits are flipped in each kind of file, unless `CUSTODY_ROT_SAMPLES` says so.
const SAMPLES: usize = 8;

/// Entries behind the first: more than fill one tile.
const ENTRIES: u64 = 270;

/// How long the facts index may take to follow them; far more than it needs, for busy machines.
const SETTLED_LIMIT: Duration = Duration::from_mins(1);

/// How many things they are about.
const SUBJECTS: u64 = 40;

/// Records an envelope for each number, some at once.
fn record(server: &Server, ledger: &Ledger, numbers: &[u64]) {
    for_all(numbers, |number| {
        let name = format!("artifact-{}", number % SUBJECTS);
        let mut about = statement(&name);
        about["predicate"]["number"] = (*number).into();
        Caller::of(server).record(&envelope(&about, &[&ledger.writers[0]])).unwrap();
    });
}

/// A log with a sealed segment and one that a killed server left, a large envelope, a tile and an index.
fn killed() -> Ledger {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let large = envelope_of_length("large-1", 70_000, &ledger.writers[0]);
    Caller::of(&server).record(&large).unwrap();
    record(&server, &ledger, &(1..ENTRIES - 10).collect::<Vec<_>>());
    server.stop();
    let server = ledger.serve();
    record(&server, &ledger, &(ENTRIES - 10..ENTRIES).collect::<Vec<_>>());
    settled(&server);
    server.kill();
    ledger
}

/// Waits until the facts index has followed.
fn settled(server: &Server) {
    let caller = Caller::of(server);
    let found = |field: &str, value: &str| caller.find(field, value).map_or(0, |found| found.len());
    let begun = Instant::now();
    while found("predicate", UNKNOWN_TYPE) != 100 || found("subject", &subject(39)) != 6 {
        assert!(begun.elapsed() < SETTLED_LIMIT, "the facts index does not follow:\n{}", server.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn subject(number: u64) -> String {
    format!("sha256:{}", artifact_hex(&format!("artifact-{number}")))
}

type Answers = BTreeMap<String, Result<String, String>>;

/// What a server says to a fixed list of questions, some of them about so many things: the digest of each answer, or the word of its refusal.
fn answers(server: &Server, subjects: u64) -> Answers {
    let caller = Caller::of(server);
    let mut all = BTreeMap::new();
    let told = |answer: Result<Vec<u8>, tonic::Status>| match answer {
        Ok(bytes) => Ok(digest_text(&bytes)),
        Err(status) => Err(word(&status)),
    };
    let (size, root) = caller.tree();
    all.insert("tree".to_owned(), Ok(format!("{size} {}", digest_text(&root))));
    for first in (0..=ENTRIES).step_by(10) {
        let indexes: Vec<u64> = (first..(first + 10).min(ENTRIES + 1)).collect();
        let entries = caller.some_entries(&indexes).map(|entries| entries.concat());
        all.insert(format!("entries from {first}"), told(entries));
    }
    for index in 0..=ENTRIES {
        all.insert(format!("envelope {index}"), told(caller.some_envelope(index)));
    }
    for number in 0..subjects {
        let answer = match caller.find_as_of("subject", &subject(number)) {
            Ok((found, size)) if size == ENTRIES + 1 => Ok(format!("{found:?}")),
            Ok((_, size)) => Err(format!("as of size {size}")),
            Err(status) => Err(word(&status)),
        };
        all.insert(format!("about artifact {number}"), answer);
    }
    all.insert("the first tile".to_owned(), told(caller.tile("tile/0/000")));
    all
}

/// Returns the files below a folder by what they are.
fn files(data: &Path) -> BTreeMap<&'static str, Vec<PathBuf>> {
    let (mut kinds, mut folders) = (BTreeMap::<_, Vec<PathBuf>>::new(), vec![data.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(data).unwrap().to_str().unwrap().to_owned();
            let kind = ["journal/segments", "journal/blobs", "journal/checkpoint", "tile", "index"]
                .into_iter()
                .find(|start| inside.starts_with(start))
                .unwrap_or("other");
            if fs::metadata(&path).unwrap().len() > 0 {
                kinds.entry(kind).or_default().push(PathBuf::from(inside));
            }
        }
    }
    kinds
}

/// One bit of one file in a copy of this directory.
#[derive(Debug, Clone)]
struct Rot {
    sound: PathBuf,
    file: PathBuf,
    byte: u64,
    bit: u8,
}

impl Rot {
    fn flip(&self, data: &Path) {
        let path = data.join(&self.file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[usize::try_from(self.byte).unwrap()] ^= 1 << self.bit;
        fs::write(&path, bytes).unwrap();
    }
}

/// Whether the scan names a finding, with file, offset and entry.
fn fsck_finds(data: &Path) -> bool {
    let ended =
        custodyd(&["fsck".as_ref(), "--data".as_ref(), data.as_os_str(), "-o".as_ref(), "json".as_ref()]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    for finding in &findings {
        assert!(finding["segment"].is_string() && finding["offset"].is_u64() && finding["entry"].is_u64());
    }
    assert_eq!(ended.code, Some(i32::from(!findings.is_empty())), "{}{}", ended.stdout, ended.stderr);
    !findings.is_empty()
}

/// Serves the directory; none if the server refuses, and then it says what to do.
fn serve(data: &Path) -> Option<Server> {
    let started = Server::try_start(data);
    let says_what_to_do =
        |said: &str| said.contains("custodyd fsck") || said.contains("use a newer custodyd");
    started.map_err(|said| assert!(says_what_to_do(&said), "a refusal says what to do:\n{said}")).ok()
}

/// Draws bits of each kind of file.
fn draw(sound: &Path, kinds: &[&str], samples: usize, dice: &mut Dice) -> Vec<Rot> {
    let mut rots = Vec::new();
    for (_, files) in files(sound).into_iter().filter(|(kind, _)| kinds.contains(kind)) {
        for sample in 0..samples {
            let file = files[if sample < files.len() { sample } else { dice.roll(files.len()) }].clone();
            let length = usize::try_from(fs::metadata(sound.join(&file)).unwrap().len()).unwrap();
            let (byte, bit) = (dice.roll(length) as u64, u8::try_from(dice.roll(8)).unwrap());
            rots.push(Rot { sound: sound.to_owned(), file, byte, bit });
        }
    }
    rots
}

/// Serves a copy with the rotten bit and asks it everything.
fn try_one(ledger: &Ledger, rot: &Rot, expected: &Answers) {
    // Shown when the test fails, or is killed because it does not end.
    println!("{rot:?}");
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    copy_folder(&rot.sound, &data);
    for key in ["log-key", "freshness-key"] {
        fs::copy(ledger.data().with_extension(key), data.with_extension(key)).unwrap();
    }
    rot.flip(&data);
    let found = fsck_finds(&data);
    let Some(server) = serve(&data) else {
        assert!(found, "{rot:?}: the server refuses what the scan does not find");
        return;
    };
    // The facts index does not get past a damaged entry: a search then waits, and says as of which size it answers.
    let subjects = if found { 1 } else { SUBJECTS };
    if !found {
        settled(&server);
    }
    for (question, answer) in answers(&server, subjects) {
        let same = Some(&answer) == expected.get(&question);
        let refused = found && answer.is_err();
        assert!(same || refused, "{rot:?}: {question}: {answer:?}, and found by the scan: {found}");
    }
}

#[test]
fn a_flipped_bit_is_found_or_changes_no_answer() {
    let ledger = killed();
    let (killed, stopped) = (ledger.home().join("killed"), ledger.home().join("stopped"));
    copy_folder(&ledger.data(), &killed);
    let server = ledger.serve();
    settled(&server);
    let expected = answers(&server, SUBJECTS);
    assert!(expected.values().all(Result::is_ok), "{expected:?}");
    server.stop();
    // A copy of an index that was in use is thrown away: only one that was closed shows what rot in it does.
    copy_folder(&ledger.data(), &stopped);

    let mut dice = Dice::seeded();
    let samples = number_from("CUSTODY_ROT_SAMPLES").unwrap_or(SAMPLES);
    let journal = ["journal/segments", "journal/blobs", "journal/checkpoint"];
    let mut rots = draw(&killed, &journal, samples, &mut dice);
    rots.extend(draw(&stopped, &["journal/segments", "tile", "index", "other"], samples, &mut dice));
    for_all(&rots, |rot| try_one(&ledger, rot, &expected));
    println!("{} bits", rots.len());
}

#[test]
fn a_deleted_index_is_made_again_and_answers_the_same() {
    let ledger = killed();
    let server = ledger.serve();
    settled(&server);
    let expected = answers(&server, SUBJECTS);
    server.stop();
    fs::remove_dir_all(ledger.data().join("index")).unwrap();
    fs::remove_dir_all(ledger.data().join("tile")).unwrap();
    let server = ledger.serve();
    settled(&server);
    assert_eq!(answers(&server, SUBJECTS), expected);
}

/// The one window: rot in the last acknowledged frame, after a power loss before the kept checkpoint was synced.
#[test]
fn rot_in_the_last_frame_before_its_checkpoint_was_synced_is_cut_and_the_client_reports_a_rollback() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let port = server.port();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    let journal = ledger.data().join("journal");
    let caller = Caller::of(&server);
    let slots: Vec<(PathBuf, Vec<u8>)> = {
        caller.record(&envelope(&statement("before"), &[&ledger.writers[0]])).unwrap();
        let both = ["checkpoint-a", "checkpoint-b"].map(|name| journal.join(name));
        both.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let last = envelope(&statement("the last one"), &[&ledger.writers[0]]);
    assert_eq!(caller.record(&last).unwrap().index, 2);
    let (code, answer) = user.json(&["show", "index:2"]);
    assert_eq!(code, Some(0), "{answer}");
    server.kill();
    // The power was lost: the slots are as they were synced last, and a bit of the last frame rotted.
    for (path, bytes) in slots {
        fs::write(path, bytes).unwrap();
    }
    let segment =
        fs::read_dir(journal.join("segments")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let place = bytes.windows(last.len()).position(|window| window == last).unwrap();
    bytes[place + 5] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
    assert_eq!(ended.code, Some(0), "it looks like a write that did not end: {}", ended.stdout);
    // Cosignatures tell whole seconds: within the same one an old tree passes for a late answer.
    std::thread::sleep(Duration::from_millis(1_100));
    let server = Server::start_at(&ledger.data(), port);
    assert_eq!(Caller::of(&server).tree().0, 2, "exactly the last frame is gone");
    server.comes_to_say("a write that did not end was cut");
    let (code, answer) = user.json(&["show", "index:1", "--timeout", "8s"]);
    assert_eq!((code, &answer["error"]["code"]), (Some(1), &"rollback".into()), "{answer}");
}
