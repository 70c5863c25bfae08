//! The cases of `custodyd`; none of them serves.

use super::*;

#[test]
fn the_daemon_says_what_is_wrong() {
    let place = Place::new();
    // A log has a checkpoint once it was served.
    place.hold("custodyd_unserved", UNSERVED);
    place.ledger.serve().stop();
    let file = |name: &str, bytes: &[u8]| drop(place.home.file(name, bytes));
    file("text", b"some text\n");
    file("admin.pub", place.ledger.admin.public().to_pem().as_bytes());
    file("bad.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    file("unknown.toml", b"dta = \"x\"\n");
    file("wrong.toml", b"listen = 3\n");
    private(&place.home.home().join("admin.pem"), &place.ledger.admin);
    for folder in ["empty", "foreign"] {
        fs::create_dir(place.home.home().join(folder)).unwrap();
    }
    fs::write(place.home.home().join("foreign/photo.jpg"), b"not a log").unwrap();
    let goldens = [("custodyd_init", INIT), ("custodyd_run", RUN), ("custodyd_care", CARE)];
    let held = goldens.into_iter().flat_map(|(golden, lines)| place.hold(golden, lines));
    let without_hint: Vec<String> = held.collect();
    assert!(without_hint.is_empty(), "these do not say what to do: {without_hint:#?}");
}

const UNSERVED: &[&str] = &["custodyd backup --data {LOG}/data --out copy"];

const INIT: &[&str] = &[
    "custodyd",
    "custodyd nothing",
    "custodyd init",
    "custodyd init --data new",
    "custodyd init --data new --origin example.com/x",
    "custodyd init --data new --origin 'a b' --admin admin.pem",
    "custodyd init --data new --origin https://example.com/x --admin admin.pem",
    "custodyd init --data new --origin example.com/x --admin absent",
    "custodyd init --data new --origin example.com/x --admin text",
    "custodyd init --data new --origin example.com/x --admin bad.pem",
    "custodyd init --data new --origin example.com/x --admin admin.pem --threshold 0",
    "custodyd init --data new --origin example.com/x --admin admin.pem --threshold 2",
    "custodyd init --data new --origin example.com/x --admin admin.pem --threshold x",
    "custodyd init --data new --origin example.com/x --admin admin.pem --writer absent",
    "custodyd init --data new --origin example.com/x --admin admin.pem --trust text",
    "custodyd init --data new --trust absent",
    "custodyd init --data new --trust text",
    "custodyd init --data absent/new --origin example.com/x --admin admin.pem",
    "custodyd init --data foreign --origin example.com/x --admin admin.pem",
    "custodyd init --data text --origin example.com/x --admin admin.pem",
    "custodyd init --data {LOG}/data --origin example.com/x --admin admin.pem",
    "custodyd init --data new --origin example.com/x --admin admin.pem --log-key new/log-key",
    "custodyd init --data new --origin example.com/x --admin admin.pem --log-key text",
    "custodyd init --data new --origin example.com/x --admin admin.pem --log-key {LOG}/data.log-key",
    "custodyd init --data new --origin example.com/x --admin admin.pem --predecessor text",
    "custodyd init --data new --origin example.com/x --admin admin.pem --predecessor-trust text",
    "custodyd init --data unsigned --origin example.com/x --admin admin.pub",
    "custodyd init --data unsigned --trust unsigned/trust-1.json",
];

const RUN: &[&str] = &[
    "custodyd run",
    "custodyd run --data absent",
    "custodyd run --data empty",
    "custodyd run --data foreign",
    "custodyd run --data text",
    "custodyd run --data {LOG}/data --listen localhost",
    "custodyd run --data {LOG}/data --listen 192.0.2.1:4600",
    "custodyd run --data {LOG}/data --listen 192.0.2.1:4600 --allow-plaintext",
    "custodyd run --data {LOG}/data --tls-cert absent",
    "custodyd run --data {LOG}/data --tls-cert absent --tls-key absent",
    "custodyd run --data {LOG}/data --readers absent",
    "custodyd run --data {LOG}/data --log-format xml",
    "custodyd run --data {LOG}/data --disk-reserve lots",
    "custodyd run --data {LOG}/data --config absent",
    "custodyd run --data {LOG}/data --config text",
    "custodyd run --data {LOG}/data --config unknown.toml",
    "custodyd run --data {LOG}/data --config wrong.toml",
    "CUSTODYD_LISTEN=localhost custodyd run --data {LOG}/data",
    "CUSTODYD_LOG_FORMAT=xml custodyd run --data {LOG}/data",
    "custodyd run --data {LOG}/data --log-key absent",
    "custodyd run --data {LOG}/data --log-key text",
    "custodyd run --data {LOG}/data --checkpoint absent",
    "custodyd run --data {LOG}/data --checkpoint text",
    "custodyd run --data {LOG}/data --nothing",
];

const CARE: &[&str] = &[
    "custodyd fsck",
    "custodyd fsck --data absent",
    "custodyd fsck --data empty",
    "custodyd fsck --data foreign",
    "custodyd fsck --data {LOG}/data --from empty",
    "custodyd fsck --data {LOG}/data --repair --from absent",
    "custodyd fsck --data {LOG}/data -o yaml",
    "custodyd fsck -o json",
    "custodyd fsck --data absent -o json",
    "custodyd fsck --data absent --output=json --nothing",
    "custodyd backup --data {LOG}/data --out foreign -ojson",
    "custodyd restore --from empty --data restored -o json",
    "custodyd completions",
    "custodyd completions nothing",
    "custodyd man --out text/pages",
    "custodyd fsck --data {LOG}/data",
    "custodyd rebuild-index --data absent",
    "custodyd rebuild-index --data empty",
    "custodyd backup --data {LOG}/data",
    "custodyd backup --data absent --out copy",
    "custodyd backup --data empty --out copy",
    "custodyd backup --data {LOG}/data --out {LOG}/data",
    "custodyd backup --data {LOG}/data --out {LOG}/data/copy",
    "custodyd backup --data {LOG}/data --out foreign",
    "custodyd backup --data {LOG}/data --out text",
    "custodyd backup --data {LOG}/data --out absent/copy",
    "custodyd backup --data {LOG}/data --out copy",
    "custodyd run --data copy",
    "custodyd restore",
    "custodyd restore --data restored",
    "custodyd restore --from absent --data restored",
    "custodyd restore --from empty --data restored",
    "custodyd restore --from foreign --data restored",
    "custodyd restore --from {LOG}/data --data restored",
    "custodyd restore --from copy --data foreign",
    "custodyd restore --from copy --data absent/restored",
    "custodyd restore --from copy --data restored",
    "custodyd restore --data restored --checkpoint absent",
    "custodyd restore --data restored --checkpoint text",
    "custodyd restore --data restored --segments absent",
    "custodyd restore --data restored --segments empty",
];
