//! The injector's program: hands arguments, environment and streams to its command line.

fn main() {}
