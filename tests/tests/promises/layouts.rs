//! What lies beside an image in an OCI layout is recorded as it is, and found by the image's digest.

use std::fs;
use std::path::Path;
use std::process::Command;

use custody_tests::corpus::corpus;

use super::administered::Place;

/// A real layout: an image of slsa-framework/example-package, its attestation as cosign 2 wrote it, and BuildKit's.
const LAYOUT: &str = "oci/slsa-container-layout.tar";
const IMAGE: &str = "sha256:234e2c830c2fb31ac5671789d22adfe44d30c3ee831d01beae5e237841a13122";
/// The layer that holds the attestation, and the one that holds BuildKit's statement.
const ATTESTATION: &str = "blobs/sha256/e163b472f2e5d66e5a2a45e26e020c51a0d2da7dc8b567b31fc2ebfd33dbc33a";
const STATEMENT: &str = "blobs/sha256/8d63b5e440cc7cfa68622b4a3cae2dbe215f8f8dcc9f2fa4ffd3078d40d61a84";
/// The bundle that the layer and its annotations are: computed by a second program from docs/format.md.
const BUNDLE: &str = "sha256:7cb00e38ab92bdf3060a3c91251b4ec1b108ccebb7bcd718f50996c393af73a1";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_attestation_that_cosign_keeps_beside_an_image_is_recorded_and_found_by_the_image() {
    let Some(corpus) = corpus() else { return };
    let mut place = Place::new();
    let root = corpus.join("trust/sigstore-public-good.trusted_root.json");
    place.trust(&["--add-root", &format!("sigstore={}", text(&root))]);
    let claim = "source_repository_uri=https://github.com/slsa-framework/example-package";
    let identity = "slsa=https://token.actions.githubusercontent.com";
    place.trust(&["--add-identity", identity, "--root", "sigstore", "--claim", claim]);
    let user = &place.administrator;

    let archive = corpus.join(LAYOUT);
    let folder = user.home().join("saved");
    fs::create_dir(&folder).unwrap();
    let unpacked = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&folder).status().unwrap();
    assert!(unpacked.success());
    // BuildKit's statement was signed by nobody: the rest is recorded.
    for (layout, done) in [(&archive, "recorded  "), (&folder, "recorded already")] {
        let ended = user.custody(&["record", "envelope", text(layout)]);
        assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
        let line = format!("{} {ATTESTATION}: {done}", layout.display());
        assert!(ended.stdout.contains(&line) && ended.stdout.contains(IMAGE), "{}", ended.stdout);
        let unsigned = format!("{} {STATEMENT}: this is an in-toto statement without", layout.display());
        assert!(ended.stderr.contains(&unsigned), "{}", ended.stderr);
        assert!(ended.stderr.contains("1 of 2 envelopes were not recorded"), "{}", ended.stderr);
    }
    let (code, shown) = user.json(&["show", "index:3"]);
    assert_eq!((code, shown["check"].as_str()), (Some(0), Some("verified")));
    assert_eq!(shown["envelope"].as_str(), Some(BUNDLE), "{shown}");
    let traced = place.run(&["trace", IMAGE]);
    assert!(traced.contains("slsa-framework/example-package") && traced.contains("by slsa"), "{traced}");
    assert!(place.run(&["audit"]).starts_with("sound"));

    // The same layout, inspected: under the root it is verified, without it nothing is.
    let ended = user.custody(&["inspect", text(&folder), "--trusted-root", text(&root)]);
    assert!(ended.stdout.contains(&format!("{ATTESTATION}: Sigstore bundle")), "{}", ended.stdout);
    assert!(ended.stdout.contains("verified: a signature holds"), "{}", ended.stdout);
    assert!(ended.stdout.contains("not checked: well formed"), "{}", ended.stdout);
    assert_eq!(ended.code, Some(3), "{}", ended.stdout);

    // One byte of the layer, and nothing of it is taken.
    let layer = folder.join(ATTESTATION);
    let mut bytes = fs::read(&layer).unwrap();
    bytes[100] ^= 1;
    fs::remove_file(&layer).unwrap();
    fs::write(&layer, bytes).unwrap();
    let ended = user.custody(&["record", "envelope", text(&folder)]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("holds other bytes"), "{}", ended.stderr);
    fs::remove_file(&layer).unwrap();
    let ended = user.custody(&["record", "envelope", text(&folder)]);
    assert!(ended.stderr.contains("is missing"), "{}", ended.stderr);
}
