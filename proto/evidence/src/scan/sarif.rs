//! SARIF 2.1.0 and 2.2 (OASIS, "Static Analysis Results Interchange Format").

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{FINDINGS_MAX, Finding, Incomplete, RUNS_MAX, Scan, ScanError, Severity, Tool, fits};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;
use crate::text::Text;

#[derive(Deserialize)]
struct Log {
    runs: Capped<Object<Run>, RUNS_MAX>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Object<Tools>,
    results: Option<Capped<Object<Found>, FINDINGS_MAX>>,
    invocations: Option<Capped<Object<Invocation>, RUNS_MAX>>,
    external_property_file_references: Option<Object<External>>,
}

#[derive(Deserialize)]
struct Tools {
    driver: Object<ToolComponent>,
    extensions: Option<Capped<Object<ToolComponent>, RUNS_MAX>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolComponent {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    semantic_version: Text,
    rules: Option<Capped<Object<Rule>, FINDINGS_MAX>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    id: Text,
    default_configuration: Option<Object<Configuration>>,
    properties: Option<Object<Properties>>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    level: Text,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "security-severity", default)]
    security_severity: Score,
}

/// A CVSS score, which is a text by the convention and a number in some tools.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Score {
    Number(f64),
    Text(String),
    Other(IgnoredAny),
    #[default]
    None,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    #[serde(default)]
    end_time_utc: Text,
}

#[derive(Deserialize)]
struct External {
    results: Option<Capped<IgnoredAny, 1>>,
}

/// A result.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<Object<RuleReference>>,
    level: Option<String>,
    kind: Option<String>,
    baseline_state: Option<String>,
    suppressions: Option<Capped<Object<Suppression>, RUNS_MAX>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<Object<ComponentReference>>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

/// The rules of a run's tool.
struct Rules<'a> {
    driver: ComponentRules<'a>,
    extensions: Vec<ComponentRules<'a>>,
}

/// The rules of one component. A result names its rule by position or by id; the ids are in a map, since results times
/// rules may be 2,500,000,000.
struct ComponentRules<'a> {
    list: &'a [Object<Rule>],
    by_id: BTreeMap<&'a str, &'a Rule>,
}

impl<'a> ComponentRules<'a> {
    fn of(path: &str, component: &'a ToolComponent) -> Result<Self, ScanError> {
        let Some(rules) = &component.rules else { return Ok(Self { list: &[], by_id: BTreeMap::new() }) };
        fits(path, rules.total, FINDINGS_MAX)?;
        let with_id = |Object(rule): &'a Object<Rule>| Some((rule.id.as_deref()?, rule));
        Ok(Self { list: &rules.items, by_id: rules.items.iter().filter_map(with_id).collect() })
    }
}

impl<'a> Rules<'a> {
    /// Looks a rule up by its index, else by its id, in the component that the reference names, else in the driver.
    fn of(&self, found: &Found, reference: Option<&RuleReference>) -> Option<&'a Rule> {
        let extension = reference.and_then(|reference| reference.tool_component.as_ref()?.0.index);
        let component = match extension.and_then(position) {
            Some(at) => self.extensions.get(at)?,
            None => &self.driver,
        };
        let index = reference.and_then(|reference| reference.index).or(found.rule_index);
        if let Some(at) = index.and_then(position) {
            return component.list.get(at).map(|Object(rule)| rule);
        }
        let id = reference.and_then(|reference| reference.id.as_deref()).or(found.rule_id.as_deref())?;
        component.by_id.get(id).copied()
    }
}

pub(super) fn read(version: &str, bytes: &[u8]) -> Result<Scan, ScanError> {
    let Object(log): Object<Log> = json::from_unsigned_slice(bytes)?;
    fits("runs", log.runs.total, RUNS_MAX)?;
    let mut scan = Scan::new(format!("SARIF {version}"), bytes);
    if log.runs.items.is_empty() {
        scan.incomplete.push(("runs".to_owned(), Incomplete::NoResults));
    }
    for (at, Object(run)) in log.runs.items.into_iter().enumerate() {
        take(&mut scan, &format!("runs[{at}]"), run)?;
    }
    Ok(scan)
}

