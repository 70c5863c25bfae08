//! Answers as graphs, in the languages of Graphviz (`-o dot`) and Mermaid (`-o mermaid`).
//!
//! Every text in them is from statements, so it could hold anything: it is quoted by the rules of the language, and what steers a
//! terminal is escaped as in every other output. The graph itself is written one line an element, in an order that is the same for the
//! same answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use custody_evidence::fact::{Node, NodeKind};

use super::entry_view::short;
use super::output::{Format, escape_line};

/// The most characters of an id in a label; `-o json` has all.
const LABEL_MAX: usize = 60;

/// A graph that is to be drawn.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: BTreeMap<Node, Shown>,
    edges: Vec<Line>,
}

/// How a node is shown.
#[derive(Debug, Default)]
struct Shown {
    label: String,
    /// What else is known of it, a line each: where it is live.
    notes: Vec<String>,
    /// Whether it is what was asked about.
    asked: bool,
}

/// An edge: what its entry says, and whether that counts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    from: Node,
    to: Node,
    label: String,
    /// Whether it is no evidence: distrusted, contradicted, erased.
    doubtful: bool,
}

impl Graph {
    /// Adds what was asked about.
    pub(super) fn asked(&mut self, node: &Node) {
        self.nodes.entry(node.clone()).or_default().asked = true;
    }

    /// Names a node for people.
    pub(super) fn label(&mut self, node: &Node, label: &str) {
        if !label.is_empty() {
            label.clone_into(&mut self.nodes.entry(node.clone()).or_default().label);
        }
    }

    /// Adds a line below the name of a node.
    pub(super) fn note(&mut self, node: &Node, line: String) {
        self.nodes.entry(node.clone()).or_default().notes.push(line);
    }

    /// Adds an edge, with what stands beside it.
    pub(super) fn edge(&mut self, from: &Node, to: &Node, label: String, doubtful: bool) {
        for node in [from, to] {
            self.nodes.entry(node.clone()).or_default();
        }
        let line = Line { from: from.clone(), to: to.clone(), label, doubtful };
        if !self.edges.contains(&line) {
            self.edges.push(line);
        }
    }

    /// Returns the text of the graph; none if the format draws none.
    pub(super) fn draw(&mut self, format: Format) -> Option<String> {
        self.edges.sort();
        match format {
            Format::Dot => Some(self.dot()),
            Format::Mermaid => Some(self.mermaid()),
            Format::Text | Format::Json | Format::Markdown | Format::Junit | Format::Github => None,
        }
    }

    fn dot(&self) -> String {
        let mut out = String::from("digraph custody {\n  rankdir=LR;\n  node [shape=box];\n");
        let ids = self.ids();
        for (node, shown) in &self.nodes {
            let text = lines(node, shown).iter().map(|line| in_dot(line)).collect::<Vec<_>>().join("\\n");
            let style = if shown.asked { ", style=bold" } else { "" };
            let shape = match node.kind() {
                NodeKind::Artifact => "",
                _ => ", shape=ellipse",
            };
            let _ = writeln!(out, "  {} [label=\"{text}\"{shape}{style}];", id(&ids, node));
        }
        for line in &self.edges {
            let style = if line.doubtful { ", style=dashed" } else { "" };
            let (from, to) = (id(&ids, &line.from), id(&ids, &line.to));
            let _ =
                writeln!(out, "  {from} -> {to} [label=\"{}\"{style}];", in_dot(&escape_line(&line.label)));
        }
        out.push_str("}\n");
        out
    }

    fn mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        let ids = self.ids();
        for (node, shown) in &self.nodes {
            let text =
                lines(node, shown).iter().map(|line| in_mermaid(line)).collect::<Vec<_>>().join("<br/>");
            let (open, close) = if node.kind() == NodeKind::Artifact { ("[", "]") } else { ("([", "])") };
            let class = if shown.asked { ":::asked" } else { "" };
            let _ = writeln!(out, "  {}{open}\"{text}\"{close}{class}", id(&ids, node));
        }
        for line in &self.edges {
            let arrow = if line.doubtful { "-.->" } else { "-->" };
            let (from, to) = (id(&ids, &line.from), id(&ids, &line.to));
            let _ = writeln!(out, "  {from} {arrow}|\"{}\"| {to}", in_mermaid(&escape_line(&line.label)));
        }
        out.push_str("  classDef asked stroke-width:3px\n");
        out
    }

    fn ids(&self) -> BTreeMap<&Node, usize> {
        self.nodes.keys().enumerate().map(|(place, node)| (node, place)).collect()
    }
}

