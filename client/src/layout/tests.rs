use std::collections::BTreeMap;
use std::io::Cursor;

use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use serde_json::{Value, json};

use super::*;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const STATEMENT: &str =
    r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://a.test/p","subject":[]}"#;
const MAX: u64 = 1 << 30;

/// The files of a layout, by their names.
#[derive(Clone)]
struct Made(BTreeMap<String, Vec<u8>>);

impl Made {
    fn new() -> Self {
        let mark = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
        Self([("oci-layout".to_owned(), mark)].into())
    }

    /// Adds a blob, and returns its descriptor.
    fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let hex = hex::encode(Sha256::digest(bytes));
        self.0.insert(format!("blobs/sha256/{hex}"), bytes.to_vec());
        json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() })
    }

    /// Adds a list of blobs, and returns its descriptor.
    fn list(&mut self, media_type: &str, descriptors: &[Value]) -> Value {
        let name = if media_type == INDEX { "manifests" } else { "layers" };
        self.blob(media_type, json!({ "schemaVersion": 2, name: descriptors }).to_string().as_bytes())
    }

    fn index(mut self, descriptors: &[Value]) -> Self {
        let index = json!({ "schemaVersion": 2, "manifests": descriptors }).to_string();
        self.0.insert("index.json".to_owned(), index.into_bytes());
        self
    }

    /// Writes the files as tar does.
    fn archive(&self) -> Vec<u8> {
        let entries = self.0.iter().map(|(name, bytes)| entry(name, b'0', bytes));
        [entries.collect::<Vec<_>>().concat(), vec![0; 1024]].concat()
    }

    /// Reads the layout from a folder and from an archive: what comes out is the same.
    fn layers(&self) -> Vec<Layer> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.0 {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let found = Layout::in_folder(folder.path().to_owned()).layers(MAX);
        assert_eq!(found, read(self.archive()), "a folder and an archive of it");
        found
    }

    fn problem(&self) -> LayoutProblem {
        only_problem(&self.layers())
    }
}

fn read(archive: Vec<u8>) -> Vec<Layer> {
    assert!(is_archive(&archive));
    Layout::in_archive(Box::new(Cursor::new(archive))).layers(MAX)
}

fn only_problem(layers: &[Layer]) -> LayoutProblem {
    assert_eq!(layers.len(), 1, "{layers:?}");
    match &layers[0].problem {
        Some(Problem::Layout(problem)) => problem.clone(),
        other => panic!("{other:?}"),
    }
}

/// One file of an archive with its header.
fn entry(name: &str, kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    let filled = bytes.len().next_multiple_of(512) - bytes.len();
    [sealed(header).to_vec(), bytes.to_vec(), vec![0; filled]].concat()
}

