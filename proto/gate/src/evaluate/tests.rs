//! Verdicts over made evidence: what counts, what does not, and what an attacker would try.

mod answers;
mod attacks;
mod defects;
mod made;
mod matrix;
mod properties;
mod rules;
mod sources;
mod verdicts;
