//! One reference has many spellings: `actions/checkout@v4` of a workflow is `git+https://github.com/actions/checkout@refs/tags/v4` of
//! a provenance, and `alpine:3.20` is `docker.io/library/alpine:3.20`.
//!
//! A node keeps the text that its statement wrote. It is found by each of its [`names`], and who asks is looked up by the one that
//! [`asked`] gives, so that every spelling of a question finds every spelling of an answer:
//!
//! ```text
//! asked(text) is one of names(text), for every text
//! ```
//!
//! A name without a kind (`v4`) may be a branch or a tag, so it is found as either; who asks for `refs/tags/v4` is not shown the
//! branch. A host that hosts nothing but git is known by its name; any other one is taken for a registry where a colon stands before
//! the tag.

use std::collections::BTreeSet;

use super::Node;
use crate::digest_set::Digest;
use crate::repository::{GIT_HOSTS, GitUri, folded, is_commit};

/// What a text is, as far as spellings of it are known.
enum Reference {
    /// A branch, a tag, or another reference of a repository; of whichever, where none is named.
    Git { repository: Option<String>, kind: Option<Kind>, name: String },
    /// A part of a repository of GitHub, as workflows use it: `github/codeql-action/init@v3`.
    Part { repository: String, path: String, kind: Option<Kind>, name: String },
    /// An image, with its host and its tag.
    Image(String),
    /// Anything else: it has one spelling.
    Other,
}

/// What kind of reference a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Branch,
    /// `refs/pull/5/merge`: the name says all of it.
    Other,
    Tag,
}

/// Other names of Docker's own registry.
const DOCKER_HOSTS: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// What stands before the name of an image: as Tekton, BuildKit, Kubernetes and GitHub's workflows write it.
const IMAGE_SCHEMES: [&str; 4] = ["oci://", "docker://", "docker-image://", "docker-pullable://"];

/// Returns every text by which a reference is looked up, its own among them.
pub(super) fn names(id: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from([id.to_owned()]);
    match parse(id) {
        Reference::Git { repository, kind, name } => {
            let kinds = kind.map_or(vec![Kind::Branch, Kind::Tag], |kind| vec![kind]);
            let mut forms: BTreeSet<String> = kinds.iter().map(|kind| whole(*kind, &name)).collect();
            forms.insert(name);
            // Without its repository nobody asks for a version of an action.
            let alone = repository.is_none() || id.contains("://") || id.contains("@refs/");
            for form in forms {
                if let Some(repository) = &repository {
                    names.insert(format!("{repository}@{form}"));
                }
                if alone {
                    names.insert(form);
                }
            }
        }
        Reference::Part { repository, path, kind, name } => {
            let kinds = kind.map_or(vec![Kind::Branch, Kind::Tag], |kind| vec![kind]);
            let forms: BTreeSet<String> =
                kinds.iter().map(|kind| whole(*kind, &name)).chain([name.clone()]).collect();
            // It is found by the whole action too.
            let places = [repository.clone(), format!("{repository}/{path}")];
            names.extend(
                places.iter().flat_map(|place| forms.iter().map(move |form| format!("{place}@{form}"))),
            );
        }
        Reference::Image(image) => drop(names.insert(image)),
        Reference::Other => {}
    }
    names.retain(|name| name.len() <= Node::ID_MAX);
    names
}

/// Returns those of the names that a question is looked up by.
pub(super) fn names_asked(id: &str) -> BTreeSet<String> {
    let mut names = names(id);
    names.retain(|name| is_asked(name));
    names
}

/// Whether [`asked`] returns this text for itself.
fn is_asked(name: &str) -> bool {
    let spelled = spelling(name);
    spelled == name || spelling(&spelled) != spelled
}

/// Returns the text by which a question is looked up: what it returns for that text again. A text whose spelling has another
/// spelling (`acme/api@1?x` of a repository that then has a query) is looked up as it stands.
pub(super) fn asked(text: &str) -> String {
    let spelled = spelling(text);
    if spelling(&spelled) == spelled { spelled } else { text.to_owned() }
}

