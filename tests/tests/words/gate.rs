//! The errors of policies and verdicts.

use std::collections::BTreeSet;

use custody_evidence::json::{JsonError, JsonFault};
use custody_evidence::statement::StatementBuildError;
use custody_gate::cel::{CelError, Expression};
use custody_gate::fixture::FixtureError;
use custody_gate::policy::{Combination, Named, YamlFault};
use custody_gate::verdict::SummaryError;
use custody_gate::{LoadError, VerdictError};
use custody_tests::every;
use custody_tests::words::lines;

fn at() -> String {
    "rules[2].require".to_owned()
}

fn found() -> String {
    "found".to_owned()
}

fn json() -> JsonError {
    JsonError { fault: JsonFault::Trailing, line: 2, column: 7, path: String::new() }
}

#[test]
fn every_error_of_a_policy_has_its_words() {
    let load = every!(LoadError {
        TooLong { found: 300_000 },
        Utf8 { at: 17 },
        Yaml { fault: YamlFault::Duplicate, line: 3, column: 5 },
        Json(Box::new(json())),
        Value { place: at(), expected: "a text", found: "42".to_owned() },
        UnknownField { place: at(), field: "cuont".to_owned(), nearest: Some("count".to_owned()) },
        UnknownField { place: at(), field: "x".to_owned(), nearest: None },
        MissingField { place: at(), field: "count" },
        UnknownName { place: at(), what: Named::Predicate, found: "scn".to_owned(), nearest: Some("scan".to_owned()) },
        DuplicateRule { place: "rules[2]".to_owned(), id: "scan".to_owned() },
        TooMany { place: "rules".to_owned(), max: 200, found: 201 },
        TooMuchPutIn,
        Combination { place: at(), problem: Combination::Empty },
        Expression { place: "rules[2].assert".to_owned(), source: CelError::OpenString { at: 4 } },
        NothingEnforced,
    });
    let fault = every!(YamlFault { Alias, Documents, Duplicate, Form, TooMuch });
    let combination = every!(Combination {
        Nothing,
        Several,
        BesideOneOf,
        WithoutRequire,
        NegativeUnderAny,
        OpenPattern,
        WithoutIssuer,
        KeyWithClaims,
        SubmitterKey,
        WithoutAsserter,
        WithoutContent,
        SeveralContents,
        Empty,
    });
    let policies =
        [lines("LoadError", &load), lines("YamlFault", &fault), lines("Combination", &combination)];
    super::hold("policies", &policies.concat());
}

#[test]
fn every_error_of_an_expression_has_its_words() {
    let cel = every!(CelError {
        TooLong { found: 3000 },
        TooManyNodes { at: 17 },
        TooDeep { at: 17 },
        Unexpected { at: 17, expected: ")", found: "]".to_owned() },
        Number { at: 17 },
        OpenString { at: 17 },
        Escape { at: 17 },
        Variable { at: 17, found: found() },
        Parameter { at: 17, found: found() },
        Env { at: 17 },
        Function { at: 17, found: found() },
        Macro { at: 17, found: "map".to_owned() },
        Nested { at: 17 },
        InsideLoop { at: 17 },
        Shadowed { at: 17, found: "att".to_owned() },
        Has { at: 17 },
        Predicate { at: 17, nearest: Some("scan".to_owned()) },
        Range { at: 17 },
    });
    super::hold("expressions", &lines("CelError", &cel));
    assert!(Expression::compile("att.predicate", &BTreeSet::new()).is_ok());
}

#[test]
fn every_error_of_a_verdict_has_its_words() {
    let verdict = every!(VerdictError {
        TooLong { found: 2_000_000 },
        Json(json()),
        Form,
        Schema { found: found() },
        Member { member: "decision" },
        NoVerdict,
    });
    let summary = every!(SummaryError {
        Indeterminate,
        Doubtful { rule: "custody.freshness".to_owned() },
        Statement(StatementBuildError::Predicate { why: found() }),
        Subject { found: found() },
    });
    let piece = || "scan".to_owned();
    let fixture = every!(FixtureError {
        Load(LoadError::MissingField { place: at(), field: "count" }),
        FileMissing { piece: piece(), file: "scan.json".to_owned() },
        Statement { piece: piece(), source: StatementBuildError::Predicate { why: found() } },
        Verdict { piece: piece(), source: SummaryError::Indeterminate },
    });
    let verdicts =
        [lines("VerdictError", &verdict), lines("SummaryError", &summary), lines("FixtureError", &fixture)];
    super::hold("verdicts", &verdicts.concat());
}
