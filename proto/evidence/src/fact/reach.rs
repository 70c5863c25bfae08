//! What came from a thing: which edges lead on from it, and what they lead to.
//!
//! The server follows the edges by these rules; who asked follows them again ([`Reach::of`]), so that nothing can be slipped in that
//! has nothing to do with the thing.
//!
//! A trace reads edges from an artifact back to its source; this reads them the other way: from a commit to what was built from
//! it, from a package to what ships it and to the runs that used it, from a run to all it made, from a base image to what was built on
//! it, and so on without an end. **What is merely shared by what came from it leads nowhere**: the environments where
//! artifacts run, who received them, the names they were published under.
//!
//! Other digests of the thing asked about, and the bytes of a package asked about, are the thing itself ([`Onward::Same`]).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use custody_log::LeafIndex;

use super::{Edge, EdgeKind, Node, NodeKind};

/// What to do with an edge of a node that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// It does not lead on.
    Nowhere,
    /// The other node came from this one, and leads nowhere.
    Leaf,
    /// The other node is this one.
    Same,
    /// The other node came from this one.
    Walk,
}

/// Returns what to do with one edge of `node`, which is `asked` about or came from what is.
#[must_use]
pub fn onward(node: &Node, asked: bool, edge: &Edge) -> Onward {
    if edge.from == *node && edge.to == *node {
        return Onward::Nowhere;
    }
    if edge.from == *node { away(node.kind(), asked, edge) } else { back(node.kind(), asked, edge) }
}

/// Edges that start at what was reached.
const fn away(kind: NodeKind, asked: bool, edge: &Edge) -> Onward {
    match (kind, edge.kind) {
        (NodeKind::Artifact, EdgeKind::SameAs) | (NodeKind::Component, EdgeKind::HasBytes) if asked => {
            Onward::Same
        }
        (NodeKind::Artifact, EdgeKind::SameAs) | (NodeKind::Ref, EdgeKind::PointsTo) => Onward::Walk,
        (
            NodeKind::Artifact | NodeKind::Commit,
            EdgeKind::Promoted | EdgeKind::Published | EdgeKind::Received | EdgeKind::RunsIn,
        ) => Onward::Leaf,
        _ => Onward::Nowhere,
    }
}

/// Edges that end at what was reached.
const fn back(kind: NodeKind, asked: bool, edge: &Edge) -> Onward {
    match (kind, edge.kind) {
        (NodeKind::Artifact, EdgeKind::SameAs) if asked => Onward::Same,
        (
            NodeKind::Artifact,
            EdgeKind::SameAs | EdgeKind::Resolved | EdgeKind::DefinedBy | EdgeKind::HasBytes,
        )
        | (NodeKind::Run, EdgeKind::BuiltBy)
        | (NodeKind::Commit, EdgeKind::BuiltFrom | EdgeKind::Resolved)
        | (NodeKind::Component, EdgeKind::Contains | EdgeKind::Resolved)
        | (NodeKind::Builder, EdgeKind::RanOn)
        | (NodeKind::Secret, EdgeKind::CouldRead)
        | (NodeKind::Document, EdgeKind::DescribedBy)
        | (NodeKind::Vulnerability, EdgeKind::AffectedBy)
        | (NodeKind::Policy, EdgeKind::Judged) => Onward::Walk,
        // What is shared by what came from the thing is a leaf; it leads on only from who asks about itself.
        (
            NodeKind::Ref,
            EdgeKind::Resolved | EdgeKind::OnRef | EdgeKind::FetchedFrom | EdgeKind::Published,
        )
        | (
            NodeKind::Identity,
            EdgeKind::AuthoredBy
            | EdgeKind::Reviewed
            | EdgeKind::Approved
            | EdgeKind::Tested
            | EdgeKind::Published,
        ) if asked => Onward::Walk,
        _ => Onward::Nowhere,
    }
}

/// Whether the statement with these edges says of `package` that it has other bytes than `from`, or was fetched from elsewhere. Where
/// a package was reached from its bytes, or from where they are, what ships or used it with others did not come from these: one version
/// of a package can be several files, and an archive that somebody changed is one of them.
#[must_use]
pub fn is_another<'e>(package: &Node, from: &Node, edges: impl IntoIterator<Item = &'e Edge>) -> bool {
    let kind = match from.kind() {
        NodeKind::Artifact => EdgeKind::HasBytes,
        NodeKind::Ref => EdgeKind::FetchedFrom,
        _ => return false,
    };
    let comparable = |node: &Node| {
        let algorithm = |node: &Node| node.id().split_once(':').map(|(algorithm, _)| algorithm.to_owned());
        kind == EdgeKind::FetchedFrom || algorithm(node) == algorithm(from)
    };
    let mut others = edges
        .into_iter()
        .filter(|edge| edge.kind == kind && edge.from == *package && comparable(&edge.to))
        .peekable();
    others.peek().is_some() && others.all(|edge| edge.to != *from)
}

