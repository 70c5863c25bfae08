//! What the client reads: its own files, git's objects, and any file that a user shows it.

use custody_client::Pin;
use custody_client::document::{self, Item};
use custody_client::git::{self, CommitObject, RepositoryUrl, Signers, check_signature};
use custody_client::inspect::{Expectations, ExpectedKey, Verdict, inspect};
use custody_client::pack::{Answer, Making, Pack, PackedEntry};
use custody_client::sign::KeyName;
use custody_client::spool::{Fate, Spool, Why};
use custody_client::ssh::{Allowed, AllowedSigners, RevokedKeys, SshSignature};
use custody_client::trust::{AdminEntry, TrustFile};
use custody_evidence::dsse::Envelope;
use custody_evidence::fact::{Node, NodeKind};
use custody_evidence::sigstore::{Bundle, Content};
use custody_log::{EntryDigest, Receipt, Timestamp, TreeSize};

use super::envelope::{keys, was_signed};
use super::note::{example, origin};
use super::text::{canonical, strict};
use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

const COMMIT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
parent da39a3ee5e6b4b0d3255bfef95601890afd80709
author Alice <alice@example.org> 1763843484 +0100
committer Bob <bob@example.org> 1763843484 +0000
gpgsig -----BEGIN SSH SIGNATURE-----
 U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg
 -----END SSH SIGNATURE-----

Do it

author Mallory <m@example.org> 1 +0000
";

/// By `ssh-keygen -Y sign -n git` over "custody\n", with a key that nobody kept.
const SSH_SIGNATURE: &str = "-----BEGIN SSH SIGNATURE-----\n\
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgIb5qwhlDGwIyCENnRrsnKylYfh\n\
NnnnLhVBiod+GtJtIAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5\n\
AAAAQLXAQiV1LdEVu1w3VIop8Xh8Fe9FQpOcNUo6E/QplkKtPivl7OXQtYkAn655EdV0nf\n\
/OATKKKRvHTGSQFugRLAA=\n\
-----END SSH SIGNATURE-----\n\
";
const SSH_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICG+asIZQxsCMghDZ0a7JyspWH4TZ55y4VQYqHfhrSbS";

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "client.spool",
        max: 16 << 10,
        rounds: 800,
        words: &[
            "\"format\":",
            "\"pin\":",
            "\"envelope\":",
            "\"digest\":",
            "\"tried\":",
            "\"refused\":",
            "{\"code\":\"a\",\"message\":\"b\"}",
        ],
        seeds: spools,
        run: spool,
    },
    Target {
        name: "client.pack",
        max: 16 << 10,
        rounds: 1500,
        words: &[
            "custody/pack/v1\n",
            "\nanswer ",
            "\ntrust ",
            "\nreceipt ",
            "\nrecord ",
            "\nenvelope ",
            "\nattachment ",
            "\nend\n",
        ],
        seeds: packs,
        run: pack,
    },
    Target {
        name: "client.trust_file",
        max: 24 << 10,
        rounds: 1500,
        words: &[
            "\"crit\":",
            "\"pin\":",
            "\"entries\":",
            "\"newest\":",
            "\"receipt\":",
            "\"record\":",
            "\"envelope\":",
        ],
        seeds: trust_files,
        run: trust_file,
    },
    Target {
        name: "client.pin",
        max: 300,
        rounds: 3000,
        words: &["+sha256:", "+"],
        seeds: pins,
        run: strict::<Pin>,
    },
    Target {
        name: "client.commit",
        max: 4 << 10,
        rounds: 3000,
        words: &["parent ", "author ", "committer ", "gpgsig ", "<", ">", "-----BEGIN PGP SIGNATURE-----"],
        seeds: |_| texts(&[COMMIT]),
        run: commit,
    },
    Target {
        name: "client.ssh_signature",
        max: 4 << 10,
        rounds: 3000,
        words: &["-----BEGIN SSH SIGNATURE-----", "U1NIU0lH", "AAAAA2dpdA", "c2hhNTEy", "\n", "="],
        seeds: |_| texts(&[SSH_SIGNATURE]),
        run: ssh_signature,
    },
    Target {
        name: "client.allowed_signers",
        max: 4 << 10,
        rounds: 3000,
        words: &[
            "cert-authority",
            "namespaces=\"git\"",
            "valid-after=\"20261120Z\"",
            "valid-before=\"20261120\"",
            "ssh-rsa ",
            ",",
            "\"",
            "*",
            "!",
        ],
        seeds: |_| texts(&[&format!("ann@example.com namespaces=\"git\" {SSH_KEY}\n")]),
        run: allowed_signers,
    },
    Target {
        name: "client.revoked_keys",
        max: 4 << 10,
        rounds: 3000,
        words: &["ssh-ed25519 ", "ssh-rsa ", "SSHKRL\n", "hash: SHA256:", "# ", "\r\n", "\t", "="],
        seeds: |_| texts(&[&format!("# left\n\n{SSH_KEY} ann@example.com\n"), "ssh-rsa AAAA\n"]),
        run: revoked_keys,
    },
    Target {
        name: "client.repository",
        max: 5 << 10,
        rounds: 2000,
        words: &["git@", ":", "https://", ".git", "file:", "..", "?"],
        seeds: |_| texts(&["https://github.com/acme/api", "git@github.com:acme/api.git"]),
        run: canonical::<RepositoryUrl>,
    },
    Target {
        name: "client.key_name",
        max: 100,
        rounds: 2000,
        words: &[".pem", ".pub", "/", ".."],
        seeds: |_| texts(&["release", "a.b-c_1"]),
        run: strict::<KeyName>,
    },
    Target {
        name: "client.inspect",
        max: 16 << 10,
        rounds: 1000,
        words: &[
            "\"payload\":",
            "\"_type\":",
            "\"bomFormat\":",
            "\"spdxVersion\":",
            "\"format\":",
            "custody/entry/v1\n",
            "c2sp.org/tlog-proof@v1\n",
        ],
        seeds: files,
        run: inspected,
    },
];

