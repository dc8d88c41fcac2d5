//! The worker's configuration: which controller, as which client, and what is allowed here.

use crate::actions::{DputSettings, GitSettings};
use crate::engine::{Limits, UID_BASE};
use ick_api::controller::Allows;
use ick_client::{Authorities, Credentials};
use ick_core::yaml::{self, Field, Fields, Style};
use ick_state::room::{FREE_SPACE, FREE_SPACES};
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the size of a container's folder can be.
const SIZES: RangeInclusive<u64> = 1 << 10..=1 << 50;
/// How much memory actions can be given.
const MEMORY: RangeInclusive<u64> = 16 << 20..=1 << 50;
/// How many processes and threads; Linux has at most 2^22.
const PROCESSES: RangeInclusive<u64> = 16..=1 << 22;
/// How many open files; fewer would not do for starting a container.
const OPEN_FILES: RangeInclusive<u64> = 64..=1 << 20;
/// How large a file; less would not do for starting a container.
const FILE_SIZE: RangeInclusive<u64> = 1 << 20..=1 << 50;
/// How much the state folder can be given.
const STATE_SIZES: RangeInclusive<u64> = 1 << 20..=1 << 50;
/// What all caches, or all system trees, together can be given; 0 keeps none.
const CACHES: RangeInclusive<u64> = 0..=1 << 50;
const HOUR: Duration = Duration::from_secs(3600);

/// The configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// `state`: the folder with everything that the worker keeps; the command line's wins.
    pub state: PathBuf,
    /// `controller`: its URL.
    pub controller: String,
    /// `ca_file`: those who vouch for the servers when their URLs are https; the platform's when left
    /// out.
    pub authorities: Authorities,
    /// `client_id` and `client_secret`: the worker's identity.
    pub credentials: Credentials,
    /// `slots`: how many builds are executed at a time; 1 when left out.
    pub slots: u32,
    /// `keywords`: words that describe the worker.
    pub keywords: Vec<String>,
    /// `allow_host`, `allow_chroot` and `allow_network`; `false` when left out.
    pub allows: Allows,
    /// `allow_file_protocol`, `ssh_key`, `ssh_known_hosts`: how git may reach repositories, and with which
    /// key rsync and dput reach other hosts.
    pub git: GitSettings,
    /// `dput_config`, `dput_keyring`: how dput may reach archives.
    pub dput: DputSettings,
    /// `pass_env`: the variables of the worker's own environment that actions see.
    pub pass_env: Vec<String>,
    /// `visible`: folders of the worker's own root that containers see as well.
    pub visible: Vec<PathBuf>,
    /// `uid_base`: the first host id for slots' containers, when the worker is root.
    pub uid_base: u32,
    /// `free_space`: how many bytes of the state folder's disk must be free for a new build to be taken;
    /// `64MiB` when left out.
    pub free_space: u64,
    /// `state_size`: how many bytes the state folder may take; what its disk has when left out.
    pub state_size: Option<u64>,
    /// `limits`: what an action may take (`memory`, `processes`, `open_files`, `file_size`), sizes for
    /// containers (`tmp`, `shm`, `workspace`, `home`), `caches`, `trees`, and `grace`.
    pub limits: Limits,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {why}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        why: std::io::Error,
    },
    /// What is in it is wrong: every problem with its place.
    #[error("the configuration is wrong:\n{0}")]
    Wrong(String),
    /// Neither the command line nor the file says where the state is.
    #[error("there is no state folder: give --state DIR, or \"state\" in the configuration")]
    NoState,
}

impl Config {
    /// Reads a configuration file; without one, `config.yaml` in the state folder.
    ///
    /// # Errors
    /// With all that is wrong in it.
    pub fn read(file: Option<&Path>, state: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match (file, state) {
            (Some(file), _) => file.to_owned(),
            (None, Some(state)) => state.join("config.yaml"),
            (None, None) => return Err(ConfigError::NoState),
        };
        let read = |why| ConfigError::Read {
            path: path.clone(),
            why,
        };
        let text = std::fs::read_to_string(&path).map_err(read)?;
        let mode = std::fs::metadata(&path).map_err(read)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(
                "{} holds a secret and others may read it: chmod 600 it",
                path.display()
            );
        }
        let config = Self::parse(&path.display().to_string(), &text, state)?;
        Ok(Self {
            // Supervisors are started elsewhere.
            state: std::path::absolute(&config.state).map_err(read)?,
            file: path,
            ..config
        })
    }

    fn parse(name: &str, text: &str, state: Option<&Path>) -> Result<Self, ConfigError> {
        let (config, flaws) = yaml::read_private(name, text, "the configuration", |fields| {
            lower(fields, state)
        });
        // Without the lines themselves: the secret may be in any of them.
        let shown = yaml::render(&flaws, |_| None, Style::Plain);
        let Some(config) = config else {
            return Err(ConfigError::Wrong(shown));
        };
        if !flaws.is_empty() {
            tracing::warn!("{shown}");
        }
        config
    }
}