fn spelling(text: &str) -> String {
    let known = match parse(text) {
        Reference::Git { repository, kind, name } => {
            let name = kind.map_or_else(|| name.clone(), |kind| whole(kind, &name));
            repository.map_or_else(|| name.clone(), |repository| format!("{repository}@{name}"))
        }
        Reference::Image(image) => image,
        // Who asks for a part does not ask for the others.
        Reference::Part { repository, path, kind, name } => {
            let name = kind.map_or_else(|| name.clone(), |kind| whole(kind, &name));
            format!("{repository}/{path}@{name}")
        }
        Reference::Other => text.to_owned(),
    };
    if known.len() <= Node::ID_MAX { known } else { text.to_owned() }
}

/// Returns what a reference is of: its repository, or the image itself; none of a name alone.
pub(super) fn place(id: &str) -> Option<String> {
    match parse(id) {
        Reference::Git { repository, .. } => repository,
        Reference::Part { repository, .. } => Some(repository),
        Reference::Image(image) => Some(image),
        Reference::Other => Some(id.to_owned()),
    }
}

/// Returns the one text that all spellings of a reference share, whatever kind they say it is of.
pub(crate) fn shared(id: &str) -> String {
    match parse(id) {
        Reference::Git { repository: Some(repository), name, .. } => format!("{repository}@{name}"),
        Reference::Git { repository: None, name, .. } => name,
        Reference::Image(image) => image,
        Reference::Part { repository, path, name, .. } => format!("{repository}/{path}@{name}"),
        Reference::Other => id.to_owned(),
    }
}

fn parse(text: &str) -> Reference {
    let text = text.trim();
    if text.starts_with("refs/") {
        let (kind, name) = kind_of(text);
        return Reference::Git { repository: None, kind, name };
    }
    if let Some(reference) = of_uri(text).or_else(|| of_action(text)).or_else(|| of_host(text)) {
        return reference;
    }
    if let Some(image) = image(text) {
        return Reference::Image(image);
    }
    let is_name = !text.is_empty() && !text.contains([':', '@', ' ']) && !is_commit(text);
    if is_name {
        return Reference::Git { repository: None, kind: None, name: text.to_owned() };
    }
    Reference::Other
}

/// `[git+]https://<host>/<path>@<reference>`, and with the reference in the fragment.
fn of_uri(text: &str) -> Option<Reference> {
    let uri = GitUri::parse(text)?;
    // What has a colon is the digest of an image: git allows none in a name.
    let reference = uri.reference().filter(|reference| !reference.contains(':'))?;
    // A host alone is no repository: `https://registry.npmjs.org/@acme/api/-/api-1.0.0.tgz` is a file.
    let repository = uri.repository().to_string();
    let has_path = repository.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    let (kind, name) = kind_of(reference);
    has_path.then_some(Reference::Git { repository: Some(repository), kind, name })
}

/// `<owner>/<name>[/<path>]@<reference>`, as GitHub's workflows write it.
fn of_action(text: &str) -> Option<Reference> {
    let (place, reference) = text.split_once('@')?;
    let mut segments = place.split('/');
    let (owner, name) = (segments.next()?, segments.next()?);
    let plain = |text: &str| !text.is_empty() && !text.contains([':', ' ']);
    let usable =
        plain(owner) && !owner.contains('.') && plain(name) && plain(reference) && !is_commit(reference);
    if !usable || place.contains("//") {
        return None;
    }
    let repository = folded(&format!("https://github.com/{owner}/{name}")).into_owned();
    let (kind, name) = kind_of(reference);
    let path = segments.collect::<Vec<_>>().join("/");
    Some(if path.is_empty() {
        Reference::Git { repository: Some(repository), kind, name }
    } else {
        Reference::Part { repository, path, kind, name }
    })
}

