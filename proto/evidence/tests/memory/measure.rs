//! What a large SBOM costs in memory while it is read, as the system counts it for this process. One test alone in its process: others
//! would be counted too, and what one reading freed would be used again by the next.

use std::fmt::Write as _;

use custody_evidence::fact;
use custody_evidence::statement::Statement;

/// As many components as the bar has.
const COMPONENTS: usize = 10_000;

/// The most that reading may take beside the statement: 64 MiB.
const EXTRA_MAX_KIB: u64 = 64 * 1024;

/// Returns a line of what the system says of this process, in KiB; none where it does not say it.
fn kib(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line))?;
    found.trim().strip_suffix(" kB")?.parse().ok()
}

/// A statement whose predicate is a document around these components, written without any other memory: what was freed would be used
/// again, and hide what reading takes.
pub(crate) fn statement(predicate_type: &str, head: &str, component: impl Fn(&mut String, usize)) -> String {
    let mut text = String::with_capacity(16 << 20);
    let digest = "a".repeat(64);
    write!(
        text,
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{digest}"}}}}],"predicateType":"{predicate_type}","predicate":{{{head}["#
    )
    .unwrap();
    for n in 0..COMPONENTS {
        text.push_str(if n == 0 { "" } else { "," });
        component(&mut text, n);
    }
    text.push_str("]}}");
    text
}

/// Reads the statement, and checks what that takes beside it.
pub(crate) fn check(payload: &str) {
    // The system forgets the most that was in use so far.
    let forgotten = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let Some(before) = kib("VmRSS:").filter(|_| forgotten) else {
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
