//! Walks the whole way through the real hub, and says what it saw. Run by `cargo xtask e2e`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match iot_tests::walk::walk() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            iot_tests::out::line(&format!("the walk could not begin: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
