//! What the definitions of the package types add (packageurl.org, "types"): which names are not case sensitive, who
//! has a namespace, and some forms of names.
//!
//! A definition that merely wants a namespace (`deb`, `rpm`, `maven`) is not enforced: documents are full of
//! packages without, and refusing them would hide them. Where a namespace is part of the name, it is.

use std::borrow::Cow;

use super::PurlFault;
use super::parse::Parts;

/// Whether namespaces of the type are written in lower case.
fn lower_namespace(package_type: &str) -> bool {
    matches!(
        package_type,
        "alpm"
            | "apk"
            | "bitbucket"
            | "composer"
            | "deb"
            | "github"
            | "golang"
            | "hex"
            | "luarocks"
            | "npm"
            | "qpkg"
            | "rpm"
            | "vscode-extension"
    )
}

/// Whether names are.
fn lower_name(package_type: &str) -> bool {
    matches!(
        package_type,
        "alpm"
            | "apk"
            | "bitbucket"
            | "bitnami"
            | "composer"
            | "deb"
            | "github"
            | "golang"
            | "hex"
            | "luarocks"
            | "npm"
            | "oci"
            | "pub"
            | "pypi"
            | "vscode-extension"
    )
}

/// Whether versions are.
fn lower_version(package_type: &str) -> bool {
    matches!(package_type, "huggingface" | "pypi" | "vscode-extension")
}

/// Whether packages of the type have no namespace.
fn no_namespace(package_type: &str) -> bool {
    matches!(
        package_type,
        "bitnami"
            | "cargo"
            | "chrome-extension"
            | "cocoapods"
            | "conda"
            | "cran"
            | "gem"
            | "hackage"
            | "julia"
            | "mlflow"
            | "nuget"
            | "oci"
            | "otp"
            | "pub"
            | "pypi"
            | "vcpkg"
    )
}

/// Whether they have no name without one.
fn needs_namespace(package_type: &str) -> bool {
    matches!(package_type, "composer" | "cpan" | "huggingface" | "swift" | "vscode-extension")
}

/// Returns the parts as their type writes them.
pub(super) fn normalised(mut parts: Parts<'_>) -> Result<Parts<'_>, PurlFault> {
    let kind = parts.package_type.clone();
    if kind == "npm" && parts.namespace.is_empty() {
        split_scope(&mut parts);
    }
    if lower_namespace(&kind) {
        parts.namespace.iter_mut().for_each(lower);
    }
    if lower_name(&kind) {
        lower(&mut parts.name);
    }
    if lower_version(&kind) {
        parts.version.iter_mut().for_each(lower);
    }
    match kind.as_ref() {
        "cpan" => parts.namespace.iter_mut().for_each(|segment| *segment = segment.to_uppercase().into()),
        "mlflow" if on_databricks(&parts) => lower(&mut parts.name),
        "pub" => parts.name = parts.name.replace('-', "_").into(),
        "pypi" => parts.name = dashed(&parts.name).into(),
        _ => {}
    }
    if no_namespace(&kind) && !parts.namespace.is_empty() {
        return Err(PurlFault::NamespaceProhibited { package_type: kind.into_owned() });
    }
    if needs_namespace(&kind) && parts.namespace.is_empty() {
        return Err(PurlFault::NamespaceRequired { package_type: kind.into_owned() });
    }
    check(&parts)?;
    Ok(parts)
}

/// Writes a part in lower case. Nearly all are.
fn lower(part: &mut Cow<'_, str>) {
    if !part.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        *part = part.to_lowercase().into();
    }
}

/// Takes `@scope/name` apart: no name of npm has a slash.
fn split_scope(parts: &mut Parts<'_>) {
    let scoped = parts.name.split_once('/').filter(|(scope, name)| {
        scope.len() > 1 && scope.starts_with('@') && !name.is_empty() && !name.contains('/')
    });
    if let Some((scope, name)) = scoped {
        let (scope, name) = (scope.to_owned(), name.to_owned());
        (parts.namespace, parts.name) = (vec![scope.into()], name.into());
    }
}

fn on_databricks(parts: &Parts<'_>) -> bool {
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

fn check(parts: &Parts<'_>) -> Result<(), PurlFault> {
    let package_type = || parts.package_type.clone().into_owned();
    match parts.package_type.as_ref() {
        "chrome-extension" => {
            let id = parts.name.len() == 32 && parts.name.bytes().all(|byte| byte.is_ascii_lowercase());
            if !id {
                return Err(PurlFault::Name { package_type: package_type() });
            }
            if parts.version.as_deref().is_some_and(|version| !is_chrome_version(version)) {
                return Err(PurlFault::Version { package_type: package_type() });
            }
        }
        // `LWP::UserAgent` is a module; packages are distributions.
        "cpan" if parts.name.contains("::") => return Err(PurlFault::Name { package_type: package_type() }),
        // Names of Julia are not unique.
        "julia" if !parts.qualifiers.contains_key("uuid") => {
            return Err(PurlFault::QualifierRequired { package_type: package_type(), key: "uuid" });
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
