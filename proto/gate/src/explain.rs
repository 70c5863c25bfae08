//! Policies in words: what each rule asks, and what differs between two of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::policy::{
    Absent, AppliesTo, Approval, Asks, Class, EvidenceRule, Exceptions, Excluded, Level, Pattern, Policy,
    Reviewed, Rule, Sbom, Signer, Source, VerdictOf, Vulnerabilities, Who,
};

/// What a rule asks, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The rule's id.
    pub id: String,
    /// Whether a PASS holds where evidence may be missing.
    pub class: Class,
    /// What must hold, a line each.
    pub asks: Vec<String>,
    /// Which entries are looked up for it, a line each: a complete-set rule needs every one of them.
    pub looks_at: Vec<String>,
}

/// A rule or field that differs between two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule's id, or the field of the policy.
    pub place: String,
    /// What it asks in the old policy, a line each; empty if it is new.
    pub old: Vec<String>,
    /// What it asks in the new one; empty if it is gone.
    pub new: Vec<String>,
}

/// Says what a policy asks, for people: each rule, its class, what must hold.
#[must_use]
pub fn explain(policy: &Policy) -> String {
    let mut text = format!("policy {} version {}", policy.name, policy.version);
    if let Some(title) = &policy.title {
        let _ = write!(text, ": {title}");
    }
    text.push('\n');
    for line in fields(policy).into_values().flatten() {
        let _ = writeln!(text, "  {line}");
    }
    for rule in &policy.rules {
        let title = rule.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
        let _ = writeln!(text, "\n{}{title}  ({})", rule.id, rule.class());
        for line in lines(rule) {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  looks at {}", looks_at(rule).join("; "));
    }
    text
}

/// Says what each rule asks, in the policy's order.
#[must_use]
pub fn rules(policy: &Policy) -> Vec<Explained> {
    let explained = |rule: &Rule| Explained {
        id: rule.id.clone(),
        class: rule.class(),
        asks: lines(rule),
        looks_at: looks_at(rule),
    };
    policy.rules.iter().map(explained).collect()
}

/// Returns what differs between two policies: fields first, then rules in the new one's order, then those that are gone.
#[must_use]
pub fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut changes = Vec::new();
    let (before, after) = (fields(old), fields(new));
    for (place, new) in &after {
        let old = before.get(place).cloned().unwrap_or_default();
        push(&mut changes, place, old, new.clone());
    }
    let of = |policy: &Policy, id: &str| {
        policy.rules.iter().find(|rule| rule.id == id).map(lines).unwrap_or_default()
    };
    for rule in &new.rules {
        push(&mut changes, &rule.id, of(old, &rule.id), lines(rule));
    }
    for rule in old.rules.iter().filter(|rule| !new.rules.iter().any(|kept| kept.id == rule.id)) {
        push(&mut changes, &rule.id, lines(rule), Vec::new());
    }
    changes
}

fn push(changes: &mut Vec<Change>, place: &str, old: Vec<String>, new: Vec<String>) {
    if old != new {
        changes.push(Change { place: place.to_owned(), old, new });
    }
}

/// What holds for the whole policy, by field.
fn fields(policy: &Policy) -> BTreeMap<&'static str, Vec<String>> {
    let AppliesTo { environments, repositories } = &policy.applies_to;
    let mut fields = BTreeMap::new();
    let mut lines = Vec::new();
    if !environments.is_empty() {
        lines.push(format!("for the environments {}; any other is denied", joined(environments)));
    }
    if !repositories.is_empty() {
        lines.push(format!("for builds of {}; any other is denied", joined(repositories)));
    }
    fields.insert("applies_to", lines);
    let complete =
        policy.proven.then(|| "complete-set rules need a proof that nothing was left out".to_owned());
    fields.insert("complete", complete.into_iter().collect());
    let fresh = format!("the log's state is at most {} old", policy.max_checkpoint_age);
    fields.insert("max_checkpoint_age", vec![fresh]);
    fields.insert("exceptions", policy.exceptions.as_ref().map(exceptions).unwrap_or_default());
    let parameters = crate::verdict::parameters(&policy.parameters);
    let parameters = parameters.as_object().into_iter().flatten();
    fields.insert("parameters", parameters.map(|(name, value)| format!("${name} is {value}")).collect());
    let resource = policy.resource_uri.iter().map(|uri| format!("recorded verdicts are about {uri}"));
    fields.insert("resource_uri", resource.collect());
    fields
}

