//! The largest envelopes go through in bounded memory, from the file to the journal and back: of the client's process and of the
//! server's, as the system counts it.
//!
//! The size is that of everyday runs; with `CUSTODY_TEST_LARGEST=1` it is the largest there is, 64 MiB.

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, bundle_of, envelope_saying, statement};
use custody_tests::memory;
use custody_tests::oracle::digest_text;
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use custody_wire::limits::ENVELOPE_BYTES_MAX;
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// The size of everyday runs.
const USUAL: u64 = 16 * MIB;

/// What a program takes beside the envelope: its code, its threads and, of the server, its caches.
const BESIDE: u64 = 64 * MIB;

/// How often the client may hold the envelope. To send it: as it was read, and what was signed (1.75). To give it back or to say
/// what is in it: as it came, what was signed, and the statement in that (2.5).
const RECORDS: u64 = 2;
const READS: u64 = 3;

/// How often the server may hold it: as received and as signed, at worst 176 MiB of 64 (docs/limits.md).
const SERVER: u64 = 3;

fn size() -> usize {
    let largest = std::env::var_os("CUSTODY_TEST_LARGEST").is_some();
    usize::try_from(if largest { ENVELOPE_BYTES_MAX } else { USUAL }).unwrap()
}

/// Does something, and returns how much more the server had in use at most than before; none where the system does not say.
fn more_of(server: &Server, does: impl FnOnce()) -> Option<u64> {
    let before = memory::resident(server.id())?;
    let counts = memory::forget_peak(server.id());
    does();
    memory::peak(server.id()).filter(|_| counts).map(|peak| peak.saturating_sub(before))
}

fn check(what: &str, found: Option<u64>, times: u64, length: usize) {
    let Some(found) = found else {
        println!("skipped: this system does not count the memory of a process");
        return;
    };
    let length = u64::try_from(length).unwrap();
    println!("{what}: {} MiB for {} MiB", found / MIB, length / MIB);
    let most = times * length + BESIDE;
    assert!(found <= most, "{what}: {} MiB, at most {} are allowed", found / MIB, most / MIB);
}

/// A statement that a trace shows, about an artifact of this name.
fn provenance(name: &str) -> Value {
    let mut statement = statement(name);
    statement["predicateType"] = json!("https://slsa.dev/provenance/v1");
    statement["predicate"] = json!({
        "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    });
    statement
}

#[test]
fn large_envelopes_and_bundles_are_recorded_and_given_back_in_bounded_memory() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let around = bundle_of(b"").len();
    let envelope = envelope_saying(&provenance("envelope"), size(), &ledger.writers[0]);
    let bundle = bundle_of(&envelope_saying(&provenance("bundle"), size() - around, &ledger.writers[0]));
    for (number, (kind, bytes)) in [("envelope", envelope), ("bundle", bundle)].into_iter().enumerate() {
        assert_eq!(bytes.len(), size(), "{kind}");
        let index = number + 1;
        let file = user.file("large.json", &bytes);
        let digest = digest_text(&bytes);
        drop(bytes);
        let mut client = None;
        let recorded = more_of(&server, || {
            let ended = user.custody(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);
            assert_eq!(ended.code, Some(0), "{kind}: {}{}", ended.stdout, ended.stderr);
            assert!(
                ended.stdout.contains(&format!("entry {index}")) || ended.stdout.contains("recorded"),
                "{}",
                ended.stdout
            );
            client = ended.peak;
        });
        check(&format!("{kind}: the server records it"), recorded, SERVER, size());
        check(&format!("{kind}: custody record"), client, RECORDS, size());
        let (entry, subject) = (format!("index:{index}"), format!("sha256:{}", artifact_hex(kind)));
        let reads: [&[&str]; 3] = [
            &["show", "--raw", &entry],
            &["trace", &subject, "--verify", "full"],
            &["find", "--subject", &subject],
        ];
        for arguments in reads {
            let mut said = String::new();
            let given = more_of(&server, || {
                let ended = user.custody(arguments);
                assert_eq!(ended.code, Some(0), "{kind}: {arguments:?}: {}", ended.stderr);
                (client, said) = (ended.peak, ended.stdout);
            });
            match arguments {
                ["show", ..] => {
                    assert_eq!(digest_text(said.as_bytes()), digest, "{kind}: every byte came back");
                }
                _ => {
                    assert!(said.contains("verified") || said.contains(&index.to_string()), "{kind}: {said}");
                }
            }
            check(&format!("{kind}: the server, for {arguments:?}"), given, SERVER, size());
            check(&format!("{kind}: custody {arguments:?}"), client, READS, size());
        }
    }
    server.stop();
    // What a start reads of the journal does not grow with an envelope either.
    let server = ledger.serve();
    check("the server after a start", memory::peak(server.id()), SERVER, size());
}
