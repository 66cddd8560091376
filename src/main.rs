//! The command line of asset-arbiter.
fn main() {}
