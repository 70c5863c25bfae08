#!/usr/bin/env bash
# The harmless internal image: README.md beside it tells what happens.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
need crane docker-registry htpasswd
set_the_stage

# A real registry on loopback, which wants a password. Who has it: WHO...
registry() {
  mkdir -p "$stage/registry"
  local password who
  password=$(openssl rand -hex 16)
  htpasswd -B -b -c "$stage/registry/users" ci "$password" 2>/dev/null
  cat >"$stage/registry/config.yml" <<YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $stage/registry/data}}
auth: {htpasswd: {realm: acme, path: $stage/registry/users}}
http: {addr: "127.0.0.1:0"}
YAML
  start 'listening on 127\.0\.0\.1:[0-9]+' docker-registry serve "$stage/registry/config.yml"
  tool=${found#listening on }/internal/tool:1.4.2
  for who in "$@"; do
    run_as "$who" -- crane auth login "${tool%%/*}" --username ci --password "$password" 2>/dev/null
  done
}

# An image with one file is pushed by somebody: WHO TEXT
push() {
  printf '%s\n' "$2" >"$stage/app"
  tar --create --file "$stage/files/layer.tar" --directory "$stage" app
  perform "$1" -- crane append --insecure --new_layer layer.tar --new_tag "$tool"
}

chapter "CI builds the internal image, pushes it, and records what it pushed: a digest"
registry release.yml deploy.yml thief
policy "$root/examples/policies/ci-only.yaml"
push stranger 'a tool of nobody'
[ "$code" -ne 0 ] || wrong "the registry let a stranger push"
tell "Without the password the registry takes nothing."
push release.yml 'the tool that everybody has'
well
perform release.yml -- crane digest --insecure "$tool"
well
good=$said
job release.yml custody record build --subject "$tool@$good"
well
job release.yml custody record publication --subject "$tool@$good"
well

chapter "The gate lets it pass, and it runs"
job deploy.yml custody gate ci-only "$good" --environment prod
allowed
job deploy.yml custody record deploy --environment prod --workload tool --subject "$tool@$good"
well

chapter "A thief has the password for pushing. He replaces the image, under the same tag"
push thief 'the tool that everybody has, and a door'
well
perform deploy.yml -- crane digest --insecure "$tool"
well
evil=$said
[ "$good" != "$evil" ] || wrong "the tag means what it meant"

chapter "Nothing is known of its digest, so the gate says no"
job deploy.yml custody gate ci-only "$evil" --environment prod
denied
has no_evidence

chapter "One cluster pulls by tag, past the gate. The next look at what runs names the image and where"
cat >"$stage/files/pods.json" <<JSON
{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "tool-7d9f", "namespace": "default", "labels": {"app": "tool"}},
  "spec": {"containers": [{"name": "tool", "image": "$tool"}]},
  "status": {"phase": "Running", "containerStatuses": [{"name": "tool", "image": "$tool",
    "imageID": "${tool%:*}@$evil", "ready": true, "state": {"running": {"startedAt": "$(date --utc +%FT%TZ)"}}}]}}]}
JSON
job watch.yml custody record snapshot --environment prod --pods pods.json
well
by admin custody env show prod
well 6
has NONE
by admin custody coverage --environment prod
well 12
has "${evil:0:15}"
has 'no .*provenance'
told "no evidence for its digest: denied at the gate, and named where it runs"
