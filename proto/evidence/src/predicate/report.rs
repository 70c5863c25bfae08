//! Reports about the subjects: results of tests, references to documents, attribute reports (SCAI), runtime traces, and
//! whatever `cosign attest` wraps. What they say is in the document itself; read is what they can be found by.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::list::Limited;
use super::slsa::time;
use super::{list, text};
use crate::capped::Capped;
use crate::digest_set::{Digest, DigestError};
use crate::json::{self, JsonError};
use crate::object::{self, Object};
use crate::statement::{Descriptor, RawDescriptor};

/// in-toto/attestation `spec/predicates/test-result.md`
pub const TEST_RESULT_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// in-toto/attestation `spec/predicates/reference.md`
pub const REFERENCE_TYPE: &str = "https://in-toto.io/attestation/reference/v0.1";
/// in-toto/attestation `spec/predicates/scai.md`; the type names its file, or the report.
pub const SCAI_TYPES: [&str; 4] = [
    "https://in-toto.io/attestation/scai/attribute-report",
    "https://in-toto.io/attestation/scai/attribute-report/v0.2",
    "https://in-toto.io/attestation/scai/attribute-report/v0.3",
    "https://in-toto.io/attestation/scai/v0.3",
];
/// in-toto/attestation `spec/predicates/runtime-trace.md`
pub const RUNTIME_TRACE_TYPES: [&str; 2] = [
    "https://in-toto.io/attestation/runtime-trace/v0.1",
    "https://in-toto.io/attestation/runtime-trace/v0.2",
];
/// sigstore/cosign `specs/COSIGN_PREDICATE_SPEC.md`; its first versions left the scheme out.
pub const COSIGN_TYPES: [&str; 2] =
    ["https://cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"];

/// The most documents that a report points to.
pub const DOCUMENTS_MAX: usize = crate::statement::SUBJECTS_MAX;

/// What a report can be found by. Texts stand as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What it is, for people: `test result: 3 passed, 1 failed`.
    pub title: String,
    /// The page of the tests, with the path of the member: it stands for whoever ran them.
    pub tested: Option<(String, String)>,
    /// The run that it is about, as provenance names it.
    pub run: Option<String>,
    /// Whom it names: an attester, a producer, a monitor.
    pub named: Vec<(String, String)>,
    /// Where what it points to is.
    pub locations: Vec<(String, String)>,
    /// Documents about the subjects that it points to, with the path of each.
    pub documents: Vec<(String, Descriptor)>,
    /// The digest of a document that it holds as text.
    pub inner: Option<Digest>,
    /// When what it is about started, with the path of the member.
    pub started: Option<(String, String)>,
    /// When it ended.
    pub finished: Option<(String, String)>,
    /// Digests that were dropped because they cannot be kept.
    pub dropped: Vec<(String, DigestError)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TestOutcome {
    Passed,
    Warned,
    Failed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestResult {
    result: TestOutcome,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    passed_tests: Option<Capped<IgnoredAny, 0>>,
    #[serde(default)]
    warned_tests: Option<Capped<IgnoredAny, 0>>,
    #[serde(default)]
    failed_tests: Option<Capped<IgnoredAny, 0>>,
}

#[derive(Deserialize)]
struct Reference {
    attester: Object<Attester>,
    #[serde(deserialize_with = "list::required")]
    references: Limited<Object<Located>, DOCUMENTS_MAX>,
}

#[derive(Deserialize)]
struct Attester {
    #[serde(deserialize_with = "text::filled")]
    id: String,
}

#[derive(Deserialize)]
struct Located {
    #[serde(flatten)]
    descriptor: RawDescriptor,
    #[serde(rename = "downloadLocation", default)]
    location: Option<String>,
}

#[derive(Deserialize)]
struct Scai {
    #[serde(deserialize_with = "list::required")]
    attributes: Limited<Object<Attribute>, DOCUMENTS_MAX>,
    #[serde(deserialize_with = "object::optional", default)]
    producer: Option<RawDescriptor>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "attribute", deserialize_with = "text::filled")]
    _name: String,
    #[serde(deserialize_with = "object::optional", default)]
    evidence: Option<Located>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeTrace {
    monitor: Object<Monitor>,
    monitored_process: Object<Monitored>,
    #[serde(rename = "monitorLog")]
    _log: Object<IgnoredAny>,
    #[serde(deserialize_with = "object::optional", default)]
    metadata: Option<TraceTimes>,
}

