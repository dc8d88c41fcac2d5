//! An Ick behind proxies that speak TLS, with an authority of its own.

use crate::proxy::Proxy;
use anyhow::Result;
use ick_tests::{Authority, Outcome};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// The names of its certificates.
pub(crate) const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// The installation; all of it ends when it is dropped.
pub(crate) struct Site {
    site: ick_tests::Site,
    pub(crate) ca: Authority,
    pub(crate) controller: Proxy,
    pub(crate) store: Proxy,
    pub(crate) idp: Proxy,
}

impl Site {
    /// The proxies and the CA file, `ca.pem`; nothing is behind them yet.
    pub(crate) fn new() -> Result<Self> {
        let site = ick_tests::Site::new()?;
        let ca = Authority::new("Ick test CA")?;
        std::fs::write(site.path("ca.pem"), ca.pem())?;
        let proxy = || Proxy::new(ca.good(&NAMES)?);
        Ok(Self {
            site,
            controller: proxy()?,
            store: proxy()?,
            idp: proxy()?,
            ca,
        })
    }

    /// The three servers behind their proxies, and icktool logged in as `admin`, who may do everything.
    pub(crate) fn up() -> Result<Self> {
        let mut site = Self::new()?;
        site.make_admin()?;
        site.start_servers()?;
        site.login(&["--ca-file", "ca.pem"])?.exits(0)?;
        Ok(site)
    }

    fn start_servers(&mut self) -> Result<()> {
        let (controller, store, idp) = (self.controller.url(), self.store.url(), self.idp.url());
        let ca_file = self.path("ca.pem");
        let ca_file = ca_file.display();
        let at = self.serve("ick-idp", "idp", &format!("issuer: {idp}\n"))?;
        self.idp.lead_to(at);
        let at = self.serve(
            "ick-controller",
            "controller",
            &format!(
                "url: {controller}\nartifact_store: {store}\nauth_url: {idp}\nca_file: {ca_file}\n"
            ),
        )?;
        self.controller.lead_to(at);
        let at = self.serve(
            "ick-store",
            "store",
            &format!("auth_url: {idp}\ncontroller: {controller}\nca_file: {ca_file}\n"),
        )?;
        self.store.lead_to(at);
        Ok(())
    }

    /// A second controller, which names another issuer.
    pub(crate) fn serve_controller(&mut self, auth_url: &str) -> Result<SocketAddr> {
        let url = self.controller.url();
        self.serve(
            "ick-controller",
            "other",
            &format!("url: {url}\nauth_url: {auth_url}\n"),
        )
    }

    fn serve(&mut self, name: &str, state: &str, settings: &str) -> Result<SocketAddr> {
        self.site
            .serve(name, state, &format!("listen: 127.0.0.1:0\n{settings}"))
    }

    /// `icktool login` as `admin`.
    pub(crate) fn login(&self, more: &[&str]) -> Result<Outcome> {
        self.site.login(&self.controller.url(), more)
    }
}

impl Deref for Site {
    type Target = ick_tests::Site;

    fn deref(&self) -> &Self::Target {
        &self.site
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.site
    }
}
