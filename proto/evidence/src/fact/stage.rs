//! The stages of a chain of custody: where each edge belongs, and which stages lack their evidence.

use super::word::words;
use super::{EdgeKind, NodeKind};
use crate::{predicate, sbom};

words! {
    /// A stage of a chain of custody, in the order in which people read them.
    pub enum Stage {
        /// Where a commit comes from: its branch or tag, its author.
        Source = "source",
        /// Who looked at it.
        Review = "review",
        /// How it was built, and from what.
        Build = "build",
        /// What it contains, as a bill of materials says.
        Sbom = "sbom",
        /// What scans, tests and VEX say about it.
        Scan = "scan",
        /// Who let it pass.
        Approval = "approval",
        /// Where it was moved on to.
        Promotion = "promotion",
        /// Where it runs or ran.
        Deployment = "deployment",
        /// Evidence that is no stage: other digests, names, recipients, reports that are no scan. No chain lacks it.
        Other = "other",
    }
}

impl Stage {
    /// Returns where an edge belongs that a statement with this predicate type asserts.
    #[must_use]
    pub fn of(kind: EdgeKind, predicate_type: &str) -> Self {
        match kind {
            EdgeKind::OnRef | EdgeKind::AuthoredBy => Self::Source,
            EdgeKind::Reviewed => Self::Review,
            EdgeKind::BuiltBy
            | EdgeKind::BuiltFrom
            | EdgeKind::CouldRead
            | EdgeKind::DefinedBy
            | EdgeKind::RanOn
            | EdgeKind::Resolved => Self::Build,
            EdgeKind::Contains | EdgeKind::FetchedFrom | EdgeKind::HasBytes => Self::Sbom,
            EdgeKind::DescribedBy if sbom::is_type(predicate_type) => Self::Sbom,
            EdgeKind::DescribedBy if !predicate::is_scan(predicate_type) => Self::Other,
            EdgeKind::AffectedBy | EdgeKind::DescribedBy | EdgeKind::NotAffectedBy | EdgeKind::Tested => {
                Self::Scan
            }
            EdgeKind::Approved | EdgeKind::Judged => Self::Approval,
            EdgeKind::Promoted => Self::Promotion,
            EdgeKind::RunsIn | EdgeKind::StoppedIn => Self::Deployment,
            EdgeKind::PointsTo | EdgeKind::Published | EdgeKind::Received | EdgeKind::SameAs => Self::Other,
        }
    }

    /// Returns the stages that the chain of a node lacks: those that none of its edges, each with its stage, is
    /// evidence of. Only what is built and shipped can lack something: a component or an environment is shown
    /// with what names it.
    #[must_use]
    pub fn missing(of: NodeKind, edges: impl IntoIterator<Item = (Self, EdgeKind)>) -> Vec<Self> {
        if !matches!(of, NodeKind::Artifact | NodeKind::Commit | NodeKind::Run) {
            return Vec::new();
        }
        let mut missing = Self::ALL.to_vec();
        missing.retain(|stage| *stage != Self::Other);
        for (stage, _) in edges.into_iter().filter(|(_, kind)| is_evidence(*kind)) {
            missing.retain(|lacking| *lacking != stage);
        }
        missing
    }
}

/// Whether an edge is the evidence that its stage is named for: a build that only names its commit is no source
/// record, a test result no scan, a verdict no approval.
const fn is_evidence(kind: EdgeKind) -> bool {
    matches!(
        kind,
        EdgeKind::OnRef
            | EdgeKind::AuthoredBy
            | EdgeKind::Reviewed
            | EdgeKind::BuiltBy
            | EdgeKind::Contains
            | EdgeKind::DescribedBy
            | EdgeKind::AffectedBy
            | EdgeKind::NotAffectedBy
            | EdgeKind::Approved
            | EdgeKind::Promoted
            | EdgeKind::RunsIn
            | EdgeKind::StoppedIn
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SBOM: &str = "https://spdx.dev/Document/v2.3";
    const SCAN: &str = "https://in-toto.io/attestation/vulns/v0.1";

    fn missing(of: NodeKind, edges: &[(EdgeKind, &str)]) -> Vec<&'static str> {
        let edges = edges.iter().map(|(kind, predicate)| (Stage::of(*kind, predicate), *kind));
        Stage::missing(of, edges).into_iter().map(Stage::as_str).collect()
    }

    #[test]
    fn each_stage_is_missing_until_its_own_evidence_is_there() {
        let whole = [
            ("source", EdgeKind::AuthoredBy, ""),
            ("review", EdgeKind::Reviewed, ""),
            ("build", EdgeKind::BuiltBy, ""),
            ("sbom", EdgeKind::DescribedBy, SBOM),
            ("scan", EdgeKind::DescribedBy, SCAN),
            ("approval", EdgeKind::Approved, ""),
            ("promotion", EdgeKind::Promoted, ""),
            ("deployment", EdgeKind::StoppedIn, ""),
        ];
        for (left_out, word) in whole.iter().map(|(word, ..)| word).enumerate() {
            let mut rest: Vec<_> = whole.iter().map(|(_, kind, predicate)| (*kind, *predicate)).collect();
            assert_eq!(missing(NodeKind::Artifact, &rest), [""; 0]);
            rest.remove(left_out);
            assert_eq!(missing(NodeKind::Artifact, &rest), [*word]);
        }
    }

    #[test]
    fn what_only_names_something_is_no_evidence_of_its_stage() {
        let all = missing(NodeKind::Run, &[]);
        assert_eq!(all, Stage::ALL.map(Stage::as_str)[..8]);
        for kind in EdgeKind::ALL.into_iter().filter(|kind| !is_evidence(*kind)) {
            assert_eq!(missing(NodeKind::Run, &[(kind, SBOM)]), all, "{kind}");
        }
    }

    /// A trace with the trace of its build would seem to be scanned.
    #[test]
    fn a_report_that_is_no_scan_is_no_evidence_of_one() {
        for no_scan in [
            "https://in-toto.io/attestation/runtime-trace/v0.2",
            "https://in-toto.io/attestation/test-result/v0.1",
            "https://in-toto.io/attestation/reference/v0.1",
            "https://cosign.sigstore.dev/attestation/v1",
        ] {
            assert_eq!(Stage::of(EdgeKind::DescribedBy, no_scan), Stage::Other, "{no_scan}");
        }
        for scan in [SCAN, "https://cosign.sigstore.dev/attestation/vuln/v1", "https://openvex.dev/ns/v0.2.0"]
        {
            assert_eq!(Stage::of(EdgeKind::DescribedBy, scan), Stage::Scan, "{scan}");
        }
    }

    #[test]
    fn only_what_is_built_or_shipped_can_lack_something() {
        for kind in NodeKind::ALL {
            let has_chain = matches!(kind, NodeKind::Artifact | NodeKind::Commit | NodeKind::Run);
            assert_eq!(missing(kind, &[]).is_empty(), !has_chain, "{kind}");
        }
    }
}
