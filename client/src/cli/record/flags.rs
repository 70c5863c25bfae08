//! The flags that every kind of statement takes, and what they mean.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use custody_client::Patience;
use custody_client::file_digest::FileDigests;
use custody_client::make::{Given, Made, MakeError, Subject, SubjectError, given};
use custody_evidence::predicate::Name;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::settings::duration;
use crate::cli::spool;
pub(super) use crate::cli::times::{When, time};

/// Flags that every kind takes.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// What the statement is about: a file, `sha256:<hex>`, `<repository>@<commit>`, `<image>@sha256:<hex>` or
    /// `<purl>@<digest>`. Can be given several times.
    #[arg(long = "subject", value_name = "THING")]
    pub(super) subjects: Vec<OsString>,
    /// Take the predicate from a JSON file, as it is, instead of making it.
    #[arg(long, value_name = "FILE")]
    pub(super) predicate: Option<PathBuf>,
    /// The predicate type of that file [default: that of the kind].
    #[arg(long = "type", value_name = "URI", requires = "predicate")]
    pub(super) predicate_type: Option<String>,
    #[command(flatten)]
    pub(super) sending: Sending,
}

/// Flags for signing and sending.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sending {
    /// The key that signs: a stored key's name or id, a file, or `env://VARIABLE` [default: in CI a one-time key, if the job
    /// has an identity token; else the only stored key, or the one called `default`].
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// Record as the CI job that the identity token in FILE speaks for, with a one-time key [default without --key: the
    /// token in `CUSTODY_ID_TOKEN`, or the one that GitHub Actions, Buildkite or CircleCI gives the job].
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(super) id_token_file: Option<PathBuf>,
    /// Print the statement and send nothing; with `-o json`, print the signed envelope.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) delivery: Delivery,
}

/// Flags for sending.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Delivery {
    /// Write the receipt to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) receipt: Option<PathBuf>,
    /// How long to try again when the server cannot be reached [default: 2m, but no longer than a --timeout that is
    /// given]. Given longer than --timeout, that is the time of one attempt.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) retry_for: Option<Duration>,
    /// When the server is away after the retries, keep the signed envelope and exit 0; `custody spool flush` records it
    /// later, also from another machine [default FILE: the log's own, in the state directory].
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = spool::OWN)]
    pub(super) spool: Option<PathBuf>,
}

/// The largest predicate: an envelope of 64 MiB holds base64 of at most three quarters of it.
const PREDICATE_MAX: u64 = 48 * 1024 * 1024;

impl Common {
    /// Returns the subjects that were given, with `more` files among them; files are read and hashed.
    pub(super) fn subjects(&self, more: &[PathBuf], context: &Context) -> Result<Vec<Subject>, Failure> {
        let mut subjects = Vec::new();
        for typed in &self.subjects {
            subjects.push(thing("--subject", typed, context)?);
        }
        for path in more {
            subjects.push(file(path, context)?);
        }
        Ok(subjects)
    }

    /// Makes the statement around the file of `--predicate`, if it was given.
    pub(super) fn given(&self, default_type: &str, subjects: &[Subject]) -> Result<Option<Made>, Failure> {
        let Some(path) = &self.predicate else { return Ok(None) };
        let predicate_type = self.predicate_type.as_deref().unwrap_or(default_type);
        if !is_uri(predicate_type) {
            return Err(Failure::usage("bad_type", format!("--type: expected a URI, found {predicate_type:?}"))
                .hint("in-toto names a predicate type by a URI, such as https://example.com/NAME/v1 or urn:example:NAME:v1"));
        }
        let bytes = read_document(path)?;
        given(predicate_type, &bytes, subjects).map(Some).map_err(|error| unmade(&error, Some(path)))
    }
}

/// How long a server that cannot be reached is tried again: a CI job that records wants to outlive its restart.
const RETRY_FOR: Duration = Duration::from_mins(2);

impl Delivery {
    /// Returns how long calls may take.
    pub(super) fn patience(&self, context: &Context) -> Patience {
        context.settings.patience(self.retry_for, RETRY_FOR)
    }
}

/// Whether text has the form of a URI (RFC 3986, section 3): a scheme, a colon, and characters of which none is white
/// space, a control character, or one that must be encoded.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let in_rest = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && !rest.is_empty()
        && rest.bytes().all(in_rest)
}

/// Reads a document that is going to be embedded.
pub(super) fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    crate::cli::file::read(path, PREDICATE_MAX)
}

/// Reads a THING that a statement can be about, or name by its digest; a file is hashed.
pub(super) fn thing(flag: &str, typed: &OsStr, context: &Context) -> Result<Subject, Failure> {
    // What is not UTF-8 can only be the name of a file.
    let given = match typed.to_str() {
        Some(text) => Given::parse(text).map_err(|error| bad_subject(flag, text, &error))?,
        None => Given::File(PathBuf::from(typed)),
    };
    match given {
        Given::Complete(subject) => Ok(subject),
        Given::File(path) => file(&path, context),
    }
}

/// Says why nothing can be stated about what was named.
pub(in crate::cli) fn bad_subject(flag: &str, text: &str, error: &SubjectError) -> Failure {
    Failure::usage("bad_subject", format!("{flag} {text}: {error}")).hint(error.hint())
}

