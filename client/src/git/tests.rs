use std::path::Path;
use std::process::Command;

use super::*;

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args([
            "-c",
            "user.name=Ann Example",
            "-c",
            "user.email=ann@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .env("GIT_AUTHOR_DATE", "2026-11-20T10:00:00+01:00")
        .env("GIT_COMMITTER_DATE", "2026-11-20T12:30:00+01:00")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "-b", "main"]);
    for name in ["one", "two"] {
        std::fs::write(dir.path().join(name), name).unwrap();
        git(dir.path(), &["add", "."]);
        git(dir.path(), &["commit", "-q", "-m", name]);
    }
    dir
}

#[test]
fn reads_commit_parents_people_dates_and_branch() {
    let dir = repository();
    let found = Repository::find(dir.path()).unwrap();
    let id = found.resolve("HEAD").unwrap();
    assert_eq!(id.as_str(), git(dir.path(), &["rev-parse", "HEAD"]));
    let commit = found.commit(&id).unwrap();
    assert_eq!(commit.parents, [found.resolve("HEAD~1").unwrap()]);
    assert_eq!(commit.author.to_string(), "Ann Example <ann@example.com>");
    assert_eq!(commit.author_date.to_string(), "2026-11-20T09:00:00.000000Z");
    assert_eq!(commit.commit_date.to_string(), "2026-11-20T11:30:00.000000Z");
    assert_eq!(commit.signature, SignatureKind::None);
    assert_eq!(found.branch().unwrap().as_deref(), Some("refs/heads/main"));
}

#[test]
fn a_detached_head_has_no_branch() {
    let dir = repository();
    git(dir.path(), &["checkout", "-q", "--detach"]);
    assert_eq!(Repository::find(dir.path()).unwrap().branch().unwrap(), None);
}

#[test]
fn a_shallow_clone_still_gives_the_true_parents() {
    let dir = repository();
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    git(clone.path(), &["clone", "-q", "--depth", "1", &url, "."]);
    let shallow = Repository::find(clone.path()).unwrap();
    let id = shallow.resolve("HEAD").unwrap();
    let commit = shallow.commit(&id).unwrap();
    assert_eq!(commit, Repository::find(dir.path()).unwrap().commit(&id).unwrap());
    assert_eq!(commit.parents.len(), 1);
    // The parent itself was not fetched: the error says why.
    let error = shallow.resolve(commit.parents[0].as_str()).and_then(|id| shallow.commit(&id)).unwrap_err();
    assert!(matches!(error, GitError::Shallow { .. }), "{error}");
    assert!(error.hint().contains("--unshallow"));
}

#[test]
fn refuses_a_folder_that_is_no_repository() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Repository::find(dir.path()), Err(GitError::NotARepository { .. })));
}

#[test]
fn refuses_a_commit_that_is_absent() {
    let dir = repository();
    let found = Repository::find(dir.path()).unwrap();
    assert!(matches!(found.resolve("no-such-branch"), Err(GitError::NoSuchCommit { .. })));
    assert!(matches!(found.resolve("--all"), Err(GitError::NoSuchCommit { .. })));
}

#[test]
fn takes_origin_or_the_only_remote() {
    let dir = repository();
    let found = Repository::find(dir.path()).unwrap();
    assert_eq!(found.remote().unwrap(), None);
    git(dir.path(), &["remote", "add", "upstream", "git@example.com:acme/up.git"]);
    assert_eq!(found.remote().unwrap().as_deref(), Some("git@example.com:acme/up.git"));
    git(dir.path(), &["remote", "add", "fork", "git@example.com:acme/fork.git"]);
    assert_eq!(found.remote().unwrap(), None);
    git(dir.path(), &["remote", "add", "origin", "git@example.com:acme/api.git"]);
    assert_eq!(found.remote().unwrap().as_deref(), Some("git@example.com:acme/api.git"));
}

#[test]
fn one_repository_has_one_name() {
    for text in [
        "https://github.com/acme/api",
        "https://github.com/acme/api.git",
        "https://github.com:443/acme/api/",
        "https://x-access-token:ghs_secret@GitHub.com/acme/api.git",
        "git+https://github.com/acme/api",
        "git@github.com:acme/api.git",
        "ssh://git@github.com:22/acme/api.git",
        "git://github.com/acme/api.git",
    ] {
        assert_eq!(RepositoryUrl::parse(text).unwrap().as_str(), "https://github.com/acme/api", "{text}");
    }
}

#[test]
fn refuses_what_names_no_repository_and_never_prints_a_password() {
    for text in ["/srv/git/api.git", "./api", "../api", "file:///srv/api"] {
        assert!(matches!(RepositoryUrl::parse(text), Err(RemoteError::LocalPath { .. })), "{text}");
    }
    for text in [
        "",
        "api",
        "https://github.com",
        "https:///a",
        "C:\\api",
        "c:/api",
        "https://a.b/c?token=t",
        "ftp://a/b",
    ] {
        assert!(matches!(RepositoryUrl::parse(text), Err(RemoteError::Form { .. })), "{text}");
    }
    let error = RepositoryUrl::parse("https://me:s3cret@github.com").unwrap_err().to_string();
    assert!(!error.contains("s3cret"), "{error}");
}

