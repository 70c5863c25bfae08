//! What an expression may do: the tree is gone through once, before it is ever evaluated.

use std::collections::BTreeSet;

use custody_evidence::predicate::short_name::{SHORT_NAMES, types_of};
use custody_evidence::version::PurlRange;

use super::function::Function;
use super::parse::{Form, Node};
use super::{DEPTH_MAX, NODES_MAX, TEXT_MAX};
use crate::policy::error::cut;

/// The variables that there are.
pub(super) const VARIABLES: [&str; 7] = ["subject", "att", "atts", "verified", "claimed", "env", "now"];

/// Why an expression is not read. Places are bytes of its text, from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CelError {
    /// Longer than [`TEXT_MAX`].
    #[error("an expression is at most {TEXT_MAX} bytes, found {found}")]
    TooLong {
        /// The length.
        found: usize,
    },
    /// More than [`NODES_MAX`] nodes.
    #[error("an expression has at most {NODES_MAX} nodes; there are more at byte {at}")]
    TooManyNodes {
        /// Where.
        at: usize,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("an expression is nested at most {DEPTH_MAX} deep; it is deeper at byte {at}")]
    TooDeep {
        /// Where.
        at: usize,
    },
    /// Something else than may stand there.
    #[error("expected {expected} at byte {at}, found {}", cut(.found))]
    Unexpected {
        /// Where.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A number that is malformed or too large.
    #[error("a number at byte {at} that is malformed, or too large")]
    Number {
        /// Where.
        at: usize,
    },
    /// A string without an end on its line.
    #[error("the string at byte {at} does not end on its line")]
    OpenString {
        /// Where.
        at: usize,
    },
    /// An escape that stands for no character.
    #[error("the escape at byte {at} stands for no character")]
    Escape {
        /// Where.
        at: usize,
    },
    /// A variable that there is not.
    #[error("there is no variable {} (byte {at}); there are subject, att, atts, verified, claimed, env and now", cut(.found))]
    Variable {
        /// Where.
        at: usize,
        /// Its name.
        found: String,
    },
    /// A parameter that the policy does not declare.
    #[error("the policy declares no parameter {} (byte {at})", cut(.found))]
    Parameter {
        /// Where.
        at: usize,
        /// Its name.
        found: String,
    },
    /// `env` that is used otherwise than by `env.name`.
    #[error("env at byte {at} is used as env.name only")]
    Env {
        /// Where.
        at: usize,
    },
    /// A function that there is not, or with another number of arguments.
    #[error("there is no function {} with so many arguments (byte {at})", cut(.found))]
    Function {
        /// Where.
        at: usize,
        /// Its name.
        found: String,
    },
    /// `map` or `filter`.
    #[error(
        "{found} at byte {at} makes a list that something else goes through: use all, exists or exists_one"
    )]
    Macro {
        /// Where.
        at: usize,
        /// Its name.
        found: String,
    },
    /// A loop in another one.
    #[error("the loop at byte {at} is inside another one: it would take the square of the time")]
    Nested {
        /// Where.
        at: usize,
    },
    /// A list inside a loop's body that is gone through for each element.
    #[error(
        "the operator in at byte {at} goes through data in each turn of a loop: list the values, or ask it outside"
    )]
    InsideLoop {
        /// Where.
        at: usize,
    },
    /// A loop variable with the name of a variable.
    #[error("the loop at byte {at} calls its element {found}, which is a variable already")]
    Shadowed {
        /// Where.
        at: usize,
        /// The name.
        found: String,
    },
    /// `has` of something else than a field.
    #[error("has at byte {at} asks for a field, such as has(att.predicate.scanner)")]
    Has {
        /// Where.
        at: usize,
    },
    /// A type that is neither a short name nor a URI.
    #[error("the function at byte {at} takes the short name of a predicate or its URI, as text{}", nearest_of(.nearest.as_deref()))]
    Predicate {
        /// Where.
        at: usize,
        /// The short name that is most like it.
        nearest: Option<String>,
    },
    /// A range that is none.
    #[error(
        "purl_matches at byte {at} takes a range as text, such as 'pkg:npm/axios@<1.15', in an order that is known"
    )]
    Range {
        /// Where.
        at: usize,
    },
}

/// Checks a tree over a policy with these parameters.
pub(super) fn check(root: &Node, parameters: &BTreeSet<&str>) -> Result<(), CelError> {
    Checker { parameters }.node(root, None)
}

