//! What expressions come to, and those that are refused because they would run away.

use std::collections::BTreeSet;

use custody_log::{LeafIndex, Timestamp};
use serde_json::{Value as Json, json};

use super::{
    Attestation, CelError, DEPTH_MAX, Environment, Expression, Fault, Fuel, NODES_MAX, STEPS_MAX, TEXT_MAX,
};

fn compile(text: &str) -> Result<Expression, CelError> {
    Expression::compile(text, &BTreeSet::from(["max", "names"]))
}

#[expect(clippy::needless_pass_by_value, reason = "written in place")]
fn attestation(index: u64, predicate_type: &str, predicate: Json) -> Attestation {
    let json = json!({
        "predicate": predicate, "index": index, "predicateType": predicate_type,
        "verified": {"binding": "bound"}, "claimed": {"ref": "refs/heads/main"},
    });
    Attestation { index: LeafIndex::new(index).unwrap(), predicate_type: predicate_type.to_owned(), json }
}

/// Evaluates over three attestations; returns the outcome and the steps.
fn evaluated(text: &str) -> (Result<bool, Fault>, u64) {
    let components: Vec<Json> =
        (0..500).map(|at| json!({"name": format!("c{at}"), "version": "1.0"})).collect();
    let attestations = [
        attestation(
            4,
            "urn:custody:scan:v1",
            json!({"scanner": {"version": "0.90", "rank": 3}, "found": [1, 2.5, null]}),
        ),
        attestation(7, "urn:custody:scan:v1", json!({"scanner": {"version": ""}})),
        attestation(9, "https://cyclonedx.org/bom/v1.6", json!({"components": components})),
    ];
    over(text, &attestations)
}

