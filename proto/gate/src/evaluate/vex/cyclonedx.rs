//! CycloneDX as an answer: vulnerabilities that the author of a document analysed.

use custody_evidence::purl::Purl;
use custody_evidence::sbom::{self, Components, Impact, LeftOut, References, Referent, Vulnerability};
use custody_log::Timestamp;

use super::{Said, order};
use crate::evidence::Entry;

/// Returns what documents about the judged digest say, all of named authors; nothing if one cannot be read.
///
/// What a scanner listed without an analysis is no word of the author. A document that answers another one names what is in that by links;
/// they are followed only into documents of the same authors, since anybody else's could say that a name means another package.
pub(super) fn said(documents: &[(&Entry, &[u8])]) -> Option<Vec<Said>> {
    let boms = documents.iter().map(|(_, bytes)| sbom::components(bytes).ok()).collect::<Option<Vec<_>>>()?;
    let unread = |bom: &Components<'_>| {
        bom.left_out.iter().any(|(_, left_out)| matches!(left_out, LeftOut::Vulnerability { .. }))
    };
    if boms.iter().any(unread) {
        return None;
    }
    let references: Vec<References<'_>> = boms.iter().map(References::of).collect();
    let mut all = Vec::new();
    for (((entry, _), bom), own) in documents.iter().zip(&boms).zip(&references) {
        let made = bom.created.as_ref().and_then(|(_, text)| Timestamp::parse_rfc3339(text).ok());
        let analysed = bom.vulnerabilities.iter().enumerate().filter(|(_, found)| found.analysed);
        for (position, found) in analysed {
            let (whole, packages) = about(found, own, &references);
            all.push(Said {
                names: std::iter::once(&found.id).chain(&found.aliases).cloned().collect(),
                clears: found.impact == Impact::NotAffected,
                whole,
                packages,
                parts: None,
                order: order(entry, made, position),
            });
        }
    }
    Some(all)
}

/// Returns whether an analysis is about the whole product, and the packages that it is about. What says that something is affected, and
/// does not say what, is about the whole.
fn about(found: &Vulnerability, own: &References<'_>, all: &[References<'_>]) -> (bool, Vec<Purl>) {
    let (mut whole, mut packages) = (found.affects.is_empty(), Vec::new());
    for reference in &found.affects {
        let elsewhere = || all.iter().find_map(|document| document.linked(reference));
        let named = match own.resolve(reference) {
            Referent::Answered(None) | Referent::Elsewhere(None) => elsewhere(),
            found => Some(found),
        };
        let purl = match named {
            Some(Referent::Product(_)) => {
                whole = true;
                continue;
            }
            Some(Referent::Component(component)) => component.purl.clone(),
            Some(Referent::Answered(purl) | Referent::Elsewhere(purl)) => purl,
            None => None,
        };
        match purl {
            Some(purl) => packages.push(purl),
            None => whole |= found.impact != Impact::NotAffected,
        }
    }
    (whole, packages)
}
