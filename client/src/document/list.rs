//! A JSON list of envelopes, as `RubyGems` gives the bundles of a gem, and as `gh attestation verify --format json` prints what it verified.
//!
//! What gh says beside each bundle is a label: the bundle is verified here again.

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

fn item((index, element): (usize, &RawValue)) -> Item<'_> {
    let text = element.get();
    let (member, bytes) = match serde_json::from_str::<Verified<'_>>(text) {
        Ok(gh) => (format!("[{index}].attestation.bundle"), gh.attestation.bundle.get().as_bytes()),
        Err(_) => (format!("[{index}]"), text.as_bytes()),
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
