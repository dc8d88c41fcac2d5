//! An Ick behind haproxy.

use anyhow::{Context, Result, ensure};
use ick_tests::{Authority, Outcome, Port, Site, eventually, need, project_folder};
use rustix::process::Signal;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

/// haproxy with the example configuration, the three servers behind it, and icktool logged in as `admin`.
pub(crate) struct Installation {
    site: Site,
    public: Port,
    controller: Port,
    idp: Port,
    store: Port,
}

impl Installation {
    /// Starts it, with some texts of the example configuration changed: none where all is as it stands there.
    pub(crate) fn up(changes: &[(&str, &str)]) -> Result<Self> {
        let mut up = Self {
            site: Site::new()?,
            public: Port::new()?,
            controller: Port::new()?,
            idp: Port::new()?,
            store: Port::new()?,
        };
        let ca = Authority::new("Ick test CA")?;
        std::fs::write(up.path("ca.pem"), ca.pem())?;
        std::fs::write(up.path("ick.pem"), ca.good_pem(&["localhost"])?)?;
        std::fs::write(up.path("haproxy.cfg"), up.filled(changes)?)?;
        up.make_admin()?;
        up.start_haproxy()?;
        let url = up.url();
        let ca_file = up.ca_setting();
        let listen = up.idp.address();
        up.serve(
            "ick-idp",
            "idp",
            &format!("listen: {listen}\nissuer: {url}/idp\n"),
        )?;
        up.start_controller()?;
        let listen = up.store.address();
        up.serve(
            "ick-store",
            "store",
            &format!("listen: {listen}\nauth_url: {url}/idp\ncontroller: {url}\n{ca_file}"),
        )?;
        // Once haproxy has found that they are there.
        eventually("the login", || {
            let login = up.login(&url, &["--ca-file", "ca.pem"])?;
            Ok((login.code == Some(0)).then_some(()))
        })?;
        eventually("all servers to be there", || {
            Ok((up.icktool(&["status"])?.code == Some(0)).then_some(()))
        })?;
        Ok(up)
    }

    /// The example configuration for this installation.
    fn filled(&self, changes: &[(&str, &str)]) -> Result<String> {
        let example = project_folder().join("examples/haproxy/haproxy.cfg");
        let mut text = std::fs::read_to_string(example)?;
        let own = [
            ("bind :443 ", format!("bind {} ", self.public.address())),
            (
                "/etc/haproxy/ick.pem",
                self.path("ick.pem").display().to_string(),
            ),
            ("127.0.0.1:8750", self.controller.address().to_string()),
            ("127.0.0.1:8751", self.store.address().to_string()),
            ("127.0.0.1:8752", self.idp.address().to_string()),
            ("log /dev/log", "log stdout format raw".to_owned()),
        ];
        let own = own.iter().map(|(from, to)| (*from, to.as_str()));
        for (from, to) in own.chain(changes.iter().copied()) {
            ensure!(
                text.matches(from).count() == 1,
                "{from:?} is not there once"
            );
            text = text.replace(from, to);
        }
        if !rustix::process::geteuid().is_root() {
            // Only root can become somebody else.
            let root = ["user ", "group ", "chroot "];
            text = text
                .lines()
                .filter(|line| !root.iter().any(|word| line.trim().starts_with(word)))
                .flat_map(|line| [line, "\n"])
                .collect();
        }
        Ok(text)
    }

    /// What `haproxy -c` says of the configuration.
    pub(crate) fn check(&self) -> Result<Outcome> {
        let file = self.path("haproxy.cfg");
        let mut haproxy = Command::new(need("haproxy", "haproxy")?);
        Outcome::of(haproxy.arg("-c").arg("-f").arg(file))
    }

    /// Starts haproxy, also once more.
    pub(crate) fn start_haproxy(&mut self) -> Result<()> {
        let mut haproxy = Command::new(need("haproxy", "haproxy")?);
        haproxy.args(["-db", "-f"]).arg(self.path("haproxy.cfg"));
        self.spawn("haproxy", &mut haproxy)?;
        let address = self.public.address();
        eventually("haproxy to listen", || {
            Ok(std::net::TcpStream::connect(address).ok())
        })?;
        Ok(())
    }

