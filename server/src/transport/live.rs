//! Questions about what runs, between messages and values.

use custody_evidence::digest_set::Digest;
use custody_evidence::environment::{From, Window};
use custody_evidence::fact::Package;
use custody_evidence::predicate::Name;
use custody_log::Timestamp;
use custody_wire::convert::{node, node_to_wire};
use custody_wire::limits::{
    ENVIRONMENT_ENTRIES_MAX, ENVIRONMENT_PARTS_MAX, ENVIRONMENTS_MAX, EVIDENCE_ARTIFACTS_MAX,
    EVIDENCE_LIMIT_MAX, IMPACT_PAGE_MAX, IMPACT_PARTS_MAX, MESSAGE_BYTES_MAX, RESOLVE_NODES_MAX,
};
use custody_wire::v1;
use custody_wire::v1::environment_request;
use custody_wire::{Reason, Refusal};

use super::query::time;
use super::status;
use crate::query::about::{ARTIFACTS_MAX, LIMIT_MAX};
use crate::query::environment::{ENTRIES_MAX, PARTS_BYTES_MAX, PARTS_MAX};
use crate::query::impact::{self, Of};
use crate::query::{self, About, Environment, Environments, Impact, Impacted};

// A client counts what it asks for, and what comes before it reads it.
const _: () = assert!(ARTIFACTS_MAX == EVIDENCE_ARTIFACTS_MAX);
const _: () = assert!(ENTRIES_MAX == ENVIRONMENT_ENTRIES_MAX && PARTS_MAX == ENVIRONMENT_PARTS_MAX);
const _: () = assert!(query::environments::ENVIRONMENTS_MAX == ENVIRONMENTS_MAX);
const _: () = assert!(impact::PAGE_MAX == IMPACT_PAGE_MAX && impact::PARTS_MAX == IMPACT_PARTS_MAX);
const _: () = assert!(impact::PAGE_BYTES_MAX < MESSAGE_BYTES_MAX / 2);
// 20,000 entries that were erased have but their numbers.
const _: () = assert!(PARTS_BYTES_MAX + 2 * 10 * ENTRIES_MAX < MESSAGE_BYTES_MAX / 2);

/// Reads which environment is asked about, and which stretch of time.
pub(super) fn to_window(request: &v1::EnvironmentRequest) -> Result<(Name, Window), Refusal> {
    let name = request.environment.parse::<Name>();
    let name = name.map_err(|error| Refusal::new(Reason::InvalidField, format!("environment: {error}")))?;
    let from = match request.from {
        None | Some(environment_request::From::FromFirst(false)) => From::End,
        Some(environment_request::From::FromMicros(micros)) => From::Time(time("from_micros", micros)?),
        Some(environment_request::From::FromSteps(steps)) => {
            From::Steps(usize::try_from(steps).unwrap_or(usize::MAX))
        }
        Some(environment_request::From::FromFirst(true)) => From::First,
    };
    let until = request.until_micros.map(|micros| time("until_micros", micros)).transpose()?;
    Ok((name, Window { from, until }))
}

/// Reads which artifacts are asked about, and that not too much of them is.
pub(super) fn to_artifacts(request: &v1::EvidenceRequest) -> Result<Vec<Digest>, Refusal> {
    let refused = |message: String| Refusal::new(Reason::InvalidField, message);
    if request.artifacts.is_empty() || request.artifacts.len() > ARTIFACTS_MAX {
        let found = request.artifacts.len();
        return Err(refused(format!("artifacts: 1 to {ARTIFACTS_MAX} digests, found {found}")));
    }
    if usize::try_from(request.limit).is_ok_and(|limit| limit > LIMIT_MAX) {
        return Err(refused(format!("limit: at most {EVIDENCE_LIMIT_MAX}, found {}", request.limit)));
    }
    let artifacts = request.artifacts.iter().map(|artifact| artifact.parse::<Digest>());
    artifacts.collect::<Result<_, _>>().map_err(|error| refused(format!("artifacts: {error}")))
}

