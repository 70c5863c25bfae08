//! The promises of Custody, tried on the real binaries. One file a promise.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]
#![allow(
    clippy::print_stdout,
    reason = "a test says what it tries, what it measured and what it did not try"
)]

mod administered;
mod audit;
mod authorisation;
mod bad_input;
mod bit_rot;
mod budgets;
mod bulk;
mod bundles;
mod clean;
mod clock_repairs;
mod cosign;
mod crash;
mod damage;
mod disk_room;
mod distrust;
mod duplicates;
mod end_to_end;
mod environments;
mod findings;
mod foreign_parts;
mod full_disk;
mod gate;
mod impact;
mod job_rights;
mod keyless;
mod kinds;
mod large;
mod layouts;
mod live;
mod memory;
mod model;
mod order;
mod packs;
mod people;
mod policies;
mod power_loss;
mod predecessors;
mod quickstart;
mod ranges;
mod readers;
mod rebuild_index;
mod recorders;
mod redact;
mod refusals;
mod restoring;
mod rights;
mod rollback_and_fork;
mod rotation;
mod schemas;
mod secrets;
mod services;
mod shapes;
mod shutdown;
mod slow_peers;
mod spool;
mod starts;
mod still_peers;
mod time_stamps;
mod tls;
mod tls_files;
mod watch;
mod week;
