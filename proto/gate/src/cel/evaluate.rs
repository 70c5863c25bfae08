//! Evaluating an expression, step by step.

use std::borrow::Cow;
use std::cmp::Ordering;

use custody_evidence::predicate::short_name::types_of;
use custody_evidence::purl::Purl;
use custody_evidence::version::{Match, PurlRange};
use custody_log::Timestamp;
use serde_json::Value as Json;

use super::MADE_MAX;
use super::environment::{Attestation, Environment, Fuel};
use super::function::Function;
use super::parse::{Form, LoopKind, Node, Operator};
use super::value::Value;

/// Why an expression gives no yes or no. Its word is all that a verdict says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An index beyond the end of a list.
    Index,
    /// A field that is not there.
    NoField,
    /// The end is no yes or no.
    NotBool,
    /// Beyond what numbers, times and texts hold, or a division by zero.
    Overflow,
    /// More than [`super::STEPS_MAX`] steps.
    TooMuch,
    /// An operator or function that does not take values of this kind.
    WrongKind,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Index => "index_out_of_range",
            Self::NoField => "no_such_field",
            Self::NotBool => "not_true_or_false",
            Self::Overflow => "overflow",
            Self::TooMuch => "too_many_steps",
            Self::WrongKind => "wrong_kind_of_value",
        })
    }
}

pub(super) fn holds(root: &Node, environment: &Environment<'_>, fuel: &mut Fuel) -> Result<bool, Fault> {
    let mut evaluation = Evaluation { environment, element: None, fuel };
    match evaluation.value(root)? {
        Value::Bool(holds) => Ok(holds),
        _ => Err(Fault::NotBool),
    }
}

struct Evaluation<'e, 'a> {
    environment: &'e Environment<'a>,
    /// Name and value of a loop's element.
    element: Option<(&'e str, Value<'e>)>,
    fuel: &'e mut Fuel,
}

