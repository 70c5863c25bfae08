//! The document about findings says what the rules do.

use crate::finding::FindingKind;
use crate::finding::bounds::*;

const DOCUMENT: &str = include_str!("../../../../../docs/findings.md");

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn every_kind_has_its_section() {
    for kind in FindingKind::ALL {
        assert!(DOCUMENT.contains(&format!("\n### `{kind}`\n")), "{kind} has no section in docs/findings.md");
    }
    assert_eq!(DOCUMENT.matches("\n### `").count(), FindingKind::ALL.len());
}

#[test]
fn the_table_of_numbers_is_that_of_the_rules() {
    let time = |micros: i64| match micros / 1_000_000 / 3_600 {
        hours if hours % 24 == 0 && hours > 24 => format!("{} days", hours / 24),
        1 => "1 hour".to_owned(),
        hours => format!("{hours} hours"),
    };
    let rows = [
        ("`HISTORY_AGE_MICROS`", time(HISTORY_AGE_MICROS)),
        ("`BACKDATED_MICROS`", time(BACKDATED_MICROS)),
        ("`SIGNER_LOOK_BACK`", grouped(SIGNER_LOOK_BACK)),
        ("`LOOK_BACK`", grouped(LOOK_BACK)),
        ("`HISTORY_MIN`", grouped(HISTORY_MIN)),
        ("`SHOWN`", grouped(SHOWN)),
        ("`BURST_VERSIONS`", grouped(BURST_VERSIONS)),
        ("`BURST_WINDOW_MICROS`", time(BURST_WINDOW_MICROS)),
        ("`OLD_LINE_RELEASES`", grouped(OLD_LINE_RELEASES)),
        ("`OLD_LINE_SILENCE_MICROS`", time(OLD_LINE_SILENCE_MICROS)),
        ("`ARTIFACTS_LOOKED_AT`", grouped(ARTIFACTS_LOOKED_AT)),
        ("`ABOUT_ARTIFACT`", grouped(ABOUT_ARTIFACT)),
        ("`COMPONENTS_LOOKED_AT`", grouped(COMPONENTS_LOOKED_AT)),
        ("`PAIRS_LOOKED_AT`", grouped(PAIRS_LOOKED_AT)),
        ("`GAP_SETTLED`", grouped(usize::try_from(GAP_SETTLED).unwrap())),
        ("`GAP_WINDOW`", grouped(usize::try_from(GAP_WINDOW).unwrap())),
        ("`GAP_DENSE`", grouped(GAP_DENSE)),
        ("`GAP_LOOKED_AT`", grouped(GAP_LOOKED_AT)),
        ("`FOUND_MAX`", grouped(FOUND_MAX)),
        ("`COUNTED_MAX`", grouped(COUNTED_MAX)),
    ];
    let table: Vec<&str> =
        DOCUMENT.lines().filter(|line| line.starts_with("| `") && line.contains("` | ")).collect();
    assert_eq!(table.len(), rows.len(), "{table:?}");
    for ((name, value), line) in rows.iter().zip(table) {
        assert!(
            line.starts_with(&format!("| {name} | {value} |")),
            "expected {name} is {value}, found {line}"
        );
    }
}
