//! Who administers: people, and not keys.

use std::path::PathBuf;

use custody_evidence::key::SigningKey;

use super::administered::Place;

/// Writes a key's private half for signing, and returns it with the file of its public half.
fn key(place: &Place, name: &str, seed: u8) -> (PathBuf, String) {
    let key = SigningKey::from_seed(&[seed; 32]);
    let private = place.ledger.home().join(format!("{name}.key"));
    let public = place.ledger.home().join(format!("{name}.pem"));
    std::fs::write(&private, key.to_pem().as_bytes()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&private, mode).unwrap();
    std::fs::write(&public, key.public().to_pem()).unwrap();
    (private, public.to_str().unwrap().to_owned())
}

#[test]
fn one_administrator_with_two_keys_changes_nothing_alone() {
    let mut place = Place::new();
    let admin = place.ledger.home().join("admin.key");
    let admin_pem = place.ledger.home().join("admin.pem");
    std::fs::write(&admin_pem, place.ledger.admin.public().to_pem()).unwrap();
    let (ann_second, ann_second_pem) = key(&place, "ann-second", 0x51);
    let (bob, bob_pem) = key(&place, "bob", 0x52);
    let ann = [format!("Ann={}", admin_pem.to_str().unwrap()), format!("Ann={ann_second_pem}")];
    let second = format!("root={ann_second_pem}");

    // Two keys of one person are no two people, so nobody could meet a threshold of two.
    let flags = ["trust", "propose", "--out", "two.json", "--add-role-key", &second, "--threshold", "root=2"];
    let people = ["--add-person", &ann[0], "--add-person", &ann[1]];
    let ended = place.administrator.custody(&[&flags[..], &people[..]].concat());
    assert_ne!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("1 people with 2 keys"), "{}", ended.stderr);

    let with_bob = format!("root={bob_pem}");
    let bob_is = format!("Bob={bob_pem}");
    let roles = ["--add-role-key", &second, "--add-role-key", &with_bob, "--threshold", "root=2"];
    // Signed by the one administrator that there was, and by the people that there will be.
    place.run(
        &[&["trust", "propose", "--out", "people.json", "--add-person", &bob_is], &people[..], &roles[..]]
            .concat(),
    );
    let sign = |place: &Place, file: &str, key: &PathBuf| {
        place.run(&["trust", "sign", file, "--key", key.to_str().unwrap(), "--yes"])
    };
    let said = sign(&place, "people.json", &admin);
    assert!(said.contains("1 of the 2 signatures that its root role needs"), "{said}");
    let said = sign(&place, "people.json", &ann_second);
    assert!(
        said.contains("1 of the 2 signatures"),
        "the second key of the same person counts for nothing: {said}"
    );
    place.refused(
        &["record", "envelope", "people.json"],
        &["2 of its people, found 1", "some are one person's"],
    );
    let said = sign(&place, "people.json", &bob);
    assert!(said.contains("2 of the 2 signatures"), "{said}");
    place.run(&["record", "envelope", "people.json"]);
    let shown = place.run(&["trust", "show"]);
    assert!(shown.contains("Ann") && shown.contains("Bob"), "{shown}");

    // From here on Ann alone changes nothing, whatever she says about who is who.
    place.run(&[
        "trust",
        "propose",
        "--out",
        "alone.json",
        "--remove-person",
        "Ann",
        "--threshold",
        "root=1",
    ]);
    sign(&place, "alone.json", &admin);
    sign(&place, "alone.json", &ann_second);
    place.refused(&["record", "envelope", "alone.json"], &["the previous document", "found 1"]);
    sign(&place, "alone.json", &bob);
    place.run(&["record", "envelope", "alone.json"]);
    // Now it is one of any.
    place.trust(&["--remove-person", "Bob"]);
    assert!(place.run(&["audit"]).starts_with("sound"));
}
