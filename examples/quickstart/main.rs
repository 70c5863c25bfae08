//! The tour for newcomers, in one command: `cargo run -p custody-examples --bin quickstart`. A folder to play in
//! can be given behind `--`.
//!
//! It starts a real server, records the chain of custody of this project's own build, traces it with every proof
//! checked, and then breaks one byte on purpose and shows that it is found. Nothing is made up: the artifact is the
//! `custodyd` that was just built, the commit is the one that is checked out, the SBOM is what cargo resolved.

mod damage;
mod sbom;
mod server;
mod stage;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use stage::Stage;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let told = Stage::set(folder).and_then(|stage| story::tell(&stage));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                anstream::eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}
