//! A synthetic company: what its pipelines did over some weeks, and what an incident responder ought to find out about it.
//!
//! [`world`] says what happened, as plain data without a word of Custody: services, runs, artifacts, what was deployed where.
//! [`history`] rolls the dice for it and plants what went wrong. [`truth`] answers questions about it by looking at all of it,
//! one after the other: slow, and too simple to be wrong. [`statements`] says the same as what CI systems record. A test records
//! those, asks Custody, and compares.
//!
//! What is planted, all in the last week; the weeks before are quiet:
//!
//! | what | when | who |
//! |---|---|---|
//! | a tag of an action is moved to a commit of somebody else, and back | 13 hours | runs that resolve it meanwhile |
//! | the key of a team is stolen, and signs a build on a machine nobody saw before | from Thursday | one of its services |
//! | the same key signs a build that claims to be 10 days old | Thursday | another one |
//! | a package version is deleted upstream: only SBOMs still know it | Friday | whoever ships it |
//! | a release without provenance, by a service that always had some | Saturday | one service |
//! | a run that failed and published all the same | Saturday | one service |
//! | something runs in production of which there is no record | Sunday | nobody knows |
//! | a pipeline says that it made more runs than were recorded | Sunday | one service |

pub mod history;
pub mod statements;
pub mod truth;
pub mod world;

pub use world::{Size, World};