fn over(text: &str, attestations: &[Attestation]) -> (Result<bool, Fault>, u64) {
    let environment = Environment {
        subject: &json!({"digest": "sha256:00", "environment": "prod"}),
        parameters: &json!({"max": 8.9, "names": ["a", "c1"]}),
        now: Timestamp::parse_rfc3339("2026-11-26T00:00:00Z").unwrap(),
        attestations,
        current: 0,
    };
    let mut fuel = Fuel::full();
    let outcome =
        compile(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(&environment, &mut fuel);
    (outcome, STEPS_MAX - fuel.left())
}

#[test]
fn expressions_come_to_what_cel_says() {
    for text in [
        "true",
        "!false && (false || true)",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
        "7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1",
        "1 == 1.0 && 1u == 1 && 2 < 2.5 && 9007199254740993 > 9007199254740992.0",
        "0x10 == 16 && 1e3 == 1000.0 && .5 == 0.5",
        "-9223372036854775808 < 0",
        "'a' < 'b' && 'a' + 'b' == \"ab\" && r'\\n' == '\\\\n' && '\\x41\\u0042\\103' == 'ABC'",
        "1 < 2 == true",
        "true ? 1 == 1 : 1 / 0 == 1",
        "false ? 1 / 0 == 1 : true",
        "2 in [1, 2, 3] && !('x' in env.names) && 'version' in att.predicate.scanner",
        "[1, 2] == [1.0, 2] && [1] != [1, 2] && [[1]] == [[1]]",
        "att.predicate.scanner.version == '0.90' && att['predicate']['scanner'].rank == 3",
        "has(att.predicate.scanner) && !has(att.predicate.nothing)",
        "size('h\u{e9}llo') == 5 && [1, 2].size() == 2 && size(att.predicate) == 2",
        "'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')",
        "int('42') == 42 && double(1) == 1.0 && string(42) == '42' && double('8.9') == env.max",
        "now > timestamp('2026-11-25T00:00:00Z') && now - timestamp('2026-11-25T00:00:00Z') == duration('24h')",
        "now + duration('1h30m') > now && duration('7d') == duration('168h')",
        "atts.exists(a, a.predicateType == 'urn:custody:scan:v1') && size(atts) == 3",
        "atts.all(a, a.index > 3) && atts.exists_one(a, a.index == 7)",
        "atts.of('scan').all(a, has(a.predicate.scanner)) && size(atts.of('scan')) == 2",
        "atts.latest('scan').index == 7 && atts.latest('https://cyclonedx.org/bom/v1.6').index == 9",
        "atts[2].predicate.components.exists(c, c.name in env.names)",
        "verified.binding == 'bound' && claimed.ref == 'refs/heads/main' && subject.environment == 'prod'",
        "purl_matches('pkg:npm/axios@1.14.1', 'pkg:npm/axios@>=1.14.1 <1.15')",
        "!purl_matches('pkg:npm/axios@1.16.0', 'pkg:npm/axios@<1.15')",
        "att.predicate.found[2] == null && att.predicate.found[1] == 2.5",
        "true // a comment",
    ] {
        assert_eq!(evaluated(text).0, Ok(true), "{text}");
    }
}

/// google/cel-spec, "Logical Operators" and "Macros": a deciding side decides, whatever the other one comes to.
#[test]
fn errors_give_way_to_what_decides() {
    for (text, outcome) in [
        ("false && att.nothing", Ok(false)),
        ("att.nothing && false", Ok(false)),
        ("true || att.nothing", Ok(true)),
        ("att.nothing || true", Ok(true)),
        ("att.nothing && true", Err(Fault::NoField)),
        ("1 && false", Ok(false)),
        ("atts.exists(a, a.predicate.scanner.rank == 3)", Ok(true)),
        ("atts.exists(a, a.predicate.scanner.rank == 4)", Err(Fault::NoField)),
        ("atts.all(a, a.predicate.scanner.rank == 4)", Ok(false)),
        ("atts.all(a, a.predicate.scanner.rank == 3)", Err(Fault::NoField)),
        ("atts.exists_one(a, a.predicate.scanner.rank == 3)", Err(Fault::NoField)),
        ("[].all(x, x)", Ok(true)),
        ("[].exists(x, x)", Ok(false)),
    ] {
        assert_eq!(evaluated(text).0, outcome, "{text}");
    }
}

#[test]
fn what_has_no_answer_is_a_fault_and_never_a_yes() {
    for (text, fault) in [
        ("1", Fault::NotBool),
        ("att.predicate", Fault::NotBool),
        ("att.nothing == 1", Fault::NoField),
        ("att.predicate.scanner.version.x == 1", Fault::WrongKind),
        ("att.predicate.found[3] == 1", Fault::Index),
        ("att.predicate.found[-1] == 1", Fault::Index),
        ("1 + 'a' == 'x'", Fault::WrongKind),
        ("1 + 1.0 == 2.0", Fault::WrongKind),
        ("1 / 0 == 1", Fault::Overflow),
        ("1.0 / 0.0 > 1.0", Fault::Overflow),
        ("9223372036854775807 + 1 > 0", Fault::Overflow),
        ("-(-9223372036854775808) > 0", Fault::Overflow),
        ("'a' < 1", Fault::WrongKind),
        ("int('x') == 1", Fault::WrongKind),
        ("double('inf') > 1.0", Fault::WrongKind),
        ("timestamp('yesterday') < now", Fault::WrongKind),
        ("atts.latest('vsa').index == 1", Fault::NoField),
        ("att.predicate.scanner.all(k, true)", Fault::WrongKind),
        ("size(1) == 1", Fault::WrongKind),
        ("purl_matches('axios', 'pkg:npm/axios@<1')", Fault::WrongKind),
        ("!1", Fault::WrongKind),
    ] {
        assert_eq!(evaluated(text).0, Err(fault), "{text}");
    }
}

#[test]
fn what_is_not_in_the_language_is_refused_when_it_is_read() {
    for text in [
        "",
        "1 +",
        "(1",
        "1)",
        "[1",
        "'a",
        "'a\n'",
        "'\\q'",
        "1x",
        "1.",
        "a b",
        "a.",
        "a.1",
        "1 2",
        "=",
        "1 = 1",
        "&",
        "a ? b",
        "{'a': 1}",
        "b'x'",
        "\"\"\"x\"\"\"",
        "a.b.c(",
        "f(1)",
        "size()",
        "size(1, 2)",
        "'a'.size(1)",
        "a.map(x, x)",
        "atts.filter(x, true)",
        "'a'.matches('a')",
        "has(att)",
        "has(1)",
        "has(att.a, att.b)",
        "unknown",
        "env",
        "env == 1",
        "env['max'] == 1",
        "env.nothing == 1",
        "has(env.nothing)",
        "atts.of('scn')",
        "atts.of(env.names)",
        "atts.latest(1)",
        "purl_matches('a', env.names)",
        "purl_matches('a', 'pkg:alpm/x@<1')",
        "for",
        "if",
        "atts.all(att, true)",
        "atts.all(1, true)",
        "atts.all(x, y)",
        "99999999999999999999 == 1",
        "9223372036854775808 > 1",
        "true in",
        "in [1]",
        "0x == 1",
        "1e == 1",
        "@",
        "a;b",
        "'a' 'b'",
        "[1,,2]",
        "f(1,)",
        "\u{e9}",
    ] {
        assert!(compile(text).is_err(), "{text:?} is read");
    }
}

#[test]
fn expressions_built_to_run_away_are_refused() {
    let nested = |text: &str| matches!(compile(text), Err(CelError::Nested { .. }));
    assert!(nested("atts.all(a, atts.all(b, true))"));
    assert!(nested("atts.all(a, a.predicate.components.exists(c, true))"));
    assert!(nested("[atts.exists(a, true)].all(x, x)"));
    assert!(nested("atts.all(a, true ? atts.exists(b, true) : false)"));
    assert!(matches!(compile("atts.map(a, a).map(b, b) == []"), Err(CelError::Macro { .. })));
    assert!(matches!(compile("atts.all(a, a.index in atts)"), Err(CelError::InsideLoop { .. })));
    assert!(matches!(
        compile("atts.all(a, a in att.predicate.components)"),
        Err(CelError::InsideLoop { .. })
    ));
    assert!(matches!(compile("atts.all(a, atts.latest('scan') == a)"), Err(CelError::InsideLoop { .. })));
    // The chain of maps that took seconds and gigabytes elsewhere.
    let chain = format!("[1,2]{}", ".map(x, [x, x])".repeat(26));
    assert!(matches!(compile(&chain), Err(CelError::Macro { .. })));
}

#[test]
fn long_wide_and_deep_expressions_are_refused() {
    assert!(matches!(compile(&" ".repeat(TEXT_MAX + 1)), Err(CelError::TooLong { .. })));
    let wide = |count: usize| format!("{}true", "true&&".repeat(count));
    assert!(compile(&wide(NODES_MAX / 2 - 1)).is_ok());
    assert!(matches!(compile(&wide(NODES_MAX / 2 + 1)), Err(CelError::TooManyNodes { .. })));
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("-", "")] {
        let deep = format!("{}1{}", open.repeat(DEPTH_MAX + 1), close.repeat(DEPTH_MAX + 1));
        assert!(matches!(compile(&deep), Err(CelError::TooDeep { .. })), "{open}");
        let deeper = format!("{}1{}", open.repeat(1000), close.repeat(1000));
        assert!(matches!(compile(&deeper), Err(CelError::TooDeep { .. })), "{open}");
    }
}