fn take(scan: &mut Scan, path: &str, run: Run) -> Result<(), ScanError> {
    let invocations = run.invocations.as_ref().map_or(0, |list| list.total);
    fits(&format!("{path}.invocations"), invocations, RUNS_MAX)?;
    if let Some(why) = incomplete(&run) {
        scan.incomplete.push((path.to_owned(), why));
    }
    for (at, Object(invocation)) in run.invocations.unwrap_or_default().items.into_iter().enumerate() {
        scan.end(&format!("{path}.invocations[{at}].endTimeUtc"), invocation.end_time_utc);
    }
    let results = run.results.unwrap_or_default();
    fits(&format!("{path}.results"), results.total, FINDINGS_MAX)?;
    let Object(Tools { driver: Object(driver), extensions }) = run.tool;
    let extensions = extensions.unwrap_or_default();
    fits(&format!("{path}.tool.extensions"), extensions.total, RUNS_MAX)?;
    let rules = Rules {
        driver: ComponentRules::of(&format!("{path}.tool.driver.rules"), &driver)?,
        extensions: extensions
            .items
            .iter()
            .enumerate()
            .map(|(at, Object(tool))| {
                ComponentRules::of(&format!("{path}.tool.extensions[{at}].rules"), tool)
            })
            .collect::<Result<_, _>>()?,
    };
    for (at, Object(found)) in results.items.iter().enumerate() {
        if is_finding(found) {
            scan.push(finding(format!("{path}.results[{at}]"), found, &rules))?;
        }
    }
    let version = driver.semantic_version.filled().or_else(|| driver.version.filled());
    scan.tools.push(Tool { name: driver.name.0.unwrap_or_default(), version });
    Ok(())
}

/// Why a run cannot be taken for whole (sections "results property" and "executionSuccessful property").
fn incomplete(run: &Run) -> Option<Incomplete> {
    let failed = |Object(invocation): &Object<Invocation>| invocation.execution_successful == Some(false);
    if run.invocations.as_ref().is_some_and(|list| list.items.iter().any(failed)) {
        return Some(Incomplete::Failed);
    }
    let external = run.external_property_file_references.as_ref();
    if external.and_then(|Object(external)| external.results.as_ref()).is_some_and(|list| list.total > 0) {
        return Some(Incomplete::Elsewhere);
    }
    run.results.is_none().then_some(Incomplete::NoResults)
}

/// Whether a result says that something is wrong, or may be: not what passed, was not looked at, or is gone since the
/// scan before. Words that are not known are taken for findings.
fn is_finding(found: &Found) -> bool {
    let passed = matches!(found.kind.as_deref(), Some("pass" | "notApplicable" | "informational"));
    !passed && found.baseline_state.as_deref() != Some("absent")
}

fn finding(path: String, found: &Found, rules: &Rules<'_>) -> Finding {
    let reference = found.rule.as_ref().map(|Object(reference)| reference);
    let rule = rules.of(found, reference);
    let ids = [found.rule_id.as_ref(), reference.and_then(|reference| reference.id.as_ref())];
    let of_rule = || rule.and_then(|rule| rule.id.clone().filled());
    Finding {
        path,
        id: ids.into_iter().flatten().find(|id| !id.is_empty()).cloned().or_else(of_rule),
        aliases: Vec::new(),
        severity: severity(found, rule),
        component: None,
        name: None,
        version: None,
        fixed_in: Vec::new(),
        suppressed: is_suppressed(found),
    }
}

/// An index; -1 is none.
fn position(index: i64) -> Option<usize> {
    usize::try_from(index).ok()
}

fn severity(found: &Found, rule: Option<&Rule>) -> Severity {
    let properties = rule.and_then(|rule| rule.properties.as_ref());
    if let Some(severity) = properties.and_then(|Object(properties)| scored(&properties.security_severity)) {
        return severity;
    }
    let configured = || rule.and_then(|rule| rule.default_configuration.as_ref()?.0.level.as_deref());
    match found.level.as_deref().or_else(configured) {
        Some("error") => Severity::High,
        // What has no level is a warning, if it is a failure.
        None if found.kind.as_deref().is_none_or(|kind| kind == "fail") => Severity::Medium,
        Some("warning") => Severity::Medium,
        Some("note") => Severity::Low,
        _ => Severity::Unknown,
    }
}

fn scored(score: &Score) -> Option<Severity> {
    let score = match score {
        Score::Number(score) => Some(*score),
        Score::Text(text) => text.trim().parse().ok(),
        Score::Other(_) | Score::None => None,
    };
    score.and_then(Severity::of_score)
}

/// Whether every suppression is accepted, as they are unless they say otherwise, and there is one.
fn is_suppressed(found: &Found) -> bool {
    let accepted = |Object(suppression): &Object<Suppression>| {
        suppression.status.as_deref().is_none_or(|status| status == "accepted")
    };
    found
        .suppressions
        .as_ref()
        .is_some_and(|list| list.total > 0 && list.total <= RUNS_MAX && list.items.iter().all(accepted))
}