/// Writes the checksum.
fn sealed(mut header: [u8; 512]) -> [u8; 512] {
    header[148..156].copy_from_slice(b"        ");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn envelope() -> Vec<u8> {
    let key = SigningKey::from_seed(&[7; 32]);
    Envelope::sign(IN_TOTO, STATEMENT.as_bytes(), &[&key]).unwrap().bytes().to_vec()
}

/// An image with an attestation, and with a part of its file system that is not there.
fn attested() -> Made {
    let mut made = Made::new();
    let layer = made.blob(DSSE, &envelope());
    let absent = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": format!("sha256:{}", "0".repeat(64)), "size": 9 });
    let manifest = made.list(MANIFEST, &[absent, layer]);
    made.index(&[manifest])
}

#[test]
fn each_envelope_and_statement_is_found_where_it_stands() {
    let mut made = Made::new();
    let dsse = made.blob(DSSE, &[envelope(), b"\n".to_vec()].concat());
    let statement = made.blob("application/vnd.in-toto+json", STATEMENT.as_bytes());
    let bundle =
        made.blob("application/vnd.dev.sigstore.bundle.v0.3+json", br#"{"verificationMaterial":{}}"#);
    let payload = br#"{"critical":{"image":{"docker-manifest-digest":"sha256:ab"}}}"#;
    let simple = made.blob("application/vnd.dev.cosign.simplesigning.v1+json", payload);
    let one = made.list(MANIFEST, &[dsse, statement]);
    let other = made.list(MANIFEST, &[bundle, simple]);
    let inner = made.list(INDEX, &[other.clone(), one.clone()]);
    // The same manifest is named from two places, and read once.
    let layers = made.index(&[one, inner]).layers();
    let kinds: Vec<_> = layers.iter().map(|layer| (layer.kind, layer.problem.is_none())).collect();
    let expected = [Kind::Dsse, Kind::Statement, Kind::SigstoreBundle, Kind::SimpleSigning];
    assert_eq!(kinds, expected.map(|kind| (kind, true)));
    assert_eq!(layers[0].bytes, envelope(), "the newline behind an envelope is no part of it");
    let blob = format!("blobs/sha256/{}", hex::encode(Sha256::digest(STATEMENT)));
    assert_eq!(layers[1].item().named("saved"), format!("saved {blob}"));
    assert_eq!(layers[1].item().bytes, STATEMENT.as_bytes());
}

#[test]
fn cosigns_layer_with_a_certificate_beside_it_is_a_bundle() {
    let mut made = Made::new();
    let mut layer = made.blob(DSSE, &envelope());
    let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    layer["annotations"] = json!({ "dev.sigstore.cosign/certificate": pem, "predicateType": "x" });
    let manifest = made.list(MANIFEST, &[layer.clone()]);
    let layers = made.clone().index(&[manifest]).layers();
    assert_eq!((layers.len(), layers[0].kind, &layers[0].problem), (1, Kind::SigstoreBundle, &None));
    layer["annotations"]["dev.sigstore.cosign/bundle"] = "no JSON".into();
    let manifest = made.list(MANIFEST, &[layer]);
    assert!(matches!(made.index(&[manifest]).problem(), LayoutProblem::Cosign(_)));
}

#[test]
fn what_is_no_layout_or_holds_nothing_says_so() {
    let empty = Made::new().index(&[]);
    let found = empty.layers();
    assert_eq!((found.len(), &found[0].problem), (1, &Some(Problem::Empty)));
    assert_eq!(found[0].item().named("saved"), "saved");
    let without = |name: &str| {
        let mut made = attested();
        made.0.remove(name);
        // An archive has at least one file, or it is none.
        made.0.insert("other".to_owned(), Vec::new());
        made
    };
    assert_eq!(without("oci-layout").problem(), LayoutProblem::NoLayout { missing: "oci-layout" });
    assert_eq!(without("index.json").problem(), LayoutProblem::NoLayout { missing: "index.json" });
    for mark in [&b"{}"[..], b"", br#"{"imageLayoutVersion":"2.0.0"}"#, b"[]"] {
        let mut made = attested();
        made.0.insert("oci-layout".to_owned(), mark.to_vec());
        assert_eq!(made.problem(), LayoutProblem::Version);
    }
    let mut made = attested();
    made.0.insert("oci-layout".to_owned(), vec![b' '; 5000]);
    assert!(matches!(made.problem(), LayoutProblem::TooLarge { max: MARK_MAX, .. }));
    made = attested();
    made.0.insert("index.json".to_owned(), b"{}".to_vec());
    assert!(matches!(made.problem(), LayoutProblem::Manifest(_)));
}

#[test]
fn a_blob_that_is_missing_or_another_is_named_and_never_read_as_what_it_should_be() {
    let good = attested();
    let (name, bytes) = good.0.iter().find(|(_, bytes)| **bytes == envelope()).unwrap();
    let changed = |bytes: Option<Vec<u8>>| {
        let mut made = good.clone();
        match bytes {
            Some(bytes) => made.0.insert(name.clone(), bytes),
            None => made.0.remove(name),
        };
        made.problem()
    };
    assert!(matches!(changed(None), LayoutProblem::Missing { digest } if name.ends_with(digest.hex())));
    let mut flipped = bytes.clone();
    flipped[40] ^= 1;
    assert!(matches!(changed(Some(flipped)), LayoutProblem::OtherBytes { .. }));
    for other in [bytes[1..].to_vec(), [bytes.clone(), b" ".to_vec()].concat(), Vec::new()] {
        assert!(matches!(changed(Some(other)), LayoutProblem::Length { .. }));
    }
    // The same of a manifest: what it names is not looked at.
    let manifests = good.0.iter().filter(|(_, bytes)| bytes.starts_with(b"{\"layers\""));
    for (name, bytes) in manifests.collect::<Vec<_>>() {
        let mut made = good.clone();
        made.0.insert(name.clone(), bytes.iter().map(u8::to_ascii_uppercase).collect());
        assert!(matches!(made.problem(), LayoutProblem::OtherBytes { .. }));
    }
}

#[test]
fn a_manifest_that_refers_to_an_image_is_found_although_nobody_names_it() {
    let refers = |made: &mut Made, subject: Value| {
        let bundle =
            made.blob("application/vnd.dev.sigstore.bundle.v0.3+json", br#"{"verificationMaterial":{}}"#);
        let text = json!({ "layers": [bundle], "subject": subject }).to_string();
        made.blob(MANIFEST, text.as_bytes())
    };
    let mut made = attested();
    let named = refers(&mut made, json!({ "digest": "sha256:00" }));
    let kinds = |made: &Made| made.layers().iter().map(|layer| layer.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&made), [Kind::Dsse, Kind::SigstoreBundle]);
    let mut without = attested();
    refers(&mut without, Value::Null);
    assert_eq!(kinds(&without), [Kind::Dsse]);
    // Under another name, or with other bytes, it is none.
    let name = format!("blobs/sha256/{}", named["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
    let bytes = made.0[&name].clone();
    made.0.insert(name, [bytes, b" ".to_vec()].concat());
    let layers = made.layers();
    assert_eq!(layers.len(), 2);
    assert!(matches!(only_problem(&layers[1..]), LayoutProblem::OtherBytes { .. }));
}

#[test]
fn digests_lead_nowhere_but_to_blobs() {
    for digest in ["sha256:../../../../etc/passwd", "sha256:..", "md5:00", "", "sha256:/etc/passwd"] {
        let named = json!({ "mediaType": DSSE, "digest": digest, "size": 1 });
        let mut made = Made::new();
        let manifest = made.list(MANIFEST, std::slice::from_ref(&named));
        assert!(matches!(made.index(&[manifest]).problem(), LayoutProblem::Manifest(_)), "{digest}");
        let named = json!({ "mediaType": MANIFEST, "digest": digest, "size": 1 });
        assert!(matches!(Made::new().index(&[named]).problem(), LayoutProblem::Manifest(_)), "{digest}");
    }
}

#[test]
fn indexes_that_name_themselves_or_each_other_end() {
    // An index cannot hold its own digest; who writes one that claims to is found out.
    let mut made = Made::new();
    let claimed = json!({ "mediaType": INDEX, "digest": format!("sha256:{}", "a".repeat(64)), "size": 7 });
    made.0.insert(format!("blobs/sha256/{}", "a".repeat(64)), b"{\"a\":1}".to_vec());
    assert!(matches!(made.index(&[claimed]).problem(), LayoutProblem::OtherBytes { .. }));
    // Each level names the one below a thousand times: without a memory 1000^7 reads.
    let mut made = Made::new();
    let layer = made.blob(DSSE, &envelope());
    let mut below = made.list(MANIFEST, &[layer]);
    for _ in 1..DEPTH_MAX {
        below = made.list(INDEX, &vec![below; 1000]);
    }
    let layers = made.clone().index(std::slice::from_ref(&below)).layers();
    assert_eq!((layers.len(), layers[0].kind), (1, Kind::Dsse));
    let deeper = made.list(INDEX, &[below]);
    assert_eq!(made.index(&[deeper]).problem(), LayoutProblem::TooDeep { max: DEPTH_MAX });
}

#[test]
fn a_layout_of_too_much_says_where_it_stops() {
    let mut made = Made::new();
    let huge =
        json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "b".repeat(64)), "size": 5 << 20 });
    assert!(matches!(made.clone().index(&[huge]).problem(), LayoutProblem::TooLarge { .. }));
    let manifests: Vec<Value> = (0..=MANIFESTS_MAX)
        .map(|at| made.blob(MANIFEST, format!(r#"{{"layers":[],"at":{at}}}"#).as_bytes()))
        .collect();
    let (first, rest) = manifests.split_at(2000);
    let (first, rest) = (made.list(INDEX, first), made.list(INDEX, rest));
    let problem = only_problem(&read(made.index(&[first, rest]).archive()));
    assert_eq!(problem, LayoutProblem::TooManyManifests { max: MANIFESTS_MAX });

    let mut made = Made::new();
    let tiny = made.blob(DSSE, b"{}");
    let full: Vec<Value> = (0..5)
        .map(|at| {
            let bytes = json!({ "layers": vec![&tiny; 4000], "at": at }).to_string();
            made.blob(MANIFEST, bytes.as_bytes())
        })
        .collect();
    let layers = read(made.index(&full).archive());
    assert_eq!(layers.len(), LAYERS_MAX + 1);
    let last = only_problem(&layers[LAYERS_MAX..]);
    assert_eq!(last, LayoutProblem::TooManyLayers { max: LAYERS_MAX });

    let most = u64::try_from(envelope().len()).unwrap();
    let bounded = |max| Layout::in_archive(Box::new(Cursor::new(attested().archive()))).layers(max);
    assert!(bounded(most)[0].problem.is_none());
    assert_eq!(only_problem(&bounded(most - 1)), LayoutProblem::TooMuch { max: most - 1 });
}

/// An archive that counts the bytes that are read of it.
struct Counted(Cursor<Vec<u8>>, std::sync::Arc<std::sync::atomic::AtomicU64>);

impl std::io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(u64::try_from(read).unwrap(), std::sync::atomic::Ordering::Relaxed);
        Ok(read)
    }
}

impl std::io::Seek for Counted {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

/// Reads a layout of which `max` bytes may be layers, and returns how many bytes of the archive were read, too.
fn counted(made: &Made, max: u64) -> (Vec<Layer>, u64) {
    let read = std::sync::Arc::default();
    let archive = Counted(Cursor::new(made.archive()), std::sync::Arc::clone(&read));
    let layers = Layout::in_archive(Box::new(archive)).layers(max);
    (layers, read.load(std::sync::atomic::Ordering::Relaxed))
}

#[test]
fn layers_that_fail_are_paid_for_like_others() {
    const LENGTH: u64 = 1 << 20;
    // Wrong bytes, named by a thousand layers: read and told once, and what comes behind is still found.
    let mut made = Made::new();
    let large = vec![b'x'; usize::try_from(LENGTH).unwrap()];
    let wrong = made.blob(DSSE, &large);
    let name = format!("blobs/sha256/{}", hex::encode(Sha256::digest(&large)));
    let mut flipped = large.clone();
    flipped[0] = b'y';
    made.0.insert(name, flipped);
    let good = made.blob(DSSE, &envelope());
    let manifest = made.list(MANIFEST, &[vec![wrong.clone(); 1000], vec![good.clone()]].concat());
    let (layers, read) = counted(&made.clone().index(&[manifest]), 2 * LENGTH);
    assert!(matches!(only_problem(&layers[..1]), LayoutProblem::OtherBytes { .. }));
    assert_eq!((layers.len(), layers[1].kind, &layers[1].problem), (2, Kind::Dsse, &None));
    assert!(read < 3 * LENGTH, "{read}");
    // It took its length from what may be read.
    let manifest = made.list(MANIFEST, &[wrong, good]);
    let (layers, _) = counted(&made.index(&[manifest]), LENGTH + 1);
    assert_eq!(only_problem(&layers[1..]), LayoutProblem::TooMuch { max: LENGTH + 1 });

    // The right bytes beside annotations that are wrong, each time others: every time is paid for.
    let mut made = Made::new();
    let layer = made.blob(DSSE, &large);
    let annotated = (0..1000).map(|at| {
        let mut layer = layer.clone();
        layer["annotations"] = json!({ "dev.sigstore.cosign/certificate": format!("no PEM {at}") });
        layer
    });
    let manifest = made.list(MANIFEST, &annotated.collect::<Vec<_>>());
    let (layers, read) = counted(&made.index(&[manifest]), 3 * LENGTH);
    assert_eq!(layers.len(), 4);
    assert!(matches!(only_problem(&layers[..1]), LayoutProblem::Cosign(_)));
    assert_eq!(only_problem(&layers[3..]), LayoutProblem::TooMuch { max: 3 * LENGTH });
    assert!(read < 5 * LENGTH, "{read}");
}

#[test]
fn an_archive_that_would_be_unpacked_elsewhere_is_refused() {
    let good = attested().archive();
    let with = |name: &str, kind: u8, bytes: &[u8]| match only_problem(&read(
        [entry(name, kind, bytes), good.clone()].concat(),
    )) {
        LayoutProblem::Archive(problem) => problem,
        other => panic!("{other}"),
    };
    for name in ["/etc/passwd", "../x", "blobs/../../x", "./../x", "./../", "a\\..\\b", ".//x"] {
        assert!(matches!(with(name, b'0', b"x"), ArchiveError::Outside { .. }), "{name}");
    }
    assert!(matches!(with("/tmp/", b'5', b""), ArchiveError::Outside { .. }));
    for kind in [b'1', b'2', b'3', b'4', b'6', b'S', b'\n'] {
        assert!(matches!(with("index.json", kind, b""), ArchiveError::Link { .. }), "{kind}");
    }
    for extended in ["14 path=../x\n", "15 linkpath=x\n", "9 size=1\n", "25 GNU.sparse.major=1\n"] {
        assert_eq!(with("x", b'x', extended.as_bytes()), ArchiveError::Extended { at: 0 }, "{extended}");
        assert_eq!(with("x", b'g', extended.as_bytes()), ArchiveError::Extended { at: 0 }, "{extended}");
    }
    assert_eq!(with("././@LongLink", b'L', b"x"), ArchiveError::Extended { at: 0 });
    assert!(matches!(with("index.json", b'0', b"{}"), ArchiveError::Twice { .. }));
    assert!(matches!(with("./oci-layout", b'0', b"{}"), ArchiveError::Twice { .. }));
    // What changes no name is passed over.
    let harmless = [entry("x", b'x', b"11 mtime=1\n"), entry("./blobs/", b'5', b""), good.clone()].concat();
    assert_eq!(read(harmless), read(good));
}

#[test]
fn an_archive_that_is_damaged_is_refused() {
    let good = attested().archive();
    let problem =
        |bytes: Vec<u8>| match only_problem(&Layout::in_archive(Box::new(Cursor::new(bytes))).layers(MAX)) {
            LayoutProblem::Archive(problem) => problem,
            other => panic!("{other}"),
        };
    assert!(matches!(problem(good[..700].to_vec()), ArchiveError::Truncated { .. }));
    assert!(matches!(problem(good[..300].to_vec()), ArchiveError::Header { at: 0 }));
    let mut flipped = good.clone();
    flipped[3] ^= 1;
    assert_eq!(problem(flipped.clone()), ArchiveError::Header { at: 0 });
    assert!(!is_archive(&flipped) && !is_archive(b"") && !is_archive(&[0; 512]) && is_archive(&good[..512]));
    let mut header: [u8; 512] = good[..512].try_into().unwrap();
    for size in [*b"77777777777\0", *b"-0000000001\0", *b"+0000000001\0", [0xff; 12]] {
        header[124..136].copy_from_slice(&size);
        let changed = [sealed(header).to_vec(), good[512..].to_vec()].concat();
        let found = problem(changed);
        assert!(
            matches!(found, ArchiveError::Header { at: 0 } | ArchiveError::Truncated { .. }),
            "{size:?}: {found}"
        );
    }
    // Without the blocks of zeros at its end it is whole all the same.
    assert_eq!(read(good[..good.len() - 1024].to_vec()), read(good));
}

#[test]
fn pipes_and_folders_are_no_blobs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("oci-layout")).unwrap();
    let found = only_problem(&Layout::in_folder(folder.path().to_owned()).layers(MAX));
    assert_eq!(found, LayoutProblem::NoFile { name: "oci-layout".to_owned() });
    let away = Layout::in_folder(folder.path().join("not there")).layers(MAX);
    assert_eq!(only_problem(&away), LayoutProblem::NoLayout { missing: "oci-layout" });
}