/// Nodes times data: twice the data is at most about twice the steps, for everything that is let in.
#[test]
fn steps_grow_with_the_data_and_no_faster() {
    let of = |count: usize| {
        let components: Vec<Json> = (0..count).map(|at| json!({"name": format!("component-{at}")})).collect();
        [attestation(
            1,
            "urn:custody:scan:v1",
            json!({"components": components.clone(), "again": components}),
        )]
    };
    for text in [
        "att.predicate.components.all(c, c.name != '')",
        "att.predicate.components == att.predicate.again",
        "att.predicate.components.exists(c, c.name in env.names)",
        "'x' in att.predicate.components",
    ] {
        let (once, twice) = (over(text, &of(1000)).1, over(text, &of(2000)).1);
        assert!(twice <= 2 * once + 100, "{text}: {once} and {twice}");
    }
}

#[test]
fn what_is_let_in_and_still_too_much_stops_at_the_last_step() {
    // A body that compares two large lists in each turn is no loop in a loop, and quadratic all the same.
    let large: Vec<Json> = (0..20_000).map(Json::from).collect();
    let attestations = [attestation(1, "urn:custody:scan:v1", json!({"a": large.clone(), "b": large}))];
    let (outcome, steps) = over("att.predicate.a.all(x, att.predicate.a == att.predicate.b)", &attestations);
    assert_eq!((outcome, steps), (Err(Fault::TooMuch), STEPS_MAX));
    // It is no side that gives way, either.
    let (outcome, _) =
        over("att.predicate.a.all(x, att.predicate.a == att.predicate.b) || true", &attestations);
    assert_eq!(outcome, Err(Fault::TooMuch));
}

#[test]
fn no_text_is_made_that_doubles_itself() {
    // 64 bytes, doubled again and again within the nodes that there may be.
    let mut text = "'0123456789012345678901234567890123456789012345678901234567890123'".to_owned();
    while text.len() * 2 + 20 < TEXT_MAX {
        text = format!("{text}+{text}");
    }
    assert_eq!(evaluated(&format!("({text}) == ''")).0, Ok(false));
    let long = json!("x".repeat(super::MADE_MAX));
    let attestations = [attestation(1, "urn:custody:scan:v1", json!({ "s": long }))];
    assert_eq!(over("att.predicate.s + 'x' == ''", &attestations).0, Err(Fault::Overflow));
}

#[test]
fn no_text_at_all_makes_the_reader_panic() {
    let pieces = [
        "att", ".", "(", ")", "[", "]", "'", "\\", "1", "u", "e", "+", "-", "!", "&&", "?", ":", ",", "in",
        "has", "all", "x", "\u{e9}", "\u{0}", "//", "\n",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    println!("seed {state:#x}");
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
        }
        if let Ok(expression) = compile(&text) {
            assert_eq!(expression.as_str(), text);
        }
    }
}
