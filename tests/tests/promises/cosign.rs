//! What a real cosign signs with a key is recorded, with that key as writer, and found by the artifact.
//!
//! Nothing leaves this machine: cosign is given a proxy that is not there, and the registry is on loopback.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::BlobDigest;
use custody_tests::server::{Ended, run};
use custody_tests::tools::{COSIGN, CRANE};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::administered::Place;

/// How long the registry may take until it serves; far more than it needs.
const START_LIMIT: Duration = Duration::from_mins(1);

/// cosign and crane with a folder of their own, in which there is a key, and what is signed.
struct Desk {
    folder: TempDir,
    cosign: PathBuf,
    crane: PathBuf,
}

impl Desk {
    /// None where the programs cannot be built.
    fn new() -> Option<Self> {
        let (cosign, crane) = (COSIGN.path()?, CRANE.path()?);
        let desk = Self { folder: tempfile::tempdir().unwrap(), cosign, crane };
        desk.cosign(&["generate-key-pair"]);
        desk.cosign(&["generate-key-pair", "--output-key-prefix", "other"]);
        // No log, no time stamp authority: what keys alone can do.
        desk.cosign(&["signing-config", "create", "--out", "alone.json"]);
        desk.file("app", b"an application");
        let builder = json!({ "builder": { "id": "https://builder.example/1" } });
        let definition = json!({ "buildType": "https://builder.example/type", "externalParameters": {} });
        let provenance = json!({ "buildDefinition": definition, "runDetails": builder });
        desk.file("provenance.json", provenance.to_string().as_bytes());
        let component = json!({ "name": "axios", "purl": "pkg:npm/axios@1.14.1", "type": "library" });
        let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component] });
        desk.file("sbom.json", sbom.to_string().as_bytes());
        Some(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("COSIGN_PASSWORD", "");
        // Go's programs never ask a proxy for loopback.
        command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
        command
    }

    fn cosign(&self, arguments: &[&str]) -> Ended {
        self.done(&self.cosign, arguments)
    }

    fn crane(&self, arguments: &[&str]) -> String {
        self.done(&self.crane, arguments).stdout.trim().to_owned()
    }

    fn done(&self, program: &Path, arguments: &[&str]) -> Ended {
        let mut command = self.command(program);
        command.args(arguments);
        let ended = run(command);
        assert_eq!(
            ended.code,
            Some(0),
            "{} {arguments:?}: {}{}",
            program.display(),
            ended.stdout,
            ended.stderr
        );
        ended
    }

    /// Signs a statement about `app`, and returns the bundle.
    fn attest(&self, key: &str, predicate_type: &str, predicate: &str, bundle: &str) -> PathBuf {
        let flags = ["--key", key, "--signing-config", "alone.json", "--yes", "--bundle", bundle];
        let about = ["--type", predicate_type, "--predicate", predicate, "app"];
        self.cosign(&[&["attest-blob"], &flags[..], &about[..]].concat());
        self.path(bundle)
    }

    /// Makes a log that lets cosign's key record anything.
    fn place(&self) -> Place {
        let mut place = Place::new();
        place.trust(&["--add-writer", &format!("cosign={}", text(&self.path("cosign.pub")))]);
        place
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_cosign_signs_about_a_file_is_recorded_and_found_by_the_file() {
    let Some(desk) = Desk::new() else { return };
    let place = desk.place();
    let provenance = desk.attest("cosign.key", "slsaprovenance1", "provenance.json", "provenance.bundle");
    let sbom = desk.attest("cosign.key", "cyclonedx", "sbom.json", "sbom.bundle");
    let sign = ["sign-blob", "--key", "cosign.key", "--signing-config", "alone.json", "--yes"];
    desk.cosign(&[&sign[..], &["--bundle", "signature.bundle", "app"]].concat());
    let signature = desk.path("signature.bundle");
    let app = desk.path("app");

    for bundle in [&provenance, &sbom, &signature] {
        let said = place.run(&["record", "envelope", text(bundle)]);
        assert!(said.starts_with("recorded  "), "{said}");
        assert!(place.run(&["record", "envelope", text(bundle)]).starts_with("recorded already"), "a retry");
        let key = ["--key", text(&desk.path("cosign.pub")), "--artifact", text(&app)].map(ToOwned::to_owned);
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let inspected = place.run(&[&["inspect", text(bundle)], key.as_slice()].concat());
        assert!(inspected.contains("verified: a signature holds"), "{inspected}");
    }
    let traced = place.run(&["trace", text(&app)]);
    assert!(traced.contains("\n  build ") && traced.contains("by cosign"), "{traced}");
    let found = place.run(&["find", "--subject", text(&app)]);
    let types = ["slsa.dev/provenance/v1", "cyclonedx.org/bom", "  message  "];
    assert!(types.iter().all(|found_type| found.contains(found_type)), "{found}");
    let shipped = place.run(&["find", "--component", "pkg:npm/axios@1.14.1"]);
    assert!(shipped.contains("cyclonedx.org/bom"), "{shipped}");
    assert!(place.run(&["audit"]).starts_with("sound"));
}

#[test]
fn what_cosign_did_not_sign_with_the_trusted_key_is_refused() {
    let Some(desk) = Desk::new() else { return };
    let place = desk.place();
    desk.attest("cosign.key", "slsaprovenance1", "provenance.json", "good.bundle");
    desk.attest("cosign.key", "cyclonedx", "sbom.json", "second.bundle");
    let stranger = desk.attest("other.key", "slsaprovenance1", "provenance.json", "stranger.bundle");
    place.refused(&["record", "envelope", text(&stranger)], &["signature"]);

    let (good, second) = (desk.json("good.bundle"), desk.json("second.bundle"));
    let other_hint = desk.json("stranger.bundle").pointer("/verificationMaterial/publicKey/hint").cloned();
    let signature = good.pointer("/dsseEnvelope/signatures/0/sig").and_then(Value::as_str).unwrap();
    // One character of base64 within the first number of the signature.
    let at = 20;
    let other = if &signature[at..=at] == "A" { "B" } else { "A" };
    let bent = format!("{}{other}{}", &signature[..at], &signature[at + 1..]);
    let payload = |bundle: &Value| bundle.pointer("/dsseEnvelope/payload").cloned().unwrap();
    for (what, pointer, value) in [
        ("a changed signature", "/dsseEnvelope/signatures/0/sig", bent.into()),
        ("a swapped payload", "/dsseEnvelope/payload", payload(&second)),
        ("another type", "/dsseEnvelope/payloadType", "application/vnd.in-toto.provenance+json".into()),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let file = desk.file("changed.bundle", changed.to_string().as_bytes());
        let ended = place.administrator.custody(&["record", "envelope", text(&file)]);
        assert_eq!(ended.code, Some(1), "{what}: {}{}", ended.stdout, ended.stderr);
    }
    // The hint is a hint: under the name of another key, the signature is still that of the trusted one.
    let mut renamed = good.clone();
    *renamed.pointer_mut("/verificationMaterial/publicKey/hint").unwrap() = other_hint.unwrap();
    let file = desk.file("renamed.bundle", renamed.to_string().as_bytes());
    let (_, found) = place.administrator.json(&["find", "--subject", text(&desk.path("app"))]);
    assert_eq!(found["entries"].as_array().map_or(0, Vec::len), 0, "{found}");
    let said = place.run(&["record", "envelope", text(&file)]);
    assert!(said.starts_with("recorded  "), "{said}");
}

/// A registry in memory, on loopback, that ends with the value.
struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    fn start(desk: &Desk) -> Self {
        let log = desk.path("registry.log");
        let mut command = desk.command(&desk.crane);
        command.args(["registry", "serve", "--address", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let process = command.spawn().unwrap();
        let mut registry = Self { process, port: 0 };
        let limit = Instant::now() + START_LIMIT;
        while registry.port == 0 {
            let said = fs::read_to_string(&log).unwrap();
            assert!(Instant::now() < limit, "the registry does not serve: {said}");
            let port = said.split_once("serving on port ").and_then(|(_, rest)| rest.split_once('\n'));
            registry.port = port.and_then(|(port, _)| port.trim().parse().ok()).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(TcpStream::connect(("127.0.0.1", registry.port)).is_ok(), "it listens before it says so");
        registry
    }

    fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn what_cosign_keeps_beside_an_image_is_recorded_from_the_layout_that_it_saves() {
    let Some(desk) = Desk::new() else { return };
    let place = desk.place();
    let registry = Registry::start(&desk);
    let tag = registry.image("acme/api:1");
    // A layer without a compressor: a tar archive of nothing.
    let layer = desk.file("layer.tar", &[0; 1024]);
    desk.crane(&["append", "--new_layer", text(&layer), "--new_tag", &tag]);
    let digest = desk.crane(&["digest", &tag]);
    let image = registry.image(&format!("acme/api@{digest}"));

    let key = ["--key", "cosign.key", "--yes"];
    let predicate = ["--type", "slsaprovenance1", "--predicate", "provenance.json"];
    let alone = ["--signing-config", "alone.json"];
    desk.cosign(&[&["attest"], &key[..], &predicate[..], &alone[..], &[&image]].concat());
    desk.cosign(&[&["sign"], &key[..], &alone[..], &[&image]].concat());
    desk.cosign(&["save", "--dir", "saved", &image]);
    let said = place.run(&["record", "envelope", text(&desk.path("saved"))]);
    assert_eq!(said.matches(": recorded  ").count(), 2, "a statement and a signature of the image: {said}");
    let traced = place.run(&["trace", &digest]);
    assert!(traced.contains("\n  build ") && traced.contains("by cosign"), "{traced}");

    // The form before bundles: a layer without certificate is an envelope, or a text about the image with its signature.
    let sbom = ["--type", "cyclonedx", "--predicate", "sbom.json"];
    desk.cosign(&[&["attest"], &key[..], &sbom[..], &OLD[..], &[&image]].concat());
    desk.cosign(&[&["sign"], &key[..], &OLD[..], &[&image]].concat());
    desk.cosign(&["save", "--dir", "old", &image]);
    let said = place.run(&["record", "envelope", text(&desk.path("old"))]);
    assert_eq!(said.matches(": recorded  ").count(), 2, "{said}");
    assert_eq!(said.matches(": recorded already").count(), 2, "{said}");

    // One byte of a saved bundle, and it is no blob of the layout any more.
    let bundle = blob(&desk.path("saved"), b"https://slsa.dev/provenance/v1");
    let mut bytes = fs::read(&bundle).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let ended = place.administrator.custody(&["record", "envelope", text(&desk.path("saved"))]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("holds other bytes"), "{}", ended.stderr);
}

/// How cosign writes what it wrote before it wrote bundles.
const OLD: [&str; 3] = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"];

/// The predicate type of a signature of an image.
const IMAGE_SIGNATURE: &str = "urn:custody:image-signature:v1";

#[test]
fn cosigns_signature_of_an_image_is_found_shown_traced_inspected_and_audited() {
    let Some(desk) = Desk::new() else { return };
    let place = desk.place();
    let key = text(&desk.path("cosign.pub")).to_owned();
    let registry = Registry::start(&desk);
    let tag = registry.image("acme/api:1");
    let layer = desk.file("layer.tar", &[0; 1024]);
    desk.crane(&["append", "--new_layer", text(&layer), "--new_tag", &tag]);
    let digest = desk.crane(&["digest", &tag]);
    let image = registry.image(&format!("acme/api@{digest}"));
    let annotated = ["--annotations", "stage=release"];
    desk.cosign(&[&["sign", "--key", "cosign.key", "--yes"], &OLD[..], &annotated[..], &[&image]].concat());
    desk.cosign(&[&["sign", "--key", "other.key", "--yes"], &OLD[..], &[&image]].concat());
    desk.cosign(&["save", "--dir", "saved", &image]);

    // Two signatures of one image, each in a layer of its own: one by the trusted key, one by a stranger.
    let ended = place.administrator.custody(&["record", "envelope", text(&desk.path("saved"))]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches(": recorded  ").count(), 1, "{}", ended.stdout);
    assert!(ended.stderr.contains("none of the") && ended.stderr.contains("known keys"), "{}", ended.stderr);

    let (code, found) =
        place.administrator.json(&["find", "--subject", &digest, "--predicate", IMAGE_SIGNATURE]);
    assert_eq!((code, found["entries"].as_array().map(Vec::len)), (Some(0), Some(1)), "{found}");
    let entry = format!("index:{}", found["entries"][0]["index"]);
    let shown = place.run(&["show", &entry]);
    let reference = registry.image("acme/api");
    for part in [&digest, &reference, "an image that the signer calls", "\"stage\": \"release\"", "verified"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let traced = place.run(&["trace", &digest]);
    assert!(traced.contains("by cosign"), "{traced}");
    assert!(place.run(&["audit"]).starts_with("sound"));

    // The same envelope offline.
    let raw = desk.file("raw.json", place.run(&["show", "--raw", &entry]).as_bytes());
    let inspect = |key: &str, artifact: &str| {
        let key = desk.path(key);
        place.administrator.custody(&["inspect", text(&raw), "--key", text(&key), "--artifact", artifact])
    };
    let good = inspect("cosign.pub", &digest);
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    assert_eq!(inspect("other.pub", &digest).code, Some(1), "another key");
    assert_eq!(inspect("cosign.pub", &format!("sha256:{}", "ab".repeat(32))).code, Some(1), "another image");
    assert!(
        place.run(&["record", "envelope", text(&raw)]).starts_with("recorded already"),
        "from a file, too"
    );

    // The signature is over the text, byte by byte, and the text about one image.
    let raw = desk.json("raw.json");
    let signed = STANDARD.decode(raw["simpleSigning"].as_str().unwrap()).unwrap();
    let signed = String::from_utf8(signed).unwrap();
    for (what, changed) in [
        ("another image", signed.replace(&digest[7..], &"ab".repeat(32))),
        ("another name", signed.replace(&reference, "ghcr.io/acme/api")),
        ("a space", signed.replacen(':', ": ", 1)),
        ("a member more", signed.replacen('{', r#"{"more":1,"#, 1)),
        (
            "a digest twice",
            signed.replacen(
                r#""docker-manifest-digest""#,
                r#""docker-manifest-digest":"x","docker-manifest-digest""#,
                1,
            ),
        ),
    ] {
        assert_ne!(changed, signed, "{what}");
        let mut envelope = raw.clone();
        envelope["simpleSigning"] = STANDARD.encode(&changed).into();
        envelope["bundle"]["messageSignature"]["messageDigest"]["digest"] =
            STANDARD.encode(Sha256::digest(&changed)).into();
        let file = desk.file("changed.json", envelope.to_string().as_bytes());
        let ended = place.administrator.custody(&["record", "envelope", text(&file)]);
        assert_eq!(ended.code, Some(1), "{what}: {}{}", ended.stdout, ended.stderr);
        let ended = place.administrator.custody(&["inspect", text(&file), "--key", &key]);
        assert_eq!(ended.code, Some(1), "{what}: {}{}", ended.stdout, ended.stderr);
    }
    // Without its signature the text is told by its name, with the way to record it.
    let file = desk.file("payload.json", signed.as_bytes());
    let ended = place.administrator.custody(&["record", "envelope", text(&file)]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("cosign save"), "{}", ended.stderr);
}

#[test]
fn a_bundle_that_does_not_say_which_file_it_signs_is_recorded_with_the_file() {
    let Some(desk) = Desk::new() else { return };
    let place = desk.place();
    let sign = ["sign-blob", "--key", "cosign.key", "--signing-config", "alone.json", "--yes"];
    desk.cosign(&[&sign[..], &["--bundle", "signature.bundle", "app"]].concat());
    let mut bundle = desk.json("signature.bundle");
    let known = desk.path("signature.bundle");
    bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest").unwrap();
    let nameless = desk.file("nameless.bundle", bundle.to_string().as_bytes());
    let (app, other) = (desk.path("app"), desk.file("other", b"another application"));
    let record = |bundle: &Path, artifact: &str| {
        place.administrator.custody(&["record", "envelope", text(bundle), "--artifact", artifact])
    };
    let refused = |ended: &Ended, code: i32, word: &str| {
        assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    };

    let ended = place.administrator.custody(&["record", "envelope", text(&nameless)]);
    refused(&ended, 1, "--artifact FILE|DIGEST says it");
    refused(&record(&nameless, text(&other)), 1, "is not verified");
    refused(&record(&nameless, &format!("sha512:{}", "ab".repeat(64))), 1, "is not verified");
    refused(&record(&nameless, &format!("gitCommit:{}", "ab".repeat(20))), 2, "signatures are not made over");
    refused(&record(&nameless, "sha256:abab"), 2, "digest");
    refused(&record(&known, text(&other)), 1, "among the subjects");
    refused(&record(&desk.path("nowhere"), text(&app)), 2, "nowhere");

    let ended = record(&nameless, text(&app));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.starts_with("recorded  "), "{}", ended.stdout);
    // By the digest it is the same, and so is what cosign wrote with the digest in it: the same content.
    let sum = format!("sha256:{}", hex(&Sha256::digest(b"an application")));
    assert!(record(&nameless, &sum).stdout.starts_with("recorded already"));
    assert!(record(&known, &sum).stdout.starts_with("recorded already"));
    let (_, found) = place.administrator.json(&["find", "--subject", text(&app)]);
    assert_eq!(found["entries"].as_array().map(Vec::len), Some(1), "{found}");
    let entry = format!("index:{}", found["entries"][0]["index"]);
    // Whoever has what is stored needs nothing else to check it.
    let raw = desk.file("raw.json", place.run(&["show", "--raw", &entry]).as_bytes());
    let key = desk.path("cosign.pub");
    let inspected = place.run(&["inspect", text(&raw), "--key", text(&key), "--artifact", &sum]);
    assert!(inspected.contains("verified: a signature holds"), "{inspected}");
    desk.cosign(&[
        "verify-blob",
        "--key",
        "cosign.pub",
        "--bundle",
        "raw.json",
        "--insecure-ignore-tlog",
        "app",
    ]);
    assert!(place.run(&["audit"]).starts_with("sound"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Returns the blob that holds a bundle whose statement has this predicate type.
fn blob(layout: &Path, predicate_type: &[u8]) -> PathBuf {
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(format!("sha256:{name}"), BlobDigest::of(&bytes).to_string(), "what cosign saved");
        let envelope = custody_evidence::envelope::Envelope::parse(&bytes).ok();
        let payload = envelope.and_then(|envelope| Some(envelope.signed()?.payload().to_vec()));
        payload
            .is_some_and(|payload| payload.windows(predicate_type.len()).any(|part| part == predicate_type))
    };
    blobs.into_iter().find(holds).unwrap()
}
