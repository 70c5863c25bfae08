//! A large CycloneDX document is read in bounded memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

#[path = "memory/measure.rs"]
mod measure;

use std::fmt::Write as _;

fn cyclonedx() -> String {
    measure::statement(
        "https://cyclonedx.org/bom",
        r#""bomFormat":"CycloneDX","specVersion":"1.6","components":"#,
        |text, n| {
            write!(
            text,
            r#"{{"type":"library","bom-ref":"ref-{n}","group":"@acme","name":"lib-{n}","version":"1.2.3","purl":"pkg:npm/%40acme/lib-{n}@1.2.3","hashes":[{{"alg":"SHA-256","content":"{n:064x}"}},{{"alg":"SHA-512","content":"{n:0128x}"}}],"licenses":[{{"license":{{"id":"Apache-2.0"}}}}],"externalReferences":[{{"type":"distribution","url":"https://registry.example.com/lib-{n}-1.2.3.tgz"}}]}}"#
        )
        .unwrap();
        },
    )
}

#[test]
fn a_large_cyclonedx_document_is_read_in_little_memory() {
    measure::check(&cyclonedx());
}