/// How something came from what was asked about: by the first step of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// By an edge of this kind: what `contains` a package ships it, what `resolved` it was built with it.
    Edge(EdgeKind),
    /// It is a subject of an entry that the identity signed or submitted.
    Signed,
}

/// Writes the word for it.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(kind) => kind.fmt(f),
            Self::Signed => f.write_str("signed"),
        }
    }
}

/// Everything that came from what was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// What was asked about, and what is the same thing.
    pub same: BTreeSet<Node>,
    /// What came from it, nearest first.
    pub reached: Vec<Reached>,
}

/// Something that came from what was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// What it is.
    pub node: Node,
    /// How many steps away it is: 1 or more.
    pub depth: u32,
    /// How it came from it, over all ways.
    pub via: BTreeSet<Via>,
    /// The entries that say so: of the last step of each way.
    pub entries: BTreeSet<LeafIndex>,
}

/// A step of a way that does not start at what was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrelated {
    /// The entry that it is said to come from.
    pub entry: LeafIndex,
    /// The step.
    pub step: String,
}

impl Reach {
    /// Follows edges, each with an entry that says so, from what is asked about, and from the subjects of entries that it
    /// signed. An edge or subject that cannot be reached is an error: it belongs to another question.
    pub fn of(
        asked: impl IntoIterator<Item = Node>,
        edges: &[(Edge, LeafIndex)],
        signed: &[(Node, LeafIndex)],
    ) -> Result<Self, Unrelated> {
        let mut at: BTreeMap<&Node, Vec<usize>> = BTreeMap::new();
        for (place, (edge, _)) in edges.iter().enumerate() {
            for node in BTreeSet::from([&edge.from, &edge.to]) {
                at.entry(node).or_default().push(place);
            }
        }
        let mut spread = Spread {
            edges,
            at,
            same: asked.into_iter().collect(),
            reached: BTreeMap::new(),
            used: vec![false; edges.len()],
        };
        spread.run(signed);
        if let Some((edge, entry)) =
            edges.iter().zip(&spread.used).find(|(_, used)| !**used).map(|(edge, _)| edge)
        {
            return Err(Unrelated { entry: *entry, step: edge.to_string() });
        }
        let mut reached: Vec<Reached> = spread.reached.into_values().collect();
        reached.sort_by(|one, two| (one.depth, &one.node).cmp(&(two.depth, &two.node)));
        Ok(Self { same: spread.same, reached })
    }
}

/// What was reached so far.
struct Spread<'e> {
    edges: &'e [(Edge, LeafIndex)],
    at: BTreeMap<&'e Node, Vec<usize>>,
    same: BTreeSet<Node>,
    reached: BTreeMap<Node, Reached>,
    used: Vec<bool>,
}

