//! Placeholder until the command lands.

use super::Context;
use super::failure::{Failure, Outcome};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("not_built", "this command is not built yet"))
}
