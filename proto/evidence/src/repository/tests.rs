use super::*;
use proptest::prelude::*;

#[test]
fn one_repository_has_one_name() {
    for written in [
        "https://github.com/acme/api",
        "https://github.com/acme/api/",
        "https://github.com/acme/api.git",
        "http://github.com/acme/api",
        "git+https://github.com/acme/api",
        "GIT+HTTPS://GitHub.com/acme/api.git/",
        "https://alice:token@github.com/acme/api",
        "https://github.com:443/acme/api",
        "ssh://git@github.com/acme/api.git",
        "ssh://git@github.com:22/acme/api.git",
        "git+ssh://git@github.com/acme/api.git",
        "git://github.com/acme/api.git",
        "git@github.com:acme/api.git",
        "github.com/acme/api",
        " https://github.com/acme/api#readme",
        "https://github.com/acme/api.git#refs/heads/main",
        "https://github.com/Acme/API",
        "git@github.com:ACME/Api.git",
        "github.com:acme/api.git",
        "GitHub.com:Acme/api",
        "ssh://git@ssh.github.com:443/acme/api.git",
        "https://www.github.com/acme/api/",
    ] {
        let name = Repository::parse(written).unwrap();
        assert_eq!(name.as_str(), "https://github.com/acme/api", "{written}");
        assert_eq!(Repository::parse(name.as_str()).unwrap(), name);
    }
}

#[test]
fn another_repository_has_another_name() {
    let api = Repository::parse("https://github.com/acme/api").unwrap();
    for other in [
        "https://github.com/acme/api/Tree",
        "https://git.corp.test/acme/api",
        "https://github.com/acme/api2",
        "https://github.com/acme",
        "https://github.com:8443/acme/api",
        "https://gitlab.com/acme/api",
        "https://github.com.evil.example/acme/api",
        "https://github.com@evil.example/acme/api",
        "acme/api",
    ] {
        assert_ne!(Repository::parse(other).unwrap(), api, "{other}");
    }
    for nothing in ["", "  ", "https://", "https:///acme", "a b", "https://github.com/a\u{7}", "/", ".git"] {
        assert_eq!(Repository::parse(nothing), None, "{nothing:?}");
    }
    assert_eq!(Repository::parse(&"a".repeat(Repository::MAX_LEN + 1)), None);
}

#[test]
fn case_makes_no_other_repository_on_hosts_that_make_no_difference() {
    let name = |text: &str| Repository::parse(text).unwrap().to_string();
    for (written, one) in [
        ("https://gitlab.com/Acme/Group/API.git", "https://gitlab.com/acme/group/api"),
        ("https://gitlab.com/Acme/API/-/archive/V1/x.tgz", "https://gitlab.com/acme/api/-/archive/V1/x.tgz"),
        ("git@bitbucket.org:Acme/API.git", "https://bitbucket.org/acme/api"),
        (
            "https://github.com/Acme/API/releases/download/V1/App.tgz",
            "https://github.com/acme/api/releases/download/V1/App.tgz",
        ),
        ("https://github.com/Acme", "https://github.com/acme"),
        ("https://git.corp.test/Acme/API", "https://git.corp.test/Acme/API"),
        ("https://github.com:8443/Acme/API", "https://github.com:8443/Acme/API"),
        ("Acme/API", "Acme/API"),
    ] {
        assert_eq!(name(written), one, "{written}");
    }
}

#[test]
fn a_port_and_a_tag_are_no_path() {
    for (text, one) in [
        ("git.corp.test:acme/api.git", "https://git.corp.test/acme/api"),
        ("git.corp.test:8443/acme/api", "git.corp.test:8443/acme/api"),
        ("user.name:token@github.com/acme/api", "user.name:token@github.com/acme/api"),
        ("github.com:/acme/api", "https://github.com/acme/api"),
        ("localhost:acme/api", "localhost:acme/api"),
        ("ghcr.io/acme/api:v1", "https://ghcr.io/acme/api:v1"),
    ] {
        assert_eq!(Repository::parse(text).unwrap().as_str(), one, "{text}");
    }
}

#[test]
fn credentials_never_stay_in_a_name() {
    for written in ["https://u:p4ss@host.example/r", "git+https://u:p4ss@host.example/r@refs/heads/x"] {
        let uri = GitUri::parse(written).unwrap();
        assert_eq!(uri.repository().as_str(), "https://host.example/r");
    }
}

