//! What README.md shows of a gate is what a gate prints.

use custody_tests::workspace;

use super::*;

const BEGIN: &str = "<!-- gate:begin -->\n```console\n";
const END: &str = "```\n<!-- gate:end -->";

fn policy(gate: &Gate) -> String {
    let (builder, scanner) = (gate.key(BUILDER), gate.key(SCANNER));
    format!(
        "policy: release\nversion: 3\napplies_to: {{environments: [prod]}}\nrules:\n\
         - {{id: build.provenance, title: Built by the release builder from acme/api, require: {{predicate: provenance, count: any}}, signer: {{key: \"{builder}\"}}, source: {{repository: acme/api}}}}\n\
         - {{id: scan.fresh, title: Scanned within a week with nothing high, require: {{predicate: scan, count: latest, max_age: 7d}}, signer: {{key: \"{scanner}\"}}, vulnerabilities: {{below: high}}, fix: \"scan it and record the report: custody record scan grype.json --subject app.tar.gz\"}}\n\
         - {{id: nothing.odd, title: No finding about it, absent: [tag_moved, digest_conflict, failed_run]}}\n"
    )
}

fn transcript() -> String {
    let gate = Gate::new();
    gate.put(&policy(&gate));
    gate.administrator.file("app.tar.gz", b"the bytes of app");
    let ask = ["gate", "release", "app.tar.gz", "--environment", "prod"];
    let (_, verdict) = gate.administrator.json(&ask);
    let digest = verdict["subject"].as_str().unwrap().to_owned();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let subject = json!({"name": "app.tar.gz", "digest": {"sha256": hex}});
    gate.say(BUILDER, PROVENANCE, &subject, &provenance("https://github.com/acme/api"));
    gate.say(STRANGER, REPORT, &subject, &report(&[]));
    let mut text = String::new();
    for (code, expected) in [(Some(1), "DENY"), (Some(0), "ALLOW")] {
        let ended = gate.administrator.custody(&ask);
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.starts_with(expected), "{}", ended.stdout);
        for part in ["$ custody ", &ask.join(" "), "\n", &ended.stdout] {
            text.push_str(part);
        }
        if expected == "DENY" {
            text.push('\n');
            gate.say(SCANNER, REPORT, &subject, &report(&["Low"]));
        }
    }
    text
}

/// The same without times and digests, which are others each time.
fn shape(text: &str) -> String {
    let word = |word: &str| {
        let is_time = word.get(4..5) == Some("-") && word.get(10..11) == Some("T");
        let is_hex =
            word.len() >= 12 && word.chars().filter(char::is_ascii_hexdigit).count() + 10 >= word.len();
        if is_time || (is_hex && word.contains(':')) { "#".to_owned() } else { word.to_owned() }
    };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ")
}

/// `CUSTODY_WRITE_TRANSCRIPT=1 cargo test -p custody-tests --test promises gate::readme` writes it into README.md.
#[test]
fn a_gate_prints_what_the_readme_shows() {
    let text = workspace::read("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("README.md has a place for the transcript");
    let (shown, behind) = rest.split_once(END).expect("the transcript has an end");
    let printed = transcript();
    if std::env::var_os("CUSTODY_WRITE_TRANSCRIPT").is_some() {
        let text = format!("{before}{BEGIN}{printed}{END}{behind}");
        std::fs::write(workspace::root().join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(shape(shown), shape(&printed), "{printed}");
}
