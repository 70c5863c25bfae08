//! Documents in the shapes that producers write and that are easily overlooked, each made by hand after its format: what is read, and
//! what comes of it. Files as they are, large ones and those that are wrong, are in the corpus.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

use std::collections::BTreeSet;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{self, Facts};
use custody_evidence::sbom;
use custody_evidence::scan::{self, Severity, junit};
use custody_evidence::statement::{Statement, StatementBuilder};

/// The facts of a predicate about the file `app`.
fn facts(predicate_type: &str, predicate: &str) -> Facts {
    let statement = StatementBuilder::new(predicate_type).subject("app", [Digest::sha256_of(b"app")]);
    let payload = statement.predicate(predicate.as_bytes()).unwrap();
    fact::read(&Statement::parse(&payload).unwrap())
}

/// Its edges without those that every statement of the type has, with `app` for its digest.
fn edges(facts: &Facts, without: &str) -> BTreeSet<String> {
    let app = Digest::sha256_of(b"app").to_string();
    let shown = facts.edges.iter().map(|edge| edge.to_string().replace(&app, "app"));
    shown.filter(|edge| !edge.contains(without)).collect()
}

fn set(lines: &[&str]) -> BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// What a document lists: format, package URLs, names of what it describes, where its bytes come from.
type Listed<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

const SBOMS: &[(&str, &str, Listed<'_>)] = &[
    (
        "cyclonedx-cli and other .NET tools write a byte order mark",
        "\u{feff}{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.4\",\"components\":[{\"type\":\"library\",\"name\":\"Newtonsoft.Json\",\"version\":\"13.0.1\",\"purl\":\"pkg:nuget/Newtonsoft.Json@13.0.1\"}]}",
        ("CycloneDX 1.4", &["pkg:nuget/Newtonsoft.Json@13.0.1"], &[], &[]),
    ),
    (
        "GitHub's dependency graph answers with the document in a member",
        r#"{"sbom":{"SPDXID":"SPDXRef-DOCUMENT","spdxVersion":"SPDX-2.3","creationInfo":{"created":"2026-05-01T10:00:00Z","creators":["Tool: GitHub.com-Dependency-Graph"]},"name":"com.github.acme/api","dataLicense":"CC0-1.0","documentNamespace":"https://spdx.org/spdxdocs/protobom/1","packages":[
            {"SPDXID":"SPDXRef-github-acme-api","name":"com.github.acme/api","versionInfo":"main","downloadLocation":"git+https://github.com/acme/api","filesAnalyzed":false,"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:github/acme/api@main"}]},
            {"SPDXID":"SPDXRef-npm-axios","name":"axios","versionInfo":"","downloadLocation":"NOASSERTION","filesAnalyzed":false,"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/axios"}]}],
            "relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-github-acme-api","relationshipType":"DESCRIBES"},{"spdxElementId":"SPDXRef-github-acme-api","relatedSpdxElement":"SPDXRef-npm-axios","relationshipType":"DEPENDS_ON"}]}}"#,
        (
            "SPDX-2.3",
            &["pkg:github/acme/api@main", "pkg:npm/axios"],
            &["com.github.acme/api"],
            &["git+https://github.com/acme/api"],
        ),
    ),
    (
        "sbom-tool of Microsoft: SPDX 2.2 with files, and the root in documentDescribes",
        r#"{"files":[{"fileName":"./app.dll","SPDXID":"SPDXRef-File--app.dll-1","checksums":[{"algorithm":"SHA256","checksumValue":"aa"}]}],"packages":[
            {"name":"Humanizer","SPDXID":"SPDXRef-Package-1","downloadLocation":"NOASSERTION","filesAnalyzed":false,"versionInfo":"2.14.1","externalRefs":[{"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:nuget/Humanizer@2.14.1"}],"supplier":"NOASSERTION"},
            {"name":"api","SPDXID":"SPDXRef-RootPackage","downloadLocation":"NOASSERTION","packageVerificationCode":{"packageVerificationCodeValue":"b"},"filesAnalyzed":true,"versionInfo":"1.0","externalRefs":[{"referenceCategory":"PACKAGE_MANAGER","referenceType":"purl","referenceLocator":"pkg:swid/Acme/sbom.example.com/api@1.0?tag_id=3e8a5a5f"}],"hasFiles":["SPDXRef-File--app.dll-1"]}],
            "externalDocumentRefs":[],"relationships":[{"relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-Package-1","spdxElementId":"SPDXRef-RootPackage"},{"relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-RootPackage","spdxElementId":"SPDXRef-DOCUMENT"}],
            "spdxVersion":"SPDX-2.2","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"api 1.0","documentNamespace":"https://sbom.example.com/1","creationInfo":{"created":"2026-05-01T10:00:00Z","creators":["Tool: Microsoft.SBOMTool-2.2.7"]},"documentDescribes":["SPDXRef-RootPackage"]}"#,
        (
            "SPDX-2.2",
            &["pkg:nuget/Humanizer@2.14.1", "pkg:swid/Acme/sbom.example.com/api@1.0?tag_id=3e8a5a5f"],
            &["api"],
            &[],
        ),
    ),
    (
        "the type of a reference as its URI, as converters from RDF write it",
        r#"{"spdxVersion":"SPDX-2.2","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-1","name":"foo","downloadLocation":"NONE","externalRefs":[{"referenceCategory":"SECURITY","referenceType":"http://spdx.org/rdf/references/cpe23Type","referenceLocator":"cpe:2.3:a:foo:foo:1:*:*:*:*:*:*:*"},{"referenceCategory":"PACKAGE_MANAGER","referenceType":"http://spdx.org/rdf/references/purl","referenceLocator":"pkg:generic/foo@1"}]}]}"#,
        ("SPDX-2.2", &["pkg:generic/foo@1"], &[], &[]),
    ),
    (
        "trivy: the image as container, an operating system without a package URL, a purl with qualifiers",
        r#"{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3ff14136-e09f-4df9-80ea-000000000001","version":1,
            "metadata":{"timestamp":"2026-05-01T10:00:00+00:00","tools":{"components":[{"type":"application","manufacturer":{"name":"Aqua Security Software Ltd."},"group":"aquasecurity","name":"trivy","version":"0.58.0"}]},
            "component":{"bom-ref":"pkg:oci/api@sha256%3A00?arch=amd64&repository_url=ghcr.io%2Facme%2Fapi","type":"container","name":"ghcr.io/acme/api:1.2","purl":"pkg:oci/api@sha256%3A00?arch=amd64&repository_url=ghcr.io%2Facme%2Fapi","properties":[{"name":"aquasecurity:trivy:SchemaVersion","value":"2"}]}},
            "components":[{"bom-ref":"c1","type":"operating-system","name":"alpine","version":"3.20.0","properties":[{"name":"aquasecurity:trivy:Class","value":"os-pkgs"}]},
            {"bom-ref":"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=3.20.0","type":"library","supplier":{"name":"Natanael Copa"},"name":"musl","version":"1.2.5-r0","hashes":[{"alg":"SHA-1","content":"2a7d1f8a07a6a4a8b3e8dc2f1d5e7f0a9b8c7d6e"}],"licenses":[{"license":{"name":"MIT"}}],"purl":"pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=3.20.0"}],
            "dependencies":[],"vulnerabilities":[]}"#,
        (
            "CycloneDX 1.6",
            &["pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=3.20.0"],
            &["ghcr.io/acme/api:1.2"],
            &[],
        ),
    ),
    (
        "cdxgen: empty texts, a component in a component, an empty distribution, evidence and annotations",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.7","version":1,"metadata":{"tools":{"components":[{"group":"@cyclonedx","name":"cdxgen","type":"application"}]},"authors":[{"name":"OWASP Foundation"}],"component":{"name":"app","group":"","version":"","type":"application","bom-ref":"pkg:npm/app@latest","purl":"pkg:npm/app@latest","components":[{"type":"library","name":"inner","version":"2","purl":"pkg:npm/inner@2"}]}},
            "components":[{"group":"","name":"left-pad","version":"1.3.0","scope":"optional","hashes":[{"alg":"SHA-512","content":"5d8a9d0b5e1c4f2a3b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f9000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122"}],"purl":"pkg:npm/left-pad@1.3.0","externalReferences":[{"type":"distribution","url":""},{"type":"distribution","url":"https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz"}],"evidence":{"identity":[{"field":"purl","confidence":1}]}}],
            "services":[],"formulation":[],"annotations":[{"subjects":["x"],"text":"t"}]}"#,
        (
            "CycloneDX 1.7",
            &["pkg:npm/inner@2", "pkg:npm/left-pad@1.3.0"],
            &["app"],
            &["https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz"],
        ),
    ),
    (
        "cyclonedx-gomod: a module with its platform",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"bom-ref":"r","type":"library","name":"golang.org/x/net","version":"v0.17.0","scope":"required","hashes":[],"purl":"pkg:golang/golang.org/x/net@v0.17.0?type=module&goos=linux&goarch=amd64","externalReferences":[{"url":"https://go.googlesource.com/net","type":"vcs"}]}]}"#,
        (
            "CycloneDX 1.5",
            &["pkg:golang/golang.org/x/net@v0.17.0?goarch=amd64&goos=linux&type=module"],
            &[],
            &[],
        ),
    ),
    (
        "lists that are null, as Go writes empty ones",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.4","metadata":{"component":null},"components":[{"name":"a","hashes":null,"externalReferences":null,"components":null,"purl":"pkg:npm/a@1"}],"dependencies":null,"vulnerabilities":null}"#,
        ("CycloneDX 1.4", &["pkg:npm/a@1"], &[], &[]),
    ),
    (
        "no list of components at all",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.3","metadata":{"component":{"type":"application","name":"empty"}}}"#,
        ("CycloneDX 1.3", &[], &["empty"], &[]),
    ),
    (
        "a package of SPDX with two package URLs and BLAKE checksums",
        r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-1","name":"foo","versionInfo":"1.0","downloadLocation":"https://example.com/foo.tgz","checksums":[{"algorithm":"BLAKE2b-256","checksumValue":"00"},{"algorithm":"BLAKE3","checksumValue":"11"},{"algorithm":"ADLER32","checksumValue":"22"}],"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/foo@1.0"},{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:generic/foo@1.0"}]}],"relationships":[]}"#,
        ("SPDX-2.3", &["pkg:npm/foo@1.0"], &[], &["https://example.com/foo.tgz"]),
    ),
];