/// `github.com/<owner>/<name>:<tag>`: a tag as a record of tags writes it.
fn of_host(text: &str) -> Option<Reference> {
    let bare = text.strip_prefix("https://").unwrap_or(text);
    let (host, path) = bare.split_once('/')?;
    let (path, tag) = path.rsplit_once(':').filter(|(path, tag)| !path.is_empty() && is_tag(tag))?;
    if !GIT_HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known)) {
        return None;
    }
    let uri = GitUri::parse(&format!("https://{host}/{path}"))?;
    let (kind, name) = kind_of(tag);
    Some(Reference::Git { repository: Some(uri.repository().to_string()), kind, name })
}

/// The name of an image with its host and tag; none if the text is no image with a tag, and none with a host.
fn image(text: &str) -> Option<String> {
    let bare = IMAGE_SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    let text = bare.unwrap_or(text);
    // What a digest stands behind is named by its tag all the same, and without a tag by nothing else.
    let (text, pinned) = match text.split_once('@') {
        Some((before, digest)) => {
            digest.parse::<Digest>().ok()?;
            (before, true)
        }
        None => (text, false),
    };
    if text.is_empty() || text.contains([' ', '#', '?']) || text.contains("//") {
        return None;
    }
    let (path, tag) = match text.rsplit_once(':').filter(|(_, tag)| is_tag(tag)) {
        Some((path, tag)) => (path, Some(tag)),
        None => (text, None),
    };
    let (first, rest) = path.split_once('/').unwrap_or(("", path));
    let has_host = first.contains(['.', ':']) || first == "localhost";
    if rest.is_empty() || rest.contains(':') || (!has_host && first.contains(':')) {
        return None;
    }
    // A name without tag and host may be a branch, or anything.
    let tag = match tag {
        Some(tag) => tag,
        None if (has_host || bare.is_some()) && !pinned => "latest",
        None => return None,
    };
    let host = if DOCKER_HOSTS.contains(&first) || !has_host { "docker.io" } else { first };
    let path = if has_host { rest } else { path };
    let path =
        if host == "docker.io" && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    Some(format!("{host}/{path}:{tag}"))
}

/// Whether a text can be a tag, and not a port with a path behind it.
fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !text.is_empty() && text.bytes().all(word)
}

fn kind_of(reference: &str) -> (Option<Kind>, String) {
    let known = [("refs/heads/", Kind::Branch), ("refs/tags/", Kind::Tag)];
    let found = known.iter().find_map(|(prefix, kind)| {
        let name = reference.strip_prefix(prefix).filter(|name| !name.is_empty())?;
        Some((Some(*kind), name.to_owned()))
    });
    let other = reference.starts_with("refs/").then_some(Kind::Other);
    found.unwrap_or_else(|| (other, reference.to_owned()))
}

