//! Reports that every CI system shows: `JUnit` XML, as far as they agree on it.

use std::fmt::Write as _;

/// Cases that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    /// What they are about.
    pub(crate) name: String,
    /// The cases.
    pub(crate) cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    /// How it ended.
    pub(crate) result: Result,
    /// What it said besides; may be empty.
    pub(crate) said: String,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Result {
    /// It could not be found out.
    Error { message: String },
    /// No.
    Failed { message: String },
    /// Yes.
    Passed,
    /// It was left out.
    Skipped { message: String },
}

/// Returns the document.
pub(crate) fn document(suites: &[Suite]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for suite in suites {
        let count = |is: fn(&Result) -> bool| suite.cases.iter().filter(|case| is(&case.result)).count();
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
            escape(&suite.name),
            suite.cases.len(),
            count(|result| matches!(result, Result::Failed { .. })),
            count(|result| matches!(result, Result::Error { .. })),
            count(|result| matches!(result, Result::Skipped { .. })),
        );
        for case in &suite.cases {
            xml.push_str(&lines(&suite.name, case));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn lines(suite: &str, case: &Case) -> String {
    let (suite, name) = (escape(suite), escape(&case.name));
    let inner = match &case.result {
        Result::Error { message } => format!("      <error message=\"{}\"/>\n", escape(message)),
        Result::Failed { message } => format!("      <failure message=\"{}\"/>\n", escape(message)),
        Result::Passed => String::new(),
        Result::Skipped { message } => format!("      <skipped message=\"{}\"/>\n", escape(message)),
    };
    let said = match case.said.as_str() {
        "" => String::new(),
        said => format!("      <system-out>{}</system-out>\n", escape(said)),
    };
    format!("    <testcase classname=\"{suite}\" name=\"{name}\">\n{inner}{said}    </testcase>\n")
}

/// Text as it stands in XML 1.0: what it has no character for is shown, and nothing ends a value.
fn escape(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' => xml.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                // Writing to a string cannot fail.
                let _ = write!(xml, "{}", c.escape_unicode());
            }
            c => xml.push(c),
        }
    }
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_says_ends_no_value_and_no_element() {
        let hostile = "</failure><x a=\"'\u{1b}\u{0}\n]]>&";
        let case = |result| Case { name: hostile.to_owned(), result, said: hostile.to_owned() };
        let cases = vec![
            case(Result::Failed { message: hostile.to_owned() }),
            case(Result::Error { message: hostile.to_owned() }),
            case(Result::Skipped { message: hostile.to_owned() }),
            case(Result::Passed),
        ];
        let xml = document(&[Suite { name: hostile.to_owned(), cases }]);
        assert!(!xml.contains("<x") && !xml.contains("]]>") && !xml.contains('\u{1b}'), "{xml}");
        assert_eq!(xml.matches('<').count(), xml.matches('>').count());
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""), "{xml}");
    }
}
