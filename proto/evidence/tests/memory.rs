//! What a large SBOM costs in memory while it is read, as the system counts it for this process. One test alone in its
//! process: others would be counted too.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::fmt::Write as _;

use custody_evidence::fact;
use custody_evidence::statement::Statement;

const COMPONENTS: usize = 10_000;

/// The most that reading may take beside the statement: 64 MiB.
const EXTRA_MAX_KIB: u64 = 64 * 1024;

/// Returns a line of what the system says of this process, in KiB; none where it does not say it.
fn kib(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line))?;
    found.trim().strip_suffix(" kB")?.parse().ok()
}

/// A statement about a CycloneDX document, written without any other memory: what was freed would be used again, and hide
/// what reading takes.
fn statement() -> String {
    let mut text = String::with_capacity(8 << 20);
    let digest = "a".repeat(64);
    write!(
        text,
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{digest}"}}}}],"predicateType":"https://cyclonedx.org/bom","predicate":{{"bomFormat":"CycloneDX","specVersion":"1.6","components":["#
    )
    .unwrap();
    for n in 0..COMPONENTS {
        let comma = if n == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"type":"library","bom-ref":"ref-{n}","group":"@acme","name":"lib-{n}","version":"1.2.3","purl":"pkg:npm/%40acme/lib-{n}@1.2.3","hashes":[{{"alg":"SHA-256","content":"{n:064x}"}},{{"alg":"SHA-512","content":"{n:0128x}"}}],"licenses":[{{"license":{{"id":"Apache-2.0"}}}}],"externalReferences":[{{"type":"distribution","url":"https://registry.example.com/lib-{n}-1.2.3.tgz"}}]}}"#
        )
        .unwrap();
    }
    text.push_str("]}}");
    text
}

#[test]
fn a_large_sbom_is_read_in_little_memory() {
    let payload = statement();
    // The system forgets the most that was in use so far.
    if std::fs::write("/proc/self/clear_refs", "5").is_err() {
        println!("skipped: this system does not count the memory of a process");
        return;
    }
    let Some(before) = kib("VmRSS:") else {
        println!("skipped: this system does not count the memory of a process");
        return;
    };
    let facts = fact::read(&Statement::parse(payload.as_bytes()).unwrap());
    let terms = facts.terms();
    let extra = kib("VmHWM:").unwrap().saturating_sub(before);
    println!(
        "{COMPONENTS} components, {} KiB of statement: {} edges, {} terms, {extra} KiB more",
        payload.len() / 1024,
        facts.edges.len(),
        terms.len()
    );
    assert_eq!((facts.components, facts.edges.len()), (Some(COMPONENTS), 5 * COMPONENTS + 1));
    assert!(terms.len() > 4 * COMPONENTS, "{}", terms.len());
    assert!(extra <= EXTRA_MAX_KIB, "{extra} KiB");
}
