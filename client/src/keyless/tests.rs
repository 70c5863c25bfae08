use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use custody_tests::issuer::{Algorithm, Behaviour, Issuer, Job, System as Ci, TOKEN};

use super::*;
use crate::ci::{System, Variables};
use crate::sign::KeyStoreError;

const FORM: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln";

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn found(system: Option<System>, pairs: &[(&str, &str)]) -> String {
    match Source::find(system, &variables(pairs)) {
        Ok(Some(source)) => format!("{source}, asks: {}", source.asks()),
        Ok(None) => "none".to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn each_system_has_its_place_for_tokens_and_a_workstation_none() {
    let github =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret")];
    let cases: [(_, &[(&str, &str)], &str); 14] = [
        (None, &[], "none"),
        (None, &github, "none"),
        (Some(System::Generic), &[], "none"),
        (None, &[("CUSTODY_ID_TOKEN", FORM)], "CUSTODY_ID_TOKEN, asks: false"),
        (Some(System::GitHubActions), &github, "GitHub Actions, ACTIONS_ID_TOKEN_REQUEST_URL, asks: true"),
        (Some(System::GitHubActions), &github[..1], "error: GitHub Actions gives this job no identity token"),
        (Some(System::GitHubActions), &[], "error: GitHub Actions gives this job no identity token"),
        (Some(System::GitLab), &[], "error: GitLab CI gives this job no identity token"),
        (
            Some(System::GitLab),
            &[("CUSTODY_ID_TOKEN", "")],
            "error: GitLab CI gives this job no identity token",
        ),
        (Some(System::GitLab), &[("CUSTODY_ID_TOKEN", FORM)], "CUSTODY_ID_TOKEN, asks: false"),
        (Some(System::Jenkins), &[], "error: Jenkins gives this job no identity token"),
        (Some(System::Buildkite), &[], "buildkite-agent oidc request-token, asks: true"),
        (Some(System::CircleCi), &[], "circleci run oidc get, asks: true"),
        (Some(System::CircleCi), &[("CIRCLE_OIDC_TOKEN", FORM)], "circleci run oidc get, asks: true"),
    ];
    for (system, pairs, expected) in cases {
        assert_eq!(found(system, pairs), expected, "{system:?} {pairs:?}");
    }
}

#[test]
fn what_is_given_to_this_program_wins_over_what_the_system_gives() {
    let source = Source::find(
        Some(System::GitHubActions),
        &variables(&[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret"),
            ("CUSTODY_ID_TOKEN", FORM),
        ]),
    );
    assert_eq!(source, Ok(Some(Source::Variable("CUSTODY_ID_TOKEN", Secret::new(FORM)))));
}

#[test]
fn a_token_has_three_parts_and_is_never_shown() {
    let token = IdToken::parse(&format!("\n{FORM}\r\n")).unwrap();
    assert_eq!(token.reveal(), FORM);
    let long = format!("{}.e30.c2ln", "a".repeat(TOKEN_BYTES_MAX));
    for bad in [
        "",
        " \n",
        "abc",
        "a.b",
        "a..c",
        "a.b.c.d",
        "a.b.c d",
        "a.b.c=",
        "a.b.\u{e4}",
        "{\"value\":\"x\"}",
        &long,
    ] {
        let error = IdToken::parse(bad).unwrap_err().to_string();
        assert!(bad.trim().len() < 3 || !error.contains(bad.trim()), "{error}");
    }
    let github = Source::GitHub { url: "https://x".to_owned(), bearer: Secret::new("s3cret") };
    let held = Source::CircleCi(Some(("CIRCLE_OIDC_TOKEN", Secret::new(FORM))));
    for shown in [format!("{token:?}"), format!("{github:?} {github}"), format!("{held:?} {held}")] {
        assert!(!shown.contains("eyJ") && !shown.contains("s3cret"), "{shown}");
    }
}

fn github(issuer: &Issuer) -> Source {
    let pairs = issuer.github_variables(&Job::of(Ci::GitHub));
    Source::find(Some(System::GitHubActions), &pairs.into_iter().collect()).unwrap().unwrap()
}

#[tokio::test]
async fn github_is_asked_for_a_token_with_this_audience() {
    let issuer = Issuer::start(Algorithm::EdDsa);
    let token = github(&issuer).token("custody:example.com/log:ab&12").await.unwrap();
    assert_eq!(issuer.audiences(), ["custody:example.com/log:ab&12"]);
    assert_eq!((token.reveal().split('.').count(), issuer.asked(TOKEN)), (3, 1));
}

#[tokio::test]
async fn whoever_may_not_ask_is_told_so_and_asks_once() {
    let issuer = Issuer::start(Algorithm::EdDsa);
    let Source::GitHub { url, .. } = github(&issuer) else { panic!("GitHub's") };
    let source = Source::GitHub { url, bearer: Secret::new("another job's") };
    let error = source.token("x").await.unwrap_err();
    assert!(matches!(error, NoToken::Status { status: 401, .. }), "{error}");
    assert_eq!(issuer.asked(TOKEN), 1, "that stays, so it is not tried again");
}

#[tokio::test]
async fn an_issuer_that_misbehaves_gives_an_error_and_never_a_part_of_its_answer() {
    let cases = [
        (Behaviour::Down, 3, "cannot ask 127.0.0.1 for an identity token"),
        (Behaviour::Status(503), 3, "status 503"),
        (Behaviour::Status(404), 1, "status 404"),
        (Behaviour::WrongType, 1, "answered with something else"),
        (Behaviour::Huge(1 << 20), 1, "more than any token has"),
        (Behaviour::Elsewhere("https://example.com/".to_owned()), 1, "status 302"),
        (Behaviour::Json("{\"value\":7}".to_owned()), 1, "answered with something else"),
        (Behaviour::Json("{\"value\":\"nonsense-s3cret\"}".to_owned()), 1, "found no dot"),
        (Behaviour::Json("{\"token\":\"a.b.c\"}".to_owned()), 1, "answered with something else"),
    ];
    for (behaviour, asked, expected) in cases {
        let issuer = Issuer::start(Algorithm::EdDsa);
        issuer.behave(TOKEN, behaviour.clone());
        let error = github(&issuer).token("x").await.unwrap_err();
        let text = format!("{error} {error:?} {}", error.hint());
        assert!(text.contains(expected), "{behaviour:?}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("request-token-of-this-job"), "{text}");
        assert_eq!(issuer.asked(TOKEN), asked, "{behaviour:?}");
    }
}

#[tokio::test]
async fn the_right_to_ask_is_never_sent_without_tls_to_another_machine() {
    for url in
        ["http://example.com/token?x=1", "ftp://127.0.0.1/", "token", "", "http://127.0.0.1.example.com/"]
    {
        let source = Source::GitHub { url: url.to_owned(), bearer: Secret::new("s3cret") };
        let error = source.token("x").await.unwrap_err();
        assert!(matches!(error, NoToken::Address { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_file_holds_a_token_or_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        Source::File(path)
    };
    assert_eq!(write("good", &format!("{FORM}\n")).token("x").await.unwrap().reveal(), FORM);
    assert!(matches!(write("bad", "s3cret").token("x").await, Err(NoToken::Token { .. })));
    assert!(matches!(write("long", &"a".repeat(1 << 20)).token("x").await, Err(NoToken::Token { .. })));
    assert!(matches!(Source::File(dir.path().join("none")).token("x").await, Err(NoToken::File { .. })));
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn all_commands_of_a_job_sign_with_one_key_and_other_jobs_with_others() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OneTimeKeys::below(dir.path());
    let (one, other) = (IdToken::parse(FORM).unwrap(), IdToken::parse("e30.e30.c2ln").unwrap());
    let first = keys.of(&one, 1_000, 500).unwrap();
    assert_eq!((mode(&first.path), mode(first.path.parent().unwrap())), (0o600, 0o700));
    assert!(!first.used_before);
    let again = keys.of(&one, 1_000, 600).unwrap();
    assert_eq!((again.key.id(), again.used_before), (first.key.id(), true));
    assert_ne!(keys.of(&other, 1_000, 600).unwrap().key.id(), first.key.id());
    for path in [&first.path, &again.path] {
        assert!(!path.display().to_string().contains("eyJ"), "{}", path.display());
    }
}

#[test]
fn a_key_goes_when_its_token_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OneTimeKeys::below(dir.path());
    let (one, other) = (IdToken::parse(FORM).unwrap(), IdToken::parse("e30.e30.c2ln").unwrap());
    let first = keys.of(&one, 1_000, 500).unwrap();
    keys.of(&other, 5_000, 1_030).unwrap();
    assert!(first.path.exists(), "a log may still take it");
    keys.of(&other, 5_000, 2_000).unwrap();
    assert!(!first.path.exists());
}

#[test]
fn commands_at_the_same_time_agree_on_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OneTimeKeys::below(dir.path());
    let token = IdToken::parse(FORM).unwrap();
    let ids: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..8).map(|_| scope.spawn(|| keys.of(&token, 1_000, 500).unwrap().key.id())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_folder_that_others_may_write_is_closed_before_a_key_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OneTimeKeys::below(dir.path());
    let token = IdToken::parse(FORM).unwrap();
    let folder = keys.of(&token, 1_000, 500).unwrap().path.parent().unwrap().to_owned();
    for open in [0o777, 0o1777, 0o770, 0o755] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(open)).unwrap();
        assert!(keys.of(&token, 1_000, 600).unwrap().used_before);
        assert_eq!(mode(&folder), 0o700, "{open:o}");
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let keys = OneTimeKeys::below(dir.path());
    let token = IdToken::parse(FORM).unwrap();
    let path = keys.of(&token, 1_000, 500).unwrap().path;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = keys.of(&token, 1_000, 500).unwrap_err();
    assert!(matches!(error, KeyStoreError::ReadableByOthers { .. }), "{error}");
}
