use super::*;

fn hex(digit: &str) -> String {
    digit.repeat(64)
}

/// A pod with one container in each of its lists.
fn pod(name: &str, more: &str, statuses: &str) -> String {
    format!(
        "{{\"kind\":\"Pod\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"shop\"{more}}},\
         \"spec\":{{\"nodeName\":\"node-1\"}},\"status\":{{\"phase\":\"Running\",{statuses}}}}}"
    )
}

fn status(name: &str, image_id: &str, state: &str) -> String {
    format!(
        "{{\"name\":\"{name}\",\"image\":\"acme/{name}:1\",\"imageID\":\"{image_id}\",\"state\":{{\"{state}\":{{}}}}}}"
    )
}

fn one(image_id: &str) -> String {
    format!("\"containerStatuses\":[{}]", status("app", image_id, "running"))
}

fn list(pods: &[String]) -> Pods {
    let text = format!("{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{}]}}", pods.join(","));
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(pods: &Pods) -> Vec<String> {
    pods.containers.iter().map(|c| format!("{} {} {}", c.workload, c.image, c.digest)).collect()
}

fn owner(kind: &str, name: &str, more: &str) -> String {
    let owner = format!("{{\"kind\":\"{kind}\",\"name\":\"{name}\",\"controller\":true}}");
    format!(",\"ownerReferences\":[{{\"kind\":\"Other\",\"name\":\"x\"}},{owner}]{more}")
}

#[test]
fn an_image_id_is_read_whatever_the_runtime_writes() {
    for (id, image) in [
        (format!("docker-pullable://ghcr.io/acme/app@sha256:{}", hex("a")), "ghcr.io/acme/app"),
        (format!("ghcr.io/acme/app@sha256:{}", hex("a")), "ghcr.io/acme/app"),
        (format!("localhost:5000/app@sha256:{}", hex("a")), "localhost:5000/app"),
        (format!("docker://sha256:{}", hex("a")), "acme/app:1"),
        (format!("sha256:{}", hex("a")), "acme/app:1"),
    ] {
        let pods = list(&[pod("app", "", &one(&id))]);
        assert_eq!(shown(&pods), [format!("shop/app {image} sha256:{}", hex("a"))], "{id}");
        assert!(pods.unknown.is_empty());
    }
}

#[test]
fn what_is_not_known_is_said_and_never_passed_over() {
    for id in ["", "ghcr.io/acme/app:1", "sha256:00", "docker-pullable://", "app@md5:0", "sha1:x"] {
        let pods = list(&[pod("app", "", &one(id))]);
        assert!(pods.containers.is_empty(), "{id}");
        let said = if id.is_empty() { "no imageID" } else { "is no digest" };
        assert!(
            pods.unknown[0].starts_with("shop/app, container app: ") && pods.unknown[0].ends_with(said),
            "{id}"
        );
    }
    let bare = |status: &str| format!("{{\"kind\":\"Pod\",\"metadata\":{{\"name\":\"p\"}}{status}}}");
    for (status, said) in [
        ("", "default/p: no status"),
        (",\"status\":{\"phase\":\"Running\"}", "default/p: no containers in its status"),
        (",\"status\":{\"phase\":\"Unknown\"}", "default/p: no containers in its status"),
        (",\"status\":{}", "default/p: no containers in its status"),
    ] {
        assert_eq!(list(&[bare(status)]).unknown, [said]);
    }
    for phase in ["Pending", "Succeeded", "Failed"] {
        let pods = list(&[bare(&format!(",\"status\":{{\"phase\":\"{phase}\"}}"))]);
        assert_eq!(pods, Pods::default(), "{phase}");
    }
}

#[test]
fn containers_of_all_kinds_run_until_they_end() {
    let id = |digit: &str| format!("r/x@sha256:{}", hex(digit));
    let statuses = format!(
        "\"initContainerStatuses\":[{},{}],\"containerStatuses\":[{},{}],\"ephemeralContainerStatuses\":[{}]",
        status("ended", &id("1"), "terminated"),
        status("sidecar", &id("2"), "running"),
        status("app", &id("3"), "running"),
        status("crashing", &id("4"), "waiting"),
        status("debugger", &id("5"), "running"),
    );
    let pods = list(&[pod("app", "", &statuses)]);
    let digits: Vec<&str> = pods.containers.iter().map(|container| &container.digest.value()[..1]).collect();
    assert_eq!(digits, ["2", "3", "4", "5"]);
}

#[test]
fn a_workload_has_the_name_that_stays() {
    let hash = ",\"labels\":{\"pod-template-hash\":\"7d9f8b6c5d\"}";
    for (name, more, workload) in [
        ("api-7d9f8b6c5d-x2v4q", owner("ReplicaSet", "api-7d9f8b6c5d", hash), "api"),
        ("api-7d9f8b6c5d-x2v4q", owner("ReplicaSet", "api-7d9f8b6c5d", ""), "api-7d9f8b6c5d"),
        ("api-x", owner("ReplicaSet", "my-set", hash), "my-set"),
        ("db-0", owner("StatefulSet", "db", ""), "db"),
        ("log-abcde", owner("DaemonSet", "log", ""), "log"),
        ("backup-29391840-abcde", owner("Job", "backup-29391840", ""), "backup"),
        ("migrate-2-abcde", owner("Job", "migrate-2", ""), "migrate-2"),
        ("etcd-node-1", owner("Node", "node-1", ""), "etcd"),
        ("by-hand", String::new(), "by-hand"),
        ("rollout-x", owner("Rollout", "rollout", ""), "rollout"),
    ] {
        let pods = list(&[pod(name, &more, &one(&format!("sha256:{}", hex("a"))))]);
        assert_eq!(pods.containers[0].workload, format!("shop/{workload}"), "{name} {more}");
    }
}

#[test]
fn what_is_no_list_of_pods_is_refused_with_what_it_is() {
    for (text, said) in [
        ("{\"kind\":\"DeploymentList\",\"items\":[]}", "found kind \"DeploymentList\""),
        ("{\"items\":[]}", "found no kind"),
        (
            "{\"kind\":\"List\",\"items\":[{\"kind\":\"Service\",\"metadata\":{\"name\":\"x\"}}]}",
            "found kind \"Service\" in items[0]",
        ),
        ("{\"kind\":\"List\"}", "items"),
        ("{\"kind\":\"List\",\"items\":[{}]}", "metadata"),
        ("{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"abc\"},\"items\":[]}", "the list is not whole"),
        ("[]", "kind"),
        ("NAME READY\napp 1/1\n", "expected"),
        ("", "the text ends"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    let empty = read(b"{\"kind\":\"PodList\",\"metadata\":{\"continue\":\"\"},\"items\":[]}").unwrap();
    assert_eq!(empty, Pods::default());
    let single = pod("app", "", &one(&format!("sha256:{}", hex("a"))));
    assert_eq!(read(single.as_bytes()).unwrap().containers.len(), 1);
}
