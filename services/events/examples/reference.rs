//! Replays the requests recorded from real SDKs in `DATA/clients`, and prints one line a file:
//! `clients/<file>: N passed, N failed`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a tool that prints"
)]

mod replay;

use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Some(data) = std::env::args_os().nth(1) else {
        eprintln!("usage: reference DATA   (a folder with clients/*.json)");
        return Ok(ExitCode::from(64));
    };
    let folder = PathBuf::from(data).join("clients");
    if !folder.is_dir() {
        println!("clients: nothing to run in {}", folder.display());
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = false;
    for file in replay::files(&folder)? {
        let Some(outcome) = Box::pin(replay::replay(&file)).await? else { continue };
        for failure in &outcome.failures {
            failed = true;
            eprintln!("  {failure}");
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        println!("clients/{name}: {} passed, {} failed", outcome.passed, outcome.failures.len());
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