fn exceptions(exceptions: &Exceptions) -> Vec<String> {
    let single =
        exceptions.signer.iter().map(|signer| format!("exceptions from a rule: signed by {}", who(signer)));
    let glass = exceptions.breakglass.iter().map(|glass| {
        format!(
            "exceptions from every rule, for a day: {} people, signed by {}",
            glass.at_least,
            who(&glass.signer)
        )
    });
    single.chain(glass).collect()
}

/// What a rule asks, a line each.
fn lines(rule: &Rule) -> Vec<String> {
    let mut lines = match &rule.asks {
        Asks::Absent(absent) => of_absent(absent),
        Asks::Approval(approval) => of_approval(approval),
        Asks::Evidence(asked) => of_evidence(asked),
        Asks::VerdictOf(verdict) => of_verdict(verdict),
    };
    lines.extend(rule.description.clone());
    lines.extend(rule.excluded.iter().map(|by| format!("not asked: excluded by {by}")));
    lines.extend(rule.warn.then(|| "only warns".to_owned()));
    lines.extend(rule.effective_on.map(|from| format!("only warns before {from}")));
    lines.extend(rule.fix.iter().map(|fix| format!("to fix: {fix}")));
    lines
}

/// Which entries a rule looks at, as its questions ask for them ([`Policy::asks`]).
fn looks_at(rule: &Rule) -> Vec<String> {
    const OF_COMMIT: &str =
        "source, source-provenance, tag-provenance, vsa of the commits that provenance names";
    let mut looks = Vec::new();
    let excluded = |submitter: bool, author: bool, looks: &mut Vec<String>| {
        if submitter || author {
            looks.push("provenance of the digest".to_owned());
        }
        if author {
            looks.push(OF_COMMIT.to_owned());
        }
    };
    match &rule.asks {
        Asks::Absent(absent) => looks.push(format!("findings about the digest: {}", joined(absent.kinds()))),
        Asks::Approval(approval) => {
            looks.push("approval of the digest".to_owned());
            let not = &approval.signer.not;
            excluded(not.contains(&Excluded::Submitter), not.contains(&Excluded::Author), &mut looks);
        }
        Asks::VerdictOf(_) => looks.push("vsa of the digest".to_owned()),
        Asks::Evidence(asked) => {
            looks.push(format!("{} of the digest", joined(&asked.require.names)));
            excluded(asked.excludes(Excluded::Submitter), asked.excludes(Excluded::Author), &mut looks);
            if let Some(source) = asked.source.as_ref().filter(|source| source.asks_of_commit()) {
                looks.push("provenance of the digest".to_owned());
                looks.push(OF_COMMIT.to_owned());
                looks.extend(source.reviewed.as_ref().map(|_| "reviews of these commits".to_owned()));
            }
            if asked.vulnerabilities.as_ref().is_some_and(|asked| asked.answered_by.is_some()) {
                looks.push("openvex of the digest, and of each package with an open finding".to_owned());
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    looks.retain(|line| seen.insert(line.clone()));
    looks
}

fn of_absent(absent: &Absent) -> Vec<String> {
    let fail = (!absent.fail.is_empty()).then(|| format!("no findings of {}", joined(&absent.fail)));
    let warn = (!absent.warn.is_empty()).then(|| format!("warns of findings of {}", joined(&absent.warn)));
    fail.into_iter().chain(warn).collect()
}

fn of_approval(approval: &Approval) -> Vec<String> {
    let target = approval.target.as_deref().map_or("the environment asked about", |target| target);
    let mut lines = vec![format!("{} people approved it for {target}", approval.at_least)];
    lines.extend(of_signer(&approval.signer));
    lines.extend(approval.max_age.map(|age| format!("at most {age} ago")));
    lines
}

fn of_verdict(verdict: &VerdictOf) -> Vec<String> {
    let VerdictOf { policy, signer, max_age, target, parameters } = verdict;
    let target = target.as_deref().unwrap_or("the environment asked about, or for none in particular");
    let values = crate::verdict::parameters(parameters);
    let values = values.as_object().into_iter().flatten().map(|(name, value)| format!(", {name} is {value}"));
    vec![
        format!(
            "the policy {policy} allowed it for {target}, at most {max_age} ago, signed by {}",
            who(signer)
        ),
        format!("with the policy's own parameters{}", values.collect::<String>()),
    ]
}

fn of_evidence(rule: &EvidenceRule) -> Vec<String> {
    let require = &rule.require;
    let authority: Vec<&str> = require.authority.iter().map(|authority| authority.as_str()).collect();
    let mut lines = vec![format!(
        "{} {} about the digest ({})",
        require.count,
        joined(&require.names),
        joined(&authority)
    )];
    lines.extend(require.max_age.map(|age| format!("at most {age} old")));
    lines.extend(
        require.binding.map(|binding| format!("what it says of its job is {}", binding_word(binding))),
    );
    lines.extend((require.level == Level::Logged).then(|| "signatures need not be checked again".to_owned()));
    lines.extend(rule.signer.iter().flat_map(of_signer));
    lines.extend(rule.submitter.iter().map(|submitter| format!("submitted by {}", who(submitter))));
    lines.extend(rule.source.iter().flat_map(of_source));
    lines.extend(rule.sbom.iter().flat_map(of_sbom));
    lines.extend(rule.vulnerabilities.iter().flat_map(of_vulnerabilities));
    lines.extend(rule.assert.iter().map(|assert| format!("holds: {}", assert.as_str())));
    lines
}

const fn binding_word(binding: custody_evidence::admission::Binding) -> &'static str {
    match binding {
        custody_evidence::admission::Binding::Bound => "what the job's issuer says",
        _ => "not contradicted",
    }
}

fn of_signer(signer: &Signer) -> Vec<String> {
    let named = signer.who.iter().map(|named| format!("signed by {}", who(named)));
    let excluded = signer.not.iter().map(|whom| match whom {
        Excluded::Author => "not signed by who wrote the commit",
        Excluded::Submitter => "not signed by who submitted the build",
    });
    named.chain(excluded.map(ToOwned::to_owned)).collect()
}

fn of_source(source: &Source) -> Vec<String> {
    let mut lines = Vec::new();
    if !source.repositories.is_empty() {
        lines.push(format!("built from {}", joined(&source.repositories)));
    }
    if !source.references.is_empty() {
        lines.push(format!("the commit is on {}", joined(&source.references)));
    }
    lines.extend(source.protected.then(|| "the branch is protected".to_owned()));
    lines.extend(source.signed.then(|| "the commit is signed".to_owned()));
    if let Some(Reviewed { at_least, asserted_by, not }) = &source.reviewed {
        let not: Vec<&str> = not.iter().map(|whom| whom.as_str()).collect();
        let besides =
            if not.is_empty() { String::new() } else { format!(" besides the {}", not.join(" and the ")) };
        lines.push(format!("reviewed by {at_least} people{besides}, as {} says", who(asserted_by)));
    }
    lines.extend(
        source
            .asserted_by
            .iter()
            .map(|named| format!("what is said of the commit is signed by {}", who(named))),
    );
    lines
}

fn of_sbom(sbom: &Sbom) -> Vec<String> {
    let mut lines: Vec<String> = sbom.required.iter().map(|package| format!("lists {package}")).collect();
    lines.extend(sbom.banned.iter().map(|package| format!("does not list {package}")));
    if let Some(licences) = &sbom.licences {
        if !licences.allow.is_empty() {
            lines.push(format!("every licence is {}", joined(&licences.allow)));
        }
        if !licences.deny.is_empty() {
            lines.push(format!("every component states a licence, and none is {}", joined(&licences.deny)));
        }
    }
    lines
}

fn of_vulnerabilities(asked: &Vulnerabilities) -> Vec<String> {
    let below = match asked.below.as_str() {
        "any" => "nothing is found".to_owned(),
        word => format!("what is found is below {word}"),
    };
    let answered =
        asked.answered_by.iter().map(|named| format!("or answered by VEX signed by {}", who(named)));
    let database = asked.max_db_age.map(|age| format!("the scanner's database is at most {age} old"));
    std::iter::once(below).chain(answered).chain(database).collect()
}

fn who(who: &Who) -> String {
    who.patterns.iter().map(pattern).collect::<Vec<_>>().join(", or ")
}

fn pattern(pattern: &Pattern) -> String {
    let mut parts = Vec::new();
    let list = |name: &str, values: &[String]| {
        (!values.is_empty()).then(|| format!("{name} {}", values.join(" or ")))
    };
    let keys: Vec<String> = pattern.keys.iter().map(|key| format!("key:{key}")).collect();
    parts.extend((!keys.is_empty()).then(|| keys.join(" or ")));
    parts.extend(pattern.issuer.clone());
    parts.extend(list("subject", &pattern.subject));
    parts.extend(list("workflow", &pattern.workflow));
    let references: Vec<String> = pattern.reference.iter().map(ToString::to_string).collect();
    parts.extend(list("at", &references));
    parts.extend(
        pattern
            .hosted
            .map(|hosted| if hosted { "on a hosted runner" } else { "on a runner of one's own" }.to_owned()),
    );
    parts.extend(list("as builder", &pattern.builder));
    parts.extend(pattern.claims.iter().filter_map(|(name, values)| list(name, values)));
    parts.join(" ")
}

fn joined<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}
