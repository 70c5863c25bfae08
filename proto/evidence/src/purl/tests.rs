use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Purl {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn fault(text: &str) -> PurlFault {
    match text.parse::<Purl>() {
        Err(PurlError::Form { fault, .. }) => fault,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// Written, and canonical: from the tests of purl-spec (tests/spec, tests/types) and the examples of its type
/// definitions.
const PUBLISHED: &[(&str, &str)] = &[
    ("pkg:npm/%40angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1"),
    ("pkg:npm/@babel/core#/googleapis/api/annotations/", "pkg:npm/%40babel/core#googleapis/api/annotations"),
    (
        "pkg:npm/mypackage@12.4.5?vcs_url=git://host.com/path/to/repo.git%404345abcd34343",
        "pkg:npm/mypackage@12.4.5?vcs_url=git:%2F%2Fhost.com%2Fpath%2Fto%2Frepo.git%404345abcd34343",
    ),
    ("pkg:PYPI/Django_package@1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1"),
    (
        "pkg:github/Package-url/purl-Spec@244fd47e07d1004f0aed9c",
        "pkg:github/package-url/purl-spec@244fd47e07d1004f0aed9c",
    ),
    (
        "pkg:GOLANG/google.golang.org/genproto@abcdedf#/googleapis/api/annotations/",
        "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api/annotations",
    ),
    ("pkg:deb/debian/attr@1:2.4.47-2+b1?arch=amd64", "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64"),
    ("pkg:///maven/org.apache.commons/io", "pkg:maven/org.apache.commons/io"),
    ("pkg:maven/HTTPClient/HTTPClient@0.3-3", "pkg:maven/HTTPClient/HTTPClient@0.3-3"),
    (
        "pkg:Maven/org.apache.xmlgraphics/batik-anim@1.9.1?type=pom&repositorY_url=repo.spring.io/release",
        "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?repository_url=repo.spring.io%2Frelease&type=pom",
    ),
    (
        "pkg:generic/bitwarderl?checksum=sha1:ad9503c3e994a4f%2Csha256:41bf9088b3a1e6c1ef1d",
        "pkg:generic/bitwarderl?checksum=sha1:ad9503c3e994a4f%2Csha256:41bf9088b3a1e6c1ef1d",
    ),
    (
        "pkg:oci/debian@sha256%3A244fd47e07d10?repository_url=ghcr.io/debian&tag=bullseye",
        "pkg:oci/debian@sha256:244fd47e07d10?repository_url=ghcr.io%2Fdebian&tag=bullseye",
    ),
    (
        "pkg:conan/openssl.org/openssl@3.0.3?compiler=Visual%20Studio&compiler.version=16&arch=x86_64",
        "pkg:conan/openssl.org/openssl@3.0.3?arch=x86_64&compiler=Visual%20Studio&compiler.version=16",
    ),
    ("pkg:cpan/DROLSKY/DateTime@1.55", "pkg:cpan/DROLSKY/DateTime@1.55"),
    ("pkg:nuget/EnterpriseLibrary.Common@6.0.1304", "pkg:nuget/EnterpriseLibrary.Common@6.0.1304"),
    ("pkg:rpm/Fedora/curl@7.50.3-1.fc25", "pkg:rpm/fedora/curl@7.50.3-1.fc25"),
];

#[test]
fn published_package_urls_get_their_published_text() {
    for (written, canonical) in PUBLISHED {
        assert_eq!(parsed(written).as_str(), *canonical);
        assert_eq!(parsed(canonical), parsed(written));
    }
}

#[test]
fn one_package_has_one_text() {
    for (written, canonical) in [
        ("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.1"),
        ("pkg:NPM/%40babel/core@7", "pkg:npm/%40babel/core@7"),
        ("pkg:npm/@Babel/core@7", "pkg:npm/%40babel/core@7"),
        ("pkg:npm/%40babel%2Fcore@7", "pkg:npm/%40babel/core@7"),
        ("PKG:npm/axios@", "pkg:npm/axios"),
        ("pkg:oci/App@sha256%3Aabcd?tag=1&arch=amd64", "pkg:oci/app@sha256:abcd?arch=amd64&tag=1"),
        ("pkg:pypi/Zope._.Interface@1.0RC1", "pkg:pypi/zope-interface@1.0rc1"),
        ("pkg:golang/github.com/Acme/API@v1.0.0", "pkg:golang/github.com/acme/api@v1.0.0"),
        ("pkg:github/acme/api@refs/heads/main", "pkg:github/acme/api@refs%2Fheads%2Fmain"),
        ("pkg:github/acme/api@refs%2fheads%2fmain", "pkg:github/acme/api@refs%2Fheads%2Fmain"),
        ("pkg:generic/a!b$c(d)*@1,2'", "pkg:generic/a%21b%24c%28d%29%2A@1%2C2%27"),
        ("pkg:generic/\u{e9}@~1", "pkg:generic/%C3%A9@~1"),
        ("pkg:generic//a//b/c?x=&y=1&&Z=2", "pkg:generic/a/b/c?y=1&z=2"),
        ("pkg:generic/a#.././b//%2E%2E/c?d", "pkg:generic/a#b/c%3Fd"),
        ("pkg:pub/Path-Provider@2.1.0", "pkg:pub/path_provider@2.1.0"),
        ("pkg:cpan/drolsky/DateTime", "pkg:cpan/DROLSKY/DateTime"),
        (
            "pkg:mlflow/Model@3?repository_url=https://x.databricks.com",
            "pkg:mlflow/model@3?repository_url=https:%2F%2Fx.databricks.com",
        ),
        (
            "pkg:mlflow/Model@3?repository_url=https://azureml",
            "pkg:mlflow/Model@3?repository_url=https:%2F%2Fazureml",
        ),
    ] {
        assert_eq!(parsed(written).as_str(), canonical, "{written}");
        assert_eq!(parsed(canonical), parsed(written));
    }
}

#[test]
fn packages_that_differ_in_what_matters_stay_apart() {
    for (one, other) in [
        ("pkg:maven/a/B@1", "pkg:maven/a/b@1"),
        ("pkg:cargo/A@1", "pkg:cargo/a@1"),
        ("pkg:npm/a@1.0.0-RC", "pkg:npm/a@1.0.0-rc"),
        ("pkg:generic/a/b", "pkg:generic/a%2Fb"),
        ("pkg:npm/a%40b@1", "pkg:npm/a@b@1.0"),
        ("pkg:oci/a@1?tag=A", "pkg:oci/a@1?tag=a"),
    ] {
        assert_ne!(parsed(one), parsed(other));
    }
}

#[test]
fn the_parts_are_decoded() {
    let purl = parsed("pkg:deb/debian/curl@7.50.3-1%2Bb1?arch=i386&distro=jessie#sub");
    assert_eq!(purl.versionless(), "pkg:deb/debian/curl");
    assert_eq!(purl.package_type(), "deb");
    assert_eq!((purl.namespace().as_deref(), purl.name().as_ref()), (Some("debian"), "curl"));
    assert_eq!(purl.version().as_deref(), Some("7.50.3-1+b1"));
    let scoped = parsed("pkg:npm/%40babel/core");
    assert_eq!((scoped.namespace().as_deref(), scoped.name().as_ref()), (Some("@babel"), "core"));
    assert_eq!(scoped.version(), None);
    assert_eq!(scoped.versionless(), scoped.as_str());
    assert_eq!(parsed("pkg:golang/github.com/acme/api").namespace().as_deref(), Some("github.com/acme"));
    let odd = parsed("pkg:generic/a%2Fb%40c%3F@1%2F2%23%3F?x=%40#%40/y");
    assert_eq!((odd.namespace(), odd.name().as_ref()), (None, "a/b@c?"));
    assert_eq!(odd.version().as_deref(), Some("1/2#?"));
    assert_eq!(parsed("pkg:generic/a?x=1%402").version(), None);
    assert_eq!(parsed("pkg:generic/a#b%401").version(), None);
    assert_eq!(parsed("pkg:cargo/serde@1").namespace(), None);
}

#[test]
fn a_package_is_included_by_its_version_and_by_no_version_whatever_else_it_names() {
    let asked =
        |text: &str, package: &str| text.parse::<Purl>().unwrap().includes(&package.parse::<Purl>().unwrap());
    for package in [
        "pkg:golang/example.com/net@1.4.0",
        "pkg:golang/example.com/net@1.4.0#http2",
        "pkg:golang/example.com/net@1.4.0?os=linux",
        "pkg:golang/example.com/net@1.4.0?os=linux#http2",
    ] {
        assert!(asked("pkg:golang/example.com/net@1.4.0", package), "{package}");
        assert!(asked("pkg:golang/example.com/net@1.4.0?os=windows#html", package), "{package}");
        assert!(asked("pkg:golang/example.com/net", package), "{package}");
    }
    for other in [
        "pkg:golang/example.com/net",
        "pkg:golang/example.com/net@1.4.01",
        "pkg:golang/example.com/net@1.4.0-rc1",
        "pkg:golang/example.com/net%23http2@1.4.0",
        "pkg:golang/example.com/net/http2@1.4.0",
        "pkg:golang/example.org/net@1.4.0",
        "pkg:npm/net@1.4.0",
    ] {
        assert!(!asked("pkg:golang/example.com/net@1.4.0", other), "{other}");
    }
}

#[test]
fn what_is_no_package_url_is_refused_with_its_fault() {
    let of = |package_type: &str| package_type.to_owned();
    for (text, expected) in [
        ("", PurlFault::Scheme),
        ("axios", PurlFault::Scheme),
        ("npm/axios", PurlFault::Scheme),
        ("EnterpriseLibrary.Common@6.0.1304", PurlFault::Scheme),
        ("pkg%3Amaven/org.apache.commons/io", PurlFault::Scheme),
        ("pkg:", PurlFault::Type { found: String::new() }),
        ("pkg:npm", PurlFault::NoName),
        ("pkg:npm/", PurlFault::NoName),
        ("pkg:npm/a/", PurlFault::NoName),
        ("pkg:npm/a/@1", PurlFault::NoName),
        ("pkg:npm/@a", PurlFault::NoName),
        ("pkg:maven/@1.3.4", PurlFault::NoName),
        (
            "pkg:EnterpriseLibrary.Common@6.0.1304",
            PurlFault::Type { found: of("EnterpriseLibrary.Common@6.0.1304") },
        ),
        ("pkg:n pm/a", PurlFault::Type { found: of("n pm") }),
        ("pkg:n+m/a", PurlFault::Type { found: of("n+m") }),
        ("pkg:3nginx/nginx@0.8.9", PurlFault::Type { found: of("3nginx") }),
        ("pkg:nginx:a/nginx@0.8.9", PurlFault::Type { found: of("nginx:a") }),
        ("pkg:npm/%ff", PurlFault::Encoding),
        ("pkg:npm/%f", PurlFault::Encoding),
        ("pkg:npm/a@%+1", PurlFault::Encoding),
        ("pkg:npm/100%/a", PurlFault::Encoding),
        ("pkg:generic/a%2Fb/c", PurlFault::Slash { part: "namespace" }),
        ("pkg:generic/a#b%2F..", PurlFault::Slash { part: "subpath" }),
        ("pkg:npm/a@1?in%20production=true", PurlFault::QualifierKey { key: of("in%20production") }),
        ("pkg:npm/a?=1", PurlFault::QualifierKey { key: String::new() }),
        ("pkg:npm/a?0=1", PurlFault::QualifierKey { key: of("0") }),
        ("pkg:npm/a?x=1&X=2", PurlFault::QualifierTwice { key: of("x") }),
        ("pkg:npm/a?x=https://b?c=1", PurlFault::Separator { separator: '?' }),
        ("pkg:npm/a#b#c", PurlFault::Separator { separator: '#' }),
        ("pkg:cargo/ns/serde@1", PurlFault::NamespaceProhibited { package_type: of("cargo") }),
        ("pkg:swift/Alamofire@1", PurlFault::NamespaceRequired { package_type: of("swift") }),
        ("pkg:cpan/LWP-UserAgent@6.7.6", PurlFault::NamespaceRequired { package_type: of("cpan") }),
        ("pkg:cpan/GDT/URI::PackageURL", PurlFault::Name { package_type: of("cpan") }),
        ("pkg:chrome-extension/short", PurlFault::Name { package_type: of("chrome-extension") }),
        (
            "pkg:chrome-extension/aaaabbbbccccddddeeeeffffgggghhhh@1.2.3.4.5",
            PurlFault::Version { package_type: of("chrome-extension") },
        ),
        ("pkg:julia/Dates@1.9.0", PurlFault::QualifierRequired { package_type: of("julia"), key: "uuid" }),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn control_characters_and_what_is_too_long_are_refused() {
    for text in ["pkg:npm/a%00b", "pkg:npm/a\nb", "pkg:npm/a@1?x=%0A", "pkg:npm/a#%7f"] {
        assert!(matches!(text.parse::<Purl>(), Err(PurlError::Control { .. })), "{text:?}");
    }
    let long = format!("pkg:npm/{}", "a".repeat(Purl::MAX_LEN));
    let grows = format!("pkg:npm/{}", "\u{e9}".repeat(Purl::MAX_LEN / 2 - 10));
    for text in [long, grows] {
        assert!(matches!(text.parse::<Purl>(), Err(PurlError::TooLong { .. })));
    }
}

proptest! {
    #[test]
    fn canonical_text_is_a_fixed_point(
        text in "(pkg:)?[a-z]{0,4}/?[a-zA-Z@/?&=#%:.+!*\u{e9}\u{130}\u{3a3}\u{0}0-9-]{0,60}",
    ) {
        if let Ok(purl) = text.parse::<Purl>() {
            prop_assert_eq!(purl.as_str().parse::<Purl>().unwrap(), purl);
        }
    }

    #[test]
    fn every_part_comes_back(
        package_type in "npm|pypi|golang|generic|deb|maven",
        name in "[^\\pC]{1,12}", version in "[^\\pC]{1,12}", value in "[^\\pC]{1,12}",
    ) {
        let mut text = format!("pkg:{package_type}/");
        percent::encode(&name, &mut text);
        text.push('@');
        percent::encode(&version, &mut text);
        text.push_str("?key=");
        percent::encode(&value, &mut text);
        let purl = parsed(&text);
        if package_type == "generic" {
            prop_assert_eq!(purl.name(), name.as_str());
            prop_assert_eq!(purl.version().unwrap_or_default(), version.as_str());
            prop_assert_eq!(purl.as_str(), text);
        }
        prop_assert_eq!(parsed(purl.as_str()), purl);
    }
}
