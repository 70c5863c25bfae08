//! `sbom`: what a bill of materials lists.

use custody_evidence::sbom::{self, Component};
use custody_evidence::version::Match;
use serde_json::Value as Json;

use super::why::Why;
use crate::evidence::Entry;
use crate::licence::Licence;
use crate::policy::{Licences, Sbom};

/// Whether a bill of materials lists what it must, and nothing that it must not.
pub(super) fn holds(asked: &Sbom, entry: &Entry) -> Result<(), Why> {
    let bytes = entry.predicate.as_deref().ok_or(Why::Malformed)?;
    let listed = sbom::components(bytes).map_err(|_| Why::Malformed)?;
    let shipped = || listed.components.iter().filter(|component| component.shipped);
    for package in &asked.required {
        let fits = |component: &Component<'_>| {
            component.purl.as_ref().is_some_and(|purl| matches!(package.fits(purl), Match::Yes))
        };
        if !shipped().any(fits) {
            return Err(Why::ComponentMissing { package: package.to_string() });
        }
    }
    for component in shipped() {
        let Some(purl) = &component.purl else {
            // It may be the banned package: what would say so was left out.
            if asked.banned.iter().any(|ban| ban.is_called(&component.name)) {
                return Err(Why::NotComparable { component: component.name.clone().into_owned() });
            }
            continue;
        };
        for ban in &asked.banned {
            match ban.fits(purl) {
                Match::No => {}
                Match::Yes => return Err(Why::ComponentBanned { component: purl.to_string() }),
                // It may be the banned version.
                Match::NotComparable(_) => return Err(Why::NotComparable { component: purl.to_string() }),
            }
        }
    }
    // A package whose name was left out could be any.
    if !asked.banned.is_empty() && !listed.left_out.is_empty() {
        return Err(Why::Malformed);
    }
    asked.licences.as_ref().map_or(Ok(()), |licences| licences_hold(licences, bytes, listed.components.len()))
}

/// Every shipped component states a licence that the policy allows.
fn licences_hold(asked: &Licences, bytes: &[u8], components: usize) -> Result<(), Why> {
    let document: Json = serde_json::from_slice(bytes).map_err(|_| Why::Malformed)?;
    let document = document.get("Data").filter(|data| data.is_object()).unwrap_or(&document);
    let mut stated = Vec::new();
    if document.get("bomFormat").is_some() {
        cyclonedx(document, &mut stated);
    } else {
        spdx(document, &mut stated);
    }
    // What is read here must be what was counted there.
    if stated.len() != components {
        return Err(Why::Malformed);
    }
    for Stated { component, licences, .. } in stated.into_iter().filter(|stated| stated.shipped) {
        if licences.is_empty() {
            return Err(Why::LicenceNotStated { component });
        }
        for text in licences {
            let allowed =
                Licence::parse(&text).is_some_and(|licence| licence.is_allowed(&asked.allow, &asked.deny));
            if !allowed {
                return Err(Why::LicenceNotAllowed { component, licence: text });
            }
        }
    }
    Ok(())
}

/// A component, and the expressions of its licences, all of which hold.
struct Stated {
    component: String,
    licences: Vec<String>,
    shipped: bool,
}

fn text<'j>(json: &'j Json, member: &str) -> &'j str {
    json.get(member).and_then(Json::as_str).unwrap_or_default()
}

fn list<'j>(json: &'j Json, member: &str) -> impl Iterator<Item = &'j Json> {
    json.get(member).and_then(Json::as_array).into_iter().flatten()
}

/// `CycloneDX`: an id, a name or an expression each; components may be nested, as deep as JSON may be.
fn cyclonedx(of: &Json, stated: &mut Vec<Stated>) {
    for component in list(of, "components") {
        let licences = list(component, "licenses").filter_map(|choice| {
            let licence = choice.get("license").unwrap_or(&Json::Null);
            let found = [text(choice, "expression"), text(licence, "id"), text(licence, "name")];
            found.into_iter().find(|text| !text.is_empty()).map(ToOwned::to_owned)
        });
        stated.push(Stated {
            component: named(component, "version"),
            licences: licences.collect(),
            shipped: text(component, "scope") != "excluded",
        });
        cyclonedx(component, stated);
    }
}

/// SPDX: what its author concluded, or else what the package declares.
fn spdx(document: &Json, stated: &mut Vec<Stated>) {
    for package in list(document, "packages") {
        let says = |text: &&str| !["", "NONE", "NOASSERTION"].contains(text);
        let found = [text(package, "licenseConcluded"), text(package, "licenseDeclared")];
        stated.push(Stated {
            component: named(package, "versionInfo"),
            licences: found.into_iter().find(says).map(ToOwned::to_owned).into_iter().collect(),
            shipped: true,
        });
    }
}

fn named(component: &Json, version: &str) -> String {
    let (name, version) = (text(component, "name"), text(component, version));
    if version.is_empty() { name.to_owned() } else { format!("{name}@{version}") }
}