/// An image reference and its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// All of it, without a digest: `ghcr.io/acme/api:1.2`.
    pub(super) whole: &'a str,
    /// The registry: `ghcr.io`.
    pub(super) registry: &'a str,
    /// The repository, with the registry: `ghcr.io/acme/api`.
    pub(super) repository: &'a str,
    /// The tag: `1.2`.
    pub(super) tag: Option<&'a str>,
}

/// Takes an image reference apart. One without a registry is none here: which one is meant, only the machine's
/// configuration says. A registry has a dot or a port, or is `localhost`.
pub(super) fn image_parts(whole: &str) -> Option<Image<'_>> {
    let (registry, path) = whole.split_once('/')?;
    let is_registry = registry == "localhost" || registry.contains(['.', ':']);
    if !is_registry || whole.contains("://") || whole.starts_with("pkg:") || path.is_empty() {
        return None;
    }
    let tag = path.rsplit_once(':').map(|(_, tag)| tag).filter(|tag| !tag.is_empty() && !tag.contains('/'));
    let repository = tag.and_then(|tag| whole.strip_suffix(tag)?.strip_suffix(':')).unwrap_or(whole);
    Some(Image { whole, registry, repository, tag })
}

/// Says why no statement was made.
pub(in crate::cli) fn unmade(error: &MakeError, file: Option<&Path>) -> Failure {
    let place = file.map_or_else(String::new, |path| format!("{}: ", path.display()));
    let failure = |word, hint: &str| Failure::usage(word, format!("{place}{error}")).hint(hint);
    match error {
        MakeError::NoSubject => {
            failure("no_subject", "name what it is about: --subject FILE, or --subject sha256:<hex>")
        }
        MakeError::Json(_) => {
            failure("bad_predicate", "what is signed must read the same for everybody: fix the file")
        }
        MakeError::NotAnSbom { .. } => failure(
            "not_an_sbom",
            "custody record generic --type URI --predicate FILE records any other JSON document",
        ),
        MakeError::NotAScan { .. } => failure(
            "not_a_scan",
            "custody record generic --type URI --predicate FILE records any other JSON document",
        ),
        MakeError::NotWhole { .. } => failure(
            "scan_not_whole",
            "run the scanner again; custody record generic keeps a report that nothing is read from",
        ),
        MakeError::TooMany { .. } => failure("too_many", "record it in parts, each with some of them"),
        MakeError::Relayed(_) => failure(
            "bad_statement",
            "what is signed must read the same for everybody: record its predicate with --type and --predicate",
        ),
        MakeError::Administrative { .. } => failure(
            "administrative",
            "custody trust propose and custody trust sign change who may record what",
        ),
        MakeError::Statement(_) => {
            failure("bad_statement", "correct the subjects, the type or the predicate that were given")
        }
    }
}

/// Checks a name that did not come through clap.
pub(super) fn name(flag: &str, text: &str) -> Result<Name, Failure> {
    text.parse()
        .map_err(|error| Failure::usage("bad_name", format!("{flag}: {error}")).hint("give another name"))
}

fn file(path: &Path, context: &Context) -> Result<Subject, Failure> {
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bar = context.output.bytes_bar("hashing", length);
    let digests = FileDigests::of(path, |read| bar.inc(read)).map_err(|error| {
        Failure::usage("no_file", format!("{error}: {}", error.source))
            .hint("a subject is a file, or a digest such as sha256:<hex>")
    })?;
    bar.finish_and_clear();
    Ok(Subject::of_file(path, &digests))
}

#[cfg(test)]
mod tests {
    use super::{image_parts, is_uri};

    #[test]
    fn an_image_reference_has_a_registry_or_is_none() {
        let parts = |text| image_parts(text).map(|image| (image.registry, image.repository, image.tag));
        for (text, expected) in [
            ("ghcr.io/acme/api:1.2", ("ghcr.io", "ghcr.io/acme/api", Some("1.2"))),
            ("ghcr.io/acme/api", ("ghcr.io", "ghcr.io/acme/api", None)),
            ("localhost/api:x", ("localhost", "localhost/api", Some("x"))),
            ("r:5000/api", ("r:5000", "r:5000/api", None)),
            ("r:5000/a/b:c", ("r:5000", "r:5000/a/b", Some("c"))),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
        for other in
            ["", "alpine:3", "library/alpine:3", "pkg:npm/a@1", "https://x.y/z:1", "app.tar.gz", "x.y/"]
        {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn a_predicate_type_is_a_uri() {
        for uri in [
            "https://example.com/x/v1",
            "https://example.com/x/v1?a=b#c",
            "urn:custody:source:v1",
            "x:y",
            "a+b-c.d1:%C3%A9",
        ] {
            assert!(is_uri(uri), "{uri}");
        }
        for other in [
            "",
            "x",
            "x/v1",
            ":x",
            "x:",
            "1x:y",
            "x y:z",
            "x:y z",
            "x:y\n",
            "x:\u{e9}",
            "x:<y>",
            "-x:y",
            "example.com/x",
        ] {
            assert!(!is_uri(other), "{other:?}");
        }
    }
}
