//! The `elate` binary.

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match elate_cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => elate_cli::report(&error),
    }
}
