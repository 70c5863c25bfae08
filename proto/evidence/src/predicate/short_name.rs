//! Short names of the predicate types that are understood: what people type instead of a URI.

use super::{
    Approval, CustodyPredicate as _, Deployment, Distribution, Exception, Expected, Promotion, Publication,
    Review, Run, Snapshot, Source, Tag, judgement, link, release, report, slsa_v1, slsa_v02,
    source_provenance, vulns,
};

/// Each short name, with all the types that it stands for: versions of one format, and what its producers write for
/// them. In the order of the names.
pub const SHORT_NAMES: &[(&str, &[&str])] = &[
    ("approval", &[Approval::TYPE]),
    ("cosign", &report::COSIGN_TYPES),
    ("cosign-vuln", &vulns::COSIGN_TYPES),
    ("cyclonedx", &CYCLONEDX),
    ("deployment", &[Deployment::TYPE]),
    ("distribution", &[Distribution::TYPE]),
    ("exception", &[Exception::TYPE]),
    ("expected", &[Expected::TYPE]),
    ("link", &link::TYPES),
    ("npm-publish", &[release::NPM_PUBLISH_TYPE]),
    ("openvex", &OPENVEX),
    ("promotion", &[Promotion::TYPE]),
    ("provenance", &[slsa_v1::TYPE, slsa_v02::TYPE]),
    ("publication", &[Publication::TYPE]),
    ("reference", &[report::REFERENCE_TYPE]),
    ("release", &release::RELEASE_TYPES),
    ("review", &[Review::TYPE]),
    ("run", &[Run::TYPE]),
    ("runtime-trace", &report::RUNTIME_TRACE_TYPES),
    ("scai", &report::SCAI_TYPES),
    ("scan", &[vulns::REPORT_TYPE]),
    ("snapshot", &[Snapshot::TYPE]),
    ("source", &[Source::TYPE]),
    ("source-provenance", &[source_provenance::SOURCE_TYPE]),
    ("spdx", &SPDX),
    ("svr", &judgement::SVR_TYPES),
    ("tag", &[Tag::TYPE]),
    ("tag-provenance", &[source_provenance::TAG_TYPE]),
    ("test-result", &[report::TEST_RESULT_TYPE]),
    ("vsa", &[judgement::VSA_TYPE]),
    ("vulns", &vulns::TYPES),
];

/// `CycloneDX` without a version, as cosign writes it, and with each that is read.
const CYCLONEDX: [&str; 7] = [
    "https://cyclonedx.org/bom",
    "https://cyclonedx.org/bom/v1.2",
    "https://cyclonedx.org/bom/v1.3",
    "https://cyclonedx.org/bom/v1.4",
    "https://cyclonedx.org/bom/v1.5",
    "https://cyclonedx.org/bom/v1.6",
    "https://cyclonedx.org/bom/v1.7",
];

/// SPDX without a version, and with each that is read or recorded.
const SPDX: [&str; 4] = [
    "https://spdx.dev/Document",
    "https://spdx.dev/Document/v2.2",
    "https://spdx.dev/Document/v2.3",
    "https://spdx.dev/Document/v3",
];

/// `OpenVEX` without a version, and with each that is read.
const OPENVEX: [&str; 3] =
    ["https://openvex.dev/ns", "https://openvex.dev/ns/v0.0.1", "https://openvex.dev/ns/v0.2.0"];

/// Returns the types that a short name stands for; none if it is no short name.
#[must_use]
pub fn types_of(short_name: &str) -> Option<&'static [&'static str]> {
    SHORT_NAMES.iter().find(|(name, _)| *name == short_name).map(|(_, types)| *types)
}
