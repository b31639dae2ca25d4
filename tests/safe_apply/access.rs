//! placeholder
pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    Vec::new()
}
pub(crate) fn listen(_: u16) -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
