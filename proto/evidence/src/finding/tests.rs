//! Rules over logs of whole statements. Each rule finds what is planted, and is silent about what is near it.

mod log;
mod quiet;
mod rules;
mod table;
mod thieves;
