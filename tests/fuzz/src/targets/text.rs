//! Short texts: names, digests, positions, times, identities, and what a user types.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_evidence::identity::Identity;
use custody_evidence::purl::Purl;
use custody_evidence::repository::{CommitId, GitUri, Repository};
use custody_evidence::thing::Thing;
use custody_log::{EntryDigest, KeyName, LeafIndex, Origin, Timestamp, TreeSize};

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, with_text};
use crate::corpus::Corpus;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const WORDS: &[&str] = &[
    "sha256:",
    "gitCommit:",
    "pkg:",
    "npm/",
    "@",
    "?",
    "#",
    "%2F",
    "%00",
    "%c3%a9",
    "https://",
    "git+",
    "ssh://",
    "git@",
    ":",
    ".git",
    "key:",
    "index:",
    "oidc:",
    " ",
    "T",
    "Z",
    "+01:00",
    "refs/heads/main",
    "&",
    "=",
    "..",
    HEX,
];

const fn target(name: &'static str, seeds: fn(&Corpus) -> Vec<Vec<u8>>, run: fn(&[u8]) -> Outcome) -> Target {
    Target { name, max: 5 << 10, rounds: 3000, words: WORDS, seeds, run }
}

pub(super) const TARGETS: &[Target] = &[
    target("text.log_digest", |_| texts(&[&format!("sha256:{HEX}")]), strict::<EntryDigest>),
    target("text.leaf_index", |_| texts(&["0", "1042", "9223372036854775806"]), strict::<LeafIndex>),
    target("text.tree_size", |_| texts(&["0", "1042", "9223372036854775807"]), strict::<TreeSize>),
    target("text.timestamp", times, strict::<Timestamp>),
    target("text.rfc3339", times, rfc3339),
    target("text.key_name", |_| texts(&["example.com/log", "a"]), strict::<KeyName>),
    target("text.origin", |_| texts(&["example.com/log", "a"]), strict::<Origin>),
    target("text.digest", digests, canonical::<Digest>),
    target("text.purl", purls, purl),
    target("text.repository", repositories, canonical::<Repository>),
    target("text.git_uri", repositories, git_uri),
    target("text.commit", |_| texts(&[HEX, &HEX[..40]]), canonical::<CommitId>),
    target("text.identity", identities, canonical::<Identity>),
    target("text.thing", things, thing),
    target("text.term", things, term),
];

/// A text that is accepted is the only one for its value.
pub(super) fn strict<T: FromStr<Err: Error> + Display>(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string(), text, "a second text for one value");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

