//! Each clause: what it takes, and what it refuses, with the place.

use super::{load, refusal, with_rule};

/// Lines that load in a rule that asks for any provenance.
pub(super) const ACCEPTED: &[&str] = &[
    "    signer: {key: \"1111111111111111111111111111111111111111111111111111111111111111\"}\n",
    "    signer: {key: \"key:1111111111111111111111111111111111111111111111111111111111111111\", builder: \"https://b\"}\n",
    "    signer: {issuer: \"https://i\", subject: me@example.org}\n",
    "    signer: {issuer: \"https://i\", subject: {one_of: [a@b.c, d@e.f]}, hosted: false}\n",
    "    signer: {issuer: \"https://i\", workflow: \"https://w\", ref: refs/tags/v*}\n",
    "    signer: {issuer: \"https://i\", claims: {source_repository_identifier: \"42\"}}\n",
    "    signer: {one_of: [{issuer: \"https://i\", subject: a}, {issuer: \"https://j\", subject: b}], not: author}\n",
    "    signer: {not: [submitter, author]}\n",
    "    submitter: {issuer: \"https://i\", claims: {source_repository_uri: \"https://github.com/acme/api\"}}\n",
    "    source: {repository: acme/api}\n",
    "    source: {repository: {one_of: [acme/api, \"https://gitlab.com/a/b/c\", gitlab.com/a/b]}, ref: {one_of: [refs/heads/main, refs/heads/release/*]}}\n",
    "    source: {protected: true, signed: true, asserted_by: {issuer: \"https://i\", subject: a}}\n",
    "    source: {reviewed: {at_least: 2, asserted_by: {issuer: \"https://i\", subject: a}, not: author}}\n",
    "    sbom: {require: [\"pkg:npm/axios\"]}\n",
    "    assert: \"true\"\n",
    "  - {id: a, approval: {at_least: 2}}\n",
    "  - {id: a, approval: {for: prod, at_least: 2, signer: {issuer: \"https://i\", subject: a}, not: [], max_age: 7d}}\n",
    "  - {id: a, verdict_of: {policy: staging, max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
    "  - {id: a, verdict_of: {policy: staging, for: staging, parameters: {worst: high, most: 3, names: [a, b]}, max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
    "  - {id: a, absent: {fail: [tag_moved], warn: [burst]}}\n",
    "  - {id: a, require: {predicate: [scan, vulns], count: all}, vulnerabilities: {below: any, max_db_age: 3d}}\n",
    "  - {id: a, require: {predicate: cyclonedx, count: latest}, sbom: {ban: [\"pkg:npm/axios@<1.15\"], licences: {allow: [MIT]}}}\n",
    "  - {id: a, require: {predicate: \"https://example.com/my/v1\", count: {at_least: 2, distinct: identity}, authority: [own, relayed], level: logged}}\n",
    "exceptions: {signer: {issuer: \"https://i\", subject: a}, breakglass: {at_least: 2, signer: {issuer: \"https://i\", subject: b}}}\n",
    "resource_uri: \"pkg:oci/api\"\n",
    "max_checkpoint_age: 10m\n",
    "complete: proven\n",
    "applies_to: {repositories: [acme/api, \"acme/*\", \"https://gitlab.com/a/*\"]}\n",
];

#[test]
fn every_form_of_a_clause_loads() {
    for lines in ACCEPTED {
        assert!(load(&with_rule(lines)).is_ok(), "{}\n{lines}", refusal(&with_rule(lines)));
    }
}

