//! Builds the programs of others that the tests use, and says how long it took: so the tests do not wait for them.

fn main() {
    for tool in custody_tests::tools::ALL {
        tool.path();
    }
}
