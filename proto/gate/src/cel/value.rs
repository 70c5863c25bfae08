//! Values of expressions. Data stays where it is: a value points into it.

use std::borrow::Cow;
use std::cmp::Ordering;

use custody_log::Timestamp;
use serde_json::{Map, Value as Json};

use super::environment::{Attestation, Fuel};
use super::evaluate::Fault;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    /// All attestations.
    All(&'a [Attestation]),
    /// Those of one type.
    Attestations(Vec<&'a Attestation>),
    Bool(bool),
    Double(f64),
    Int(i64),
    /// A list of the data.
    Data(&'a [Json]),
    /// A list that the expression writes out.
    List(Vec<Self>),
    Map(&'a Map<String, Json>),
    Null,
    /// Microseconds.
    Span(i64),
    Text(Cow<'a, str>),
    Time(Timestamp),
    Uint(u64),
}

impl<'a> Value<'a> {
    pub(super) fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => {
                let whole = number.as_i64().map(Self::Int).or_else(|| number.as_u64().map(Self::Uint));
                whole.unwrap_or_else(|| number.as_f64().map_or(Self::Null, Self::Double))
            }
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(elements) => Self::Data(elements),
            Json::Object(members) => Self::Map(members),
        }
    }

    /// Returns how many elements a list has; none if this is none.
    pub(super) fn length(&self) -> Option<usize> {
        match self {
            Self::All(list) => Some(list.len()),
            Self::Attestations(list) => Some(list.len()),
            Self::Data(list) => Some(list.len()),
            Self::List(list) => Some(list.len()),
            _ => None,
        }
    }

    /// Returns an element of a list.
    pub(super) fn element(&self, index: usize) -> Option<Self> {
        match self {
            Self::All(list) => list.get(index).map(|attestation| Self::of(&attestation.json)),
            Self::Attestations(list) => list.get(index).map(|attestation| Self::of(&attestation.json)),
            Self::Data(list) => list.get(index).map(Self::of),
            Self::List(list) => list.get(index).cloned(),
            _ => None,
        }
    }

    /// Whether two values are the same: numbers by what they are worth, others of one kind only.
    pub(super) fn equals(&self, other: &Self, fuel: &mut Fuel) -> Result<bool, Fault> {
        fuel.burn(1)?;
        if let (Some(a), Some(b)) = (self.length(), other.length()) {
            return if a == b { self.same_elements(other, a, fuel) } else { Ok(false) };
        }
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Span(a), Self::Span(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => {
                fuel.look_at(a.len().min(b.len()))?;
                a == b
            }
            (Self::Map(a), Self::Map(b)) => return same_members(a, b, fuel),
            _ => self.number_order(other) == Some(Ordering::Equal),
        })
    }

    fn same_elements(&self, other: &Self, length: usize, fuel: &mut Fuel) -> Result<bool, Fault> {
        for at in 0..length {
            if let (Some(a), Some(b)) = (self.element(at), other.element(at))
                && !a.equals(&b, fuel)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns which comes first; none if they do not compare.
    pub(super) fn order(&self, other: &Self, fuel: &mut Fuel) -> Result<Option<Ordering>, Fault> {
        Ok(match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Span(a), Self::Span(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => {
                fuel.look_at(a.len().min(b.len()))?;
                Some(a.cmp(b))
            }
            _ => self.number_order(other),
        })
    }

    /// Compares numbers of all kinds by what they are worth.
    fn number_order(&self, other: &Self) -> Option<Ordering> {
        match (self.whole(), other.whole(), self, other) {
            (Some(a), Some(b), ..) => Some(a.cmp(&b)),
            (None, None, Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Some(a), None, _, Self::Double(b)) => whole_and_double(a, *b),
            (None, Some(b), Self::Double(a), _) => whole_and_double(b, *a).map(Ordering::reverse),
            _ => None,
        }
    }

    fn whole(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(i128::from(*value)),
            Self::Uint(value) => Some(i128::from(*value)),
            _ => None,
        }
    }
}

/// Compares without rounding: whole numbers have more digits than doubles.
fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    /// 2^64, beyond every whole number.
    const BEYOND: f64 = 18_446_744_073_709_551_616.0;
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND || double <= -BEYOND {
        return Some(if double > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "it was cut to a whole number below 2^64"
    )]
    let floor = double.floor() as i128;
    let fraction = double - double.floor();
    Some(whole.cmp(&floor).then(if fraction > 0.0 { Ordering::Less } else { Ordering::Equal }))
}

fn same_members(a: &Map<String, Json>, b: &Map<String, Json>, fuel: &mut Fuel) -> Result<bool, Fault> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (name, value) in a {
        fuel.look_at(name.len())?;
        let same = match b.get(name) {
            Some(other) => Value::of(value).equals(&Value::of(other), fuel)?,
            None => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
