//! What runs in a Kubernetes cluster: the pods as `kubectl get pods --all-namespaces --output json` prints them.
//!
//! A container runs unless it has ended; init and ephemeral containers are containers like the others. What it runs is
//! in `imageID`, whose digest the node has from the registry. A container without one is not passed over: a snapshot that
//! lacks it is not whole, and the user must know.

use std::collections::BTreeMap;

use custody_evidence::digest_set::Digest;
use custody_evidence::json::{self, JsonError};
use serde::Deserialize;

/// The largest list of pods: a pod is some 10 KiB of JSON, so 25,000 of them.
pub const FILE_MAX: u64 = 256 * 1024 * 1024;

/// The pods of a cluster, or of a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods {
    /// Containers that run, in the list's order.
    pub containers: Vec<Container>,
    /// Containers whose image is not known, a line each: `shop/api-5f7d, container app: no imageID`.
    pub unknown: Vec<String>,
}

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// What it runs as, by the name that stays over versions: `shop/api`.
    pub workload: String,
    /// The image, as a reference without digest; may be empty.
    pub image: String,
    /// Its digest. For an image that never was in a registry, that of its configuration.
    pub digest: Digest,
}

/// Why no pods were read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PodsError {
    /// Not JSON, or not of the shape of pods.
    #[error("expected pods in JSON: {0}")]
    Json(#[from] JsonError),
    /// Something else than pods.
    #[error("expected a list of pods (kind List or PodList) or one (kind Pod), found {found}")]
    Kind {
        /// The kind, or that there is none.
        found: String,
    },
    /// One page of several: all that runs is not in it.
    #[error("the list is not whole: the server has more pages of it")]
    Page,
}

#[derive(Deserialize)]
struct Kinded {
    #[serde(default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: Option<ListMeta>,
    items: Vec<Pod>,
}

#[derive(Deserialize)]
struct ListMeta {
    #[serde(rename = "continue", default)]
    more: Option<String>,
}

#[derive(Deserialize)]
struct Pod {
    #[serde(default)]
    kind: Option<String>,
    metadata: Meta,
    #[serde(default)]
    spec: Option<Spec>,
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    kind: String,
    name: String,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    node_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    init_container_statuses: Option<Vec<ContainerStatus>>,
    #[serde(default)]
    container_statuses: Option<Vec<ContainerStatus>>,
    #[serde(default)]
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Deserialize)]
struct ContainerStatus {
    name: String,
    #[serde(default)]
    image: Option<String>,
    #[serde(rename = "imageID", default)]
    image_id: Option<String>,
    #[serde(default)]
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    terminated: Option<serde::de::IgnoredAny>,
}

/// Reads a list of pods, or one.
pub fn read(bytes: &[u8]) -> Result<Pods, PodsError> {
    let kinded: Kinded = json::from_unsigned_slice(bytes)?;
    let list = match kinded.kind.as_deref() {
        Some("List" | "PodList") => json::from_unsigned_slice(bytes)?,
        Some("Pod") => List { metadata: None, items: vec![json::from_unsigned_slice(bytes)?] },
        Some(other) => return Err(kind(format!("kind {:?}", other.chars().take(80).collect::<String>()))),
        None => return Err(kind("no kind".to_owned())),
    };
    if list.metadata.and_then(|metadata| metadata.more).is_some_and(|more| !more.is_empty()) {
        return Err(PodsError::Page);
    }
    let mut pods = Pods::default();
    for (at, pod) in list.items.iter().enumerate() {
        if let Some(other) = pod.kind.as_deref().filter(|kind| *kind != "Pod") {
            return Err(kind(format!(
                "kind {:?} in items[{at}]",
                other.chars().take(80).collect::<String>()
            )));
        }
        pods.take(pod);
    }
    Ok(pods)
}

const fn kind(found: String) -> PodsError {
    PodsError::Kind { found }
}

impl Pods {
    fn take(&mut self, pod: &Pod) {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
        let place = format!("{namespace}/{}", pod.metadata.name);
        let Some(status) = &pod.status else {
            self.unknown.push(format!("{place}: no status"));
            return;
        };
        let lists = [
            &status.init_container_statuses,
            &status.container_statuses,
            &status.ephemeral_container_statuses,
        ];
        let mut statuses = lists.into_iter().flatten().flatten().peekable();
        // A pod that waits for a node has no containers yet; of one whose node is lost, nobody knows.
        let phase = status.phase.as_deref().unwrap_or("Unknown");
        if statuses.peek().is_none() && !matches!(phase, "Pending" | "Succeeded" | "Failed") {
            self.unknown.push(format!("{place}: no containers in its status"));
        }
        let workload = format!("{namespace}/{}", workload(pod));
        for status in statuses.filter(|status| !has_ended(status)) {
            match image(status) {
                Ok((image, digest)) => {
                    self.containers.push(Container { workload: workload.clone(), image, digest });
                }
                Err(why) => self.unknown.push(format!("{place}, container {}: {why}", status.name)),
            }
        }
    }
}

fn has_ended(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.terminated.is_some())
}

/// Reads `ghcr.io/acme/api@sha256:<hex>`, with or without the scheme of the container runtime, or `sha256:<hex>` of an
/// image that the node did not get from a registry.
fn image(status: &ContainerStatus) -> Result<(String, Digest), String> {
    let id = status.image_id.as_deref().unwrap_or_default();
    if id.is_empty() {
        return Err("no imageID".to_owned());
    }
    let id = id.split_once("://").map_or(id, |(_, id)| id);
    let (image, digest) = id.rsplit_once('@').unwrap_or((status.image.as_deref().unwrap_or_default(), id));
    match digest.parse::<Digest>() {
        Ok(digest) if digest.usable() => Ok((image.to_owned(), digest)),
        Ok(_) | Err(_) => Err(format!("imageID {:?} is no digest", id.chars().take(120).collect::<String>())),
    }
}

/// Returns the name of what made the pod: of a deployment and not of its replica set, of a cron job and not of one job.
fn workload(pod: &Pod) -> String {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)).or(owners.first()) else {
        return pod.metadata.name.clone();
    };
    let without = |name: &str, end: Option<&str>| {
        let stripped = end.and_then(|end| name.strip_suffix(end)?.strip_suffix('-'));
        stripped.unwrap_or(name).to_owned()
    };
    match owner.kind.as_str() {
        "ReplicaSet" => {
            let labels = pod.metadata.labels.as_ref();
            without(
                &owner.name,
                labels.and_then(|labels| labels.get("pod-template-hash")).map(String::as_str),
            )
        }
        // A cron job names its jobs by the minute since 1970.
        "Job" => {
            let minute = owner.name.rsplit_once('-').map(|(_, minute)| minute);
            let is_minute = |text: &&str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
            without(&owner.name, minute.filter(is_minute))
        }
        // A static pod is named after its node.
        "Node" => without(&pod.metadata.name, pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())),
        _ => owner.name.clone(),
    }
}

#[cfg(test)]
mod tests;