/// There is one way to write a pack.
fn pack(bytes: &[u8]) -> Outcome {
    match Pack::decode(bytes) {
        Ok(pack) => {
            same_bytes("pack", &pack.encode(), bytes);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn trust_file(bytes: &[u8]) -> Outcome {
    match TrustFile::decode(bytes) {
        Ok(file) => {
            let written = file.encode();
            assert_eq!(TrustFile::decode(&written).as_ref(), Ok(&file));
            assert_eq!(TrustFile::decode(&written).map(|file| file.encode()), Ok(written));
            bounded(bytes.len(), &file, 12, 4096);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// What waits is what was signed, and settling nothing keeps all of it.
fn spool(bytes: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("spool");
    std::fs::write(&path, bytes).expect("the file can be written");
    let spool = Spool::new(path, pin());
    match spool.waiting() {
        Ok(waiting) => {
            assert!(waiting.iter().all(|one| one.envelope.bytes().len() <= bytes.len()));
            bounded(bytes.len(), &waiting, 12, 4096);
            spool.settle(&[]).expect("what can be read can be written");
            let left = spool.waiting().map_or(0, |left| left.len());
            assert_eq!(left, waiting.len(), "an envelope was lost");
            Outcome::Accepted
        }
        // The folder has another name each time.
        Err(error) => match refused(&error) {
            Outcome::Refused(text) => Outcome::Refused(text.replace(&*dir.path().to_string_lossy(), "")),
            Outcome::Accepted => Outcome::Accepted,
        },
    }
}

fn spools(_: &Corpus) -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let spool = Spool::new(dir.path().join("spool"), pin());
    let now = Timestamp::parse_rfc3339("2026-11-22T20:31:24Z").unwrap();
    let keep = |name: &str| {
        spool.keep(&Envelope::parse(example(name)).unwrap().into(), now).expect("an envelope is kept");
        std::fs::read(spool.path()).unwrap()
    };
    let kept = ["envelope-1.json", "envelope-2.json"].map(keep);
    let why = Why { code: "expired".to_owned(), message: "why".to_owned() };
    let digest = Envelope::parse(example("envelope-1.json")).unwrap().digest();
    spool.settle(&[(digest, Fate::Refused(why))]).expect("the spool is written");
    [kept.to_vec(), vec![std::fs::read(spool.path()).unwrap()]].concat()
}

/// What is signed in a commit's name is made of these, so they have no control characters.
fn commit(bytes: &[u8]) -> Outcome {
    match CommitObject::parse(bytes) {
        Ok(commit) => {
            for person in [&commit.author, &commit.committer] {
                assert!(!person.to_string().chars().any(char::is_control), "{person:?}");
            }
            let id = "a".repeat(40).parse().unwrap();
            if let Some(signature) = check_signature(&id, bytes, &commit, &Signers::Unknown, None) {
                assert!(!matches!(signature.verdict, git::Verdict::Verified { .. }), "nobody may sign");
                bounded(bytes.len(), &signature, 12, 1024);
            }
            bounded(bytes.len(), &commit, 12, 1024);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Only what was signed is verified, however it is written.
fn ssh_signature(bytes: &[u8]) -> Outcome {
    let parsed = SshSignature::parse(&String::from_utf8_lossy(bytes));
    match parsed.and_then(|signature| signature.verify("git", b"custody\n").map(|()| signature)) {
        Ok(signature) => {
            let made = SshSignature::parse(SSH_SIGNATURE).unwrap();
            assert!(signature == made, "another signature holds");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Only a key that the file names may sign.
fn allowed_signers(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    match AllowedSigners::parse(&text) {
        Ok(signers) => {
            bounded(bytes.len(), &signers, 24, 1024);
            let base64 = SSH_KEY.split(' ').nth(1).unwrap();
            let key = SshSignature::parse(SSH_SIGNATURE).unwrap().key().blob().to_vec();
            let time = Timestamp::parse_rfc3339("2026-11-20T11:30:00Z").unwrap();
            let allowed = signers.allows(&key, "git", time);
            assert!(allowed == Allowed::NotListed || text.contains(base64), "{allowed:?}");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// A key is revoked exactly if a line that is no comment names it: none that the file does not name, and none is passed over.
fn revoked_keys(bytes: &[u8]) -> Outcome {
    match RevokedKeys::parse(bytes) {
        Ok(revoked) => {
            bounded(bytes.len(), &revoked, 24, 1024);
            let text = String::from_utf8_lossy(bytes);
            let mut lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
            let (_, base64) = SSH_KEY.split_once(' ').unwrap();
            let named = lines.any(|line| line.split_ascii_whitespace().nth(1) == Some(base64));
            let key = SshSignature::parse(SSH_SIGNATURE).unwrap().key().blob().to_vec();
            assert_eq!(revoked.contains(&key), named, "{revoked:?}");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// A document of a file is said to hold only if one of the keys signed it. What came of the file is what came of its first
/// document.
fn inspected(bytes: &[u8]) -> Outcome {
    let keys = keys().last().cloned().map(ExpectedKey::Public).into_iter().collect();
    let expected = Expectations { keys, ..Expectations::default() };
    let found = document::items(bytes);
    bounded(bytes.len(), &found, 256, 4096);
    let part = |item: &Item<'_>| item.bytes.is_empty() || bytes.as_ptr_range().contains(&item.bytes.as_ptr());
    assert!(found.iter().all(part), "a document that does not stand in the file");
    let outcomes: Vec<Outcome> = found.iter().map(|item| inspected_item(item, &expected)).collect();
    outcomes.into_iter().next().expect("a file has at least one document")
}

fn inspected_item(item: &Item<'_>, expected: &Expectations) -> Outcome {
    let report = inspect(item, expected);
    assert!(report.subjects.len() <= 4096);
    match report.verdict() {
        Verdict::Holds => {
            let pae = match Bundle::parse(item.bytes) {
                Ok(bundle) => match bundle.content() {
                    Content::Dsse(envelope) => envelope.pae().to_vec(),
                    Content::Message(_) | Content::Image(_) => panic!("no key here signs files"),
                },
                Err(_) => Envelope::parse(item.bytes)
                    .expect("only envelopes are signed by such a key")
                    .pae()
                    .to_vec(),
            };
            assert!(was_signed(&pae), "it holds, and nobody signed it");
            Outcome::Accepted
        }
        Verdict::Undecided => Outcome::Refused(report.kind.name().to_owned()),
        Verdict::Fails => {
            let why = report.why.unwrap_or_else(|| "a check failed".to_owned());
            assert!(why.len() <= 4096, "a reason of {} bytes", why.len());
            Outcome::Refused(why)
        }
    }
}

fn packs(corpus: &Corpus) -> Vec<Vec<u8>> {
    let trust = TrustFile::decode(&trust_files(corpus)[0]).expect("a seed is a trust file");
    let receipt = trust.newest.clone();
    let node = Node::named(NodeKind::Artifact, "sha256:00").expect("a text without control characters");
    let answer = Answer::new("app".to_owned(), &[node], TreeSize::new(3).expect("small"), "3".to_owned());
    let entry = PackedEntry {
        receipt,
        record: Some(b"record".to_vec()),
        envelope: Some(b"envelope".to_vec()),
        attachments: vec![b"eyJ".to_vec()],
    };
    let mut making = Making::new(tempfile::tempfile().expect("a temporary file"));
    making.add(&entry).expect("small");
    let mut pack = Vec::new();
    making.write(&answer, &trust, &mut pack).expect("small");
    vec![pack]
}

fn trust_files(_: &Corpus) -> Vec<Vec<u8>> {
    let receipt = Receipt::decode(example("entry-1.tlog-proof")).unwrap();
    let entry = AdminEntry {
        receipt: receipt.clone(),
        record: example("record-0.json").to_vec(),
        envelope: example("envelope-0.json").to_vec(),
    };
    vec![TrustFile { pin: pin(), entries: vec![entry], newest: receipt }.encode()]
}

fn pin() -> Pin {
    Pin { origin: origin(), genesis: EntryDigest::of(example("entry-0")) }
}

fn pins(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[&pin().to_string()])
}

fn files(corpus: &Corpus) -> Vec<Vec<u8>> {
    let parts = ["statements", "dsse", "other-envelopes", "vuln-vex", "registry-provenance"];
    [corpus.examples(""), parts.map(|part| corpus.documents(part)).concat()].concat()
}
