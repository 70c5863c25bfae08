//! `JUnit` XML: which tests passed and failed, and how many were skipped.
//!
//! There is no one specification. Read is what the producers have in common: `testsuites` and `testsuite`, nested or not,
//! `testcase`, and in it `failure`, `error` and `skipped`. A document type is refused, and with it every entity beyond the
//! five of XML: entities make small files large, and read others.

use std::str;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::digest_set::Digest;

/// How deep elements may be nested; the outermost is level 1.
pub const DEPTH_MAX: usize = 64;
/// The most attributes of an element: no producer writes more than ten.
pub const ATTRIBUTES_MAX: usize = 64;
/// The most tests of a document. Their names, of [`NAME_MAX`] characters, are 120 MB at worst; usual ones of 60 are 8 MB.
pub const TESTS_MAX: usize = 100_000;
/// The longest name that is kept, in characters.
pub const NAME_MAX: usize = 300;

/// What came of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// The digest of the document's bytes.
    pub document: Digest,
    /// How many tests passed.
    pub passed: u64,
    /// How many failed, or could not be run because of an error. Failures that a suite counts but does not list are among
    /// them.
    pub failed: u64,
    /// How many were not run.
    pub skipped: u64,
    /// The names of those that passed, with their classes: `api.Login.takes_a_password`. Each has at most [`NAME_MAX`]
    /// characters, without control characters.
    pub passed_names: Vec<String>,
    /// The same of those that failed. Failures that a suite does not list have one name together.
    pub failed_names: Vec<String>,
}

/// Why a document was not read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at line {line}")]
pub struct JunitError {
    /// What is wrong.
    pub fault: JunitFault,
    /// 1-based.
    pub line: usize,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JunitFault {
    /// Attributes that are not XML, that come twice, or that hold an entity which is not one of the five of XML.
    #[error("attributes that are not read: twice the same, or an entity")]
    Attributes,
    /// Elements deeper than [`DEPTH_MAX`].
    #[error("elements more than {DEPTH_MAX} deep")]
    Depth,
    /// A document type.
    #[error("a document type (<!DOCTYPE>), which is refused")]
    DocumentType,
    /// An entity that is not one of the five of XML.
    #[error("an entity that is not one of XML's own")]
    Entity,
    /// A number of failures or errors that is none.
    #[error("{attribute}={found:?} is no number")]
    Number {
        /// The attribute.
        attribute: &'static str,
        /// Its value, cut to 80 characters.
        found: String,
    },
    /// Neither `testsuites` nor `testsuite`, or a second one.
    #[error("expected one testsuites or testsuite, found {found:?}")]
    Root {
        /// The name of the element, cut to 80 characters; empty if there is none.
        found: String,
    },
    /// More than [`TESTS_MAX`] tests.
    #[error("more than {TESTS_MAX} tests")]
    TooManyTests,
    /// More than [`ATTRIBUTES_MAX`] attributes.
    #[error("an element with more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
    /// Not closed.
    #[error("the end, with elements that are not closed")]
    Truncated,
    /// Not UTF-8.
    #[error("a byte that is not UTF-8")]
    Utf8,
    /// Not XML.
    #[error("text that is no XML")]
    Xml,
}

/// Reads the bytes of a document.
pub fn read(bytes: &[u8]) -> Result<TestReport, JunitError> {
    let line_at = |position: usize| 1 + bytes.iter().take(position).filter(|byte| **byte == b'\n').count();
    let text = str::from_utf8(bytes)
        .map_err(|error| JunitError { fault: JunitFault::Utf8, line: line_at(error.valid_up_to()) })?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk::new(bytes);
    loop {
        let done = reader.read_event().map_err(|_| JunitFault::Xml).and_then(|event| walk.event(&event));
        match done {
            Ok(false) => {}
            Ok(true) => return Ok(walk.report),
            Err(fault) => {
                let position = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                return Err(JunitError { fault, line: line_at(position) });
            }
        }
    }
}

/// The elements that are open, and what was counted.
struct Walk {
    open: Vec<Element>,
    seen_root: bool,
    report: TestReport,
}

enum Element {
    /// Suites together are counted like one: their failures may be told nowhere else.
    Suites(Counted),
    Suite(Counted),
    Case {
        name: String,
        failed: bool,
        skipped: bool,
    },
    Other,
}

/// A suite, or several together.
struct Counted {
    name: String,
    /// What it counts itself; none if it does not.
    declared: Option<u64>,
    /// The failures and errors that stand in it.
    listed: u64,
}

impl Walk {
    fn new(bytes: &[u8]) -> Self {
        let report = TestReport {
            document: Digest::sha256_of(bytes),
            passed: 0,
            failed: 0,
            skipped: 0,
            passed_names: Vec::new(),
            failed_names: Vec::new(),
        };
        Self { open: Vec::new(), seen_root: false, report }
    }