/// Lines that do not, and what the refusal says.
pub(super) const REFUSED: &[(&str, &str)] = &[
    // Whom a pattern would let in.
    ("    signer: {}\n", "rules[0].signer: asks nothing"),
    ("    signer: {issuer: \"https://i\"}\n", "names nobody"),
    ("    signer: {issuer: \"https://i\", hosted: true}\n", "names nobody"),
    ("    signer: {issuer: \"https://i\", ref: refs/heads/main}\n", "names nobody"),
    ("    signer: {hosted: true}\n", "name the issuer"),
    ("    signer: {builder: \"https://b\"}\n", "names nobody"),
    ("    signer: {subject: a}\n", "name the issuer"),
    ("    signer: {key: \"11\"}\n", "expected a key id"),
    (
        "    signer: {key: \"1111111111111111111111111111111111111111111111111111111111111111\", issuer: \"https://i\"}\n",
        "a key has no issuer",
    ),
    ("    signer: {issuer: \"https://i\", subject: \"*\"}\n", "only refs take a *"),
    ("    signer: {issuer: \"https://i\", workflow: \"https://github.com/acme/*\"}\n", "only refs take a *"),
    ("    signer: {issuer: \"https://*\", subject: a}\n", "only refs take a *"),
    ("    signer: {issuer: nonsense, subject: a}\n", "the URL of an issuer"),
    ("    signer: {issuer: \"https://i\", subject: a, ref: \"refs/*\"}\n", "a whole ref"),
    ("    signer: {issuer: \"https://i\", subject: a, ref: main}\n", "a whole ref"),
    ("    signer: {issuer: \"https://i\", subject: a, ref: \"refs/heads/*/x\"}\n", "a whole ref"),
    ("    signer: {issuer: \"https://i\", subject: {one_of: []}}\n", "asks nothing"),
    ("    signer: {one_of: [{issuer: \"https://i\"}]}\n", "rules[0].signer.one_of[0]: names nobody"),
    ("    signer: {issuer: \"https://i\", subject: a, not: everybody}\n", "there is no word \"everybody\""),
    (
        "    signer: {issuer: \"https://i\", subject: a, hosted: \"yes\"}\n",
        "expected true or false, found \"yes\"",
    ),
    ("    signer: {issuer: \"https://i\", subject: 42}\n", "expected a text, found 42"),
    ("    signer: {issuer: \"https://i\", subject: a, one_of: []}\n", "one_of stands alone"),
    // Sources.
    ("    source: {}\n", "rules[0].source: asks nothing"),
    ("    source: {repository: api}\n", "expected a repository"),
    ("    source: {repository: \"acme/*\"}\n", "only refs take a *"),
    ("    source: {protected: true}\n", "asserted_by"),
    ("    source: {signed: true}\n", "asserted_by"),
    ("    source: {signed: false, repository: acme/api}\n", "leave it out"),
    ("    source: {reviewed: {at_least: 2}}\n", "asserted_by"),
    (
        "    source: {reviewed: {at_least: 0, asserted_by: {issuer: \"https://i\", subject: a}}}\n",
        "a whole number from 1",
    ),
    // What one old clean document would satisfy.
    ("    sbom: {ban: [\"pkg:npm/axios\"]}\n", "one old clean document would do"),
    ("    sbom: {licences: {allow: [MIT]}}\n", "one old clean document would do"),
    ("    vulnerabilities: {below: high}\n", "one old clean document would do"),
    ("    sbom: {}\n", "rules[0].sbom: asks nothing"),
    ("    sbom: {require: [axios]}\n", "expected a package URL"),
    (
        "  - {id: a, require: {predicate: spdx, count: all}, sbom: {licences: {allow: [Apache License]}}}\n",
        "the id of a licence",
    ),
    (
        "  - {id: a, require: {predicate: spdx, count: all}, sbom: {licences: {deny: [MIT OR X]}}}\n",
        "the id of a licence",
    ),
    (
        "  - {id: a, require: {predicate: spdx, count: all}, sbom: {ban: [\"pkg:alpm/x@<1\"]}}\n",
        "an order that is known",
    ),
    (
        "  - {id: a, require: {predicate: scan, count: all}, vulnerabilities: {max_db_age: 3d}}\n",
        "asks nothing",
    ),
    (
        "  - {id: a, require: {predicate: scan, count: all}, vulnerabilities: {below: hihg}}\n",
        "did you mean \"high\"?",
    ),
    // Nobody submits as a key.
    (
        "    submitter: {key: \"1111111111111111111111111111111111111111111111111111111111111111\"}\n",
        "rules[0].submitter: a key submits nothing",
    ),
    (
        "    submitter: {one_of: [{issuer: \"https://i\", subject: a}, {key: \"1111111111111111111111111111111111111111111111111111111111111111\"}]}\n",
        "rules[0].submitter: a key submits nothing",
    ),
    // What a rule asks.
    ("  - {id: a}\n", "rules[1]: a rule needs one of"),
    ("  - {id: a, require: {predicate: scan, count: any}, approval: {at_least: 1}}\n", "are a rule each"),
    ("  - {id: a, approval: {at_least: 1}, source: {repository: acme/api}}\n", "about what require names"),
    ("  - {id: a, require: {predicate: scan}}\n", "the field \"count\" is missing"),
    ("  - {id: a, require: {count: any}}\n", "the field \"predicate\" is missing"),
    ("  - {id: a, require: {predicate: [], count: any}}\n", "asks nothing"),
    ("  - {id: a, require: {predicate: scan, count: {at_least: 2}}}\n", "the field \"distinct\" is missing"),
    (
        "  - {id: a, require: {predicate: scan, count: {at_least: 2, distinct: key}}}\n",
        "there is no word \"key\"",
    ),
    ("  - {id: a, require: {predicate: scan, count: 2}}\n", "expected a text, found 2"),
    ("  - {id: a, require: {predicate: scan, count: any, max_age: 30}}\n", "a span of time such as 30d"),
    ("  - {id: a, require: {predicate: scan, count: any, max_age: 0d}}\n", "a span of time such as 30d"),
    ("  - {id: a, require: {predicate: scan, count: any, binding: loose}}\n", "there is no word \"loose\""),
    ("  - {id: a, require: {predicate: scan, count: any, authority: []}}\n", "asks nothing"),
    ("  - {id: a, approval: {}}\n", "the field \"at_least\" is missing"),
    ("  - {id: a, verdict_of: {policy: staging, max_age: 30d}}\n", "the field \"signer\" is missing"),
    (
        "  - {id: a, verdict_of: {policy: staging, signer: {issuer: \"https://i\", subject: a}}}\n",
        "the field \"max_age\" is missing",
    ),
    (
        "  - {id: a, verdict_of: {policy: s, for: \"*\", max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
        "the name of an environment",
    ),
    (
        "  - {id: a, verdict_of: {policy: s, parameters: {}, max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
        "parameters: asks nothing",
    ),
    (
        "  - {id: a, verdict_of: {policy: s, parameters: {worst: $unknown}, max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
        "there is no parameter \"unknown\"",
    ),
    (
        "  - {id: a, verdict_of: {policy: s, parameters: {Worst: high}, max_age: 30d, signer: {issuer: \"https://i\", subject: a}}}\n",
        "a name of small letters",
    ),
    ("  - {id: a, absent: []}\n", "asks nothing"),
    ("  - {id: build, absent: [burst]}\n", "the rule \"build\" is there twice"),
    ("  - {id: Build, absent: [burst]}\n", "an id of small letters"),
    ("  - {id: custody.x, absent: [burst]}\n", "an id of small letters"),
    ("    effective_on: soon\n", "a day such as 2027-01-01"),
    ("    effective_on: 2027-02-30\n", "a day such as 2027-01-01"),
    ("    warn: maybe\n", "expected true or false"),
    ("    assert: 5\n", "an expression, as text"),
    ("    assert: \"env.x\"\n", "declares no parameter x"),
    ("    title: \"\"\n", "a text of 1 to 2048 bytes"),
    // The policy itself.
    ("applies_to: {}\n", "applies_to: asks nothing"),
    ("applies_to: {environments: [\"*\"]}\n", "the name of an environment"),
    ("applies_to: {repositories: [\"*\"]}\n", "expected a repository"),
    ("applies_to: {repositories: [\"acme*\"]}\n", "expected a repository"),
    ("applies_to: {repositories: [\"https://github.com/*\"]}\n", "expected a repository"),
    ("exceptions: {}\n", "exceptions: asks nothing"),
    ("exceptions: {breakglass: {at_least: 2}}\n", "the field \"signer\" is missing"),
    ("max_checkpoint_age: never\n", "a span of time such as 30d"),
];

#[test]
fn what_a_clause_must_not_say_is_refused_with_its_place() {
    for (lines, said) in REFUSED {
        let refusal = refusal(&with_rule(lines));
        assert!(refusal.contains(said), "{lines}: {refusal}\nexpected {said}");
    }
}

#[test]
fn a_policy_needs_its_name_and_version() {
    for (without, said) in [
        ("policy: release\n", "the field \"policy\" is missing"),
        ("version: 3\n", "the field \"version\" is missing"),
    ] {
        assert!(refusal(&with_rule("").replace(without, "")).contains(said));
    }
    for (from, to) in [("release", "re lease"), ("version: 3", "version: 0"), ("version: 3", "version: '3'")]
    {
        assert!(load(&with_rule("").replace(from, to)).is_err(), "{to}");
    }
}
