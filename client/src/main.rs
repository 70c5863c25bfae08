//! The command line `custody`.
//!
//! This file starts the program and nothing more: the panic hook, the clock, the environment and the
//! runtime are made here, once, and passed down.

mod cli;

use std::process::ExitCode;

use cli::clock::Clock;
use cli::environment::Environment;
use cli::failure::{Exit, report_panics};

fn main() -> ExitCode {
    report_panics();
    let environment = Environment::of_process();
    let work = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
        match runtime {
            Ok(runtime) => runtime.block_on(cli::run(std::env::args_os(), environment, Clock::system())),
            Err(error) => cli::failure::without_runtime(&error),
        }
    };
    // A panic is our bug and has its own exit code, so that no gate takes it for a no.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(Exit::Bug).into()
}