/// Names that no text of a statement can be.
fn id(ids: &BTreeMap<&Node, usize>, node: &Node) -> String {
    format!("n{}", ids.get(node).copied().unwrap_or_default())
}

/// The lines of a node: its kind and label, its id, and what else is known of it.
fn lines(node: &Node, shown: &Shown) -> Vec<String> {
    let first = format!("{} {}", node.kind(), shown.label);
    let notes = shown.notes.iter().map(|note| escape_line(note));
    [escape_line(first.trim_end()), escape_line(&short(node.id(), LABEL_MAX))]
        .into_iter()
        .chain(notes)
        .collect()
}

/// In a quoted string of DOT a backslash and a quotation mark are escaped (Graphviz, "The DOT Language").
fn in_dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// In a quoted text of Mermaid there is no quotation mark and no markup: characters that could be either are written as entities. Nor is
/// there a directive, which it looks for in all of the text (`%%{init: ..}%%`), nor a formula (`$$`).
fn in_mermaid(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | '`' | ';' | '\\' | '|' | '%' | '{' | '}' | '$' => {
                let _ = write!(safe, "#{};", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        let artifact = Node::named(NodeKind::Artifact, "sha256:00").unwrap();
        let text = "https://ci.test/1\"];\u{202e}<script>%%{init: {'x':1}}%%$$x$$";
        let run = Node::named(NodeKind::Run, text).unwrap();
        let mut graph = Graph::default();
        graph.asked(&run);
        graph.label(&artifact, "app \\\" --> x\n%%{init: {'theme':'dark'}}%%");
        graph.note(&artifact, "a\nb \\N \u{1b}[31m".to_owned());
        graph.note(&artifact, "LIVE prod".to_owned());
        graph.edge(&artifact, &run, "built-by 7".to_owned(), false);
        graph.edge(&artifact, &run, "built-by 7".to_owned(), false);
        graph.edge(&artifact, &run, "built-by 9".to_owned(), true);
        graph
    }

    #[test]
    fn a_graph_is_drawn_the_same_each_time_and_edges_once() {
        let dot = graph().draw(Format::Dot).unwrap();
        assert_eq!(dot, graph().draw(Format::Dot).unwrap());
        assert_eq!(dot.matches(" -> ").count(), 2, "{dot}");
        assert!(
            dot.contains("style=dashed") && dot.contains("style=bold") && dot.contains("LIVE prod"),
            "{dot}"
        );
        let mermaid = graph().draw(Format::Mermaid).unwrap();
        assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("-.->|"), "{mermaid}");
        assert_eq!((graph().draw(Format::Json), graph().draw(Format::Text)), (None, None));
    }

    #[test]
    fn no_text_of_a_statement_ends_its_quotes_or_steers_a_terminal() {
        let dot = graph().draw(Format::Dot).unwrap();
        for line in dot.lines().filter(|line| line.contains("label=")) {
            let mut open = false;
            let mut letters = line.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' if open => drop(letters.next()),
                    '"' => open = !open,
                    '<' | '>' if !open => assert!(line.contains(" -> "), "{line}"),
                    _ => {}
                }
            }
            assert!(!open && line.ends_with("];"), "{line}");
        }
        let mermaid = graph().draw(Format::Mermaid).unwrap();
        assert!(!mermaid.contains("<script>") && !dot.contains('\u{202e}') && !mermaid.contains('\u{202e}'));
        assert!(
            !mermaid.contains("%%") && !mermaid.contains("$$") && !mermaid.contains("init: {"),
            "{mermaid}"
        );
        for text in [&dot, &mermaid] {
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
        }
        // A line for each node and edge, and nothing that a text put between them.
        assert_eq!(mermaid.lines().count(), 1 + 2 + 2 + 1, "{mermaid}");
        assert_eq!(dot.lines().count(), 3 + 2 + 2 + 1, "{dot}");
        for line in mermaid.lines() {
            assert!(line.matches('"').count() % 2 == 0 && line.matches('"').count() <= 2, "{line}");
        }
    }
}