#[test]
fn a_git_uri_gives_repository_and_reference_or_commit() {
    let commit = "c".repeat(40);
    let fragment = format!("https://github.com/acme/api.git#{commit}");
    let upper = format!("git+https://github.com/acme/api@{}", commit.to_uppercase());
    for (text, reference, hex, git) in [
        ("git+https://github.com/acme/api@refs/heads/main", Some("refs/heads/main"), None, true),
        ("git+https://github.com/acme/api.git@v1.2#sub", Some("v1.2"), None, true),
        ("git+https://github.com/acme/api@refs/heads/a@b", Some("refs/heads/a@b"), None, true),
        (upper.as_str(), None, Some(commit.as_str()), true),
        ("git+https://github.com/acme/api", None, None, true),
        ("git://github.com/acme/api", None, None, true),
        ("git@github.com:acme/api.git", None, None, true),
        ("https://github.com/acme/api", None, None, false),
        // As BuildKit writes them.
        ("https://github.com/acme/api.git", None, None, true),
        ("https://github.com/acme/api.git#refs/heads/main", Some("refs/heads/main"), None, true),
        ("https://github.com/acme/api.git#refs/tags/v1:docker", Some("refs/tags/v1"), None, true),
        (fragment.as_str(), None, Some(commit.as_str()), true),
        // A path within the repository, and a page.
        ("git+https://github.com/acme/api.git#src/main.c", None, None, true),
        ("https://github.com/acme/api#refs/heads/main", None, None, false),
    ] {
        let uri = GitUri::parse(text).unwrap();
        assert_eq!(uri.repository().as_str(), "https://github.com/acme/api", "{text}");
        assert_eq!((uri.reference(), uri.commit(), uri.names_git()), (reference, hex, git), "{text}");
        assert!(uri.is_repository(), "{text}");
    }
}

#[test]
fn a_branch_whose_name_goes_on_behind_a_sign_of_urls_is_not_the_one_before_it() {
    let whole = |text: &str| GitUri::parse(text).unwrap().whole_reference().map(str::to_owned);
    for text in [
        "git+https://github.com/acme/api@refs/heads/main",
        "https://github.com/acme/api.git#refs/heads/main",
        "https://github.com/acme/api.git#refs/heads/main:docker",
    ] {
        assert_eq!(whole(text).as_deref(), Some("refs/heads/main"), "{text}");
    }
    for text in [
        "git+https://github.com/acme/api@refs/heads/main#x",
        "git+https://github.com/acme/api@refs/heads/main?x",
        "https://github.com/acme/api.git#refs/heads/main#x",
        "git+https://github.com/acme/api#@refs/heads/main",
        "git+https://github.com/acme/api?x@refs/heads/main",
    ] {
        assert_eq!(whole(text), None, "{text}");
    }
}

#[test]
fn what_can_be_nothing_but_a_repository_is_one_and_a_file_is_none() {
    for (text, git, repository) in [
        ("ssh://git@git.corp.test:7999/acme/api", true, true),
        ("https://github.com/acme/api", false, true),
        ("https://gitlab.com/acme/group/api/", false, true),
        ("https://git.corp.test/acme/api@refs/heads/main", false, true),
        ("https://git.corp.test/acme/api", false, false),
        ("https://github.com/acme/api/releases/download/v1/app.tgz", false, false),
        ("https://github.com/acme", false, false),
        ("https://gitlab.com/acme/api/-/archive/v1/api.tgz", false, false),
        ("https://registry.npmjs.org/@acme/api/-/api-1.0.0.tgz", false, false),
    ] {
        let uri = GitUri::parse(text).unwrap();
        assert_eq!((uri.names_git(), uri.is_repository()), (git, repository), "{text}");
    }
}

#[test]
fn a_package_of_a_host_of_repositories_is_one_at_its_version() {
    let of = |purl: &str| {
        let uri = GitUri::of_package(&purl.parse().unwrap())?;
        let version = uri.reference().or(uri.commit()).map(ToOwned::to_owned);
        Some((uri.repository().to_string(), version))
    };
    let commit = "C".repeat(40);
    for (purl, repository, version) in [
        ("pkg:github/Acme/API@v1", "https://github.com/acme/api", Some("v1")),
        ("pkg:github/acme/api@refs%2Fheads%2Fmain", "https://github.com/acme/api", Some("refs/heads/main")),
        ("pkg:githubactions/Actions/checkout@v4", "https://github.com/actions/checkout", Some("v4")),
        (
            "pkg:githubactions/github/codeql-action/init@v3",
            "https://github.com/github/codeql-action",
            Some("v3"),
        ),
        ("pkg:gitlab/acme/group/api", "https://gitlab.com/acme/group/api", None),
        ("pkg:bitbucket/acme/api@v2", "https://bitbucket.org/acme/api", Some("v2")),
        (
            &format!("pkg:github/acme/api@{commit}"),
            "https://github.com/acme/api",
            Some(&commit.to_lowercase()),
        ),
    ] {
        assert_eq!(of(purl), Some((repository.to_owned(), version.map(ToOwned::to_owned))), "{purl}");
    }
    for none in ["pkg:npm/acme/api@1", "pkg:github/api@1", "pkg:docker/acme/api@1"] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[test]
fn what_is_no_repository_is_none() {
    for text in ["", "pkg:npm/axios@1", "foo", "file:///tmp/x", "alpine:latest", "bin/foo", "git+", "git+foo"]
    {
        assert_eq!(GitUri::parse(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn hostile_text_never_panics_and_names_are_fixed_points(text in "(git\\+)?(https://|git@|ssh://)?[a-z@:/.#?\u{e9} %-]{0,40}") {
        drop(GitUri::parse(&text));
        if let Some(name) = Repository::parse(&text) {
            prop_assert_eq!(Repository::parse(name.as_str()), Some(name));
        }
    }
}
