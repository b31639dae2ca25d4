//! A snapshot's manifest: read or refused, and never a path that leads elsewhere.
#![no_main]

use ftpnat::facts::snapshot::Snapshot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = Snapshot::parse(text, |path| {
        assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
        Ok(Vec::new())
    });
    if let Ok(snapshot) = read {
        let files = snapshot.files();
        let manifest = str::from_utf8(&files[0].1).expect("UTF-8");
        let again = Snapshot::parse(manifest, |_| Ok(Vec::new()));
        assert_eq!(again.as_ref(), Ok(&snapshot));
    }
});