struct Checker<'a> {
    parameters: &'a BTreeSet<&'a str>,
}

impl Checker<'_> {
    /// `element` is the name of the element inside a loop's body.
    fn node(&self, node: &Node, element: Option<&str>) -> Result<(), CelError> {
        let at = node.at;
        match &node.expression {
            Form::Name(name) if name == "env" => Err(CelError::Env { at }),
            Form::Name(name) if VARIABLES.contains(&name.as_str()) || element == Some(name.as_str()) => {
                Ok(())
            }
            Form::Name(name) => Err(CelError::Variable { at, found: name.clone() }),
            Form::Field(of, field) | Form::Has(of, field) if is_env(of) => {
                if self.parameters.contains(field.as_str()) {
                    return Ok(());
                }
                Err(CelError::Parameter { at, found: field.clone() })
            }
            Form::Loop { .. } if element.is_some() => Err(CelError::Nested { at }),
            Form::Loop { range, variable, body, .. } => {
                if has_loop(range) {
                    return Err(CelError::Nested { at: range.at });
                }
                if VARIABLES.contains(&variable.as_str()) {
                    return Err(CelError::Shadowed { at, found: variable.clone() });
                }
                self.node(range, None)?;
                self.node(body, Some(variable))
            }
            Form::Call(function, arguments) => {
                literal_arguments(*function, arguments, at)?;
                // Looking for a type goes through all attestations.
                if element.is_some() && matches!(function, Function::Of | Function::Latest) {
                    return Err(CelError::InsideLoop { at });
                }
                arguments.iter().try_for_each(|argument| self.node(argument, element))
            }
            Form::Binary(super::parse::Operator::In, left, right) => {
                // A list of the expression, a parameter, or data of the element: as long as what is there anyway.
                if let Some(element) = element
                    && !stays_small(right, element)
                {
                    return Err(CelError::InsideLoop { at });
                }
                self.node(left, element)?;
                self.node(right, element)
            }
            _ => children(node).into_iter().try_for_each(|child| self.node(child, element)),
        }
    }
}

fn is_env(node: &Node) -> bool {
    matches!(&node.expression, Form::Name(name) if name == "env")
}

fn has_loop(node: &Node) -> bool {
    matches!(node.expression, Form::Loop { .. }) || children(node).into_iter().any(has_loop)
}

/// Whether a list is written out, a parameter, or a part of the loop's element.
fn stays_small(node: &Node, element: &str) -> bool {
    match &node.expression {
        Form::List(_) => true,
        Form::Name(name) => name == element || name == "env",
        Form::Field(of, _) | Form::Index(of, _) => stays_small(of, element),
        _ => false,
    }
}

/// The range and the type are read when the policy is: they are texts of the expression.
fn literal_arguments(function: Function, arguments: &[Node], at: usize) -> Result<(), CelError> {
    let literal = match arguments.last().map(|last| &last.expression) {
        Some(Form::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match function {
        Function::Of | Function::Latest
            if literal.is_none_or(|name| types_of(name).is_none() && !name.contains(':')) =>
        {
            let known = SHORT_NAMES.iter().map(|(known, _)| *known);
            let nearest = literal.and_then(|name| crate::policy::nearest_name(name, known));
            Err(CelError::Predicate { at, nearest })
        }
        Function::PurlMatches => {
            let range = literal.and_then(|text| text.parse::<PurlRange>().ok());
            let usable = range.is_some_and(|range| range.has_order() || !range.needs_order());
            if usable { Ok(()) } else { Err(CelError::Range { at }) }
        }
        _ => Ok(()),
    }
}

/// Returns the nodes right below a node.
pub(super) fn children(node: &Node) -> Vec<&Node> {
    match &node.expression {
        Form::And(a, b) | Form::Or(a, b) | Form::Binary(_, a, b) | Form::Index(a, b) => vec![a, b],
        Form::Loop { range, body, .. } => vec![range, body],
        Form::Conditional(a, b, c) => vec![a, b, c],
        Form::Call(_, nodes) | Form::List(nodes) => nodes.iter().collect(),
        Form::Field(of, _) | Form::Has(of, _) | Form::Negate(of) | Form::Not(of) => vec![of],
        Form::Bool(_)
        | Form::Double(_)
        | Form::Int(_)
        | Form::Name(_)
        | Form::Null
        | Form::Text(_)
        | Form::Uint(_) => Vec::new(),
    }
}

fn nearest_of(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}