#[test]
fn tells_kinds_of_signature_apart() {
    let commit = |header: &str| {
        let text = format!(
            "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\
             {header}\n\nmessage\n\nauthor Forged <f@g> 3 +0000\n"
        );
        CommitObject::parse(text.as_bytes()).unwrap()
    };
    assert_eq!(commit("gpgsig -----BEGIN SSH SIGNATURE-----").signature, SignatureKind::Ssh);
    assert_eq!(commit("gpgsig -----BEGIN PGP SIGNATURE-----").signature, SignatureKind::Gpg);
    assert_eq!(commit("gpgsig -----BEGIN SIGNED MESSAGE-----").signature, SignatureKind::X509);
    assert_eq!(commit("gpgsig what").signature, SignatureKind::Unknown);
    let none = commit("encoding UTF-8");
    assert_eq!((none.signature, none.author.name.as_str()), (SignatureKind::None, "A"));
}

#[test]
fn refuses_broken_commit_objects() {
    for (bytes, what) in [
        (&b"tree x\n\nauthor A <a@b> 1 +0000\n"[..], "no author"),
        (b"author A <a@b> 1 +0000\n", "no committer"),
        (b"author A a@b 1 +0000\ncommitter A <a@b> 1 +0000\n", "no angle brackets"),
        (b"author A <a@b> x +0000\ncommitter A <a@b> 1 +0000\n", "no number"),
        (b"author A <a@b> 99999999999999999 +0000\ncommitter A <a@b> 1 +0000\n", "beyond the year 9999"),
        (b"parent x\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n", "bad parent"),
        (b"\xff\xfe", "not text"),
    ] {
        assert!(CommitObject::parse(bytes).is_err(), "{what}");
    }
}

fn id_of(length: usize) -> CommitId {
    "a".repeat(length).parse().unwrap()
}

#[test]
fn what_was_signed_is_the_object_without_its_signature_headers() {
    let (sha1, sha256) = (id_of(40), id_of(64));
    let object = "tree t\nparent p\nauthor A <a@b> 1 +0000\ngpgsig-sha256 other\n of other\ncommitter A <a@b> 2 +0000\n\
                  gpgsig one\n two\n \n three\nencoding UTF-8\n kept\n\ngpgsig of the message\n stays\n";
    let payload = "tree t\nparent p\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\nencoding UTF-8\n kept\n\n\
                   gpgsig of the message\n stays\n";
    let of = |id, object: &str| SignedCommit::of(id, object.as_bytes());
    let signed = of(&sha1, object).unwrap().unwrap();
    assert_eq!(
        (signed.payload.as_slice(), signed.armour.as_str()),
        (payload.as_bytes(), "one\ntwo\n\nthree\n")
    );
    let other = of(&sha256, object).unwrap().unwrap();
    assert_eq!((other.payload.as_slice(), other.armour.as_str()), (payload.as_bytes(), "other\nof other\n"));
    assert_eq!(of(&sha1, payload), Ok(None));
    let twice = object.replace("encoding UTF-8", "gpgsig again");
    assert_eq!(of(&sha1, &twice), Err(signed::SignedCommitError::Several));
    let not_text = [b"gpgsig \xff\n".as_slice(), b"\nmessage"].concat();
    assert_eq!(SignedCommit::of(&sha1, &not_text), Err(signed::SignedCommitError::NotText));
}

#[test]
fn an_object_that_is_not_the_one_that_the_id_names_is_refused() {
    let dir = repository();
    let found = Repository::find(dir.path()).unwrap();
    let (head, parent) = (found.resolve("HEAD").unwrap(), found.resolve("HEAD~1").unwrap());
    let object = |id: &CommitId| {
        let (folder, file) = id.as_str().split_at(2);
        dir.path().join(".git/objects").join(folder).join(file)
    };
    assert!(found.commit_bytes(&head).is_ok());
    // As if the disk, or somebody, had put another commit in its place.
    std::fs::remove_file(object(&head)).unwrap();
    std::fs::copy(object(&parent), object(&head)).unwrap();
    // Git sees that a loose object is another one by itself, and gives nothing.
    assert!(found.commit_bytes(&head).is_err());
    assert_ne!(signed::object_id(&head, &found.commit_bytes(&parent).unwrap()), head.as_str());
}

#[test]
fn a_key_is_named_by_the_signature_packet() {
    let body = |hashed: &[u8], unhashed: &[u8]| {
        let length = |area: &[u8]| u16::try_from(area.len()).unwrap().to_be_bytes();
        [&[4, 0, 22, 8][..], &length(hashed), hashed, &length(unhashed), unhashed, &[0xab, 0xcd, 0, 8, 1]]
            .concat()
    };
    let armour = |packet: &[u8]| {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(packet);
        format!("-----BEGIN PGP SIGNATURE-----\nComment: x\n\n{base64}\n=abcd\n-----END PGP SIGNATURE-----\n")
    };
    let packet = |tag: u8, body: &[u8]| [&[tag, u8::try_from(body.len()).unwrap()][..], body].concat();
    let fingerprint = [&[22, 33, 4][..], &[0xaa; 20]].concat();
    let issuer = [&[9, 16][..], &[0xbb; 8]].concat();
    let named = |tag, hashed: &[u8], unhashed: &[u8]| {
        openpgp::key_named(&armour(&packet(tag, &body(hashed, unhashed))))
    };
    let (long, short) = (Some("AA".repeat(20)), Some("BB".repeat(8)));
    for tag in [0xc2, 0x88] {
        assert_eq!(named(tag, &fingerprint, &issuer), long);
        assert_eq!(named(tag, &[], &issuer), short);
        assert_eq!(named(tag, &[], &[]), None);
    }
    assert_eq!(named(0xc6, &fingerprint, &issuer), None, "a packet of another kind");
    assert_eq!(named(0xc2, &[200, 33], &[]), None, "an area that is cut");
    for text in ["", "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----", "x"] {
        assert_eq!(openpgp::key_named(text), None);
    }
}
