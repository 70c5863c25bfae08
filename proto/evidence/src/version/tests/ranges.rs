use std::cmp::Ordering;

use super::*;
use crate::purl::Purl;

fn range(package_type: &str, text: &str) -> VersionRange {
    VersionRange::parse(package_type, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(package_type: &str, text: &str) -> RangeError {
    VersionRange::parse(package_type, text).expect_err(text)
}

/// Package type, range, versions that are in it, and versions that are not.
const RANGES: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "npm",
        ">=1.14.1 <1.15",
        &["1.14.1", "1.14.9", "1.15.0-rc.1", "v1.14.2", "1.14.1+build"],
        &["1.14.0", "1.14.1-rc.1", "1.15.0", "1.15.1-rc.1"],
    ),
    ("npm", ">=1.14.1,<1.15", &["1.14.1"], &["1.15.0"]),
    ("npm", "  >= 1.14.1 ,  < 1.15.0  ", &["1.14.1"], &["1.15.0"]),
    ("npm", ">=1<2!=1.5.0", &["1.4.0", "1.5.1"], &["1.5.0", "2.0.0"]),
    ("npm", "=1.0.0", &["1.0.0", "1.0.0+a"], &["1.0.0-a", "1.0.1"]),
    ("npm", "!=1.0.0", &["1.0.1"], &["1.0.0", "1.0.0+a"]),
    ("npm", ">2.0.0 <1.0.0", &[], &["0.1.0", "1.5.0", "3.0.0"]),
    ("cargo", "<=1.0.0", &["1.0.0", "0.9.0", "1.0.0-rc.1"], &["1.0.1"]),
    (
        "golang",
        "<v1.2",
        &["v1.1.9", "v1.2.0-0.20191109021931-daa7c04131f5", "1.1.0"],
        &["v1.2.0", "v2.0.0+incompatible"],
    ),
    ("golang", "<1.2.0", &["v1.1.9"], &["v1.2.0"]),
    ("nuget", "<=1.0", &["1.0.0.0", "1.0.0-rc"], &["1.0.0.1"]),
    ("pypi", ">=1.0,<2", &["1.0", "1.0.post1", "2.0rc1", "1.9+local"], &["1.0rc1", "2.0", "2.0+local"]),
    // A bound without a local label is about all of them; one with a label is about that one.
    ("pypi", "<=2.0.0", &["2.0.0+cu118", "2.0"], &["2.0.0.post1"]),
    ("pypi", "=2.0.0", &["2.0.0+cu118", "2.0"], &["2.0.0rc1"]),
    ("pypi", ">2.0.0", &["2.0.0.post1"], &["2.0.0+cu118"]),
    ("pypi", "=2.0.0+cu118", &["2.0+CU118"], &["2.0.0", "2.0.0+cu117"]),
    (
        "maven",
        ">=2.0-beta9 <2.15.0",
        &["2.0-rc1", "2.14.1", "2.15.0-rc1"],
        &["2.0-beta8", "2.15.0", "2.15.0.ga"],
    ),
    (
        "deb",
        ">=1:2.4.47-2 <1:2.4.48",
        &["1:2.4.47-2+b1", "1:2.4.48~rc1-1"],
        &["2.4.47-2", "1:2.4.47-1", "1:2.4.48-1"],
    ),
    ("pypi", ">=1!2.0!=1!2.5,<1!3", &["1!2.0"], &["2.0", "1!2.5", "1!3"]),
    ("gem", "=1.0", &["1.0"], &["1.0.0", "2"]),
    ("gem", "!=1.0", &["1.0.0", "2"], &["1.0"]),
    (
        "npm",
        "vers:npm/1.2.3|>=2.0.0|<5.0.0",
        &["1.2.3", "2.0.0", "4.9.9", "5.0.0-rc.1"],
        &["1.2.4", "1.9.9", "5.0.0", "2.0.0-rc.1"],
    ),
    (
        "npm",
        "vers:npm/<1.0.0|>=2.0.0|!=2.1.0|<=3.0.0|>4.0.0",
        &["0.1.0", "2.0.0", "3.0.0", "4.0.1"],
        &["1.0.0", "2.1.0", "3.0.1", "4.0.0"],
    ),
    ("npm", "vers:npm/1.0.0|2.0.0", &["1.0.0", "2.0.0"], &["1.5.0"]),
    ("npm", "vers:npm/!=1.0.0", &["1.5.0"], &["1.0.0"]),
    ("npm", "vers:npm/*", &["0.0.0", "1.5.0", "latest"], &[]),
    ("cargo", "vers:semver/>=1.0.0", &["1.0.0"], &["0.9.0"]),
    ("pypi", "vers:pypi/0.0.0|>=1%212.0%2Blocal", &["0", "1!3", "1!2.0+local"], &["2.0", "1!2.0"]),
    ("gem", "vers:gem/1.0|2.0", &["1.0"], &["1.0.0"]),
];