/// What a value is written as reads as the same value, and is written the same again.
pub(super) fn canonical<T: FromStr<Err: Error> + Display + Debug + PartialEq>(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            match written.parse::<T>() {
                Ok(again) => {
                    assert_eq!(again, value, "{written:?} does not read as what it was written from");
                }
                Err(error) => panic!("{written:?} is written for {text:?} and is refused: {error}"),
            }
            bounded(text.len(), &value, 6, 400);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

fn rfc3339(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match Timestamp::parse_rfc3339(text) {
        Ok(time) => {
            assert_eq!(time.to_string().parse(), Ok(time));
            assert_eq!(Timestamp::parse_rfc3339(&time.to_string()), Ok(time));
            assert_eq!(Timestamp::from_micros(time.as_micros()), Ok(time));
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

fn purl(bytes: &[u8]) -> Outcome {
    let outcome = canonical::<Purl>(bytes);
    if outcome == Outcome::Accepted {
        let purl: Purl = String::from_utf8_lossy(bytes).parse().unwrap();
        assert!(purl.as_str().len() <= Purl::MAX_LEN);
        let package = purl.versionless();
        let bare: Result<Purl, _> = package.parse();
        assert_eq!(
            bare.map(|bare| bare.as_str().to_owned()).as_deref(),
            Ok(package),
            "a package without a name of its own"
        );
        assert!(!purl.as_str().chars().any(char::is_control));
    }
    outcome
}

fn git_uri(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match GitUri::parse(text) {
        Some(uri) => {
            assert_eq!(Repository::parse(uri.repository().as_str()).as_ref(), Some(uri.repository()));
            if let Some(commit) = uri.commit() {
                assert!(commit.parse::<CommitId>().is_ok(), "{commit:?} is no commit");
            }
            Outcome::Accepted
        }
        None => Outcome::Refused("no git URI".to_owned()),
    })
}

/// What a user types becomes one thing; things that have a text read back.
fn thing(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match Thing::parse(text) {
        Ok(thing) => {
            match &thing {
                Thing::Digest(digest) => assert_eq!(Thing::parse(&digest.to_string()).as_ref(), Ok(&thing)),
                Thing::Purl(purl) => assert_eq!(Thing::parse(purl.as_str()).as_ref(), Ok(&thing)),
                Thing::Prefix(prefix) => assert_eq!(Thing::parse(prefix.as_str()).as_ref(), Ok(&thing)),
                Thing::Path(path) | Thing::Name(path) | Thing::Url(path) => assert_eq!(path, text),
                _ => {}
            }
            bounded(text.len(), &thing, 8, 400);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

/// A term that is searched for is stored, so it is a fixed point.
fn term(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| {
        let read = |field: &Field| Term::parse(*field, text).map(|term| (*field, term));
        let mut outcome = Outcome::Refused("no term of any field".to_owned());
        for (field, term) in Field::ALL.iter().filter_map(|field| read(field).ok()) {
            assert_eq!(Term::parse(field, term.value()).as_ref(), Ok(&term));
            outcome = Outcome::Accepted;
        }
        outcome
    })
}

fn times(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "2026-11-22T20:31:24.120394Z",
        "2026-11-22T20:31:24+01:00",
        "2024-02-29T23:59:60Z",
        "9999-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00.000000Z",
    ])
}

fn digests(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        &format!("sha256:{HEX}"),
        &format!("gitCommit:{}", &HEX[..40]),
        "foo:bar",
        &format!("dirHash:h1:{HEX}"),
    ])
}

fn purls(corpus: &Corpus) -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "pkg:npm/%40babel/core@7.0.0",
        "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie#sub/dir",
        "pkg:oci/app@sha256%3Aabcd?repository_url=ghcr.io/acme/app&tag=1",
        "pkg:golang/github.com/Acme/api@v1.0.0",
        "pkg:pypi/Django_Rest@1",
        "pkg:cargo/a@1+b",
        "pkg:generic/%C3%A9?checksum=sha1:ad9503c3e994a4f611a4892f2e67ac82df727086",
    ]);
    for document in corpus.documents("sbom") {
        let text = String::from_utf8_lossy(&document);
        let found = text.split('"').filter(|part| part.starts_with("pkg:")).take(20);
        seeds.extend(found.map(|purl| purl.as_bytes().to_vec()));
    }
    seeds
}

fn repositories(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "https://github.com/acme/api",
        "git@github.com:acme/api.git",
        "git+ssh://git@example.com:2222/acme/api.git@refs/heads/main",
        "git+https://github.com/acme/api@refs/tags/v1",
        &format!("git+https://github.com/acme/api@{}", &HEX[..40]),
        "https://user:token@dev.azure.com/acme/_git/api",
    ])
}

fn identities(_: &Corpus) -> Vec<Vec<u8>> {
    let oidc = custody_evidence::identity::OidcIdentity::new(
        "https://token.actions.githubusercontent.com",
        "repo:acme/api:ref:refs/heads/main",
    );
    texts(&[&format!("key:{HEX}"), &Identity::Oidc(oidc.unwrap()).to_string()])
}

fn things(corpus: &Corpus) -> Vec<Vec<u8>> {
    let mut seeds = texts(&[
        "index:1042",
        "abcde",
        "./file",
        "app.tar.gz",
        &format!("key:{HEX}"),
        &format!("ghcr.io/acme/app@sha256:{HEX}"),
        &format!("https://github.com/acme/api@{}", &HEX[..40]),
        "https://github.com/acme/api/actions/runs/1",
        "production",
    ]);
    seeds.extend(digests(corpus));
    seeds.extend(purls(corpus).into_iter().take(20));
    seeds.extend(repositories(corpus));
    seeds
}
