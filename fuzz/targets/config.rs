//! The servers' configuration files: any text is understood or refused with words, without a panic.

#![no_main]

use ick_http::{ConfigError, ServeArgs};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fuzz_target!(|text: &str| {
    let file = FOLDER.path().join("config.yaml");
    std::fs::write(&file, text).expect("a file");
    let args = ServeArgs {
        config: Some(file),
        state: Some(FOLDER.path().to_owned()),
        listen: None,
    };
    if let Some(config) = read(ick_controller::config::Config::read(&args)) {
        stays(FOLDER.path(), &config.state);
        assert!(config.automatic_attempts <= 9);
        assert!(!config.auth_url.ends_with('/'));
    }
    if let Some(config) = read(ick_store::config::Config::read(&args)) {
        stays(FOLDER.path(), &config.state);
    }
    if let Some(config) = read(ick_idp::config::Config::read(&args)) {
        stays(FOLDER.path(), &config.state);
        assert!(config.rotation.key_lifetime > config.rotation.refresh);
    }
});

fn read<T>(config: Result<T, ConfigError>) -> Option<T> {
    match config {
        Ok(config) => Some(config),
        Err(ConfigError::Wrong(why)) => {
            assert!(!why.is_empty());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The command line's folder is the one, whatever the file says.
fn stays(given: &Path, state: &Path) {
    assert_eq!(given, state);
}
