//! A clock repair is for a clock that trails the log, and for nothing else. That one steps back is tried where a test sets the
//! clock: `server/tests/clock.rs`.

use custody_tests::client::User;
use custody_tests::server::Ledger;
use custody_tests::wire::Caller;

#[test]
fn a_clock_repair_is_refused_while_there_is_nothing_to_repair() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
    let repair = ["trust", "clock-repair", "--reason", "the clock was ahead"];
    let refused = administrator.custody(&repair);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("there is nothing to repair"), "{}", refused.stderr);
    // Several sign it as they sign everything else, and are told what it says.
    let written = administrator.custody(&[&repair[..], &["--out", "repair.json"]].concat());
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let signed = administrator.custody(&["trust", "sign", "repair.json", "--yes"]);
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);
    let told = format!("{}{}", signed.stdout, signed.stderr);
    assert!(told.contains("ledger time steps back after entry 0, not behind 20"), "{told}");
    assert!(told.contains(": the clock was ahead"), "{told}");
    let refused = administrator.custody(&["record", "envelope", "repair.json"]);
    assert!(refused.stderr.contains("there is nothing to repair"), "{}", refused.stderr);
    assert!(administrator.custody(&["audit"]).stdout.starts_with("sound"));
}