    /// Starts the controller, also once more.
    pub(crate) fn start_controller(&mut self) -> Result<()> {
        let (url, listen) = (self.url(), self.controller.address());
        let settings = format!(
            "listen: {listen}\nurl: {url}\nauth_url: {url}/idp\nartifact_store: {url}/store\n\
             access_log: text\n{}",
            self.ca_setting()
        );
        self.serve("ick-controller", "controller", &settings)?;
        Ok(())
    }

    /// Ends haproxy or a server as by a crash.
    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        self.end(name, Signal::KILL)
    }

    /// Starts a worker, `NAME`, which knows the public name only, and waits until the controller knows it.
    pub(crate) fn start_worker(&mut self, name: &str) -> Result<()> {
        let settings = self.worker(name)?;
        self.start_worker_with(name, &settings)
    }

    fn start_worker_with(&mut self, name: &str, settings: &str) -> Result<()> {
        let settings = format!("{settings}{}", self.ca_setting());
        self.start("ick-worker", name, &settings)?;
        eventually("the worker to register", || {
            Ok(self.log(name)?.contains("registered with").then_some(()))
        })
    }

    /// Starts the worker `w` behind something else on the way: a second haproxy, which knows nothing of HTTP,
    /// and cuts connections on which nothing moves for a second.
    pub(crate) fn start_worker_behind_a_wire(&mut self) -> Result<()> {
        let wire = Port::new()?;
        let (from, to) = (wire.address(), self.public.address());
        let config = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1s\n timeout server 1s\n\
             listen wire\n bind {from}\n server haproxy {to}\n"
        );
        std::fs::write(self.path("wire.cfg"), config)?;
        let mut haproxy = Command::new(need("haproxy", "haproxy")?);
        haproxy.args(["-db", "-f"]).arg(self.path("wire.cfg"));
        self.spawn("wire", &mut haproxy)?;
        eventually("the wire to listen", || {
            Ok(std::net::TcpStream::connect(from).ok())
        })?;
        let far = format!("https://localhost:{}", from.port());
        let settings = self.worker("w")?.replace(&self.url(), &far);
        ensure!(settings.contains(&far), "another controller was meant");
        self.start_worker_with("w", &settings)
    }

    fn ca_setting(&self) -> String {
        format!("ca_file: {}\n", self.path("ca.pem").display())
    }

    /// The public URL: the controller's.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.public.address().port())
    }

    /// Applies definitions.
    pub(crate) fn apply(&self, text: &str) -> Result<()> {
        std::fs::write(self.path("project.yaml"), text)?;
        self.icktool(&["make-it-so", "project.yaml"])?.exits(0)?;
        Ok(())
    }

    /// Starts icktool and leaves it running, its output piped.
    pub(crate) fn spawn_icktool(&self, args: &[&str]) -> Result<Child> {
        ick_tests::icktool(&self.path("."))?
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start icktool {args:?}"))
    }

    /// A request with curl, with an access token in a file: what the answer's head and body are.
    pub(crate) fn curl(&self, path: &str, more: &[&str]) -> Result<Command> {
        need("curl", "curl")?;
        let token = self.icktool(&["token"])?.exits(0)?.stdout;
        std::fs::write(
            self.path("header"),
            format!("Authorization: Bearer {}", token.trim()),
        )?;
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--include"])
            .args(["--cacert", "ca.pem", "--header", "@header"])
            .args(more)
            .arg(format!("{}{path}", self.url()))
            .current_dir(self.path("."))
            .stdin(Stdio::null());
        Ok(curl)
    }
}

/// What a process that was spawned did.
pub(crate) fn ended(what: &str, child: Child) -> Result<Outcome> {
    Ok(Outcome::from_output(
        what.to_owned(),
        &child.wait_with_output()?,
    ))
}

impl Deref for Installation {
    type Target = Site;

    fn deref(&self) -> &Self::Target {
        &self.site
    }
}

impl DerefMut for Installation {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.site
    }
}