#[test]
fn ranges_hold_what_the_order_says() {
    for (package_type, text, inside, outside) in RANGES {
        let range = range(package_type, text);
        for version in *inside {
            assert_eq!(range.matches(Some(version)), Match::Yes, "{package_type}: {version} in {text}");
        }
        for version in *outside {
            assert_eq!(range.matches(Some(version)), Match::No, "{package_type}: {version} in {text}");
        }
    }
}

#[test]
fn what_cannot_be_compared_is_never_a_no() {
    let unknown = Match::NotComparable;
    for (package_type, text, version, expected) in [
        ("gem", ">=1.0", Some("2.0"), unknown(Incomparable::NotOrdered)),
        ("gem", "<1.0", Some("2.0"), unknown(Incomparable::NotOrdered)),
        ("gem", ">=1.0 !=2.0", Some("3.0"), unknown(Incomparable::NotOrdered)),
        ("gem", "vers:gem/>=2.2.0|!=2.2.1|<2.3.0", Some("2.2.5"), unknown(Incomparable::NotOrdered)),
        ("apk", "<7.83.0-r0", Some("7.82.0-r0"), unknown(Incomparable::NotOrdered)),
        ("npm", "<1.0.0", Some("latest"), unknown(Incomparable::NotAVersion)),
        ("npm", "=1.0.0", Some("1.0"), unknown(Incomparable::NotAVersion)),
        ("npm", "!=1.0.0", Some("1.0"), unknown(Incomparable::NotAVersion)),
        ("golang", "<v1.0.0", Some("(devel)"), unknown(Incomparable::NotAVersion)),
        ("npm", "vers:npm/1.0.0|2.0.0", Some("x"), unknown(Incomparable::NotAVersion)),
        ("npm", "<1.0.0", None, unknown(Incomparable::NoVersion)),
        ("gem", "=1.0", None, unknown(Incomparable::NoVersion)),
        ("npm", "vers:npm/*", None, unknown(Incomparable::NoVersion)),
        // What is known decides: the same text is the same version, and one no is enough.
        ("gem", ">=1.0", Some("1.0"), Match::Yes),
        ("gem", "<1.0", Some("1.0"), Match::No),
        ("gem", ">=1.0 !=2.0", Some("2.0"), Match::No),
        ("gem", "!=2.0 >=1.0", Some("2.0"), Match::No),
        ("gem", "vers:gem/>=2.2.0|!=2.2.1|<2.3.0", Some("2.2.1"), Match::No),
    ] {
        assert_eq!(
            range(package_type, text).matches(version),
            expected,
            "{package_type}: {version:?} in {text}"
        );
    }
}

