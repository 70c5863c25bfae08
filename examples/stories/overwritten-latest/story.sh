#!/usr/bin/env bash
# The overwritten latest: README.md beside it tells what happens.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
set_the_stage
image=ghcr.io/acme/api:latest

chapter "A release goes the way that it should: built, let pass by staging's gate, run there"
policy "$root/examples/policies/ci-only.yaml"
policy "$root/examples/policies/promotion.yaml"
released=sha256:$(printf 'api 1.4.0' | sha256sum | cut -d' ' -f1)
job release.yml custody record build --subject "$image@$released"
well
job release.yml custody record publication --subject "$image@$released"
well
job watch.yml custody record tag --subject "$image@$released"
well
job deploy.yml custody gate ci-only "$released" --environment staging --record
allowed
job deploy.yml custody record deploy --environment staging --workload api --subject "$image@$released"
well

chapter "A quiet week: the watcher looks again, and there is nothing to tell"
job watch.yml custody record tag --subject "$image@$released"
well
by admin custody findings
well
[ -z "$said" ] || wrong "expected no finding, found: $said"

chapter "A developer pushes a debug build from her laptop, and it becomes latest"
debug=sha256:$(printf 'api 1.4.0 with debug symbols' | sha256sum | cut -d' ' -f1)
tell "The registry's webhook records who pushed what; the watcher looks what the tag means."
job watch.yml custody record publication --subject "${image%:*}:debug@$debug" --actor dora@acme.example
well
job watch.yml custody record tag --subject "$image@$debug"
well

chapter "The finding names the tag, what it meant, what it means, and who moved it"
by admin custody findings
well 20
has "latest: $debug of ${image%:*} went out without provenance, published by dora@acme.example"
has "$image meant $released before"

chapter "Whoever deploys latest asks the gate for its digest. It never passed staging"
job deploy.yml custody gate promotion "$debug" --environment prod
denied
has 'FAIL +staging.passed'
has 'FAIL +staging.ran'
tell "A tag is not judged at all: it says nothing about bytes."
job deploy.yml custody gate promotion "$image" --environment prod
refused "digest" 2

chapter "The way is by digest: the one that ran in staging goes to prod"
job deploy.yml custody gate promotion "$released" --environment prod --record
allowed
job deploy.yml custody record promotion --from staging --to prod --subject "$image@$released"
well
job deploy.yml custody record deploy --environment prod --workload api --subject "$image@$released"
well
by admin custody env show prod
well 6
has "${released:0:15}"
lacks "${debug:0:15}"
told "the move was found and named, the debug build refused, the release promoted by its digest"