    /// Takes the next piece; true at the end.
    fn event(&mut self, event: &Event<'_>) -> Result<bool, JunitFault> {
        match event {
            Event::Start(element) => self.start(element)?,
            Event::End(_) => self.end()?,
            Event::DocType(_) => return Err(JunitFault::DocumentType),
            Event::GeneralRef(reference) => {
                let name = reference.xml10_content();
                if !reference.is_char_ref() && !["lt", "gt", "amp", "apos", "quot"].contains(&&*name) {
                    return Err(JunitFault::Entity);
                }
            }
            Event::Text(text) if self.open.is_empty() && !text.xml10_content().trim().is_empty() => {
                return Err(JunitFault::Xml);
            }
            Event::Eof if !self.open.is_empty() => return Err(JunitFault::Truncated),
            Event::Eof if !self.seen_root => return Err(JunitFault::Root { found: String::new() }),
            Event::Eof => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), JunitFault> {
        if self.open.len() == DEPTH_MAX {
            return Err(JunitFault::Depth);
        }
        let local = element.local_name();
        let name: &str = local.as_ref();
        let attributes = Attributes::read(element)?;
        let element = match (name, self.open.last_mut()) {
            ("testsuites", None) if !self.seen_root => Element::Suites(attributes.counted()?),
            ("testsuite", None) if !self.seen_root => Element::Suite(attributes.counted()?),
            (found, None) => return Err(JunitFault::Root { found: found.chars().take(80).collect() }),
            ("testsuite", Some(Element::Suites(_) | Element::Suite(_))) => {
                Element::Suite(attributes.counted()?)
            }
            // Steps of a test stand in it like tests in a suite.
            ("testcase", Some(Element::Suites(_) | Element::Suite(_) | Element::Case { .. })) => {
                attributes.case()
            }
            ("failure" | "error", Some(Element::Case { failed, .. })) => {
                *failed = true;
                self.list(1);
                Element::Other
            }
            ("skipped", Some(Element::Case { skipped, .. })) => {
                *skipped = true;
                Element::Other
            }
            _ => Element::Other,
        };
        self.seen_root = true;
        self.open.push(element);
        Ok(())
    }

    /// Counts failures in every suite around.
    fn list(&mut self, count: u64) {
        for element in &mut self.open {
            if let Element::Suites(around) | Element::Suite(around) = element {
                around.listed = around.listed.saturating_add(count);
            }
        }
    }

    fn end(&mut self) -> Result<(), JunitFault> {
        match self.open.pop() {
            Some(Element::Case { name, failed: true, .. }) => {
                // A test passes only if all its steps do.
                if let Some(Element::Case { failed, .. }) = self.open.last_mut() {
                    *failed = true;
                }
                self.fail(1, name);
            }
            Some(Element::Case { skipped: true, .. }) => self.report.skipped += 1,
            Some(Element::Case { name, .. }) => {
                self.report.passed += 1;
                self.report.passed_names.push(name);
            }
            Some(
                Element::Suites(Counted { name, declared: Some(declared), listed })
                | Element::Suite(Counted { name, declared: Some(declared), listed }),
            ) if declared > listed => {
                // A suite that breaks before its first test has an error and no test case.
                let more = declared - listed;
                self.list(more);
                self.fail(more, format!("{name}: {more} not listed"));
            }
            _ => {}
        }
        let names = self.report.passed_names.len() + self.report.failed_names.len();
        if names > TESTS_MAX { Err(JunitFault::TooManyTests) } else { Ok(()) }
    }

    fn fail(&mut self, count: u64, name: String) {
        self.report.failed = self.report.failed.saturating_add(count);
        self.report.failed_names.push(name);
    }
}

/// The attributes that are read.
#[derive(Default)]
struct Attributes {
    name: String,
    class: String,
    failures: Option<String>,
    errors: Option<String>,
    not_run: bool,
}

impl Attributes {
    fn read(element: &BytesStart<'_>) -> Result<Self, JunitFault> {
        let mut read = Self::default();
        // The library looks for attributes that come twice among all before: with a limit, that is no attack.
        for (at, attribute) in element.attributes().enumerate() {
            if at == ATTRIBUTES_MAX {
                return Err(JunitFault::TooManyAttributes);
            }
            let attribute = attribute.map_err(|_| JunitFault::Attributes)?;
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| JunitFault::Attributes)?;
            match attribute.key.as_ref() {
                "name" => read.name = shown(&value),
                "classname" => read.class = shown(&value),
                "failures" => read.failures = Some(value.into_owned()),
                "errors" => read.errors = Some(value.into_owned()),
                // GoogleTest lists tests that were not run with no element inside.
                "status" => read.not_run |= value == "notrun",
                "result" => read.not_run |= matches!(&*value, "skipped" | "suppressed"),
                _ => {}
            }
        }
        Ok(read)
    }

    fn counted(self) -> Result<Counted, JunitFault> {
        let failures = number("failures", self.failures)?;
        let errors = number("errors", self.errors)?;
        let declared = match (failures, errors) {
            (None, None) => None,
            (failures, errors) => {
                Some(failures.unwrap_or_default().saturating_add(errors.unwrap_or_default()))
            }
        };
        Ok(Counted { name: self.name, declared, listed: 0 })
    }

    fn case(self) -> Element {
        let name =
            if self.class.is_empty() { self.name } else { shown(&format!("{}.{}", self.class, self.name)) };
        Element::Case { name, failed: false, skipped: self.not_run }
    }
}

/// A count; an empty one is none.
fn number(attribute: &'static str, value: Option<String>) -> Result<Option<u64>, JunitFault> {
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else { return Ok(None) };
    let number = value.trim().parse();
    number.map(Some).map_err(|_| JunitFault::Number { attribute, found: value.chars().take(80).collect() })
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
}