#[test]
fn every_sbom_lists_its_components() {
    for (what, text, (format, purls, described, fetched)) in SBOMS {
        let found = sbom::components(text.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.format, *format, "{what}");
        let listed = found.components.iter().filter_map(|component| Some(component.purl.as_ref()?.as_str()));
        assert_eq!(listed.collect::<Vec<_>>(), *purls, "{what}");
        let names: Vec<&str> = found.described.iter().map(|component| component.name.as_ref()).collect();
        assert_eq!(names, *described, "{what}");
        let from: Vec<&str> = found
            .components
            .iter()
            .flat_map(|component| &component.fetched_from)
            .map(AsRef::as_ref)
            .collect();
        assert_eq!(from, *fetched, "{what}");
        assert!(
            found.left_out.is_empty() && found.vulnerabilities.is_empty(),
            "{what}: {:?}",
            found.left_out
        );
    }
}

#[test]
fn the_document_in_an_answer_of_github_is_its_exact_bytes() {
    let answer = SBOMS[1].1;
    let document = sbom::in_answer(answer.as_bytes()).unwrap();
    assert!(document.starts_with(br#"{"SPDXID""#) && document.ends_with(b"}]}"), "{document:?}");
    assert_eq!(sbom::components(document), sbom::components(answer.as_bytes()));
    assert_eq!(sbom::in_answer(document), None);
    for other in
        [r#"{"sbom":7}"#, r#"{"sbom":null}"#, r#"{"bomFormat":"CycloneDX","sbom":{}}"#, "[]", "7", "{"]
    {
        assert_eq!(sbom::in_answer(other.as_bytes()), None, "{other}");
    }
}

/// What grype and trivy write as CycloneDX, and answers to it: the state of each vulnerability of `log4j-core`.
fn vulnerable(vulnerabilities: &str) -> Facts {
    facts(
        "https://cyclonedx.org/bom",
        &format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","metadata":{{"component":{{"bom-ref":"root","name":"app"}}}},
            "components":[{{"bom-ref":"c-1","name":"log4j-core","purl":"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}},{{"bom-ref":"c 2","name":"file"}}],"vulnerabilities":{vulnerabilities}}}"#
        ),
    )
}

const LOG4J: &str =
    "component pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 affected-by vulnerability CVE-2021-44228";
const APP: &str = "artifact app affected-by vulnerability CVE-2021-44228";
const NOT_APP: &str = "artifact app not-affected-by vulnerability CVE-2021-44228";

#[test]
fn a_vulnerability_that_cyclonedx_lists_is_in_the_component_and_in_the_artifact() {
    let one = |rest: &str| {
        format!(
            r#"[{{"bom-ref":"v","id":"CVE-2021-44228","source":{{"name":"nvd"}},"ratings":[{{"severity":"critical"}}]{rest}}}]"#
        )
    };
    let own = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1";
    for (rest, expected) in [
        // A scanner lists it without an analysis.
        (r#","affects":[{"ref":"c-1","versions":[{"version":"2.14.1","status":"affected"}]}]"#.to_owned(), vec![LOG4J, APP]),
        (r#","analysis":{"state":"exploitable"},"affects":[{"ref":"c-1"}]"#.to_owned(), vec![LOG4J, APP]),
        // A word that is not known may be the worst one.
        (r#","analysis":{"state":"probably_fine"},"affects":[{"ref":"c-1"}]"#.to_owned(), vec![LOG4J, APP]),
        (r#","analysis":{"state":"in_triage"},"affects":[{"ref":"c-1"}]"#.to_owned(), vec![]),
        // What holds of this product says nothing of the component, which others ship.
        (r#","analysis":{"state":"not_affected","justification":"code_not_reachable"},"affects":[{"ref":"c-1"}]"#.to_owned(), vec![NOT_APP]),
        (r#","analysis":{"state":"false_positive"},"affects":[{"ref":"c-1"}]"#.to_owned(), vec![NOT_APP]),
        (r#","analysis":{"state":"resolved"},"affects":[{"ref":"root"}]"#.to_owned(), vec![NOT_APP]),
        (r#","analysis":{"state":"resolved_with_pedigree"}"#.to_owned(), vec![NOT_APP]),
        (String::new(), vec![APP]),
        // A component without a package URL, and one by a link to this document.
        (r#","affects":[{"ref":"c 2"}]"#.to_owned(), vec![APP]),
        (format!(r#","affects":[{{"ref":"{own}#c-1"}}]"#), vec![LOG4J, APP]),
        (format!(r#","affects":[{{"ref":"{own}#c%202"}}]"#), vec![APP]),
    ] {
        let facts = vulnerable(&one(&rest));
        let found: BTreeSet<String> =
            edges(&facts, "described-by").into_iter().filter(|edge| edge.contains("affected-by")).collect();
        assert_eq!(found, set(&expected), "{rest}");
        assert!(facts.interpreted && facts.warnings.is_empty(), "{rest}: {:?}", facts.warnings);
        assert!(facts.terms().iter().any(|term| term.to_string().contains("CVE-2021-44228")), "{rest}");
    }
}

#[test]
fn of_several_words_about_an_artifact_the_worst_holds() {
    let facts = vulnerable(
        r#"[{"id":"CVE-2021-44228","analysis":{"state":"exploitable"},"affects":[{"ref":"c-1"}]},{"id":"CVE-2021-44228","analysis":{"state":"not_affected"},"affects":[{"ref":"c 2"}]}]"#,
    );
    let found = edges(&facts, "described-by");
    assert!(found.contains(APP) && !found.contains(NOT_APP), "{found:?}");
}

#[test]
fn what_names_nothing_here_gives_the_artifact_nothing_and_is_told() {
    let other = "urn:cdx:00000000-0000-4000-8000-000000000000/1";
    for reference in ["nobody", &format!("{other}#nobody")] {
        let facts = vulnerable(&format!(
            r#"[{{"id":"CVE-2021-44228","analysis":{{"state":"not_affected"}},"affects":[{{"ref":"{reference}"}}]}}]"#
        ));
        assert!(!edges(&facts, "described-by").iter().any(|edge| edge.contains("CVE")), "{reference}");
        assert_eq!(facts.warnings.len(), 1, "{reference}: {:?}", facts.warnings);
    }
    // A package of another document is affected, and this artifact is not said to be.
    let facts =
        vulnerable(&format!(r#"[{{"id":"CVE-2021-44228","affects":[{{"ref":"{other}#pkg:npm/x@1"}}]}}]"#));
    let found: Vec<String> =
        edges(&facts, "described-by").into_iter().filter(|edge| edge.contains("CVE")).collect();
    assert_eq!(found, ["component pkg:npm/x@1 affected-by vulnerability CVE-2021-44228"]);
}

#[test]
fn a_document_of_answers_alone_is_about_the_subject_if_it_answers_one_document() {
    let one =
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
    let other = "urn:cdx:00000000-0000-4000-8000-000000000000/1#pkg:npm/x@1";
    let vex = |references: &[&str]| {
        let affects: Vec<String> = references.iter().map(|text| format!(r#"{{"ref":"{text}"}}"#)).collect();
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.4","version":1,"vulnerabilities":[{{"id":"CVE-2021-44228","analysis":{{"state":"not_affected"}},"affects":[{}]}}]}}"#,
            affects.join(",")
        );
        edges(&facts("https://cyclonedx.org/bom", &text), "described-by")
    };
    assert_eq!(vex(&[one]), set(&[NOT_APP]));
    assert_eq!(vex(&[one, other]), set(&[]));
}

#[test]
fn a_vulnerability_that_cannot_be_read_is_told_with_its_place() {
    for (text, place) in [
        (r#"[{"id":""}]"#, "predicate.vulnerabilities[0]"),
        (r#"[{"affects":[{"ref":"c-1"}]}]"#, "predicate.vulnerabilities[0]"),
        (r#"[{"id":"CVE-1"},7]"#, "predicate.vulnerabilities[1]"),
        (r#"[{"id":"CVE-1","affects":7}]"#, "predicate.vulnerabilities[0]"),
        (r#"{"CVE-1":{}}"#, "predicate.vulnerabilities"),
        ("7", "predicate.vulnerabilities"),
    ] {
        let facts = vulnerable(text);
        let told: Vec<String> = facts.warnings.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].starts_with(&format!("{place}:")), "{text}: {told:?}");
        assert_eq!(facts.components, Some(2), "{text}: the components stay");
    }
    let many = format!("[{}{{\"id\":\"CVE-1\"}}]", r#"{"id":"CVE-1"},"#.repeat(scan::FINDINGS_MAX));
    assert!(vulnerable(&many).warnings[0].to_string().contains("50001"));
    let references = r#"{"ref":"c-1"},"#.repeat(1024);
    let many = format!(r#"[{{"id":"CVE-1","affects":[{references}{{"ref":"c-1"}}]}}]"#);
    assert!(vulnerable(&many).warnings[0].to_string().contains("1025"));
}

/// Tools, counts of critical, high, medium, low and unknown findings, and whether the scan came to its end.
type Scanned<'a> = (&'a str, [usize; 5], bool);

const SCANS: &[(&str, &str, Scanned<'_>)] = &[
    (
        "CodeQL: rules in an extension, named by a reference",
        r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":{"name":"CodeQL","organization":"GitHub","semanticVersion":"2.19.0","rules":[],"notifications":[{"id":"cli/x"}]},"extensions":[{"name":"codeql/util","semanticVersion":"1.0"},{"name":"codeql/javascript-queries","semanticVersion":"1.1.3","rules":[{"id":"js/xss","defaultConfiguration":{"enabled":true,"level":"error"},"properties":{"tags":["security"],"kind":"path-problem","precision":"high","security-severity":"7.8"}}]}]},
            "invocations":[{"toolExecutionNotifications":[],"executionSuccessful":true}],"artifacts":[],"results":[{"ruleId":"js/xss","ruleIndex":0,"rule":{"id":"js/xss","index":0,"toolComponent":{"index":1}},"message":{"text":"m"},"locations":[],"partialFingerprints":{}}],"automationDetails":{"id":"/language:javascript/"},"columnKind":"utf16CodeUnits","properties":{"semmle.formatSpecifier":"sarif-latest"}}]}"#,
        ("CodeQL 2.19.0", [0, 1, 0, 0, 0], true),
    ),
    (
        "Semgrep: suppressed in the source, and a list of no suppressions",
        r#"{"version":"2.1.0","runs":[{"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[]}],"tool":{"driver":{"name":"Semgrep OSS","semanticVersion":"1.90.0","rules":[{"id":"r1","name":"r1","defaultConfiguration":{"level":"warning"},"properties":{"precision":"very-high","tags":[]}}]}},"results":[{"ruleId":"r1","message":{"text":"a"},"suppressions":[{"kind":"inSource"}]},{"ruleId":"r1","message":{"text":"b"},"suppressions":[]}]}]}"#,
        ("Semgrep OSS 1.90.0", [0, 0, 1, 0, 0], true),
    ),
    (
        "Roslyn and BinSkim write a byte order mark",
        "\u{feff}{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"Microsoft (R) Visual C# Compiler\",\"version\":\"4.8.0\"}},\"results\":[{\"ruleId\":\"CA1001\",\"ruleIndex\":-1,\"level\":\"note\",\"message\":{\"text\":\"t\"}}]}]}",
        ("Microsoft (R) Visual C# Compiler 4.8.0", [0, 0, 0, 1, 0], true),
    ),
    (
        "a scanner that failed",
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"invocations":[{"executionSuccessful":false}],"results":[]}]}"#,
        ("x", [0; 5], false),
    ),
    (
        "trivy of a repository: a target with nothing, checks that passed, secrets and licences",
        r#"{"SchemaVersion":2,"ReportID":"0198","CreatedAt":"2026-05-01T10:00:00.123456789+02:00","ArtifactName":".","ArtifactType":"repository","Metadata":{"RepoURL":"https://github.com/acme/api"},"Results":[
            {"Target":"go.mod","Class":"lang-pkgs","Type":"gomod"},
            {"Target":"Dockerfile","Class":"config","Type":"dockerfile","MisconfSummary":{"Successes":20,"Failures":1},"Misconfigurations":[{"Type":"Dockerfile Security Check","ID":"DS002","AVDID":"AVD-DS-0002","Title":"t","Severity":"HIGH","Status":"FAIL"},{"ID":"DS001","Severity":"MEDIUM","Status":"PASS"}]},
            {"Target":"a.env","Class":"secret","Secrets":[{"RuleID":"aws-access-key-id","Category":"AWS","Severity":"CRITICAL","Match":"***"}]},
            {"Target":"OS Packages","Class":"license","Licenses":[{"Severity":"UNKNOWN","Category":"unknown","PkgName":"x","Name":"Custom","Confidence":1}]},
            {"Target":"package-lock.json","Class":"lang-pkgs","Type":"npm","Vulnerabilities":[{"VulnerabilityID":"CVE-2026-0001","PkgID":"x@1","PkgName":"x","PkgIdentifier":{"PURL":"pkg:npm/x@1","UID":"a"},"InstalledVersion":"1","FixedVersion":"1.1, 2.0","Status":"fixed","Severity":"LOW"}]}]}"#,
        ("trivy", [1, 1, 0, 1, 1], true),
    ),
    (
        "trivy that found nothing to scan",
        r#"{"SchemaVersion":2,"ArtifactName":"empty","ArtifactType":"filesystem","Metadata":{}}"#,
        ("trivy", [0; 5], false),
    ),
    (
        "grype: a fix that is not known, no package URL, what was ignored apart",
        r#"{"matches":[{"vulnerability":{"id":"CVE-2026-0002","dataSource":"https://nvd.nist.gov","severity":"Negligible","urls":[],"cvss":[],"epss":[],"fix":{"versions":[],"state":"unknown"},"advisories":[],"risk":0.1},"relatedVulnerabilities":[],"matchDetails":[],"artifact":{"id":"1","name":"busybox","version":"1.36","type":"binary","locations":[],"language":"","licenses":[],"cpes":[],"purl":"","upstreams":[]}},
            {"vulnerability":{"id":"GHSA-1","severity":"Critical","fix":{"versions":null,"state":"wont-fix"}},"artifact":{"name":"y","version":"1","purl":"pkg:npm/y@1"}}],
            "ignoredMatches":[{"vulnerability":{"id":"CVE-2026-0003","severity":"High"},"artifact":{"name":"z","version":"1","purl":"pkg:npm/z@1"},"appliedIgnoreRules":[{"namespace":"vex","vex-status":"not_affected"}]}],
            "source":{"type":"image","target":{}},"distro":{"name":"","version":"","idLike":null},"descriptor":{"name":"grype","version":"0.90.0","configuration":{},"db":{"status":{"valid":true}},"timestamp":"2026-05-01T10:00:00.123456789Z"}}"#,
        ("grype 0.90.0", [1, 0, 0, 0, 0], true),
    ),
];

#[test]
fn every_report_of_a_scanner_gives_its_findings() {
    for (what, text, (tools, counts, whole)) in SCANS {
        let found = scan::read(text.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let names = found
            .tools
            .iter()
            .map(|tool| format!("{} {}", tool.name, tool.version.as_deref().unwrap_or_default()));
        let names: Vec<String> = names.map(|name| name.trim_end().to_owned()).collect();
        assert_eq!(names.join(", "), *tools, "{what}");
        let of = |severity: Severity| found.counts().get(&severity).copied().unwrap_or_default();
        let severities =
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Unknown];
        assert_eq!(severities.map(of), *counts, "{what}");
        assert_eq!(found.incomplete.is_empty(), *whole, "{what}: {:?}", found.incomplete);
        assert!(found.left_out.is_empty(), "{what}: {:?}", found.left_out);
    }
}

/// Tests that passed, failed and were skipped.
const TESTS: &[(&str, &str, [u64; 3])] = &[
    (
        "pytest",
        r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="3" time="0.01" timestamp="2026-05-01T10:00:00.000000+00:00" hostname="h"><testcase classname="test_a" name="test_ok[a&amp;b]" time="0.0" /><testcase classname="test_a" name="test_bad"><failure message="assert 1 == 2">def&#10;x</failure></testcase><testcase classname="test_a" name="test_skip"><skipped type="pytest.skip" message="no">/a.py:1: no</skipped></testcase></testsuite></testsuites>"#,
        [1, 1, 1],
    ),
    (
        "pytest whose test fails and whose teardown breaks as well",
        r#"<testsuites><testsuite name="pytest" errors="1" failures="1" tests="2"><testcase classname="t" name="a"><failure message="f"/></testcase><testcase classname="t" name="a"><error message="failed on teardown"/></testcase></testsuite></testsuites>"#,
        [0, 2, 0],
    ),
    (
        "Gradle",
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.acme.ApiTest" tests="2" skipped="0" failures="0" errors="0" timestamp="2026-05-01T10:00:00" hostname="h" time="0.1">
  <properties/>
  <testcase name="a()" classname="com.acme.ApiTest" time="0.05"/>
  <testcase name="b()" classname="com.acme.ApiTest" time="0.05"/>
  <system-out><![CDATA[<failure> is only text]]></system-out>
  <system-err><![CDATA[]]></system-err>
</testsuite>"#,
        [2, 0, 0],
    ),
    (
        "Surefire with a flaky test and one that failed when it ran again",
        r#"<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd" version="3.0.2" name="A" time="1" tests="2" errors="0" skipped="0" failures="1" flakes="1"><properties><property name="java.version" value="21"/></properties><testcase name="flaky" classname="A"><flakyFailure message="m" type="t"><stackTrace>s</stackTrace></flakyFailure></testcase><testcase name="bad" classname="A"><failure message="m"/><rerunFailure message="m"/></testcase></testsuite>"#,
        [1, 1, 0],
    ),
    (
        "jest-junit",
        r#"<testsuites name="jest tests" tests="2" failures="1" errors="0" time="0.5"><testsuite name="sum" errors="0" failures="1" skipped="0" timestamp="2026-05-01T10:00:00" time="0.4" tests="2"><testcase classname="sum adds" name="sum adds" time="0"></testcase><testcase classname="sum breaks" name="sum breaks" time="0"><failure>Error: expect(received)</failure></testcase></testsuite></testsuites>"#,
        [1, 1, 0],
    ),
    (
        "jest whose suite cannot be run: counted and not listed",
        r#"<testsuites name="jest tests" tests="0" failures="0" errors="1"><testsuite name="broken" errors="1" failures="0" skipped="0" tests="0"></testsuite></testsuites>"#,
        [0, 1, 0],
    ),
    (
        "go-junit-report",
        r#"<testsuites tests="3" failures="1" skipped="1"><testsuite name="acme/api" tests="3" failures="1" errors="0" id="0" hostname="h" skipped="1" time="0.2" timestamp="2026-05-01T10:00:00Z"><properties><property name="go.version" value="go1.23"></property></properties><testcase name="TestA" classname="acme/api" time="0.1"></testcase><testcase name="TestB/sub" classname="acme/api" time="0.1"><failure message="Failed"><![CDATA[a_test.go:1: x]]></failure></testcase><testcase name="TestC" classname="acme/api"><skipped message="short"></skipped></testcase></testsuite></testsuites>"#,
        [1, 1, 1],
    ),
    (
        "PHPUnit: suites in suites, each counts those inside",
        r#"<testsuites><testsuite name="all" tests="2" assertions="2" errors="0" failures="1" skipped="0"><testsuite name="ATest" file="/a.php" tests="2" errors="0" failures="1"><testcase name="a" class="ATest" classname="ATest" assertions="1"/><testcase name="b" class="ATest" classname="ATest"><failure type="x">f</failure></testcase></testsuite></testsuite></testsuites>"#,
        [1, 1, 0],
    ),
    (
        "nextest",
        r#"<testsuites name="nextest-run" tests="2" failures="1" errors="0" uuid="0" timestamp="2026-05-01T10:00:00.000+00:00" time="0.1"><testsuite name="api" tests="2" disabled="0" errors="0" failures="1"><testcase name="a" classname="api" timestamp="2026-05-01T10:00:00.000+00:00" time="0.01"></testcase><testcase name="b" classname="api"><failure type="test failure">x</failure><system-out>o</system-out></testcase></testsuite></testsuites>"#,
        [1, 1, 0],
    ),
    (
        "Bazel around a test that is no JUnit",
        r#"<?xml version="1.0" encoding="UTF-8"?><testsuites><testsuite name="//a:t" tests="1" failures="0" errors="1"><testcase name="//a:t" status="run" duration="1" time="1"><error message="exited with error code 1"></error></testcase><system-out>Generated test.log</system-out></testsuite></testsuites>"#,
        [0, 1, 0],
    ),
];

#[test]
fn every_report_of_tests_gives_what_came_of_them() {
    for (what, text, counts) in TESTS {
        let report = junit::read(text.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!([report.passed, report.failed, report.skipped], *counts, "{what}");
    }
}

/// A predicate: what it is, type, text, all edges, and how many warnings.
type Said<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], usize);

const PREDICATES: &[Said<'_>] = &[
    (
        "Tekton Chains, format slsa/v2alpha4",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://tekton.dev/chains/v2/slsa","externalParameters":{"runSpec":{"serviceAccountName":"default","params":[{"name":"url","value":"u"}]}},"internalParameters":{"labels":{"tekton.dev/x":"y"},"tekton-pipelines-feature-flags":{"EnableAPIFields":"beta"}},"resolvedDependencies":[{"uri":"oci://gcr.io/tekton/git-init","digest":{"sha256":"1111111111111111111111111111111111111111111111111111111111111111"}},{"name":"pipelineTask","uri":"git+https://github.com/catalog/tasks.git","digest":{"sha1":"2222222222222222222222222222222222222222"}},{"name":"inputs/result","uri":"git+https://github.com/acme/api.git","digest":{"sha1":"3333333333333333333333333333333333333333"}}]},"runDetails":{"builder":{"id":"https://tekton.dev/chains/v2"},"metadata":{"invocationId":"a1b2","startedOn":"2026-05-01T10:00:00Z","finishedOn":"2026-05-01T10:01:00Z"},"byproducts":[{"name":"taskRunResults/x","content":"InY=","mediaType":"application/json"}]}}"#,
        &[
            "artifact app built-by run https://tekton.dev/chains/v2#a1b2",
            "artifact app built-from commit https://github.com/acme/api@3*",
            "artifact app built-from commit https://github.com/catalog/tasks@2*",
            "run https://tekton.dev/chains/v2#a1b2 built-from commit https://github.com/acme/api@3*",
            "run https://tekton.dev/chains/v2#a1b2 built-from commit https://github.com/catalog/tasks@2*",
            "run https://tekton.dev/chains/v2#a1b2 ran-on builder https://tekton.dev/chains/v2",
            "run https://tekton.dev/chains/v2#a1b2 resolved artifact sha256:1*",
            "run https://tekton.dev/chains/v2#a1b2 resolved ref oci://gcr.io/tekton/git-init",
        ],
        0,
    ),
    (
        "Tekton Chains, format slsa/v1",
        "https://slsa.dev/provenance/v0.2",
        r#"{"buildType":"tekton.dev/v1beta1/TaskRun","builder":{"id":"https://tekton.dev/chains/v2"},"invocation":{"configSource":{},"parameters":{"a":"b"},"environment":{"labels":{}}},"buildConfig":{"steps":[{"entryPoint":"set -e","arguments":null,"environment":{"image":"oci://x"},"annotations":null}]},"metadata":{"buildStartedOn":"2026-05-01T10:00:00Z","buildFinishedOn":"2026-05-01T10:01:00Z","completeness":{"parameters":false,"environment":false,"materials":false},"reproducible":false},"materials":[{"uri":"oci://gcr.io/tekton/git-init","digest":{"sha256":"1111111111111111111111111111111111111111111111111111111111111111"}},{"uri":"git+https://github.com/acme/api.git","digest":{"sha1":"3333333333333333333333333333333333333333"}}]}"#,
        &[
            "artifact app built-by run itself",
            "artifact app built-from commit https://github.com/acme/api@3*",
            "run itself built-from commit https://github.com/acme/api@3*",
            "run itself ran-on builder https://tekton.dev/chains/v2",
            "run itself resolved artifact sha256:1*",
            "run itself resolved ref oci://gcr.io/tekton/git-init",
        ],
        0,
    ),
    (
        "BuildKit, SLSA v1",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md","externalParameters":{"configSource":{"uri":"https://github.com/acme/api.git#refs/heads/main","digest":{"sha1":"3333333333333333333333333333333333333333"},"path":"Dockerfile"},"request":{"frontend":"dockerfile.v0","args":{"label:a":"b"},"locals":[{"name":"context"}]}},"internalParameters":{"builderPlatform":"linux/amd64"},"resolvedDependencies":[{"uri":"pkg:docker/alpine@3.20?platform=linux%2Famd64","digest":{"sha256":"4444444444444444444444444444444444444444444444444444444444444444"}},{"uri":"https://github.com/acme/api.git#refs/heads/main","digest":{"sha1":"3333333333333333333333333333333333333333"}}]},"runDetails":{"builder":{"id":""},"metadata":{"invocationID":"buildkit1","startedOn":"2026-05-01T10:00:00.1Z","finishedOn":"2026-05-01T10:01:00.2Z","buildkit_hermetic":false,"buildkit_completeness":{"request":true,"resolvedDependencies":false},"buildkit_metadata":{"vcs":{"revision":"3333333333333333333333333333333333333333","source":"https://github.com/acme/api"}}}}}"#,
        &[
            "artifact app built-by run buildkit1",
            "artifact app built-from commit https://github.com/acme/api@3*",
            "component pkg:docker/alpine@3.20?platform=linux%2Famd64 has-bytes artifact sha256:4*",
            "run buildkit1 built-from commit https://github.com/acme/api@3*",
            "run buildkit1 resolved artifact sha256:4*",
            "run buildkit1 resolved component pkg:docker/alpine@3.20?platform=linux%2Famd64",
            "run buildkit1 resolved ref https://github.com/acme/api@refs/heads/main",
        ],
        0,
    ),
    (
        "BuildKit, SLSA v0.2",
        "https://slsa.dev/provenance/v0.2",
        r#"{"builder":{"id":"https://github.com/acme/api/actions/runs/7/attempts/1"},"buildType":"https://mobyproject.org/buildkit@v1","materials":[{"uri":"pkg:docker/docker/dockerfile@1","digest":{"sha256":"5555555555555555555555555555555555555555555555555555555555555555"}}],"invocation":{"configSource":{"entryPoint":"Dockerfile"},"parameters":{"frontend":"gateway.v0"},"environment":{"platform":"linux/amd64"}},"metadata":{"buildInvocationID":"xyz","buildStartedOn":"2026-05-01T10:00:00.1Z","buildFinishedOn":"2026-05-01T10:01:00.2Z","completeness":{"parameters":false,"environment":true,"materials":false},"reproducible":false,"https://mobyproject.org/buildkit@v1#metadata":{"vcs":{"revision":"3333333333333333333333333333333333333333","source":"https://github.com/acme/api"}}}}"#,
        &[
            "artifact app built-by run https://github.com/acme/api/actions/runs/7/attempts/1#xyz",
            "artifact app built-from commit https://github.com/acme/api@3*",
            "component pkg:docker/docker/dockerfile@1 has-bytes artifact sha256:5*",
            "run https://github.com/acme/api/actions/runs/7/attempts/1#xyz built-from commit https://github.com/acme/api@3*",
            "run https://github.com/acme/api/actions/runs/7/attempts/1#xyz ran-on builder https://github.com/acme/api/actions/runs/7/attempts/1",
            "run https://github.com/acme/api/actions/runs/7/attempts/1#xyz resolved artifact sha256:5*",
            "run https://github.com/acme/api/actions/runs/7/attempts/1#xyz resolved component pkg:docker/docker/dockerfile@1",
        ],
        0,
    ),
    (
        "Google Cloud Build, SLSA v1",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://cloud.google.com/build/gcb-buildtypes/google-worker/v1","externalParameters":{"buildConfigSource":{"path":"cloudbuild.yaml","ref":"refs/heads/main","repository":"git+https://github.com/acme/api"},"substitutions":{}},"internalParameters":{"systemSubstitutions":{"BUILD_ID":"b"}},"resolvedDependencies":[{"digest":{"gitCommit":"3333333333333333333333333333333333333333"},"uri":"git+https://github.com/acme/api@refs/heads/main"},{"digest":{"sha256":"6666666666666666666666666666666666666666666666666666666666666666"},"uri":"gcr.io/cloud-builders/docker@sha256:6666666666666666666666666666666666666666666666666666666666666666"}]},"runDetails":{"builder":{"id":"https://cloudbuild.googleapis.com/GoogleHostedWorker"},"byproducts":[{}],"metadata":{"finishedOn":"2026-05-01T10:01:00.000001Z","invocationId":"https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b","startedOn":"2026-05-01T10:00:00.000001Z"}}}"#,
        &[
            "artifact app built-by run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b",
            "artifact app built-from commit https://github.com/acme/api@3*",
            "run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b built-from commit https://github.com/acme/api@3*",
            "run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b ran-on builder https://cloudbuild.googleapis.com/GoogleHostedWorker",
            "run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b resolved artifact sha256:6*",
            "run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b resolved ref gcr.io/cloud-builders/docker@sha256:6*",
            "run https://cloudbuild.googleapis.com/v1/projects/p/locations/l/builds/b resolved ref https://github.com/acme/api@refs/heads/main",
        ],
        0,
    ),
    (
        "GitLab's runner, SLSA v1",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://gitlab.com/gitlab-org/gitlab-runner/-/blob/4e5a2b0f/PROVENANCE.md","externalParameters":{"CI":"","entryPoint":"build","source":"https://gitlab.com/acme/api"},"internalParameters":{"architecture":"amd64","executor":"docker+machine","job":"1","name":"runner"},"resolvedDependencies":[{"uri":"https://gitlab.com/acme/api","digest":{"sha256":"3333333333333333333333333333333333333333"}}]},"runDetails":{"builder":{"id":"https://gitlab.com/acme/api/-/runners/12270807","version":{"gitlab-runner":"4e5a2b0f"}},"metadata":{"invocationID":"4711","startedOn":"2026-05-01T10:00:00Z","finishedOn":"2026-05-01T10:01:00Z"},"byproducts":[]}}"#,
        &[
            "artifact app built-by run https://gitlab.com/acme/api/-/jobs/4711",
            "artifact app built-from commit https://gitlab.com/acme/api@3*",
            "run https://gitlab.com/acme/api/-/jobs/4711 built-from commit https://gitlab.com/acme/api@3*",
            "run https://gitlab.com/acme/api/-/jobs/4711 ran-on builder https://gitlab.com/acme/api/-/runners/12270807",
        ],
        0,
    ),
    (
        "GitLab's runner, SLSA v0.2",
        "https://slsa.dev/provenance/v0.2",
        r#"{"buildType":"https://gitlab.com/gitlab-org/gitlab-runner/-/blob/43feee33/PROVENANCE.md","builder":{"id":"https://gitlab.com/acme/api/-/runners/1"},"invocation":{"configSource":{"uri":"https://gitlab.com/acme/api","digest":{"sha256":"3333333333333333333333333333333333333333"},"entryPoint":"build"},"environment":{"name":"r","executor":"docker"},"parameters":{"CI":""}},"metadata":{"buildStartedOn":"2026-05-01T10:00:00Z","buildFinishedOn":"2026-05-01T10:01:00Z","reproducible":false,"completeness":{"parameters":true,"environment":true,"materials":false}},"materials":[]}"#,
        &[
            "artifact app built-by run itself",
            "artifact app built-from commit https://gitlab.com/acme/api@3*",
            "run itself built-from commit https://gitlab.com/acme/api@3*",
            "run itself ran-on builder https://gitlab.com/acme/api/-/runners/1",
        ],
        0,
    ),
    (
        "GitHub, a reusable workflow on a server of its own",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/tags/v1","repository":"https://ghe.acme.example/acme/api","path":".github/workflows/release.yml"}},"internalParameters":{"github":{"event_name":"push","repository_id":"1","repository_owner_id":"2","runner_environment":"self-hosted"}},"resolvedDependencies":[{"uri":"git+https://ghe.acme.example/acme/api@refs/tags/v1","digest":{"gitCommit":"3333333333333333333333333333333333333333"}}]},"runDetails":{"builder":{"id":"https://ghe.acme.example/acme/build/.github/workflows/build.yml@refs/heads/main"},"metadata":{"invocationId":"https://ghe.acme.example/acme/api/actions/runs/7/attempts/2"}}}"#,
        &[
            "artifact app built-by run https://ghe.acme.example/acme/api/actions/runs/7/attempts/2",
            "artifact app built-from commit https://ghe.acme.example/acme/api@3*",
            "run https://ghe.acme.example/acme/api/actions/runs/7/attempts/2 built-from commit https://ghe.acme.example/acme/api@3*",
            "run https://ghe.acme.example/acme/api/actions/runs/7/attempts/2 ran-on builder https://ghe.acme.example/acme/build/.github/workflows/build.yml@refs/heads/main",
            "run https://ghe.acme.example/acme/api/actions/runs/7/attempts/2 resolved ref https://ghe.acme.example/acme/api@refs/tags/v1",
        ],
        0,
    ),
    (
        "a predicate with all that is optional null",
        "https://slsa.dev/provenance/v1",
        r#"{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{},"internalParameters":null,"resolvedDependencies":null},"runDetails":{"builder":{"id":"https://example.com/x","version":null,"builderDependencies":null},"metadata":null,"byproducts":null}}"#,
        &["artifact app built-by run itself", "run itself ran-on builder https://example.com/x"],
        0,
    ),
    (
        "govulncheck writes OpenVEX about a product that it does not know",
        "https://openvex.dev/ns/v0.2.0",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"govulncheck/vex:aa","author":"Unknown Author","timestamp":"2026-05-01T10:00:00.123456789-07:00","version":1,"tooling":"https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck","statements":[{"vulnerability":{"@id":"https://pkg.go.dev/vuln/GO-2021-0054","name":"GO-2021-0054","description":"d","aliases":["CVE-2020-36067","GHSA-p64j"]},"products":[{"@id":"Unknown Product","subcomponents":[{"@id":"pkg:golang/github.com%2Ftidwall%2Fgjson@v1.6.5"}]}],"status":"not_affected","justification":"vulnerable_code_not_present","impact_statement":"i"}]}"#,
        &["artifact app described-by document itself"],
        1,
    ),
    (
        "OpenVEX with hashes, identifiers and a statement without products",
        "https://openvex.dev/ns",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://acme.example/vex/1","author":"Acme","role":"Document Creator","timestamp":"2026-05-01T10:00:00Z","last_updated":"2026-05-02T10:00:00Z","version":"2","statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/api@sha256:0","identifiers":{"purl":"pkg:oci/api?repository_url=ghcr.io/acme","cpe23":"cpe:2.3:a:x:x:1:*:*:*:*:*:*:*"},"hashes":{"sha-256":"a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"}}],"status":"fixed"},{"vulnerability":{"name":"CVE-2"},"status":"affected","action_statement":"update","action_statement_timestamp":"2026-05-01T10:00:00Z"},{"vulnerability":"CVE-3","status":"under_investigation"}]}"#,
        &[
            "artifact app affected-by vulnerability CVE-2",
            "artifact app described-by document itself",
            "artifact app not-affected-by vulnerability CVE-1",
            "component pkg:oci/api?repository_url=ghcr.io%2Facme not-affected-by vulnerability CVE-1",
            "component pkg:oci/api@sha256:0 not-affected-by vulnerability CVE-1",
        ],
        0,
    ),
    (
        "cosign's vulnerability type around a report of trivy",
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        r#"{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.58","version":"0.58","db":{"uri":"","version":"","lastUpdate":"0001-01-01T00:00:00Z"},"result":{"SchemaVersion":2,"ArtifactName":"a","Results":[{"Target":"a","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"x","InstalledVersion":"1","Severity":"HIGH","PkgIdentifier":{"PURL":"pkg:npm/x@1"}}]}]}},"metadata":{"scanStartedOn":"2026-05-01T10:00:00.1Z","scanFinishedOn":"2026-05-01T10:00:01.1Z"}}"#,
        &[
            "artifact app affected-by vulnerability CVE-1",
            "artifact app described-by document itself",
            "component pkg:npm/x@1 affected-by vulnerability CVE-1",
        ],
        0,
    ),
    (
        "in-toto's vulnerabilities, version 0.2, with severities and annotations",
        "https://in-toto.io/attestation/vulns/v0.2",
        r#"{"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.58","version":"0.58","db":{"uri":"u","version":"1","lastUpdate":"2026-04-30T00:00:00Z"},"result":[{"id":"CVE-1","severity":[{"method":"nvd","score":"7.5"}],"annotations":[{"k":"v"}]}]},"metadata":{"scanStartedOn":"2026-05-01T10:00:00Z","scanFinishedOn":"2026-05-01T10:00:01Z"}}"#,
        &["artifact app affected-by vulnerability CVE-1", "artifact app described-by document itself"],
        0,
    ),
    (
        "a VSA of slsa-verifier or ampel, with dependency levels",
        "https://slsa.dev/verification_summary/v1",
        r#"{"verifier":{"id":"https://carabiner.dev/ampel@v1","version":{"ampel":"1.0"}},"timeVerified":"2026-05-01T10:00:00.5Z","resourceUri":"pkg:oci/api?repository_url=ghcr.io/acme","policy":{"uri":"git+https://github.com/acme/policies@main","digest":{"sha256":"7777777777777777777777777777777777777777777777777777777777777777"}},"inputAttestations":[{"uri":"u","digest":{"sha256":"8888888888888888888888888888888888888888888888888888888888888888"}}],"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3","ORG_X"],"dependencyLevels":{"SLSA_BUILD_LEVEL_2":1},"slsaVersion":"1.0"}"#,
        &[
            "artifact app judged policy git+https://github.com/acme/policies@main",
            "artifact app judged policy sha256:7*",
        ],
        0,
    ),
    (
        "a link of in-toto, version 0.3",
        "https://in-toto.io/attestation/link/v0.3",
        r#"{"name":"build","command":["make"],"materials":[{"name":"a.c","digest":{"sha256":"9999999999999999999999999999999999999999999999999999999999999999"}}],"byproducts":{"return-value":0},"environment":{"X":"y"}}"#,
        &["artifact app built-by run itself", "run itself resolved artifact sha256:9*"],
        0,
    ),
    (
        "apko's SPDX",
        "https://spdx.dev/Document/v2.3",
        r#"{"SPDXID":"SPDXRef-DOCUMENT","name":"sbom-sha256:00","spdxVersion":"SPDX-2.3","creationInfo":{"created":"1970-01-01T00:00:00Z","creators":["Tool: apko (v0.20)","Organization: Chainguard, Inc"],"licenseListVersion":"3.16"},"dataLicense":"CC0-1.0","documentNamespace":"https://spdx.org/spdxdocs/apko/","documentDescribes":["SPDXRef-Package-sha256-00"],"packages":[{"SPDXID":"SPDXRef-Package-sha256-00","name":"sha256:00","filesAnalyzed":false,"description":"apko container image","downloadLocation":"NOASSERTION","primaryPackagePurpose":"CONTAINER","checksums":[{"algorithm":"SHA256","checksumValue":"a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"}],"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceLocator":"pkg:oci/image@sha256%3A00?arch=amd64&mediaType=application%2Fvnd.oci.image.manifest.v1%2Bjson&os=linux","referenceType":"purl"}]},{"SPDXID":"SPDXRef-Package-busybox","name":"busybox","versionInfo":"1.36.1-r7","filesAnalyzed":false,"downloadLocation":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceLocator":"pkg:apk/wolfi/busybox@1.36.1-r7?arch=x86_64","referenceType":"purl"}]}],"relationships":[{"spdxElementId":"SPDXRef-Package-sha256-00","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-Package-busybox"}]}"#,
        &[
            "artifact app contains component pkg:apk/wolfi/busybox@1.36.1-r7?arch=x86_64",
            "artifact app described-by document itself",
            "component pkg:oci/image@sha256:00?arch=amd64&mediatype=application%2Fvnd.oci.image.manifest.v1%2Bjson&os=linux has-bytes artifact app",
        ],
        0,
    ),
];

/// Digests of one digit alone, shortened; the predicate's own name for a run or document.
fn short(edge: &str, predicate: &str) -> String {
    let own = Digest::sha256_of(predicate.as_bytes()).to_string();
    let mut text = edge.replace(&format!("unnamed:{own}"), "itself").replace(&own, "itself");
    for digit in '1'..='9' {
        for length in [64, 40] {
            text = text.replace(&digit.to_string().repeat(length), &format!("{digit}*"));
        }
    }
    text
}

#[test]
fn every_predicate_gives_its_facts() {
    for (what, predicate_type, text, expected, warnings) in PREDICATES {
        let facts = facts(predicate_type, text);
        let found: BTreeSet<String> = edges(&facts, "\0").iter().map(|edge| short(edge, text)).collect();
        assert_eq!(found, set(expected), "{what}");
        assert!(facts.interpreted, "{what}");
        assert_eq!(facts.warnings.len(), *warnings, "{what}: {:?}", facts.warnings);
    }
}
