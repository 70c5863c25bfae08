//! `custody receipt`: receipts on their own.

use std::path::{Path, PathBuf};

use custody_client::memory::replace;
use custody_log::receipt::Receipt;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::session;

/// Work with receipts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Replace a receipt by one with today's checkpoint and cosignatures.
    ///
    /// The old receipt is verified first, and the new one is for the same entry of a tree that contains the
    /// old one.
    Refresh {
        /// The receipt.
        file: PathBuf,
        /// Write the new receipt here instead of replacing the old one.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs `custody receipt`.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    match args.command {
        Command::Refresh { file, out } => refresh(&file, out.as_deref().unwrap_or(&file), context).await,
    }
}

async fn refresh(file: &Path, out: &Path, context: &Context) -> Result<Outcome, Failure> {
    let old = read(file)?;
    let mut ledger = session::open(context).await?;
    let size = old.signed_checkpoint().unverified().size();
    let old = old
        .verify(&ledger.trust().pin().origin, &ledger.trust().log_keys_at(size))
        .map_err(|error| not_verified(file, &error))?;
    let index = old.entry().index;
    let new = ledger.receipt(index).await?;
    ledger.contains(old.checkpoint()).await?;
    if new.entry_bytes() != old.entry_bytes() {
        return Err(Failure::no(
            "not_verified",
            format!("entry {index} of the log is another one than in the receipt"),
        )
        .hint(
            "two receipts for one index prove that the log forked: keep both, and show them to its operator",
        ));
    }
    let bytes = new.receipt().encode();
    replace(out, &bytes).map_err(|error| Failure::unwritable(error.to_string()))?;
    let now = new.checkpoint().checkpoint().size();
    if context.output.is_json() {
        let receipt = String::from_utf8_lossy(&bytes);
        context.output.print_json(
            &json!({ "index": index.get(), "from": size.get(), "size": now.get(), "receipt": receipt }),
        )?;
    } else {
        context
            .output
            .print(format!("entry {index}: receipt of tree size {size} replaced by one of {now}\n"))?;
    }
    Ok(Outcome::Yes)
}

/// The largest receipt: a few KiB of proof, entry and checkpoint, and room for cosignatures of many witnesses.
const RECEIPT_BYTES_MAX: u64 = 1 << 20;

fn read(file: &Path) -> Result<Receipt, Failure> {
    let bytes = crate::cli::file::read(file, RECEIPT_BYTES_MAX)?;
    Receipt::decode(&bytes).map_err(|error| {
        Failure::usage("bad_receipt", format!("{} is not a receipt: {error}", file.display()))
            .hint("`custody record --receipt FILE` writes one")
    })
}

fn not_verified(file: &Path, error: &custody_log::receipt::ReceiptError) -> Failure {
    Failure::no("not_verified", format!("{}: {error}", file.display()))
        .hint("the receipt was changed, or it is of another log than the pinned one")
}
