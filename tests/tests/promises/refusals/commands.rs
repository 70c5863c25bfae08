//! The cases of `custody`, with one server for all of them.

use super::*;

/// Makes a log with one recorded envelope, a user who pinned it, and files to name.
fn prepared() -> (Place, custody_tests::server::Server) {
    let mut place = Place::new();
    let server = place.ledger.serve();
    let pin = Caller::of(&server).pin();
    place.names.push((server.url(), "SERVER"));
    place.names.push((pin, "PIN"));
    let file = |name: &str, bytes: &[u8]| {
        let path = place.home.file(name, bytes);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let writer = &place.ledger.writers[0];
    file("app", b"app");
    file("other", b"other");
    let app = envelope(&statement("app"), &[writer]);
    file("app.dsse", &app);
    file("statement.json", statement("app").to_string().as_bytes());
    let mut changed = statement("app");
    changed["predicateType"] = "urn:custody:trust:v1".into();
    file("administrative.json", changed.to_string().as_bytes());
    changed = statement("app");
    changed["subject"] = serde_json::json!([]);
    file("about-nothing.json", changed.to_string().as_bytes());
    file("nobody.dsse", &envelope(&statement("stranger"), &[&SigningKey::from_seed(&[9; 32])]));
    file("cut.dsse", &app[..app.len() / 2]);
    file("twice.dsse", br#"{"payload":"","payload":"","payloadType":"x","signatures":[]}"#);
    file("plain.dsse", &signed(b"no statement", &[writer]));
    let mut bare = statement("app");
    bare["subject"] = json!([]);
    file("no-subject.dsse", &envelope(&bare, &[writer]));
    file("bom.json", br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}"#);
    file("not-a-bom.json", b"{\"a\":1}");
    file("failed.sarif", br#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[],"invocations":[{"executionSuccessful":false}]}]}"#);
    file("clean.sarif", br#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[]}]}"#);
    file("skipped.xml", b"<testsuite><testcase><skipped/></testcase></testsuite>");
    file("twice.yml", b"jobs: {}\nsecret: hunter2\njobs: {}\n");
    file("compose.yml", b"services: {db: {image: x}}\n");
    file("services.json", br#"{"kind":"ServiceList","items":[]}"#);
    file("starting.json", br#"{"kind":"Pod","metadata":{"name":"app"},"status":{"containerStatuses":[{"name":"a","imageID":""}]}}"#);
    file("predicate.json", b"{\"a\":1}");
    file("text", b"some text\n");
    file("empty", b"");
    file("writer.pub", writer.public().to_pem().as_bytes());
    file("other.pub", place.ledger.writers[1].public().to_pem().as_bytes());
    file("bad.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    file("bad.pub", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    file("no.toml", b"server =");
    file("unknown.toml", b"sever = \"http://127.0.0.1:1\"\n");
    file("unknown-json.toml", b"sever = \"http://127.0.0.1:1\"\noutput = \"json\"\n");
    file("json.toml", b"output = \"json\"\n");
    file("weak.toml", b"verify = \"none\"\n");
    file("table.toml", b"[timeout]\nseconds = 3\n");
    file("wrong.toml", b"timeout = \"soon\"\n");
    file("keys.toml", b"");
    fs::create_dir_all(place.home.home().join(".config/custody")).unwrap();
    file(".config/custody/several.toml", b"");
    fs::create_dir(place.home.home().join("folder")).unwrap();
    private(&place.home.home().join("writer.pem"), writer);
    private(&place.home.home().join("admin.pem"), &place.ledger.admin);
    let open = place.home.file("open.pem", SigningKey::from_seed(&[7; 32]).to_pem().as_bytes());
    fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
    for line in [
        "custody init --server {SERVER} --trust {PIN} --key writer.pem",
        "custody record envelope app.dsse --receipt app.receipt",
        "custody trust show --out trust.json",
        "custody show index:1 --save saved",
        "custody trust propose --out next.json --add-writer more=other.pub",
    ] {
        let ended = place.run(line);
        assert_eq!(ended.code, Some(0), "{line}: {}{}", ended.stdout, ended.stderr);
    }
    let receipt = fs::read_to_string(place.home.home().join("app.receipt")).unwrap();
    place.home.file("cut.receipt", &receipt[..receipt.len() / 2]);
    let trust = fs::read_to_string(place.home.home().join("trust.json")).unwrap();
    place.home.file("cut.json", &trust[..trust.len() / 2]);
    (place, server)
}

#[test]
fn every_command_says_what_is_wrong() {
    let (place, _server) = prepared();
    let goldens = [
        ("inspect", INSPECT),
        ("verify", VERIFY),
        ("settings", SETTINGS),
        ("init", INIT),
        ("trust", TRUST),
        ("record", RECORD),
        ("reading", READING),
        ("spool", SPOOL),
        ("keys", KEYS),
    ];
    let held = goldens.into_iter().flat_map(|(golden, lines)| place.hold(golden, lines));
    let without_hint: Vec<String> = held.collect();
    assert!(without_hint.is_empty(), "these do not say what to do: {without_hint:#?}");
}

const INSPECT: &[&str] = &[
    "custody inspect app.dsse",
    "custody inspect app.dsse --key writer.pub",
    "custody inspect app.dsse --key writer.pub --artifact app",
    "custody inspect app.dsse --key other.pub",
    "custody inspect app.dsse --key writer.pub --artifact other",
    "custody inspect app.dsse --artifact sha256:00",
    "custody inspect app.dsse --artifact 12345678",
    "custody inspect app.dsse --artifact absent",
    "custody inspect app.dsse --artifact pkg:npm/axios@1.14.1",
    "custody inspect app.dsse --key absent",
    "custody inspect app.dsse --key bad.pub",
    "custody inspect app.dsse --key writer.pem",
    "custody inspect app.dsse --identity me@example.com",
    "custody inspect app.receipt",
    "custody inspect app.receipt --key writer.pub",
    "custody inspect statement.json",
    "custody inspect bom.json",
    "custody inspect trust.json",
    "custody inspect cut.dsse",
    "custody inspect twice.dsse",
    "custody inspect plain.dsse",
    "custody inspect no-subject.dsse",
    "custody inspect cut.receipt",
    "custody inspect text",
    "custody inspect empty",
    "custody inspect folder",
    "custody inspect absent",
    "custody inspect",
    "custody inspect -o json absent",
];

const VERIFY: &[&str] = &[
    "custody verify app.receipt",
    "custody verify app.receipt --verify logged",
    "custody verify app.receipt app.dsse",
    "custody verify app.receipt statement.json",
    "custody verify app.receipt nobody.dsse",
    "custody verify app.receipt other",
    "custody verify app.receipt app --verify none",
    "custody verify app",
    "custody verify cut.receipt",
    "custody verify absent",
    "custody verify folder",
    "custody verify",
    "custody verify app.receipt --trust absent",
    "custody verify app.receipt --trust text",
    "custody verify app.receipt --trust cut.json",
    "custody verify app.receipt --trust example.com/tests+sha256:00",
    "custody verify app.receipt --trust example.com/other+sha256:1111111111111111111111111111111111111111111111111111111111111111",
    "custody verify app.receipt --state-dir folder",
    "custody verify app.receipt -o json",
];

const SETTINGS: &[&str] = &[
    "HOME= custody",
    "HOME= custody trust",
    "custody nothing",
    "custody show",
    "custody show index:1 --nothing",
    "custody show index:1 --timeout soon",
    "custody show index:1 --timeout 0s",
    "custody show index:1 -o yaml",
    "custody show index:1 --color sometimes",
    "custody show index:1 --server localhost:4600",
    "custody show index:1 --server ftp://example.com",
    "custody show index:1 --server http://127.0.0.1:1 --timeout 200ms",
    "CUSTODY_TIMEOUT=soon custody show index:1",
    "CUSTODY_OUTPUT=yaml custody show index:1",
    "CUSTODY_QUIET=perhaps custody show index:1",
    "CUSTODY_VERIFY=none custody verify app.receipt",
    "CUSTODY_CONFIG=absent custody show index:1",
    "custody show index:1 --config absent",
    "custody show index:1 --config folder",
    "custody show index:1 --config no.toml",
    "custody show index:1 --config unknown.toml",
    "custody show index:1 --config unknown-json.toml",
    "custody show index:1 --config weak.toml",
    "custody show index:1 --config table.toml",
    "custody show index:1 --config wrong.toml",
    "custody show index:99 --config json.toml --server {SERVER} --trust {PIN}",
    "custody show --config json.toml",
    "custody show -qo json",
    "custody show -qojson",
    "custody show index:1 --trust {PIN} --config json.toml",
    "custody show index:1 --server {SERVER} --config json.toml",
    "HOME= custody show index:1",
    "HOME= custody show index:1 --server {SERVER} --trust {PIN}",
    "HOME= custody init --server {SERVER} --trust {PIN}",
    "HOME= custody key list",
    "HOME= custody verify app.receipt",
    "HOME= custody config",
    "custody completions",
    "custody completions tcsh",
    "custody man --out app",
    "custody man nothing",
];

const INIT: &[&str] = &[
    "custody init --config new/config.toml --state-dir new",
    "custody init --config new/config.toml --state-dir new --server {SERVER}",
    "custody init --config new/config.toml --state-dir new --server localhost",
    "custody init --config new/config.toml --state-dir new --server http://127.0.0.1:1 --timeout 200ms --trust {PIN}",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust example.com/tests",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust example.com/tests+sha256:00",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust example.com/other+sha256:1111111111111111111111111111111111111111111111111111111111111111",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust {PIN} --key nosuchkey",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust {PIN} --key ./absent.pem",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust {PIN} --key open.pem",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust {PIN} --key writer.pub",
    "custody init --config app/config.toml --state-dir new --server {SERVER} --trust {PIN}",
    "custody init --config no.toml --state-dir new --server {SERVER} --trust {PIN}",
    "custody init --config new/config.toml --state-dir app --server {SERVER} --trust {PIN}",
    "custody init --config new/config.toml --state-dir new --server {SERVER} --trust {PIN} --key env://ABSENT",
];

const TRUST: &[&str] = &[
    "custody trust show --out absent/trust.json",
    "custody trust propose",
    "custody trust propose --out p.json",
    "custody trust propose --out absent/p.json --add-writer more=other.pub",
    "custody trust propose --out p.json --add-writer more",
    "custody trust propose --out p.json --add-writer more=absent",
    "custody trust propose --out p.json --add-writer more=bad.pub",
    "custody trust propose --out p.json --add-writer writer-1=other.pub",
    "custody trust propose --out p.json --remove-writer nobody",
    "custody trust propose --out p.json --writer-predicate https://example.com/x",
    "custody trust propose --out p.json --authority imported",
    "custody trust propose --out p.json --authority mine --add-writer more=other.pub",
    "custody trust propose --out p.json --add-root gh",
    "custody trust propose --out p.json --add-root gh=absent",
    "custody trust propose --out p.json --add-root gh=text",
    "custody trust propose --out p.json --remove-root gh",
    "custody trust propose --out p.json --add-root-keys gh=text",
    "custody trust propose --out p.json --add-root-writer npm=gh",
    "custody trust propose --out p.json --claim subject=x",
    "custody trust propose --out p.json --add-identity ci=https://token.example --claim subject=x",
    "custody trust propose --out p.json --add-identity ci=token.example --claim subject=x --root gh",
    "custody trust propose --out p.json --add-identity ci=https://token.example --claim subject=x --root gh",
    "custody trust propose --out p.json --expires 2001-01-01T00:00:00Z",
    "custody trust propose --out p.json --expires whenever",
    "custody trust propose --out p.json --document absent",
    "custody trust propose --out p.json --document text",
    "custody trust propose --out p.json --document predicate.json",
    "custody trust sign absent",
    "custody trust sign text --key admin.pem",
    "custody trust sign app.dsse --key admin.pem",
    "custody trust sign next.json --key writer.pem --yes",
    "custody trust sign next.json --key nosuchkey --yes",
    "custody trust sign next.json --key admin.pem",
    "custody trust sign next.json --key admin.pem --yes",
    "custody trust sign next.json --key admin.pem --yes",
    "custody trust log --trust {PIN} --server http://127.0.0.1:1 --timeout 200ms",
];

const RECORD: &[&str] = &[
    "custody record approval --subject app",
    "custody record approval --subject app --for prod --predicate predicate.json",
    "custody record approval --subject app --for prod --until whenever",
    "custody record approval --subject app --for prod --at 2001-01-01T00:00:00Z --until 2000-01-01T00:00:00Z",
    "custody record approval --for prod",
    "custody record approval --subject absent --for prod",
    "custody record approval --subject app --for prod --approver ''",
    "custody record promotion --subject app --from staging",
    "custody record deploy --subject app",
    "custody record deploy --subject app --environment prod --action restart",
    "custody record deploy --subject app --environment prod --verdict-entry x",
    "custody record review",
    "custody record review --commit 0000000000000000000000000000000000000001 --repo https://example.com/app",
    "custody record review --commit 0000000000000000000000000000000000000001 --repo https://example.com/app --approved-at 2026-01-01T00:00:00Z",
    "custody record review --commit main --repo https://example.com/app",
    "custody record review --repo ../app",
    "custody record source",
    "custody record source --repo https://example.com/app --commit 0000000000000000000000000000000000000001",
    "custody record build",
    "custody record build --artifact absent",
    "custody record build --artifact app --parameter x",
    "custody record build --artifact app --dependency x",
    "custody record build --artifact app --parameter a=1 --parameter a=2 --commit 0000000000000000000000000000000000000001 --repo https://example.com/app --builder-id https://example.com/b --build-type https://example.com/t --dry-run",
    "custody record build --artifact app --commit 0000000000000000000000000000000000000001 --repo https://example.com/app --builder-id https://example.com/b --dry-run",
    "custody record build --artifact app --commit 0000000000000000000000000000000000000001 --repo https://example.com/app --dry-run",
    "GITHUB_ACTIONS=true custody record build --artifact app --dry-run",
    "GITHUB_ACTIONS=true GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=acme/app GITHUB_SHA=main custody record build --artifact app --dry-run",
    "GITLAB_CI=true custody record source --dry-run",
    "custody record sbom",
    "custody record sbom absent --subject app",
    "custody record sbom not-a-bom.json --subject app",
    "custody record sbom bom.json",
    "custody record scan",
    "custody record scan absent --subject app",
    "custody record scan text --subject app",
    "custody record scan not-a-bom.json --subject app",
    "custody record scan bom.json --subject app",
    "custody record scan skipped.xml --subject app",
    "custody record scan failed.sarif --subject app",
    "custody record scan clean.sarif",
    "custody record scan clean.sarif --predicate clean.sarif --subject app",
    "custody record test --subject app",
    "custody record test absent --subject app",
    "custody record test clean.sarif --subject app",
    "custody record test skipped.xml --subject app",
    "custody record test skipped.xml --result passed --subject app",
    "custody record test --result broken --subject app",
    "custody record test --failed-test x --subject app",
    "custody record test --result passed --failed-test x --subject app",
    "custody record test --result warned --warned-test x",
    "custody record test --result passed --configuration absent --subject app",
    "custody record run",
    "custody record run --run-url https://ci.example/1 --workflow absent",
    "custody record run --run-url https://ci.example/1 --workflow text",
    "custody record run --run-url https://ci.example/1 --workflow compose.yml",
    "custody record run --run-url https://ci.example/1 --workflow twice.yml",
    "custody record run --run-url https://ci.example/1 --secret TOKEN=hunter2",
    "custody record run --run-url https://ci.example/1 --secret 'hunter 2'",
    "custody record run --run-url https://ci.example/1 --resolved alpine=md5:d41d8cd98f00b204e9800998ecf8427e",
    "custody record run --run-url https://ci.example/1 --hosted true",
    "custody record run --run-url https://ci.example/1 --hosted maybe",
    "custody record run --run-url https://ci.example/1 --finished-on whenever",
    "custody record snapshot",
    "custody record snapshot --environment prod",
    "custody record snapshot --environment prod --empty --subject app",
    "custody record snapshot --environment prod --running absent",
    "custody record snapshot --environment prod --running alpine:latest,workload=web",
    "custody record snapshot --environment prod --running app,count=0",
    "custody record snapshot --environment prod --pods absent",
    "custody record snapshot --environment prod --pods text",
    "custody record snapshot --environment prod --pods services.json",
    "custody record snapshot --environment prod --pods starting.json",
    "custody record tag",
    "custody record tag --subject app",
    "custody record tag --subject app --subject other --repository ghcr.io/acme/app --tag 1",
    "custody record tag --subject app --repository ghcr.io/acme/app --tag ''",
    "custody record publication",
    "custody record publication --subject app --registry ghcr.io",
    "custody record publication --registry ghcr.io --repository ghcr.io/acme/app",
    "custody record distribution --subject app",
    "custody record distribution --recipient customer",
    "custody record expected",
    "custody record expected --source ci --from 2026-11-21 --to 2026-11-20 --count 1",
    "custody record expected --source ci --from 2026-11-20 --to 2026-11-21 --count -1",
    "custody record generic --subject app",
    "custody record generic --subject app --type https://example.com/x",
    "custody record generic --subject app --type x --predicate predicate.json",
    "custody record generic --subject app --type https://example.com/x --predicate text",
    "custody record generic --subject app --type https://example.com/x --predicate predicate.json --key nosuchkey",
    "custody record generic --subject app --type https://example.com/x --predicate predicate.json --key open.pem",
    "custody record generic --subject app --type https://example.com/x --predicate predicate.json --receipt absent/receipt",
    "custody record generic --statement absent",
    "custody record generic --statement text",
    "custody record generic --statement predicate.json",
    "custody record generic --statement app.dsse",
    "custody record generic --statement statement.json --subject app",
    "custody record generic --statement statement.json --type https://example.com/x --predicate predicate.json",
    "custody record generic --statement administrative.json",
    "custody record generic --statement about-nothing.json",
    "custody record envelope {HOME}",
    "custody record envelope",
    "custody record envelope absent",
    "custody record envelope text",
    "custody record envelope statement.json",
    "custody record envelope bom.json",
    "custody record envelope cut.dsse",
    "custody record envelope nobody.dsse",
    "custody record envelope no-subject.dsse",
    "custody record envelope nobody.dsse -o json",
    "custody record envelope app.dsse nobody.dsse --receipt both.receipt",
    "custody record envelope app.dsse nobody.dsse",
    "custody record envelope app.dsse --server http://127.0.0.1:1 --timeout 200ms --retry-for 200ms",
];

const READING: &[&str] = &[
    "custody show index:99",
    "custody show index:x",
    "custody show absent",
    "custody show other",
    "custody show sha256:00",
    "custody show 00000",
    "custody show folder",
    "custody show index:1 --save app",
    "custody trace other",
    "custody trace app --at 99",
    "custody trace app --at whenever",
    "custody trace app --depth x",
    "custody find",
    "custody find --subject other",
    "custody find --subject index:99",
    "custody find --since whenever",
    "custody find --limit 0",
    "custody find --commit main",
    "custody find --signer nobody",
    "custody find --next x",
    "custody find pkg:npm/axios",
    "custody find https://ci.example.com/runs/7",
    "custody find -o json CVE-2026-1",
    "custody find prod",
    "custody receipt refresh",
    "custody receipt refresh absent",
    "custody receipt refresh text",
    "custody receipt refresh cut.receipt",
    "custody receipt refresh app.receipt --out absent/receipt",
    "custody audit --checkpoint absent",
    "custody audit --checkpoint text",
    "custody audit --server http://127.0.0.1:1 --timeout 200ms",
    "custody audit",
    "custody audit --checkpoint app.receipt",
];

const SPOOL: &[&str] = &[
    "custody spool list",
    "custody spool list absent",
    "custody spool list text",
    "custody spool list folder",
    "custody spool flush",
    "custody spool flush absent",
    "custody spool flush text",
    "custody record envelope app.dsse --spool=absent/spool --server http://127.0.0.1:1 --timeout 200ms --retry-for 200ms",
    "custody record envelope app.dsse --spool=text --server http://127.0.0.1:1 --timeout 200ms --retry-for 200ms",
    "custody record envelope nobody.dsse --spool=kept --server http://127.0.0.1:1 --timeout 200ms --retry-for 200ms",
    "custody spool list kept",
    "custody spool flush kept --receipts app",
    "custody spool flush kept --server http://127.0.0.1:1 --timeout 200ms",
    "custody spool flush kept",
    "custody spool flush kept",
    "custody spool list kept",
];

const KEYS: &[&str] = &[
    "custody key list",
    "custody key show nosuchkey",
    "custody key show ./absent.pem",
    "custody key show bad.pem",
    "custody key show writer.pub",
    "custody key show open.pem",
    "custody key show env://ABSENT",
    "KEY=nothing custody key show env://KEY",
    "custody key show 0000000000000000000000000000000000000000000000000000000000000001",
    "custody key new 'a b'",
    "custody key new --out writer.pem",
    "custody key new --out absent/new.pem",
    "custody key new ci --out new.pem",
    "custody key import absent.pem",
    "custody key import text",
    "custody key import writer.pem --name ci",
    "custody key import writer.pem --name ci",
    "custody key import writer.pem --name ../ci",
    "custody key import admin.pem --name release",
    "custody key list",
    "custody record generic --subject app --type https://example.com/x --predicate predicate.json --config keys.toml",
    "custody record generic --subject app --type https://example.com/x --predicate predicate.json --config {HOME}/.config/custody/several.toml",
];
