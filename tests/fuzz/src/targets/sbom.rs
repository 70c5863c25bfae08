//! Software bills of materials.

use custody_evidence::sbom::{COMPONENTS_MAX, Component, DESCRIBED_MAX, components, in_answer};
use custody_evidence::scan::FINDINGS_MAX;

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused};
use crate::corpus::Corpus;

/// One of each member that is read.
pub(super) const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-11-22T20:31:24Z","component":{"name":"app","version":"1","purl":"pkg:generic/app@1","hashes":[{"alg":"SHA-256","content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}},"components":[{"type":"library","group":"@babel","name":"core","version":"7.0.0","purl":"pkg:npm/%40babel/core@7.0.0","scope":"required","hashes":[{"alg":"SHA-1","content":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}],"externalReferences":[{"type":"distribution","url":"https://example.com/core.tgz"}],"components":[{"name":"inner","scope":"excluded"}]}]}"#;
pub(super) const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","creationInfo":{"created":"2026-11-22T20:31:24Z"},"documentDescribes":["SPDXRef-app"],"packages":[{"SPDXID":"SPDXRef-app","name":"app","versionInfo":"1","downloadLocation":"https://example.com/app.tgz","checksums":[{"algorithm":"SHA256","checksumValue":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}],"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:generic/app@1"}]}],"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-app"}]}"#;
const VULNERABLE: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","components":[{"bom-ref":"a","name":"a","purl":"pkg:npm/a@1"}],"vulnerabilities":[{"id":"CVE-1","affects":[{"ref":"a"}]},{"id":"CVE-2","analysis":{"state":"not_affected"},"affects":[{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#a"}]}]}"#;
const ANSWER: &str = r#"{"sbom":{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a"}]}}"#;
const WRAPPED: &str =
    r#"{"Data":"{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[]}","Timestamp":"2026-11-22T20:31:24Z"}"#;

const fn target(
    name: &'static str,
    words: &'static [&'static str],
    seeds: fn(&Corpus) -> Vec<Vec<u8>>,
) -> Target {
    Target { name, max: 24 << 10, rounds: 2500, words, seeds, run: sbom }
}

pub(super) const TARGETS: &[Target] = &[
    target(
        "sbom.cyclonedx",
        &[
            "\"components\":",
            "\"purl\":",
            "\"hashes\":",
            "\"alg\":",
            "\"content\":",
            "\"SHA-256\"",
            "\"metadata\":",
            "\"component\":",
            "\"scope\":",
            "\"1.4\"",
            "\"externalReferences\":",
            "\"vulnerabilities\":",
            "\"analysis\":",
            "\"affects\":",
            "\"bom-ref\":",
            "\u{feff}",
        ],
        |corpus| seeds(corpus, &[CYCLONEDX, VULNERABLE, WRAPPED], b"bomFormat"),
    ),
    target(
        "sbom.spdx2",
        &[
            "\"packages\":",
            "\"SPDXID\":",
            "\"relationships\":",
            "\"documentDescribes\":",
            "\"externalRefs\":",
            "\"checksums\":",
            "\"DESCRIBES\"",
            "\"SPDX-2.2\"",
            "SPDXRef-DOCUMENT",
            "\"Data\":",
            "\"sbom\":",
        ],
        |corpus| seeds(corpus, &[SPDX, ANSWER, WRAPPED], b"spdxVersion"),
    ),
];

fn sbom(bytes: &[u8]) -> Outcome {
    let part = |inner: &[u8]| bytes.as_ptr_range().contains(&inner.as_ptr());
    assert!(in_answer(bytes).is_none_or(part), "a document that does not stand in the file");
    match components(bytes) {
        Ok(found) => {
            assert!(found.vulnerabilities.len() <= FINDINGS_MAX);
            assert!(found.vulnerabilities.iter().all(|found| !found.path.is_empty() && !found.id.is_empty()));
            assert!(found.components.len() <= COMPONENTS_MAX && found.described.len() <= DESCRIBED_MAX);
            // What is printed for each component, whatever it holds, is some 150 bytes, and the shortest is two.
            bounded(bytes.len(), &found, 120, 8192);
            let all = || found.components.iter().chain(&found.described);
            assert!(
                all().all(|component| !component.path.to_string().is_empty()),
                "a component without a place"
            );
            let paths = |components: &[Component<'_>]| {
                let mut paths: Vec<String> =
                    components.iter().map(|component| component.path.to_string()).collect();
                paths.sort();
                paths.windows(2).all(|two| two[0] != two[1])
            };
            assert!(paths(&found.components), "two components in one place");
            assert!(
                found.left_out.iter().all(|(path, why)| !path.is_empty() && why.to_string().len() <= 4096)
            );
            assert_eq!(components(bytes).as_ref(), Ok(&found), "read twice, found otherwise");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Our own, those of the corpus that are of this format and short, and one that is long.
fn seeds(corpus: &Corpus, own: &[&str], mark: &[u8]) -> Vec<Vec<u8>> {
    let mut real = corpus.documents("sbom");
    real.retain(|document| document.windows(mark.len()).take(4096).any(|window| window == mark));
    real.sort_by_key(Vec::len);
    real.truncate(40);
    [texts(own), real].concat()
}