#[derive(Deserialize)]
struct Monitor {
    #[serde(rename = "type", deserialize_with = "text::filled")]
    kind: String,
}

#[derive(Deserialize)]
struct Monitored {
    #[serde(default)]
    event: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct TraceTimes {
    #[serde(default)]
    build_started_on: Option<String>,
    #[serde(default)]
    build_finished_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Custom {
    data: Box<RawValue>,
    #[serde(default)]
    timestamp: Option<String>,
}

/// Reads the exact bytes of a test result.
pub fn decode_test_result(bytes: &[u8]) -> Result<Report, JsonError> {
    let Object(result): Object<TestResult> = json::from_slice(bytes)?;
    let outcome = match result.result {
        TestOutcome::Passed => "passed",
        TestOutcome::Warned => "warned",
        TestOutcome::Failed => "failed",
    };
    let count = |tests: Option<Capped<IgnoredAny, 0>>| tests.unwrap_or_default().total;
    let (passed, warned, failed) =
        (count(result.passed_tests), count(result.warned_tests), count(result.failed_tests));
    Ok(Report {
        title: format!("test result {outcome}: {passed} passed, {warned} warned, {failed} failed"),
        tested: time("predicate.url", result.url),
        ..Report::default()
    })
}

/// Reads the exact bytes of references to documents.
pub fn decode_reference(bytes: &[u8]) -> Result<Report, JsonError> {
    let Object(reference): Object<Reference> = json::from_slice(bytes)?;
    let Object(attester) = reference.attester;
    let mut report = Report { title: "references".to_owned(), ..Report::default() };
    report.named.push(("predicate.attester.id".to_owned(), attester.id));
    for (position, Object(located)) in reference.references.0.into_iter().enumerate() {
        report.point(&format!("predicate.references[{position}]"), located);
    }
    Ok(report)
}

/// Reads the exact bytes of an attribute report.
pub fn decode_scai(bytes: &[u8]) -> Result<Report, JsonError> {
    let Object(scai): Object<Scai> = json::from_slice(bytes)?;
    let attributes = scai.attributes.0;
    let mut report = Report { title: format!("{} attributes", attributes.len()), ..Report::default() };
    for (position, Object(attribute)) in attributes.into_iter().enumerate() {
        if let Some(evidence) = attribute.evidence {
            report.point(&format!("predicate.attributes[{position}].evidence"), evidence);
        }
    }
    if let Some(producer) = scai.producer {
        let producer = producer.tolerant(|_| {});
        let name = producer.uri().or(producer.name()).map(ToOwned::to_owned);
        report.named.extend(name.map(|name| ("predicate.producer".to_owned(), name)));
    }
    Ok(report)
}

/// Reads the exact bytes of a runtime trace. What was traced is not read: it may be anything.
pub fn decode_runtime_trace(bytes: &[u8]) -> Result<Report, JsonError> {
    let Object(trace): Object<RuntimeTrace> = json::from_slice(bytes)?;
    let (Object(monitor), Object(process)) = (trace.monitor, trace.monitored_process);
    let times = trace.metadata.unwrap_or_default();
    Ok(Report {
        title: "runtime trace".to_owned(),
        named: vec![("predicate.monitor.type".to_owned(), monitor.kind)],
        // Other texts name a job of a kind, not one run of it.
        run: process.event.filter(|event| event.contains("://")),
        started: time("predicate.metadata.buildStartedOn", times.build_started_on),
        finished: time("predicate.metadata.buildFinishedOn", times.build_finished_on),
        ..Report::default()
    })
}

/// Reads the exact bytes of what `cosign attest` wraps.
pub fn decode_cosign(bytes: &[u8]) -> Result<Report, JsonError> {
    let Object(custom): Object<Custom> = json::from_slice(bytes)?;
    let data = serde_json::from_str::<String>(custom.data.get()).ok();
    Ok(Report {
        title: "cosign attestation".to_owned(),
        inner: data.map(|text| Digest::sha256_of(text.as_bytes())),
        finished: time("predicate.Timestamp", custom.timestamp),
        ..Report::default()
    })
}

impl Report {
    fn point(&mut self, path: &str, located: Located) {
        let dropped = &mut self.dropped;
        let digest = format!("{path}.digest");
        let document = located.descriptor.tolerant(|error| dropped.push((digest.clone(), error)));
        if let Some(location) = located.location.filter(|text| !text.is_empty()) {
            self.locations.push((format!("{path}.downloadLocation"), location));
        }
        self.documents.push((path.to_owned(), document));
    }
}