#[test]
fn what_is_no_range_is_refused() {
    for text in ["", "  ", ",", ">=1.0.0,", ">=1.0.0,,<2"] {
        assert_eq!(refusal("npm", text), RangeError::Empty, "{text:?}");
    }
    for (text, found) in [
        ("1.0.0", "1.0.0"),
        ("^1.0.0", "^1.0.0"),
        ("~>1.0.0", "~>1.0.0"),
        (">=1.0.0 2.0.0", "2.0.0"),
        (">=", ">="),
        (">= ,<1", ">="),
        ("==1.0.0", "==1.0.0"),
        ("><1.0.0", "><1.0.0"),
        ("=>1.0.0", "=>1.0.0"),
        (">=1.0.0 || <2", "|| <2"),
    ] {
        assert_eq!(refusal("npm", text), RangeError::Operator { found: found.to_owned() }, "{text:?}");
    }
    for (text, found) in [(">=x", "x"), ("<1.2.3.4", "1.2.3.4"), ("<1.x", "1.x"), ("<1.0.0-01", "1.0.0-01")] {
        let error = VersionError { scheme: Scheme::Npm, found: found.to_owned() };
        assert_eq!(refusal("npm", text), RangeError::Version(error), "{text:?}");
    }
    for text in [">=1.0.0\n<2", "=1.0.0\u{1b}[2J", "vers:npm/1.0.0\u{7f}"] {
        assert_eq!(refusal("npm", text), RangeError::Control { found: text.to_owned() });
    }
    let long = format!("<{}", "1".repeat(VersionRange::MAX_LEN));
    assert_eq!(refusal("npm", &long), RangeError::TooLong { found: VersionRange::MAX_LEN + 1 });
    let many = |count: usize| vec!["!=1.0.0"; count].join(" ");
    assert!(VersionRange::parse("npm", &many(VersionRange::COMPARATORS_MAX)).is_ok());
    assert_eq!(refusal("npm", &many(VersionRange::COMPARATORS_MAX + 1)), RangeError::TooMany);
}

/// For npm and Cargo `<=1.15` is all of 1.15, and by the order it is not: what is not clear is asked back.
#[test]
fn short_versions_are_taken_only_where_both_readings_agree() {
    for package_type in ["npm", "cargo", "golang"] {
        for text in [">=1", ">=1.15", "<1", "<1.15"] {
            range(package_type, text);
        }
        for operator in [Operator::Equal, Operator::NotEqual, Operator::LessOrEqual, Operator::Greater] {
            let error = refusal(package_type, &format!("{operator}1.15"));
            assert_eq!(error, RangeError::Short { operator, found: "1.15".to_owned() });
        }
    }
    range("pypi", "<=1.15");
    range("maven", "=1.15");
}

#[test]
fn a_vers_uri_that_has_two_readings_is_refused() {
    let form = |found: &str| VersError::Form { found: found.to_owned() };
    let order = |found: &str| VersError::Order { found: found.to_owned() };
    for (text, expected) in [
        ("vers:npm", form("npm")),
        ("vers:npm/", form("")),
        ("vers:npm/=1.0.0", form("=1.0.0")),
        ("vers:npm/>=1.0.0|", form("")),
        ("vers:npm/>= 1.0.0", form(">= 1.0.0")),
        ("vers:npm/1.0.0|*", form("*")),
        ("vers:npm/1.0.0%2", form("1.0.0%2")),
        ("vers:npm/2.0.0|1.0.0", order("1.0.0")),
        ("vers:npm/1.0.0|>1.0.0+a", order("1.0.0+a")),
        ("vers:npm/>=1.0.0|>=2.0.0", VersError::Turn { found: "2.0.0".to_owned() }),
        ("vers:npm/<1.0.0|1.5.0|<2.0.0", VersError::Turn { found: "2.0.0".to_owned() }),
        ("vers:pypi/1.0.0", VersError::Type { expected: "npm".to_owned(), found: "pypi".to_owned() }),
        ("vers:semver/1.0.0", VersError::Type { expected: "npm".to_owned(), found: "semver".to_owned() }),
    ] {
        assert_eq!(refusal("npm", text), RangeError::Vers(expected), "{text}");
    }
    assert_eq!(refusal("gem", "vers:gem/2|1|2"), RangeError::Vers(order("2")));
}

