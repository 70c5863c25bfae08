//! Versions and ranges of them.

use std::cmp::Ordering;

use custody_evidence::version::{Incomparable, Match, PurlRange, Scheme, Version, VersionRange};

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused, with_text};
use crate::corpus::Corpus;

const SCHEMES: [Scheme; 7] =
    [Scheme::Debian, Scheme::Go, Scheme::Maven, Scheme::Npm, Scheme::NuGet, Scheme::PyPi, Scheme::SemVer];
const WORDS: &[&str] = &[
    "\n",
    ".",
    "-",
    "+",
    "~",
    ":",
    "!",
    "0",
    "00",
    "1.0.0",
    "v1",
    "alpha",
    "a1",
    "rc",
    "ga",
    "sp",
    "final",
    "snapshot",
    "post",
    "dev",
    "+incompatible",
    "-0.20191109021931-daa7c04131f5",
    "18446744073709551616",
    ">=",
    "<=",
    "!=",
    "=",
    "<",
    ">",
    ",",
    " ",
    "|",
    "vers:",
    "npm",
    "pypi",
    "maven",
    "deb",
    "golang",
    "cargo",
    "nuget",
    "gem",
    "pkg:",
    "@",
    "%2B",
    "*",
];

const fn target(name: &'static str, seeds: fn(&Corpus) -> Vec<Vec<u8>>, run: fn(&[u8]) -> Outcome) -> Target {
    Target { name, max: 1 << 10, rounds: 4000, words: WORDS, seeds, run }
}

pub(super) const TARGETS: &[Target] = &[
    target("version.order", orders, order),
    target("version.range", ranges, range),
    target("version.purl_range", purl_ranges, purl_range),
];

/// Three versions, one a line. Those that a scheme reads have one order.
fn order(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| {
        let mut outcome = Outcome::Refused("no version of any scheme".to_owned());
        for scheme in SCHEMES {
            let mut versions = Vec::new();
            for line in text.split('\n').take(3) {
                match Version::parse(scheme, line) {
                    Ok(version) => {
                        bounded(line.len(), &version, 40, 400);
                        assert!(line.len() <= Version::MAX_LEN);
                        versions.push(version);
                        outcome = Outcome::Accepted;
                    }
                    Err(error) => drop(refused(&error)),
                }
            }
            is_ordered(&versions);
        }
        outcome
    })
}

fn is_ordered(versions: &[Version]) {
    let compare = |one: &Version, other: &Version| one.partial_cmp(other).expect("one scheme, one order");
    for one in versions {
        assert_eq!(compare(one, one), Ordering::Equal);
        for two in versions {
            assert_eq!(compare(one, two), compare(two, one).reverse(), "{one:?} {two:?}");
            for three in versions {
                let (first, second) = (compare(one, two), compare(two, three));
                if first == second || second.is_eq() {
                    assert_eq!(compare(one, three), first, "{one:?} {two:?} {three:?}");
                }
            }
        }
    }
}

/// A package type, a range and a version, one a line.
fn range(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| {
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let (package_type, range, version) = (next(), next(), next());
        match VersionRange::parse(package_type, range) {
            Ok(read) => {
                bounded(package_type.len() + range.len(), &read, 60, 2000);
                assert_eq!(VersionRange::parse(package_type, read.as_str()).as_ref(), Ok(&read));
                let unknown = Match::NotComparable(Incomparable::NoVersion);
                assert_eq!(read.matches(None), unknown);
                assert_ne!(read.matches(Some(version)), unknown);
                if Scheme::of_type(package_type).is_some_and(|scheme| Version::parse(scheme, version).is_ok())
                {
                    let answer = read.matches(Some(version));
                    assert!(matches!(answer, Match::Yes | Match::No), "{answer:?} for what is ordered");
                }
                Outcome::Accepted
            }
            Err(error) => refused(&error),
        }
    })
}

/// What is written is read as the same package and range.
fn purl_range(bytes: &[u8]) -> Outcome {
    with_text(bytes, |text| match text.parse::<PurlRange>() {
        Ok(read) => {
            assert!(PurlRange::is_written(text));
            assert_eq!(read.to_string().parse::<PurlRange>().as_ref(), Ok(&read));
            assert_eq!(read.package().version(), None);
            bounded(text.len(), &read, 60, 2000);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    })
}

fn orders(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "1.0.0-alpha.1\n1.0.0-alpha.beta\n1.0.0",
        "v1.2.4-0.20191109021931-daa7c04131f5\nv1.2.3\nv2.0.0+incompatible",
        "1!1.0rc1.post2.dev3+abc.5\n1.0-1\n1.0.dev0",
        "1-0-rc\n1\n1-sp",
        "1.0-alpha-2\n1.0.0.Final\n1.0.1-SNAPSHOT",
        "1:2.4.47~rc1-2+b1\n1.0~~a\n0",
    ])
}

fn ranges(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "npm\n>=1.14.1 <1.15\n1.15.0-rc.1",
        "pypi\n>=1!2.0, !=1!2.5\n1!2.4+local",
        "maven\n>=2.0-beta9 <2.15.0\n2.14.1",
        "deb\n<1:2.4.48\n1:2.4.47-2",
        "gem\n=1.0\n1.0",
        "npm\nvers:npm/<1.0.0|>=2.0.0|!=2.1.0|<=3.0.0|>4.0.0\n2.1.0",
        "pypi\nvers:pypi/0.0.0|>=1%212.0%2Blocal\n3",
        "gem\nvers:gem/>=2.2.0|!=2.2.1|<2.3.0\n2.2.1",
    ])
}

fn purl_ranges(_: &Corpus) -> Vec<Vec<u8>> {
    texts(&[
        "pkg:npm/%40babel/core@>=7.1 <7.2.0",
        "pkg:pypi/Django_Rest@=1.0RC1,!=2",
        "pkg:maven/org.apache.logging.log4j/log4j-core@vers:maven/>=2.0-beta9|<2.15.0",
        "pkg:gem/rails@>1",
    ])
}