fn whole(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Branch => format!("refs/heads/{name}"),
        Kind::Other => name.to_owned(),
        Kind::Tag => format!("refs/tags/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finds(question: &str, id: &str) -> bool {
        names(id).contains(&asked(question))
    }

    #[test]
    fn every_spelling_of_a_question_finds_every_spelling_of_an_answer() {
        let action = [
            "actions/checkout@v4",
            "https://github.com/actions/checkout@v4",
            "git+https://github.com/actions/checkout.git@v4",
            "github.com/actions/checkout:v4",
            "git@github.com:actions/checkout@v4",
            "Actions/Checkout@v4",
            "https://GitHub.com/Actions/checkout.git@v4",
            "GitHub.com:actions/Checkout@v4",
        ];
        let tag = ["actions/checkout@refs/tags/v4", "git+https://github.com/actions/checkout@refs/tags/v4"];
        let image = [
            "alpine:3.20",
            "library/alpine:3.20",
            "docker.io/library/alpine:3.20",
            "index.docker.io/library/alpine:3.20",
            "oci://docker.io/library/alpine:3.20",
            "docker://alpine:3.20",
        ];
        for one in action.iter().chain(&tag) {
            for other in action.iter().chain(&tag) {
                assert!(finds(one, other), "{one} {other}");
            }
        }
        for one in image {
            for other in image {
                assert!(finds(one, other), "{one} {other}");
            }
        }
        let pinned = format!("alpine:3.20@sha256:{}", "a".repeat(64));
        for (question, id) in [
            ("main", "https://github.com/acme/api@refs/heads/main"),
            ("refs/heads/main", "https://github.com/acme/api@main"),
            ("feature/x", "https://github.com/acme/api@refs/heads/feature/x"),
            ("refs/pull/5/merge", "https://github.com/acme/api@refs/pull/5/merge"),
            ("acme/api@v1", "https://github.com/acme/api@refs/tags/v1"),
            ("github/codeql-action@v3", "github/codeql-action/init@v3"),
            ("github/codeql-action/init@v3", "github/codeql-action/init@v3"),
            ("acme/wf/.github/workflows/b.yml@main", "acme/wf/.github/workflows/b.yml@refs/heads/main"),
            ("acme/wf/.github/workflows/b.yml@refs/heads/main", "acme/wf/.github/workflows/b.yml@main"),
            ("docker.io/library/golang", "oci://docker.io/library/golang"),
            ("ghcr.io/acme/api:1.2", "docker-pullable://ghcr.io/acme/api:1.2"),
            ("alpine:3.20", &pinned),
            ("https://downloads.example/lib-1.tgz", "https://downloads.example/lib-1.tgz"),
        ] {
            assert!(finds(question, id), "{question} {id}");
        }
    }

    #[test]
    fn another_reference_is_not_found() {
        for (question, id) in [
            ("actions/checkout@v4", "actions/checkout@v4.1"),
            ("actions/checkout@v4", "evil/checkout@v4"),
            ("actions/checkout@v4", "https://gitlab.com/actions/checkout@v4"),
            ("refs/tags/v4", "https://github.com/acme/api@refs/heads/v4"),
            ("https://github.com/acme/api@refs/tags/v4", "https://github.com/acme/api@refs/heads/v4"),
            ("github/codeql-action/init@v3", "github/codeql-action/analyze@v3"),
            ("github/codeql-action/init@v3", "github/codeql-action@v3"),
            ("v4", "actions/checkout@v4"),
            ("actions/checkout@V4", "actions/checkout@v4"),
            ("acme/wf/B.yml@main", "acme/wf/b.yml@main"),
            ("alpine:3.20", "acme/alpine:3.20"),
            ("alpine:3.20", "ghcr.io/library/alpine:3.20"),
            ("alpine:3.20", "alpine:3.2"),
            ("docker.io/library/golang", "docker.io/library/golang:1.22"),
            ("localhost:5000/api", "localhost:5001/api"),
        ] {
            assert!(!finds(question, id), "{question} {id}");
        }
        let pinned = format!("docker.io/library/golang@sha256:{}", "a".repeat(64));
        assert!(!finds("docker.io/library/golang:latest", &pinned));
    }

    #[test]
    fn spellings_of_one_reference_share_one_text_whatever_kind_they_say() {
        let all = [
            "actions/checkout@v4",
            "https://github.com/actions/checkout@refs/tags/v4",
            "github.com/actions/checkout:v4",
        ];
        for one in all {
            assert_eq!(shared(one), "https://github.com/actions/checkout@v4", "{one}");
        }
        assert_eq!(shared("alpine:3.20"), "docker.io/library/alpine:3.20");
        assert_eq!(shared("https://x.test/y"), "https://x.test/y");
    }

    proptest! {
        #[test]
        fn a_text_finds_itself(text in "(git\\+|oci://|docker://)?(https://)?(github.com/|docker.io/|localhost:5000/)?[a-z.]{0,8}(/[a-z.]{1,6}){0,3}([@:#](refs/(heads|tags|pull)/)?[a-z0-9./:-]{0,8}){0,2}") {
            let text = text.trim();
            prop_assert!(finds(text, text), "{:?}", names(text));
            prop_assert!(names(text).contains(text));
        }

        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,60}") {
            let text = text.trim();
            prop_assert!(finds(text, text));
        }
    }
}
