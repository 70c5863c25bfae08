//! `custody record sbom`: what is in a file.

use std::path::PathBuf;

use custody_client::make::Sbom;

use super::flags::{Common, read_document, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};

/// What is in a file: a CycloneDX or SPDX document, embedded as it is. The subject is the file that it describes. Of CycloneDX in XML,
/// SPDX as tag-value text and SPDX 3 no component is read: they are found by subject and by the document's digest.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The document; the same as `--predicate`.
    #[arg(value_name = "SBOM", conflicts_with = "predicate")]
    document: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

/// Runs `custody record sbom`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    // With --type the user says what the document is.
    let typed = args.common.predicate_type.is_some();
    let made = match (&args.document, &args.common.predicate) {
        (None, Some(_)) if typed => args.common.given("", &subjects)?,
        (Some(path), _) | (None, Some(path)) => {
            let bytes = read_document(path)?;
            let sbom = Sbom::detect(&bytes).map_err(|error| unmade(&error, Some(path)))?;
            context.output.note(format!("{}: {}, {} bytes", path.display(), sbom.kind(), sbom.length()));
            let made = sbom.make(&subjects).map_err(|error| match error {
                custody_client::make::MakeError::NoSubject => unmade(&error, None),
                other => unmade(&other, Some(path)),
            })?;
            Some(made)
        }
        (None, None) => None,
    };
    let made = made.ok_or_else(|| {
        Failure::usage("missing_flag", "no document was given").hint("give the file of the SBOM")
    })?;
    send::statement(&made, &args.common.sending, context).await
}
