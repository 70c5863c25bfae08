# Sourced by each story: a log on loopback in a temporary folder, people, and the jobs of a CI system.
#
# The CI system is GitHub Actions, played: tokens are signed with a key of the stage, which the log's trust document pins as that
# of GitHub's issuer. So everything is checked as it is in earnest, and nothing leaves this machine.
set -euo pipefail

readonly ISSUER=https://token.actions.githubusercontent.com
readonly LOGIN=https://login.acme.example
readonly ORIGIN=example.com/releases
readonly AUDIENCE=custody:$ORIGIN

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
stage=$(mktemp --directory)
running=()
trap 'end $?' EXIT
trap 'exit 130' INT TERM

# --- what a reader sees ------------------------------------------------------------------------------------------------------

chapter() { printf '\n== %s\n' "$*"; }
tell() { printf '   %s\n' "$*"; }

# Says what a story expected and did not get, and ends it.
wrong() {
  printf '\nNOT AS TOLD: %s\n' "$*" >&2
  exit 1
}

# The last line of each story.
told() { printf '\n== as told: %s\n' "$*"; }

# Ends what this story started, and takes its folder away.
end() {
  [ ${#running[@]} -eq 0 ] || { kill "${running[@]}" && wait "${running[@]}"; } 2>/dev/null || true
  rm -rf "$stage"
  exit "$1"
}

# --- who does it -------------------------------------------------------------------------------------------------------------

# Runs a command as somebody, with none of the variables of whoever runs the story: WHO [NAME=VALUE...] -- COMMAND...
run_as() {
  local who=$1 variables=()
  shift
  while [ "$1" != -- ]; do
    variables+=("$1")
    shift
  done
  shift
  mkdir -p "$stage/home/$who"
  env -i PATH="$PATH" HOME="$stage/home/$who" NO_COLOR=1 CUSTODY_SERVER="$url" CUSTODY_TRUST="$pin" "${variables[@]}" "$@"
}

# The command as a reader types it: words with blanks in quotes, the folder of the story left out.
typed() {
  local word line=
  for word in "$@"; do
    case $word in
      *[\ \#\'\"\<\>\*]*) word="'${word//\'/\'\\\'\'}'" ;;
    esac
    line+=" $word"
  done
  line=${line//"$stage/"/}
  printf '%s\n' "${line//"$root/"/}"
}

# What the last command printed, and its exit code.
said=
code=0

# Runs what follows `--` as somebody, and keeps what it printed. The rest says who: as for run_as.
perform() {
  local who=$1 words=("$@")
  while [ "$1" != -- ]; do shift; done
  shift
  printf '%s$%s\n' "$who" "$(typed "$@")"
  code=0
  said=$(cd "$stage/files" && run_as "${words[@]}" 2>"$stage/stderr") || code=$?
}

# Shows what the last command printed: all of it, or its first lines.
shown() { sed -n -e "s|$stage/||g" -e "1,${1:-100}s/^/  /p" <<<"$said"; }

# Shows the verdict that the last command printed, in short: the decision, each rule with its status, why those that fail do, and
# what to do next.
verdict() {
  awk -v stage="$stage/" '
    NR == 1 { print "  " $0; next }
    /^  (PASS|FAIL|SOFTFAIL|SKIP|ERROR) / { status = $1; if (status !~ /FAIL/) { sub(/: .*/, "") } print "  " $0; next }
    /^next: / { status = "next" }
    status ~ /FAIL/ || status == "next" { print "  " $0 }
  ' <<<"$said"
}

# The last command was a gate that let it pass, or did not.
allowed() { [ "$code" -eq 0 ] || { verdict; wrong "expected ALLOW, found exit code $code"; }; verdict; has '^ALLOW'; }
denied() { [ "$code" -eq 1 ] || { verdict; wrong "expected DENY, found exit code $code"; }; verdict; has '^DENY'; }

# Shows why the last command was refused.
why() { grep -E '^(error|hint): ' "$stage/stderr" | sed -e "s|$stage/||g" -e 's/^/  /' || true; }

# The last command ended well: shows the first lines of what it printed.
well() {
  [ "$code" -eq 0 ] || { cat "$stage/stderr" >&2; wrong "expected exit code 0, found $code"; }
  shown "${1:-1}"
}

# The last command was refused, with exit code 1 or the one given, and said this.
refused() {
  local told=$1 expected=${2:-1}
  why
  [ "$code" -eq "$expected" ] || { cat "$stage/stderr" >&2; wrong "expected exit code $expected, found $code"; }
  grep -qF -- "$told" "$stage/stderr" || { cat "$stage/stderr" >&2; wrong "expected to be told: $told"; }
}

# What the last command printed has this in it, or has not.
has() { grep -qE -- "$1" <<<"$said" || { shown >&2; wrong "expected to read: $1"; }; }
lacks() { ! grep -qE -- "$1" <<<"$said" || { shown >&2; wrong "expected not to read: $1"; }; }

# The first text of this form in the input; nothing if there is none.
first() { sed -n -E "s@.*($1).*@\\1@p;T;q"; }

# A person at a terminal: NAME COMMAND...
by() {
  local who=$1
  shift
  perform "$who" -- "$@"
}

# --- jobs of GitHub Actions --------------------------------------------------------------------------------------------------

base64url() { basenc --base64url --wrap=0 | tr -d '='; }

# A token with these claims, as the issuer signs it.
token() {
  local signed now
  now=$(date +%s)
  signed="$(printf '{"alg":"RS256","kid":"stage","typ":"JWT"}' | base64url).$(
    jq --compact-output --arg now "$now" '{iat: ($now|tonumber), nbf: (($now|tonumber) - 60), exp: (($now|tonumber) + 600)} + .' <<<"$1" | base64url
  )"
  printf '%s.%s' "$signed" "$(printf '%s' "$signed" | openssl dgst -sha256 -sign "$stage/issuer.pem" -binary | base64url)"
}

# A token for a job of acme/api: WORKFLOW RUN [REF] [AUDIENCE]
job_token() {
  local workflow=$1 run=$2 ref=${3:-refs/heads/main} audience=${4:-$AUDIENCE}
  token "$(jq --null-input --compact-output --arg iss "$ISSUER" --arg aud "$audience" --arg workflow "$workflow" --arg run "$run" \
    --arg ref "$ref" --arg commit "$commit" --arg id "$(openssl rand -hex 16)" '
    ("acme/api/.github/workflows/" + $workflow + "@" + $ref) as $file |
    {iss: $iss, aud: $aud, jti: $id, sub: ("repo:acme/api:ref:" + $ref), actor: "carol", event_name: "push", ref: $ref, ref_protected: "true",
     ref_type: "branch", repository: "acme/api", repository_id: "123456", repository_owner: "acme", repository_owner_id: "654321",
     repository_visibility: "private", run_attempt: "1", run_id: $run, run_number: $run, runner_environment: "github-hosted", sha: $commit,
     workflow_ref: $file, workflow_sha: $commit, job_workflow_ref: $file, job_workflow_sha: $commit}')"
}

run=4711

# The variables that GitHub sets in a job, and its token: WORKFLOW TOKEN [REF]
job_variables() {
  printf '%s\n' CI=true GITHUB_ACTIONS=true GITHUB_REPOSITORY=acme/api GITHUB_SHA="$commit" GITHUB_REF="${3:-refs/heads/main}" \
    GITHUB_RUN_ID="$run" GITHUB_RUN_ATTEMPT=1 GITHUB_EVENT_NAME=push GITHUB_ACTOR=carol RUNNER_ENVIRONMENT=github-hosted \
    GITHUB_WORKFLOW_REF="acme/api/.github/workflows/$1@${3:-refs/heads/main}" CUSTODY_ID_TOKEN="$2"
}

# A step of a job on the main branch, with a token of its own: WORKFLOW COMMAND...
job() {
  local workflow=$1 variables
  shift
  mapfile -t variables < <(job_variables "$workflow" "$(job_token "$workflow" "$run")")
  perform "$workflow" "${variables[@]}" -- "$@"
}

# --- the log -----------------------------------------------------------------------------------------------------------------

need() {
  local program missing=()
  for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ ${#missing[@]} -eq 0 ] || { echo "error: this story needs ${missing[*]}" >&2; exit 2; }
}

# Takes custody and custodyd from PATH, or builds them.
binaries() {
  need basenc git jq openssl ssh-keygen
  if ! command -v custody >/dev/null || ! command -v custodyd >/dev/null; then
    (cd "$root" && cargo build --quiet --workspace --bins)
    PATH=$root/target/debug:$PATH
  fi
}

# Makes the log and starts its server on a free port.
serve() {
  custody key new --out "$stage/admin.pem" >/dev/null
  custodyd init --data "$stage/ledger" --origin "$ORIGIN" --admin "$stage/admin.pem" >"$stage/init"
  pin=$(first "$ORIGIN\+sha256:[0-9a-f]{64}" <"$stage/init")
  start 'http://127\.0\.0\.1:[0-9]+' custodyd run --data "$stage/ledger" --listen 127.0.0.1:0
  url=$found
}

# Starts a program that serves, and waits until it says where: FORM COMMAND...
start() {
  local form=$1 log=$stage/log.${#running[@]}
  shift
  : >"$log" # The loop may read before the program in the background has opened its output.
  "$@" >>"$log" 2>&1 &
  running+=("$!")
  for _ in $(seq 600); do
    found=$(first "$form" <"$log")
    [ -z "$found" ] || return 0
    kill -0 "$!" 2>/dev/null || break
    sleep 0.1
  done
  cat "$log" >&2
  wrong "$1 did not start"
}

# The administrator changes who may record what: FLAGS of `custody trust propose`.
trust() {
  local file=$stage/trust.json
  rm -f "$file"
  run_as admin -- custody trust propose --out "$file" "$@" >/dev/null 2>"$stage/stderr" &&
    run_as admin -- custody trust sign "$file" --key "$stage/admin.pem" --yes >/dev/null 2>>"$stage/stderr" &&
    run_as admin -- custody record envelope "$file" >/dev/null 2>>"$stage/stderr" || { cat "$stage/stderr" >&2; wrong "trust $*"; }
}

# A repository with one commit, by Carol and with her SSH signature.
repository() {
  mkdir -p "$stage/files/.github/workflows" "$stage/home/carol"
  ssh-keygen -q -t ed25519 -N '' -C carol@acme.example -f "$stage/carol.key"
  printf 'carol@acme.example namespaces="git" %s\n' "$(cut -d' ' -f1,2 "$stage/carol.key.pub")" >"$stage/files/allowed_signers"
  cat >"$stage/files/.github/workflows/release.yml" <<'YAML'
name: release
on: {push: {branches: [main]}}
permissions: {contents: read, id-token: write}
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
      - run: ./build.sh
        env: {NPM_TOKEN: "${{ secrets.NPM_TOKEN }}", DEPLOY_KEY: "${{ secrets.DEPLOY_KEY }}"}
YAML
  (
    cd "$stage/files"
    export HOME=$stage/home/carol GIT_CONFIG_NOSYSTEM=1
    git init --quiet --initial-branch main
    git config user.name Carol
    git config user.email carol@acme.example
    git config gpg.format ssh
    git config user.signingkey "$stage/carol.key"
    git remote add origin https://github.com/acme/api
    git add .github
    git commit --quiet --gpg-sign --message 'Answer greetings'
  )
  commit=$(git -C "$stage/files" rev-parse HEAD)
}

# All of the above. Jobs of acme/api on its main branch may record, and its people.
set_the_stage() {
  binaries
  repository
  serve
  openssl genrsa -out "$stage/issuer.pem" 2048 2>/dev/null
  local modulus
  modulus=$(openssl rsa -in "$stage/issuer.pem" -noout -modulus | cut -d= -f2 | basenc --base16 --decode | base64url)
  printf '{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"stage","n":"%s","e":"AQAB"}]}' "$modulus" >"$stage/jwks.json"
  trust --add-issuer "$ISSUER" --issuer-jwks "$stage/jwks.json" --issuer-audience "$AUDIENCE" \
    --add-identity "acme-api=$ISSUER" --claim source_repository_identifier=123456 --claim source_repository_ref=refs/heads/main
  trust --add-issuer "$LOGIN" --issuer-jwks "$stage/jwks.json" --issuer-audience "$AUDIENCE" \
    --add-identity "people=$LOGIN" --claim token_subject=alice@acme.example --claim token_subject=bob@acme.example \
    --add-person "Alice=$LOGIN#alice@acme.example" --add-person "Bob=$LOGIN#bob@acme.example" --add-person "Carol=$LOGIN#carol@acme.example"
}

# Puts a policy into the log, as the administrator: FILE
policy() {
  by admin custody policy put "$1" --key "$stage/admin.pem"
  well 1
}
