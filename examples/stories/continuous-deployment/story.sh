#!/usr/bin/env bash
# Full continuous deployment: README.md beside it tells what happens.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
set_the_stage

# --- the pipeline, and each of its steps for any artifact ---------------------------------------------------------------------

scan_report() { # SEVERITY TIME
  cat >"$stage/files/grype.json" <<JSON
{"matches": [{"vulnerability": {"id": "CVE-2026-0001", "severity": "$1"},
  "artifact": {"name": "axios", "version": "1.15.0", "purl": "pkg:npm/axios@1.15.0"}}],
 "descriptor": {"name": "grype", "version": "0.111.0", "timestamp": "$2"}}
JSON
}

now() { date --utc +%FT%TZ; }
# Two scans of one second are two scans.
moment() { date --utc +%FT%T.%NZ; }

# What review.yml records of the commit: that its branch is protected.
protected() {
  cat >"$stage/files/source-level.json" <<JSON
{"verifier": {"id": "https://github.com/acme/api/.github/workflows/review.yml"}, "timeVerified": "$(now)",
 "resourceUri": "git+https://github.com/acme/api", "policy": {"uri": "https://github.com/acme/api/settings/branches"},
 "verificationResult": "PASSED", "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"]}
JSON
  job review.yml custody record generic --type https://slsa.dev/verification_summary/v1 --predicate source-level.json \
    --subject "https://github.com/acme/api@$commit"
  well
}

# And who looked at it.
reviewed() {
  job review.yml custody record review --reviewer alice@acme.example --approved-at "$(now)"
  well
}

# What release.yml and the workflows that it calls record of an artifact: FILE
built() {
  job release.yml custody record source --allowed-signers allowed_signers
  well
  job release.yml custody record build --artifact "$1"
  well
  job release.yml custody record test --result passed --passed-test adds --subject "$1"
  well
  job release.yml custody record sbom app.cdx.json --subject "$1"
  well
  job sast.yml custody record scan sast.sarif --subject "$1"
  well
}

# Staging's gate judges it, and records what it said: FILE
staged() {
  job deploy.yml custody gate ci-only "$1" --environment staging --record
  allowed
}

scanned() {
  scan_report Low "$(moment)"
  job scan.yml custody record scan grype.json --subject "$1"
  well
}

# The release gate says no to FILE, by RULE alone, for the reason WORD.
stopped() {
  job deploy.yml custody gate release "$1" --environment prod
  denied
  has "^ +FAIL +$2:"
  has "$3"
  [ "$(grep -cE '^ +(FAIL|ERROR) ' <<<"$said")" -eq 1 ] || wrong "expected $2 alone to fail"
}

# Somebody pushes another commit.
pushed() { # MESSAGE
  echo "$1" >>"$stage/files/CHANGES"
  (
    cd "$stage/files"
    export HOME=$stage/home/carol GIT_CONFIG_NOSYSTEM=1
    git add CHANGES
    git commit --quiet --gpg-sign --message "$1"
  )
  commit=$(git -C "$stage/files" rev-parse HEAD)
  run=$((run + 1))
}

cat >"$stage/files/sast.sarif" <<'JSON'
{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "CodeQL", "semanticVersion": "2.19.3", "rules": []}}, "results": []}]}
JSON
cat >"$stage/files/app.cdx.json" <<'JSON'
{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
  {"type": "library", "name": "axios", "version": "1.15.0", "purl": "pkg:npm/axios@1.15.0", "licenses": [{"license": {"id": "MIT"}}]}]}
JSON

chapter "The release policy asks for all of it, but for people: the rule that wants an approval is excluded, by name"
policy "$root/examples/policies/ci-only.yaml"
sed -e '$aexclude: ["@people"]' "$root/examples/policies/release.yaml" >"$stage/files/release.yaml"
policy "$stage/files/release.yaml"

chapter "A signed commit is reviewed, built on a hosted runner with its own identity, analysed, scanned, and passes staging"
echo 'api 1.4.0' >"$stage/files/app-1.4.0.tar.gz"
protected
reviewed
built app-1.4.0.tar.gz
scanned app-1.4.0.tar.gz
staged app-1.4.0.tar.gz

chapter "The gate says ALLOW, and nobody was asked"
job deploy.yml custody gate release app-1.4.0.tar.gz --environment prod --record
allowed
has 'SKIP +release.approved'
job deploy.yml custody record deploy --environment prod --workload api --subject app-1.4.0.tar.gz
well

chapter "Drill 1: a step prints its own token, and the log of the run would be recorded with it"
secret=$(job_token release.yml "$run")
printf '{"log": "curl -H \\"authorization: bearer %s\\""}' "$secret" >"$stage/files/log.json"
job release.yml custody record generic --type https://acme.example/log/v1 --predicate log.json --subject app-1.4.0.tar.gz
refused "jwt"
! grep -qF "$secret" "$stage/stderr" || wrong "the refusal shows the secret"

chapter "Drill 2: a push without a review"
pushed 'Greet louder'
echo 'api 1.4.1' >"$stage/files/app-1.4.1.tar.gz"
protected
built app-1.4.1.tar.gz
scanned app-1.4.1.tar.gz
staged app-1.4.1.tar.gz
stopped app-1.4.1.tar.gz source.reviewed not_reviewed

chapter "Drill 3: the scan is skipped"
pushed 'Greet twice'
echo 'api 1.4.2' >"$stage/files/app-1.4.2.tar.gz"
protected
reviewed
built app-1.4.2.tar.gz
staged app-1.4.2.tar.gz
stopped app-1.4.2.tar.gz scan.fresh no_evidence

chapter "Drill 4: the scan is signed by somebody whom the log does not know, and then by a workflow that scans nothing"
scan_report Low "$(moment)"
by mallory custody key new --out mallory.pem
by mallory custody record scan grype.json --subject app-1.4.2.tar.gz --key mallory.pem
refused "no known key"
job nightly.yml custody record scan grype.json --subject app-1.4.2.tar.gz
well
stopped app-1.4.2.tar.gz scan.fresh wrong_signer

chapter "Drill 5: last month's clean report is recorded as if it were of today"
scan_report Low "$(date --utc --date '30 days ago' +%FT%TZ)"
job scan.yml custody record scan grype.json --subject app-1.4.2.tar.gz
well
stopped app-1.4.2.tar.gz scan.fresh too_old
has 'SOFTFAIL +history.clean'
has backdated

chapter "Drill 6: Carol builds on her laptop, and uploads it"
echo 'api 1.4.2, from my laptop' >"$stage/files/laptop.tar.gz"
by carol custody key new --out carol.pem
by carol custody record build --artifact laptop.tar.gz --builder-id https://laptop.example/carol --build-type https://laptop.example/make \
  --run-url https://laptop.example/1 --key carol.pem
refused "no known key"
job deploy.yml custody gate release laptop.tar.gz --environment prod
denied
has '^ +FAIL +build.provenance:'

chapter "And with a real scan, drill 3's build passes: the gate minds what is there, and nothing else"
scanned app-1.4.2.tar.gz
job deploy.yml custody gate release app-1.4.2.tar.gz --environment prod
allowed
told "allowed with nobody asked, and each attempt refused for its reason"
