//! What a person names on the command line: a THING.