fn lower(fields: &Fields<'_>, state: Option<&Path>) -> Option<Result<Config, ConfigError>> {
    let in_file = fields.text("state").map(PathBuf::from);
    let controller = fields.required("controller").and_then(|field| url(&field));
    let authorities = Authorities::setting(fields);
    let client_id = fields.required("client_id").and_then(|field| field.parse());
    let client_secret = fields
        .required("client_secret")
        .and_then(|field| field.secret());
    let path = |name| fields.text(name).map(PathBuf::from);
    let allowed = |name| fields.boolean(name).unwrap_or(false);
    let slots = fields.integer("slots", 1..=1000).unwrap_or(1);
    let keywords = fields.texts("keywords").unwrap_or_default();
    let allows = Allows {
        host: allowed("allow_host"),
        chroot: allowed("allow_chroot"),
        network: allowed("allow_network"),
    };
    let git = GitSettings {
        allow_file: allowed("allow_file_protocol"),
        ssh_key: path("ssh_key"),
        ssh_known_hosts: path("ssh_known_hosts"),
    };
    let dput = DputSettings {
        config: path("dput_config"),
        keyring: path("dput_keyring"),
        home: None,
    };
    let pass_env = fields.texts("pass_env").unwrap_or_default();
    let visible = fields.texts("visible").unwrap_or_default();
    let uid_base = fields
        .integer("uid_base", 65_536..=4_000_000_000)
        .unwrap_or(u64::from(UID_BASE));
    let free_space = fields
        .size_within("free_space", FREE_SPACES)
        .unwrap_or(FREE_SPACE);
    let state_size = fields.size_within("state_size", STATE_SIZES);
    let limits = limits(fields);
    let credentials = Credentials {
        client_id: client_id?,
        client_secret: client_secret?,
    };
    let Some(state) = state.map(Path::to_owned).or(in_file) else {
        return Some(Err(ConfigError::NoState));
    };
    Some(Ok(Config {
        file: PathBuf::new(),
        state,
        controller: controller?,
        authorities,
        credentials,
        slots: u32::try_from(slots).ok()?,
        keywords,
        allows,
        git,
        dput,
        pass_env,
        visible: visible.into_iter().map(PathBuf::from).collect(),
        uid_base: u32::try_from(uid_base).ok()?,
        free_space,
        state_size,
        limits,
    }))
}

fn url(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    match ick_client::Controller::new(text) {
        Ok(_) => Some(text.to_owned()),
        Err(why) => {
            field.error(why);
            None
        }
    }
}

