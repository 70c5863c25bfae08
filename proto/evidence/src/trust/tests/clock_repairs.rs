//! Clock repairs: whose word they are, and that they are good in one place of one log.

use super::*;
use crate::admission::{self, Refusal};

const FROM: &str = "2026-11-23T12:00:00Z";

fn signed(statement: &[u8], signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(IN_TOTO, statement, &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn repair(after: u64) -> Vec<u8> {
    let (not_before, reason) = (time(FROM), "the clock was a year ahead".to_owned());
    let said = ClockRepair { after: index(after), not_before, reason };
    said.statement(origin().as_str())
}

#[test]
fn it_follows_the_entry_that_it_names_and_no_other_and_takes_the_rules_role() {
    let state = TrustState::first(&sign(with(|_| {}), &[1, 2, LOG]), &origin()).unwrap();
    let envelope = signed(&repair(6), &[1, 2]);
    let next = state.next(&envelope, index(7)).unwrap();
    let (from, long) = (time(FROM), time("2030-01-01T00:00:00Z"));
    assert!(next.repairs_clock(index(7), from) && next.repairs_clock(index(7), long));
    assert!(!next.repairs_clock(index(7), from.plus_micros(-1)), "to no earlier time");
    assert!(!next.repairs_clock(index(6), from) && !next.repairs_clock(index(8), from));
    assert_eq!(next.clock_repairs(), [index(7)]);
    for at in [1, 6, 8, 1_000] {
        let refused = state.next(&envelope, index(at)).unwrap_err();
        assert!(matches!(refused, TrustError::RepairPlace { found: 6 }), "{at}: {refused}");
    }
    let refused = state.next(&signed(&repair(6), &[1]), index(7)).unwrap_err();
    assert!(matches!(refused, TrustError::Role { role: RoleName::Rules, .. }), "{refused}");
    let elsewhere = ClockRepair { after: index(6), not_before: from, reason: "x".to_owned() };
    let elsewhere = elsewhere.statement("example.com/other");
    let refused = state.next(&signed(&elsewhere, &[1, 2]), index(7)).unwrap_err();
    assert!(matches!(refused, TrustError::Subject { .. }), "{refused}");
    // Where it will stand is not known when it is admitted.
    let now = time("2026-11-23T12:00:00Z");
    let admitted = admission::admit(&state, &envelope.into(), now, [7; 32]).unwrap();
    assert!(admitted.administrative() && admitted.is_said_once());
    let refused = admission::admit(&state, &signed(&repair(6), &[1]).into(), now, [7; 32]).unwrap_err();
    assert!(matches!(refused, Refusal::Trust(_)), "{refused}");
}

#[test]
fn it_says_why_and_nothing_that_is_not_understood() {
    let origin = origin();
    let good = String::from_utf8(repair(6)).unwrap();
    for (from, to) in [
        ("the clock was a year ahead", " "),
        ("custody/clock-repair/v1", "custody/clock-repair/v2"),
        ("\"crit\":[]", "\"crit\":[\"until\"]"),
        ("\"after\":6", "\"after\":-6"),
        ("\"not_before\":\"2026-11-23T12:00:00.000000Z\",", ""),
        ("2026-11-23T12:00:00.000000Z", "2026-11-23"),
        ("\"after\":6", "\"after\":18446744073709551615"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        let statement = Statement::parse(changed.as_bytes()).unwrap();
        assert!(ClockRepair::from_statement(&statement, origin.as_str()).is_err(), "{to}");
    }
}