#[test]
fn a_package_and_a_range_are_written_together() {
    let affected: PurlRange = "pkg:npm/@babel/Core@>=7.1 <7.2.0".parse().unwrap();
    assert_eq!(affected.package().as_str(), "pkg:npm/%40babel/core");
    assert_eq!(affected.range().as_str(), ">=7.1 <7.2.0");
    assert_eq!(affected.to_string(), "pkg:npm/%40babel/core@>=7.1 <7.2.0");
    assert_eq!(affected.to_string().parse::<PurlRange>().unwrap(), affected);
    assert_eq!("pkg:NPM/%40babel%2Fcore@ >= 7.1,<7.2.0 ".parse::<PurlRange>().unwrap(), affected);
    for (purl, expected) in [
        ("pkg:npm/%40babel/core@7.1.5", Match::Yes),
        ("pkg:npm/%40babel/core@7.1.5?arch=x#sub", Match::Yes),
        ("pkg:npm/%40babel/core@7.2.0", Match::No),
        ("pkg:npm/core@7.1.5", Match::No),
        ("pkg:npm/%40babel/core", Match::NotComparable(Incomparable::NoVersion)),
    ] {
        assert_eq!(affected.matches(&purl.parse::<Purl>().unwrap()), expected, "{purl}");
    }
    let vers: PurlRange =
        "pkg:maven/org.apache.logging.log4j/log4j-core@vers:maven/>=2.0-beta9|<2.15.0".parse().unwrap();
    assert_eq!(
        vers.matches(&"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1".parse().unwrap()),
        Match::Yes
    );
}

#[test]
fn one_version_is_not_taken_for_a_range() {
    for text in [
        "pkg:npm/axios@1.14.1",
        "pkg:npm/axios",
        "pkg:npm/@babel/core@7.0.0",
        "pkg:deb/debian/attr@1:2.4.47-2",
    ] {
        assert!(!PurlRange::is_written(text), "{text}");
        assert!(matches!(text.parse::<PurlRange>(), Err(PurlRangeError::Form { .. })), "{text}");
    }
    for text in [
        "pkg:npm/axios@^1",
        "pkg:npm/axios@~1",
        "pkg:npm/axios@*",
        "pkg:npm/axios@ <1",
        "pkg:npm/axios@vers:npm/*",
    ] {
        assert!(PurlRange::is_written(text), "{text}");
    }
    assert!(matches!("pkg:npm/axios@^1".parse::<PurlRange>(), Err(PurlRangeError::Range(_))));
    assert!(matches!("npm/axios@<1".parse::<PurlRange>(), Err(PurlRangeError::Purl(_))));
    assert!(matches!(
        "pkg:deb/debian/curl?arch=i386@<1".parse::<PurlRange>(),
        Err(PurlRangeError::Qualified { .. })
    ));
    assert!(matches!("pkg:npm/axios@1@<2".parse::<PurlRange>(), Err(PurlRangeError::Form { .. })));
}

proptest! {
    /// A conjunction and the same as intervals of VERS agree with the order.
    #[test]
    fn both_ways_to_write_a_range_agree(low in 0_u32..6, width in 1_u32..4, version in 0_u32..12) {
        let high = low + width;
        let plain = range("npm", &format!(">={low}.0.0 <{high}.0.0"));
        let vers = range("npm", &format!("vers:npm/>={low}.0.0|<{high}.0.0"));
        let inside = low.cmp(&version) != Ordering::Greater && version < high;
        let expected = if inside { Match::Yes } else { Match::No };
        let version = format!("{version}.0.0");
        prop_assert_eq!(plain.matches(Some(&version)), expected);
        prop_assert_eq!(vers.matches(Some(&version)), expected);
    }
}
