//! Which entries are meant: the flags that `find` and `watch` share.

use std::ffi::{OsStr, OsString};

use custody_client::Ledger;
use custody_client::ledger::{At, Condition};
use custody_evidence::fact::Field;

use super::condition::{conditions, digest, subject};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::things::{Target, file_digests, resolve};

/// The most questions that the subjects and predicate types of one search may make: each is a call.
const QUESTIONS_MAX: usize = 64;

/// Conditions that entries must meet, all of them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Statements about this THING: a digest, or a file.
    #[arg(long, value_name = "THING")]
    subject: Vec<OsString>,
    /// Statements that name this commit: its hex, or REPOSITORY@HEX.
    #[arg(long)]
    commit: Vec<String>,
    /// Statements that name this repository.
    #[arg(long)]
    repo: Vec<String>,
    /// Statements that name this CI run, by URL.
    #[arg(long, value_name = "URL")]
    run: Vec<String>,
    /// Statements that name this builder.
    #[arg(long)]
    builder: Vec<String>,
    /// Entries that this key or identity signed: `key:<hex>`, or `<issuer>#<subject>`.
    #[arg(long, value_name = "KEY|IDENTITY")]
    signer: Vec<String>,
    /// Entries that this identity submitted.
    #[arg(long, value_name = "IDENTITY")]
    submitter: Vec<String>,
    /// Statements that name this person or service: who reviewed, approved, published, received.
    #[arg(long, value_name = "NAME")]
    identity: Vec<String>,
    /// Statements of this predicate type: its URI, or a short name such as `approval`.
    #[arg(long, value_name = "URI")]
    predicate: Vec<String>,
    /// Statements that name this package: in one version (`pkg:npm/axios@1.14.1`), in a range (`pkg:npm/axios@>=1.14.1 <1.15`),
    /// or in any. A version that cannot be compared with the range is listed, and told.
    #[arg(long, value_name = "PURL")]
    component: Vec<String>,
    /// Statements that name this vulnerability.
    #[arg(long, value_name = "ID")]
    vulnerability: Vec<String>,
    /// Statements that name this environment.
    #[arg(long)]
    environment: Vec<String>,
    /// Statements that name this branch, tag or other mutable name.
    #[arg(long)]
    r#ref: Vec<String>,
    /// Statements that name this secret.
    #[arg(long)]
    secret: Vec<String>,
}

impl Filter {
    /// Checks what can be checked before a server is asked.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.conditions().map(drop)
    }

    /// Returns the conditions of each way in which subjects and short names can be meant: what meets all of one of them is asked for.
    /// Subjects are looked up as of then.
    pub(crate) async fn ways(
        &self,
        ledger: &mut Ledger,
        at: At,
        context: &Context,
    ) -> Result<Vec<Vec<Condition>>, Failure> {
        let mut each = self.conditions()?;
        for text in &self.subject {
            each.push(subject_conditions(ledger, text, at, context).await?);
        }
        let mut ways = vec![Vec::new()];
        for alternatives in each {
            let with =
                |way: &Vec<Condition>, one: &Condition| [way.as_slice(), std::slice::from_ref(one)].concat();
            ways = ways.iter().flat_map(|way| alternatives.iter().map(move |one| with(way, one))).collect();
            if ways.len() > QUESTIONS_MAX {
                return Err(too_many(ways.len()));
            }
        }
        Ok(ways)
    }

    /// The same before there is anything to look up: a file is meant by its digests, whether or not it was recorded.
    pub(crate) async fn ways_to_come(
        &self,
        ledger: &mut Ledger,
        context: &Context,
    ) -> Result<Vec<Vec<Condition>>, Failure> {
        let mut known = self.clone();
        let mut alternatives = Vec::new();
        known.subject.clear();
        for typed in &self.subject {
            match file_digests(typed, context)? {
                Some(digests) => alternatives.push(digests),
                None => known.subject.push(typed.clone()),
            }
        }
        let mut ways = known.ways(ledger, At::Newest, context).await?;
        for digests in alternatives {
            let conditions: Vec<Condition> = digests
                .iter()
                .filter_map(|text| digest(text).transpose())
                .collect::<Result<Vec<_>, _>>()?
                .concat();
            let with =
                |way: &Vec<Condition>, one: &Condition| [way.as_slice(), std::slice::from_ref(one)].concat();
            ways = ways.iter().flat_map(|way| conditions.iter().map(move |one| with(way, one))).collect();
            if ways.len() > QUESTIONS_MAX {
                return Err(too_many(ways.len()));
            }
        }
        Ok(ways)
    }

    /// Reads the conditions, but for `--subject`: of each, one must hold.
    fn conditions(&self) -> Result<Vec<Vec<Condition>>, Failure> {
        let fields = [
            (Field::Commit, &self.commit),
            (Field::Repository, &self.repo),
            (Field::Run, &self.run),
            (Field::Builder, &self.builder),
            (Field::Signer, &self.signer),
            (Field::Submitter, &self.submitter),
            (Field::Identity, &self.identity),
            (Field::Predicate, &self.predicate),
            (Field::Component, &self.component),
            (Field::Vulnerability, &self.vulnerability),
            (Field::Environment, &self.environment),
            (Field::Ref, &self.r#ref),
            (Field::Secret, &self.secret),
        ];
        let each =
            fields.into_iter().flat_map(|(field, values)| values.iter().map(move |value| (field, value)));
        each.map(|(field, value)| conditions(field, value)).collect()
    }
}

fn too_many(ways: usize) -> Failure {
    Failure::usage(
        "bad_condition",
        format!(
            "--subject and --predicate: {ways} digests, documents and types in all, at most {QUESTIONS_MAX} can be asked for"
        ),
    )
    .hint("name fewer subjects, by a digest instead of a file, or a predicate type by its URI")
}

/// Returns what a subject can be: the same bytes have several digests, and may be a document. What is no digest is
/// resolved like any THING.
async fn subject_conditions(
    ledger: &mut Ledger,
    typed: &OsStr,
    at: At,
    context: &Context,
) -> Result<Vec<Condition>, Failure> {
    if let Some(conditions) = typed.to_str().map(digest).transpose()?.flatten() {
        return Ok(conditions);
    }
    match resolve(ledger, typed, at, context).await? {
        Target::Nodes(nodes) => nodes.iter().map(subject).collect(),
        Target::Entry(index) => {
            Err(Failure::usage("bad_condition", format!("--subject: entry {index} is no subject"))
                .hint(format!("`custody show index:{index}` lists its subjects")))
        }
    }
}
