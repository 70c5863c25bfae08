//! A large SPDX document is read in bounded memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

#[path = "memory/measure.rs"]
mod measure;

use std::fmt::Write as _;

fn spdx() -> String {
    measure::statement(
        "https://spdx.dev/Document",
        r#""spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":"#,
        |text, n| {
            write!(
            text,
            r#"{{"SPDXID":"SPDXRef-{n}","name":"lib-{n}","versionInfo":"1.2.3","downloadLocation":"https://registry.example.com/lib-{n}-1.2.3.tgz","checksums":[{{"algorithm":"SHA256","checksumValue":"{n:064x}"}},{{"algorithm":"SHA512","checksumValue":"{n:0128x}"}}],"externalRefs":[{{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/%40acme/lib-{n}@1.2.3"}}]}}"#
        )
        .unwrap();
        },
    )
}

#[test]
fn a_large_spdx_document_is_read_in_little_memory() {
    measure::check(&spdx());
}