impl Spread<'_> {
    fn run(&mut self, signed: &[(Node, LeafIndex)]) {
        self.find_same();
        let mut queue: VecDeque<(Node, Option<Via>, u32)> =
            self.same.iter().map(|node| (node.clone(), None, 0)).collect();
        for (node, entry) in signed {
            if !self.same.contains(node) && self.reach(node, Via::Signed, 1, *entry) {
                queue.push_back((node.clone(), Some(Via::Signed), 1));
            }
        }
        // Breadth first, so the first way to a node is the shortest. A node is walked again for each other first step.
        while let Some((node, via, depth)) = queue.pop_front() {
            let depth = depth.saturating_add(1);
            for place in self.at.get(&node).cloned().unwrap_or_default() {
                let Some((edge, entry)) = self.edges.get(place) else { continue };
                let onward = onward(&node, via.is_none(), edge);
                if onward == Onward::Nowhere {
                    continue;
                }
                if let Some(used) = self.used.get_mut(place) {
                    *used = true;
                }
                let other = if edge.from == node { &edge.to } else { &edge.from };
                if self.same.contains(other) {
                    continue;
                }
                let via = via.unwrap_or(Via::Edge(edge.kind));
                if self.reach(other, via, depth, *entry) && onward == Onward::Walk {
                    queue.push_back((other.clone(), Some(via), depth));
                }
            }
        }
    }

    /// Finds what is the same as what was asked about.
    fn find_same(&mut self) {
        let mut queue: VecDeque<Node> = self.same.iter().cloned().collect();
        while let Some(node) = queue.pop_front() {
            for place in self.at.get(&node).cloned().unwrap_or_default() {
                let Some((edge, _)) = self.edges.get(place) else { continue };
                if onward(&node, true, edge) == Onward::Same {
                    let other = if edge.from == node { &edge.to } else { &edge.from };
                    if self.same.insert(other.clone()) {
                        queue.push_back(other.clone());
                    }
                }
            }
        }
    }

    /// Takes down that a node was reached; returns whether it was not yet, or not by this first step.
    fn reach(&mut self, node: &Node, via: Via, depth: u32, entry: LeafIndex) -> bool {
        let reached = self.reached.entry(node.clone()).or_insert_with(|| Reached {
            node: node.clone(),
            depth,
            via: BTreeSet::new(),
            entries: BTreeSet::new(),
        });
        reached.depth = reached.depth.min(depth);
        reached.entries.insert(entry);
        reached.via.insert(via)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: NodeKind, id: &str) -> Node {
        Node::named(kind, id).unwrap()
    }

    fn index(number: usize) -> LeafIndex {
        LeafIndex::new(u64::try_from(number).unwrap()).unwrap()
    }

    const A: NodeKind = NodeKind::Artifact;
    const R: NodeKind = NodeKind::Run;

    type Short = ((NodeKind, &'static str), EdgeKind, (NodeKind, &'static str));

    fn edges(list: &[Short]) -> Vec<(Edge, LeafIndex)> {
        let edge = |(place, ((from, f), kind, (to, t))): (usize, &Short)| {
            (Edge { from: node(*from, f), kind: *kind, to: node(*to, t) }, index(place + 1))
        };
        list.iter().enumerate().map(edge).collect()
    }

    fn reached(asked: Node, list: &[Short]) -> Vec<String> {
        let found = Reach::of([asked], &edges(list), &[]).unwrap();
        let text = |reached: &Reached| {
            let via: Vec<String> = reached.via.iter().map(ToString::to_string).collect();
            format!("{} {} {}", reached.depth, reached.node, via.join("+"))
        };
        found.reached.iter().map(text).collect()
    }

    #[test]
    fn a_package_leads_to_who_ships_it_and_to_what_was_built_with_it_told_apart() {
        use EdgeKind::{BuiltBy, Contains, Resolved, RunsIn};
        let axios = || node(NodeKind::Component, "pkg:npm/axios@1.14.1");
        let list: [Short; 7] = [
            ((A, "app"), Contains, (NodeKind::Component, "pkg:npm/axios@1.14.1")),
            ((A, "app"), BuiltBy, (R, "r1")),
            ((R, "r1"), Resolved, (NodeKind::Component, "pkg:npm/axios@1.14.1")),
            ((A, "tool"), BuiltBy, (R, "r1")),
            ((R, "r2"), Resolved, (A, "app")),
            ((A, "child"), BuiltBy, (R, "r2")),
            ((A, "child"), RunsIn, (NodeKind::Environment, "prod")),
        ];
        assert_eq!(
            reached(axios(), &list),
            [
                "1 artifact app contains+resolved",
                "1 run r1 resolved",
                "2 artifact tool resolved",
                "2 run r2 contains+resolved",
                "3 artifact child contains+resolved",
                "4 environment prod contains+resolved",
            ]
        );
    }

    #[test]
    fn what_is_shared_leads_nowhere_but_from_who_asks_about_it() {
        use EdgeKind::{Approved, Published, Received, RunsIn};
        let other: Short = ((A, "other"), RunsIn, (NodeKind::Environment, "prod"));
        let list: [Short; 2] = [((A, "app"), RunsIn, (NodeKind::Environment, "prod")), other];
        let refused = Reach::of([node(A, "app")], &edges(&list), &[]).unwrap_err();
        assert_eq!(
            (refused.entry, refused.step.as_str()),
            (index(2), "artifact other runs-in environment prod")
        );
        let customer: [Short; 1] = [((A, "app"), Received, (NodeKind::Identity, "customer"))];
        assert_eq!(reached(node(A, "app"), &customer), ["1 identity customer received"]);
        assert!(Reach::of([node(NodeKind::Identity, "customer")], &edges(&customer), &[]).is_err());
        let alice: [Short; 2] = [
            ((A, "app"), Approved, (NodeKind::Identity, "alice")),
            ((A, "app"), Published, (NodeKind::Ref, "r:1")),
        ];
        assert_eq!(
            reached(node(NodeKind::Identity, "alice"), &alice),
            ["1 artifact app approved", "2 ref r:1 approved"]
        );
    }

    #[test]
    fn other_digests_and_the_bytes_of_what_is_asked_about_are_the_thing_itself() {
        use EdgeKind::{BuiltBy, Contains, HasBytes, Resolved, SameAs};
        let component = (NodeKind::Component, "pkg:npm/axios@1.14.1");
        let list: [Short; 4] = [
            (component, HasBytes, (A, "tar")),
            ((A, "tar"), SameAs, (A, "tar512")),
            ((R, "r"), Resolved, (A, "tar512")),
            ((A, "app"), BuiltBy, (R, "r")),
        ];
        let found = Reach::of([node(component.0, component.1)], &edges(&list), &[]).unwrap();
        assert_eq!(found.same.len(), 3);
        assert_eq!(found.reached.iter().map(|reached| reached.depth).collect::<Vec<_>>(), [1, 2]);
        // Of what came from it, the bytes are those of a package that others ship.
        let list: [Short; 3] = [
            ((A, "lib"), BuiltBy, (R, "r")),
            ((NodeKind::Component, "pkg:npm/lib@1"), HasBytes, (A, "lib")),
            ((A, "app"), Contains, (NodeKind::Component, "pkg:npm/lib@1")),
        ];
        assert_eq!(
            reached(node(R, "r"), &list),
            ["1 artifact lib built-by", "2 component pkg:npm/lib@1 built-by", "3 artifact app built-by"]
        );
    }

    #[test]
    fn a_statement_that_lists_other_bytes_of_a_package_says_nothing_of_these() {
        use EdgeKind::{Contains, FetchedFrom, HasBytes};
        let package = (NodeKind::Component, "pkg:npm/lib@1");
        let says = |from: Node, listed: &[Short]| {
            let listed: Vec<Edge> = edges(listed).into_iter().map(|(edge, _)| edge).collect();
            !is_another(&node(package.0, package.1), &from, &listed)
        };
        let bytes = |id: &'static str| (package, HasBytes, (A, id));
        let ships: Short = ((A, "app"), Contains, package);
        assert!(says(node(A, "sha512:aa"), &[ships]), "bytes that nobody lists may be any");
        assert!(says(node(A, "sha512:aa"), &[ships, bytes("sha512:aa")]));
        assert!(says(node(A, "sha512:aa"), &[ships, bytes("sha256:bb")]), "of another algorithm");
        assert!(says(node(A, "sha512:aa"), &[ships, bytes("sha512:aa"), bytes("sha512:bb")]), "two files");
        assert!(!says(node(A, "sha512:aa"), &[ships, bytes("sha512:bb")]));
        let other: Short = ((NodeKind::Component, "pkg:npm/lib@2"), HasBytes, (A, "sha512:bb"));
        assert!(says(node(A, "sha512:aa"), &[ships, other]), "of another version");
        let from = |id: &'static str| (package, FetchedFrom, (NodeKind::Ref, id));
        assert!(says(node(NodeKind::Ref, "https://a"), &[ships, from("https://a")]));
        assert!(!says(node(NodeKind::Ref, "https://a"), &[ships, from("git+https://b")]));
        assert!(says(node(R, "r"), &[ships, bytes("sha512:bb")]), "from elsewhere nothing is compared");
    }

    #[test]
    fn what_an_identity_signed_leads_on_and_circles_end() {
        use EdgeKind::{BuiltBy, Resolved};
        let list: [Short; 4] = [
            ((R, "r"), Resolved, (A, "a")),
            ((A, "b"), BuiltBy, (R, "r")),
            ((R, "s"), Resolved, (A, "b")),
            ((A, "a"), BuiltBy, (R, "s")),
        ];
        let key = node(NodeKind::Identity, "key:1");
        let found = Reach::of([key.clone()], &edges(&list), &[(node(A, "a"), index(9))]).unwrap();
        let ids: Vec<_> = found.reached.iter().map(|reached| (reached.depth, reached.node.id())).collect();
        assert_eq!(ids, [(1, "a"), (2, "r"), (3, "b"), (4, "s")]);
        assert!(Reach::of([key], &edges(&list), &[]).is_err(), "nothing leads there");
    }
}
