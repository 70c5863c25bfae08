//! Each list is what the document named beside it publishes, in its order.

mod ranges;

use proptest::prelude::*;

use super::*;

fn version(scheme: Scheme, text: &str) -> Version {
    Version::parse(scheme, text).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks that each version comes before all that follow, both ways round.
fn ascending(scheme: Scheme, versions: &[&str]) {
    for (at, first) in versions.iter().enumerate() {
        for (other, second) in versions.iter().enumerate() {
            let order = version(scheme, first).partial_cmp(&version(scheme, second));
            assert_eq!(order, Some(at.cmp(&other)), "{scheme}: {first} and {second}");
        }
    }
}

fn equal(scheme: Scheme, versions: &[&str]) {
    for pair in versions.windows(2) {
        assert_eq!(version(scheme, pair[0]), version(scheme, pair[1]), "{scheme}: {pair:?}");
    }
}

fn refused(scheme: Scheme, versions: &[&str]) {
    for text in versions {
        let error = Version::parse(scheme, text).expect_err(text);
        assert_eq!(error, VersionError { scheme, found: (*text).to_owned() });
    }
}

/// semver.org, items 9 to 11.
#[test]
fn semantic_versions_are_ordered_as_published() {
    ascending(Scheme::SemVer, &["1.0.0", "2.0.0", "2.1.0", "2.1.1"]);
    ascending(
        Scheme::SemVer,
        &[
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ],
    );
    ascending(Scheme::SemVer, &["1.0.0-0.3.7", "1.0.0-alpha", "1.0.0-x.7.z.92", "1.0.0-x-y-z.--"]);
    equal(Scheme::SemVer, &["1.0.0+20130313144700", "1.0.0+21AF26D3----117B344092BD", "1.0.0", "1.0.0+001"]);
    ascending(Scheme::SemVer, &["1.0.0-A", "1.0.0-a"]);
    refused(
        Scheme::SemVer,
        &[
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "01.0.0",
            "1.0.0-01",
            "1.0.0-",
            "1.0.0+",
            "1.0.0-a..b",
            "1.0.0+a+b",
            "v1.0.0",
            "1.0.0-\u{e9}",
            " 1.0.0",
            "1.0.-1",
            "-1.0.0",
        ],
    );
}

/// node-semver, README, "Versions" and "Prerelease Tags".
#[test]
fn versions_of_npm_are_ordered_as_published() {
    ascending(Scheme::Npm, &["1.2.3-alpha.3", "1.2.3-alpha.7", "1.2.3", "1.2.4-0", "3.4.5-alpha.9", "3.4.5"]);
    equal(Scheme::Npm, &["v1.2.3", "1.2.3", "1.2.3+build"]);
    refused(Scheme::Npm, &["1.2", "vv1.2.3", "V1.2.3", "latest", "^1.2.3", "1.2.3.4"]);
}

/// Go Modules Reference, "Versions", "Pseudo-versions" and "Compatibility with non-module repositories".
#[test]
fn versions_of_go_are_ordered_as_published() {
    ascending(
        Scheme::Go,
        &[
            "v0.0.0-20191109021931-daa7c04131f5",
            "v0.0.0",
            "v1.12.134",
            "v1.12.135-0.20191109021931-daa7c04131f5",
            "v1.12.135",
            "v2.0.9-pre",
            "v2.0.9-pre.0.20191109021931-daa7c04131f5",
            "v2.0.9+meta",
            "v8.0.5-pre",
            "v8.0.5",
        ],
    );
    ascending(
        Scheme::Go,
        &[
            "v0.0.0-20191109021931-daa7c04131f5",
            "v0.0.0-20200101000000-000000000000",
            "v0.0.0-20200101000000-aaaaaaaaaaaa",
        ],
    );
    equal(Scheme::Go, &["v4.1.2+incompatible", "v4.1.2", "4.1.2"]);
    equal(Scheme::Go, &["v1", "v1.0", "v1.0.0"]);
    refused(
        Scheme::Go,
        &[
            "1",
            "1.2",
            "20191109021931",
            "234fd47e07d1004f0aed9c",
            "(devel)",
            "go1.21.0",
            "v1.02.0",
            "v",
            "v1.2.3.4",
            "V1.2.3",
        ],
    );
}

/// `NuGet`, "Package versioning": "Pre-release versions" and "Normalized version numbers".
#[test]
fn versions_of_nuget_are_ordered_as_published() {
    ascending(
        Scheme::NuGet,
        &[
            "1.0.1-aaa",
            "1.0.1-alpha10",
            "1.0.1-alpha2",
            "1.0.1-beta",
            "1.0.1-open",
            "1.0.1-rc.2",
            "1.0.1-rc.10",
            "1.0.1-zzz",
            "1.0.1",
            "1.0.1.1",
        ],
    );
    equal(Scheme::NuGet, &["1.00", "1.0", "1.0.0.0", "1"]);
    equal(Scheme::NuGet, &["1.01.1", "1.1.1", "1.1.1+r3456"]);
    equal(Scheme::NuGet, &["1.0.0-Beta.01", "1.0.0-beta.1"]);
    refused(Scheme::NuGet, &["", "1.0.0.0.0", "1.0-", "1..0", "v1.0", "1.0-a_b"]);
}

/// Python Packaging User Guide, "Version specifiers": "Summary of permitted suffixes and relative ordering",
/// "Version epochs", "Normalization".
#[test]
fn versions_of_python_are_ordered_as_published() {
    ascending(
        Scheme::PyPi,
        &[
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
        ],
    );
    ascending(Scheme::PyPi, &["2013.10", "2014.04", "1!1.0", "1!1.1", "1!2.0"]);
    equal(Scheme::PyPi, &["1.1RC1", "1.1rc1", "1.1.c-1", "v1.1_PREVIEW.1", " 1.1-pre1\n", "0!1.1rc01"]);
    equal(Scheme::PyPi, &["1.2a", "1.2a0", "1.2-alpha", "1.2.0.alpha.0"]);
    equal(Scheme::PyPi, &["1.0-1", "1.0.post1", "1.0-r1", "1.0rev1", "1.0.post-1"]);
    equal(Scheme::PyPi, &["1.2.dev", "1.2.dev0", "1.2-DEV", "1.2dev"]);
    equal(Scheme::PyPi, &["1.0+ubuntu-1", "1.0+ubuntu.1", "1.0+Ubuntu_01"]);
    equal(Scheme::PyPi, &["0", "0.0", "00.0.0"]);
    refused(
        Scheme::PyPi,
        &[
            "",
            "a",
            "1.0.",
            "1.0+",
            "1.0+a+b",
            "1.0+a..b",
            "1.0 1",
            "1.0-",
            "1.0.x",
            "1.0*",
            "!1.0",
            "1.0a1b1",
            "1.0+\u{e9}",
        ],
    );
}

/// POM Reference, "Version Order Specification": "End Result Examples" and those for trimming and splitting.
#[test]
fn versions_of_maven_are_ordered_as_published() {
    for pair in [
        ["1", "1.1"],
        ["1-snapshot", "1"],
        ["1", "1-sp"],
        ["1-foo2", "1-foo10"],
        ["1-foo", "1-1"],
        ["1-1", "1.1"],
        ["1-ga", "1-sp"],
        ["1-ga.1", "1-sp.1"],
        ["1-sp-1", "1-ga-1"],
    ] {
        ascending(Scheme::Maven, &pair);
    }
    ascending(
        Scheme::Maven,
        &[
            "1-alpha",
            "1-beta",
            "1-milestone",
            "1-rc",
            "1-snapshot",
            "1",
            "1-sp",
            "1-abc",
            "1-xyz",
            "1-1",
            "1.0.1",
            "1.1",
        ],
    );
    equal(
        Scheme::Maven,
        &["1.ga", "1-ga", "1-0", "1.0", "1", "1.0.0", "1.final", "1.", "1-", "1.0.0-0.0.0", "1-Release"],
    );
    equal(Scheme::Maven, &["1.foo", "1-foo", "1.0.0-foo.0.0", "1-FOO"]);
    equal(Scheme::Maven, &["1-ga-1", "1-1", "1.0-1"]);
    equal(Scheme::Maven, &["1-a1", "1-alpha-1", "1alpha1"]);
    equal(Scheme::Maven, &["1-b2", "1-beta-2"]);
    equal(Scheme::Maven, &["1-m3", "1-milestone-3"]);
    equal(Scheme::Maven, &["1-cr4", "1-rc4", "1.0.0.RC4"]);
    equal(Scheme::Maven, &["1-1.foo-bar1baz-.1", "1-1.foo-bar-1-baz-0.1"]);
    ascending(Scheme::Maven, &["1-a1", "1-a"]);
    ascending(Scheme::Maven, &["31.0-android", "31.0-jre", "31.0.1-android", "31.1-jre"]);
    ascending(Scheme::Maven, &["5.0.0.Alpha1", "5.0.0.CR1", "5.0.0.Final", "5.0.1.Final"]);
    refused(Scheme::Maven, &["", "${project.version}", "[1.0,2.0)", "1/2", "1:2", "1*"]);
}

/// What makes a circle in Maven 3.9: `1` < `1-sp` < `1-0-rc` < `1`. What stands behind a word comes after the
/// word alone.
#[test]
fn versions_of_maven_make_no_circle() {
    ascending(Scheme::Maven, &["1-0-rc", "1", "1-sp", "1.0.1"]);
    ascending(Scheme::Maven, &["1.0.alpha", "1", "1.sp", "1.foo", "1.foo-1", "1.foo.1", "1.0.1"]);
}

/// Debian Policy 5.6.12; deb-version(7), "Sorting algorithm".
#[test]
fn versions_of_debian_are_ordered_as_published() {
    ascending(Scheme::Debian, &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a"]);
    ascending(Scheme::Debian, &["1.0~beta1~svn1245", "1.0~beta1", "1.0"]);
    ascending(
        Scheme::Debian,
        &["1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0-10", "1.0+dfsg-1", "1.0.1-1", "1:0.1-1", "2:0"],
    );
    ascending(Scheme::Debian, &["7.50.3-1~bpo8+1", "7.50.3-1", "7.50.3-1ubuntu1", "7.50.3-1+deb8u1"]);
    equal(Scheme::Debian, &["1.0", "0:1.0", "1.0-0", "1.00-00"]);
    ascending(Scheme::Debian, &["1.0-1-1", "1.0-1-2", "1.0-2-1"]);
    refused(
        Scheme::Debian,
        &["", "a", "1.0-", ":1.0", "x:1.0", "1.0_1", "1.0-1_1", "1.0 1", "-1", "1:", "1.0\u{e9}"],
    );
}

#[test]
fn numbers_have_any_size() {
    let (small, large) = ("18446744073709551615", "18446744073709551616");
    for (scheme, tail) in [
        (Scheme::SemVer, ".0.0"),
        (Scheme::Npm, ".0.0"),
        (Scheme::NuGet, ".0"),
        (Scheme::PyPi, ""),
        (Scheme::Maven, ""),
        (Scheme::Debian, ""),
    ] {
        let of = |number: &str| format!("{number}{tail}");
        ascending(scheme, &[&of("9"), &of(small), &of(large), &of(&"9".repeat(200))]);
    }
    ascending(Scheme::Go, &[&format!("v{small}.0.0"), &format!("v{large}.0.0")]);
    ascending(Scheme::SemVer, &[&format!("1.0.0-{small}"), &format!("1.0.0-{large}"), "1.0.0-a"]);
}

#[test]
fn what_is_too_long_is_no_version() {
    for scheme in ALL {
        let prefix = if scheme == Scheme::Go { "v1.0.0-" } else { "1.0.0-" };
        let text = |length: usize| format!("{prefix}{}", "1".repeat(length - prefix.len()));
        assert!(Version::parse(scheme, &text(Version::MAX_LEN)).is_ok(), "{scheme}");
        assert!(Version::parse(scheme, &text(Version::MAX_LEN + 1)).is_err(), "{scheme}");
    }
}

#[test]
fn versions_of_two_schemes_are_neither_equal_nor_ordered() {
    for (at, one) in ALL.into_iter().enumerate() {
        assert_eq!(version(one, "1.2.3").scheme(), one);
        for other in ALL.into_iter().skip(at + 1) {
            assert_eq!(version(one, "1.2.3").partial_cmp(&version(other, "1.2.3")), None);
            assert_ne!(version(one, "1.2.3"), version(other, "1.2.3"));
        }
    }
}

const ALL: [Scheme; 7] =
    [Scheme::Debian, Scheme::Go, Scheme::Maven, Scheme::Npm, Scheme::NuGet, Scheme::PyPi, Scheme::SemVer];

/// Texts near versions: what schemes know, and what they do not.
fn near() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "10",
        "01",
        "00",
        ".",
        "-",
        "+",
        "~",
        ":",
        "!",
        "_",
        "a",
        "b",
        "m",
        "rc",
        "alpha",
        "beta",
        "pre",
        "post",
        "dev",
        "sp",
        "ga",
        "final",
        "snapshot",
        "foo",
        "A",
        "v",
        "cr",
        "milestone",
        "r",
        "\u{e9}",
        "99999999999999999999",
    ]);
    let start = prop::sample::select(vec![
        "1",
        "1.0",
        "1.0.0",
        "v1.0.0",
        "1.2.3-",
        "0.0.1",
        "1.0.0-alpha.",
        "1!1",
        "1:1",
        "",
    ]);
    (start, prop::collection::vec(part, 0..8)).prop_map(|(start, parts)| start.to_owned() + &parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// Of three versions that can be read, the order is total, antisymmetric and transitive, and equal ones are
    /// equal in every comparison.
    #[test]
    fn every_scheme_is_a_total_order(texts in prop::collection::vec(near(), 12)) {
        for scheme in ALL {
            let versions: Vec<Version> =
                texts.iter().filter_map(|text| Version::parse(scheme, text).ok()).collect();
            for (a, b) in versions.iter().flat_map(|a| versions.iter().map(move |b| (a, b))) {
                let order = a.partial_cmp(b).unwrap();
                prop_assert_eq!(b.partial_cmp(a), Some(order.reverse()));
                for c in &versions {
                    let (on, whole) = (b.partial_cmp(c).unwrap(), a.partial_cmp(c).unwrap());
                    if order == on || on.is_eq() {
                        prop_assert_eq!(whole, order, "{:?} {:?} {:?}", a, b, c);
                    } else if order.is_eq() {
                        prop_assert_eq!(whole, on, "{:?} {:?} {:?}", a, b, c);
                    }
                }
            }
        }
    }

    #[test]
    fn hostile_text_never_panics(text in "\\PC{0,40}", range in "[<>=!,| a-z0-9.*/:%@^~-]{0,40}") {
        for scheme in ALL {
            if let Ok(version) = Version::parse(scheme, &text) {
                prop_assert_eq!(version.partial_cmp(&version.clone()), Some(Ordering::Equal));
            }
        }
        for package_type in ["npm", "pypi", "maven", "deb", "golang", "cargo", "nuget", "gem"] {
            for range in [range.clone(), format!("vers:{package_type}/{range}")] {
                if let Ok(range) = VersionRange::parse(package_type, &range) {
                    let unknown = Match::NotComparable(Incomparable::NoVersion);
                    prop_assert_ne!(range.matches(Some(&text)), unknown);
                    prop_assert_eq!(VersionRange::parse(package_type, range.as_str()), Ok(range));
                }
            }
        }
        drop(format!("pkg:npm/axios@{range}").parse::<PurlRange>());
    }
}
