//! What the definitions of the package types add (packageurl.org, "types"): which names are not case sensitive, who
//! has a namespace, and some forms of names.
//!
//! A definition that merely wants a namespace (`deb`, `rpm`, `maven`) is not enforced: documents are full of
//! packages without, and refusing them would hide them. Where a namespace is part of the name, it is.

use super::PurlFault;
use super::parse::Parts;

const LOWER_NAMESPACE: &[&str] = &[
    "alpm",
    "apk",
    "bitbucket",
    "composer",
    "deb",
    "github",
    "golang",
    "hex",
    "luarocks",
    "npm",
    "qpkg",
    "rpm",
    "vscode-extension",
];
const LOWER_NAME: &[&str] = &[
    "alpm",
    "apk",
    "bitbucket",
    "bitnami",
    "composer",
    "deb",
    "github",
    "golang",
    "hex",
    "luarocks",
    "npm",
    "oci",
    "pub",
    "pypi",
    "vscode-extension",
];
const LOWER_VERSION: &[&str] = &["huggingface", "pypi", "vscode-extension"];
const NO_NAMESPACE: &[&str] = &[
    "bitnami",
    "cargo",
    "chrome-extension",
    "cocoapods",
    "conda",
    "cran",
    "gem",
    "hackage",
    "julia",
    "mlflow",
    "nuget",
    "oci",
    "otp",
    "pub",
    "pypi",
    "vcpkg",
];
const NAMESPACE: &[&str] = &["composer", "cpan", "huggingface", "swift", "vscode-extension"];

/// Returns the parts as their type writes them.
pub(super) fn normalised(mut parts: Parts) -> Result<Parts, PurlFault> {
    let kind = parts.package_type.clone();
    let is = |list: &[&str]| list.contains(&kind.as_str());
    if kind == "npm" && parts.namespace.is_empty() {
        split_scope(&mut parts);
    }
    if is(LOWER_NAMESPACE) {
        parts.namespace.iter_mut().for_each(|segment| *segment = segment.to_lowercase());
    }
    if is(LOWER_NAME) {
        parts.name = parts.name.to_lowercase();
    }
    if is(LOWER_VERSION) {
        parts.version = parts.version.map(|version| version.to_lowercase());
    }
    match kind.as_str() {
        "cpan" => parts.namespace.iter_mut().for_each(|segment| *segment = segment.to_uppercase()),
        "mlflow" if on_databricks(&parts) => parts.name = parts.name.to_lowercase(),
        "pub" => parts.name = parts.name.replace('-', "_"),
        "pypi" => parts.name = dashed(&parts.name),
        _ => {}
    }
    if is(NO_NAMESPACE) && !parts.namespace.is_empty() {
        return Err(PurlFault::NamespaceProhibited { package_type: kind });
    }
    if is(NAMESPACE) && parts.namespace.is_empty() {
        return Err(PurlFault::NamespaceRequired { package_type: kind });
    }
    check(&parts)?;
    Ok(parts)
}

/// Takes `@scope/name` apart: no name of npm has a slash.
fn split_scope(parts: &mut Parts) {
    let scoped = parts.name.split_once('/').filter(|(scope, name)| {
        scope.len() > 1 && scope.starts_with('@') && !name.is_empty() && !name.contains('/')
    });
    if let Some((scope, name)) = scoped {
        (parts.namespace, parts.name) = (vec![scope.to_owned()], name.to_owned());
    }
}

fn on_databricks(parts: &Parts) -> bool {
    parts.qualifiers.get("repository_url").is_some_and(|url| url.contains("databricks"))
}

/// One dash for each run of dashes, underscores and dots (Python Packaging User Guide, "Names and normalization").
fn dashed(name: &str) -> String {
    let is_mark = |c: char| matches!(c, '-' | '_' | '.');
    let mut dashed = String::with_capacity(name.len());
    for c in name.chars() {
        if !is_mark(c) {
            dashed.push(c);
        } else if !dashed.ends_with('-') {
            dashed.push('-');
        }
    }
    dashed
}

fn check(parts: &Parts) -> Result<(), PurlFault> {
    let package_type = parts.package_type.clone();
    match package_type.as_str() {
        "chrome-extension" => {
            let id = parts.name.len() == 32 && parts.name.bytes().all(|byte| byte.is_ascii_lowercase());
            if !id {
                return Err(PurlFault::Name { package_type });
            }
            if parts.version.as_deref().is_some_and(|version| !is_chrome_version(version)) {
                return Err(PurlFault::Version { package_type });
            }
        }
        // `LWP::UserAgent` is a module; packages are distributions.
        "cpan" if parts.name.contains("::") => return Err(PurlFault::Name { package_type }),
        // Names of Julia are not unique.
        "julia" if !parts.qualifiers.contains_key("uuid") => {
            return Err(PurlFault::QualifierRequired { package_type, key: "uuid" });
        }
        _ => {}
    }
    Ok(())
}

/// One to four numbers.
fn is_chrome_version(version: &str) -> bool {
    let numbers = || version.split('.');
    numbers().count() <= 4
        && numbers().all(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}