impl<'e> Evaluation<'e, '_> {
    fn value(&mut self, node: &'e Node) -> Result<Value<'e>, Fault> {
        self.fuel.burn(1)?;
        match &node.expression {
            Form::And(a, b) => self.both(a, b, false),
            Form::Or(a, b) => self.both(a, b, true),
            Form::Binary(operator, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.binary(*operator, &a, &b)
            }
            Form::Bool(value) => Ok(Value::Bool(*value)),
            Form::Call(function, arguments) => self.call(*function, arguments),
            Form::Conditional(condition, yes, no) => {
                if self.yes(condition)? {
                    self.value(yes)
                } else {
                    self.value(no)
                }
            }
            Form::Double(value) => Ok(Value::Double(*value)),
            Form::Field(of, field) => self.field(of, field)?.ok_or(Fault::NoField),
            Form::Has(of, field) => Ok(Value::Bool(self.field(of, field)?.is_some())),
            Form::Index(of, index) => self.index(of, index),
            Form::Int(value) => Ok(Value::Int(*value)),
            Form::List(elements) => {
                elements.iter().map(|element| self.value(element)).collect::<Result<_, _>>().map(Value::List)
            }
            Form::Loop { kind, range, variable, body } => self.turns(*kind, range, variable, body),
            Form::Name(name) => self.variable(name),
            Form::Negate(of) => match self.value(of)? {
                Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(Fault::Overflow),
                Value::Double(value) => Ok(Value::Double(-value)),
                _ => Err(Fault::WrongKind),
            },
            Form::Not(of) => self.yes(of).map(|yes| Value::Bool(!yes)),
            Form::Null => Ok(Value::Null),
            Form::Text(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Form::Uint(value) => Ok(Value::Uint(*value)),
        }
    }

    fn yes(&mut self, node: &'e Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Value::Bool(yes) => Ok(yes),
            _ => Err(Fault::WrongKind),
        }
    }

    /// `&&` and `||`: one side decides if it has the deciding value, whatever the other one comes to.
    fn both(&mut self, a: &'e Node, b: &'e Node, deciding: bool) -> Result<Value<'e>, Fault> {
        let first = self.yes(a);
        if first == Ok(deciding) || first == Err(Fault::TooMuch) {
            return first.map(Value::Bool);
        }
        match (first, self.yes(b)) {
            (_, Ok(second)) if second == deciding => Ok(Value::Bool(deciding)),
            (Ok(_), second) => second.map(Value::Bool),
            (Err(_), Err(Fault::TooMuch)) => Err(Fault::TooMuch),
            (Err(fault), _) => Err(fault),
        }
    }

    /// The macros are `&&` and `||` over the elements, and a count.
    fn turns(
        &mut self,
        kind: LoopKind,
        range: &'e Node,
        variable: &'e str,
        body: &'e Node,
    ) -> Result<Value<'e>, Fault> {
        let range = self.value(range)?;
        let length = range.length().ok_or(Fault::WrongKind)?;
        let (mut fault, mut count) = (None, 0_usize);
        for at in 0..length {
            let Some(element) = range.element(at) else { break };
            self.element = Some((variable, element));
            match (kind, self.yes(body)) {
                (LoopKind::All, Ok(false)) => return Ok(Value::Bool(false)),
                (LoopKind::Exists, Ok(true)) => return Ok(Value::Bool(true)),
                (LoopKind::ExistsOne, Err(found)) | (_, Err(found @ Fault::TooMuch)) => return Err(found),
                (_, Ok(yes)) => count += usize::from(yes),
                (_, Err(found)) => fault = fault.or(Some(found)),
            }
        }
        self.element = None;
        match (kind, fault) {
            (_, Some(fault)) => Err(fault),
            (LoopKind::All, None) => Ok(Value::Bool(true)),
            (LoopKind::Exists, None) => Ok(Value::Bool(false)),
            (LoopKind::ExistsOne, None) => Ok(Value::Bool(count == 1)),
        }
    }

    fn variable(&self, name: &str) -> Result<Value<'e>, Fault> {
        if let Some((_, element)) = self.element.as_ref().filter(|(variable, _)| *variable == name) {
            return Ok(element.clone());
        }
        let environment = self.environment;
        let current = || environment.attestations.get(environment.current).map(|found| &found.json);
        let part = |name| current().and_then(|json| json.get(name)).map(Value::of);
        match name {
            "subject" => Some(Value::of(environment.subject)),
            "env" => Some(Value::of(environment.parameters)),
            "now" => Some(Value::Time(environment.now)),
            "att" => current().map(Value::of),
            "atts" => Some(Value::All(environment.attestations)),
            "verified" | "claimed" => part(name),
            _ => None,
        }
        .ok_or(Fault::NoField)
    }

    fn field(&mut self, of: &'e Node, field: &str) -> Result<Option<Value<'e>>, Fault> {
        match self.value(of)? {
            Value::Map(members) => {
                self.fuel.look_at(field.len())?;
                Ok(members.get(field).map(Value::of))
            }
            _ => Err(Fault::WrongKind),
        }
    }

    fn index(&mut self, of: &'e Node, index: &'e Node) -> Result<Value<'e>, Fault> {
        let (of, index) = (self.value(of)?, self.value(index)?);
        match (of, index) {
            (Value::Map(members), Value::Text(name)) => {
                self.fuel.look_at(name.len())?;
                members.get(name.as_ref()).map(Value::of).ok_or(Fault::NoField)
            }
            (list, Value::Int(index)) if list.length().is_some() => {
                usize::try_from(index).ok().and_then(|index| list.element(index)).ok_or(Fault::Index)
            }
            _ => Err(Fault::WrongKind),
        }
    }

    fn binary(&mut self, operator: Operator, a: &Value<'e>, b: &Value<'e>) -> Result<Value<'e>, Fault> {
        let ordered = |fuel: &mut Fuel, fits: fn(Ordering) -> bool| {
            a.order(b, fuel)?.map(|order| Value::Bool(fits(order))).ok_or(Fault::WrongKind)
        };
        match operator {
            Operator::Equal => a.equals(b, self.fuel).map(Value::Bool),
            Operator::NotEqual => a.equals(b, self.fuel).map(|same| Value::Bool(!same)),
            Operator::Less => ordered(self.fuel, Ordering::is_lt),
            Operator::LessOrEqual => ordered(self.fuel, Ordering::is_le),
            Operator::More => ordered(self.fuel, Ordering::is_gt),
            Operator::MoreOrEqual => ordered(self.fuel, Ordering::is_ge),
            Operator::In => self.is_in(a, b).map(Value::Bool),
            Operator::Add
            | Operator::Divide
            | Operator::Multiply
            | Operator::Remainder
            | Operator::Subtract => self.arithmetic(operator, a, b),
        }
    }

    fn is_in(&mut self, a: &Value<'e>, b: &Value<'e>) -> Result<bool, Fault> {
        if let (Value::Text(name), Value::Map(members)) = (a, b) {
            self.fuel.look_at(name.len())?;
            return Ok(members.contains_key(name.as_ref()));
        }
        let length = b.length().ok_or(Fault::WrongKind)?;
        for at in 0..length {
            if let Some(element) = b.element(at)
                && a.equals(&element, self.fuel)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn arithmetic(&mut self, operator: Operator, a: &Value<'e>, b: &Value<'e>) -> Result<Value<'e>, Fault> {
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => {
                whole(operator, *a, *b, INT).map(Value::Int).ok_or(Fault::Overflow)
            }
            (Value::Uint(a), Value::Uint(b)) => {
                whole(operator, *a, *b, UINT).map(Value::Uint).ok_or(Fault::Overflow)
            }
            (Value::Double(a), Value::Double(b)) => double(operator, *a, *b).map(Value::Double),
            (Value::Text(a), Value::Text(b)) if operator == Operator::Add => {
                self.fuel.look_at(a.len() + b.len())?;
                let fits = a.len() + b.len() <= MADE_MAX;
                fits.then(|| Value::Text(Cow::Owned([a.as_ref(), b.as_ref()].concat())))
                    .ok_or(Fault::Overflow)
            }
            _ => time(operator, a, b),
        }
    }

    fn call(&mut self, function: Function, arguments: &'e [Node]) -> Result<Value<'e>, Fault> {
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let mut values = values.into_iter();
        let (first, second) = (values.next().ok_or(Fault::WrongKind)?, values.next());
        match (function, first, second) {
            (Function::Of | Function::Latest, Value::All(list), Some(Value::Text(name))) => {
                self.of_type(function, list, &name)
            }
            (Function::PurlMatches, Value::Text(purl), Some(Value::Text(range))) => {
                self.fuel.look_at(purl.len() + range.len())?;
                let range: PurlRange = range.parse().map_err(|_| Fault::WrongKind)?;
                let purl: Purl = purl.parse().map_err(|_| Fault::WrongKind)?;
                match range.matches(&purl) {
                    Match::Yes => Ok(Value::Bool(true)),
                    Match::No => Ok(Value::Bool(false)),
                    Match::NotComparable(_) => Err(Fault::WrongKind),
                }
            }
            (
                Function::Contains | Function::EndsWith | Function::StartsWith,
                Value::Text(text),
                Some(Value::Text(part)),
            ) => {
                self.fuel.look_at(text.len() + part.len())?;
                Ok(Value::Bool(match function {
                    Function::Contains => text.contains(part.as_ref()),
                    Function::EndsWith => text.ends_with(part.as_ref()),
                    _ => text.starts_with(part.as_ref()),
                }))
            }
            (Function::Size, value, None) => self.size(&value),
            (function, value, None) => self.converted(function, value),
            _ => Err(Fault::WrongKind),
        }
    }

    fn of_type(
        &mut self,
        function: Function,
        list: &'e [Attestation],
        name: &str,
    ) -> Result<Value<'e>, Fault> {
        self.fuel.burn(list.len())?;
        let types = types_of(name);
        let is = |found: &str| types.map_or(found == name, |types| types.contains(&found));
        let of: Vec<_> = list.iter().filter(|one| is(&one.predicate_type)).collect();
        if function == Function::Of {
            return Ok(Value::Attestations(of));
        }
        of.into_iter().max_by_key(|one| one.index).map(|one| Value::of(&one.json)).ok_or(Fault::NoField)
    }

    fn size(&mut self, value: &Value<'e>) -> Result<Value<'e>, Fault> {
        let size = match value {
            Value::Text(text) => {
                self.fuel.look_at(text.len())?;
                text.chars().count()
            }
            Value::Map(members) => members.len(),
            _ => value.length().ok_or(Fault::WrongKind)?,
        };
        i64::try_from(size).map(Value::Int).map_err(|_| Fault::Overflow)
    }

    fn converted(&mut self, function: Function, value: Value<'e>) -> Result<Value<'e>, Fault> {
        if let Value::Text(text) = &value {
            self.fuel.look_at(text.len())?;
        }
        match (function, value) {
            (Function::String, text @ Value::Text(_))
            | (Function::Int, text @ Value::Int(_))
            | (Function::Double, text @ Value::Double(_))
            | (Function::Timestamp, text @ Value::Time(_))
            | (Function::Duration, text @ Value::Span(_)) => Ok(text),
            (Function::String, Value::Int(value)) => Ok(Value::Text(value.to_string().into())),
            (Function::String, Value::Uint(value)) => Ok(Value::Text(value.to_string().into())),
            (Function::String, Value::Bool(value)) => Ok(Value::Text(value.to_string().into())),
            (Function::String, Value::Time(time)) => Ok(Value::Text(time.to_string().into())),
            (Function::Int, Value::Uint(value)) => {
                i64::try_from(value).map(Value::Int).map_err(|_| Fault::Overflow)
            }
            (Function::Int, Value::Text(text)) => text.parse().map(Value::Int).map_err(|_| Fault::WrongKind),
            (Function::Int, Value::Time(time)) => {
                i64::try_from(time.as_seconds()).map(Value::Int).map_err(|_| Fault::Overflow)
            }
            (Function::Double, Value::Int(value)) => json_double(&Json::from(value)),
            (Function::Double, Value::Uint(value)) => json_double(&Json::from(value)),
            (Function::Double, Value::Text(text)) => {
                let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
                let value: Option<f64> = text.parse().ok().filter(|value: &f64| plain && value.is_finite());
                value.map(Value::Double).ok_or(Fault::WrongKind)
            }
            (Function::Timestamp, Value::Text(text)) => {
                Timestamp::parse_rfc3339(&text).map(Value::Time).map_err(|_| Fault::WrongKind)
            }
            (Function::Duration, Value::Text(text)) => span(&text).map(Value::Span).ok_or(Fault::WrongKind),
            _ => Err(Fault::WrongKind),
        }
    }
}

fn json_double<'e>(number: &Json) -> Result<Value<'e>, Fault> {
    number.as_f64().map(Value::Double).ok_or(Fault::Overflow)
}

type Whole<T> = [fn(T, T) -> Option<T>; 5];

const INT: Whole<i64> =
    [i64::checked_add, i64::checked_sub, i64::checked_mul, i64::checked_div, i64::checked_rem];
const UINT: Whole<u64> =
    [u64::checked_add, u64::checked_sub, u64::checked_mul, u64::checked_div, u64::checked_rem];

fn whole<T>(
    operator: Operator,
    a: T,
    b: T,
    [add, subtract, multiply, divide, remainder]: Whole<T>,
) -> Option<T> {
    match operator {
        Operator::Add => add(a, b),
        Operator::Subtract => subtract(a, b),
        Operator::Multiply => multiply(a, b),
        Operator::Divide => divide(a, b),
        Operator::Remainder => remainder(a, b),
        _ => None,
    }
}

/// Doubles have no remainder. One that is not finite would compare as nobody expects.
fn double(operator: Operator, a: f64, b: f64) -> Result<f64, Fault> {
    let value = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => return Err(Fault::WrongKind),
    };
    if value.is_finite() { Ok(value) } else { Err(Fault::Overflow) }
}

