#!/usr/bin/env bash
# The leaked token: README.md beside it tells what happens.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../stage.sh"
need curl
set_the_stage

# A field of a message, as protobuf writes it: NUMBER FILE
field() {
  local length
  length=$(stat --format %s "$2")
  printf '%b' "\\x$(printf %02x $(($1 * 8 + 2)))"
  while [ "$length" -ge 128 ]; do
    printf '%b' "\\x$(printf %02x $((length % 128 + 128)))"
    length=$((length / 128))
  done
  printf '%b' "\\x$(printf %02x "$length")"
  cat "$2"
}

# What a program of the thief's own would do: signs what `custody --dry-run` printed last with a key of his, and calls the log with a
# token for that key (custody.v1.Recorder, in gRPC). Says what the log answers: TOKEN
by_hand() {
  local parts=$stage/parts type=application/vnd.in-toto+json message
  mkdir -p "$parts"
  printf '%s' "$said" >"$parts/statement"
  { printf 'DSSEv1 %s %s %s ' ${#type} "$type" "$(stat --format %s "$parts/statement")" && cat "$parts/statement"; } >"$parts/signed"
  openssl genpkey -algorithm ed25519 -out "$parts/key.pem" 2>/dev/null
  openssl pkey -in "$parts/key.pem" -pubout -outform DER -out "$parts/key"
  openssl pkeyutl -sign -rawin -inkey "$parts/key.pem" -in "$parts/signed" -out "$parts/signature"
  printf '{"payloadType":"%s","payload":"%s","signatures":[{"sig":"%s"}]}' "$type" "$(base64 --wrap=0 "$parts/statement")" \
    "$(base64 --wrap=0 "$parts/signature")" >"$parts/envelope"
  printf '%s' "$1" >"$parts/token"
  printf '%s' "$ORIGIN" >"$parts/origin"
  field 1 "$parts/origin" >"$parts/log"
  { field 1 "$parts/token" && field 2 "$parts/key"; } >"$parts/credential"
  { field 1 "$parts/log" && field 2 "$parts/envelope" && field 3 "$parts/credential"; } >"$parts/message"
  { printf '%b' "\\x00$(printf %08x "$(stat --format %s "$parts/message")" | sed 's/../\\x&/g')" && cat "$parts/message"; } >"$parts/body"
  printf 'thief$ curl %s/custody.v1.Recorder/Record\n' "$url"
  curl --silent --http2-prior-knowledge --header 'content-type: application/grpc' --header 'te: trailers' --data-binary "@$parts/body" \
    --dump-header "$parts/answer" --output /dev/null "$url/custody.v1.Recorder/Record" || wrong "the log gave no answer"
  message=$(sed -n 's/^grpc-message: //p' "$parts/answer" | tr -d '\r')
  said=$(sed -n 's/^grpc-status: \([0-9]*\).*/status \1/p' "$parts/answer" && printf '%b\n' "${message//%/\\x}")
  shown
}

chapter "A release as every day: the job shows its token, and signs with a key that it uses once"
policy "$root/examples/policies/ci-only.yaml"
echo 'api 1.4.0' >"$stage/files/app-1.4.0.tar.gz"
used=$(job_token release.yml "$run")
mapfile -t release < <(job_variables release.yml "$used")
perform release.yml "${release[@]}" -- custody record build --artifact app-1.4.0.tar.gz
well
perform release.yml "${release[@]}" -- custody record run --workflow .github/workflows/release.yml --conclusion success
well

chapter "A thief elsewhere has a token that the job got for its cloud: refused by its audience"
echo 'api 1.4.0 with something else in it' >"$stage/files/evil.tar.gz"
cloud=$(job_token release.yml "$run" refs/heads/main sts.amazonaws.com)
mapfile -t stolen < <(job_variables release.yml "$cloud")
perform thief "${stolen[@]}" -- custody record build --artifact evil.tar.gz
refused "expected the audience \"$AUDIENCE\" alone, found \"sts.amazonaws.com\""
tell "That was his own custody, before anything was sent. So he sends it by hand, and the log says no:"
perform thief "${stolen[@]}" -- custody record build --artifact evil.tar.gz --dry-run
[ "$code" -eq 0 ] || wrong "the dry run ended with $code"
by_hand "$cloud"
lacks '^status 0$'
has 'expected the identity token for the audience "'"$AUDIENCE"'" alone, found "sts.amazonaws.com"'

chapter "He has the very token that the job used: refused by its key, which never left the job"
perform thief "${release[@]}" -- custody record build --artifact evil.tar.gz
refused "another key"

chapter "He has the token of a job for a pull request: refused by the rule, which names the branch"
fork=$(job_token release.yml "$run" refs/pull/7/merge)
mapfile -t stolen < <(job_variables release.yml "$fork" refs/pull/7/merge)
perform thief "${stolen[@]}" -- custody record build --artifact evil.tar.gz
refused "has no writer rule for it"

chapter "A package of the build hands out the next job's token before the job uses it: now he is in time"
run=4712
leaked=$(job_token release.yml "$run")
mapfile -t stolen < <(job_variables release.yml "$leaked")
perform thief "${stolen[@]}" -- custody record build --artifact evil.tar.gz
well
since=$(first 'index:[0-9]+' <<<"$said")
perform thief "${stolen[@]}" -- custody record run --workflow .github/workflows/release.yml --conclusion success
well
evil=sha256:$(sha256sum "$stage/files/evil.tar.gz" | cut -d' ' -f1)
job deploy.yml custody record deploy --environment prod --workload api --subject "$evil"
well
tell "The job itself comes second, and is told so: that is the alarm."
perform release.yml "${stolen[@]}" -- custody record build --artifact app-1.4.0.tar.gz
refused "another key"

chapter "The responder distrusts the identity from that entry on"
name="$ISSUER#https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main"
by admin custody distrust "$name" --since "$since" --reason 'the token of run 4712 leaked' --key "$stage/admin.pem"
well 3

chapter "What did it touch since, and what of that is live?"
by admin custody find --signer "$name" --recorded-since "$since"
well 20
has "distrusted"
by admin custody env show prod
well 10
has "UNTRUSTED"
by admin custody impact "$name" --since 1.hour.ago
well 20

chapter "Which secrets could its runs read? That is the list to rotate"
by admin custody find --signer "$name" --predicate run --recorded-since "$since" -o json
[ "$code" -eq 0 ] || wrong "find ended with $code"
for entry in $(jq --raw-output '.entries[].index' <<<"$said"); do
  by admin custody show "index:$entry" -o json
  said=$(jq --raw-output '.statement.predicate | .run + " could read " + (.secrets | join(", "))' <<<"$said")
  well
  has 'runs/4712/attempts/1 could read DEPLOY_KEY, NPM_TOKEN$'
done
by admin custody find --secret NPM_TOKEN
well 2
has '  7  .*  distrusted  run '
has '  5  .*  verified    run '

chapter "What was built before counts, and the gate lets nothing pass that was built since"
by admin custody gate ci-only app-1.4.0.tar.gz
allowed
by admin custody gate ci-only "$evil"
denied
has 'entry 6 does not count: distrusted'
told "refused by audience, key and rule; found and shut out after the leak"
