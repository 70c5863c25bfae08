//! A real SBOM: what is inside `custodyd`, as cargo resolved it, in CycloneDX 1.6 JSON.
//!
//! The same sources give the same bytes, so recording it twice is the same statement.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Why no SBOM could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SbomError {
    /// What `cargo metadata` printed lacks something that its documentation promises.
    #[error("cargo metadata gave no {what}")]
    Incomplete {
        /// What is not there.
        what: &'static str,
    },
    /// `Cargo.lock` is not TOML.
    #[error("Cargo.lock: {0}")]
    Lock(#[from] toml::de::Error),
}

/// The packages by id, and what each uses when it runs.
struct Graph<'a> {
    packages: BTreeMap<&'a str, &'a Value>,
    uses: BTreeMap<&'a str, Vec<&'a str>>,
}

/// Returns the SBOM of one package: itself and all that is linked into it. Tools that only run during the build, and
/// what only tests need, are not in the artifact and so not in its SBOM.
///
/// `metadata` is what `cargo metadata --format-version 1` printed, `lock` is the text of `Cargo.lock`.
pub(crate) fn cyclonedx(package: &str, metadata: &Value, lock: &str) -> Result<Value, SbomError> {
    let graph = Graph::read(metadata)?;
    let checksums = checksums(lock)?;
    let (root, described) = graph
        .packages
        .iter()
        .find(|(_, found)| found["name"] == package)
        .ok_or(SbomError::Incomplete { what: "package of that name" })?;
    let shipped = graph.reached_from(root);
    let mut components: BTreeMap<String, Value> = BTreeMap::new();
    let mut dependencies: BTreeMap<String, Value> = BTreeMap::new();
    for id in shipped {
        let Some(package) = graph.packages.get(id) else { continue };
        let reference = purl(package);
        let used: BTreeSet<String> = graph
            .uses_of(id)
            .iter()
            .filter_map(|used| graph.packages.get(used).map(|package| purl(package)))
            .collect();
        dependencies.insert(reference.clone(), json!({"ref": reference, "dependsOn": used}));
        if id != *root {
            components.insert(reference, component("library", package, &checksums));
        }
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component("application", described, &checksums)},
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies.into_values().collect::<Vec<_>>(),
    }))
}

impl<'a> Graph<'a> {
    fn read(metadata: &'a Value) -> Result<Self, SbomError> {
        let list = |value: &'a Value, what| value.as_array().ok_or(SbomError::Incomplete { what });
        let packages = list(&metadata["packages"], "packages")?
            .iter()
            .filter_map(|package| Some((package["id"].as_str()?, package)))
            .collect();
        let uses = list(metadata.pointer("/resolve/nodes").unwrap_or(&Value::Null), "resolved dependencies")?
            .iter()
            .filter_map(|node| Some((node["id"].as_str()?, linked(node))))
            .collect();
        Ok(Self { packages, uses })
    }

    fn uses_of(&self, id: &str) -> &[&'a str] {
        self.uses.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    fn reached_from(&self, root: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::from([root]);
        let mut ahead = vec![root];
        while let Some(id) = ahead.pop() {
            ahead.extend(self.uses_of(id).iter().filter(|used| reached.insert(**used)));
        }
        reached
    }
}

/// Returns the packages that a node links: kind `null`, not `build` or `dev`.
fn linked(node: &Value) -> Vec<&str> {
    let is_linked = |used: &&Value| {
        used["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let dependencies = node["deps"].as_array().map(Vec::as_slice).unwrap_or_default();
    dependencies.iter().filter(is_linked).filter_map(|used| used["pkg"].as_str()).collect()
}

fn purl(package: &Value) -> String {
    let text = |member: &str| package[member].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn component(kind: &str, package: &Value, checksums: &BTreeMap<String, String>) -> Value {
    let reference = purl(package);
    // Older manifests separate alternatives by a slash, which is not an SPDX expression.
    let expression = |license: &str| license.replace(" / ", " OR ").replace('/', " OR ");
    let licenses = package["license"].as_str().map(|license| json!([{"expression": expression(license)}]));
    let hashes = checksums.get(&reference).map(|checksum| json!([{"alg": "SHA-256", "content": checksum}]));
    let members = [
        ("type", Some(json!(kind))),
        ("bom-ref", Some(json!(reference))),
        ("name", Some(package["name"].clone())),
        ("version", Some(package["version"].clone())),
        ("licenses", licenses),
        ("hashes", hashes),
        ("purl", Some(json!(reference))),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Returns the SHA-256 of each package as it was downloaded, by purl; packages of the workspace have none.
fn checksums(lock: &str) -> Result<BTreeMap<String, String>, SbomError> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let checksum = |package: &toml::Value| {
        let text = |member: &str| package.get(member).and_then(toml::Value::as_str);
        let purl = format!("pkg:cargo/{}@{}", text("name")?, text("version")?);
        Some((purl, text("checksum")?.to_owned()))
    };
    Ok(packages.iter().filter_map(checksum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Value {
        let package = |name: &str, license: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": license});
        let used = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        json!({
            "packages": [package("server", "MIT"), package("log", "MIT/Apache-2.0"), package("cc", "MIT"), package("deep", "MIT")],
            "resolve": {"nodes": [
                {"id": "server", "deps": [used("log", Value::Null), used("cc", json!("build")), used("deep", json!("dev"))]},
                {"id": "log", "deps": [used("deep", Value::Null)]},
            ]},
        })
    }

    const LOCK: &str = "[[package]]\nname = \"log\"\nversion = \"1.0.0\"\nchecksum = \"abcd\"\n";

    #[test]
    fn lists_what_is_linked_and_nothing_else() {
        let sbom = cyclonedx("server", &metadata(), LOCK).unwrap();
        let names: Vec<&str> =
            sbom["components"].as_array().unwrap().iter().filter_map(|part| part["name"].as_str()).collect();
        assert_eq!(names, ["deep", "log"]);
        assert_eq!(sbom["metadata"]["component"]["name"], "server");
    }

    #[test]
    fn says_licence_and_checksum() {
        let sbom = cyclonedx("server", &metadata(), LOCK).unwrap();
        assert_eq!(sbom["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(sbom["components"][1]["hashes"][0]["content"], "abcd");
        assert_eq!(sbom["components"][0]["hashes"], Value::Null);
    }

    #[test]
    fn refuses_metadata_without_packages() {
        assert!(matches!(
            cyclonedx("server", &json!({}), LOCK),
            Err(SbomError::Incomplete { what: "packages" })
        ));
        assert!(cyclonedx("client", &metadata(), LOCK).is_err());
    }
}
