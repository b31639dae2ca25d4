//! `ftpnat schema`: the JSON Schema of the profile.

use crate::profile;
use crate::sys::terminal::{Color, write_stdout};

/// Prints the schema.
pub(super) fn run() -> anyhow::Result<()> {
    let schema = serde_json::to_string_pretty(&profile::schema::json_schema())?;
    write_stdout(&format!("{schema}\n"), Color::Never)?;
    Ok(())
}
