//! What provenance says was built: which repository, branch and commit, by which builder. All of it is claimed.

use custody_evidence::Digest;
use custody_evidence::predicate::{Provenance, slsa_v1, slsa_v02};
use custody_evidence::repository::Repository;
use custody_evidence::statement::Descriptor;

use crate::evidence::Entry;

/// The predicate types of provenance.
pub(super) const PROVENANCE: [&str; 2] = [slsa_v1::TYPE, slsa_v02::TYPE];

/// What provenance names as its source, and who built it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Built {
    /// Every repository that it calls the source: in its parameters, and as where the source came from.
    pub(super) repositories: Vec<Repository>,
    /// A name of the source that is no repository.
    pub(super) unreadable: bool,
    pub(super) reference: Option<String>,
    /// `gitCommit:<hex>`
    pub(super) commit: Option<Digest>,
    pub(super) builder: Option<String>,
}

impl Built {
    /// Reads it; none if the entry is no provenance that can be read.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let bytes = entry.predicate.as_deref()?;
        let provenance = match entry.predicate_type.as_str() {
            slsa_v1::TYPE => slsa_v1::decode(bytes),
            slsa_v02::TYPE => slsa_v02::decode(bytes),
            _ => return None,
        };
        provenance.ok().map(Self::from_provenance)
    }

    fn from_provenance(provenance: Provenance) -> Self {
        let source = source(&provenance);
        let uri = source.and_then(Descriptor::git_uri);
        let mut built = Self {
            reference: uri.as_ref().and_then(|uri| uri.reference().map(ToOwned::to_owned)),
            commit: source.and_then(commit),
            repositories: uri.into_iter().map(|uri| uri.repository().clone()).collect(),
            unreadable: false,
            builder: None,
        };
        for named in provenance.repository.iter().chain(&provenance.sources) {
            match Repository::parse(named) {
                Some(repository) if built.repositories.contains(&repository) => {}
                Some(repository) => built.repositories.push(repository),
                None => built.unreadable = true,
            }
        }
        built.builder = provenance.builder;
        built
    }
}

/// Returns where the source came from: the configuration, or else the first dependency that is a repository.
fn source(provenance: &Provenance) -> Option<&Descriptor> {
    let config = provenance.config.iter().map(|(_, config)| config);
    let dependencies = provenance.dependencies.iter().map(|(_, dependency)| dependency);
    config.chain(dependencies).find(|descriptor| descriptor.git_uri().is_some())
}

fn commit(descriptor: &Descriptor) -> Option<Digest> {
    let found = descriptor.usable().find(|digest| digest.commit_hex().is_some());
    let named = || {
        let uri = descriptor.git_uri()?;
        Digest::read("gitCommit", uri.commit()?).ok()
    };
    found.or_else(named)
}
