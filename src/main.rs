//! The `ftpnat` program.
fn main() {}
