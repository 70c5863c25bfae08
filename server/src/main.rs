//! `custodyd`: keeps a Custody log.

use std::process::ExitCode;

use custody_server::cli;
use custody_server::config::Environment;

fn main() -> ExitCode {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        anstream::eprintln!("error: this is a bug in custodyd");
        anstream::eprintln!("hint: report it with the lines above and `custodyd --version`");
    }));
    let environment: Environment = std::env::vars_os().collect();
    std::panic::catch_unwind(|| cli::main(std::env::args_os(), &environment)).unwrap_or(ExitCode::from(70))
}
