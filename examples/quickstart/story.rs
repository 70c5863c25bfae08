//! The tour itself, from top to bottom.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::damage::{copy_folder, flip_one_bit};
use crate::sbom;
use crate::server::Server;
use crate::stage::{self, Stage, TourError};

/// The package whose binary is the artifact.
const PACKAGE: &str = "custody-server";

/// Tells the whole story; an error means that something did not hold.
pub(crate) fn tell(stage: &Stage) -> Result<(), TourError> {
    prepare(stage)?;
    stage::title("1. A server");
    let server = Server::start(stage)?;
    stage.run(server.init_line())?;
    record(stage)?;
    ask(stage)?;
    server.stop(stage)?;
    verify_offline(stage)?;
    break_a_byte(stage)?;
    end(stage);
    Ok(())
}

/// The artifact and its SBOM.
fn prepare(stage: &Stage) -> Result<(), TourError> {
    let artifact = stage.file("custodyd");
    fs::copy(stage.binary("custodyd"), &artifact)
        .map_err(|source| TourError::File { path: artifact.clone(), source })?;
    let metadata = json(stage, &metadata_command(stage)?)?;
    let lock = stage.sources().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(|source| TourError::File { path: lock, source })?;
    let sbom = sbom::cyclonedx(PACKAGE, &metadata, &lock)?;
    let path = stage.file("custodyd.cdx.json");
    fs::write(&path, format!("{sbom:#}\n")).map_err(|source| TourError::File { path, source })
}

/// Only packages for this machine: others need not have been downloaded.
fn metadata_command(stage: &Stage) -> Result<String, TourError> {
    let rustc = String::from_utf8_lossy(&stage.ask("rustc -vV")?).into_owned();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
    let manifest = stage.sources().join("Cargo.toml");
    Ok(format!(
        "cargo metadata --format-version 1 --locked --offline --filter-platform {host} --manifest-path '{}'",
        manifest.display()
    ))
}

fn record(stage: &Stage) -> Result<(), TourError> {
    let source = source_flags(stage);
    let artifact = stage.typed("custodyd");
    let committed =
        String::from_utf8_lossy(&stage.ask("git show --no-patch --format=%cI HEAD")?).trim().to_owned();
    stage::title("2. What happened to this build, said by those who did it");
    stage.run(&format!("custody record source{source}"))?;
    stage.run(&format!(
        "custody record review{source} --reviewer alice --reviewer bob --approved-at {committed}"
    ))?;
    stage.run(&format!(
        "custody record build{source} --artifact {artifact} --builder-id https://example.com/workstation \
         --build-type https://example.com/cargo-build/v1 --run-url https://example.com/builds/1 --receipt {}",
        stage.typed("build.tlog-proof")
    ))?;
    stage.run(&format!("custody record sbom {} --subject {artifact}", stage.typed("custodyd.cdx.json")))?;
    stage.run(&format!(
        "custody record approval --for prod --subject {artifact} --reason 'all tests passed'"
    ))?;
    stage
        .run(&format!("custody record deploy --environment prod --workload custodyd --subject {artifact}"))?;
    // The receipt of the build is there; what it is a receipt for is kept beside it.
    stage.ask(&keep_command(stage)).map(drop)
}

fn keep_command(stage: &Stage) -> String {
    format!("custody show index:3 --raw --save {}", stage.typed("evidence"))
}

/// A clone of a folder, or without a remote, has no address that means anything elsewhere: it gets the project's.
fn source_flags(stage: &Stage) -> String {
    let origin = stage.ask("git remote get-url origin").unwrap_or_default();
    let origin = String::from_utf8_lossy(&origin).into_owned();
    let has_address = ["https://", "http://", "ssh://", "git@"].iter().any(|start| origin.starts_with(start));
    if has_address { String::new() } else { format!(" --repo {}", env!("CARGO_PKG_REPOSITORY")) }
}

fn ask(stage: &Stage) -> Result<(), TourError> {
    stage::title("3. Where does this binary come from?");
    stage.run(&format!("custody trace {}", stage.typed("custodyd")))?;
    Ok(())
}

fn verify_offline(stage: &Stage) -> Result<(), TourError> {
    stage::title("4. The server is gone; the receipt still proves it");
    stage::remark(&format!("before it went: {}", keep_command(stage)));
    let files = ["build.tlog-proof", "evidence/3.record.json", "evidence/3.envelope.json", "custodyd"];
    stage.run(&format!("custody verify {}", files.map(|file| stage.typed(file)).join(" ")))?;
    Ok(())
}

fn break_a_byte(stage: &Stage) -> Result<(), TourError> {
    stage::title("5. Someone changes one byte of what was recorded");
    let damaged = stage.file("damaged");
    copy_folder(&stage.file("data"), &damaged)?;
    let envelope = kept_envelope(stage)?;
    let (file, offset) = flip_one_bit(&damaged, &envelope)?;
    let shown = file.strip_prefix(stage.file("")).unwrap_or(Path::new("")).display();
    stage::remark(&format!("one bit flipped in a copy of the data: {shown}, byte {offset}"));
    let typed = format!("custodyd fsck --data {}", stage.typed("damaged"));
    let said = stage.run_expecting(&typed, 1)?;
    for wanted in [".segment", "offset", "entry"] {
        if !said.contains(wanted) {
            return Err(TourError::Missing { command: typed, wanted: wanted.to_owned() });
        }
    }
    stage.run(&format!("custodyd fsck --data {}", stage.typed("data")))?;
    Ok(())
}

fn json(stage: &Stage, typed: &str) -> Result<Value, TourError> {
    let printed = stage.ask(typed)?;
    serde_json::from_slice(&printed).map_err(|source| TourError::Json { command: typed.to_owned(), source })
}

/// Returns the exact bytes of the recorded build: entry 3, behind the trust document, the source and the review.
fn kept_envelope(stage: &Stage) -> Result<Vec<u8>, TourError> {
    let path = stage.file("evidence/3.envelope.json");
    fs::read(&path).map_err(|source| TourError::File { path, source })
}

fn end(stage: &Stage) {
    stage::title("Now look around");
    let settings = stage.settings().map(|(name, value)| format!("{name}={}", value.display()));
    anstream::println!("Everything is in {}. To go on with it:\n", stage.file("").display());
    anstream::println!("  export PATH={}:$PATH", stage.binary("").display());
    anstream::println!("  custodyd run --data {} &", stage.file("data").display());
    anstream::println!("  export {}", settings.join(" "));
    anstream::println!("  custody find --subject {}", stage.file("custodyd").display());
}
