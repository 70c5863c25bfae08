//! A JSON list of envelopes, as `RubyGems` gives the bundles of a gem, as `gh attestation verify --format json` prints what it verified, and as
//! the list in an answer of npm or GitHub stands alone.
//!
//! What is said beside each bundle is a label: the bundle is verified here again.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::items::{ITEMS_MAX, Item, Place, Problem};
use super::{Kind, kind};

/// An element that gh prints.
#[derive(Deserialize)]
struct Verified<'a> {
    #[serde(borrow)]
    attestation: Attestation<'a>,
}

#[derive(Deserialize)]
struct Attestation<'a> {
    #[serde(borrow)]
    bundle: &'a RawValue,
}

/// The elements of a list, at most one more than [`ITEMS_MAX`].
struct Elements<'a>(Vec<&'a RawValue>);

/// Returns the elements of a list, each as its exact bytes; none if the bytes are no list, or no element is an envelope.
pub(super) fn items(bytes: &[u8]) -> Option<Vec<Item<'_>>> {
    let Elements(elements) = serde_json::from_slice(bytes).ok()?;
    let mut items: Vec<Item<'_>> = elements.into_iter().enumerate().map(item).collect();
    if let Some(beyond) = items.get_mut(ITEMS_MAX) {
        beyond.problem = Some(Problem::TooMany { max: ITEMS_MAX });
    }
    items.iter().any(|item| is_envelope(item.kind)).then_some(items)
}

fn item<'e>((index, element): (usize, &'e RawValue)) -> Item<'e> {
    let text = element.get();
    let read = |found: &'e RawValue| found.get().as_bytes();
    let (member, bytes) = if let Ok(gh) = serde_json::from_str::<Verified<'_>>(text) {
        (format!("[{index}].attestation.bundle"), read(gh.attestation.bundle))
    } else if let Ok(attestation) = serde_json::from_str::<Attestation<'_>>(text) {
        (format!("[{index}].bundle"), read(attestation.bundle))
    } else {
        (format!("[{index}]"), text.as_bytes())
    };
    Item { place: Place { line: None, member: Some(member) }, kind: kind(bytes), bytes, problem: None }
}

const fn is_envelope(kind: Kind) -> bool {
    matches!(kind, Kind::Dsse | Kind::SigstoreBundle | Kind::Pep740 | Kind::ImageSignature)
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element::<&RawValue>()? {
            // The rest is only checked to be JSON.
            if elements.len() <= ITEMS_MAX {
                elements.push(element);
            }
        }
        Ok(Elements(elements))
    }
}
