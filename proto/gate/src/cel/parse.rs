//! From words to a tree, by CEL's grammar (google/cel-spec `doc/langdef.md`, "Syntax").

use super::check::CelError;
use super::function::Function;
use super::lex::{Kind, Token};
use super::{DEPTH_MAX, NODES_MAX};

/// A node of an expression, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) expression: Form,
    pub(super) at: usize,
}

/// What a node says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    And(Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Bool(bool),
    Call(Function, Vec<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Double(f64),
    Field(Box<Node>, String),
    /// `has(a.b)`.
    Has(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Int(i64),
    List(Vec<Node>),
    Loop {
        kind: LoopKind,
        range: Box<Node>,
        variable: String,
        body: Box<Node>,
    },
    Name(String),
    Negate(Box<Node>),
    Not(Box<Node>),
    Null,
    Or(Box<Node>, Box<Node>),
    Text(String),
    Uint(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Divide,
    Equal,
    In,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Multiply,
    NotEqual,
    Remainder,
    Subtract,
}

/// The macros that end with a yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
}

const RELATIONS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::MoreOrEqual),
    ("<", Operator::Less),
    (">", Operator::More),
];
const SUMS: [(&str, Operator); 2] = [("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCTS: [(&str, Operator); 3] =
    [("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)];

/// Reads a whole expression; `end` is the length of its text.
pub(super) fn parse(tokens: &[Token], end: usize) -> Result<Node, CelError> {
    let mut parser = Parser { tokens, next: 0, end, nodes: 0, depth: 0 };
    let node = parser.expression()?;
    if parser.next < tokens.len() { Err(parser.unexpected("the end")) } else { Ok(node) }
}

struct Parser<'a> {
    tokens: &'a [Token],
    next: usize,
    end: usize,
    nodes: usize,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Node, CelError> {
        self.deeper(|parser| {
            let at = parser.at();
            let condition = parser.either()?;
            if !parser.take("?") {
                return Ok(condition);
            }
            let yes = parser.either()?;
            parser.must(":")?;
            let no = parser.expression()?;
            parser.node(at, Form::Conditional(Box::new(condition), Box::new(yes), Box::new(no)))
        })
    }

    fn either(&mut self) -> Result<Node, CelError> {
        self.chain(Self::both, "||", Form::Or)
    }

    fn both(&mut self) -> Result<Node, CelError> {
        self.chain(Self::relation, "&&", Form::And)
    }

    fn relation(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        let mut left = self.binary(&SUMS, |parser| parser.binary(&PRODUCTS, Self::unary))?;
        while let Some(operator) = self.relation_sign() {
            let right = self.binary(&SUMS, |parser| parser.binary(&PRODUCTS, Self::unary))?;
            left = self.node(at, Form::Binary(operator, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn relation_sign(&mut self) -> Option<Operator> {
        if self.peek() == Some(&Kind::Name("in".to_owned())) {
            self.next += 1;
            return Some(Operator::In);
        }
        RELATIONS.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, operator)| operator)
    }

    fn binary(
        &mut self,
        signs: &[(&str, Operator)],
        part: fn(&mut Self) -> Result<Node, CelError>,
    ) -> Result<Node, CelError> {
        let at = self.at();
        let mut left = part(self)?;
        while let Some((_, operator)) = signs.iter().find(|(sign, _)| self.take(sign)) {
            let right = part(self)?;
            left = self.node(at, Form::Binary(*operator, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn chain(
        &mut self,
        part: fn(&mut Self) -> Result<Node, CelError>,
        sign: &str,
        join: fn(Box<Node>, Box<Node>) -> Form,
    ) -> Result<Node, CelError> {
        let at = self.at();
        let mut left = part(self)?;
        while self.take(sign) {
            let right = part(self)?;
            left = self.node(at, join(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        if self.take("!") {
            let inner = self.deeper(Self::unary)?;
            return self.node(at, Form::Not(Box::new(inner)));
        }
        if !self.take("-") {
            return self.member();
        }
        // The least number has no positive: its digits are read with their sign.
        if let Some(Kind::Int(value)) = self.peek()
            && *value == i64::MIN.unsigned_abs()
        {
            self.next += 1;
            return self.node(at, Form::Int(i64::MIN));
        }
        let inner = self.deeper(Self::unary)?;
        self.node(at, Form::Negate(Box::new(inner)))
    }

    fn member(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        let mut node = self.primary()?;
        loop {
            if self.take("[") {
                let index = self.expression()?;
                self.must("]")?;
                node = self.node(at, Form::Index(Box::new(node), Box::new(index)))?;
            } else if self.take(".") {
                let name_at = self.at();
                let name = self.name()?;
                node = if self.take("(") {
                    self.method(node, name, name_at)?
                } else {
                    self.node(at, Form::Field(Box::new(node), name))?
                };
            } else {
                return Ok(node);
            }
        }
    }

    fn method(&mut self, of: Node, name: String, at: usize) -> Result<Node, CelError> {
        let kind = match name.as_str() {
            "all" => Some(LoopKind::All),
            "exists" => Some(LoopKind::Exists),
            "exists_one" => Some(LoopKind::ExistsOne),
            "map" | "filter" => return Err(CelError::Macro { at, found: name }),
            _ => None,
        };
        if let Some(kind) = kind {
            let variable = self.name()?;
            self.must(",")?;
            let body = Box::new(self.expression()?);
            self.must(")")?;
            return self.node(at, Form::Loop { kind, range: Box::new(of), variable, body });
        }
        let mut arguments = vec![of];
        arguments.extend(self.list(")")?);
        let function =
            Function::method(&name, arguments.len() - 1).ok_or(CelError::Function { at, found: name })?;
        self.node(at, Form::Call(function, arguments))
    }

    fn primary(&mut self) -> Result<Node, CelError> {
        let at = self.at();
        if self.take("(") {
            let inner = self.expression()?;
            self.must(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            let elements = self.list("]")?;
            return self.node(at, Form::List(elements));
        }
        let Some(kind) = self.peek().cloned() else { return Err(self.unexpected("an expression")) };
        let form = match kind {
            Kind::Double(value) => Form::Double(value),
            Kind::Uint(value) => Form::Uint(value),
            Kind::Text(text) => Form::Text(text),
            Kind::Int(value) => Form::Int(i64::try_from(value).map_err(|_| CelError::Number { at })?),
            Kind::Name(name) => {
                self.next += 1;
                return self.named(name, at);
            }
            Kind::Sign(_) => return Err(self.unexpected("an expression")),
        };
        self.next += 1;
        self.node(at, form)
    }

    fn named(&mut self, name: String, at: usize) -> Result<Node, CelError> {
        if !self.take("(") {
            return match name.as_str() {
                "true" => self.node(at, Form::Bool(true)),
                "false" => self.node(at, Form::Bool(false)),
                "null" => self.node(at, Form::Null),
                "in" => Err(CelError::Unexpected { at, expected: "an expression", found: name }),
                _ => self.node(at, Form::Name(name)),
            };
        }
        let mut arguments = self.list(")")?;
        if name == "has" {
            return match (arguments.pop(), arguments.is_empty()) {
                (Some(Node { expression: Form::Field(of, field), .. }), true) => {
                    self.node(at, Form::Has(of, field))
                }
                _ => Err(CelError::Has { at }),
            };
        }
        let function =
            Function::global(&name, arguments.len()).ok_or(CelError::Function { at, found: name })?;
        self.node(at, Form::Call(function, arguments))
    }

    /// Reads expressions up to the bracket. A list may end in a comma; arguments must not.
    fn list(&mut self, bracket: &'static str) -> Result<Vec<Node>, CelError> {
        let mut elements = Vec::new();
        while !self.take(bracket) {
            if !elements.is_empty() {
                self.must(",")?;
                if bracket == "]" && self.take(bracket) {
                    break;
                }
            }
            elements.push(self.expression()?);
        }
        Ok(elements)
    }

    fn name(&mut self) -> Result<String, CelError> {
        match self.peek().cloned() {
            Some(Kind::Name(name)) if !["in", "true", "false", "null"].contains(&name.as_str()) => {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn node(&mut self, at: usize, expression: Form) -> Result<Node, CelError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(CelError::TooManyNodes { at }) } else { Ok(Node { expression, at }) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, CelError>) -> Result<T, CelError> {
        if self.depth == DEPTH_MAX {
            return Err(CelError::TooDeep { at: self.at() });
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Kind::Sign(found)) if *found == sign);
        self.next += usize::from(found);
        found
    }

    fn must(&mut self, sign: &'static str) -> Result<(), CelError> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(sign)) }
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |token| token.at)
    }

    fn unexpected(&self, expected: &'static str) -> CelError {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(Kind::Sign(sign)) => (*sign).to_owned(),
            Some(Kind::Name(name)) => name.clone(),
            Some(Kind::Text(_)) => "a text".to_owned(),
            Some(Kind::Double(_) | Kind::Int(_) | Kind::Uint(_)) => "a number".to_owned(),
        };
        CelError::Unexpected { at: self.at(), expected, found }
    }
}
