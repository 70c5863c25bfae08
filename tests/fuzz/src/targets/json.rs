//! The strict scan of JSON, beside a second reader that shares nothing with it.

use std::collections::HashSet;

use custody_evidence::json::{self, JsonFault, MAX_DEPTH};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Target, texts};
use crate::claim::{Outcome, refused};
use crate::corpus::Corpus;

pub(super) const TARGETS: &[Target] = &[Target {
    name: "json.scan",
    max: 8 << 10,
    rounds: 6000,
    words: &[
        "\\u0061",
        "\\ud83d\\ude00",
        "\\ud800",
        "\"a\"",
        "\u{feff}",
        "\u{0}",
        "\\n",
        "1e999",
        "-",
        "01",
        "\"\\u0061\"",
    ],
    seeds,
    run: scan,
}];

/// What `serde_json` takes, without a name twice, and how deep it is.
struct Unique {
    depth: usize,
    twice: bool,
}

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Unique {
    const LEAF: Self = Self { depth: 0, twice: false };

    fn holds(&mut self, inner: &Self) {
        self.depth = self.depth.max(inner.depth + 1);
        self.twice |= inner.twice;
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Unique;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique::LEAF)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut all = Unique { depth: 1, twice: false };
        while let Some(item) = items.next_element()? {
            all.holds(&item);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut all = Unique { depth: 1, twice: false };
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            all.holds(&members.next_value()?);
            all.twice |= !names.insert(name);
        }
        Ok(all)
    }
}

fn scan(bytes: &[u8]) -> Outcome {
    let second = serde_json::from_slice::<Unique>(bytes);
    let checked = json::check(bytes);
    // A number beyond f64 is JSON (RFC 8259 section 6), which the second reader cannot hold.
    let undecided = second.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
    // A name that the library itself gives a meaning is refused by us alone.
    let reserved = checked.as_ref().is_err_and(|error| matches!(error.fault, JsonFault::Reserved { .. }));
    let good = second.as_ref().is_ok_and(|found| !found.twice && found.depth <= MAX_DEPTH);
    assert!(
        undecided || reserved || good == checked.is_ok(),
        "{checked:?}, the second reader says {:?}",
        second.err()
    );
    match checked {
        Ok(()) => {
            assert_eq!(json::check_unsigned(bytes), Ok(()), "what may be signed may be unsigned");
            Outcome::Accepted
        }
        Err(error) => {
            let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            let line = lines.get(error.line - 1).expect("the line of the error is in the text");
            assert!(
                (1..=line.len() + 1).contains(&error.column),
                "column {} of {}",
                error.column,
                line.len()
            );
            assert!(error.path.chars().count() <= 200, "a path of {} characters", error.path.len());
            if let JsonFault::Depth { max } = error.fault {
                assert_eq!(max, MAX_DEPTH);
            }
            refused(&error)
        }
    }
}

fn seeds(corpus: &Corpus) -> Vec<Vec<u8>> {
    let own = texts(&[
        r#"{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"],"b":{"c":{}}}"#,
        "0",
        "[[[]]]",
        "\"\"",
        " {\"a\" : 1 , \"\\u0062\" : 2 }\r\n",
    ]);
    let real = ["statements", "json", "bundles/conformance"].map(|part| corpus.documents(part)).concat();
    [own, corpus.examples("envelope-"), corpus.examples("record-"), real].concat()
}