/// Reads of what the impact is asked.
pub(super) fn to_impact(request: &v1::ImpactRequest) -> Result<Impact, Refusal> {
    let refused = |message: String| Refusal::new(Reason::InvalidField, message);
    let moment = |field, micros: Option<i64>| micros.map(|micros| time(field, micros)).transpose();
    let of = match (request.nodes.as_slice(), request.component.as_str()) {
        ([], "") => return Err(refused("nodes: give some, or a component".to_owned())),
        ([], component) => {
            Of::Package(Package::parse(component).map_err(|error| refused(format!("component: {error}")))?)
        }
        (nodes, "") if nodes.len() <= RESOLVE_NODES_MAX => {
            let nodes = nodes.iter().map(|wire| node("nodes", wire)).collect::<Result<_, _>>();
            Of::Nodes(nodes.map_err(status::field)?)
        }
        (nodes, "") => {
            return Err(refused(format!("nodes: at most {RESOLVE_NODES_MAX}, found {}", nodes.len())));
        }
        (_, _) => return Err(refused("give nodes or a component, not both".to_owned())),
    };
    let (since, until) =
        (moment("since_micros", request.since_micros)?, moment("until_micros", request.until_micros)?);
    let after = usize::try_from(request.after).ok().filter(|after| *after <= IMPACT_PARTS_MAX);
    let too_far = || refused(format!("after: at most {IMPACT_PARTS_MAX}, found {}", request.after));
    Ok(Impact { of, since, until, after: after.ok_or_else(too_far)? })
}

/// Writes everything that came from a thing.
pub(super) fn from_impact(found: &Impacted, as_of: v1::AsOf) -> v1::ImpactResponse {
    let edges = found.edges.iter().map(|found| v1::Edge {
        from: Some(node_to_wire(&found.edge.from, None)),
        to: Some(node_to_wire(&found.edge.to, None)),
        kind: found.edge.kind.as_str().to_owned(),
        entry: found.entry.get(),
        status: String::new(),
        claimed_micros: found.claimed.map_or(0, Timestamp::as_micros),
    });
    let signed = found.signed.iter().map(|(entry, subject)| v1::SignedSubject {
        entry: entry.get(),
        subject: Some(node_to_wire(subject, None)),
    });
    v1::ImpactResponse {
        edges: edges.collect(),
        signed: signed.collect(),
        as_of: Some(as_of),
        truncated: found.truncated,
        redacted: found.redacted.iter().map(|index| index.get()).collect(),
        next: count(found.next.unwrap_or(0)),
        begins: found.begins,
        ends: found.ends,
        ahead: found.is_ahead,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Writes the environments that are known.
pub(super) fn from_environments(found: &Environments, as_of: v1::AsOf) -> v1::EnvironmentsResponse {
    let known = found.known.iter();
    let known =
        known.map(|(name, entry)| v1::KnownEnvironment { name: name.to_string(), entry: entry.get() });
    v1::EnvironmentsResponse { environments: known.collect(), as_of: Some(as_of), truncated: found.truncated }
}

/// Writes the records from which an answer about an environment follows.
pub(super) fn from_environment(found: &Environment, as_of: v1::AsOf) -> v1::EnvironmentResponse {
    let parts = found.needed.parts.iter().map(|part| v1::EnvironmentPart {
        entry: part.entry.get(),
        digest: part.digest.to_string(),
        workload: part.workload.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    v1::EnvironmentResponse {
        whole: found.needed.whole.iter().map(|entry| entry.get()).collect(),
        parts: parts.collect(),
        as_of: Some(as_of),
        known_from_micros: found.known_from.map(Timestamp::as_micros),
        truncated: found.truncated,
        redacted: found.redacted.iter().map(|entry| entry.get()).collect(),
    }
}

/// Writes what is recorded of each artifact.
pub(super) fn from_about(about: &[About], as_of: v1::AsOf) -> v1::EvidenceResponse {
    let of = |about: &About| v1::EvidenceOf {
        indexes: about.indexes.iter().map(|index| index.get()).collect(),
        more: about.more,
    };
    v1::EvidenceResponse { artifacts: about.iter().map(of).collect(), as_of: Some(as_of) }
}