fn time<'e>(operator: Operator, a: &Value<'e>, b: &Value<'e>) -> Result<Value<'e>, Fault> {
    let moved = |time: &Timestamp, span: i64| {
        let micros = time.as_micros().checked_add(span).ok_or(Fault::Overflow)?;
        Timestamp::from_micros(micros).map(Value::Time).map_err(|_| Fault::Overflow)
    };
    match (operator, a, b) {
        (Operator::Subtract, Value::Time(a), Value::Time(b)) => {
            Ok(Value::Span(a.as_micros() - b.as_micros()))
        }
        (Operator::Add, Value::Time(time), Value::Span(span))
        | (Operator::Add, Value::Span(span), Value::Time(time)) => moved(time, *span),
        (Operator::Subtract, Value::Time(time), Value::Span(span)) => {
            moved(time, span.checked_neg().ok_or(Fault::Overflow)?)
        }
        (Operator::Add, Value::Span(a), Value::Span(b)) => {
            a.checked_add(*b).map(Value::Span).ok_or(Fault::Overflow)
        }
        (Operator::Subtract, Value::Span(a), Value::Span(b)) => {
            a.checked_sub(*b).map(Value::Span).ok_or(Fault::Overflow)
        }
        _ => Err(Fault::WrongKind),
    }
}

/// Reads CEL's spans: whole numbers, each with `h`, `m`, `s` or `ms`, and a `-` before them; `d` is 24 hours.
fn span(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total = 0_i64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let unit = rest.get(digits..)?;
        let length = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
        let micros = match unit.get(..length)? {
            "d" => 86_400_000_000,
            "h" => 3_600_000_000,
            "m" => 60_000_000,
            "s" => 1_000_000,
            "ms" => 1000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(micros)?)?;
        rest = unit.get(length..)?;
    }
    Some(sign * total)
}