fn limits(fields: &Fields<'_>) -> Limits {
    let mut limits = Limits::default();
    if let Some(given) = fields
        .field("limits")
        .and_then(|field| field.mapping("\"limits\""))
    {
        let within = |name, range, usual| given.size_within(name, range).unwrap_or(usual);
        limits.memory = within("memory", MEMORY, limits.memory);
        limits.file_size = within("file_size", FILE_SIZE, limits.file_size);
        let count = |name, range, usual| given.integer(name, range).unwrap_or(usual);
        limits.processes = count("processes", PROCESSES, limits.processes);
        limits.open_files = count("open_files", OPEN_FILES, limits.open_files);
        let size = |name, usual| within(name, SIZES, usual);
        limits.tmp = size("tmp", limits.tmp);
        limits.shm = size("shm", limits.shm);
        limits.workspace = size("workspace", limits.workspace);
        limits.home = size("home", limits.home);
        limits.caches = within("caches", CACHES, limits.caches);
        limits.trees = within("trees", CACHES, limits.trees);
        let grace = given.duration_within("grace", Duration::ZERO..=HOUR);
        limits.grace = grace.unwrap_or(limits.grace);
        given.finish();
    }
    limits
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test is a panic")]
mod tests {
    use super::*;

    const LEAST: &str = "controller: http://127.0.0.1:8750\nclient_id: w\nclient_secret: s\n";

    #[test]
    fn nothing_is_allowed_unless_it_says_so() {
        let config = Config::parse("c", LEAST, Some(Path::new("/s"))).unwrap();
        assert_eq!(config.slots, 1);
        assert!(!config.allows.host && !config.allows.network && !config.allows.chroot);
        assert!(!config.git.allow_file);
        assert_eq!(config.uid_base, UID_BASE);
        assert!(!format!("{config:?}").contains("client_secret: \"s\""));
    }

    #[test]
    fn everything_can_be_said() {
        let text = format!(
            "{LEAST}state: /elsewhere\nslots: 3\nkeywords: [big]\nallow_host: true\nallow_chroot: true\n\
             allow_network: true\nallow_file_protocol: true\npass_env: [http_proxy]\nvisible: [/srv]\n\
             ssh_key: /k\nssh_known_hosts: /h\ndput_config: /d\ndput_keyring: /r\nuid_base: 200000\nfree_space: 2GiB\nlimits: {{tmp: 1MiB, grace: 2s}}\n"
        );
        let config = Config::parse("c", &text, None).unwrap();
        assert_eq!(config.state, Path::new("/elsewhere"));
        assert_eq!(config.slots, 3);
        assert!(config.allows.host && config.allows.network && config.allows.chroot);
        assert_eq!(config.limits.tmp, 1 << 20);
        assert_eq!(config.free_space, 2 << 30);
        assert_eq!(config.git.ssh_key.as_deref(), Some(Path::new("/k")));
        assert_eq!(config.dput.config.as_deref(), Some(Path::new("/d")));
        assert_eq!(config.dput.keyring.as_deref(), Some(Path::new("/r")));
    }

    #[test]
    fn no_slip_shows_the_secret() {
        const SECRET: &str = "Hunter2-47110815_zyx";
        for line in [
            "client_secret:SECRET",
            "client_secret: [SECRET]",
            "client_secret: {SECRET: 1}",
            "client_secret: SECRET: x",
            "client_secret: \"SECRET",
            "client_secret: \"SECRET\" x",
            "client_secret: \"\\SECRET\"",
            "client_secret: 'SECRET",
            "client_secret: &SECRET x",
            "client_secret: *SECRET",
            "client_secret: !SECRET x",
            "client_secret: !!SECRET x",
            "client_secret: @SECRET",
            "client_secret: %SECRET",
            "client_secret: `SECRET",
            "client_secret: |SECRET",
            "client_secret: >\nSECRET",
            "\tclient_secret: SECRET",
            " client_secret: SECRET",
            "client_secret = SECRET",
            "client_secret=SECRET: x",
            "client_secret SECRET: x",
            "client_secrett: SECRET",
            "clientsecret: SECRET",
            "secret: SECRET",
            "SECRET: client_secret",
            "SECRET",
            "SECRET: 1\nSECRET: 2",
            "slots: SECRET",
            "keywords: SECRET",
            "allow_host: SECRET",
            "limits: SECRET",
            "limits: {tmp: SECRET, SECRET: 1, grace: SECRET}",
            "client_secret: x\nclient_secret: SECRET",
            "--- SECRET",
            "%SECRET",
            "? SECRET",
            "- SECRET",
        ] {
            let text = format!("controller: http://h\nclient_id: w\n{line}\n");
            let text = text.replace("SECRET", SECRET);
            let told = Config::parse("c", &text, Some(Path::new("/s"))).map(drop);
            let told = told.unwrap_err().to_string();
            assert!(!told.contains("Hunter2"), "{line}: {told}");
            assert!(!told.contains("4711"), "{line}: {told}");
            assert!(told.contains("c:"), "{line}: {told}");
        }
        for number in ["47110815", "4711.50", "0x4711"] {
            let text = format!("controller: http://h\nclient_id: w\nclient_secret: {number}\n");
            if let Err(told) = Config::parse("c", &text, Some(Path::new("/s"))) {
                assert!(!told.to_string().contains("4711"), "{told}");
                assert!(told.to_string().contains("with quotes"), "{told}");
            }
        }
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let text = "controler: x\nclient_id: a b\nslots: 0\n";
        let told = Config::parse("c", text, None).unwrap_err().to_string();
        for part in ["controler", "client_id", "client_secret", "slots"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(told.contains("c:1:1"), "{told}");
        let without = Config::parse("c", LEAST, None);
        assert!(matches!(without, Err(ConfigError::NoState)));
    }
}
