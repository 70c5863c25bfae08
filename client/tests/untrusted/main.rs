//! The client against servers that nobody should trust, and what the user reads about it.

mod double;
mod lies;
mod messages;
