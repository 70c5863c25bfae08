//! What was acknowledged is there after the power was lost under load.
//!
//! The disk is an ext4 image whose file system is shut down without writing its log, so all that was not synced is lost.
//! The cache of the device below it is not cut off.

use std::time::Duration;

use custody_tests::callers::Callers;
use custody_tests::dice::{Dice, number_from};
use custody_tests::disk::Disk;
use custody_tests::server::Ledger;

/// How often the power is lost, unless `CUSTODY_POWER_ROUNDS` says so.
const ROUNDS: usize = 1;

#[test]
fn power_loss_under_load_loses_nothing_acknowledged() {
    let disk = match Disk::new(256) {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: no disk of its own can be made here ({why})"),
    };
    let (ledger, mut callers) = (Ledger::new_in(&disk.path(), 1), Callers::new(4));
    // What custodyd init made is on disk when it ends: the log, and the keys beside it.
    if let Err(why) = disk.lose_power() {
        return println!("skipped: the power of a disk cannot be cut off here ({why})");
    }
    disk.power_on();
    let mut dice = Dice::seeded();
    let rounds = number_from("CUSTODY_POWER_ROUNDS").unwrap_or(ROUNDS);
    for round in 1..=rounds {
        let server = ledger.serve();
        let after = Duration::from_millis(300 + dice.roll(1_500) as u64);
        callers.record_until(&ledger, &server, after, || disk.lose_power().unwrap());
        server.kill();
        disk.power_on();
        println!("round {round}: {} acknowledged", callers.acknowledged());
    }
    callers.check(&ledger);
    assert!(callers.acknowledged() > rounds);
    // Its folder is on the disk, which goes next.
    drop(ledger);
}
